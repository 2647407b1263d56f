//! A program of your own: a bridge that only those cross who pay its keeper, and that counts them.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use bridge::AcceptedTransaction;
use kaspa_hashes::Hash;
use state::{
    AccountId, Genesis, ProgramId,
    authorization::{Key, Signature, Unchecked},
    context::CallContext,
    execute::{Block, Rules, execute},
    program::{CallError, Program, Programs},
    programs::ledger::{self, Holder},
    transaction::{Access, Signer, Step, Transaction},
};

const TOLL_BRIDGE: ProgramId = ProgramId(1_000);
const CROSSINGS: &[u8] = b"crossings";
const KEEPER: Key = Key([1; 32]);
const TRAVELLER: Key = Key([2; 32]);
const TOLL: u64 = 3;

#[derive(Debug)]
struct TollBridge;

#[derive(BorshDeserialize, BorshSerialize)]
struct Cross {
    traveller: Key,
}

impl Program for TollBridge {
    fn id(&self) -> ProgramId {
        TOLL_BRIDGE
    }

    fn name(&self) -> &'static str {
        "toll bridge"
    }

    fn call(&self, input: &[u8], context: &mut CallContext<'_>) -> Result<(), CallError> {
        let Cross { traveller } = borsh::from_slice(input).map_err(|_| context.refuse("one can only cross"))?;
        // The ledger refuses if the traveller has not signed or cannot pay, and all of this is undone.
        let toll = ledger::transfer(Holder::Key(traveller), Holder::Key(KEEPER), TOLL);
        context.call(toll.call.program, &toll.call.input)?;
        let crossings: u64 = context.load(CROSSINGS)?.unwrap_or(0);
        context.store(CROSSINGS, &crossings.saturating_add(1))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let genesis = ledger::mint(Genesis::default(), [(TRAVELLER, 10)])?;
    let rules =
        Rules { programs: Programs::built_in().with(TollBridge), authorization: Arc::new(Unchecked), genesis: [0; 32] };

    let money = ledger::transfer_accesses(Holder::Key(TRAVELLER), Holder::Key(KEEPER));
    let count = Access::write(AccountId::of(TOLL_BRIDGE, CROSSINGS));
    let cross = Step::new(TOLL_BRIDGE, &Cross { traveller: TRAVELLER }, [count].into_iter().chain(money));
    let transaction = Transaction::of([Signer { key: TRAVELLER, nonce: 1 }], [cross.clone(), cross]);
    let payload = transaction.encode(&[Signature([0; 64])]);

    let block = Block { hash: Hash::default(), index: 1, blue_score: 1, daa_score: 1, timestamp_ms: 0 };
    let accepted = [AcceptedTransaction { id: Hash::default(), acceptance_index: 0, subnetwork_id: [0; 20], payload }];
    let effects = execute(&rules, &genesis, &block, &accepted)?;
    println!("{:?}", effects.receipts[0].outcome);
    let keeper = effects.changes[&ledger::account(&Holder::Key(KEEPER))].after.as_ref().ok_or("nothing was paid")?;
    println!("the keeper has {}", borsh::from_slice::<u64>(&keeper.data)?);
    Ok(())
}
