//! Bridges that are broken on purpose, each as a follower really was: the checkers must find every one of them. A checker
//! that cannot fail is no checker.

use bridge::{AcceptedTransaction, ChainRef, L1Event};
use scenarios::{
    report::{RunReport, Verdict},
    run::EventTap,
    runner::run_on_fresh_thread,
    scenario::Scenario,
};

const SECONDS: u64 = 60;

fn run_broken(scenario: Scenario, tap: impl EventTap + 'static) -> RunReport {
    run_on_fresh_thread(scenario.expand(1, SECONDS), false, Box::new(tap)).report
}

/// The name of the checker that failed.
fn failed_checker(report: &RunReport) -> &'static str {
    match &report.verdict {
        Verdict::Safety(failure) => failure.checker,
        other => panic!("expected a safety failure, got {other:?}"),
    }
}

/// Passes every event through a function that may drop or change it, and renumbers what is left, so that no gap in the
/// numbers gives the bridge away.
struct Renumbered<F> {
    change: F,
    sequence: u64,
}

impl<F: FnMut(L1Event) -> Option<L1Event> + Send> EventTap for Renumbered<F> {
    fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
        let mut event = (self.change)(event);
        if let Some(sequence) = event.as_mut().and_then(sequence_mut) {
            self.sequence += 1;
            *sequence = self.sequence;
        }
        event.into_iter().collect()
    }
}

fn renumbered(change: impl FnMut(L1Event) -> Option<L1Event> + Send) -> impl EventTap {
    Renumbered { change, sequence: 0 }
}

fn sequence_mut(event: &mut L1Event) -> Option<&mut u64> {
    match event {
        L1Event::BlockAdded(added) => Some(&mut added.sequence),
        L1Event::Reorg(reorg) => Some(&mut reorg.sequence),
        L1Event::Finalized { sequence, .. } => Some(sequence),
        _ => None,
    }
}

/// True at the `n`-th call with `true`, and only then.
fn at(n: u32) -> impl FnMut(bool) -> bool + Send {
    let mut count = 0;
    move |hit| {
        count += u32::from(hit);
        hit && count == n
    }
}

#[test]
fn given_a_bridge_that_changes_nothing_when_run_then_it_passes() {
    let report = run_broken(Scenario::Steady, renumbered(Some));
    assert_eq!(report.verdict, Verdict::Pass);
}

#[test]
fn given_a_bridge_that_drops_one_added_block_when_run_then_the_path_is_broken() {
    let mut fiftieth = at(50);
    let drops = move |event: L1Event| (!fiftieth(matches!(event, L1Event::BlockAdded(_)))).then_some(event);
    assert_eq!(failed_checker(&run_broken(Scenario::Steady, renumbered(drops))), "path");
}

#[test]
fn given_a_bridge_that_stops_before_the_last_block_when_at_rest_then_it_never_arrives() {
    let whole = run_broken(Scenario::Steady, renumbered(Some)).figures.chain_blocks;
    let mut blocks = 0;
    let stops = move |event: L1Event| {
        blocks += u64::from(matches!(event, L1Event::BlockAdded(_)));
        (blocks < whole).then_some(event)
    };
    let report = run_broken(Scenario::Steady, renumbered(stops));
    assert!(matches!(report.verdict, Verdict::Liveness(_)), "{:?}", report.verdict);
}

#[test]
fn given_a_bridge_that_repeats_a_block_when_run_then_the_path_is_broken() {
    struct Repeats(u32);
    impl EventTap for Repeats {
        fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
            self.0 += u32::from(matches!(event, L1Event::BlockAdded(_)));
            if self.0 == 50 { vec![event.clone(), event] } else { vec![event] }
        }
    }
    assert_eq!(failed_checker(&run_broken(Scenario::Steady, Repeats(0))), "path");
}

#[test]
fn given_a_bridge_that_forgets_to_roll_back_when_a_cut_heals_then_the_path_is_broken() {
    let forgets = |event: L1Event| match event {
        L1Event::Reorg(reorg) if reorg.removed.len() >= 20 => None,
        event => Some(event),
    };
    assert_eq!(failed_checker(&run_broken(Scenario::Reorg, renumbered(forgets))), "path");
}

#[test]
fn given_a_bridge_that_rolls_back_one_block_too_few_when_a_cut_heals_then_the_path_is_broken() {
    let miscounts = |event: L1Event| match event {
        L1Event::Reorg(mut reorg) => {
            reorg.fork.index += 1;
            Some(L1Event::Reorg(reorg))
        }
        event => Some(event),
    };
    assert_eq!(failed_checker(&run_broken(Scenario::Reorg, renumbered(miscounts))), "path");
}

#[test]
fn given_a_bridge_that_finalizes_its_tip_when_run_then_finality_is_too_early() {
    let mut tip: Option<ChainRef> = None;
    let hurries = move |event: L1Event| match event {
        L1Event::BlockAdded(added) => {
            tip = Some(added.block);
            Some(L1Event::BlockAdded(added))
        }
        L1Event::Finalized { sequence, block } => Some(L1Event::Finalized { sequence, block: tip.unwrap_or(block) }),
        event => Some(event),
    };
    assert_eq!(failed_checker(&run_broken(Scenario::Steady, renumbered(hurries))), "finality");
}

#[test]
fn given_a_bridge_that_never_finalizes_when_it_syncs_again_then_finality_is_late() {
    let idles = |event: L1Event| (!matches!(event, L1Event::Finalized { .. })).then_some(event);
    assert_eq!(failed_checker(&run_broken(Scenario::Disconnect, renumbered(idles))), "finality");
}

#[test]
fn given_a_bridge_that_loses_or_swaps_transactions_when_at_rest_then_it_does_not_match_the_node() {
    let of_blocks = |change: fn(&mut Vec<AcceptedTransaction>)| {
        renumbered(move |event| match event {
            L1Event::BlockAdded(mut added) => {
                change(&mut added.accepted);
                Some(L1Event::BlockAdded(added))
            }
            event => Some(event),
        })
    };
    let loses = of_blocks(|accepted| drop(accepted.pop()));
    assert_eq!(failed_checker(&run_broken(Scenario::Steady, loses)), "matches-node");
    let swaps = of_blocks(|accepted| accepted.reverse());
    assert_eq!(failed_checker(&run_broken(Scenario::Steady, swaps)), "matches-node");
}

#[test]
fn given_a_bridge_that_reports_a_wrong_score_when_at_rest_then_it_does_not_match_the_node() {
    let rounds = |event: L1Event| match event {
        L1Event::BlockAdded(mut added) => {
            added.block.blue_score += 1;
            Some(L1Event::BlockAdded(added))
        }
        L1Event::Reorg(mut reorg) => {
            reorg.old_tip.blue_score += 1;
            // The anchor was never announced, so its score stays true.
            reorg.fork.blue_score += u64::from(reorg.fork.index > 0);
            Some(L1Event::Reorg(reorg))
        }
        L1Event::Finalized { sequence, mut block } => {
            block.blue_score += 1;
            Some(L1Event::Finalized { sequence, block })
        }
        event => Some(event),
    };
    assert_eq!(failed_checker(&run_broken(Scenario::Steady, renumbered(rounds))), "matches-node");
}

#[test]
fn given_a_consumer_that_panics_when_run_then_the_verdict_is_panic_with_its_words() {
    struct Panics;
    impl EventTap for Panics {
        fn pass(&mut self, _: L1Event) -> Vec<L1Event> {
            panic!("planted panic");
        }
    }
    assert_eq!(run_broken(Scenario::Steady, Panics).verdict, Verdict::Panic("planted panic".into()));
}
