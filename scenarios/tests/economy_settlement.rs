//! State machines that are wrong on purpose: the checker of settlements must find every one of them.

mod economy_support;
mod settlement_story;

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use bridge::{AcceptedTransaction, L1Event};
use kaspa_hashes::Hash;
use scenarios::{
    check::settlement::{Held, Settlement},
    coverage::Point,
    economy,
    oracle::economy::{Books, Holder, Job, JobState, Name, Opening, Place, PublicKey, Value},
    plan::{PlannedDiskFault, PlannedDiskTrouble},
    report::Verdict,
    runner::run_plan,
    scenario::Scenario,
};
use sim::{dag::BlockId, random::Streams};
use state::{
    Applied, MachineConfig, ProgramId,
    authorization::{Authorization, Key, Signature},
    context::CallContext,
    program::{CallError, Program},
    programs::{charging, ledger},
    receipt::{Outcome, Receipt, Rejection},
    transaction::{Call, Transaction},
};

use settlement_story::{Followed, Story, assert_found};

#[test]
fn given_a_machine_that_is_right_when_checked_then_nothing_is_found() {
    let story = Story::new();
    assert!(story.batches.len() > 10);
    assert!(story.batches.iter().flatten().any(|event| matches!(event, L1Event::Finalized { .. })));
    assert_eq!(story.check_config(|_| {}), Ok(()));
}

#[test]
fn given_one_account_with_too_much_when_checked_then_it_is_found() {
    let story = Story::new();
    let config = story.plan.economy.clone().expect("the scenario has an economy");
    let streams = Streams::new(story.plan.seed.0);
    let someone = economy::opening(&config, streams).accounts.into_keys().find_map(|place| match place {
        Place::Balance(Holder::Key(key)) => Some(Key(key.0)),
        _ => None,
    });
    let rich = |config: &mut MachineConfig| {
        let someone = someone.expect("the opening has balances");
        config.genesis = ledger::mint(config.genesis.clone(), [(someone, 1)]).expect("one more is not too much");
    };
    assert_found(story.check_config(rich), "", "must be Some(Amount(");
}

#[test]
fn given_an_account_too_many_when_at_rest_then_it_is_found() {
    let story = Story::new();
    let adds = |config: &mut MachineConfig| {
        config.genesis = config.genesis.clone().with(charging::CHARGING, &[0; 32], &());
    };
    assert_found(story.check_config(adds), "at rest", "accounts, there must be");
}

/// The opposite of what became of a transaction.
fn flip(receipt: &mut Receipt) {
    receipt.outcome = match receipt.outcome {
        Outcome::Applied => Outcome::Rejected(Rejection::Malformed { reason: "so it says".to_owned() }),
        Outcome::Rejected(_) => Outcome::Applied,
    };
}

/// What the checker finds if the machine tells receipts with a change, which says whether it could be made.
fn hears(story: &Story, change: impl Fn(&mut Vec<Receipt>) -> bool) -> Result<(), String> {
    let mut done = false;
    story.check(story.plan.machine(), |_| {}, |applied| done = done || change(&mut applied.receipts))
}

#[test]
fn given_a_receipt_too_many_too_few_or_of_another_fate_when_told_then_it_is_found() {
    let story = Story::new();
    let repeat = |receipts: &mut Vec<Receipt>| {
        receipts.extend(receipts.last().cloned());
        !receipts.is_empty()
    };
    assert_found(hears(&story, repeat), "stored", "a receipt was told that belongs to no block");
    assert_found(hears(&story, |receipts| receipts.pop().is_some()), "stored", "its receipt is None");
    let changes: [fn(&mut Receipt); 3] = [
        |receipt| receipt.acceptance_index += 1,
        |receipt| receipt.index += 1,
        |receipt| receipt.transaction = Hash::default(),
    ];
    for change in changes {
        let change_first = |receipts: &mut Vec<Receipt>| receipts.first_mut().map(change).is_some();
        assert_found(hears(&story, change_first), "stored", "its receipt is Some");
    }
    for (applied, what) in
        [(true, "must be applied; its receipt is Some"), (false, "must be rejected; its receipt is Some")]
    {
        let flip_first = |receipts: &mut Vec<Receipt>| {
            let first = receipts.iter_mut().find(|receipt| (receipt.outcome == Outcome::Applied) == applied);
            first.map(flip).is_some()
        };
        assert_found(hears(&story, flip_first), "stored", what);
    }
}

/// Lets the first block behind the reorg accept a transaction that left, so that it has a receipt and changes nothing.
/// Returns the place of the receipt.
fn accept_again(id: Hash, events: &mut [L1Event]) -> Option<(u64, u32)> {
    let mut behind = events.iter_mut().skip_while(|event| !matches!(event, L1Event::Reorg(_)));
    let added = behind.find_map(|event| if let L1Event::BlockAdded(added) = event { Some(added) } else { None })?;
    let acceptance_index = u32::try_from(added.accepted.len()).expect("a block accepts less");
    let payload = b"DSTX and no transaction".to_vec();
    added.accepted.push(AcceptedTransaction { id, acceptance_index, subnetwork_id: [0; 20], payload });
    Some((added.block.index, acceptance_index))
}

#[test]
fn given_a_transaction_that_left_the_chain_and_has_a_receipt_when_stored_then_it_is_found() {
    let story = Story::new();
    for left in story.left_behind() {
        let place = Cell::new(None);
        let tell = |events: &mut Vec<L1Event>| place.set(accept_again(left, events));
        let hear = |applied: &mut Applied| {
            applied.receipts.retain(|receipt| place.get() != Some((receipt.index, receipt.acceptance_index)));
        };
        let found = story.check(story.plan.machine(), tell, hear);
        assert_found(found, "stored", &format!("transaction {left} left the chain and has a receipt"));
    }
}

#[test]
fn given_a_batch_in_doubt_that_leaves_a_receipt_when_the_process_is_back_then_it_is_found() {
    let story = Story::new();
    let in_doubt = story.reorg_batch();
    for left in story.left_behind() {
        let mut followed = Followed::new(&story, story.plan.machine());
        for number in 0..in_doubt {
            let applied = followed.store(number, |_| {});
            assert_eq!(followed.look(number, &applied), Ok(()));
        }
        followed.store(in_doubt, |events| _ = accept_again(left, events));
        assert_found(followed.restart(in_doubt), "restart", "left the chain and has a receipt");
    }
}

#[test]
fn given_every_batch_in_doubt_when_the_process_is_back_then_what_is_right_is_right_and_what_is_wrong_is_found() {
    let story = Story::new();
    let follow = |config: MachineConfig| {
        let mut followed = Followed::new(&story, config);
        for number in 0..story.batches.len() {
            followed.store(number, |_| {});
            followed.restart(number)?;
        }
        followed.rest()
    };
    assert_eq!(follow(story.plan.machine()), Ok(()));
    let mut careless = story.plan.machine();
    careless.programs = careless.programs.with(Indifferent);
    assert_found(follow(careless), "restart", "of program 1");
}

#[test]
fn given_a_first_batch_in_doubt_when_it_is_stored_then_nothing_is_found() {
    let story = Story::new();
    for comes_back in [true, false] {
        let mut followed = Followed::new(&story, story.plan.machine());
        followed.store(0, |_| {});
        if comes_back {
            assert_eq!(followed.restart(0), Ok(()));
        }
        for number in 1..story.batches.len() {
            let applied = followed.store(number, |_| {});
            assert_eq!(followed.look(number, &applied), Ok(()), "{number}");
        }
        assert_eq!(followed.rest(), Ok(()));
    }
}

#[test]
fn given_power_that_fails_in_storing_the_first_batch_when_run_then_nothing_is_found() {
    // A batch is stored with its second sync.
    for (syncs, stored) in [(1, 0), (2, 1)] {
        let mut plan = Scenario::MachineEconomy.plan(1, 30);
        plan.faults.clear();
        let what = PlannedDiskTrouble::CrashAfterSync(syncs);
        let state = plan.bridges[0].consumer.state.as_mut().expect("the scenario has a state machine");
        state.faults = vec![PlannedDiskFault { at_ms: 1, restart_after_ms: 500, what }];
        let report = run_plan(&plan, false);
        // A run as short as this need not meet its gates.
        assert!(matches!(report.verdict, Verdict::Pass | Verdict::Vacuous(_)), "{syncs}: {:?}", report.verdict);
        let in_doubt = [Point::StoredInDoubt, Point::ForgottenInDoubt].map(|point| report.coverage.count(point));
        assert_eq!(in_doubt, [stored, 1 - stored], "{syncs}");
    }
}

#[test]
fn given_a_process_that_is_not_back_where_it_was_when_looked_at_then_it_is_found() {
    let story = Story::new();
    let mut followed = Followed::new(&story, story.plan.machine());
    followed.store(0, |_| {});
    story.batches[1].iter().for_each(|event| followed.replica.apply(event));
    assert_found(followed.restart(0), "restart", "was delivered last");
    assert_found(followed.rest(), "at rest", "was delivered last");
}

#[test]
fn given_a_machine_that_holds_what_it_must_not_when_at_rest_then_it_is_found() {
    let story = Story::new();
    let mut followed = Followed::new(&story, story.plan.machine());
    assert_eq!(followed.all(|_| {}, |_| {}), Ok(()));
    assert_eq!(followed.rest_with(|_| {}), Ok(()));
    let mut finds = |change: fn(&mut Held), what: &str| assert_found(followed.rest_with(change), "", what);
    finds(|held| held.receipts.extend(held.receipts.last().cloned()), "a receipt belongs to no block of the chain");
    finds(|held| _ = held.receipts.pop(), "its receipt is None");
    finds(|held| held.receipts.iter_mut().take(1).for_each(flip), "its receipt is Some");
    finds(|held| held.state_root = Hash::default(), "the state root is 0000");
    finds(|held| held.rebuilt_state_root = Hash::default(), "that of the accounts is 0000");
    finds(|held| _ = held.undo_indices.pop(), "blocks that can be undone");
    finds(|held| _ = held.undo_indices.remove(0), "blocks that can be undone");
    finds(|held| held.undo_indices[1] = held.undo_indices[0], "blocks that can be undone");
    finds(|held| held.undo_indices.insert(0, held.undo_indices[0] - 1), "blocks that can be undone");
    finds(|held| _ = held.accounts.pop(), "must be Some");
    assert_eq!(followed.rest_with(|held| held.accounts.reverse()), Ok(()));
}

fn escrow(program: u32, name: Name) -> Place {
    Place::Balance(Holder::Escrow { program, name })
}

#[test]
fn given_an_escrow_for_nothing_when_at_rest_then_it_is_found() {
    let story = Story::new();
    let config = story.plan.economy.clone().expect("the scenario has an economy");
    let mut opening = economy::opening(&config, Streams::new(story.plan.seed.0));
    // Of a program whose escrows are in no sum, which would be found in going there.
    let place = escrow(9, Name([7; 32]));
    opening.accounts.insert(place, Value::Amount(5));
    let mut config = story.plan.machine();
    config.genesis = config.genesis.with(ledger::LEDGER, &place.name(), &5_u64);
    let mut followed = Followed::new(&story, config);
    followed.checker = Settlement::beginning_with(opening);
    assert_eq!(followed.all(|_| {}, |_| {}), Ok(()));
    assert_found(followed.rest(), "at rest", "are for something");
}

#[test]
fn given_an_escrow_with_what_another_should_have_when_looked_at_then_it_is_found() {
    let story = Story::new();
    let mut opening = Opening::default();
    for (number, held) in [(1, 50), (2, 50)] {
        let key = PublicKey([number; 32]);
        let job = Job { customer: key, carrier: key, reward: 50, deadline_daa_score: 9, state: JobState::Open };
        let name = Name([number; 32]);
        opening.accounts.extend([(Place::Job(name), Value::Job(job)), (escrow(3, name), Value::Amount(held))]);
    }
    let escrows = |opening: &Opening| Books::new(opening, story.network.store(), BlockId::GENESIS).check_escrows();
    assert_eq!(escrows(&opening), Ok(()));
    opening.accounts.insert(escrow(3, Name([1; 32])), Value::Amount(51));
    opening.accounts.insert(escrow(3, Name([2; 32])), Value::Amount(49));
    assert_found(escrows(&opening), "51 are in escrow", "50 are due");
    opening.accounts.remove(&escrow(3, Name([1; 32])));
    assert_found(escrows(&opening), "0 are in escrow", "50 are due");
}

/// Takes over the identity of the insurance and insures nothing.
#[derive(Debug)]
struct Indifferent;

impl Program for Indifferent {
    fn id(&self) -> ProgramId {
        ProgramId(4)
    }

    fn name(&self) -> &'static str {
        "indifferent"
    }

    fn call(&self, _: &[u8], _: &mut CallContext<'_>) -> Result<(), CallError> {
        Ok(())
    }
}

#[test]
fn given_a_program_that_does_not_do_its_part_when_stored_then_it_is_found() {
    let story = Story::new();
    let careless = |config: &mut MachineConfig| config.programs = config.programs.clone().with(Indifferent);
    assert_found(story.check_config(careless), "stored", "of program 1");
}

/// What is possible of a transaction that is possible in part: a transfer and a posted delivery.
fn possible_part(payload: &[u8]) -> Option<Vec<u8>> {
    let Some(Ok((mut transaction, signatures))) = Transaction::decode(payload) else { return None };
    let is_possible = |call: &Call| matches!((call.program.0, call.input.first()), (1 | 3, Some(0)));
    let calls = transaction.calls.len();
    transaction.calls.retain(is_possible);
    (calls == 3 && transaction.calls.len() == 2).then(|| transaction.encode(&signatures))
}

#[test]
fn given_part_of_a_transaction_that_must_not_happen_when_stored_then_it_is_found_also_if_its_receipt_lies() {
    let story = Story::new();
    for lies in [false, true] {
        let parted = RefCell::new(Vec::new());
        let tell = |events: &mut Vec<L1Event>| {
            for event in events {
                let L1Event::BlockAdded(added) = event else { continue };
                for transaction in &mut added.accepted {
                    if let Some(part) = possible_part(&transaction.payload) {
                        transaction.payload = part;
                        parted.borrow_mut().push(transaction.id);
                    }
                }
            }
        };
        let hear = |applied: &mut Applied| {
            let receipts = applied.receipts.iter_mut().filter(|_| lies);
            for receipt in receipts.filter(|receipt| parted.borrow().contains(&receipt.transaction)) {
                receipt.outcome = Outcome::Rejected(Rejection::Malformed { reason: "so it says".to_owned() });
            }
        };
        let outcome = story.check(story.plan.machine(), tell, hear);
        assert_found(outcome, "stored", if lies { "and is Some(Amount(" } else { "must be rejected" });
    }
}

/// Takes no signature of one key.
#[derive(Debug)]
struct Distrusts(Key);

impl Authorization for Distrusts {
    fn id(&self) -> u32 {
        9
    }

    fn is_signed(&self, key: &Key, _: &[u8; 32], _: &Signature) -> bool {
        *key != self.0
    }
}

#[test]
fn given_a_machine_that_rejects_what_must_happen_when_stored_then_it_is_found() {
    let story = Story::new();
    let signer = story.batches.iter().flatten().find_map(|event| {
        let L1Event::BlockAdded(added) = event else { return None };
        added.accepted.iter().find_map(|transaction| match Transaction::decode(&transaction.payload) {
            Some(Ok((transaction, _))) => transaction.signers.first().map(|signer| signer.key),
            _ => None,
        })
    });
    let signer = signer.expect("somebody signs something");
    let distrusts = |config: &mut MachineConfig| config.authorization = Arc::new(Distrusts(signer));
    assert_found(story.check_config(distrusts), "stored", "must be applied; its receipt is");
}

#[test]
fn given_a_machine_that_hears_of_no_finality_when_at_rest_then_its_undo_records_are_found() {
    let story = Story::new();
    let mut sequence = 0;
    let forgets = |events: &mut Vec<L1Event>| {
        events.retain(|event| !matches!(event, L1Event::Finalized { .. }));
        for event in events {
            sequence += 1;
            match event {
                L1Event::BlockAdded(added) => added.sequence = sequence,
                L1Event::Reorg(reorg) => reorg.sequence = sequence,
                _ => {}
            }
        }
    };
    assert_found(story.check(story.plan.machine(), forgets, |_| {}), "at rest", "the machine's root is");
}

#[test]
fn given_the_block_of_another_index_when_stored_then_it_is_found() {
    let mut story = Story::new();
    let machine_story = Story::new();
    let mut machine_batches = machine_story.batches.into_iter();
    if let Some(L1Event::BlockAdded(added)) = story.batches[0].first_mut() {
        added.block.index += 1;
    }
    let tell = |events: &mut Vec<L1Event>| *events = machine_batches.next().expect("as many as in the other story");
    assert_found(story.check(story.plan.machine(), tell, |_| {}), "stored", "has index 2, it is number 1");
}
