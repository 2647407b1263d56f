//! Points of transactions that exclude each other, against a search through everything that was accepted.

use scenarios::{
    coverage::{Coverage, Point},
    oracle::{self, Walk},
};
use sim::{acceptance::TransactionIndex, block_store::BlockStore, dag::BlockId, workload::WorkloadConfig};

use crate::scene::{Halves, Scene, halves};

/// Counts of the points of transactions.
#[derive(Debug, Default, PartialEq, Eq)]
struct SpendCounts {
    moves: u64,
    replaces: u64,
    rivals_left_out: u64,
    repeats_left_out: u64,
}

impl SpendCounts {
    fn of(coverage: &Coverage) -> Self {
        Self {
            moves: coverage.count(Point::TransactionMoves),
            replaces: coverage.count(Point::RivalReplaces),
            rivals_left_out: coverage.count(Point::DoubleSpendLeftOut),
            repeats_left_out: coverage.count(Point::RepeatLeftOut),
        }
    }

    /// What should be counted when the left chain is delivered, removed down to the fork, and the right one follows.
    fn expected(halves: &Halves) -> Self {
        let (store, height) = (halves.network.store(), halves.height_of_fork());
        let mut counts = Self::default();
        let mut walk = Walk::new();
        for block in halves.left.iter().chain(&halves.right[height..]) {
            walk.go_to(store, *block);
            counts.count_left_out(store, &walk);
        }
        let accepted_above_fork = |chain: &[BlockId]| -> Vec<TransactionIndex> {
            let mut walk = Walk::new();
            walk.go_to(store, *chain.last().expect("the chain has blocks"));
            walk.path()[height + 1..].iter().flat_map(|block| block.accepted.clone()).collect()
        };
        let lost = accepted_above_fork(&halves.left);
        for by in accepted_above_fork(&halves.right) {
            let before = || lost.iter().filter(|before| share_input(store, **before, by));
            counts.moves += u64::from(before().any(|before| *before == by));
            counts.replaces += u64::from(before().any(|before| *before != by));
        }
        counts
    }

    /// What the tip of the walk merges and leaves out.
    fn count_left_out(&mut self, store: &BlockStore, walk: &Walk) {
        let accepted: Vec<TransactionIndex> =
            walk.path().iter().flat_map(|block| block.accepted.iter().copied()).collect();
        let now = &walk.tip().accepted;
        for merged in store.dag().mergeset(walk.tip().id) {
            // The coinbase comes first in every block.
            for transaction in store.transactions_of(merged).skip(1) {
                if now.contains(&transaction) {
                    continue;
                }
                let is_repeat = accepted.contains(&transaction);
                let has_rival = || accepted.iter().any(|accepted| share_input(store, *accepted, transaction));
                self.repeats_left_out += u64::from(is_repeat);
                self.rivals_left_out += u64::from(!is_repeat && has_rival());
            }
        }
    }
}

fn share_input(store: &BlockStore, a: TransactionIndex, b: TransactionIndex) -> bool {
    let (a, b) = (store.transaction(a), store.transaction(b));
    a.inputs.iter().any(|a| b.inputs.iter().any(|b| a.previous_outpoint == b.previous_outpoint))
}

impl Halves {
    /// The left chain, then the right one instead.
    fn tell_both(&self) -> Coverage {
        let mut scene = Scene::new(&self.network);
        self.left.iter().for_each(|&block| scene.add_real(block));
        scene.remove(self.left.len() - self.height_of_fork());
        self.right[self.height_of_fork()..].iter().for_each(|&block| scene.add_real(block));
        scene.coverage
    }
}

const RIVALS: WorkloadConfig = WorkloadConfig {
    double_spend_percent: 20,
    chained_percent: 30,
    repeated_percent: 20,
    ..WorkloadConfig::mixed(2_000, 8)
};

#[test]
fn given_rivals_and_repeats_on_two_branches_when_one_replaces_the_other_then_what_a_search_finds_is_counted() {
    let halves = halves(RIVALS);
    let counts = SpendCounts::of(&halves.tell_both());
    assert_eq!(counts, SpendCounts::expected(&halves));
    let SpendCounts { moves, replaces, rivals_left_out, repeats_left_out } = counts;
    assert!([moves, replaces, rivals_left_out, repeats_left_out].iter().all(|count| *count > 0));
}

#[test]
fn given_rivals_when_the_tip_jumps_between_many_branches_then_only_those_left_out_on_the_present_one_are_counted() {
    let halves = halves(RIVALS);
    let store = halves.network.store();
    let (mut scene, mut walk, mut expected) = (Scene::new(&halves.network), Walk::new(), SpendCounts::default());
    let mut tip = BlockId::GENESIS;
    for next in (1..store.block_count() as u32).map(BlockId) {
        let fork = oracle::fork(store, tip, next);
        match chain_between(store, fork, tip).len() {
            0 => {}
            removed => scene.remove(removed),
        }
        for block in chain_between(store, fork, next) {
            scene.add_real(block);
            walk.go_to(store, block);
            expected.count_left_out(store, &walk);
        }
        tip = next;
    }
    let counts = SpendCounts::of(&scene.coverage);
    let left_out = |counts: &SpendCounts| (counts.rivals_left_out, counts.repeats_left_out);
    assert_eq!(left_out(&counts), left_out(&expected));
}

/// The selected chain above `low` up to `high`, oldest first.
fn chain_between(store: &BlockStore, low: BlockId, high: BlockId) -> Vec<BlockId> {
    let below = |&block: &BlockId| oracle::selected_parent(store, block);
    let mut chain: Vec<BlockId> = std::iter::successors(Some(high), below).take_while(|&block| block != low).collect();
    chain.reverse();
    chain
}

#[test]
fn given_transactions_without_rivals_or_repeats_when_a_branch_replaces_another_then_they_only_move() {
    let workload = WorkloadConfig { double_spend_percent: 0, chained_percent: 0, repeated_percent: 0, ..RIVALS };
    let counts = SpendCounts::of(&halves(workload).tell_both());
    assert!(matches!(counts, SpendCounts { moves: 1.., replaces: 0, rivals_left_out: 0, repeats_left_out: 0 }));
    assert_eq!(SpendCounts::of(&halves(WorkloadConfig::NONE).tell_both()), SpendCounts::default());
}

#[test]
fn given_removed_blocks_when_the_same_come_back_then_no_transaction_has_moved() {
    let halves = halves(RIVALS);
    let mut scene = Scene::new(&halves.network);
    halves.left.iter().for_each(|&block| scene.add_real(block));
    scene.remove(20);
    halves.left[halves.left.len() - 20..].iter().for_each(|&block| scene.add_real(block));
    assert_eq!((scene.coverage.count(Point::ReorgBack), scene.coverage.count(Point::TransactionMoves)), (20, 0));
}

#[test]
fn given_final_blocks_when_what_they_spent_is_forgotten_then_the_counts_stay() {
    let halves = halves(RIVALS);
    let count = |finalizes: bool| {
        let mut scene = Scene::new(&halves.network);
        for (position, &block) in halves.left.iter().enumerate() {
            scene.add_real(block);
            // Rivals are made within seconds.
            if finalizes && position >= 20 {
                scene.finalize(position - 19);
            }
        }
        (SpendCounts::of(&scene.coverage), scene.watch_size())
    };
    let ((counts, size), (unforgotten_counts, unforgotten_size)) = (count(true), count(false));
    assert_eq!(counts, unforgotten_counts);
    assert!(size * 3 < unforgotten_size, "{size} with finalized blocks, {unforgotten_size} without");
}
