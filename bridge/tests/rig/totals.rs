//! Runs many cases and counts what happened in them, so that a test can say that it was not about nothing.

use std::cell::Cell;

use proptest::prelude::*;
use sim::rig::Rig;

use crate::{cases::Case, runner::for_all};

/// Sums over all cases.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub added: u64,
    pub reorgs: u64,
    pub deepest_reorg: u64,
    pub finalized: u64,
    pub sessions: u64,
    pub restarts: u64,
    pub rejections: u64,
    pub chain_requests: u64,
    pub finality_broken: u64,
    pub fatal: u64,
}

impl Totals {
    fn count(&mut self, rig: &Rig) {
        let counters = rig.counters();
        self.added += counters.added;
        self.reorgs += counters.reorgs;
        self.deepest_reorg = self.deepest_reorg.max(counters.deepest_reorg);
        self.finalized += rig.consumer().root().map_or(0, |root| root.reference.index);
        self.sessions += counters.sessions;
        self.restarts += counters.restarts;
        self.rejections += counters.rejections;
        self.chain_requests += counters.chain_requests;
        self.finality_broken += u64::from(rig.finality_was_broken());
        self.fatal += u64::from(rig.consumer().fatal().is_some());
    }
}

/// Runs so many cases to their end. `test` is the calling test's own number.
///
/// # Panics
/// If a law is broken, with the smallest case found and the command to repeat it.
pub fn of(cases: u32, test: u64, strategy: &impl Strategy<Value = Case>) -> Totals {
    let totals = Cell::new(Totals::default());
    for_all(cases, test, strategy, |case| {
        let rig = case.run()?;
        let mut sums = totals.get();
        sums.count(&rig);
        totals.set(sums);
        Ok(())
    });
    totals.get()
}
