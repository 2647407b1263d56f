//! The shell around the pure L1: virtual time, links, the nodes' wRPC service, and the transport that leads to them.
//!
//! | file | room for |
//! |---|---|
//! | `executor.rs` | tasks and timers on virtual time |
//! | `link.rs` | byte pipes and what can happen to them |
//! | `service.rs` | a node's WebSocket service, and faults that hit its requests |
//! | `host.rs` | how a client in the simulation connects and tells the time |

pub mod executor;
pub mod host;
pub mod link;
pub mod service;

use std::{
    cell::{Ref, RefCell, RefMut},
    rc::Rc,
    time::Duration,
};

use crate::{
    network::{Network, NetworkConfig, NetworkError, Step, StepKind},
    random::Streams,
    trace::{Record, Trace},
};

use self::{
    executor::Executor,
    service::{Connection, RequestFault},
};

/// What a world is made from.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// The L1.
    pub network: NetworkConfig,
    /// Mean one-way latency between a client and a node; each connection draws its own from half to one and a half.
    pub client_latency: Duration,
    /// Faults that hit requests, by the number of the request.
    pub request_faults: Vec<RequestFault>,
    /// Keep the records of the trace.
    pub keep_trace: bool,
}

/// One running simulation: the L1, the connections to its nodes, and the trace of it all.
pub struct World {
    executor: Executor,
    streams: Streams,
    network: RefCell<Network>,
    trace: RefCell<Trace>,
    connections: RefCell<Vec<Connection>>,
    faults: RefCell<Vec<RequestFault>>,
    refuse_until: RefCell<Vec<Duration>>,
    counters: RefCell<Counters>,
    client_latency: Duration,
}

/// What happened so far at the nodes' services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// GetVirtualChainFromBlockV2 requests received.
    pub chain_requests: u64,
    /// Requests of any kind received.
    pub requests: u64,
    /// Connections broken by a fault while a request was in flight.
    pub broken_in_flight: u64,
}

impl World {
    /// Sets up the L1 and starts it.
    ///
    /// # Errors
    /// What is wrong with the network's configuration.
    pub fn start(executor: &Executor, config: WorldConfig) -> Result<Rc<Self>, NetworkError> {
        let streams = Streams::new(config.network.seed);
        let network = Network::new(config.network)?;
        let world = Rc::new(Self {
            executor: executor.clone(),
            streams,
            refuse_until: RefCell::new(vec![Duration::ZERO; network.node_count()]),
            network: RefCell::new(network),
            trace: RefCell::new(Trace::new(config.keep_trace)),
            connections: RefCell::default(),
            faults: RefCell::new(config.request_faults),
            counters: RefCell::default(),
            client_latency: config.client_latency,
        });
        executor.spawn(Rc::clone(&world).drive());
        Ok(world)
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

    /// What happened so far at the nodes' services.
    pub fn counters(&self) -> Counters {
        *self.counters.borrow()
    }

    /// Takes the trace out, at the end of the run; what happens later is not recorded.
    pub fn take_trace(&self) -> Trace {
        self.trace.replace(Trace::new(false))
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
        let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        match &step.what {
            StepKind::BlockMined { node, block, change } => {
                let hash = self.network().store().dag().hash(*block);
                self.record(Record::BlockMined { node: number(*node), block: block.0, hash });
                self.notify(*node, change);
            }
            StepKind::BlockArrived { node, block, change } => {
                self.record(Record::BlockArrived { node: number(*node), block: block.0, waits: change.is_none() });
                if let Some(change) = change {
                    self.notify(*node, change);
                }
            }
            StepKind::DeliveryHeld { delivery, .. } => {
                self.record(Record::DeliveryHeld { node: number(delivery.to), block: delivery.block.0 });
            }
            StepKind::CutBegan { cut } => self.record(Record::CutBegan { cut: number(*cut) }),
            StepKind::CutHealed { cut, released } => {
                self.record(Record::CutHealed { cut: number(*cut), released: number(*released) });
            }
        }
    }
}
