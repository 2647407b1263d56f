//! The follower without a shell: frames go from hand to hand, each with its latency.

use std::{collections::VecDeque, time::Duration};

use bridge::{
    L1Event,
    follower::{Follower, Input, Output},
};

use super::{
    l1::BLOCK_INTERVAL,
    world::{Stage, World, config},
};

/// From a request to its answer, and from a block to its notification.
const LATENCY: Duration = Duration::from_millis(10);

/// Follower and node in one hand.
pub struct BareFollower {
    stage: Stage,
    follower: Follower,
    waiting: VecDeque<L1Event>,
    session: u64,
    wake_at: Option<Duration>,
    on_the_way: VecDeque<(Duration, Input)>,
}

impl World for BareFollower {
    fn new(stage: Stage) -> Self {
        Self {
            stage,
            follower: Follower::new(config()).expect("the settings are complete"),
            waiting: VecDeque::new(),
            session: 0,
            wake_at: Some(Duration::ZERO),
            on_the_way: VecDeque::new(),
        }
    }

    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.stage.now + time;
        loop {
            let arrival = self.on_the_way.front().map(|(at, _)| *at);
            let next = [arrival, self.wake_at, Some(self.stage.next_block_at)].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.stage.now = next;
            if arrival == Some(next) {
                let (_, input) = self.on_the_way.pop_front().expect("it was seen");
                self.input(input);
            } else if self.stage.next_block_at == next {
                self.stage.next_block_at += BLOCK_INTERVAL;
                let bytes = self.stage.l1.mine();
                if self.stage.notifies {
                    self.send_frame(bytes);
                }
            } else {
                self.wake_at = None;
                self.input(Input::Tick);
            }
        }
        self.stage.now = end;
    }

    fn take_waiting(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            self.stage.consumer.take(&event, &self.stage.l1);
            if let Some(sequence) = event.sequence() {
                self.hand_in(Input::Ack { sequence });
            }
        }
    }

    fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn is_paused(&self) -> bool {
        self.follower.is_paused()
    }

    fn calls(&self) -> u64 {
        self.session
    }
}

impl BareFollower {
    fn input(&mut self, input: Input) {
        self.hand_in(input);
        if self.stage.consumes {
            self.take_waiting();
        }
    }

    fn hand_in(&mut self, input: Input) {
        self.follower.handle(input, self.stage.now);
        while let Some(output) = self.follower.poll_output() {
            match output {
                Output::Close { .. } | Output::Finished => panic!("the session ended: {output:?}"),
                Output::Connect { session, .. } => {
                    self.session = session;
                    self.on_the_way.push_back((self.stage.now + LATENCY, Input::Connected { session }));
                }
                Output::Event(event) => self.waiting.push_back(event),
                Output::Send { bytes, .. } => {
                    let answer = self.stage.l1.answer(&bytes);
                    self.send_frame(answer);
                }
                Output::WakeAt(at) => self.wake_at = Some(at),
            }
        }
    }

    fn send_frame(&mut self, bytes: Vec<u8>) {
        let frame = Input::Frame { session: self.session, bytes: bytes.into() };
        self.on_the_way.push_back((self.stage.now + LATENCY, frame));
    }
}
