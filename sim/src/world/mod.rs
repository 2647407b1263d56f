//! The shell around the pure L1: virtual time, links, the nodes' wRPC service, and the transport that leads to them.
//!
//! | file | room for |
//! |---|---|
//! | `executor.rs` | tasks and timers on virtual time |
//! | `link.rs` | byte pipes and what can happen to them |
//! | `broadcast.rs` | which notification overtakes which |
//! | `service.rs` | a node's WebSocket service |
//! | `interposer.rs` | where faults take hold of connections and messages |
//! | `host.rs` | how a client in the simulation connects and tells the time |

mod broadcast;
pub mod executor;
pub mod host;
pub mod interposer;
pub mod link;
pub mod service;

use std::{
    cell::{Ref, RefCell, RefMut},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::mpsc::Sender,
    time::Duration,
};

use kaspa_hashes::Hash;

use crate::{
    dag::BlockId,
    network::{Network, NetworkConfig, NetworkError, Step, StepKind},
    random::Streams,
    trace::{Entry, NodeEvent, Record, Trace},
    workload::PayloadSource,
};

use self::{
    executor::Executor,
    interposer::{Attempt, AttemptFate, Interposer},
    service::Connection,
};

/// What a world is made from.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// The L1.
    pub network: NetworkConfig,
    /// Mean one-way latency between a client and a node; each connection draws its own from half to one and a half.
    pub client_latency: Duration,
    /// Nodes whose sinks are remembered for [`World::sinks`].
    pub watched_nodes: BTreeSet<u32>,
    /// Where the records of the trace go, besides into its hash.
    pub trace_to: Option<Sender<Entry>>,
}

/// One running simulation: the L1, the connections to its nodes, and the trace of it all.
pub struct World {
    executor: Executor,
    streams: Streams,
    network: RefCell<Network>,
    trace: RefCell<Trace>,
    connections: RefCell<Vec<Connection>>,
    interposer: RefCell<Box<dyn Interposer>>,
    clients: RefCell<BTreeMap<u32, ClientCounts>>,
    sinks: RefCell<Vec<SinkMoved>>,
    chain_answers: RefCell<BTreeMap<u32, Vec<ChainAnswer>>>,
    watched_nodes: BTreeSet<u32>,
    client_latency: Duration,
}

/// What one client has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// GetVirtualChainFromBlockV2 requests received.
    pub chain_requests: u64,
    /// Requests of any kind received.
    pub requests: u64,
    /// Attempts to connect.
    pub attempts: u64,
}

/// What one client did so far.
#[derive(Clone, Copy, Debug, Default)]
struct ClientCounts {
    sessions: u64,
    asked: Counters,
}

/// From `at` on, `sink` was the sink of `node`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkMoved {
    /// Simulated time.
    pub at: Duration,
    /// Number of the node.
    pub node: u32,
    /// Its sink since then.
    pub sink: BlockId,
}

/// A node answered a GetVirtualChainFromBlockV2 request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainAnswer {
    /// Simulated time at which the answer was true.
    pub at: Duration,
    /// Number of the node.
    pub node: u32,
    /// Its sink then.
    pub sink: BlockId,
}

impl World {
    /// Sets up the L1 and starts it.
    ///
    /// # Errors
    /// What is wrong with the network's configuration.
    pub fn start(
        executor: &Executor,
        config: WorldConfig,
        interposer: Box<dyn Interposer>,
    ) -> Result<Rc<Self>, NetworkError> {
        let network = Network::new(config.network.clone())?;
        Ok(Self::start_on(executor, config, interposer, network))
    }

    /// As [`Self::start`]; the payloads of the L1's transactions come from `payloads`.
    ///
    /// # Errors
    /// What is wrong with the network's configuration.
    pub fn start_with_payloads(
        executor: &Executor,
        config: WorldConfig,
        interposer: Box<dyn Interposer>,
        payloads: Box<dyn PayloadSource>,
    ) -> Result<Rc<Self>, NetworkError> {
        let network = Network::with_payloads(config.network.clone(), payloads)?;
        Ok(Self::start_on(executor, config, interposer, network))
    }

    fn start_on(
        executor: &Executor,
        config: WorldConfig,
        interposer: Box<dyn Interposer>,
        network: Network,
    ) -> Rc<Self> {
        let streams = Streams::new(config.network.seed);
        let world = Rc::new(Self {
            executor: executor.clone(),
            streams,
            network: RefCell::new(network),
            trace: RefCell::new(Trace::new(config.trace_to)),
            connections: RefCell::default(),
            interposer: RefCell::new(interposer),
            clients: RefCell::default(),
            sinks: RefCell::default(),
            chain_answers: RefCell::default(),
            watched_nodes: config.watched_nodes,
            client_latency: config.client_latency,
        });
        executor.spawn(Rc::clone(&world).drive());
        world
    }

    /// The executor on which this world lives.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }

    /// The L1, for looking at.
    pub fn network(&self) -> Ref<'_, Network> {
        self.network.borrow()
    }

    /// Adds to the trace, at the present time.
    pub fn record(&self, record: Record) {
        self.trace.borrow_mut().record(self.executor.now(), record);
    }

    /// What client number `client` has done so far.
    pub fn counters(&self, client: u32) -> Counters {
        self.clients.borrow().get(&client).map_or(Counters::default(), |counts| counts.asked)
    }

    /// The hash over everything that happened so far.
    pub fn trace_hash(&self) -> Hash {
        self.trace.borrow().hash()
    }

    /// Every move of the sinks of the watched nodes so far, oldest first.
    pub fn sinks(&self) -> Ref<'_, [SinkMoved]> {
        Ref::map(self.sinks.borrow(), Vec::as_slice)
    }

    /// Every answer to a chain request of client number `client` so far, oldest first.
    pub fn chain_answers(&self, client: u32) -> Ref<'_, [ChainAnswer]> {
        Ref::map(self.chain_answers.borrow(), |answers| answers.get(&client).map_or(&[][..], Vec::as_slice))
    }

    /// Counts an attempt of the client to connect; its number and what becomes of it.
    fn fate_of_attempt(&self, client: u32, node: usize) -> (u64, AttemptFate) {
        let number = {
            let mut clients = self.clients.borrow_mut();
            let counts = clients.entry(client).or_default();
            counts.asked.attempts += 1;
            counts.asked.attempts
        };
        let (now, chain_blocks) = (self.executor.now(), self.chain_blocks(node));
        let attempt = Attempt { client, node: node as u32, attempt: number, now, chain_blocks };
        let fate = self.interposer.borrow_mut().on_attempt(&attempt);
        self.record_notes();
        (number, fate)
    }

    /// What the interposer did enters the trace.
    fn record_notes(&self) {
        while let Some(text) = {
            let mut interposer = self.interposer.borrow_mut();
            interposer.take_note()
        } {
            self.record(Record::Fault { text });
        }
    }

    /// Key of what is drawn for one client's attempt or session: whatever other clients do shifts no draw.
    fn key(client: u32, number: u64) -> u64 {
        u64::from(client) << 40 | number
    }

    fn next_session(&self, client: u32) -> u64 {
        let mut clients = self.clients.borrow_mut();
        let counts = clients.entry(client).or_default();
        counts.sessions += 1;
        counts.sessions
    }

    fn network_mut(&self) -> RefMut<'_, Network> {
        self.network.borrow_mut()
    }

    /// Lets the L1 happen, event by event.
    async fn drive(self: Rc<Self>) {
        loop {
            let Some(at) = self.network().next_event_at() else { return };
            self.executor.sleep_until(at).await;
            let step = self.network_mut().step();
            match step {
                Ok(Some(step)) => self.on_step(&step),
                Ok(None) => return,
                Err(error) => panic!("the simulated L1 cannot go on: {error}"),
            }
        }
    }

    fn on_step(&self, step: &Step) {
        self.record_step(step);
        match step.what {
            StepKind::Wiped { node } => {
                self.remember_sink(node);
                self.end_connections(node);
            }
            StepKind::Stopped { node } => self.end_connections(node),
            StepKind::Reset { node } => self.remember_sink(node),
            StepKind::TransitionEnded { node } => self.announce_override(node),
            _ => {}
        }
        if let Some((node, change)) = &step.resolved {
            if !change.added.is_empty() {
                self.remember_sink(*node);
            }
            self.notify(*node, change);
        }
    }

    fn record_step(&self, step: &Step) {
        let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let event = |node: usize, what: NodeEvent| Record::Node { node: number(node), what };
        self.record(match step.what {
            StepKind::BlockMined { node, block } => {
                let hash = self.network().store().dag().hash(block);
                Record::BlockMined { node: number(node), block: block.0, hash }
            }
            StepKind::BlockArrived { node, block, arrival } => {
                Record::BlockArrived { node: number(node), block: block.0, arrival }
            }
            StepKind::BatchProcessed { node, arrived } => {
                Record::BlocksProcessed { node: number(node), blocks: number(arrived) }
            }
            StepKind::BodiesProcessed { node } => {
                let blocks = step.resolved.as_ref().map_or(0, |(_, change)| change.blocks.len());
                Record::BlocksProcessed { node: number(node), blocks: number(blocks) }
            }
            StepKind::DeliveryHeld { delivery, .. } => {
                Record::DeliveryHeld { node: number(delivery.to), block: delivery.block.0 }
            }
            StepKind::CutBegan { cut } => Record::CutBegan { cut: number(cut) },
            StepKind::CutHealed { cut, released } => Record::CutHealed { cut: number(cut), released: number(released) },
            StepKind::BodiesLag { node } => event(node, NodeEvent::BodiesLag),
            StepKind::WithholdingBegan { node } => event(node, NodeEvent::WithholdingBegan),
            StepKind::WithholdingEnded { node, released } => {
                event(node, NodeEvent::WithholdingEnded { released: number(released) })
            }
            StepKind::Wiped { node } => event(node, NodeEvent::Wiped),
            StepKind::Reset { node } => event(node, NodeEvent::Reset),
            StepKind::TransitionEnded { node } => event(node, NodeEvent::TransitionEnded),
            StepKind::CatchingUp { node } => event(node, NodeEvent::CatchingUp),
            StepKind::InSync { node } => event(node, NodeEvent::InSync),
            StepKind::Deleted { node } => event(node, NodeEvent::Deleted),
            StepKind::Stopped { node } => event(node, NodeEvent::Stopped),
            StepKind::Restarted { node } => event(node, NodeEvent::Restarted),
            // Changes nothing that anybody can see.
            StepKind::NotMining { .. } | StepKind::NothingToDo { .. } | StepKind::PutOff => return,
        });
    }

    fn remember_sink(&self, node: usize) {
        let node_number = node as u32;
        if self.watched_nodes.contains(&node_number) {
            let sink = self.network().node(node).sink();
            self.sinks.borrow_mut().push(SinkMoved { at: self.executor.now(), node: node_number, sink });
        }
    }
}
