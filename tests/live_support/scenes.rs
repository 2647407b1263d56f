//! What several tests begin with: nodes that were apart, a node far ahead, a node that catches up with it.

use std::path::Path;

use kaspa_hashes::Hash;

use super::{
    client::Client,
    consumer::{Consumer, Stored, config},
    eventually,
    kaspad::{FINALITY_DEPTH, Kaspad, PRUNING_DEPTH},
    miner::{Miner, hash_of},
};

/// Blue score at which the pruning point moves for the first time, with room for what lags behind.
pub const FIRST_PRUNING: u64 = FINALITY_DEPTH + PRUNING_DEPTH + 20;

/// Two nodes with a common beginning that know nothing of one another.
pub struct Apart {
    pub left: Kaspad,
    pub right: Kaspad,
    /// The newest block that both have.
    pub fork: Hash,
}

impl Apart {
    /// Two nodes that have the first 30 blocks in common, and so many more of their own each.
    pub async fn start(kaspad: &Path, left_blocks: usize, right_blocks: usize) -> Self {
        let left = Kaspad::start(kaspad, "left").await;
        let right = Kaspad::start(kaspad, "right").await;
        let (mut left_miner, mut right_miner) = (Miner::on(&left, 1).await, Miner::on(&right, 2).await);
        let common = left_miner.mine(30).await;
        for block in &common {
            right_miner.submit(block).await;
        }
        left_miner.mine(left_blocks).await;
        right_miner.mine(right_blocks).await;
        let fork = hash_of(common.last().expect("blocks were mined"));
        Self { left, right, fork }
    }

    /// Connects them and waits until the first has the second's chain.
    pub async fn join(&self) {
        let (mut left, mut right) = (self.left.client().await, self.right.client().await);
        left.add_peer(&self.right.peer_address()).await;
        let mut miner = Miner::on(&self.right, 3).await;
        eventually("the nodes to agree", async || {
            let sinks = (left.sink().await, right.sink().await);
            if sinks.0 == sinks.1 {
                return Ok(());
            }
            // Another block is another occasion for the first node to fetch what it lacks.
            miner.mine(1).await;
            Err(format!("sinks {sinks:?}"))
        })
        .await;
    }
}

/// Follows to the sink and stops there.
pub async fn follow_to_sink(node: &Kaspad) -> Stored {
    let mut consumer = Consumer::start(config(node));
    consumer.until_at_sink(&mut node.client().await).await;
    consumer.stop()
}

/// Waits until the node refuses to serve the chain from this block, and returns what it says.
pub async fn refusal(client: &mut Client, hash: Hash) -> String {
    eventually("the node to prune", async || match client.chain_page(hash).await {
        Ok((_, added)) => Err(format!("{hash} is served with {} blocks", added.len())),
        Err(text) => Ok(text),
    })
    .await
}

/// A node that has pruned its first blocks: others far behind it need a pruning proof.
pub async fn far_ahead(kaspad: &Path) -> (Kaspad, Miner) {
    let node = Kaspad::start(kaspad, "far-ahead").await;
    let mut miner = Miner::on(&node, 1).await;
    miner.mine_to(FIRST_PRUNING).await;
    let mut client = node.client().await;
    eventually("the pruning point to move", async || {
        let pruning_point = client.dag_info().await.pruning_point_hash;
        match client.blue_score(pruning_point).await {
            0 => Err(format!("it is still {pruning_point}")),
            _ => Ok(()),
        }
    })
    .await;
    (node, miner)
}

/// Connects the node to the one far ahead and waits until it has that one's chain: its consensus is replaced by one that
/// begins at the other's pruning point, headers first, then bodies.
pub async fn reset(node: &Kaspad, ahead: &Kaspad) {
    let (mut ours, mut theirs) = (node.client().await, ahead.client().await);
    ours.add_peer(&ahead.peer_address()).await;
    eventually("the node to sync", async || {
        let sinks = (ours.sink().await, theirs.sink().await);
        if sinks.0 == sinks.1 { Ok(()) } else { Err(format!("sinks {sinks:?}")) }
    })
    .await;
}
