//! Property: after every event the path is a prefix of the selected chain that a node held when it took up a chain request of
//! this bridge, with enough confirmations there for a block that is added, and with a sink heavier than the tip that a reorg
//! leaves; and these requests come in the order in which they were asked: what a later answer changed, no earlier answer
//! changes back.
//!
//! Moment: every added block and reorg. Finds a bridge that applies what a notification says (its payload may jump over a
//! reset of the node's consensus), replies of a dead session, a chain that no node held, or one that goes back with a node
//! that is behind. False for a while: never. A consumer that takes its time gets events late, so that their age is looked at
//! only for one that does not.

use std::time::Duration;

use bridge::L1Event;
use rustc_hash::FxHashSet;
use sim::{block_store::BlockStore, dag::BlockId};

use super::{Checker, Context};
use crate::{oracle, plan::Plan};

/// Requests from a page to its effect: the page itself, and where it removes blocks and adds nothing heavier, the node's sink
/// and its header.
const REQUESTS: u32 = 3;

/// Time for events to be delivered, beyond the request timeouts.
const TRAVEL: Duration = Duration::from_secs(2);

/// See the module documentation.
#[derive(Debug)]
pub struct Guarantee {
    /// Longest time from answer to event; `None` if the consumer takes its time.
    longest_age: Option<Duration>,
    /// The oldest answer that may still have an effect: a later one than those before it was applied.
    chain: ChainOf,
}

impl Checker for Guarantee {
    fn new(plan: &Plan, bridge: usize) -> Self {
        let bridge = &plan.bridges[bridge];
        let timeout = Duration::from_millis(bridge.request_timeout_ms);
        let longest_age = timeout.saturating_mul(REQUESTS).saturating_add(TRAVEL);
        Self { longest_age: bridge.consumer.is_prompt().then_some(longest_age), chain: ChainOf::default() }
    }

    fn name(&self) -> &'static str {
        "guarantee"
    }

    fn meaning(&self) -> &'static str {
        "the path is a prefix of a selected chain that the answering node held when it was asked"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        let (tip, left) = match event {
            L1Event::BlockAdded(added) => (added.block.hash, None),
            L1Event::Reorg(reorg) => (reorg.fork.hash, Some(reorg.old_tip.hash)),
            _ => return Ok(()),
        };
        let confirmations = if left.is_none() { context.bridge.confirmations } else { 0 };
        let store = context.network.store();
        let left = left.and_then(|left| store.dag().id(&left));
        let outweighs = |sink: BlockId| left.is_none_or(|left| oracle::is_heavier(store, sink, left));
        let since = self.longest_age.map_or(Duration::ZERO, |age| context.now.saturating_sub(age));
        let oldest = self.chain.answer;
        let fits = |at: &usize| {
            let answer = &context.answers[*at];
            let tip = store.dag().id(&tip).filter(|_| answer.at >= since && outweighs(answer.sink));
            let tip = tip.filter(|tip| has_confirmations(store, *tip, answer.sink, confirmations));
            tip.is_some_and(|tip| self.chain.holds(*at, answer.sink, tip, store))
        };
        match (oldest..context.answers.len()).find(fits) {
            Some(_) => Ok(()),
            None => Err(format!(
                "no node had {tip} on its selected chain, {confirmations} confirmations deep{}, at any of the last {} chain requests that may have an effect now",
                if left.is_some() { ", and a sink heavier than the tip that it is to replace" } else { "" },
                context.answers.len() - oldest
            )),
        }
    }
}

/// Whether the sink is high enough above the block. A block above the sink is on no chain of it.
fn has_confirmations(store: &BlockStore, block: BlockId, sink: BlockId, confirmations: u64) -> bool {
    let blue_score = |block: BlockId| store.dag().blue_score(block);
    confirmations == 0 || blue_score(sink).saturating_sub(blue_score(block)) > confirmations
}

/// The selected chain of one answer's sink, walked down by selected parents as far as was asked.
#[derive(Debug, Default)]
struct ChainOf {
    /// Number of the answer.
    answer: usize,
    /// The last block walked to; `None` before the first question.
    lowest: Option<BlockId>,
    blocks: FxHashSet<BlockId>,
}

impl ChainOf {
    /// Whether `block` is on the chain of `sink`, the sink of answer number `answer`. Leaves the answer asked before.
    fn holds(&mut self, answer: usize, sink: BlockId, block: BlockId, store: &BlockStore) -> bool {
        let mut lowest = match self.lowest {
            Some(lowest) if self.answer == answer => lowest,
            _ => {
                self.answer = answer;
                self.blocks.clear();
                self.blocks.insert(sink);
                sink
            }
        };
        let blue_score = |block: BlockId| store.dag().blue_score(block);
        // Blue scores rise along a chain: below the score of `block` it cannot be.
        while blue_score(lowest) > blue_score(block)
            && let Some(parent) = oracle::selected_parent(store, lowest)
        {
            self.blocks.insert(parent);
            lowest = parent;
        }
        self.lowest = Some(lowest);
        self.blocks.contains(&block)
    }
}
