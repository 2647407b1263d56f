//! Cuts of the network: short ones, flapping, and one that lasts about as long as finality.

use sim::random::{Stream, Streams};

use super::{
    super::draw::from,
    weather::{Kind, Weather},
};
use crate::plan::{Plan, PlannedCut, PlannedHeal, PlannedOutage, PlannedOutageKind};

/// Lengths of a cut that heals at a time, in block intervals: the least and the width of what is drawn.
const CUT_BLOCKS: (u64, u64) = (5, 120);

/// Chain blocks that the losing side of a cut has at least when it heals: the least and the width of what is drawn.
const LOST_BLOCKS: (u64, u64) = (2, 40);

/// How long each half is heard in turn, in block intervals.
const FLAP_BLOCKS: (u64, u64) = (8, 100);

/// How long two cuts that follow one another overlap: nobody hears both halves in between.
const OVERLAP_MS: u64 = 1;

/// Branches this near the finality depth, in blocks, are at its edge.
const EDGE_BLOCKS: u64 = 8;

/// Adds every kind of cut that exists in this weather.
pub(super) fn draw(plan: &mut Plan, streams: &Streams, weather: &Weather) {
    if weather.has(Kind::Flapping) {
        flapping(plan, streams);
    }
    if weather.has(Kind::FinalityEdge) {
        finality_edge(plan, streams);
    }
    if weather.has(Kind::Cuts) {
        let count = 1 + streams.stream("swarm cuts", 0).below(3 * weather.wildness);
        let cuts: Vec<_> = (0..count).map(|number| cut(plan, &mut streams.stream("swarm cut", number))).collect();
        plan.topology.cuts.extend(cuts);
    }
}

/// Some nodes on one side, at least one on each.
fn cut(plan: &Plan, stream: &mut Stream) -> PlannedCut {
    let nodes = plan.topology.hash_shares.len() as u64;
    let interval_ms = plan.parameters.block_interval_ms();
    let at_ms = 10 * interval_ms + stream.below(plan.storm_ms);
    // The first node of a bridge is the one whose troubles are seen.
    let first = plan.bridges[stream.below(plan.bridges.len() as u64) as usize].nodes[0];
    let others = stream.below(nodes / 2);
    let mut side = vec![first];
    for _ in 0..others {
        let node = stream.below(nodes) as u32;
        if !side.contains(&node) {
            side.push(node);
        }
    }
    let heal = if stream.chance(1, 2) {
        PlannedHeal::WhenChainGrew { node: first, chain_blocks: from(LOST_BLOCKS, stream) }
    } else {
        PlannedHeal::AtMs(at_ms + interval_ms * from(CUT_BLOCKS, stream))
    };
    PlannedCut { at_ms, side, heal }
}

/// The nodes fall into two halves, and one without hash power hears the one, then the other.
fn flapping(plan: &mut Plan, streams: &Streams) {
    let shares = &plan.topology.hash_shares;
    let nodes = shares.len() as u32;
    let listener = shares.iter().position(|share| *share == 0).map_or(0, |node| node as u32);
    let half = |first: u32| -> Vec<u32> { (0..nodes).filter(|node| *node != listener && node % 2 == first).collect() };
    let mut stream = streams.stream("swarm flapping", 0);
    let interval_ms = plan.parameters.block_interval_ms();
    let turns = 2 + stream.below(6);
    let turn_ms = interval_ms * from(FLAP_BLOCKS, &mut stream);
    let mut at_ms = stream.below(plan.storm_ms / 2) + 1;
    for turn in 0..turns {
        // Half of 0 is listened to in even turns, half of 1 in odd ones.
        let mut side = half(0);
        if turn % 2 == 0 {
            side.push(listener);
        }
        let heal = PlannedHeal::AtMs(at_ms + turn_ms + OVERLAP_MS);
        plan.topology.cuts.push(PlannedCut { at_ms, side, heal });
        at_ms += turn_ms;
    }
}

/// A node with the smaller part of the hash power is alone until its branch is about as deep as finality. One time in two it
/// is made to leave that branch later, whether it may or not.
fn finality_edge(plan: &mut Plan, streams: &Streams) {
    let mut stream = streams.stream("swarm finality", 0);
    let finality_depth = plan.parameters.finality_depth;
    let first = plan.bridges[stream.below(plan.bridges.len() as u64) as usize].nodes[0];
    let others: u32 = shares_of_others(plan, first);
    // From a third to two fifths of all.
    plan.topology.hash_shares[first as usize] = (others * (10 + stream.below(4) as u32) / 20).max(1);
    let chain_blocks = if stream.chance(1, 2) {
        finality_depth - EDGE_BLOCKS + stream.below(2 * EDGE_BLOCKS + 1)
    } else {
        finality_depth * (50 + stream.below(91)) / 100
    };
    let interval_ms = plan.parameters.block_interval_ms();
    let at_ms = interval_ms * (20 + stream.below(150));
    let heal = PlannedHeal::WhenChainGrew { node: first, chain_blocks };
    plan.topology.cuts.push(PlannedCut { at_ms, side: vec![first], heal });
    if stream.chance(1, 2) {
        let nodes = plan.topology.hash_shares.len() as u64;
        let from = (u64::from(first) + 1 + stream.below(nodes - 1)) % nodes;
        let kind =
            PlannedOutageKind::Resync { from: from as u32, transition_ms: interval_ms * (5 + stream.below(100)) };
        let at_ms = plan.storm_ms / 100 * (60 + stream.below(40));
        plan.topology.outages.push(PlannedOutage { node: first, at_ms, kind });
    }
}

fn shares_of_others(plan: &Plan, node: u32) -> u32 {
    let shares = plan.topology.hash_shares.iter().enumerate();
    shares.filter(|(other, _)| *other != node as usize).map(|(_, share)| *share).sum()
}
