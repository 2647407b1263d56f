//! How long a block takes from node to node, and cuts of the network.
//!
//! A mined block reaches every other node directly, after half the mean delay plus an exponential wait of half the mean,
//! drawn from the stream of that pair of nodes. A cut divides the nodes into two sides: what would arrive across it is
//! held, and sent again with fresh delays when it heals. A node may then see a block before its parents.

use std::time::Duration;

use crate::dag::BlockId;
use crate::random::{Stream, Streams};

/// A time during which two groups of nodes do not hear from each other. Cuts may overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// When it begins.
    pub at: Duration,
    /// The nodes on one side; all others are on the other.
    pub side: Vec<usize>,
    /// When it ends.
    pub heal: Heal,
}

/// When a cut ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heal {
    /// At this time.
    At(Duration),
    /// As soon as the selected chain of `node` is so many chain blocks above every chain block that it has in common with
    /// a node on the other side: so deep is the reorganisation if its side loses. At the latest when mining ends.
    WhenChainGrew {
        /// The node that is watched.
        node: usize,
        /// Number of chain blocks.
        chain_blocks: u64,
    },
}

/// A block on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The node that mined it.
    pub from: usize,
    /// The node that it reaches.
    pub to: usize,
    /// The block.
    pub block: BlockId,
}

/// Delays between all pairs of nodes, and the state of all cuts.
pub struct Gossip {
    nodes: usize,
    half_mean: Duration,
    /// By sender, then receiver. Deliveries after a cut draw from streams of their own, so that a cut shifts no other
    /// delay.
    delays: Vec<Stream>,
    delays_after_cut: Vec<Stream>,
    cuts: Vec<CutState>,
}

struct CutState {
    /// For each node whether it is on the listed side.
    side: Vec<bool>,
    heal: Heal,
    phase: Phase,
    held: Vec<Delivery>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Planned,
    Active,
    Healed,
}

impl Gossip {
    /// Gossip between so many nodes. Sides name existing nodes.
    pub fn new(nodes: usize, mean_delay: Duration, cuts: &[Cut], streams: Streams) -> Self {
        let pairs = || {
            let pair = |from: u64, to: u64| from << 32 | to;
            (0..nodes as u64).flat_map(move |from| (0..nodes as u64).map(move |to| pair(from, to)))
        };
        Self {
            nodes,
            half_mean: mean_delay / 2,
            delays: pairs().map(|pair| streams.stream("gossip", pair)).collect(),
            delays_after_cut: match cuts {
                [] => Vec::new(),
                _ => pairs().map(|pair| streams.stream("gossip-after-cut", pair)).collect(),
            },
            cuts: cuts.iter().map(|cut| CutState::new(cut, nodes)).collect(),
        }
    }

    /// How long the next block takes.
    pub fn delay(&mut self, from: usize, to: usize) -> Duration {
        self.half_mean + self.delays[from * self.nodes + to].exponential(self.half_mean)
    }

    /// How long a block takes that a cut had held.
    pub fn delay_after_cut(&mut self, delivery: &Delivery) -> Duration {
        let pair = delivery.from * self.nodes + delivery.to;
        self.half_mean + self.delays_after_cut[pair].exponential(self.half_mean)
    }

    /// Holds the delivery back if an active cut is in its way: the number of the first such cut.
    pub fn hold(&mut self, delivery: Delivery) -> Option<usize> {
        let cut = self.cuts.iter().position(|cut| cut.separates(delivery.from, delivery.to))?;
        self.cuts[cut].held.push(delivery);
        Some(cut)
    }

    /// A cut begins.
    pub fn begin(&mut self, cut: usize) {
        self.cuts[cut].phase = Phase::Active;
    }

    /// A cut ends. Gives back what it held, in the order in which it was held.
    pub fn heal(&mut self, cut: usize) -> Vec<Delivery> {
        let cut = &mut self.cuts[cut];
        cut.phase = Phase::Healed;
        std::mem::take(&mut cut.held)
    }

    /// The active cuts that wait for the chain of `node` to grow, with the number of chain blocks.
    pub fn waiting_for(&self, node: usize) -> Vec<(usize, u64)> {
        let wanted = |cut: &CutState| match cut.heal {
            Heal::WhenChainGrew { node: watched, chain_blocks } if watched == node => Some(chain_blocks),
            _ => None,
        };
        let active = self.cuts.iter().enumerate().filter(|(_, cut)| cut.phase == Phase::Active);
        active.filter_map(|(number, cut)| Some((number, wanted(cut)?))).collect()
    }

    /// Whether the cut has the two nodes on different sides, active or not.
    pub fn divides(&self, cut: usize, a: usize, b: usize) -> bool {
        self.cuts[cut].side[a] != self.cuts[cut].side[b]
    }
}

impl CutState {
    fn new(cut: &Cut, nodes: usize) -> Self {
        let mut side = vec![false; nodes];
        for &node in &cut.side {
            side[node] = true;
        }
        Self { side, heal: cut.heal, phase: Phase::Planned, held: Vec::new() }
    }

    fn separates(&self, from: usize, to: usize) -> bool {
        self.phase == Phase::Active && self.side[from] != self.side[to]
    }
}
