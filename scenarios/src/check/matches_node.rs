//! Property: at rest the consumer has what its node has: the chain rebuilt from events is the selected chain from the anchor
//! to the sink, with the same blue scores and the same accepted transactions in the same order.
//!
//! Moment: at rest, unless the bridge had to end. Finds any event missed, invented or changed, also where every single step
//! looked right, as a start in the middle of the chain. False for a while: all the time before.

use sim::dag::BlockId;

use super::{Checker, Context};
use crate::{consumer::ReplicaBlock, oracle::ChainBlock, plan::Plan};

/// See the module documentation.
#[derive(Debug)]
pub struct MatchesNode;

impl Checker for MatchesNode {
    fn new(_: &Plan, _: usize) -> Self {
        Self
    }

    fn name(&self) -> &'static str {
        "matches-node"
    }

    fn meaning(&self) -> &'static str {
        "at rest the consumer has its node's chain from the anchor to the sink, block by block"
    }

    fn at_rest(&mut self, context: Context<'_>) -> Result<(), String> {
        // A bridge that had to end keeps the chain that it had; where it ended is checked by `convergence`.
        if context.replica.ended {
            return Ok(());
        }
        let path = context.replica.blocks();
        let (store, truth) = (context.network.store(), context.oracle.path());
        // The anchor is not announced. It is the pruning point of the node that was asked first, which is genesis at the start.
        let anchor = context.replica.anchor.map_or(Some(BlockId::GENESIS), |anchor| store.dag().id(&anchor));
        let height = anchor.and_then(|anchor| truth.iter().position(|block| block.id == anchor));
        let points = context.bridge.nodes.iter().map(|node| context.network.node(*node as usize).pruning_point());
        let highest = points.map(|point| store.dag().blue_score(point)).max().unwrap_or(0);
        let Some(height) = height.filter(|height| truth[*height].blue_score <= highest) else {
            return Err(format!("the chain begins at {anchor:?}, which is no pruning point of its nodes"));
        };
        let truth = &truth[height + 1..];
        for (index, (found, expected)) in (1..).zip(path.iter().zip(truth)) {
            compare(index, found, expected, context)?;
        }
        if path.len() != truth.len() {
            return Err(format!("the path has {} blocks, the selected chain {}", path.len(), truth.len()));
        }
        Ok(())
    }
}

fn compare(index: u64, found: &ReplicaBlock, expected: &ChainBlock, context: Context<'_>) -> Result<(), String> {
    let store = context.network.store();
    let hash = store.dag().hash(expected.id);
    if found.block.hash != hash {
        return Err(format!("block {} at index {index}, the selected chain has {hash} there", found.block.hash));
    }
    if (found.block.index, found.block.blue_score) != (index, expected.blue_score) {
        return Err(format!("{:?}: index {index} and blue score {} are true", found.block, expected.blue_score));
    }
    let accepted = expected.accepted.iter().map(|index| store.transaction_id(*index));
    if !accepted.eq(found.accepted_ids.iter().copied()) {
        return Err(format!(
            "block {hash} accepts {} transactions, in truth {}, or others, or in another order",
            found.accepted_ids.len(),
            expected.accepted.len()
        ));
    }
    Ok(())
}
