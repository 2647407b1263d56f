//! A follower and the model nodes joined in one process, in virtual time: no sockets, no tasks, no clock.
//!
//! For property tests and fuzzing of everything that follows a node through
//! [`bridge::follower::Follower`]. A case is a simulated L1, settings, latencies and a list of [`Happening`]s; a run of a
//! few seconds of L1 costs about a millisecond. After every event and at every call of the follower all of [`Law`] is
//! checked by code that shares nothing with the bridge.
//!
//! ```
//! use sim::{network::NetworkConfig, params::ParameterSet, rig::{self, Happening, ReplyFate, Rig, RigConfig}};
//! use sim::workload::WorkloadConfig;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let network = NetworkConfig {
//!     mean_delay: Duration::from_millis(200),
//!     workload: WorkloadConfig::mixed(1_000, 4),
//!     mining_until: Duration::from_secs(4),
//!     ..NetworkConfig::new(1, ParameterSet::storm(), vec![2, 1])
//! };
//! // Follows both nodes, the first by preference.
//! let follower = rig::settings(2, network.parameters.finality_depth);
//! let mut rig = Rig::new(RigConfig { network, follower, latencies_ms: vec![5, 30, 12] })?;
//! for happening in [
//!     Happening::Pass { ms: 900 },
//!     Happening::Reply(ReplyFate::HangUpAfter),
//!     Happening::Pass { ms: 700 },
//!     Happening::Restart { back: 3, window: true },
//! ] {
//!     rig.happen(happening)?;
//! }
//! rig.settle()?;
//! assert_eq!(rig.consumer().path().len(), rig.network().node(0).chain().len());
//! # Ok(())
//! # }
//! ```
//!
//! | file | room for |
//! |---|---|
//! | `config.rs` | what a rig is made from, and what it tells |
//! | `happening.rs` | what can happen, and the faults that follow from it |
//! | `link.rs` | the connection, message by message |
//! | `consumer.rs`, `store.rs` | the consumer's own copy, what it has on disk |
//! | `laws.rs`, `rest.rs` | laws about nodes, queue and requests; what must be true in the end |
//! | `breach.rs` | how a broken law is told |
//! | `tests.rs` | that the laws which no event can break are found broken too |

mod breach;
mod config;
mod consumer;
mod happening;
mod laws;
mod link;
mod rest;
mod store;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use bridge::{
    Config, L1Event, StartAt,
    follower::{Follower, Input, Output},
};

pub use self::{
    breach::{Breach, Law},
    config::{Answered, Counters, RigConfig, RigError, settings},
    consumer::{Consumer, PathBlock},
    happening::{Happening, NotificationFate, ReplyFate},
};
use self::{
    breach::{Broken, require},
    happening::Faults,
    link::{Connection, Delivery},
    store::Disk,
};
use crate::{dag::BlockId, network::Network};

/// Changes what the consumer is told: nothing, something else, or more.
pub type Distortion = Box<dyn FnMut(L1Event) -> Vec<L1Event>>;

/// Follower and nodes, and the time. See the module documentation.
pub struct Rig {
    network: Network,
    config: Config,
    follower: Follower,
    latencies_ms: Vec<u16>,
    messages: usize,
    now: Duration,
    /// By (time, running number).
    on_the_way: BTreeMap<(Duration, u64), Delivery>,
    deliveries: u64,
    wake_at: Option<Duration>,
    /// The follower has finished.
    over: bool,
    connection: Option<Connection>,
    /// The session that the follower believes to be open.
    follower_session: Option<u64>,
    heard: Option<Answered>,
    faults: Faults,
    /// Some reply was repeated.
    replies_repeated: bool,
    /// Some node was transitional.
    was_transitional: bool,
    notification_copies: u8,
    consumer: Consumer,
    disk: Disk,
    ack_is_due: bool,
    acknowledged: u64,
    counters: Counters,
    /// For each node that may be called, its sinks by time.
    sinks: Vec<Vec<(Duration, BlockId)>>,
    /// The highest block that was final for any of them.
    highest_final: BlockId,
    finality_broken: bool,
    distortion: Option<Distortion>,
}

impl Rig {
    /// A rig at time zero: the L1 has genesis alone, and the follower has not been called.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: RigConfig) -> Result<Self, RigError> {
        let RigConfig { network, follower: config, latencies_ms } = config;
        let network = Network::new(network)?;
        let follower = Follower::new(config.clone())?;
        let configured = config.nodes.len();
        let mut addresses: Vec<&str> = config.nodes.iter().map(|node| node.as_str()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let (addresses, nodes) = (addresses.len(), network.node_count());
        if addresses < configured || configured > nodes {
            return Err(RigError::Nodes { configured, addresses, nodes });
        }
        Ok(Self {
            network,
            config,
            follower,
            latencies_ms,
            messages: 0,
            now: Duration::ZERO,
            on_the_way: BTreeMap::new(),
            deliveries: 0,
            wake_at: Some(Duration::ZERO),
            over: false,
            connection: None,
            follower_session: None,
            heard: None,
            faults: Faults::none(configured),
            replies_repeated: false,
            was_transitional: false,
            notification_copies: 1,
            consumer: Consumer::default(),
            disk: Disk::default(),
            ack_is_due: false,
            acknowledged: 0,
            counters: Counters::default(),
            sinks: vec![vec![(Duration::ZERO, BlockId::GENESIS)]; configured],
            highest_final: BlockId::GENESIS,
            finality_broken: false,
            distortion: None,
        })
    }

    /// Every notification comes so many times, at least once: a storm of them from now on.
    pub fn copy_notifications(&mut self, copies: u8) {
        self.notification_copies = copies.max(1);
    }

    /// From now on the consumer is told what `distortion` makes of each event: to see that the laws find it.
    pub fn distort(&mut self, distortion: impl FnMut(L1Event) -> Vec<L1Event> + 'static) {
        self.distortion = Some(Box::new(distortion));
    }

    /// Virtual time.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The L1.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The consumer's copy.
    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The sinks of a node with the times from which it had them, oldest first; none for a node that is never called.
    pub fn sinks(&self, node: usize) -> &[(Duration, BlockId)] {
        self.sinks.get(node).map_or(&[], Vec::as_slice)
    }

    /// The last answer to a chain request that the follower has.
    pub fn heard(&self) -> Option<Answered> {
        self.heard
    }

    /// Whether a node moved to a chain without a block that was final for one of them. A follower may then end in `Fatal`,
    /// and what it had as final may be replaced by a restart from before.
    pub fn finality_was_broken(&self) -> bool {
        self.finality_broken
    }

    /// Lets the next thing happen; false if nothing ever will.
    ///
    /// # Errors
    /// The first law that the follower breaks.
    pub fn step(&mut self) -> Result<bool, Breach> {
        self.step_until(Duration::MAX)
    }

    /// Lets this much time pass.
    ///
    /// # Errors
    /// The first law that the follower breaks.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Breach> {
        let end = self.now.saturating_add(time);
        while self.step_until(end)? {}
        self.now = end;
        Ok(())
    }

    fn step_until(&mut self, end: Duration) -> Result<bool, Breach> {
        let l1 = self.network.next_event_at();
        let arrival = self.on_the_way.first_key_value().map(|(&(at, _), _)| at);
        let next = l1.into_iter().chain(arrival).chain(self.wake_at).min();
        let Some(next) = next.filter(|&next| next <= end) else { return Ok(false) };
        self.now = self.now.max(next);
        let outcome = if l1 == Some(next) {
            // Its store has room for billions of blocks; an L1 that cannot go on rests.
            if let Ok(Some(step)) = self.network.step() {
                self.after_l1(&step);
            }
            Ok(())
        } else if arrival == Some(next) {
            match self.on_the_way.pop_first() {
                Some((_, delivery)) => self.deliver(delivery),
                None => Ok(()),
            }
        } else {
            // A timer that rang is gone until it is set again.
            self.wake_at = None;
            self.input(Input::Tick)
        };
        outcome.map(|()| true).map_err(|broken| broken.at(self.now))
    }

    /// Tells the follower to stop, and checks that it does.
    ///
    /// # Errors
    /// The first law that the follower breaks.
    pub fn shut_down(&mut self) -> Result<(), Breach> {
        let stop = |rig: &mut Self| {
            rig.input(Input::Shutdown)?;
            let ended = rig.over && rig.follower_session.is_none() && rig.consumer.session().is_none();
            require(ended, Law::Contract, || "told to stop, it did not close and finish at once".to_owned())
        };
        if self.over { Ok(()) } else { stop(self).map_err(|broken| broken.at(self.now)) }
    }

    fn tick(&mut self) -> Result<(), Breach> {
        self.input(Input::Tick).map_err(|broken| broken.at(self.now))
    }

    fn restart(&mut self, back: u64, window: bool) -> Result<(), Breach> {
        self.begin_again(back, window).map_err(|broken| broken.at(self.now))
    }

    /// Follower and consumer die and begin again with what is on disk.
    fn begin_again(&mut self, back: u64, window: bool) -> Result<(), Broken> {
        let sequence = self.acknowledged.saturating_sub(back);
        let found = self.disk.go_back_to(sequence, window)?;
        let resumed = match &found.checkpoint {
            None => Follower::new(self.config.clone()),
            Some(checkpoint) => {
                let references = window.then(|| found.window());
                Follower::resume(self.config.clone(), checkpoint, references.as_deref())
            }
        };
        self.follower = resumed.map_err(|error| Broken {
            law: Law::Contract,
            what: format!("it does not resume from {sequence}: {error}"),
        })?;
        self.consumer.restart(found.path, found.root, sequence);
        self.acknowledged = sequence;
        (self.connection, self.follower_session, self.heard) = (None, None, None);
        self.on_the_way.clear();
        (self.over, self.ack_is_due, self.wake_at) = (false, false, Some(self.now));
        self.counters.restarts += 1;
        self.counters.last_call_at = None;
        Ok(())
    }

    /// Hands one input to the follower and does what it asks for.
    fn input(&mut self, input: Input) -> Result<(), Broken> {
        self.follower.handle(input, self.now);
        while let Some(output) = self.follower.poll_output() {
            require(!self.over, Law::Contract, || format!("{output:?} after it has finished"))?;
            match output {
                Output::Close { session } => self.close(session)?,
                Output::Connect { session, node } => self.connect(session, node.as_str())?,
                Output::Event(event) => self.tell(event)?,
                Output::Finished => (self.over, self.wake_at) = (true, None),
                Output::Send { session, bytes, .. } => self.send(session, bytes)?,
                Output::WakeAt(at) => self.wake_at = Some(at),
            }
        }
        let wakes = self.over || self.wake_at.is_some_and(|at| at > self.now);
        require(wakes, Law::Contract, || format!("no wake-up ahead, but at {:?}", self.wake_at))
    }

    fn deliver(&mut self, delivery: Delivery) -> Result<(), Broken> {
        match delivery {
            Delivery::Request { session, bytes } => {
                self.serve(session, &bytes);
                Ok(())
            }
            Delivery::Served { session, reply } => {
                self.served(session, reply);
                Ok(())
            }
            Delivery::Frame { session, frame } => self.hear(session, frame),
            Delivery::Link(input) => self.hear_link(input),
            Delivery::Ack => self.acknowledge(),
        }
    }

    fn latency(&mut self) -> Duration {
        self.messages += 1;
        let turn = self.messages.checked_rem(self.latencies_ms.len()).and_then(|at| self.latencies_ms.get(at));
        Duration::from_millis(turn.copied().map_or(0, u64::from))
    }

    fn schedule(&mut self, delay: Duration, delivery: Delivery) {
        self.schedule_at(self.now + delay, delivery);
    }

    fn schedule_at(&mut self, at: Duration, delivery: Delivery) {
        self.deliveries += 1;
        self.on_the_way.insert((at, self.deliveries), delivery);
    }

    /// Whether the follower begins at a block that may still be reorganised.
    fn begins_at_sink(&self) -> bool {
        self.config.start == StartAt::Sink
    }
}
