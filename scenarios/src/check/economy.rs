//! Property: the bridge does not ask more than it needs: at most 1.2 chain requests for each block delivered, one for each
//! poll interval, and a few for each session.
//!
//! Checked at rest. Finds a bridge that asks once per notification, or again and again for the same.

use bridge::L1Event;

use super::{Checker, Context};

/// Chain requests that a session may need to find its place.
const PER_SESSION: u64 = 5;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Economy {
    sessions: u64,
}

impl Checker for Economy {
    fn name(&self) -> &'static str {
        "economy"
    }

    fn on_event(&mut self, event: &L1Event, _: Context<'_>) -> Result<(), String> {
        self.sessions += u64::from(matches!(event, L1Event::Connected { .. }));
        Ok(())
    }

    fn at_rest(&mut self, context: Context<'_>) -> Result<(), String> {
        let elapsed_ms = u64::try_from(context.now.as_millis()).unwrap_or(u64::MAX);
        let polls = elapsed_ms / context.bridge.poll_interval_ms;
        let allowed = context.replica.added * 12 / 10 + polls + self.sessions * PER_SESSION;
        if context.chain_requests > allowed {
            return Err(format!(
                "{} chain requests for {} delivered blocks, {polls} polls and {} sessions; {allowed} are allowed",
                context.chain_requests, context.replica.added, self.sessions
            ));
        }
        Ok(())
    }
}
