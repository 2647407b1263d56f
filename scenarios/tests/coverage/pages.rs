//! Points of pages that are cut or come late: they need blocks that exist.

use std::time::Duration;

use scenarios::{
    coverage::Point,
    plan::{PlannedBridge, PlannedConsumer},
};
use sim::{dag::BlockId, workload::WorkloadConfig};

use crate::scene::halves;

fn slow() -> PlannedBridge {
    let consumer = PlannedConsumer { store_ms: 1, acknowledge_every: 1, ..PlannedConsumer::default() };
    PlannedBridge { consumer, ..PlannedBridge::to_node(0) }
}

#[test]
fn given_a_sink_more_than_a_page_above_the_tip_when_the_first_block_comes_then_several_pages_are_needed() {
    let halves = halves(WorkloadConfig::NONE);
    let (dag, sink) = (halves.network.store().dag(), halves.network.node(0).sink());
    // A page merges 200 blocks at most.
    let is_far = |block: &BlockId| dag.blue_score(sink) - dag.blue_score(*block) > 200;
    let far = halves.left.partition_point(is_far);
    assert!(far > 1, "the chain is longer than a page");
    let reached = |count: usize, bridge: Option<PlannedBridge>| {
        let mut scene = halves.scene_after(count);
        scene.bridge = bridge.unwrap_or(scene.bridge);
        scene.answer(0, sink);
        // Of the same answer only the first block counts.
        halves.left[count..count + 2].iter().for_each(|&block| scene.add_real(block));
        scene.reached()
    };
    assert_eq!(reached(far - 1, None), [Point::SeveralPages]);
    assert_eq!(reached(far, None), [Point::SeveralPages]);
    assert_eq!(reached(far + 1, None), []);
    assert_eq!(reached(far, Some(slow())), []);
}

#[test]
fn given_a_sink_more_than_a_page_above_the_fork_when_the_reorg_comes_then_several_pages_are_needed() {
    let halves = halves(WorkloadConfig::NONE);
    let height = halves.height_of_fork();
    let mut scene = halves.scene_after(height + 1);
    scene.answer(3, halves.network.node(3).sink());
    scene.remove(1);
    assert_eq!(scene.reached(), [Point::SeveralPages, Point::ReorgDepth1]);
}

#[test]
fn given_a_block_that_the_node_left_when_delivered_then_its_page_is_stale_and_counts_once() {
    let halves = halves(WorkloadConfig::NONE);
    let height = halves.height_of_fork();
    let reached = |node: u32, seconds: &[u64], bridge: Option<PlannedBridge>| {
        let mut scene = halves.scene_after(height);
        scene.bridge = bridge.unwrap_or(scene.bridge);
        for (&block, &second) in halves.right[height..].iter().zip(seconds) {
            scene.now = Duration::from_secs(second);
            scene.answer(node, block);
            scene.add_real(block);
        }
        scene.reached()
    };
    assert_eq!(reached(0, &[1], None), [Point::StalePage]);
    assert_eq!(reached(0, &[1, 1], None), [Point::StalePage]);
    assert_eq!(reached(0, &[1, 1, 2], None), [Point::StalePage; 2]);
    assert_eq!(reached(3, &[1, 1, 2], None), []);
    assert_eq!(reached(0, &[1, 1], Some(slow())), []);
}
