//! How long a block takes from node to node, and cuts of the network.
//!
//! A mined block reaches every other node directly, after a [`Latency`] drawn from the stream of that pair of nodes. A cut divides the nodes into two sides: what would arrive across it is
//! held, and sent again with fresh delays when it heals. A node may then see a block before its parents.
//!
//! Blocks on the way when a cut begins have reached some nodes of a side and not others. Who gets a block on top of one
//! that a cut holds fetches the held one from the sender, who must have it; otherwise a side would fall apart into nodes
//! that each mine alone. Source: `kaspa-p2p-flows`, `HandleRelayInvsFlow::enqueue_orphan_roots`.
//!
//! Invariant: a block that is to reach a node is in one place: on its way, or held by one cut.

use std::time::Duration;

use rustc_hash::FxHashMap;

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

/// By how much blue score the watched node's side must be behind before [`Heal::WhenChainGrew`] ends a cut: more than
/// what a minority of the miners finds while the released blocks are on their way.
pub const LOSING_MARGIN_BLUE_SCORE: u64 = 10;

/// When a cut ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heal {
    /// At this time.
    At(Duration),
    /// As soon as the side of `node` has lost a chain of that length: the selected chain of `node` is so many chain blocks
    /// above every chain block that it has in common with a node on the other side, and the sink of every node on the
    /// other side is at least [`LOSING_MARGIN_BLUE_SCORE`] above its own. Healing then removes at least so many chain
    /// blocks from the node's chain, unless its side has so much hash power that it turns the tables meanwhile. At the latest when mining ends: a side with the larger part of the hash power does
    /// not lose, and a cut that waits for it heals only then.
    WhenChainGrew {
        /// The node that is watched.
        node: usize,
        /// Number of chain blocks.
        chain_blocks: u64,
    },
}

/// How long blocks take over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// Half the mean, plus an exponential wait of half the mean.
    ShiftedExponential {
        /// The mean.
        mean: Duration,
    },
    /// Always the same.
    Constant {
        /// The delay.
        delay: Duration,
    },
    /// All delays from the least to the most are equally likely.
    Uniform {
        /// Shortest delay.
        least: Duration,
        /// Longest delay.
        most: Duration,
    },
}

/// Two groups of nodes between which blocks take another time than elsewhere, in both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// One group.
    pub between: Vec<usize>,
    /// The other, which may be the same.
    pub and: Vec<usize>,
    /// How long blocks take.
    pub latency: Latency,
}

impl Latency {
    fn draw(self, stream: &mut Stream) -> Duration {
        match self {
            Self::ShiftedExponential { mean } => mean / 2 + stream.exponential(mean / 2),
            Self::Constant { delay } => delay,
            Self::Uniform { least, most } => {
                let width_us = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
                least + Duration::from_micros(stream.below(width_us.saturating_add(1)))
            }
        }
    }
}

/// A block on its way to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The node that sends it: the one that mined it, unless the receiver had to fetch it.
    pub from: usize,
    /// The node that it reaches.
    pub to: usize,
    /// The block.
    pub block: BlockId,
}

/// Delays between all pairs of nodes, and the state of all cuts.
pub struct Gossip {
    nodes: usize,
    /// By sender, then receiver.
    latencies: Vec<Latency>,
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
    /// In the order in which they were held; `None` where a node has fetched the block elsewhere.
    held: Vec<Option<Delivery>>,
    /// Where in `held` the delivery of a block to a node is.
    held_at: FxHashMap<(usize, BlockId), usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Planned,
    Active,
    Healed,
}

impl Gossip {
    /// Gossip between so many nodes. Sides and links name existing nodes.
    pub fn new(nodes: usize, mean_delay: Duration, links: &[Link], cuts: &[Cut], streams: Streams) -> Self {
        let mut latencies = vec![Latency::ShiftedExponential { mean: mean_delay }; nodes * nodes];
        for link in links {
            for (&a, &b) in link.between.iter().flat_map(|a| link.and.iter().map(move |b| (a, b))) {
                latencies[a * nodes + b] = link.latency;
                latencies[b * nodes + a] = link.latency;
            }
        }
        let pairs = || {
            let pair = |from: u64, to: u64| from << 32 | to;
            (0..nodes as u64).flat_map(move |from| (0..nodes as u64).map(move |to| pair(from, to)))
        };
        Self {
            nodes,
            latencies,
            delays: pairs().map(|pair| streams.stream("gossip", pair)).collect(),
            delays_after_cut: pairs().map(|pair| streams.stream("gossip-after-cut", pair)).collect(),
            cuts: cuts.iter().map(|cut| CutState::new(cut, nodes)).collect(),
        }
    }

    /// How long the next block takes.
    pub fn delay(&mut self, from: usize, to: usize) -> Duration {
        let pair = from * self.nodes + to;
        self.latencies[pair].draw(&mut self.delays[pair])
    }

    /// How long a block takes that a cut had held, or that was fetched.
    pub fn delay_after_cut(&mut self, delivery: &Delivery) -> Duration {
        let pair = delivery.from * self.nodes + delivery.to;
        self.latencies[pair].draw(&mut self.delays_after_cut[pair])
    }

    /// Holds the delivery back if an active cut is in its way: the number of the first such cut.
    pub fn hold(&mut self, delivery: Delivery) -> Option<usize> {
        let number = self.cuts.iter().position(|cut| cut.separates(delivery.from, delivery.to))?;
        let cut = &mut self.cuts[number];
        cut.held_at.insert((delivery.to, delivery.block), cut.held.len());
        cut.held.push(Some(delivery));
        Some(number)
    }

    /// Whether a cut keeps the two nodes from each other now.
    pub fn are_apart(&self, a: usize, b: usize) -> bool {
        self.cuts.iter().any(|cut| cut.separates(a, b))
    }

    /// Number of deliveries that cuts hold.
    pub fn held_count(&self) -> usize {
        self.cuts.iter().map(|cut| cut.held.len()).sum()
    }

    /// Whether any cut holds anything.
    pub fn holds_any(&self) -> bool {
        self.cuts.iter().any(|cut| !cut.held_at.is_empty())
    }

    /// Takes the delivery of `block` to `to` away from the cut that holds it: whether there was one.
    pub fn take_held(&mut self, to: usize, block: BlockId) -> bool {
        self.cuts.iter_mut().any(|cut| match cut.held_at.remove(&(to, block)) {
            Some(position) => cut.held.get_mut(position).and_then(Option::take).is_some(),
            None => false,
        })
    }

    /// A cut begins.
    pub fn begin(&mut self, cut: usize) {
        self.cuts[cut].phase = Phase::Active;
    }

    /// A cut ends. Gives back what it held, in the order in which it was held.
    pub fn heal(&mut self, cut: usize) -> Vec<Delivery> {
        let cut = &mut self.cuts[cut];
        cut.phase = Phase::Healed;
        cut.held_at = FxHashMap::default();
        std::mem::take(&mut cut.held).into_iter().flatten().collect()
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
        Self { side, heal: cut.heal, phase: Phase::Planned, held: Vec::new(), held_at: FxHashMap::default() }
    }

    fn separates(&self, from: usize, to: usize) -> bool {
        self.phase == Phase::Active && self.side[from] != self.side[to]
    }
}
