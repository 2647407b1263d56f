//! A follower, model nodes, and what happens to them: any schedule over `sim::rig`, which checks its laws after every
//! event and every call.
//!
//! | file | room for |
//! |---|---|
//! | `step.rs` | what happens, and its byte code |
//! | `l1.rs` | the L1 on which it happens |
//!
//! Ranges are those for which the rig promises its laws: latencies far below the timeouts, an L1 that comes to rest.

mod l1;
mod step;

use std::fmt;

use bridge::StartAt;
use sim::rig::{self, Rig, RigConfig};

pub use self::{
    l1::{L1, Trouble, WhereItHappens},
    step::Step,
};
use crate::code::{Word, Words};

/// Most steps of a schedule.
const MOST_STEPS: usize = 64;

/// Words before the first step.
const HEAD_WORDS: usize = 4;

/// A whole case.
#[derive(Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The L1.
    pub l1: L1,
    /// Settings of the follower.
    pub settings: Settings,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// Settings of the follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many nodes may be called, at most as many as there are.
    pub nodes: u8,
    /// Whether it begins at the sink; otherwise at the pruning point.
    pub starts_at_sink: bool,
    /// Blue score below the sink at which blocks are delivered.
    pub confirmations: u8,
    /// Unacknowledged events at which it pauses.
    pub high_water_mark: u8,
}

impl Settings {
    const fn of(word: Word) -> Self {
        let [confirmations, high_water_mark] = word.large.to_le_bytes();
        Self {
            nodes: 1 + word.small % 3,
            starts_at_sink: word.operation % 8 == 7,
            confirmations: confirmations % 12,
            high_water_mark: 1 + high_water_mark % 255,
        }
    }

    const fn word(self) -> Word {
        let operation = if self.starts_at_sink { 7 } else { 0 };
        Word::new(operation, self.nodes - 1, u16::from_le_bytes([self.confirmations, self.high_water_mark - 1]))
    }
}

impl Schedule {
    /// Reads the byte code; every byte string is a schedule.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut words = Words::new(bytes);
        let mut head = [Word::new(0, 0, 0); HEAD_WORDS];
        head.iter_mut().zip(words.by_ref()).for_each(|(place, word)| *place = word);
        let [settings, one, two, three] = head;
        let steps = words.take(MOST_STEPS).map(Step::of).collect();
        Self { l1: L1::of([one, two, three]), settings: Settings::of(settings), steps }
    }

    /// Writes the byte code.
    pub fn encode(&self) -> Vec<u8> {
        let head = [self.settings.word()].into_iter().chain(self.l1.words());
        head.chain(self.steps.iter().map(|step| step.word())).flat_map(Word::bytes).collect()
    }

    fn rig(&self) -> Rig {
        let network = self.l1.network(&self.steps);
        let nodes = usize::from(self.settings.nodes).min(network.hash_shares.len());
        let mut follower = rig::settings(nodes, network.parameters.finality_depth);
        follower.confirmations = u64::from(self.settings.confirmations);
        follower.high_water_mark = u64::from(self.settings.high_water_mark);
        follower.seed = network.seed;
        if self.settings.starts_at_sink {
            follower.start = StartAt::Sink;
        }
        let latencies_ms = self.steps.iter().filter_map(|step| step.latency_ms()).collect();
        Rig::new(RigConfig { network, follower, latencies_ms }).expect("the ranges are those of a rig")
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}\n{:?}", self.l1, self.settings)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "    {step:?}"))
    }
}

/// Runs the schedule and lets everything come to rest.
///
/// # Panics
/// If the follower breaks a law.
pub fn check(schedule: &Schedule) {
    let mut rig = schedule.rig();
    let outcome = schedule
        .steps
        .iter()
        .filter_map(|step| step.happening())
        .try_for_each(|happening| rig.happen(happening))
        .and_then(|()| rig.settle())
        .and_then(|()| rig.shut_down());
    if let Err(breach) = outcome {
        panic!("{breach}");
    }
}
