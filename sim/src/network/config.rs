//! What a simulated L1 is made from, and what is wrong with it.

use std::time::Duration;

use thiserror::Error;

use super::{Outage, OutageKind};
use crate::dag::DagError;
use crate::gossip::{Cut, Heal, Latency, Link};
use crate::params::{ParameterError, ParameterSet};
use crate::workload::WorkloadConfig;

/// Largest number of nodes; delays are drawn from one stream for each pair.
pub const MOST_NODES: usize = 256;

/// Longest simulated time and delay: ten years.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What a simulated L1 is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Seed of all random streams.
    pub seed: u64,
    /// Consensus parameters; checked.
    pub parameters: ParameterSet,
    /// One entry for each node: relative hash power of its miner. A node with zero does not mine.
    pub hash_shares: Vec<u32>,
    /// Mean time that a block takes from one node to another, with [`Latency::ShiftedExponential`].
    pub mean_delay: Duration,
    /// Where it takes another time. The last link that joins two nodes counts.
    pub links: Vec<Link>,
    /// Transactions.
    pub workload: WorkloadConfig,
    /// When the network is divided.
    pub cuts: Vec<Cut>,
    /// What happens to single nodes.
    pub outages: Vec<Outage>,
    /// No block is found at or after this time.
    pub mining_until: Duration,
    /// What becomes of blocks that no node has any more.
    pub history: History,
}

/// What becomes of blocks that no node has any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// They stay in the shared store, for whoever checks what happened.
    Kept,
    /// They are dropped: memory is bounded however long the run is. So is genesis, of which a node that pruned it would keep
    /// the header: it answers that it does not know genesis.
    Dropped,
}

impl NetworkConfig {
    /// A network of nodes with these hash powers, joined by links of 0.4 s mean delay, without transactions, cuts or outages,
    /// that mines for ten minutes and keeps its history.
    pub fn new(seed: u64, parameters: ParameterSet, hash_shares: Vec<u32>) -> Self {
        Self {
            seed,
            parameters,
            hash_shares,
            mean_delay: Duration::from_millis(400),
            links: Vec::new(),
            workload: WorkloadConfig::NONE,
            cuts: Vec::new(),
            outages: Vec::new(),
            mining_until: Duration::from_secs(600),
            history: History::Kept,
        }
    }

    /// Looks for what contradicts itself.
    ///
    /// # Errors
    /// The first thing found.
    pub(super) fn check(&self) -> Result<(), NetworkError> {
        self.parameters.check()?;
        let count = self.hash_shares.len();
        if !(1..=MOST_NODES).contains(&count) {
            return Err(NetworkError::NodeCount { count });
        }
        if self.hash_shares.iter().all(|&share| share == 0) {
            return Err(NetworkError::NoHashPower);
        }
        let seconds = |field, time: Duration| (field, time.as_secs(), LONGEST.as_secs());
        let times = [seconds("mining_until", self.mining_until), seconds("mean_delay", self.mean_delay)];
        for (field, value, most) in self.workload.bounds().into_iter().chain(times) {
            if value > most {
                return Err(NetworkError::TooLarge { field, value, most });
            }
        }
        for (number, link) in self.links.iter().enumerate() {
            check_link(number, link, count)?;
        }
        for (number, cut) in self.cuts.iter().enumerate() {
            check_cut(number, cut, count)?;
        }
        for (number, outage) in self.outages.iter().enumerate() {
            check_outage(number, outage, count)?;
        }
        Ok(())
    }
}

/// Why a network cannot be set up or cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The parameter set contradicts itself.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// No node, or too many.
    #[error("the network has {count} nodes, it must have from 1 to {MOST_NODES}")]
    NodeCount {
        /// Number of entries of `hash_shares`.
        count: usize,
    },
    /// Nobody mines.
    #[error("no node of the network has hash power: all entries of `hash_shares` are zero")]
    NoHashPower,
    /// A value is larger than the simulation can work with.
    #[error("`{field}` is {value}, it must be at most {most}")]
    TooLarge {
        /// Name of the field.
        field: &'static str,
        /// What the field says; times in seconds.
        value: u64,
        /// Largest usable value.
        most: u64,
    },
    /// A cut names a node that does not exist.
    #[error("cut {cut} names node {node}, the network has {count} nodes")]
    CutNode {
        /// Number of the cut.
        cut: usize,
        /// The node named.
        node: usize,
        /// Number of nodes.
        count: usize,
    },
    /// A cut would not divide the network.
    #[error("cut {cut} has all nodes of the network on one side")]
    CutSide {
        /// Number of the cut.
        cut: usize,
    },
    /// A cut would end before it begins.
    #[error("cut {cut} begins at {at:?} and heals at {heal:?}, which is not later")]
    CutOrder {
        /// Number of the cut.
        cut: usize,
        /// When it begins.
        at: Duration,
        /// When it heals.
        heal: Duration,
    },
    /// A link names a node that does not exist.
    #[error("link {link} names node {node}, the network has {count} nodes")]
    LinkNode {
        /// Number of the link.
        link: usize,
        /// The node named.
        node: usize,
        /// Number of nodes.
        count: usize,
    },
    /// A link is slower than the simulation can work with, or its bounds are the wrong way round.
    #[error("link {link} has the latency {latency:?}: times must be at most ten years, and the least at most the most")]
    LinkLatency {
        /// Number of the link.
        link: usize,
        /// Its latency.
        latency: Latency,
    },
    /// An outage names a node that does not exist.
    #[error("outage {outage} names node {node}, the network has {count} nodes")]
    OutageNode {
        /// Number of the outage.
        outage: usize,
        /// The node named.
        node: usize,
        /// Number of nodes.
        count: usize,
    },
    /// A node would sync from itself.
    #[error("outage {outage} lets node {node} sync from itself")]
    OutagePeer {
        /// Number of the outage.
        outage: usize,
        /// The node.
        node: usize,
    },
    /// An outage would end before it begins.
    #[error("outage {outage} begins at {at:?} and ends at {until:?}, which is not later")]
    OutageOrder {
        /// Number of the outage.
        outage: usize,
        /// When it begins.
        at: Duration,
        /// When it ends.
        until: Duration,
    },
    /// The block store refused a block: its ids are used up.
    #[error("the block store refused a block: {0}")]
    Store(#[from] DagError),
}

fn check_link(number: usize, link: &Link, count: usize) -> Result<(), NetworkError> {
    if let Some(&node) = link.between.iter().chain(&link.and).find(|&&node| node >= count) {
        return Err(NetworkError::LinkNode { link: number, node, count });
    }
    let (least, most) = match link.latency {
        Latency::ShiftedExponential { mean } => (Duration::ZERO, mean),
        Latency::Constant { delay } => (delay, delay),
        Latency::Uniform { least, most } => (least, most),
    };
    if least > most || most > LONGEST {
        return Err(NetworkError::LinkLatency { link: number, latency: link.latency });
    }
    Ok(())
}

fn check_cut(number: usize, cut: &Cut, count: usize) -> Result<(), NetworkError> {
    let watched = match cut.heal {
        Heal::At(heal) if heal <= cut.at => return Err(NetworkError::CutOrder { cut: number, at: cut.at, heal }),
        Heal::At(_) => None,
        Heal::WhenChainGrew { node, .. } => Some(node),
    };
    if let Some(&node) = cut.side.iter().chain(&watched).find(|&&node| node >= count) {
        return Err(NetworkError::CutNode { cut: number, node, count });
    }
    let on_side = (0..count).filter(|node| cut.side.contains(node)).count();
    if on_side == 0 || on_side == count {
        return Err(NetworkError::CutSide { cut: number });
    }
    Ok(())
}

fn check_outage(number: usize, outage: &Outage, count: usize) -> Result<(), NetworkError> {
    let Outage { node, at, kind } = *outage;
    let (peer, until) = match kind {
        OutageKind::BodiesLag { until } | OutageKind::Withholding { until } | OutageKind::Restart { until } => {
            (None, Some(until))
        }
        OutageKind::Resync { from, transition } => {
            let transition_seconds = transition.as_secs();
            if transition > LONGEST {
                let most = LONGEST.as_secs();
                return Err(NetworkError::TooLarge { field: "transition", value: transition_seconds, most });
            }
            (Some(from), None)
        }
    };
    if let Some(node) = [Some(node), peer].into_iter().flatten().find(|&node| node >= count) {
        return Err(NetworkError::OutageNode { outage: number, node, count });
    }
    if peer == Some(node) {
        return Err(NetworkError::OutagePeer { outage: number, node });
    }
    match until {
        Some(until) if until <= at => Err(NetworkError::OutageOrder { outage: number, at, until }),
        _ => Ok(()),
    }
}
