//! Networks that the tests of the simulated L1 share.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code)]

use std::time::Duration;

use sim::gossip::{Cut, Heal};
use sim::network::{History, Network, NetworkConfig, Outage, OutageKind, Step};
use sim::params::ParameterSet;
use sim::random::Stream;
use sim::workload::WorkloadConfig;

/// Eight equal miners, 0.4 s mean delay, one transaction a block on average.
pub fn config(seed: u64, mining_seconds: u64) -> NetworkConfig {
    NetworkConfig {
        seed,
        parameters: ParameterSet::storm(),
        hash_shares: vec![1; 8],
        mean_delay: Duration::from_millis(400),
        workload: WorkloadConfig::mixed(1_000, 8),
        cuts: Vec::new(),
        links: Vec::new(),
        outages: Vec::new(),
        history: History::Kept,
        mining_until: Duration::from_secs(mining_seconds),
    }
}

/// Three of eight nodes alone from 10 s on.
pub fn cut(heal: Heal) -> Cut {
    Cut { at: Duration::from_secs(10), side: vec![0, 1, 2], heal }
}

/// Runs to the end, showing every step to `look`.
pub fn run(config: NetworkConfig, mut look: impl FnMut(&mut Network, &Step)) -> Network {
    let mut network = Network::new(config).expect("the configuration is valid");
    while let Some(step) = network.step().expect("a short run never fills the store") {
        look(&mut network, &step);
    }
    network
}

/// Runs until the given time.
pub fn run_until(config: NetworkConfig, until: Duration) -> Network {
    let mut network = Network::new(config).expect("the configuration is valid");
    while network.next_event_at().is_some_and(|at| at <= until) {
        network.step().expect("a short run never fills the store");
    }
    network
}

/// The node, and the change of its sink, if the step is an arrival that was accepted.
pub fn change(step: &Step) -> Option<(usize, &sim::node::SinkChange)> {
    step.resolved.as_ref().map(|(node, change)| (*node, change))
}

/// One to three outages of four nodes after one another or at once, and sometimes a cut, that begin in these milliseconds.
pub fn trouble(config: &mut NetworkConfig, stream: &mut Stream, begin_ms: std::ops::Range<u64>) {
    let width_ms = begin_ms.end - begin_ms.start;
    for _ in 0..1 + stream.below(3) {
        let node = stream.below(4) as usize;
        let at = Duration::from_millis(begin_ms.start + stream.below(width_ms));
        let until = at + Duration::from_millis(1 + stream.below(15_000));
        let from = (node + 1 + stream.below(3) as usize) % 4;
        let kind = match stream.below(6) {
            0 => OutageKind::BodiesLag { until },
            1 => OutageKind::Withholding { until },
            2 => OutageKind::Restart { until },
            _ => OutageKind::Resync { from, transition: Duration::from_millis(100 + stream.below(9_000)) },
        };
        config.outages.push(Outage { node, at, kind });
    }
    if stream.chance(1, 2) {
        let at = Duration::from_millis(begin_ms.start + stream.below(width_ms));
        let heal = Heal::At(at + Duration::from_millis(500 + stream.below(9_000)));
        config.cuts = vec![Cut { at, side: vec![0, 1], heal }];
    }
}
