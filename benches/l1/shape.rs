//! The networks that are measured. Nobody follows them.

use std::time::Duration;

use sim::network::{History, Network, NetworkConfig, StepKind};
use sim::params::ParameterSet;
use sim::workload::WorkloadConfig;

/// What a run costs depends on.
pub struct Shape {
    pub miners: usize,
    pub mean_delay: Duration,
    pub workload: WorkloadConfig,
    pub mining_until: Duration,
}

impl Shape {
    /// Mainnet without transactions.
    pub fn empty_blocks(mining_until: Duration) -> Self {
        Self { miners: 8, mean_delay: Duration::from_millis(400), workload: WorkloadConfig::NONE, mining_until }
    }

    /// What the reference simulator is measured with: four miners, half a second from one to another, ten transactions a
    /// block. Its delay is constant, and its transactions are signed; here the signature is as long, but zero.
    pub fn simpa(mining_until: Duration) -> Self {
        let workload = WorkloadConfig::mixed(10_000, 100);
        Self { miners: 4, mean_delay: Duration::from_millis(500), workload, mining_until }
    }
}

/// A network of that shape with mainnet's parameters and equal miners.
pub fn network(shape: &Shape) -> Network {
    let config = NetworkConfig {
        mean_delay: shape.mean_delay,
        workload: shape.workload.clone(),
        mining_until: shape.mining_until,
        history: History::Dropped,
        ..NetworkConfig::new(1, ParameterSet::mainnet(), vec![1; shape.miners])
    };
    Network::new(config).expect("the parameters are mainnet's and every value is within its bounds")
}

/// Runs until so many more blocks are mined, or until nothing is left to happen. Returns how many were.
pub fn mine(network: &mut Network, blocks: usize) -> usize {
    let mut mined = 0;
    while mined < blocks
        && let Some(step) = network.step().expect("the store has ids for billions of blocks")
    {
        mined += usize::from(matches!(step.what, StepKind::BlockMined { .. }));
    }
    mined
}
