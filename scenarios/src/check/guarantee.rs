//! Property: after every event that changes the chain, the path ends at a block that was on the selected chain of a followed
//! node while the bridge could be asking: at some moment between one request timeout ago and now.
//!
//! Checked at every added block and reorg. Never false for a while. Finds a bridge that applies blocks of a chain that no
//! node held, replies of long ago, or what a notification says.

use std::time::Duration;

use bridge::L1Event;
use kaspa_hashes::Hash;
use sim::dag::BlockId;

use super::{Checker, Context};

/// Time for a reply to travel and be delivered, beyond the request timeout.
const TRAVEL: Duration = Duration::from_secs(2);

/// See the module documentation.
#[derive(Debug)]
pub struct Guarantee;

impl Checker for Guarantee {
    fn name(&self) -> &'static str {
        "guarantee"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        let tip = match event {
            L1Event::BlockAdded(added) => added.block.hash,
            L1Event::Reorg(reorg) => reorg.fork.hash,
            _ => return Ok(()),
        };
        if was_held(tip, context) {
            return Ok(());
        }
        Err(format!("no followed node had {tip} on its selected chain within the request timeout"))
    }
}

fn was_held(tip: Hash, context: Context<'_>) -> bool {
    let dag = context.network.store().dag();
    let Some(tip) = dag.id(&tip) else { return false };
    let window = Duration::from_millis(context.bridge.request_timeout_ms) + TRAVEL;
    let since = context.now.saturating_sub(window);
    context.bridge.nodes.iter().any(|node| {
        // Newest first: the sink that was held when the window opened moved there before it.
        for moved in context.sinks.iter().rev().filter(|moved| moved.node == *node) {
            if dag.is_chain_ancestor(tip, moved.sink) {
                return true;
            }
            if moved.at <= since {
                return false;
            }
        }
        tip == BlockId::GENESIS
    })
}
