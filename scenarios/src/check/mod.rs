//! What must hold. One file each; every checker has a test that makes it fail.

pub mod economy;
pub mod finality;
pub mod guarantee;
pub mod matches_node;
pub mod path;
pub mod session;
pub mod truth;

use std::{fmt, time::Duration};

use bridge::L1Event;
use sim::{network::Network, world::SinkMoved};

use crate::{consumer::Replica, plan::PlannedBridge};

/// A property broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Name of the checker.
    pub checker: &'static str,
    /// What was seen and what should have been.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.checker, self.message)
    }
}

/// A property of the event stream, checked before the consumer applies each event.
pub trait Checker {
    /// Name shown when it fails.
    fn name(&self) -> &'static str;

    /// Looks at the next event.
    ///
    /// # Errors
    /// What was seen and what should have been.
    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String>;

    /// Looks once more when nothing more will come.
    ///
    /// # Errors
    /// What was seen and what should have been.
    fn at_rest(&mut self, _context: Context<'_>) -> Result<(), String> {
        Ok(())
    }
}

/// What a checker may look at.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// What the consumer rebuilt from all events before the present one.
    pub replica: &'a Replica,
    /// The L1, for the truth: its DAG, never its answers.
    pub network: &'a Network,
    /// Every move of the sinks of followed nodes so far, oldest first.
    pub sinks: &'a [SinkMoved],
    /// The bridge as the plan has it.
    pub bridge: &'a PlannedBridge,
    /// GetVirtualChainFromBlockV2 requests of the bridge so far.
    pub chain_requests: u64,
    /// Simulated time.
    pub now: Duration,
}

/// The checkers of every run.
pub fn all(finality_depth: u64) -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(path::Path::default()),
        Box::new(truth::Truth),
        Box::new(finality::Finality::new(finality_depth)),
        Box::new(guarantee::Guarantee),
        Box::new(session::Session::default()),
        Box::new(economy::Economy::default()),
    ]
}
