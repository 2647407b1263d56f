//! Points of the nodes that a bridge meets, and of the depths of reorgs.

use bridge::{L1Event, wire::Network as NetworkName};
use kaspa_hashes::Hash;
use scenarios::{coverage::Point, plan::PlannedBridge};
use sim::{workload::WorkloadConfig, world::host::node_url};

use crate::{
    DEPTHS,
    scene::{Halves, Scene, empty_network, halves},
};

/// The depths that are told of a reorg that removes so many blocks, each of them one blue block high.
fn depths(removed: u64) -> Vec<Point> {
    let network = empty_network();
    let mut scene = Scene::new(&network);
    (1..=removed + 1).for_each(|name| scene.add(Hash::from_u64_word(name), name));
    scene.remove(usize::try_from(removed).expect("few"));
    scene.reached().into_iter().filter(|point| DEPTHS.contains(point)).collect()
}

#[test]
fn given_reorgs_of_all_depths_when_told_then_each_is_in_its_range() {
    let ranges = [
        (1, 1, Point::ReorgDepth1),
        (2, 3, Point::ReorgDepth2),
        (4, 7, Point::ReorgDepth4),
        (8, 15, Point::ReorgDepth8),
        (16, 31, Point::ReorgDepth16),
        (32, 50, Point::ReorgDepth32),
    ];
    for (least, most, point) in ranges {
        assert_eq!([least, most].map(depths), [[point], [point]]);
    }
    // The finality depth is 200, and the lowest of n blocks is n - 1 below the tip.
    assert_eq!(depths(51), [Point::ReorgDepth32, Point::ReorgQuarterFinality]);
    assert_eq!(depths(63), [Point::ReorgDepth32, Point::ReorgQuarterFinality]);
    assert_eq!(depths(64), [Point::ReorgDepth64, Point::ReorgQuarterFinality]);
    assert_eq!(depths(101), [Point::ReorgDepth64, Point::ReorgQuarterFinality, Point::ReorgHalfFinality]);
}

#[test]
fn given_reorgs_down_to_the_final_block_or_the_next_when_told_then_each_is_seen() {
    let network = empty_network();
    for (kept, expected) in [(0, Some(Point::ReorgToFinalized)), (1, Some(Point::ReorgAboveFinalized)), (2, None)] {
        let mut scene = Scene::new(&network);
        (1..=9).for_each(|name| scene.add(Hash::from_u64_word(name), name));
        scene.finalize(4);
        scene.remove(9 - 4 - kept);
        let edges = [Point::ReorgToFinalized, Point::ReorgAboveFinalized];
        let reached: Vec<Point> = scene.reached().into_iter().filter(|point| edges.contains(point)).collect();
        assert_eq!(reached, Vec::from_iter(expected));
    }
}

fn connected(node: usize) -> L1Event {
    L1Event::Connected { session: 1, node: node_url(node), server_version: String::new(), network: NetworkName::SIMNET }
}

/// What is reached when a bridge at the first `count` blocks of the left chain begins sessions with these nodes.
fn met(halves: &Halves, count: usize, nodes: &[usize]) -> Vec<Point> {
    let mut scene = halves.scene_after(count);
    scene.bridge = PlannedBridge { nodes: vec![0, 3], ..PlannedBridge::to_node(0) };
    nodes.iter().for_each(|node| scene.tell(&connected(*node)));
    scene.reached()
}

#[test]
fn given_sessions_with_nodes_ahead_and_elsewhere_when_they_begin_then_it_is_told_which() {
    let halves = halves(WorkloadConfig::NONE);
    let (all, forked) = (halves.left.len(), halves.height_of_fork());
    assert_eq!(met(&halves, all, &[0]), []);
    assert_eq!(met(&halves, all - 1, &[0]), [], "one block is no distance");
    assert_eq!(met(&halves, forked, &[0]), [Point::MeetsNodeAhead]);
    assert_eq!(met(&halves, all, &[3]), [Point::MeetsNodeElsewhere]);
    assert_eq!(met(&halves, all, &[0, 3]), [Point::SwitchesNode, Point::MeetsNodeElsewhere]);
    let back = [Point::SwitchesNode, Point::ReturnsToPreferred, Point::MeetsNodeElsewhere];
    assert_eq!(met(&halves, all, &[0, 3, 0]), back);
    assert_eq!(met(&halves, all, &[0, 0]), []);
}
