//! What must hold. One file each; every checker has a test that makes it fail.

pub mod finality;
pub mod matches_node;
pub mod path;

use std::fmt;

use bridge::L1Event;

use crate::consumer::Replica;

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

    /// Looks at the next event. `replica` is what the consumer rebuilt from all events before it.
    ///
    /// # Errors
    /// What was seen and what should have been.
    fn on_event(&mut self, event: &L1Event, replica: &Replica) -> Result<(), String>;
}

/// The checkers of every run.
pub fn all(finality_depth: u64) -> Vec<Box<dyn Checker>> {
    vec![Box::new(path::Path::default()), Box::new(finality::Finality::new(finality_depth))]
}
