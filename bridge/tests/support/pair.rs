//! Follower and scripted nodes joined in virtual time, without sockets.
//!
//! Invariants, checked at every step: the follower always has a wake-up ahead of it until it has finished, so it can
//! neither sleep for ever nor ask to be woken in the past; every event passes the checks of [`Consumer`].

use std::{collections::BTreeMap, io, time::Duration};

use bridge::{
    ChainRef, Checkpoint, Config, DisconnectReason, L1Event, RejectReason, Window,
    follower::{Follower, Input, Output},
    wire::{Operation, Request},
};
use kaspa_hashes::Hash;

use super::{
    consumer::Consumer,
    node::{Answer, Door, ScriptedNode},
    tree::Tree,
};

/// Time from one side to the other.
pub const LATENCY: Duration = Duration::from_millis(5);

/// Most events of which is kept what was stored after them.
const HISTORY_LIMIT: usize = 100;

/// A request that the follower sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub at: Duration,
    pub session: u64,
    pub node: usize,
    pub request: Request,
}

/// Something on its way.
enum Delivery {
    ToNode { session: u64, bytes: Vec<u8> },
    ToFollower(Input),
}

/// A session that the follower asked for and neither side has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    pub session: u64,
    pub node: usize,
}

/// What a consumer has on disk after one numbered event.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The encoded checkpoint.
    pub checkpoint: Vec<u8>,
    /// The references from root to tip.
    pub window: Vec<ChainRef>,
    /// The consumer's own state.
    pub consumer: Consumer,
}

/// The follower, its nodes, and the time.
pub struct Pair {
    pub follower: Follower,
    pub tree: Tree,
    pub nodes: Vec<ScriptedNode>,
    pub now: Duration,
    pub connection: Option<Connection>,
    pub consumer: Consumer,
    /// The consumer's references, from the first numbered event on.
    pub window: Option<Window>,
    /// What was stored after each numbered event, if `keeps_history`.
    pub history: Vec<Stored>,
    pub keeps_history: bool,
    /// How long the nodes think about an answer; notifications do not wait for it.
    pub thinking: Duration,
    /// Whether every sequenced event is acknowledged at once.
    pub acknowledges: bool,
    pub events: Vec<L1Event>,
    pub requests: Vec<Sent>,
    /// When which node was called.
    pub connects: Vec<(Duration, usize)>,
    pub ticks: usize,
    pub finished: bool,
    pub config: Config,
    urls: Vec<String>,
    on_the_way: BTreeMap<(Duration, u64), Delivery>,
    deliveries: u64,
    wake_at: Option<Duration>,
}

impl Pair {
    /// One node that knows one block, not yet called.
    pub fn new(config: Config) -> Self {
        let tree = Tree::new();
        let nodes = config.nodes.iter().map(|_| ScriptedNode::new(&tree)).collect();
        let finality_depth = config.finality_depth.expect("tests set a finality depth");
        Self {
            urls: config.nodes.iter().map(ToString::to_string).collect(),
            follower: Follower::new(config.clone()).expect("the configuration is usable"),
            config,
            tree,
            nodes,
            now: Duration::ZERO,
            connection: None,
            consumer: Consumer::new(finality_depth),
            window: None,
            history: Vec::new(),
            keeps_history: false,
            thinking: Duration::ZERO,
            acknowledges: true,
            events: Vec::new(),
            requests: Vec::new(),
            connects: Vec::new(),
            ticks: 0,
            finished: false,
            on_the_way: BTreeMap::new(),
            deliveries: 0,
            wake_at: None,
        }
    }

    /// As [`Self::new`], the first node having `blocks` more, followed until synced.
    pub fn synced(config: Config, blocks: usize) -> Self {
        let mut pair = Self::new(config);
        pair.grow(0, blocks);
        pair.start();
        pair.drive_until("synced", Pair::is_synced);
        pair
    }

    /// The first input.
    pub fn start(&mut self) {
        self.input(Input::Tick);
    }

    /// What the consumer would have on disk now.
    ///
    /// # Panics
    /// Before the first numbered event.
    pub fn stored(&self) -> Stored {
        let window = self.window.as_ref().expect("an event was numbered");
        let checkpoint = window.checkpoint(self.config.network).expect("the window is the bridge's");
        Stored { checkpoint: checkpoint.encode(), window: window.blocks().collect(), consumer: self.consumer.clone() }
    }

    /// Kills follower and consumer and starts both again with what is on disk.
    pub fn restart_with(&mut self, stored: &Stored) {
        self.restart_from(stored, true);
    }

    /// As [`restart_with`](Self::restart_with), for a consumer that has stored nothing but the checkpoint.
    pub fn restart_without_window(&mut self, stored: &Stored) {
        self.restart_from(stored, false);
    }

    fn restart_from(&mut self, stored: &Stored, with_window: bool) {
        let checkpoint = Checkpoint::decode(&stored.checkpoint).expect("it was encoded");
        if let Some(Connection { node, .. }) = self.connection.take() {
            self.nodes[node].subscribed = false;
        }
        self.on_the_way.clear();
        (self.wake_at, self.finished) = (None, false);
        let window = with_window.then_some(stored.window.as_slice());
        self.follower = Follower::resume(self.config.clone(), &checkpoint, window).expect("the window fits");
        self.window = Some(match with_window {
            true => Window::restored(&checkpoint, stored.window.clone()).expect("the window fits"),
            false => Window::of_checkpoint(&checkpoint),
        });
        self.consumer = stored.consumer.clone();
        self.consumer.restart();
        self.start();
    }

    /// Kills follower and consumer after the last event and starts both again.
    pub fn restart(&mut self) {
        self.restart_with(&self.stored());
    }

    /// Hands one input to the follower now, and does what it asks for.
    pub fn input(&mut self, input: Input) {
        self.follower.handle(input, self.now);
        while let Some(output) = self.follower.poll_output() {
            self.perform(output);
        }
        let wakes = self.wake_at.is_some_and(|at| at > self.now);
        assert!(wakes || self.finished, "no wake-up ahead at {:?}: {:?}", self.now, self.follower);
    }

    /// Lets the next thing happen; false if nothing ever will.
    pub fn step(&mut self) -> bool {
        let arrival = self.on_the_way.first_key_value().map(|(&(at, _), _)| at);
        let Some(next) = arrival.into_iter().chain(self.wake_at).min() else { return false };
        self.now = self.now.max(next);
        if arrival == Some(next) {
            if let Some((_, delivery)) = self.on_the_way.pop_first() {
                self.deliver(delivery);
            }
        } else {
            // As in the client: a timer that rang is gone until it is set again.
            self.wake_at = None;
            self.ticks += 1;
            self.input(Input::Tick);
        }
        true
    }

    /// Steps until `reached` holds.
    ///
    /// # Panics
    /// If it does not within ten simulated minutes.
    pub fn drive_until(&mut self, what: &str, mut reached: impl FnMut(&Self) -> bool) {
        let deadline = self.now + Duration::from_secs(600);
        while !reached(self) {
            assert!(self.now < deadline && self.step(), "never {what}: {:#?}", self.events);
        }
    }

    /// Lets this much time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.next_at().is_some_and(|at| at <= end) && self.step() {}
        self.now = end;
    }

    /// Adds blocks to a node's chain, with a notification for each.
    pub fn grow(&mut self, node: usize, count: usize) {
        for _ in 0..count {
            let sink = self.tree.extend(self.nodes[node].sink);
            self.set_sink(node, sink);
        }
    }

    /// Moves a node's sink, with a notification.
    pub fn set_sink(&mut self, node: usize, sink: Hash) {
        if let Some(bytes) = self.nodes[node].set_sink(&self.tree, sink) {
            self.send_frame(node, bytes);
        }
    }

    /// Gives the node a branch of `length` blocks that leaves its chain `depth` blocks below the sink.
    pub fn fork(&mut self, node: usize, depth: usize, length: usize) -> Vec<Hash> {
        let fork = self.tree.below(self.nodes[node].sink, depth);
        let branch = self.tree.grow(fork, length);
        self.set_sink(node, branch.last().copied().unwrap_or(fork));
        branch
    }

    /// Sends a frame from the node, if it is the one that is connected.
    pub fn send_frame(&mut self, node: usize, bytes: Vec<u8>) {
        if let Some(connection) = self.connection.filter(|connection| connection.node == node) {
            let session = connection.session;
            self.schedule(LATENCY, Delivery::ToFollower(Input::Frame { session, bytes: bytes.into() }));
        }
    }

    /// The node ends the present connection.
    pub fn hang_up(&mut self) {
        if let Some(Connection { session, node }) = self.connection.take() {
            self.nodes[node].subscribed = false;
            let reason = DisconnectReason::ClosedByNode;
            self.schedule(Duration::ZERO, Delivery::ToFollower(Input::Closed { session, reason }));
        }
    }

    /// The requests of one kind.
    pub fn asked(&self, operation: Operation) -> usize {
        self.requests.iter().filter(|sent| sent.request.operation() == operation).count()
    }

    /// The chain pages that were asked for.
    pub fn pages(&self) -> usize {
        self.asked(Operation::GetVirtualChainFromBlockV2)
    }

    /// For what nodes were rejected.
    pub fn rejections(&self) -> Vec<&RejectReason> {
        self.events
            .iter()
            .filter_map(|event| match event {
                L1Event::NodeRejected { reason, .. } => Some(reason),
                _ => None,
            })
            .collect()
    }

    /// Whether the last event is `Synced`.
    pub fn is_synced(&self) -> bool {
        matches!(self.events.last(), Some(L1Event::Synced { .. }))
    }

    /// Hash of the follower's tip.
    pub fn tip(&self) -> Option<Hash> {
        self.follower.tip().map(|tip| tip.hash)
    }

    /// Asserts that follower and consumer have the chain of this node, from the anchor on.
    pub fn assert_follows(&self, node: usize) {
        let chain = self.tree.chain(self.nodes[node].sink);
        assert_eq!(self.tip(), chain.last().copied(), "{:#?}", self.events.iter().rev().take(5).collect::<Vec<_>>());
        let path = self.consumer.path();
        if let Some(anchor) = path.first() {
            let start = chain.iter().position(|hash| hash == anchor).expect("the anchor is on the chain");
            assert_eq!(path, &chain[start..]);
        }
    }

    fn next_at(&self) -> Option<Duration> {
        self.on_the_way.first_key_value().map(|(&(at, _), _)| at).into_iter().chain(self.wake_at).min()
    }

    fn schedule(&mut self, delay: Duration, delivery: Delivery) {
        self.deliveries += 1;
        self.on_the_way.insert((self.now + delay, self.deliveries), delivery);
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::ToFollower(input) => self.input(input),
            Delivery::ToNode { session, bytes } => {
                let Some(connection) = self.connection.filter(|connection| connection.session == session) else {
                    return;
                };
                let (id, request) = Request::parse(&bytes).expect("the follower writes well-formed requests");
                let answer = self.nodes[connection.node].answer(&self.tree, &request);
                if matches!(answer, Answer::HangUp) {
                    self.hang_up();
                } else if let Some(bytes) = answer.encode(id, request.operation()) {
                    let frame = Input::Frame { session, bytes: bytes.into() };
                    self.schedule(LATENCY + self.thinking, Delivery::ToFollower(frame));
                }
            }
        }
    }

    fn perform(&mut self, output: Output) {
        assert!(!self.finished, "{output:?} after the end");
        match output {
            Output::Close { session } => {
                let ended = self.connection.take_if(|connection| connection.session == session);
                if let Some(Connection { node, .. }) = ended {
                    self.nodes[node].subscribed = false;
                }
            }
            Output::Connect { session, node } => self.connect(session, node.as_str()),
            Output::Event(event) => {
                self.consumer.take(&event);
                self.keep(&event);
                if let (true, Some(sequence)) = (self.acknowledges, event.sequence()) {
                    self.schedule(Duration::ZERO, Delivery::ToFollower(Input::Ack { sequence }));
                }
                self.events.push(event);
            }
            Output::Finished => {
                self.finished = true;
                self.wake_at = None;
            }
            Output::Send { session, request_id, bytes } => self.send(session, request_id, bytes),
            Output::WakeAt(at) => self.wake_at = Some(at),
        }
    }

    fn keep(&mut self, event: &L1Event) {
        if event.sequence().is_none() {
            return;
        }
        let anchor = self.follower.anchor().expect("the anchor is there before the first numbered event");
        let window = self.window.get_or_insert_with(|| Window::new(anchor));
        window.apply(event).expect("the consumer's checks passed");
        assert_eq!(window.tip().index + 1, self.consumer.path().len() as u64);
        if self.keeps_history {
            if self.history.len() >= HISTORY_LIMIT {
                self.history.remove(0);
            }
            let stored = self.stored();
            self.history.push(stored);
        }
    }

    fn connect(&mut self, session: u64, url: &str) {
        assert_eq!(self.connection, None, "one session at a time");
        let node = self.urls.iter().position(|known| known == url).expect("only configured nodes are called");
        self.connects.push((self.now, node));
        self.nodes[node].subscribed = false;
        match self.nodes[node].door {
            Door::Open => {
                self.connection = Some(Connection { session, node });
                self.schedule(LATENCY, Delivery::ToFollower(Input::Connected { session }));
            }
            Door::Refuses => {
                let kind = io::ErrorKind::ConnectionRefused;
                let reason = DisconnectReason::ConnectFailed { kind, message: "refused".to_owned() };
                self.schedule(LATENCY, Delivery::ToFollower(Input::Closed { session, reason }));
            }
            Door::Hangs => self.connection = Some(Connection { session, node }),
        }
    }

    fn send(&mut self, session: u64, request_id: u64, bytes: Vec<u8>) {
        // A socket that has just broken takes requests until its end is reported.
        let Some(connection) = self.connection else { return };
        assert_eq!(connection.session, session, "a request for a session that is over");
        let (id, request) = Request::parse(&bytes).expect("the follower writes well-formed requests");
        assert_eq!(id, request_id);
        self.requests.push(Sent { at: self.now, session, node: connection.node, request });
        self.schedule(LATENCY, Delivery::ToNode { session, bytes });
    }
}
