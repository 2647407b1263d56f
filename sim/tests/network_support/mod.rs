//! Networks that the tests of the simulated L1 share.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code)]

use std::time::Duration;

use sim::gossip::{Cut, Heal};
use sim::network::{History, Network, NetworkConfig, Step};
use sim::params::ParameterSet;
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
