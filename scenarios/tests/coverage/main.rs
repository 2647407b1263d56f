//! Every coverage point: what reaches it, and what only looks so. That a sweep reaches all of them is in `storms.rs`.

mod events;
mod nodes;
mod pages;
mod scene;
mod spends;

use std::collections::BTreeSet;

use kaspa_hashes::Hash;
use scenarios::{
    coverage::{Coverage, Point},
    oracle::outcome::{Expected, Rest},
};
use sim::dag::BlockId;

use self::scene::{Scene, empty_network};

/// What needs blocks that exist, or the end of a run, and is reached in another room.
const IN_REAL_BLOCKS: [Point; 7] = [
    Point::SeveralPages,
    Point::StalePage,
    Point::TransactionMoves,
    Point::RivalReplaces,
    Point::DoubleSpendLeftOut,
    Point::RepeatLeftOut,
    Point::FinalityEdge,
];

/// What happens to a process, which is no event; reached by `machine_economy.rs`.
const IN_PROCESSES: [Point; 13] = [
    Point::RollsBackExecuted,
    Point::CrashInWrite,
    Point::CrashInSync,
    Point::CrashBeforeAcknowledgement,
    Point::CrashInOpening,
    Point::ForgottenInDoubt,
    Point::StoredInDoubt,
    Point::WriteError,
    Point::SyncError,
    Point::FullDisk,
    Point::ProcessKilled,
    Point::EndsInOrder,
    Point::DropsReceipts,
];

/// What concerns several bridges; reached by `storms.rs`.
const IN_RUNS: [Point; 1] = [Point::BridgesPart];

/// How deep reorgs are, told besides whatever else they are.
const DEPTHS: [Point; 11] = [
    Point::ReorgDepth1,
    Point::ReorgDepth2,
    Point::ReorgDepth4,
    Point::ReorgDepth8,
    Point::ReorgDepth16,
    Point::ReorgDepth32,
    Point::ReorgDepth64,
    Point::ReorgAboveFinalized,
    Point::ReorgToFinalized,
    Point::ReorgQuarterFinality,
    Point::ReorgHalfFinality,
];

/// What is true of a node when a session with it begins, or while it is followed.
const IN_NODES: [Point; 7] = [
    Point::SwitchesNode,
    Point::ReturnsToPreferred,
    Point::MeetsNodeBehind,
    Point::MeetsNodeAhead,
    Point::MeetsNodeElsewhere,
    Point::MeetsNodeSyncing,
    Point::PrunedWhileFollowed,
];

#[test]
fn given_all_points_when_looked_for_in_these_tests_then_each_is_reached_here() {
    let here: BTreeSet<Point> =
        events::cases().into_iter().flat_map(|(_, expected)| expected).chain(IN_REAL_BLOCKS).collect();
    let elsewhere = IN_PROCESSES.into_iter().chain(DEPTHS).chain(IN_NODES).chain(IN_RUNS);
    let all: BTreeSet<Point> = here.into_iter().chain(elsewhere).chain([Point::ReorgAcrossRestart]).collect();
    assert_eq!(Vec::from_iter(all), Point::ALL);
}

#[test]
fn given_a_process_that_is_back_when_told_of_a_reorg_or_a_block_first_then_only_the_reorg_is_counted() {
    let network = empty_network();
    let reached = |first_is_a_reorg: bool| {
        let mut scene = Scene::new(&network);
        (1..=8).for_each(|name| scene.add(Hash::from_u64_word(name), name));
        scene.look(|watch, _, _| watch.on_restart());
        if !first_is_a_reorg {
            scene.add(Hash::from_u64_word(9), 9);
        }
        scene.remove(2);
        scene.coverage.count(Point::ReorgAcrossRestart)
    };
    assert_eq!([true, false].map(reached), [1, 0]);
}

#[test]
fn given_lost_branches_of_some_depths_when_at_rest_then_those_at_the_edge_of_finality_are_counted() {
    let network = empty_network();
    let reached = |deepest_lost_branch| {
        let mut scene = Scene::new(&network);
        let expected = Expected::Converges;
        let rest = Rest { sink: BlockId::GENESIS, expected, finality_conflicts: 0, deepest_lost_branch };
        scene.look(|watch, context, coverage| watch.at_rest(&rest, context, coverage));
        scene.reached()
    };
    // The finality depth is 200; a twentieth of it is 10.
    for (depth, expected) in [(0, 0), (189, 0), (190, 1), (200, 1), (210, 1), (211, 0), (u64::MAX, 0)] {
        assert_eq!(reached(depth), vec![Point::FinalityEdge; expected], "{depth}");
    }
}

#[test]
fn given_two_runs_when_added_then_counts_add_up_and_only_what_neither_reached_is_missed() {
    let mut sum = Coverage::default();
    assert_eq!(sum.missed(), Point::ALL);
    let mut other = Coverage::default();
    [Point::DeepReorg, Point::Paused].into_iter().for_each(|point| sum.hit(point));
    [Point::Paused, Point::Paused, Point::StalePage].into_iter().for_each(|point| other.hit(point));
    sum.add(&other);
    assert_eq!([Point::DeepReorg, Point::Paused, Point::StalePage].map(|point| sum.count(point)), [1, 3, 1]);
    assert_eq!(sum.missed().len(), Point::ALL.len() - 3);
    let json = serde_json::to_string(&sum).expect("numbers and text always serialize");
    assert_eq!(json, r#"{"deep-reorg":1,"stale-page":1,"paused":3}"#);
}

#[test]
fn given_the_list_of_points_when_read_then_names_are_words_and_numbers_with_hyphens_and_no_two_are_the_same() {
    let names: BTreeSet<&str> = Point::ALL.iter().map(|point| point.name()).collect();
    assert_eq!(names.len(), Point::ALL.len());
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    assert!(names.iter().all(|name| name.split('-').all(is_part)), "{names:?}");
    assert!(Point::ALL.iter().all(|point| !point.meaning().is_empty()));
}
