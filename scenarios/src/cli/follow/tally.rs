//! What became of the transactions that the state machine executed, on standard error: it is known only after the store, and
//! on standard output it would not come again after a crash, as events do.

use std::fmt;

use state::{
    Applied,
    receipt::{Outcome, Receipt},
};

use super::super::output::{self, Tone};

/// Counts executions.
pub struct Tally {
    verbose: bool,
    applied: u64,
    rejected: u64,
}

impl Tally {
    /// Nothing yet; tells of each one if it is to be `verbose`.
    pub fn new(verbose: bool) -> Self {
        Self { verbose, applied: 0, rejected: 0 }
    }

    /// Takes in what a batch did.
    pub fn note(&mut self, applied: &Applied) {
        for receipt in &applied.receipts {
            match &receipt.outcome {
                Outcome::Applied => self.applied += 1,
                Outcome::Rejected(_) => self.rejected += 1,
            }
            if self.verbose {
                tell(receipt);
            }
        }
    }
}

/// As `2 applied, 1 rejected`; executions that a reorg took back count too.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} applied, {} rejected", self.applied, self.rejected)
    }
}

fn tell(receipt: &Receipt) {
    let place = format!("{} in index {}, position {}", receipt.transaction, receipt.index, receipt.acceptance_index);
    match &receipt.outcome {
        Outcome::Applied => output::status(Tone::Good, "Applied", &place),
        Outcome::Rejected(reason) => output::status(Tone::Bad, "Rejected", &format!("{place}: {reason}")),
    }
}
