//! Property: at rest the consumer has what the node has. The chain rebuilt from events equals the node's selected chain
//! from genesis to sink: same blocks, same order, same blue scores, same accepted transactions in the same order.
//!
//! Checked once, when the L1 is quiet and the bridge had time to follow. Truth is read off the DAG by walking selected
//! parents, not from the node's answers. Finds any event missed, invented or changed.

use kaspa_hashes::Hash;
use sim::{dag::BlockId, network::Network};

use super::Failure;
use crate::consumer::{Replica, ReplicaBlock};

const NAME: &str = "matches-node";

/// Compares `replica`, whose anchor is genesis, with the selected chain of node `node`.
///
/// # Errors
/// The first difference.
pub fn check(replica: &Replica, network: &Network, node: usize) -> Result<(), Failure> {
    let truth = selected_chain(network, node);
    let path = replica.blocks();
    for (position, (found, expected)) in path.iter().zip(&truth).enumerate() {
        compare(position as u64 + 1, found, expected)?;
    }
    if path.len() != truth.len() {
        return Err(failure(format!("the path has {} blocks, the selected chain {}", path.len(), truth.len())));
    }
    Ok(())
}

/// What the chain should be at one place.
struct Expected {
    hash: Hash,
    blue_score: u64,
    accepted_ids: Vec<Hash>,
}

fn selected_chain(network: &Network, node: usize) -> Vec<Expected> {
    let store = network.store();
    let dag = store.dag();
    let mut chain = Vec::new();
    let mut block = network.node(node).sink();
    while let Some(parent) = dag.selected_parent(block).filter(|_| block != BlockId::GENESIS) {
        chain.push(Expected {
            hash: dag.hash(block),
            blue_score: dag.blue_score(block),
            accepted_ids: store.accepted_ids(block).collect(),
        });
        block = parent;
    }
    chain.reverse();
    chain
}

fn compare(index: u64, found: &ReplicaBlock, expected: &Expected) -> Result<(), Failure> {
    if found.block.hash != expected.hash {
        return Err(failure(format!(
            "block {} at index {index}, the selected chain has {} there",
            found.block.hash, expected.hash
        )));
    }
    if (found.block.index, found.block.blue_score) != (index, expected.blue_score) {
        return Err(failure(format!(
            "{:?}: index {index} and blue score {} are true",
            found.block, expected.blue_score
        )));
    }
    if found.accepted_ids != expected.accepted_ids {
        return Err(failure(format!(
            "block {} accepts {} transactions, in truth {}, or others, or in another order",
            expected.hash,
            found.accepted_ids.len(),
            expected.accepted_ids.len()
        )));
    }
    Ok(())
}

fn failure(message: String) -> Failure {
    Failure { checker: NAME, message }
}
