//! `deep-reorg`: a reorganisation of the depth that was asked for.
//!
//! The followed node has the smaller part of the hash power and is cut off alone, so that every block that it mines is one
//! chain block. The cut heals when it has mined as many as asked for. What it mines until it knows the heavier chain comes on
//! top; to keep that within the tolerance, links are short, and the seed says when the followed node finds its blocks: the
//! cut begins where the other side has a lead by the last of them, and where the next is some way off.
//!
//! The depth stays below finality, or the node would refuse the other chain, and the cut is over before the other side
//! prunes the block at which it began.

use std::time::Duration;

use sim::{gossip::LOSING_MARGIN_BLUE_SCORE, miner::Miners, params::ParameterSet, random::Streams};

use super::{FOLLOWED_NODE, Request};
use crate::{
    plan::{Plan, PlannedCut, PlannedHeal, Topology},
    report::Figures,
};

/// Nodes that win; they share what hash power the followed node has not.
const WINNERS: usize = 3;

/// Largest mean delay between nodes.
const MOST_DELAY_MS: u64 = 20;

/// Mean latency between bridge and node: the bridge has the losing chain when it loses.
const CLIENT_LATENCY_MS: u64 = 2;

/// Block intervals of the network before the cut, and after it has healed.
const WARM_UP: u64 = 50;
const AFTERMATH: u64 = 100;

/// Blocks of the followed node among which the beginning of the cut is looked for, at least.
const CHOICES: u64 = 16;

/// Blocks of the followed node among which the beginning of the cut is looked for, at most.
const MOST_CHOICES: usize = 10_000;

/// Depth up to which a good beginning is looked for. At larger ones a few blocks more are nothing, and the first is taken.
const MOST_SEARCHED_DEPTH: usize = 100_000;

/// Mean delays within which every block has reached every node, also those that a cut released. The slowest of a million
/// takes 7.5.
const SETTLING_DELAYS: u32 = 15;

/// Largest share of the hash power of the followed node, in thousandths: the others find twice as much.
const MOST_SHARE: u64 = 333;

/// Depth unless told otherwise, at most.
const MOST_DEFAULT_DEPTH: u64 = 1_000;

/// The depth that is asked for; a quarter of finality unless told otherwise.
pub(super) fn depth(request: &Request) -> u64 {
    let default = || (request.parameters().finality_depth / 4).clamp(1, MOST_DEFAULT_DEPTH);
    request.depth.unwrap_or_else(default)
}

/// The largest depth at which the fork stays above the finality point of the losing node and above the pruning point of
/// the others, with room for what is not known beforehand.
pub(super) fn largest_depth(parameters: &ParameterSet) -> u64 {
    let above_finality = parameters.finality_depth.saturating_sub((parameters.finality_depth / 20).max(10));
    above_finality.min(before_pruning(parameters) / 2)
}

/// Block intervals that a storm needs at least: the followed node's blocks with six standard deviations and some choice.
pub(super) fn least_blocks(request: &Request) -> u64 {
    let depth = depth(request);
    let own_blocks = depth.saturating_add(6 * depth.isqrt()).saturating_add(CHOICES);
    let blocks = own_blocks.saturating_mul(1_000).div_ceil(share(request));
    blocks.saturating_add(WARM_UP + AFTERMATH)
}

/// The nodes, and the cut of the followed one.
pub(super) fn topology(request: &Request, storm_ms: u64) -> Topology {
    let share = share(request);
    let parts = |thousandths: u64| u32::try_from(thousandths).expect("at most a thousand, times the winners");
    let mut hash_shares = vec![parts(1_000 - share); WINNERS + 1];
    hash_shares[FOLLOWED_NODE as usize] = parts(share * WINNERS as u64);
    let mean_delay_ms = (request.parameters().block_interval_ms() / 5).clamp(1, MOST_DELAY_MS);
    let search = Search {
        depth: depth(request),
        interval: Duration::from_millis(request.parameters().block_interval_ms()),
        share,
        settling: Duration::from_millis(mean_delay_ms) * SETTLING_DELAYS,
        storm: Duration::from_millis(storm_ms),
    };
    let own_blocks = OwnBlocks::new(&hash_shares, request);
    let cut = PlannedCut {
        at_ms: search.cut_at_ms(own_blocks),
        side: vec![FOLLOWED_NODE],
        heal: PlannedHeal::WhenChainGrew { node: FOLLOWED_NODE, chain_blocks: depth(request) },
    };
    Topology {
        hash_shares,
        mean_delay_ms,
        client_latency_ms: CLIENT_LATENCY_MS,
        cuts: vec![cut],
        links: Vec::new(),
        outages: Vec::new(),
        strangers: Vec::new(),
    }
}

/// The depth that was asked for must have been reached, by the node and by its bridge.
pub(super) fn missed_gates(plan: &Plan, figures: &Figures) -> Vec<String> {
    let heal = plan.topology.cuts.first().map(|cut| cut.heal);
    let Some(PlannedHeal::WhenChainGrew { chain_blocks: depth, .. }) = heal else {
        return vec!["the plan's first cut heals at a time, not at a depth".to_owned()];
    };
    let tolerance = (depth / 10).max(1);
    let (least, most) = (depth.saturating_sub(tolerance).max(1), depth.saturating_add(tolerance));
    let name = "blocks removed by the reorg whose fork is the cut";
    let Some(reached) = figures.requested_reorg_depth else {
        return vec![format!("{name}: the cut led to no reorg, {depth} asked for")];
    };
    let mut missed = Vec::new();
    if !(least..=most).contains(&reached) {
        missed.push(format!("{name}: {reached}, {depth} asked for, from {least} to {most} accepted"));
    }
    // The bridge may not have had the last blocks of the lost chain.
    let (seen, expected) = (figures.max_reorg_depth, reached.saturating_sub(tolerance));
    if seen < expected {
        missed.push(format!("blocks removed by the bridge's deepest reorg: {seen}, the node's removed {reached}"));
    }
    missed
}

/// Thousandths of the hash power that the followed node has: little for small depths, so that few blocks come on top; as
/// much as needed to lose before the others prune.
fn share(request: &Request) -> u64 {
    let depth = depth(request).min(largest_depth(&request.parameters()));
    let in_time =
        depth.saturating_mul(1_000).div_ceil(depth.saturating_add(before_pruning(&request.parameters())).max(1));
    depth.saturating_mul(2).saturating_add(20).max(in_time).min(MOST_SHARE)
}

/// Blue score that the others may gain while the cut lasts.
fn before_pruning(parameters: &ParameterSet) -> u64 {
    parameters.pruning_depth / 5 * 4
}

/// When the followed node finds its blocks: what it finds depends on seed and shares alone.
struct OwnBlocks {
    miners: Miners,
    last: Duration,
}

impl OwnBlocks {
    fn new(hash_shares: &[u32], request: &Request) -> Self {
        let miners = Miners::new(hash_shares, request.parameters().blocks_per_second, Streams::new(request.seed));
        Self { miners, last: Duration::ZERO }
    }
}

impl Iterator for OwnBlocks {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.last += self.miners.next_interval(FOLLOWED_NODE as usize)?;
        Some(self.last)
    }
}

/// Where the cut is to begin.
struct Search {
    depth: u64,
    interval: Duration,
    /// Of the followed node, in thousandths.
    share: u64,
    /// From the last block that is mined until all nodes agree on a chain.
    settling: Duration,
    storm: Duration,
}

impl Search {
    /// When the others have the first own block from which on all is as it should be; if there is none in time, the very
    /// first one.
    fn cut_at_ms(&self, own_blocks: OwnBlocks) -> u64 {
        let blocks = |count: u64| self.interval.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let (earliest, latest) = (blocks(WARM_UP), self.storm.saturating_sub(blocks(AFTERMATH)));
        let depth = usize::try_from(self.depth).unwrap_or(usize::MAX).min(MOST_SEARCHED_DEPTH);
        // The start, the blocks of the lost chain, and the one that must not come too soon.
        let size = depth.saturating_add(2);
        let in_time = own_blocks.skip_while(|&at| at < earliest).take_while(|&at| at <= latest);
        let in_time: Vec<Duration> = in_time.take(size.saturating_add(MOST_CHOICES)).collect();
        let good = in_time.windows(size).find(|window| {
            let cut = Duration::from_millis(self.cut_after_ms(window[0]));
            let (first, last, next) = (window[1], window[depth], window[depth + 1]);
            first > cut && last - cut >= self.time_to_lead() && next - last >= self.settling
        });
        let start = good.map(|window| window[0]).or(in_time.first().copied()).unwrap_or(earliest);
        self.cut_after_ms(start)
    }

    fn cut_after_ms(&self, own_block: Duration) -> u64 {
        u64::try_from(own_block.saturating_add(self.settling).as_millis()).unwrap_or(u64::MAX)
    }

    /// Time in which the others gain a clear lead over a chain of the depth.
    fn time_to_lead(&self) -> Duration {
        let lead = self.depth + self.depth / 4 + 2 * LOSING_MARGIN_BLUE_SCORE;
        let intervals = lead.saturating_mul(1_000) / (1_000 - self.share);
        self.interval.saturating_mul(u32::try_from(intervals).unwrap_or(u32::MAX))
    }
}
