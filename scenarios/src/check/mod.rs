//! What must hold: one file a property, and one list.
//!
//! To add a checker, write its file and add its line to the list below. Each file says at its head what the property is, at
//! which moment it is looked at, which real bug it finds, and when it may be false for a while. Every checker has a test that
//! makes it fail.

use std::{fmt, time::Duration};

use bridge::L1Event;
use sim::{
    network::Network,
    world::{ChainAnswer, Counters, SinkMoved},
};

pub use self::progress::Quiet;
use crate::{
    consumer::Replica,
    oracle::{Walk, economy::Books, outcome::Rest},
    plan::{Plan, PlannedBridge},
};

/// A property of what one bridge tells its consumer.
///
/// What concerns several bridges at once is checked by [`twins`].
pub trait Checker {
    /// The checker of bridge number `bridge` of a plan.
    fn new(plan: &Plan, bridge: usize) -> Self
    where
        Self: Sized;

    /// Name of the property.
    fn name(&self) -> &'static str;

    /// The property, in one sentence.
    fn meaning(&self) -> &'static str;

    /// What it means if the property is broken.
    fn breach(&self) -> Breach {
        Breach::Safety
    }

    /// Looks at the next event, before the consumer applies it.
    ///
    /// # Errors
    /// What was seen and what should have been.
    fn on_event(&mut self, _event: &L1Event, _context: Context<'_>) -> Result<(), String> {
        Ok(())
    }

    /// The consumer acknowledged everything up to `sequence`.
    ///
    /// # Errors
    /// What was seen and what should have been.
    fn on_acknowledged(&mut self, _sequence: u64, _context: Context<'_>) -> Result<(), String> {
        Ok(())
    }

    /// A batch of events, each of which was looked at before, is durable in the state machine.
    ///
    /// # Errors
    /// What was seen and what should have been.
    fn on_stored(&mut self, _stored: &Stored<'_>, _context: Context<'_>) -> Result<(), String> {
        Ok(())
    }

    /// The consumer's process died and is back with what its state machine has stored; a new bridge goes on from there.
    /// Events that were taken and not stored are forgotten: no checker has seen them, also those without a number. A batch
    /// that turns out to be stored although its process died over it was looked at just before, event by event, but without
    /// [`on_stored`](Self::on_stored): what it did was never told.
    ///
    /// # Errors
    /// What was seen and what should have been.
    fn on_restart(&mut self, _restart: Restart, _context: Context<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Looks at a bridge of which nothing need be told: every few seconds while the storm lasts.
    ///
    /// # Errors
    /// What was seen and what should have been.
    fn on_look(&mut self, _quiet: Quiet, _context: Context<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Looks once more at the end of the run: the L1 is at rest, and the bridge had its time to arrive or to end.
    ///
    /// # Errors
    /// What was seen and what should have been.
    fn at_rest(&mut self, _context: Context<'_>) -> Result<(), String> {
        Ok(())
    }

    /// The books that it keeps, if it does, so that nobody has to make the same ones again.
    fn books(&self) -> Option<&Books> {
        None
    }
}

/// A batch of events that became durable together.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// The events, in order.
    pub events: &'a [L1Event],
    /// What they did to the state machine.
    pub applied: &'a state::Applied,
}

/// A consumer's process is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Number of the last event whose effects are stored; 0 if nothing is.
    pub stored: u64,
    /// Numbered events that the bridge had told and that are forgotten.
    pub forgotten: u64,
}

/// What a checker may look at. Truth comes from the oracle, never from answers of nodes.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// What the consumer rebuilt from all events before the present one.
    pub replica: &'a Replica,
    /// What is true at the block that the event names as the new tip; elsewhere, at the tip.
    pub oracle: &'a Walk,
    /// The truth at rest; nothing before.
    pub rest: Option<&'a Rest>,
    /// The L1.
    pub network: &'a Network,
    /// Every move of the sinks of followed nodes so far, oldest first.
    pub sinks: &'a [SinkMoved],
    /// Every answer to a chain request of this bridge so far, oldest first.
    pub answers: &'a [ChainAnswer],
    /// The bridge as the plan has it.
    pub bridge: &'a PlannedBridge,
    /// What the bridge did so far.
    pub counters: Counters,
    /// The state machine, if the consumer has one and its process runs: with the whole batch of the events looked at.
    pub machine: Option<&'a state::Machine>,
    /// Numbered events that wait in the bridge's queue.
    pub waiting: u64,
    /// The event stream has come to its end.
    pub stream_over: bool,
    /// Simulated time.
    pub now: Duration,
}

impl Context<'_> {
    /// Moves of the sinks of the bridge's nodes since then that may have been asked for and brought no block: none but of a bridge
    /// that waits for confirmations.
    pub(crate) fn moves_in_vain(&self, since: Duration) -> u64 {
        if self.bridge.confirmations == 0 {
            return 0;
        }
        let recent = self.sinks.iter().rev().take_while(|moved| moved.at >= since);
        recent.filter(|moved| self.bridge.nodes.contains(&moved.node)).count() as u64
    }
}

/// How grave a broken property is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// Something wrong was told.
    Safety,
    /// Something due was not told in time.
    Liveness,
}

/// A property broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Name of the property.
    pub property: &'static str,
    /// The property, in one sentence.
    pub meaning: &'static str,
    /// How grave that is.
    pub breach: Breach,
    /// Number of the bridge; `None` if it concerns the whole run.
    pub bridge: Option<usize>,
    /// Simulated time at which it was seen.
    pub at: Duration,
    /// What was seen and what should have been.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.property, self.message)
    }
}

pub mod twins;

macro_rules! checkers {
    ($($module:ident :: $checker:ident,)*) => {
        $(pub mod $module;)*

        /// The checkers of bridge number `bridge` of `plan`.
        pub fn all(plan: &Plan, bridge: usize) -> Vec<Box<dyn Checker>> {
            vec![$(Box::new($module::$checker::new(plan, bridge))),*]
        }
    };
}

// In this order they are asked, and the first that fails is told: convergence first, because the others may take for
// granted at rest that the bridge arrived.
checkers! {
    convergence::Convergence,
    acknowledged::Acknowledged,
    session::Session,
    path::Path,
    truth::Truth,
    accepted_once::AcceptedOnce,
    finality::Finality,
    guarantee::Guarantee,
    bounded_queue::BoundedQueue,
    economy::Economy,
    rate::Rate,
    progress::Progress,
    matches_node::MatchesNode,
    settlement::Settlement,
    machine::StateMachine,
}
