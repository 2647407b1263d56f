//! The simulated L1: miners, gossip and one view for each node over one shared store.
//!
//! Everything happens in events of one queue, ordered by (time, sequence number); nothing ticks. The caller takes one
//! event at a time, traces it and tells the connections of the node concerned. What the L1 does depends on its
//! configuration alone, never on what is asked of its nodes.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge::wire::Request;
use rustc_hash::FxHashSet;
use thiserror::Error;

use crate::block_store::BlockStore;
use crate::dag::{BlockId, DagError, Ghostdag};
use crate::gossip::{Cut, Delivery, Gossip, Heal, LOSING_MARGIN_BLUE_SCORE};
use crate::miner::Miners;
use crate::node::{self, Answer, NodeView, SinkChange, Subscriptions};
use crate::params::{ParameterError, ParameterSet};
use crate::random::Streams;
use crate::workload::{Workload, WorkloadConfig};

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
    /// Mean time that a block takes from one node to another.
    pub mean_delay: Duration,
    /// Transactions.
    pub workload: WorkloadConfig,
    /// When the network is divided.
    pub cuts: Vec<Cut>,
    /// No block is found at or after this time.
    pub mining_until: Duration,
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
    /// The block store refused a block: its ids are used up.
    #[error("the block store refused a block: {0}")]
    Store(#[from] DagError),
}

/// One event that was processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Simulated time of the event.
    pub at: Duration,
    /// What happened.
    pub what: StepKind,
}

/// What happened in one event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepKind {
    /// A node mined a block on its virtual and has it.
    BlockMined {
        /// The node.
        node: usize,
        /// The new block.
        block: BlockId,
        /// What it did to the node's selected chain.
        change: SinkChange,
    },
    /// A block reached a node.
    BlockArrived {
        /// The node.
        node: usize,
        /// The block.
        block: BlockId,
        /// What it did to the node's selected chain; `None` while the block waits for a parent.
        change: Option<SinkChange>,
    },
    /// A block would have reached a node, but a cut holds it.
    DeliveryHeld {
        /// Sender, receiver and block.
        delivery: Delivery,
        /// Number of the cut.
        cut: usize,
    },
    /// A cut began.
    CutBegan {
        /// Number of the cut.
        cut: usize,
    },
    /// A cut ended.
    CutHealed {
        /// Number of the cut.
        cut: usize,
        /// Number of deliveries that are sent again.
        released: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Mine { miner: usize },
    Deliver(Delivery),
    BeginCut(usize),
    HealCut(usize),
}

/// The simulated L1. See the module documentation.
pub struct Network {
    store: BlockStore,
    nodes: Vec<NodeView>,
    miners: Miners,
    gossip: Gossip,
    workload: Workload,
    cuts: Vec<Cut>,
    mining_until: Duration,
    /// By (time, sequence number).
    queue: BTreeMap<(Duration, u64), Event>,
    next_sequence: u64,
    /// Where in the queue the end of a cut is that waits for a chain to grow.
    latest_heals: Vec<Option<(Duration, u64)>>,
    now: Duration,
}

impl Network {
    /// A network at time zero, with genesis at every node.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: NetworkConfig) -> Result<Self, NetworkError> {
        check(&config)?;
        let NetworkConfig { seed, parameters, hash_shares, mean_delay, workload, cuts, mining_until } = config;
        let streams = Streams::new(seed);
        let count = hash_shares.len();
        let mut network = Self {
            nodes: (0..count).map(|number| NodeView::new(number, &parameters, streams)).collect(),
            miners: Miners::new(&hash_shares, parameters.blocks_per_second, streams),
            gossip: Gossip::new(count, mean_delay, &cuts, streams),
            workload: Workload::new(workload, streams, count),
            store: BlockStore::new(parameters, streams)?,
            latest_heals: vec![None; cuts.len()],
            cuts,
            mining_until,
            queue: BTreeMap::new(),
            next_sequence: 0,
            now: Duration::ZERO,
        };
        for cut in 0..network.cuts.len() {
            network.schedule(network.cuts[cut].at, Event::BeginCut(cut));
        }
        for miner in 0..count {
            network.schedule_mining(miner);
        }
        Ok(network)
    }

    /// Time of the last event.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Time of the next event; `None` when nothing is left to happen.
    pub fn next_event_at(&self) -> Option<Duration> {
        self.queue.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Whether no event is pending: mining has ended, every block has arrived, every cut has healed.
    pub fn is_quiet(&self) -> bool {
        self.queue.is_empty()
    }

    /// Processes the next event; `None` when nothing is left to happen.
    ///
    /// # Errors
    /// [`NetworkError::Store`], after billions of blocks.
    pub fn step(&mut self) -> Result<Option<Step>, NetworkError> {
        let Some(((at, _), event)) = self.queue.pop_first() else { return Ok(None) };
        self.now = at;
        let what = match event {
            Event::Mine { miner } => self.mine(miner)?,
            Event::Deliver(delivery) => self.deliver(delivery),
            Event::BeginCut(cut) => self.begin_cut(cut),
            Event::HealCut(cut) => self.heal_cut(cut),
        };
        Ok(Some(Step { at, what }))
    }

    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The view of one node. Panics if there is no such node.
    pub fn node(&self, node: usize) -> &NodeView {
        &self.nodes[node]
    }

    /// GHOSTDAG of a node's virtual block. Asking changes nothing. Panics if there is no such node.
    pub fn virtual_block(&mut self, node: usize) -> &Ghostdag {
        self.nodes[node].virtual_block(self.store.dag_mut())
    }

    /// All blocks and transactions.
    pub fn store(&self) -> &BlockStore {
        &self.store
    }

    /// What a node answers now to request `id`. Panics if there is no such node.
    pub fn answer(&mut self, node: usize, id: u64, request: &Request) -> Answer {
        node::answer(&mut self.nodes[node], &mut self.store, id, request)
    }

    /// What a node does now about a request frame. Panics if there is no such node.
    pub fn answer_frame(&mut self, node: usize, frame: &[u8]) -> Answer {
        node::answer_frame(&mut self.nodes[node], &mut self.store, frame)
    }

    /// The frames that a change of a node's sink sends to a connection, to be asked for before the next step. Panics if
    /// there is no such node.
    pub fn notifications(&mut self, node: usize, change: &SinkChange, subscriptions: &Subscriptions) -> Vec<Vec<u8>> {
        subscriptions.notifications(change, &mut self.nodes[node], &mut self.store)
    }

    fn mine(&mut self, miner: usize) -> Result<StepKind, NetworkError> {
        let ghostdag = self.nodes[miner].take_virtual_block(self.store.dag_mut());
        let draft = self.store.draft(ghostdag);
        let own = self.workload.choose(&mut self.store, &draft, miner);
        let block = self.store.mine(draft, miner, self.now, &own)?;
        for to in (0..self.nodes.len()).filter(|&to| to != miner) {
            let at = self.now + self.gossip.delay(miner, to);
            self.schedule(at, Event::Deliver(Delivery { from: miner, to, block }));
        }
        let change = self.nodes[miner].receive(self.store.dag(), block);
        self.heal_outgrown(miner);
        self.schedule_mining(miner);
        let change = change.expect("a node knows all parents of the block that it mines, and not the block itself");
        Ok(StepKind::BlockMined { node: miner, block, change })
    }

    fn deliver(&mut self, delivery: Delivery) -> StepKind {
        if let Some(cut) = self.gossip.hold(delivery) {
            return StepKind::DeliveryHeld { delivery, cut };
        }
        let Delivery { from, to, block } = delivery;
        let change = self.nodes[to].receive(self.store.dag(), block);
        if change.is_none() && self.gossip.holds_any() {
            self.fetch_held_ancestors(from, to, block);
        }
        self.heal_outgrown(to);
        StepKind::BlockArrived { node: to, block, change }
    }

    /// Lets a node that waits for ancestors of a block fetch from its sender those that a cut holds. The others are on
    /// their way.
    fn fetch_held_ancestors(&mut self, from: usize, to: usize, block: BlockId) {
        let mut fetched = Vec::new();
        let mut seen = FxHashSet::default();
        let mut descendants = vec![block];
        while let Some(descendant) = descendants.pop() {
            let parents = self.store.dag().parents(descendant).iter().copied();
            let missing = parents.filter(|&parent| !self.nodes[to].knows(parent) && seen.insert(parent));
            descendants.extend(missing.inspect(|&ancestor| {
                if self.gossip.take_held(to, ancestor) {
                    fetched.push(Delivery { from, to, block: ancestor });
                }
            }));
        }
        for delivery in fetched {
            let at = self.now + self.gossip.delay_after_cut(&delivery);
            self.schedule(at, Event::Deliver(delivery));
        }
    }

    fn begin_cut(&mut self, cut: usize) -> StepKind {
        self.gossip.begin(cut);
        match self.cuts[cut].heal {
            Heal::At(at) => {
                self.schedule(at, Event::HealCut(cut));
            }
            Heal::WhenChainGrew { node, .. } => {
                let at = self.mining_until.max(self.now);
                self.latest_heals[cut] = Some(self.schedule(at, Event::HealCut(cut)));
                self.heal_outgrown(node);
            }
        }
        StepKind::CutBegan { cut }
    }

    fn heal_cut(&mut self, cut: usize) -> StepKind {
        self.latest_heals[cut] = None;
        let held = self.gossip.heal(cut);
        let released = held.len();
        for delivery in held {
            let at = self.now + self.gossip.delay_after_cut(&delivery);
            self.schedule(at, Event::Deliver(delivery));
        }
        StepKind::CutHealed { cut, released }
    }

    /// Moves the end of cuts that wait for this node's chain to now, once it has grown enough and has lost.
    fn heal_outgrown(&mut self, node: usize) {
        if self.cuts.is_empty() {
            return;
        }
        for (cut, chain_blocks) in self.gossip.waiting_for(node) {
            if !self.has_lost(cut, node) || self.chain_blocks_apart(cut, node) < chain_blocks {
                continue;
            }
            // Taken once: until the event is processed the cut may be found outgrown again.
            if let Some(latest) = self.latest_heals[cut].take() {
                self.queue.remove(&latest);
                self.schedule(self.now, Event::HealCut(cut));
            }
        }
    }

    /// Whether every node on the other side of the cut has a sink so much heavier than the node's that blocks on the way
    /// cannot turn it. Blue score stands for blue work: bits are constant here.
    fn has_lost(&self, cut: usize, node: usize) -> bool {
        let dag = self.store.dag();
        let least = dag.blue_score(self.nodes[node].sink()) + LOSING_MARGIN_BLUE_SCORE;
        let mut others = (0..self.nodes.len()).filter(|&other| self.gossip.divides(cut, node, other));
        others.all(|other| dag.blue_score(self.nodes[other].sink()) >= least)
    }

    /// By how many chain blocks the node's chain is above all that it has in common with the other side of the cut.
    fn chain_blocks_apart(&self, cut: usize, node: usize) -> u64 {
        let dag = self.store.dag();
        let sink = self.nodes[node].sink();
        let others = (0..self.nodes.len()).filter(|&other| self.gossip.divides(cut, node, other));
        let common = others.map(|other| dag.height(dag.common_chain_ancestor(sink, self.nodes[other].sink()))).max();
        dag.height(sink) - common.unwrap_or(0)
    }

    fn schedule_mining(&mut self, miner: usize) {
        let at = self.miners.next_interval(miner).map(|interval| self.now + interval);
        if let Some(at) = at.filter(|&at| at < self.mining_until) {
            self.schedule(at, Event::Mine { miner });
        }
    }

    fn schedule(&mut self, at: Duration, event: Event) -> (Duration, u64) {
        let key = (at, self.next_sequence);
        self.next_sequence += 1;
        self.queue.insert(key, event);
        key
    }
}

fn check(config: &NetworkConfig) -> Result<(), NetworkError> {
    config.parameters.check()?;
    let count = config.hash_shares.len();
    if !(1..=MOST_NODES).contains(&count) {
        return Err(NetworkError::NodeCount { count });
    }
    if config.hash_shares.iter().all(|&share| share == 0) {
        return Err(NetworkError::NoHashPower);
    }
    let seconds = |field, time: Duration| (field, time.as_secs(), LONGEST.as_secs());
    let times = [seconds("mining_until", config.mining_until), seconds("mean_delay", config.mean_delay)];
    for (field, value, most) in config.workload.bounds().into_iter().chain(times) {
        if value > most {
            return Err(NetworkError::TooLarge { field, value, most });
        }
    }
    for (number, cut) in config.cuts.iter().enumerate() {
        check_cut(number, cut, count)?;
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
