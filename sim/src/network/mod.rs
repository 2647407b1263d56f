//! The simulated L1: miners, gossip and one view for each node over one shared store.
//!
//! Everything happens in events of one queue, ordered by (time, sequence number); nothing ticks. The caller takes one
//! event at a time, traces it and tells the connections of the node concerned. What the L1 does depends on its
//! configuration alone, never on what is asked of its nodes.
//!
//! A node that has just processed blocks is busy for a few milliseconds; what arrives then is processed together, and the
//! node resolves its virtual once for all of it (`kaspa-consensus`, `virtual_processor::processor`, `worker`).
//!
//! | file | room for |
//! |---|---|
//! | `config.rs` | what an L1 is made from |
//! | `step.rs` | what it tells of each event |
//! | `cuts.rs` | divisions of the network, and the reorganisations that follow |
//! | `history.rs` | what is dropped when no node has it any more |
//! | `outage.rs` | what happens to single nodes |
//! | `restart.rs` | nodes whose process is down for a while |

mod config;
mod cuts;
mod history;
mod outage;
mod restart;
mod step;

use std::collections::BTreeMap;
use std::time::Duration;

use rustc_hash::FxHashSet;

use crate::block_store::BlockStore;
use crate::dag::{BlockId, Ghostdag};
use crate::gossip::{Cut, Delivery, Gossip};
use crate::miner::Miners;
use crate::node::{self, Answer, NodeRequest, NodeView, SinkChange, Subscriptions};
use crate::random::Streams;
use crate::workload::{PayloadSource, Workload};

use cuts::CutState;
use outage::NodeState;

pub use config::{History, MOST_NODES, NetworkConfig, NetworkError};
pub use outage::{Outage, OutageKind};
pub use step::{Arrival, Step, StepKind};

/// How long a node is busy with what it processes at a time, and with each block of it.
const RESOLVE_TIME: Duration = Duration::from_millis(3);
const BLOCK_TIME: Duration = Duration::from_micros(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Mine { miner: usize },
    Deliver(Delivery),
    Process { node: usize },
    BeginCut(usize),
    HealCut(usize),
    BeginOutage(usize),
    EndOutage(usize),
    EndTransition { node: usize, life: u32 },
    CatchUp { node: usize, life: u32 },
    Delete { node: usize, life: u32 },
    SyncAnew { node: usize },
}

/// The simulated L1. See the module documentation.
pub struct Network {
    streams: Streams,
    store: BlockStore,
    nodes: Vec<NodeView>,
    states: Vec<NodeState>,
    miners: Miners,
    gossip: Gossip,
    workload: Workload,
    cuts: Vec<Cut>,
    cut_states: Vec<CutState>,
    outages: Vec<Outage>,
    mining_until: Duration,
    blocks_per_second: u64,
    history: History,
    /// What all nodes had in common when blocks were dropped last.
    history_root: BlockId,
    /// By (time, sequence number).
    queue: BTreeMap<(Duration, u64), Event>,
    next_sequence: u64,
    now: Duration,
}

impl Network {
    /// A network at time zero, with genesis at every node.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: NetworkConfig) -> Result<Self, NetworkError> {
        Self::start(config, None)
    }

    /// As [`Self::new`]; the payloads of the transactions come from `payloads`.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn with_payloads(config: NetworkConfig, payloads: Box<dyn PayloadSource>) -> Result<Self, NetworkError> {
        Self::start(config, Some(payloads))
    }

    fn start(config: NetworkConfig, payloads: Option<Box<dyn PayloadSource>>) -> Result<Self, NetworkError> {
        config.check()?;
        let streams = Streams::new(config.seed);
        let count = config.hash_shares.len();
        let parameters = &config.parameters;
        let store = BlockStore::new(parameters.clone(), streams)?;
        let mut network = Self {
            streams,
            nodes: (0..count).map(|number| NodeView::new(number, parameters, streams, store.dag())).collect(),
            states: (0..count).map(|_| NodeState::new()).collect(),
            miners: Miners::new(&config.hash_shares, parameters.blocks_per_second, streams),
            gossip: Gossip::new(count, config.mean_delay, &config.links, &config.cuts, streams),
            workload: match payloads {
                Some(source) => Workload::with_payloads(config.workload, streams, count, source),
                None => Workload::new(config.workload, streams, count),
            },
            store,
            cut_states: vec![CutState::default(); config.cuts.len()],
            cuts: config.cuts,
            outages: config.outages,
            mining_until: config.mining_until,
            blocks_per_second: config.parameters.blocks_per_second.max(1),
            history: config.history,
            history_root: BlockId::GENESIS,
            queue: BTreeMap::new(),
            next_sequence: 0,
            now: Duration::ZERO,
        };
        for cut in 0..network.cuts.len() {
            network.schedule(network.cuts[cut].at, Event::BeginCut(cut));
        }
        for outage in 0..network.outages.len() {
            network.schedule(network.outages[outage].at, Event::BeginOutage(outage));
        }
        for miner in 0..count {
            network.schedule_mining(miner);
        }
        Ok(network)
    }

    /// Time of the last event, or that was told since.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Tells what time it is while nothing happens. What nodes answer of how old their sink is depends on it, and nothing
    /// else. A time that is over is ignored.
    pub fn set_time(&mut self, now: Duration) {
        self.now = self.now.max(now);
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
        if let Some(later) = self.put_off_until(event) {
            self.schedule(later, event);
            return Ok(Some(Step { at, what: StepKind::PutOff, resolved: None }));
        }
        let (what, resolved) = self.process_event(event)?;
        if let Some((node, change)) = &resolved {
            self.after_change(*node, change);
        }
        Ok(Some(Step { at, what, resolved }))
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

    /// How many bytes of page entries at Full verbosity are kept for those who ask next, 4 MiB unless told otherwise. Whoever
    /// has the same long chain read again and again keeps it whole. Changes what answers cost, not what they are.
    pub fn keep_page_entries(&mut self, most_bytes: usize) {
        self.store.keep_page_entries(most_bytes);
    }

    /// Heap memory in bytes, about: blocks, what the nodes know of them, and what is on its way.
    pub fn heap_bytes(&self) -> usize {
        let views: usize = self.nodes.iter().map(NodeView::heap_bytes).sum();
        let inboxes: usize = self.states.iter().map(|state| state.inbox.capacity()).sum();
        let events = self.queue.len() * size_of::<((Duration, u64), Event)>();
        let deliveries = (self.gossip.held_count() + inboxes) * size_of::<Delivery>();
        self.store.heap_bytes() + views + events + deliveries
    }

    /// What a node answers now to request `id`. Panics if there is no such node.
    pub fn answer(&mut self, node: usize, id: u64, request: impl Into<NodeRequest>) -> Answer {
        node::answer(&mut self.nodes[node], &mut self.store, self.now, id, request)
    }

    /// What a node does now about a request frame. Panics if there is no such node.
    pub fn answer_frame(&mut self, node: usize, frame: &[u8]) -> Answer {
        node::answer_frame(&mut self.nodes[node], &mut self.store, self.now, frame)
    }

    /// The frames that a change of a node's sink sends to a connection, to be asked for before the next step. Panics if
    /// there is no such node.
    pub fn notifications(&mut self, node: usize, change: &SinkChange, subscriptions: &Subscriptions) -> Vec<Vec<u8>> {
        subscriptions.notifications(change, &mut self.nodes[node], &mut self.store)
    }

    fn process_event(&mut self, event: Event) -> Result<(StepKind, Option<(usize, SinkChange)>), NetworkError> {
        Ok(match event {
            Event::Mine { miner } => self.mine(miner)?,
            Event::Deliver(delivery) => self.deliver(delivery),
            Event::Process { node } => self.process_inbox(node),
            Event::BeginCut(cut) => (self.begin_cut(cut), None),
            Event::HealCut(cut) => (self.heal_cut(cut), None),
            Event::BeginOutage(outage) => (self.begin_outage(outage), None),
            Event::EndOutage(outage) => (self.end_outage(outage), None),
            Event::EndTransition { node, life } => (self.end_transition(node, life), None),
            Event::CatchUp { node, life } => {
                let (what, change) = self.catch_up(node, life);
                (what, change.map(|change| (node, change)))
            }
            Event::Delete { node, life } => {
                let what = self.delete(node, life);
                self.drop_history();
                (what, None)
            }
            Event::SyncAnew { node } => (self.sync_anew(node), None),
        })
    }

    fn mine(&mut self, miner: usize) -> Result<(StepKind, Option<(usize, SinkChange)>), NetworkError> {
        self.schedule_mining(miner);
        if !self.can_serve_peers(miner) {
            return Ok((StepKind::NotMining { node: miner }, None));
        }
        let ghostdag = self.nodes[miner].take_virtual_block(self.store.dag_mut());
        let draft = self.store.draft(ghostdag);
        let own = self.workload.choose(&mut self.store, &draft, miner);
        let block = self.store.mine(draft, miner, self.now, &own)?;
        if !self.withholds(miner, block) {
            self.send_to_all(miner, block);
        }
        let (_, change) = self.arrive(Delivery { from: miner, to: miner, block });
        Ok((StepKind::BlockMined { node: miner, block }, change.map(|change| (miner, change))))
    }

    fn send_to_all(&mut self, from: usize, block: BlockId) {
        for to in (0..self.nodes.len()).filter(|&to| to != from) {
            let at = self.now + self.gossip.delay(from, to);
            self.schedule(at, Event::Deliver(Delivery { from, to, block }));
        }
    }

    fn deliver(&mut self, delivery: Delivery) -> (StepKind, Option<(usize, SinkChange)>) {
        if let Some(cut) = self.gossip.hold(delivery) {
            return (StepKind::DeliveryHeld { delivery, cut }, None);
        }
        if self.misses(delivery) {
            let Delivery { to: node, .. } = delivery;
            return (StepKind::NothingToDo { node }, None);
        }
        let (arrival, change) = self.arrive(delivery);
        let what = StepKind::BlockArrived { node: delivery.to, block: delivery.block, arrival };
        (what, change.map(|change| (delivery.to, change)))
    }

    /// A block reaches a node, which processes it now, or together with others as soon as it is no longer busy.
    fn arrive(&mut self, delivery: Delivery) -> (Arrival, Option<SinkChange>) {
        let Delivery { to, block, .. } = delivery;
        if !self.store.dag().contains(block) {
            // Older than what any node keeps.
            return (Arrival::Refused, None);
        }
        let state = &mut self.states[to];
        if state.busy_until > self.now {
            state.inbox.push(delivery);
            if state.inbox.len() == 1 {
                let at = state.busy_until;
                self.schedule(at, Event::Process { node: to });
            }
            return (Arrival::Queued, None);
        }
        let change = self.nodes[to].receive(&mut self.store, &[block]);
        if change.is_some() {
            return (Arrival::Taken, change);
        }
        if self.nodes[to].status(block).is_some() {
            let header_only = !self.nodes[to].knows(block);
            return (if header_only { Arrival::HeaderTaken } else { Arrival::Taken }, None);
        }
        if !self.nodes[to].is_above_pruning_point(self.store.dag(), block) {
            return (Arrival::Refused, None);
        }
        self.fetch_held_ancestors(delivery);
        (Arrival::Orphaned, None)
    }

    fn process_inbox(&mut self, node: usize) -> (StepKind, Option<(usize, SinkChange)>) {
        if self.is_down(node) {
            return (StepKind::NothingToDo { node }, None);
        }
        let inbox = std::mem::take(&mut self.states[node].inbox);
        let mut blocks: Vec<BlockId> = inbox.iter().map(|delivery| delivery.block).collect();
        blocks.retain(|&block| self.store.dag().contains(block));
        let change = self.nodes[node].receive(&mut self.store, &blocks);
        if self.nodes[node].orphan_count() > 0 {
            for delivery in inbox {
                if self.store.dag().contains(delivery.block) && self.nodes[node].status(delivery.block).is_none() {
                    self.fetch_held_ancestors(delivery);
                }
            }
        }
        (StepKind::BatchProcessed { node, arrived: blocks.len() }, change.map(|change| (node, change)))
    }

    /// What follows from a node's resolved virtual.
    fn after_change(&mut self, node: usize, change: &SinkChange) {
        let blocks = u32::try_from(change.blocks.len()).unwrap_or(u32::MAX);
        self.states[node].busy_until = self.now + RESOLVE_TIME + BLOCK_TIME * blocks;
        if !self.cuts.is_empty() {
            self.note_reorg(node, change);
            self.heal_outgrown(node);
        }
        self.schedule_deletion(node);
    }

    /// Lets a node that waits for ancestors of a block fetch from its sender those that a cut holds. The others are on
    /// their way.
    fn fetch_held_ancestors(&mut self, orphan: Delivery) {
        let Delivery { from, to, block } = orphan;
        if !self.gossip.holds_any() || !self.nodes[to].is_above_pruning_point(self.store.dag(), block) {
            return;
        }
        let mut fetched = Vec::new();
        let mut seen = FxHashSet::default();
        let mut descendants = vec![block];
        while let Some(descendant) = descendants.pop() {
            let parents = self.store.dag().parents(descendant).iter().copied();
            let dag = self.store.dag();
            let missing = parents.filter(|&parent| {
                dag.contains(parent)
                    && self.nodes[to].status(parent).is_none()
                    && self.nodes[to].is_above_pruning_point(dag, parent)
                    && seen.insert(parent)
            });
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
