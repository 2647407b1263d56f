//! The bridges and their settings.

use sim::random::Streams;

use super::weather::{Kind, Weather};
use crate::{
    fault::{PlannedStranger, StrangerKind},
    plan::{Plan, PlannedBridge},
};

/// Numbers of bridges: one of these.
const BRIDGES: [u64; 16] = [1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 4];

/// Numbers of nodes of a bridge: one of these.
const NODES: [u64; 8] = [1, 1, 1, 1, 2, 2, 2, 3];

/// Part of the finality depth that a bridge waits for at most. A reorg that takes back what it was told is deeper.
const CONFIRMATIONS_PART: u64 = 8;

/// Replaces the bridges of the plan by those that the seed draws, and makes strangers of some nodes.
pub(super) fn draw(plan: &mut Plan, streams: &Streams, weather: &Weather) {
    let count = BRIDGES[streams.stream("swarm bridges", 0).below(BRIDGES.len() as u64) as usize];
    let nodes = plan.topology.hash_shares.len() as u64;
    let most = plan.parameters.finality_depth / CONFIRMATIONS_PART;
    let drawn = |number| PlannedBridge {
        confirmations: confirmations(streams, number, most),
        ..bridge(streams, number, nodes)
    };
    plan.bridges = (0..count).map(drawn).collect();
    // A bridge that has only such nodes ends at once, and sees nothing of all else: they are rare.
    if weather.has(Kind::Strangers) && streams.stream("swarm strangers", 0).chance(1, 2) {
        strangers(plan, streams, count, weather);
    }
}

/// Nodes that are not what a bridge looks for, and sometimes a bridge that is configured for another network.
fn strangers(plan: &mut Plan, streams: &Streams, count: u64, weather: &Weather) {
    let nodes = plan.topology.hash_shares.len() as u64;
    for number in 0..weather.wildness {
        let mut stream = streams.stream("swarm strange node", number);
        let node = stream.below(nodes) as u32;
        let kind = match stream.below(3) {
            0 => StrangerKind::OtherNetwork,
            1 => StrangerKind::TooOld,
            _ => StrangerKind::Unsynced,
        };
        // One node is strange in one way.
        if plan.topology.strangers.iter().all(|stranger| stranger.node != node) {
            plan.topology.strangers.push(PlannedStranger { node, kind });
        }
    }
    if streams.stream("swarm stranger", 0).chance(1, 4) {
        let mut stranger = bridge(streams, count, nodes);
        // No node says that it is on this one.
        stranger.network = "devnet".to_owned();
        plan.bridges.push(stranger);
    }
}

/// How long the bridge keeps blocks back: one in four does.
fn confirmations(streams: &Streams, number: u64, most: u64) -> u64 {
    let mut stream = streams.stream("swarm confirmations", number);
    if most > 0 && stream.chance(1, 4) { 1 + stream.below(most) } else { 0 }
}

fn bridge(streams: &Streams, number: u64, nodes: u64) -> PlannedBridge {
    let mut stream = streams.stream("swarm bridge", number);
    let mut followed = Vec::new();
    for _ in 0..NODES[stream.below(NODES.len() as u64) as usize] {
        let node = stream.below(nodes) as u32;
        if !followed.contains(&node) {
            followed.push(node);
        }
    }
    let mut bridge = PlannedBridge { nodes: followed, ..PlannedBridge::to_node(0) };
    bridge.poll_interval_ms = 200 + stream.below(2_800);
    // One in four is as patient as bridges usually are.
    if stream.chance(3, 4) {
        bridge.connect_timeout_ms = 1_000 + stream.below(7_000);
        bridge.request_timeout_ms = 1_500 + stream.below(8_500);
        bridge.silence_timeout_ms = 2_000 + stream.below(10_000);
        bridge.backoff_min_ms = 50 + stream.below(500);
        bridge.backoff_max_ms = 1_000 + stream.below(9_000);
    }
    if stream.chance(1, 4) {
        bridge.high_water_mark = 4 + stream.below(100);
    }
    bridge
}
