//! The laws can be broken: each lie about a followed chain is found, and by the law that it breaks.

use std::{cell::Cell, rc::Rc};

use bridge::{BlockAdded, L1Event, RejectReason, Reorg};
use sim::rig::{Breach, Happening, Law, ReplyFate};

use crate::cases::{Case, L1, PlannedCut};

/// A run with reorgs, a lost connection, and blocks that become final.
fn case() -> Case {
    Case {
        l1: L1 {
            seed: 4,
            ghostdag_k: 3,
            max_block_parents: 4,
            mergeset_size_limit: 6,
            finality_depth: 25,
            hash_shares: vec![1, 2, 2],
            blocks_per_second: 10,
            blocks: 90,
            delay_percent: 60,
            cuts: vec![PlannedCut { at_percent: 30, length_percent: 60, side: 0 }],
            outages: Vec::new(),
        },
        nodes: 1,
        starts_at_sink: false,
        confirmations: 0,
        high_water_mark: 4_096,
        poll_interval_ms: 400,
        latencies_ms: vec![3, 9],
        happenings: vec![
            Happening::Pass { ms: 1_500 },
            Happening::Reply(ReplyFate::HangUpAfter),
            Happening::Pass { ms: 900 },
        ],
    }
}

/// What the laws say when the consumer is told what `lie` makes of each event.
fn told(lie: impl FnMut(L1Event) -> Vec<L1Event> + 'static) -> Result<(), Breach> {
    let case = case();
    let mut rig = case.rig();
    rig.distort(lie);
    case.run_in(&mut rig)
}

#[track_caller]
fn assert_found(law: Law, lie: impl FnMut(L1Event) -> Vec<L1Event> + 'static) {
    let breach = told(lie).expect_err("the lie was not found");
    assert_eq!(breach.law, law, "{breach}");
}

/// The first event to which `lie` gives an answer is replaced by it, all others stay.
fn once(mut lie: impl FnMut(&L1Event) -> Option<Vec<L1Event>>) -> impl FnMut(L1Event) -> Vec<L1Event> {
    let mut told = false;
    move |event| match lie(&event) {
        Some(lies) if !told => {
            told = true;
            lies
        }
        _ => vec![event],
    }
}

#[test]
fn given_the_truth_when_told_then_no_law_is_broken_and_all_kinds_of_event_came() {
    let case = case();
    let mut rig = case.rig();
    case.run_in(&mut rig).expect("the truth breaks no law");
    let counters = rig.counters();
    assert!(counters.reorgs > 0 && counters.sessions == 2, "{counters:?}");
    assert!(rig.consumer().root().is_some_and(|root| root.reference.index > 0));
}

#[test]
fn given_an_event_left_out_or_repeated_when_told_then_the_sequence_is_broken() {
    assert_found(Law::Sequence, once(|event| (event.sequence() == Some(7)).then(Vec::new)));
    assert_found(
        Law::Sequence,
        once(|event| (event.sequence() == Some(7)).then(|| vec![event.clone(), event.clone()])),
    );
}

#[test]
fn given_two_blocks_in_the_wrong_order_when_told_then_the_path_is_broken() {
    let mut kept = None;
    assert_found(Law::Path, move |event| match (event, kept.take()) {
        (L1Event::BlockAdded(added), None) if added.sequence == 5 => {
            kept = Some(added);
            Vec::new()
        }
        (L1Event::BlockAdded(mut second), Some(mut first)) => {
            (first.sequence, second.sequence) = (second.sequence, first.sequence);
            vec![L1Event::BlockAdded(second), L1Event::BlockAdded(first)]
        }
        (event, _) => vec![event],
    });
}

#[test]
fn given_accepted_transactions_swapped_lost_or_damaged_when_told_then_the_truth_is_broken() {
    let accepted = |change: fn(&mut Vec<bridge::AcceptedTransaction>)| {
        once(move |event| match event {
            L1Event::BlockAdded(added) if added.accepted.len() > 2 => {
                let mut added = added.clone();
                change(&mut added.accepted);
                Some(vec![L1Event::BlockAdded(added)])
            }
            _ => None,
        })
    };
    assert_found(Law::Truth, accepted(|accepted| accepted.swap(0, 1)));
    assert_found(Law::Truth, accepted(|accepted| accepted.truncate(2)));
    assert_found(Law::Truth, accepted(|accepted| accepted[1].payload.push(0)));
    assert_found(Law::Truth, accepted(|accepted| accepted[1].acceptance_index += 1));
}

#[test]
fn given_a_reorg_that_hides_or_shifts_something_when_told_then_the_law_of_reorgs_is_broken() {
    let reorg = |change: fn(&mut bridge::Reorg)| {
        once(move |event| match event {
            L1Event::Reorg(reorg) => {
                let mut reorg = reorg.clone();
                change(&mut reorg);
                Some(vec![L1Event::Reorg(reorg)])
            }
            _ => None,
        })
    };
    assert_found(Law::Reorg, reorg(|reorg| reorg.removed.truncate(0)));
    assert_found(Law::Reorg, reorg(|reorg| reorg.fork = reorg.old_tip));
    assert_found(Law::Reorg, reorg(|reorg| reorg.old_tip = reorg.fork));
}

#[test]
fn given_a_root_that_is_not_deep_when_told_then_finality_is_broken() {
    let mut tip = None;
    assert_found(Law::Finality, move |event| {
        if let L1Event::BlockAdded(added) = &event {
            tip = Some(added.block);
        }
        match (event, tip) {
            (L1Event::Finalized { sequence, .. }, Some(block)) => vec![L1Event::Finalized { sequence, block }],
            (event, _) => vec![event],
        }
    });
}

#[test]
fn given_the_last_finalized_left_out_when_at_rest_then_finality_is_broken() {
    let last = Rc::new(Cell::new(0));
    let seen = Rc::clone(&last);
    told(move |event| {
        if let L1Event::Finalized { sequence, .. } = event {
            seen.set(sequence);
        }
        vec![event]
    })
    .expect("the truth breaks no law");
    assert!(last.get() > 0, "nothing became final");
    // What comes after it takes the number before its own.
    assert_found(Law::Finality, move |mut event| {
        let (L1Event::BlockAdded(BlockAdded { sequence, .. })
        | L1Event::Reorg(Reorg { sequence, .. })
        | L1Event::Finalized { sequence, .. }) = &mut event
        else {
            return vec![event];
        };
        if *sequence == last.get() {
            return Vec::new();
        }
        *sequence -= u64::from(*sequence > last.get());
        vec![event]
    });
}

#[test]
fn given_an_end_of_session_left_out_when_told_then_the_law_of_sessions_is_broken() {
    assert_found(Law::Sessions, once(|event| matches!(event, L1Event::Disconnected { .. }).then(Vec::new)));
}

#[test]
fn given_a_rejection_that_is_not_true_of_the_node_when_told_then_the_law_of_rejections_is_broken() {
    let rejected = |reason: fn() -> RejectReason| {
        once(move |event| match event {
            L1Event::Synced { .. } => {
                let node = "ws://node0:17510".to_owned();
                Some(vec![L1Event::NodeRejected { node, reason: reason(), retry_in: None }])
            }
            _ => None,
        })
    };
    assert_found(Law::Rejection, rejected(|| RejectReason::Resetting));
    assert_found(Law::Rejection, rejected(|| RejectReason::UnexpectedReply { request_id: 1 }));
}

#[test]
fn given_nothing_from_some_block_on_when_told_then_the_end_is_not_reached() {
    assert_found(Law::Rest, |event| match event.sequence() {
        Some(sequence) if sequence > 40 => Vec::new(),
        _ => vec![event],
    });
}
