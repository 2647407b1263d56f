//! Cuts of the network: short ones, flapping, and one that lasts about as long as finality.

use sim::random::{Stream, Streams};

use super::{
    super::draw::from,
    drawn_storms,
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

/// A branch this much shorter than the finality depth, or one block more, is the longest that a node still leaves: for its
/// bridge the fork is the final block itself, or the one above it.
const EXACT_BLOCKS: u64 = 2;

/// Adds every kind of cut that exists in this weather.
pub(super) fn draw(plan: &mut Plan, streams: &Streams, weather: &Weather) {
    let halves = weather.has(Kind::Flapping).then(|| Halves::around_the_listener(plan));
    if let Some(halves) = &halves {
        halves.balance(&mut plan.topology.hash_shares);
        (0..drawn_storms(plan)).for_each(|episode| flapping(plan, streams, halves, episode));
    }
    if weather.has(Kind::FinalityEdge) {
        finality_edge(plan, streams, halves.as_ref());
    }
    if weather.has(Kind::Cuts) {
        let count = 1 + streams.stream("swarm cuts", 0).below(3 * weather.wildness * drawn_storms(plan));
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
    // A side without hash power does not grow, and one with half of it or more may never lose.
    let can_lose = (1..share_of_others(plan, &side)).contains(&share_of(plan, &side));
    let heal = if stream.chance(1, 2) && can_lose {
        PlannedHeal::WhenChainGrew { node: first, chain_blocks: from(LOST_BLOCKS, stream) }
    } else {
        PlannedHeal::AtMs(at_ms + interval_ms * from(CUT_BLOCKS, stream))
    };
    PlannedCut { at_ms, side, heal }
}

/// Two groups of nodes, and a node without hash power that is in neither.
struct Halves {
    listener: u32,
    nodes: [Vec<u32>; 2],
}

impl Halves {
    /// The listener is the node that the first bridge prefers: what it hears is what the bridge is told.
    fn around_the_listener(plan: &Plan) -> Self {
        let nodes = plan.topology.hash_shares.len() as u32;
        let listener = plan.bridges[0].nodes[0];
        let half = |first| (0..nodes).filter(|node| *node != listener && node % 2 == first).collect();
        Self { listener, nodes: [half(0), half(1)] }
    }

    /// Takes the listener's hash power away and makes the lighter half as heavy as the other, node by node in turn.
    fn balance(&self, hash_shares: &mut [u32]) {
        hash_shares[self.listener as usize] = 0;
        let share = |half: &Vec<u32>| -> u32 { half.iter().map(|node| hash_shares[*node as usize]).sum() };
        let [even, odd] = self.nodes.each_ref().map(share);
        let (lighter, missing) = if even < odd { (0, odd - even) } else { (1, even - odd) };
        for node in self.nodes[lighter].iter().cycle().take(missing as usize) {
            hash_shares[*node as usize] += 1;
        }
    }
}

/// One that has no hash power hears one half, then the other.
fn flapping(plan: &mut Plan, streams: &Streams, halves: &Halves, episode: u64) {
    let mut stream = streams.stream("swarm flapping", episode);
    let interval_ms = plan.parameters.block_interval_ms();
    let turns = 2 + stream.below(6);
    let turn_ms = interval_ms * from(FLAP_BLOCKS, &mut stream);
    // There is time for it: none begins in the last half of a storm, or of the last that a longer one counts for.
    let last_ms = plan.storm_ms - plan.storm_ms / drawn_storms(plan) / 2;
    let mut at_ms = stream.below(last_ms) + 1;
    for turn in 0..turns {
        // The half of node 0 is listened to in even turns, the other in odd ones.
        let mut side = halves.nodes[0].clone();
        if turn % 2 == 0 {
            side.push(halves.listener);
        }
        let heal = PlannedHeal::AtMs(at_ms + turn_ms + OVERLAP_MS);
        plan.topology.cuts.push(PlannedCut { at_ms, side, heal });
        at_ms += turn_ms;
    }
}

/// A node with the smaller part of the hash power is alone until its branch is about as deep as finality. One time in two it
/// is made to leave that branch later, whether it may or not. There is none if no bridge prefers a node that can be so.
fn finality_edge(plan: &mut Plan, streams: &Streams, halves: Option<&Halves>) {
    let mut stream = streams.stream("swarm finality", 0);
    let finality_depth = plan.parameters.finality_depth;
    let bridges = plan.bridges.len();
    let chosen = stream.below(bridges as u64) as usize;
    let mut in_turn = (0..bridges).map(|step| plan.bridges[(chosen + step) % bridges].nodes[0]);
    let has_power = |node: &u32| plan.topology.hash_shares[*node as usize] > 0;
    let Some(first) = in_turn.find(has_power) else { return };
    let others = share_of_others(plan, &[first]);
    // From a third to two fifths of all, unless halves have to be equal.
    plan.topology.hash_shares[first as usize] = (others * (10 + stream.below(4) as u32) / 20).max(1);
    if let Some(halves) = halves {
        halves.balance(&mut plan.topology.hash_shares);
    }
    if share_of(plan, &[first]) >= share_of_others(plan, &[first]) {
        // It is one half by itself.
        return;
    }
    let chain_blocks = match stream.below(4) {
        0 => finality_depth - EXACT_BLOCKS - stream.below(2),
        1 => finality_depth - EDGE_BLOCKS + stream.below(2 * EDGE_BLOCKS + 1),
        _ => finality_depth * (50 + stream.below(91)) / 100,
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

fn share_of(plan: &Plan, side: &[u32]) -> u32 {
    side.iter().map(|node| plan.topology.hash_shares[*node as usize]).sum()
}

fn share_of_others(plan: &Plan, side: &[u32]) -> u32 {
    plan.topology.hash_shares.iter().sum::<u32>() - share_of(plan, side)
}
