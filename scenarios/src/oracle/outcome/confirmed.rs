//! How far a bridge follows that keeps blocks back until they have enough confirmations.

use sim::{block_store::BlockStore, dag::BlockId};

use crate::oracle::{blue_score, fork, selected_parent};

/// The highest block of the selected chain of `sink` that has so many confirmations: its blue score is more than that many
/// below that of `sink`. `sink` itself if none are asked for; genesis, which needs none, if the chain is too short.
///
/// Source: `kaspa-rpc-service` 2.1.0, `RpcCoreService::get_virtual_chain_from_block_v2_call`.
pub fn confirmed(store: &BlockStore, sink: BlockId, confirmations: u64) -> BlockId {
    let mut block = sink;
    while confirmations > 0
        && blue_score(store, sink) - blue_score(store, block) <= confirmations
        && let Some(parent) = selected_parent(store, block)
    {
        block = parent;
    }
    block
}

/// Where a bridge with this tip comes to rest at a node with that sink, if it may follow it: at the highest confirmed block, or
/// higher where its own chain is the node's. It had that from a higher sink, and nothing is taken back for want of
/// confirmations.
pub fn destination(store: &BlockStore, tip: BlockId, sink: BlockId, confirmations: u64) -> BlockId {
    let confirmed = confirmed(store, sink, confirmations);
    if confirmations == 0 || blue_score(store, tip) <= blue_score(store, confirmed) {
        return confirmed;
    }
    let kept = fork(store, tip, sink);
    if blue_score(store, kept) > blue_score(store, confirmed) { kept } else { confirmed }
}
