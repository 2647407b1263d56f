//! Bridges that are broken on purpose, each as a follower really was: the checkers must find every one of them. A checker
//! that cannot fail is no checker. Those that see more than events are broken in `checkers.rs`.

use bridge::{AcceptedTransaction, BlockAdded, ChainRef, FatalError, L1Event, RejectReason, Reorg};
use kaspa_hashes::Hash;
use scenarios::{
    plan::Plan,
    report::{RunReport, Verdict},
    run::{EventTap, Untouched},
    runner::run_on_fresh_thread,
    scenario::{DEFAULT_SECONDS, Scenario},
};

const SECONDS: u64 = 60;

fn run_broken(scenario: Scenario, tap: impl EventTap + 'static) -> RunReport {
    run_on_fresh_thread(scenario.plan(1, SECONDS), false, Box::new(tap)).report
}

/// The name of the property that was found broken.
fn broken_property(report: &RunReport) -> &'static str {
    match &report.verdict {
        Verdict::Safety(failure) | Verdict::Liveness(failure) => failure.property,
        other => panic!("expected a broken property, got {other:?}"),
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

/// Keeps `path`, the block of index i at position i - 1, in step with the events.
fn follow(path: &mut Vec<ChainRef>, event: &L1Event) {
    match event {
        L1Event::BlockAdded(added) => path.push(added.block),
        L1Event::Reorg(reorg) => path.truncate(usize::try_from(reorg.fork.index).expect("short path")),
        _ => {}
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
    assert_eq!(broken_property(&run_broken(Scenario::Steady, renumbered(drops))), "path");
}

#[test]
fn given_a_bridge_that_stops_before_the_last_block_when_at_rest_then_it_never_arrives() {
    let whole = run_broken(Scenario::Steady, renumbered(Some)).figures.blocks_added;
    let mut blocks = 0;
    let stops = move |event: L1Event| {
        blocks += u64::from(matches!(event, L1Event::BlockAdded(_)));
        (blocks < whole).then_some(event)
    };
    let report = run_broken(Scenario::Steady, renumbered(stops));
    assert!(matches!(&report.verdict, Verdict::Liveness(failure) if failure.property == "convergence"), "{report:?}");
}

#[test]
fn given_a_bridge_that_repeats_a_block_when_run_then_its_number_comes_twice() {
    struct Repeats(u32);
    impl EventTap for Repeats {
        fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
            self.0 += u32::from(matches!(event, L1Event::BlockAdded(_)));
            if self.0 == 50 { vec![event.clone(), event] } else { vec![event] }
        }
    }
    assert_eq!(broken_property(&run_broken(Scenario::Steady, Repeats(0))), "acknowledged");
}

#[test]
fn given_a_bridge_that_forgets_to_roll_back_when_a_cut_heals_then_the_path_is_broken() {
    let forgets = |event: L1Event| match event {
        L1Event::Reorg(reorg) if reorg.removed.len() >= 20 => None,
        event => Some(event),
    };
    assert_eq!(broken_property(&run_broken(Scenario::Reorg, renumbered(forgets))), "path");
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
    assert_eq!(broken_property(&run_broken(Scenario::Reorg, renumbered(miscounts))), "path");
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
    assert_eq!(broken_property(&run_broken(Scenario::Steady, renumbered(hurries))), "finality");
}

#[test]
fn given_a_bridge_that_finalizes_one_block_too_early_when_run_then_finality_is_too_early() {
    let mut path: Vec<ChainRef> = Vec::new();
    let hurries = move |event: L1Event| {
        follow(&mut path, &event);
        match event {
            // The block of index i stands at position i - 1, so this is the child of the right one.
            L1Event::Finalized { sequence, block } => {
                Some(L1Event::Finalized { sequence, block: path[usize::try_from(block.index).expect("short path")] })
            }
            event => Some(event),
        }
    };
    assert_eq!(broken_property(&run_broken(Scenario::Steady, renumbered(hurries))), "finality");
}

#[test]
fn given_a_bridge_that_never_finalizes_or_at_twice_the_depth_when_at_rest_then_finality_is_late() {
    let idles = |event: L1Event| (!matches!(event, L1Event::Finalized { .. })).then_some(event);
    let report = run_broken(Scenario::Steady, renumbered(idles));
    assert_eq!(broken_property(&report), "finality");
    let Verdict::Safety(failure) = &report.verdict else { panic!("{report:?}") };
    // A depth of 200 is reached after some 25 s: nobody waits for the end.
    assert!(failure.at < std::time::Duration::from_secs(40), "{failure:?}");
    let mut tip_blue_score = 0;
    let dawdles = move |event: L1Event| match event {
        L1Event::BlockAdded(added) => {
            tip_blue_score = added.block.blue_score;
            Some(L1Event::BlockAdded(added))
        }
        L1Event::Finalized { block, .. } if tip_blue_score < block.blue_score + 400 => None,
        event => Some(event),
    };
    assert_eq!(broken_property(&run_broken(Scenario::Steady, renumbered(dawdles))), "finality");
}

#[test]
fn given_a_bridge_that_finalizes_a_block_twice_or_off_the_path_when_run_then_finality_is_broken() {
    struct Repeats;
    impl EventTap for Repeats {
        fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
            match event {
                L1Event::Finalized { sequence, block } => {
                    let again = L1Event::Finalized { sequence: sequence + 1, block };
                    vec![L1Event::Finalized { sequence, block }, again]
                }
                event => vec![event],
            }
        }
    }
    assert_eq!(broken_property(&run_broken(Scenario::Steady, Repeats)), "finality");
    let misses = |event: L1Event| match event {
        L1Event::Finalized { sequence, mut block } => {
            block.hash = Hash::default();
            Some(L1Event::Finalized { sequence, block })
        }
        event => Some(event),
    };
    assert_eq!(broken_property(&run_broken(Scenario::Steady, renumbered(misses))), "finality");
}

#[test]
fn given_a_bridge_that_rolls_back_below_the_root_when_run_then_finality_is_broken() {
    struct DigsDeep(Vec<ChainRef>);
    impl EventTap for DigsDeep {
        fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
            follow(&mut self.0, &event);
            let L1Event::Finalized { sequence, block } = event else { return vec![event] };
            let fork_index = usize::try_from(block.index).expect("short path") - 2;
            let above = &self.0[fork_index + 1..];
            let reorg = Reorg {
                sequence: sequence + 1,
                fork: self.0[fork_index],
                old_tip: above[above.len() - 1],
                removed: above.iter().rev().map(|block| block.hash).collect(),
                removed_known: true,
            };
            vec![L1Event::Finalized { sequence, block }, L1Event::Reorg(reorg)]
        }
    }
    assert_eq!(broken_property(&run_broken(Scenario::Steady, DigsDeep(Vec::new()))), "finality");
}

#[test]
fn given_a_bridge_that_names_a_wrong_old_tip_when_it_rolls_back_then_the_path_is_broken() {
    let forgets = |event: L1Event| match event {
        L1Event::Reorg(mut reorg) => {
            reorg.old_tip.hash = Hash::default();
            Some(L1Event::Reorg(reorg))
        }
        event => Some(event),
    };
    assert_eq!(broken_property(&run_broken(Scenario::Steady, renumbered(forgets))), "path");
}

/// Hides everything up to the first finalized block and takes that for the anchor: a stream that is right in itself.
#[derive(Default)]
struct BeginsLate {
    /// Blocks held back until the stream begins, the block of index i at position i - 1.
    held: Vec<BlockAdded>,
    anchor_index: Option<u64>,
    sequence: u64,
}

impl BeginsLate {
    fn shifted(&mut self, mut event: L1Event) -> L1Event {
        let shift = self.anchor_index.unwrap_or(0);
        match &mut event {
            L1Event::BlockAdded(added) => added.block.index -= shift,
            L1Event::Reorg(reorg) => {
                reorg.fork.index -= shift;
                reorg.old_tip.index -= shift;
            }
            L1Event::Finalized { block, .. } => block.index -= shift,
            _ => {}
        }
        if let Some(sequence) = sequence_mut(&mut event) {
            self.sequence += 1;
            *sequence = self.sequence;
        }
        event
    }
}

impl EventTap for BeginsLate {
    fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
        match (self.anchor_index, event) {
            (None, L1Event::BlockAdded(added)) => {
                self.held.push(added);
                Vec::new()
            }
            (None, L1Event::Reorg(reorg)) => {
                self.held.truncate(usize::try_from(reorg.fork.index).expect("short path"));
                Vec::new()
            }
            (None, L1Event::Finalized { block, .. }) => {
                self.anchor_index = Some(block.index);
                let held = self.held.split_off(usize::try_from(block.index).expect("short path"));
                held.into_iter().map(|added| self.shifted(L1Event::BlockAdded(added))).collect()
            }
            (_, event) => vec![self.shifted(event)],
        }
    }
}

#[test]
fn given_a_bridge_that_begins_late_when_at_rest_then_it_does_not_match_the_node() {
    assert_eq!(broken_property(&run_broken(Scenario::Steady, BeginsLate::default())), "matches-node");
}

#[test]
fn given_a_bridge_that_changes_what_a_block_accepts_when_run_then_it_is_not_the_truth() {
    let of_blocks = |change: fn(&mut Vec<AcceptedTransaction>)| {
        let mut fiftieth = at(50);
        renumbered(move |event| match event {
            // One block only, which may well leave the chain again.
            L1Event::BlockAdded(mut added) => {
                if fiftieth(added.accepted.len() > 1) {
                    change(&mut added.accepted);
                }
                Some(L1Event::BlockAdded(added))
            }
            event => Some(event),
        })
    };
    let changes: [fn(&mut Vec<AcceptedTransaction>); 5] = [
        |accepted| drop(accepted.pop()),
        |accepted| accepted.reverse(),
        |accepted| accepted[0].payload.clear(),
        |accepted| accepted[1].subnetwork_id[0] ^= 1,
        |accepted| accepted[1].acceptance_index += 1,
    ];
    for change in changes {
        assert_eq!(broken_property(&run_broken(Scenario::Steady, of_blocks(change))), "truth");
    }
}

#[test]
fn given_a_bridge_that_changes_a_field_of_a_block_when_run_then_it_is_not_the_truth() {
    let changes: [fn(&mut BlockAdded); 4] = [
        |added| added.block.blue_score += 1,
        |added| added.daa_score += 1,
        |added| added.timestamp_ms += 1,
        |added| added.block.hash = Hash::default(),
    ];
    for change in changes {
        let mut fiftieth = at(50);
        let changes_one = move |event: L1Event| match event {
            L1Event::BlockAdded(mut added) => {
                if fiftieth(true) {
                    change(&mut added);
                }
                Some(L1Event::BlockAdded(added))
            }
            event => Some(event),
        };
        assert_eq!(broken_property(&run_broken(Scenario::Steady, renumbered(changes_one))), "truth");
    }
}

#[test]
fn given_a_bridge_that_does_not_verify_the_last_block_of_a_page_when_run_then_it_is_not_the_truth() {
    let unverified = |event: L1Event| match event {
        L1Event::BlockAdded(added) => Some(L1Event::BlockAdded(BlockAdded { verified: false, ..added })),
        event => Some(event),
    };
    assert_eq!(broken_property(&run_broken(Scenario::Steady, renumbered(unverified))), "truth");
}

#[test]
fn given_a_bridge_that_delivers_late_when_run_then_nobody_held_its_chain_any_more() {
    struct Late(Vec<L1Event>);
    impl EventTap for Late {
        fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
            self.0.push(event);
            if self.0.len() < 150 { Vec::new() } else { std::mem::take(&mut self.0) }
        }
    }
    let mut plan = Scenario::Steady.plan(1, SECONDS);
    // From an answer to its effect there are three requests and two seconds at most; to be silent it has longer.
    plan.bridges[0].request_timeout_ms = 1_000;
    let report = run_on_fresh_thread(plan, false, Box::new(Late(Vec::new()))).report;
    assert_eq!(broken_property(&report), "guarantee");
}

#[test]
fn given_a_bridge_that_hides_the_end_of_a_session_when_it_reconnects_then_sessions_overlap() {
    // Attempts that fail before the next session would give it away to another checker.
    let is_end = |event: &L1Event| matches!(event, L1Event::Disconnected { .. } | L1Event::Unreachable { .. });
    let hides = move |event: L1Event| (!is_end(&event)).then_some(event);
    assert_eq!(broken_property(&run_broken(Scenario::Disconnect, renumbered(hides))), "session");
}

#[test]
fn given_a_bridge_that_never_says_connected_when_blocks_come_then_no_session_explains_them() {
    let hides = |event: L1Event| (!matches!(event, L1Event::Connected { .. })).then_some(event);
    assert_eq!(broken_property(&run_broken(Scenario::Steady, renumbered(hides))), "session");
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

#[test]
fn given_a_bridge_that_gives_up_for_no_good_reason_when_at_rest_then_it_should_have_converged() {
    struct GivesUp(u32);
    impl EventTap for GivesUp {
        fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
            self.0 += 1;
            match self.0 {
                0..200 => vec![event],
                200 => vec![L1Event::Fatal(FatalError { nodes: Vec::new() })],
                _ => Vec::new(),
            }
        }
    }
    let report = run_broken(Scenario::Steady, GivesUp(0));
    let Verdict::Safety(failure) = &report.verdict else { panic!("{:?}", report.verdict) };
    assert_eq!(failure.property, "convergence");
    assert!(failure.message.contains("says nothing of node 0"), "{failure}");
}

/// The plan of a bridge whose node leaves a final block, with nothing in the way of either.
fn plan_with_a_finality_conflict() -> Plan {
    let plans = (1..100).map(|seed| Scenario::Fatal.plan(seed, DEFAULT_SECONDS));
    let undisturbed = plans.filter(|plan| plan.faults.is_empty() && plan.bridges.len() == 1);
    let ends = |plan: &Plan| run_on_fresh_thread(plan.clone(), false, Box::new(Untouched)).report.figures.ended == 1;
    undisturbed.into_iter().find(ends).expect("one seed in eight has such a plan")
}

#[test]
fn given_a_bridge_that_does_not_say_that_it_ended_when_its_node_left_a_final_block_then_it_should_have() {
    let hides = |event: L1Event| (!matches!(event, L1Event::Fatal(_))).then_some(event);
    let report = run_on_fresh_thread(plan_with_a_finality_conflict(), false, Box::new(renumbered(hides))).report;
    let Verdict::Liveness(failure) = &report.verdict else { panic!("{:?}", report.verdict) };
    assert_eq!(failure.property, "convergence");
    assert!(failure.message.contains("it must end because its nodes left a block that is final for it"), "{failure}");
}

#[test]
fn given_a_bridge_that_names_a_wrong_reason_when_it_ends_then_that_is_not_the_end_it_must_come_to() {
    let lies = |event: L1Event| match event {
        L1Event::Fatal(mut fatal) => {
            let (expected, found) = (bridge::wire::Network::MAINNET, bridge::wire::Network::SIMNET);
            fatal.nodes.iter_mut().for_each(|(_, reason)| *reason = RejectReason::WrongNetwork { expected, found });
            Some(L1Event::Fatal(fatal))
        }
        event => Some(event),
    };
    let report = run_on_fresh_thread(plan_with_a_finality_conflict(), false, Box::new(renumbered(lies))).report;
    let Verdict::Safety(failure) = &report.verdict else { panic!("{:?}", report.verdict) };
    assert_eq!(failure.property, "convergence");
}
