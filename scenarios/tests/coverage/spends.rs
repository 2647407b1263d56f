//! Points of transactions that exclude each other, against a search through everything that was accepted.

use scenarios::{
    coverage::{Coverage, Point},
    oracle::Walk,
};
use sim::{acceptance::TransactionIndex, dag::BlockId, workload::WorkloadConfig};

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
        let (left, right) = (Accepted::on(halves, &halves.left), Accepted::on(halves, &halves.right));
        let height = halves.height_of_fork();
        let mut counts = Self::default();
        left.count_left_out(halves, 0, &mut counts);
        right.count_left_out(halves, height, &mut counts);
        for (_, by) in right.spends.iter().filter(|(at, _)| *at >= height) {
            let lost = |(at, other): &&(usize, TransactionIndex)| *at >= height && halves.share_input(*other, *by);
            counts.moves += u64::from(left.spends.iter().filter(lost).any(|(_, other)| other == by));
            counts.replaces += u64::from(left.spends.iter().filter(lost).any(|(_, other)| other != by));
        }
        counts
    }
}

/// Every acceptance on a chain, with the position of the chain block.
struct Accepted<'a> {
    chain: &'a [BlockId],
    spends: Vec<(usize, TransactionIndex)>,
}

impl<'a> Accepted<'a> {
    fn on(halves: &Halves, chain: &'a [BlockId]) -> Self {
        let mut walk = Walk::new();
        walk.go_to(halves.network.store(), *chain.last().expect("the chain has blocks"));
        let blocks = walk.path()[1..].iter().enumerate();
        let spends = blocks.flat_map(|(at, block)| block.accepted.iter().map(move |&accepted| (at, accepted)));
        Self { chain, spends: spends.collect() }
    }

    fn count_left_out(&self, halves: &Halves, from: usize, counts: &mut SpendCounts) {
        let store = halves.network.store();
        for (at, &block) in self.chain.iter().enumerate().skip(from) {
            let merged = store.dag().mergeset(block).flat_map(|merged| store.block(merged).transactions.iter().skip(1));
            for &transaction in merged {
                let so_far = || self.spends.iter().filter(|(accepted_at, _)| *accepted_at <= at);
                match so_far().find(|(_, accepted)| *accepted == transaction) {
                    Some((accepted_at, _)) => counts.repeats_left_out += u64::from(*accepted_at < at),
                    None => {
                        let is_held = so_far().any(|(_, accepted)| halves.share_input(*accepted, transaction));
                        counts.rivals_left_out += u64::from(is_held);
                    }
                }
            }
        }
    }
}

impl Halves {
    fn share_input(&self, a: TransactionIndex, b: TransactionIndex) -> bool {
        let inputs = |of| self.network.store().transaction(of).transaction.inputs.iter();
        inputs(a).any(|a| inputs(b).any(|b| a.previous_outpoint == b.previous_outpoint))
    }

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
