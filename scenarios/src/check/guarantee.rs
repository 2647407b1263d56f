//! Property: after every event the path is a prefix of the selected chain that a node held when it took up a chain request of
//! this bridge, and these requests come in the order in which they were asked: what a later answer changed, no earlier
//! answer changes back.
//!
//! Moment: every added block and reorg. Finds a bridge that applies what a notification says (its payload may jump over a
//! reset of the node's consensus), replies of a dead session, or a chain that no node held. False for a while: never. A
//! consumer that takes its time gets events late, so that their age is looked at only for one that does not.

use std::time::Duration;

use bridge::L1Event;
use kaspa_hashes::Hash;

use super::{Checker, Context};
use crate::plan::Plan;

/// Time for a reply to travel, for its claim to be confirmed, and for its events to be delivered, beyond the request
/// timeout.
const TRAVEL: Duration = Duration::from_secs(2);

/// See the module documentation.
#[derive(Debug)]
pub struct Guarantee {
    /// Longest time from answer to event; `None` if the consumer takes its time.
    longest_age: Option<Duration>,
    /// Answers before this one are over: a later one was applied.
    oldest: usize,
}

impl Checker for Guarantee {
    fn new(plan: &Plan, bridge: usize) -> Self {
        let bridge = &plan.bridges[bridge];
        let longest_age = Duration::from_millis(bridge.request_timeout_ms) + TRAVEL;
        Self { longest_age: bridge.consumer.is_prompt().then_some(longest_age), oldest: 0 }
    }

    fn name(&self) -> &'static str {
        "guarantee"
    }

    fn meaning(&self) -> &'static str {
        "the path is a prefix of a selected chain that the answering node held when it was asked"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        let tip = match event {
            L1Event::BlockAdded(added) => added.block.hash,
            L1Event::Reorg(reorg) => reorg.fork.hash,
            _ => return Ok(()),
        };
        let since = self.longest_age.map_or(Duration::ZERO, |age| context.now.saturating_sub(age));
        let is_held = |at: &usize| {
            let answer = &context.answers[*at];
            answer.at >= since && context.is_on_chain_of(tip, answer.sink)
        };
        match (self.oldest..context.answers.len()).find(is_held) {
            Some(at) => {
                self.oldest = at;
                Ok(())
            }
            None => Err(format!(
                "no node had {tip} on its selected chain at any of the last {} chain requests that may have an effect now",
                context.answers.len() - self.oldest
            )),
        }
    }
}

impl Context<'_> {
    fn is_on_chain_of(self, tip: Hash, sink: sim::dag::BlockId) -> bool {
        let dag = self.network.store().dag();
        dag.id(&tip).is_some_and(|tip| dag.is_chain_ancestor(tip, sink))
    }
}
