//! Follower, L1, consumer and the time, in one thread and without sockets.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bridge::{
    Config, L1Event,
    follower::{Follower, Input, Output},
    wire::{Network, Operation, Request},
};
use kaspa_hashes::Hash;

use super::l1::{BLOCK_INTERVAL, L1};

/// From a request to its answer, and from a block to its notification.
const LATENCY: Duration = Duration::from_millis(10);

/// Five minutes of blocks: the root moves while the consumer stalls.
const FINALITY_DEPTH: u64 = 3_000;

/// Everything there is.
pub struct World {
    pub follower: Follower,
    /// Whether the consumer takes and acknowledges events.
    pub consumes: bool,
    /// Whether the node tells of its blocks.
    pub notifies: bool,
    /// Events that the consumer did not take yet.
    pub waiting: VecDeque<L1Event>,
    /// Sessions that were opened.
    pub sessions: u64,
    l1: L1,
    now: Duration,
    next_block_at: Duration,
    wake_at: Option<Duration>,
    on_the_way: VecDeque<(Duration, Input)>,
    asked: BTreeMap<Operation, usize>,
    /// The blocks that the consumer took, first to last.
    taken: Vec<Hash>,
    /// Number of its last event.
    sequence: u64,
    /// Index of the block that was the last to become final.
    root_index: u64,
}

impl World {
    /// Nothing has happened yet. The consumer's list has its final size from the beginning.
    pub fn new(l1: L1) -> Self {
        let mut config = Config::new(Network::SIMNET, ["ws://127.0.0.1:17510"]).expect("the address is well formed");
        config.finality_depth = Some(FINALITY_DEPTH);
        Self {
            follower: Follower::new(config).expect("the settings are complete"),
            consumes: true,
            notifies: true,
            waiting: VecDeque::new(),
            sessions: 0,
            l1,
            now: Duration::ZERO,
            next_block_at: BLOCK_INTERVAL,
            wake_at: None,
            on_the_way: VecDeque::new(),
            asked: BTreeMap::new(),
            taken: Vec::with_capacity(20_000),
            sequence: 0,
            root_index: 0,
        }
    }

    /// The first input.
    pub fn start(&mut self) {
        self.input(Input::Tick);
    }

    /// Lets this much time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let arrival = self.on_the_way.front().map(|(at, _)| *at);
            let next = [arrival, self.wake_at, Some(self.next_block_at)].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = next;
            if arrival == Some(next) {
                let (_, input) = self.on_the_way.pop_front().expect("it was seen");
                self.input(input);
            } else if self.next_block_at == next {
                self.next_block_at += BLOCK_INTERVAL;
                let bytes = self.l1.mine();
                if self.notifies {
                    self.send_frame(bytes);
                }
            } else {
                self.wake_at = None;
                self.input(Input::Tick);
            }
        }
        self.now = end;
    }

    /// The consumer takes everything that waits, one after the other.
    pub fn take_waiting(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            self.take(&event);
            if let Some(sequence) = event.sequence() {
                self.hand_in(Input::Ack { sequence });
            }
        }
    }

    /// How often this was asked.
    pub fn asked(&self, operation: Operation) -> usize {
        self.asked.get(&operation).copied().unwrap_or(0)
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.asked.values().sum()
    }

    /// Asserts that the consumer has the whole chain, but for a block that is on its way.
    pub fn assert_took_every_block_once_in_order(&self) {
        let missing = self.l1.chain().skip(1).count() - self.taken.len();
        assert!(missing <= 1, "{missing} blocks are missing");
        assert!(self.l1.chain().skip(1).take(self.taken.len()).eq(self.taken.iter().copied()));
        assert_eq!(self.follower.root().map(|root| root.index), Some(self.root_index));
    }

    fn take(&mut self, event: &L1Event) {
        if let Some(sequence) = event.sequence() {
            assert_eq!(sequence, self.sequence + 1, "{event:?}");
            self.sequence = sequence;
        }
        match event {
            L1Event::BlockAdded(added) => {
                let parent = self.taken.last().copied().or_else(|| self.l1.chain().next());
                assert_eq!(Some(added.parent), parent);
                self.taken.push(added.block.hash);
                assert_eq!(added.block.index, self.taken.len() as u64);
            }
            L1Event::Finalized { block, .. } => {
                assert!(block.index > self.root_index, "{event:?}");
                assert_eq!(self.taken.get(block.index as usize - 1), Some(&block.hash));
                self.root_index = block.index;
            }
            L1Event::Connected { .. } | L1Event::Synced { .. } | L1Event::CatchingUp { .. } => {}
            other => panic!("{other:?} on a line without forks"),
        }
    }

    fn input(&mut self, input: Input) {
        self.hand_in(input);
        if self.consumes {
            self.take_waiting();
        }
    }

    fn hand_in(&mut self, input: Input) {
        self.follower.handle(input, self.now);
        while let Some(output) = self.follower.poll_output() {
            match output {
                Output::Close { .. } | Output::Finished => panic!("the session ended: {output:?}"),
                Output::Connect { session, .. } => {
                    self.sessions = session;
                    self.on_the_way.push_back((self.now + LATENCY, Input::Connected { session }));
                }
                Output::Event(event) => self.waiting.push_back(event),
                Output::Send { bytes, .. } => {
                    let (id, request) = Request::parse(&bytes).expect("the follower writes well-formed requests");
                    *self.asked.entry(request.operation()).or_insert(0) += 1;
                    let answer = self.l1.answer(id, &request);
                    self.send_frame(answer);
                }
                Output::WakeAt(at) => self.wake_at = Some(at),
            }
        }
    }

    fn send_frame(&mut self, bytes: Vec<u8>) {
        let frame = Input::Frame { session: self.sessions, bytes: bytes.into() };
        self.on_the_way.push_back((self.now + LATENCY, frame));
    }
}
