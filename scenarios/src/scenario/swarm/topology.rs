//! Consensus parameters, nodes, hash power, delays, transactions.

use sim::{params::ParameterSet, random::Streams, workload::WorkloadConfig};

use super::weather::{Kind, Weather};
use crate::{
    economy::EconomyConfig,
    plan::{Plan, PlannedLatency, PlannedLink},
};

/// Rates of the networks that differ from the usual one, the usual one more often than others.
const BLOCKS_PER_SECOND: [u64; 8] = [10, 10, 10, 10, 2, 5, 20, 25];

/// A set of small depths, so that nodes prune within the run; one time in two that the weather allows it.
pub(super) fn parameters(plan: &mut Plan, streams: &Streams, weather: &Weather) {
    if !weather.has(Kind::Parameters) {
        return;
    }
    let mut stream = streams.stream("swarm parameters", 0);
    let ghostdag_k = 4 + stream.below(9) as u16;
    let mergeset_size_limit = usize::from(ghostdag_k) + 2 + stream.below(u64::from(ghostdag_k)) as usize;
    let finality_depth = 100 + stream.below(101);
    let merge_depth = 30 + stream.below(finality_depth / 2);
    let mut set = ParameterSet {
        name: "swarm".to_owned(),
        blocks_per_second: BLOCKS_PER_SECOND[stream.below(BLOCKS_PER_SECOND.len() as u64) as usize],
        ghostdag_k,
        max_block_parents: 4 + stream.below(9) as usize,
        mergeset_size_limit,
        merge_depth,
        finality_depth,
        pruning_depth: 0,
        difficulty_window_size: 60 + stream.below(240),
        unchecked: false,
    };
    set.pruning_depth = set.least_pruning_depth() + stream.below(100);
    // Too near a multiple of the finality depth is refused; the next that is not is some blocks further on.
    while set.check().is_err() && set.pruning_depth < 100_000 {
        set.pruning_depth += 1;
    }
    plan.parameters = set;
}

/// The nodes, what lies between them, and the transactions.
pub(super) fn nodes(plan: &mut Plan, streams: &Streams, weather: &Weather) {
    let mut stream = streams.stream("swarm nodes", 0);
    let count = 4 + stream.below(5);
    let is_equal = stream.chance(1, 3);
    // Node by node: a node more shifts no draw of another.
    let share = |node: u64| if is_equal { 1 } else { 1 + streams.stream("swarm share", node).below(8) as u32 };
    plan.topology.hash_shares = (0..count).map(share).collect();
    let interval_ms = plan.parameters.block_interval_ms();
    // In a delay the network finds fewer blocks than k.
    let most_tenths = u64::from(plan.parameters.ghostdag_k) * 4;
    plan.topology.mean_delay_ms = (interval_ms * (1 + stream.below(most_tenths)) / 10).max(1);
    // Mostly near bridges, some far ones.
    let most_latency_ms = if stream.chance(1, 6) { 250 } else { 50 };
    plan.topology.client_latency_ms = 1 + stream.below(most_latency_ms);
    if weather.has(Kind::SlowLinks) {
        plan.topology.links = links(streams, count, plan.topology.mean_delay_ms, weather.wildness);
    }
    workload(plan, streams);
}

fn links(streams: &Streams, nodes: u64, mean_delay_ms: u64, wildness: u64) -> Vec<PlannedLink> {
    let count = 1 + streams.stream("swarm links", 0).below(2 * wildness);
    let link = |number| {
        let mut stream = streams.stream("swarm link", number);
        let a = stream.below(nodes);
        let b = (a + 1 + stream.below(nodes - 1)) % nodes;
        let slow_ms = mean_delay_ms * (2 + stream.below(4));
        let latency = match stream.below(3) {
            0 => PlannedLatency::ConstantMs(slow_ms),
            1 => PlannedLatency::MeanMs(slow_ms),
            _ => PlannedLatency::Uniform { least_ms: 0, most_ms: 2 * slow_ms },
        };
        PlannedLink { between: vec![a as u32], and: vec![b as u32], latency }
    };
    (0..count).map(link).collect()
}

fn workload(plan: &mut Plan, streams: &Streams) {
    let mut stream = streams.stream("swarm workload", 0);
    let (mean, most) = match stream.below(16) {
        0 | 1 => (0, 0),
        2 => (4_000 + stream.below(4_001), 20),
        3 | 4 => (1_500 + stream.below(2_500), 10),
        _ => (200 + stream.below(1_300), 1 + stream.below(6)),
    };
    plan.workload = WorkloadConfig::mixed(mean as u32, most as u32);
    plan.economy = stream.chance(1, 2).then(EconomyConfig::default);
}
