//! A state in memory that runs transactions, one block each unless said otherwise. Signatures are not checked.

use std::{collections::BTreeMap, sync::Arc};

use bridge::AcceptedTransaction;
use kaspa_hashes::Hash;
use state::{
    Account, AccountId, Genesis,
    authorization::{Key, Signature, Unchecked},
    execute::{Accounts, Block, Effects, Rules, execute},
    program::Programs,
    programs::{
        Name,
        ledger::{self, Holder},
    },
    receipt::Outcome,
    transaction::{Signer, Step, Transaction},
};

pub const ALICE: Key = Key([0xA1; 32]);
pub const BOB: Key = Key([0xB0; 32]);
pub const CAROL: Key = Key([0xCA; 32]);

pub struct World {
    pub accounts: BTreeMap<AccountId, Account>,
    pub rules: Rules,
    pub daa_score: u64,
    nonce: u64,
    index: u64,
}

impl World {
    /// Each of the three holds 1,000; the DAA score is 100.
    pub fn new(programs: Programs) -> Self {
        let genesis = ledger::mint(Genesis::default(), [(ALICE, 1_000), (BOB, 1_000), (CAROL, 1_000)]).expect("3,000");
        let holders = [ALICE, BOB, CAROL].map(|key| ledger::account(&Holder::Key(key)));
        let accounts = holders.map(|id| (id, genesis.account(&id).expect("minted").clone())).into_iter().collect();
        let rules = Rules { programs, authorization: Arc::new(Unchecked), genesis: [7; 32] };
        Self { accounts, rules, daa_score: 100, nonce: 0, index: 0 }
    }

    /// Runs one transaction and tells what became of it.
    pub fn run(&mut self, signers: &[Key], steps: impl IntoIterator<Item = Step>) -> Outcome {
        self.nonce += 1;
        let nonce = self.nonce;
        let transaction = Transaction::of(signers.iter().map(|key| Signer { key: *key, nonce }), steps);
        self.run_as_is(&transaction)
    }

    /// Runs a transaction that is already put together.
    pub fn run_as_is(&mut self, transaction: &Transaction) -> Outcome {
        let effects = self.block(&[payload(transaction)]);
        effects.receipts.into_iter().next().expect("one receipt for one transaction").outcome
    }

    /// Runs a block.
    pub fn block(&mut self, payloads: &[Vec<u8>]) -> Effects {
        self.index += 1;
        let effects = self.would_do(payloads);
        for (id, change) in &effects.changes {
            assert_eq!(self.accounts.get(id), change.before.as_ref(), "a change begins with what is there");
            match &change.after {
                Some(account) => self.accounts.insert(*id, account.clone()),
                None => self.accounts.remove(id),
            };
        }
        effects
    }

    /// What a block would do.
    pub fn would_do(&self, payloads: &[Vec<u8>]) -> Effects {
        let hash = Hash::from_u64_word(self.index);
        let (index, daa_score) = (self.index, self.daa_score);
        let block = Block { hash, index, blue_score: index, daa_score, timestamp_ms: index * 100 };
        let accepted: Vec<_> = payloads.iter().zip(0u32..).map(|(payload, place)| accept(payload, place)).collect();
        match execute(&self.rules, &self.accounts, &block, &accepted) {
            Ok(effects) => effects,
            Err(never) => match never {},
        }
    }

    pub fn balance(&self, holder: Holder) -> u64 {
        self.value(&ledger::account(&holder)).unwrap_or(0)
    }

    pub fn value<T: borsh::BorshDeserialize>(&self, id: &AccountId) -> Option<T> {
        let account = self.accounts.account(id).unwrap_or_else(|never| match never {})?;
        Some(borsh::from_slice(&account.data).expect("programs write what they read"))
    }
}

pub fn payload(transaction: &Transaction) -> Vec<u8> {
    transaction.encode(&vec![Signature([0; 64]); transaction.signers.len()])
}

pub const fn name(number: u8) -> Name {
    Name([number; 32])
}

pub fn key(key: Key) -> Holder {
    Holder::Key(key)
}

fn accept(payload: &[u8], place: u32) -> AcceptedTransaction {
    AcceptedTransaction {
        id: Hash::from_u64_word(u64::from(place) + 1_000),
        acceptance_index: place,
        subnetwork_id: [0; 20],
        payload: payload.to_vec(),
    }
}
