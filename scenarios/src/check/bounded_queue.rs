//! Property: the queue holds at most the high-water mark and one page, however slow the consumer is.
//!
//! Moment: every event. Finds a bridge that goes on fetching for a consumer that does not keep up, until memory is full, as
//! a worker does that queues one fetch for each notification. False for a while: never. Events without a number are not
//! fetched, and not counted.

use bridge::L1Event;
use sim::node::PAGE_MERGESETS;

use super::{Checker, Context, Restart};
use crate::plan::Plan;

/// See the module documentation.
#[derive(Debug)]
pub struct BoundedQueue {
    page_events: u64,
    delivered: u64,
    acknowledged: u64,
}

impl Checker for BoundedQueue {
    fn new(plan: &Plan, _: usize) -> Self {
        let page_blocks = plan.parameters.mergeset_size_limit * PAGE_MERGESETS;
        // A reorg and a finalization come with a page.
        Self { page_events: page_blocks as u64 + 2, delivered: 0, acknowledged: 0 }
    }

    fn name(&self) -> &'static str {
        "bounded-queue"
    }

    fn meaning(&self) -> &'static str {
        "at most the high-water mark and one page of events wait or are unacknowledged"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        self.delivered = event.sequence().unwrap_or(self.delivered);
        let held = context.waiting + (self.delivered - self.acknowledged);
        let allowed = context.bridge.high_water_mark + self.page_events;
        if held > allowed {
            return Err(format!(
                "{held} events wait or are unacknowledged; the high-water mark is {}, and {allowed} are allowed",
                context.bridge.high_water_mark
            ));
        }
        Ok(())
    }

    fn on_acknowledged(&mut self, sequence: u64, _: Context<'_>) -> Result<(), String> {
        self.acknowledged = sequence;
        Ok(())
    }

    fn on_restart(&mut self, restart: Restart, _: Context<'_>) -> Result<(), String> {
        (self.delivered, self.acknowledged) = (restart.stored, restart.stored);
        Ok(())
    }
}
