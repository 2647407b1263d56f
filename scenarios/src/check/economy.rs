//! Property: the bridge does not ask more than it needs: at most 1.2 chain requests for each block delivered, one for each
//! poll interval, and a few for each session; and it connects again only after a pause that grows. A restarted process may
//! ask again for what it had not stored, and its first attempt needs no pause: each numbered event that it forgot counts as
//! a block, reorgs and finalized blocks too, so that after a restart a little more is allowed than the blocks need. To a bridge
//! that waits for confirmations each move of a sink counts as a block: what is announced is not yet to be had.
//!
//! Moment: at rest. Finds a bridge that asks once per notification, or again and again for the same, and one that calls a
//! node that accepts and closes in a tight loop. False for a while: before the first blocks arrive, which is why it is
//! looked at in the end.

use std::time::Duration;

use bridge::L1Event;

use super::{Checker, Context, Restart};
use crate::plan::{Plan, PlannedBridge};

/// Chain requests that a session may need to find its place.
const PER_SESSION: u64 = 5;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Economy {
    sessions: u64,
    /// Numbered events, most of them blocks, that were told to a process that died before it had stored them.
    forgotten: u64,
}

impl Checker for Economy {
    fn new(_: &Plan, _: usize) -> Self {
        Self::default()
    }

    fn name(&self) -> &'static str {
        "economy"
    }

    fn meaning(&self) -> &'static str {
        "at most 1.2 chain requests per delivered block, and no attempt to connect without a pause"
    }

    fn on_event(&mut self, event: &L1Event, _: Context<'_>) -> Result<(), String> {
        self.sessions += u64::from(matches!(event, L1Event::Connected { .. }));
        Ok(())
    }

    fn on_restart(&mut self, restart: Restart, _: Context<'_>) -> Result<(), String> {
        self.sessions += 1;
        self.forgotten += restart.forgotten;
        Ok(())
    }

    fn at_rest(&mut self, context: Context<'_>) -> Result<(), String> {
        let elapsed_ms = u64::try_from(context.now.as_millis()).unwrap_or(u64::MAX);
        let polls = elapsed_ms / context.bridge.poll_interval_ms;
        let (delivered, forgotten) = (context.replica.added, self.forgotten);
        let asked_for = delivered.max(context.moves_in_vain(Duration::ZERO));
        let allowed = (asked_for + forgotten) * 12 / 10 + polls + self.sessions * PER_SESSION;
        let chain_requests = context.counters.chain_requests;
        if chain_requests > allowed {
            return Err(format!(
                "{chain_requests} chain requests for {delivered} delivered blocks, {forgotten} forgotten events, {polls} polls \
                 and {} sessions; {allowed} are allowed",
                self.sessions
            ));
        }
        let attempts = context.counters.attempts;
        let allowed = (self.sessions + 1) * attempts_until_longest_pause(context.bridge)
            // A pause is at least half of what it would be without jitter.
            + 2 * elapsed_ms / context.bridge.backoff_max_ms.max(1);
        if attempts > allowed {
            return Err(format!(
                "{attempts} attempts to connect in {elapsed_ms} ms with {} sessions; {allowed} are allowed",
                self.sessions
            ));
        }
        Ok(())
    }
}

/// Attempts in a row that fail before the pause is as long as it gets; a session that worked makes it the shortest again.
fn attempts_until_longest_pause(bridge: &PlannedBridge) -> u64 {
    let doublings = (bridge.backoff_max_ms / bridge.backoff_min_ms.max(1)).max(1).ilog2();
    (u64::from(doublings) + 2) * bridge.nodes.len() as u64
}
