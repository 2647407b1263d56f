//! The laws of the state machine under everything that a chain and a process can do to it: blocks, reorgs down to the
//! finalized root, branches that come back, finalization, restarts, in batches of any shape.

#[path = "properties/laws.rs"]
mod laws;
#[path = "properties/run.rs"]
mod run;
mod support;

use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestRunner},
};
use state::ReceiptRetention;

use self::{
    laws::{Law, Observation, broken},
    run::{Happening, Restart, Run, Sightings, Step},
    support::actors::{ACTORS, Order, Wish, any_order},
};

/// Runs of the laws.
const CASES: u32 = 512;

/// Blocks that an `AddMany` adds at most: as many as a consumer stores together.
const MOST_BLOCKS: u8 = 64;

/// It can happen again and again.
fn any_transfer() -> impl Strategy<Value = Order> {
    (0..ACTORS, 1..ACTORS, 1_u64..9).prop_map(|(from, distance, amount)| {
        let wishes = vec![Wish::Transfer { from, to: (from + distance) % ACTORS, amount }];
        Order::Wishes { wishes, is_stale: false }
    })
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let orders = prop::collection::vec(any_order(), 0..6);
    prop_oneof![
        16 => (0_usize..4, orders).prop_map(|(readmitted, orders)| Happening::Add { readmitted, orders }),
        1 => (1..=MOST_BLOCKS, any_transfer()).prop_map(|(blocks, order)| Happening::AddMany { blocks, order }),
        4 => (0_u64..=16).prop_map(|sixteenths| Happening::Reorg { sixteenths }),
        2 => Just(Happening::Return),
        2 => (0_u64..=12).prop_map(|sixteenths| Happening::Finalize { sixteenths }),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let restart =
        prop_oneof![Just(Restart::Closed), Just(Restart::Dropped), Just(Restart::Killed), Just(Restart::PowerLost)];
    prop_oneof![
        5 => prop::collection::vec(any_happening(), 1..8).prop_map(Step::Batch),
        1 => restart.prop_map(Step::Restart),
    ]
}

fn any_retention() -> impl Strategy<Value = ReceiptRetention> {
    prop_oneof![Just(ReceiptRetention::Forever), (0_u64..6).prop_map(ReceiptRetention::BlocksBelowRoot)]
}

#[test]
fn given_any_steps_when_done_then_every_law_holds_after_each() {
    let mut sums = Sightings::default();
    let config = Config { cases: CASES, failure_persistence: None, rng_seed: RngSeed::Fixed(6), ..Config::default() };
    let sums_cell = std::cell::RefCell::new(&mut sums);
    let result = TestRunner::new(config).run(
        &(any_retention(), prop::collection::vec(any_step(), 1..20)),
        |(retention, steps)| {
            let mut run = Run::new(retention);
            for (at, step) in steps.iter().enumerate() {
                prop_assert_eq!(run.step(step), Vec::<Law>::new(), "after step {}", at);
            }
            sums_cell.borrow_mut().count(&run.sightings);
            Ok(())
        },
    );
    if let Err(error) = result {
        panic!("{error}");
    }
    sums.check();
}

impl Sightings {
    fn count(&mut self, run: &Self) {
        self.applied += run.applied;
        self.rejected += run.rejected;
        self.blocks_removed += run.blocks_removed;
        self.blocks_returned += run.blocks_returned;
        self.reorgs_to_the_root += run.reorgs_to_the_root;
        self.readmitted += run.readmitted;
        self.receipts_dropped += run.receipts_dropped;
        self.restarts += run.restarts;
        self.longest_batch = self.longest_batch.max(run.longest_batch);
        self.mixed_batches += run.mixed_batches;
    }

    /// What was never seen was never tested.
    fn check(&self) {
        let least = u64::from(CASES) / 4;
        assert!(self.applied > 10 * least && self.rejected > 10 * least, "{self:?}");
        assert!(self.blocks_removed > least && self.blocks_returned > least, "{self:?}");
        assert!(self.reorgs_to_the_root > least && self.readmitted > least, "{self:?}");
        assert!(self.receipts_dropped > 0 && self.restarts > least, "{self:?}");
        assert!(self.longest_batch >= u64::from(MOST_BLOCKS) && self.mixed_batches > 0, "{self:?}");
    }
}

/// A run in which there is something of everything: a reorg, a branch that came back, a root above the anchor.
fn eventful() -> Run {
    let mut run = Run::new(ReceiptRetention::BlocksBelowRoot(1));
    let wish = |wish| Order::Wishes { wishes: vec![wish], is_stale: false };
    let add = |order| Happening::Add { readmitted: 0, orders: vec![order] };
    let transfer = |from| add(wish(Wish::Transfer { from, to: 3, amount: 5 }));
    let steps = [
        vec![transfer(0), transfer(1), transfer(2)],
        vec![add(wish(Wish::Post { job: 0, customer: 0, carrier: 1, reward: 9, blocks: 50 })), transfer(0)],
        vec![Happening::Finalize { sixteenths: 8 }, transfer(1)],
        vec![Happening::Reorg { sixteenths: 6 }, transfer(2), Happening::Return],
    ];
    for happenings in steps {
        assert_eq!(run.step(&Step::Batch(happenings)), []);
    }
    run
}

/// Makes an observation wrong in one thing.
struct Lie(fn(&mut Observation));

#[test]
fn given_a_machine_that_tells_one_wrong_thing_when_the_laws_are_checked_then_the_law_about_it_is_broken() {
    let lies: [(Law, Lie); 12] = [
        (Law::Position, Lie(|seen| seen.sequence += 1)),
        (Law::Position, Lie(|seen| seen.window[1].blue_score += 1)),
        (Law::RootIsRebuilt, Lie(|seen| seen.rebuilt_root = Default::default())),
        (Law::RootIsReplayed, Lie(|seen| seen.accounts[0].1.version += 1)),
        (Law::RejectedChangesNothing, Lie(|seen| seen.accounts[0].1.version += 1)),
        (
            Law::RootsOfTheWindow,
            Lie(|seen| seen.roots[0] = seen.roots.last().copied().flatten().or(Some(seen.state_root))),
        ),
        (
            Law::Supply,
            Lie(|seen| {
                let ledger = seen.accounts.iter_mut().find(|(_, account)| account.program.0 == 1);
                ledger.expect("there is money").1.data[0] ^= 1;
            }),
        ),
        (Law::Receipts, Lie(|seen| drop(seen.receipts.pop()))),
        (
            Law::Receipts,
            Lie(|seen| {
                let orphan = state::receipt::Receipt { index: 99, ..seen.receipts[0].clone() };
                seen.receipts.push(orphan);
            }),
        ),
        (Law::ReceiptsById, Lie(|seen| seen.receipts_by_id.values_mut().for_each(|found| *found = None))),
        (Law::UndoRecords, Lie(|seen| seen.undo_indices.clear())),
        (
            Law::SameAgain,
            Lie(|seen| {
                let tip = seen.window.last().expect("there are blocks").index as usize;
                seen.roots[tip] = None;
            }),
        ),
    ];
    let run = eventful();
    let (truth, expected) = (run.observe(), run.expect());
    assert_eq!(broken(&truth, &expected), []);
    for (at, (law, Lie(lie))) in lies.into_iter().enumerate() {
        let mut seen = truth.clone();
        lie(&mut seen);
        assert!(broken(&seen, &expected).contains(&law), "lie {at} does not break {law:?}");
    }
}

#[test]
fn given_a_machine_that_does_not_undo_when_the_laws_are_checked_then_they_are_broken() {
    let mut run = eventful();
    let before = run.observe();
    let order = Order::Wishes { wishes: vec![Wish::Transfer { from: 3, to: 0, amount: 1 }], is_stale: false };
    let reorg = vec![Happening::Reorg { sixteenths: 1 }, Happening::Add { readmitted: 0, orders: vec![order] }];
    assert_eq!(run.step(&Step::Batch(reorg)), []);
    let (after, expected) = (run.observe(), run.expect());
    // It takes the new block but leaves what the old one did.
    let seen = Observation { accounts: before.accounts, state_root: before.state_root, ..after.clone() };
    assert!(broken(&seen, &expected).contains(&Law::RootIsReplayed));
    let seen = Observation { receipts: before.receipts, ..after.clone() };
    assert!(broken(&seen, &expected).contains(&Law::Receipts));
    let seen = Observation { receipts_by_id: before.receipts_by_id, ..after.clone() };
    assert!(broken(&seen, &expected).contains(&Law::ReceiptsById));
    let seen = Observation { roots: before.roots, ..after };
    assert!(broken(&seen, &expected).contains(&Law::RootsOfTheWindow));
}
