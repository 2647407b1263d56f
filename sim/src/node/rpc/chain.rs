//! Pages of the virtual chain: how the selected chain goes on from a block.
//!
//! Source: `kaspa-rpc-service` 2.1.0, `service::RpcCoreService` (`get_virtual_chain_from_block_call`,
//! `get_virtual_chain_from_block_v2_call`); `kaspa-consensus` 2.1.0, `Consensus::get_virtual_chain_from_block`,
//! `Consensus::get_blocks_acceptance_data`.

use bridge::wire::{Verbosity, encode};
use kaspa_consensus_core::errors::consensus::ConsensusError;
use kaspa_hashes::Hash;
use kaspa_rpc_core::{GetVirtualChainFromBlockResponse, RpcAcceptedTransactionIds, RpcError};

use super::block::existing;
use super::refusal::Refusal;
use crate::block_store::BlockStore;
use crate::dag::BlockId;
use crate::node::{BlockStatus, NodeView, page};

/// A page has at most this many times the mergeset size limit of chain blocks, and of merged blocks.
pub const PAGE_MERGESETS: usize = 10;

/// The way from a block to the sink, cut at the page's limit of chain blocks.
pub(super) struct Path<'v> {
    /// From the block down to where it leaves the selected chain. Has no limit.
    removed: Vec<BlockId>,
    added: &'v [BlockId],
}

/// The path from a block, without the added blocks that have too few confirmations.
///
/// A header is enough for the block. If that header is ahead of the sink, everything from it down to the sink is
/// removed and nothing is added: so says the node too.
pub(super) fn path<'v>(
    view: &'v NodeView,
    store: &BlockStore,
    start_hash: &Hash,
    min_confirmation_count: u64,
) -> Result<Path<'v>, Refusal> {
    if view.is_transitional() {
        return Err(RpcError::ConsensusInTransitionalIbdState.into());
    }
    let low = existing(view, store, start_hash)?;
    let dag = store.dag();
    if !dag.is_chain_ancestor(view.retention_root(), low) {
        return Err(Refusal::below_retention_root());
    }
    let (removed, first_added) = view.path_from(dag, low);
    let added = view.selected_chain().from_height(first_added);
    let added = &added[..added.len().min(limit(store))];
    Ok(Path { removed, added: confirmed(view, store, added, min_confirmation_count)? })
}

/// The reply to GetVirtualChainFromBlock. Only with accepted ids does it have a limit of merged blocks.
pub(super) fn page_v1(store: &BlockStore, path: Path<'_>, with_ids: bool) -> GetVirtualChainFromBlockResponse {
    let added = if with_ids { within_merged_blocks(store, path.added) } else { path.added };
    let ids = added.iter().filter(|_| with_ids).map(|&block| RpcAcceptedTransactionIds {
        accepting_block_hash: store.dag().hash(block),
        accepted_transaction_ids: store.accepted_ids(block).collect(),
    });
    GetVirtualChainFromBlockResponse::new(hashes(store, &path.removed), hashes(store, added), ids.collect())
}

/// The frame that answers GetVirtualChainFromBlockV2 under `id`.
pub(super) fn page_v2(store: &BlockStore, id: u64, path: Path<'_>, verbosity: Verbosity) -> Vec<u8> {
    let added = within_merged_blocks(store, path.added);
    let entries: Vec<_> = added.iter().map(|&block| page::entry(store, block, verbosity)).collect();
    encode::chain_page(
        id,
        &hashes(store, &path.removed),
        &hashes(store, added),
        entries.iter().map(|entry| entry.as_slice()),
    )
}

fn limit(store: &BlockStore) -> usize {
    store.parameters().mergeset_size_limit * PAGE_MERGESETS
}

/// Strips the newest blocks until one is deeper than the count below the sink; to know it the node reads each whole.
fn confirmed<'v>(
    view: &NodeView,
    store: &BlockStore,
    mut added: &'v [BlockId],
    min_confirmation_count: u64,
) -> Result<&'v [BlockId], ConsensusError> {
    let dag = store.dag();
    let sink_blue_score = dag.blue_score(view.sink());
    while min_confirmation_count > 0
        && let [older @ .., newest] = added
    {
        if view.status(*newest) != Some(BlockStatus::Full) {
            return Err(ConsensusError::BlockNotFound(dag.hash(*newest)));
        }
        if sink_blue_score.saturating_sub(dag.blue_score(*newest)) > min_confirmation_count {
            break;
        }
        added = older;
    }
    Ok(added)
}

/// The oldest chain blocks that together merge no more blocks than the limit. No mergeset alone exceeds it, so that the
/// first always fits.
fn within_merged_blocks<'v>(store: &BlockStore, added: &'v [BlockId]) -> &'v [BlockId] {
    let (dag, limit) = (store.dag(), limit(store));
    let mut merged = 0;
    let fits = |&&block: &&BlockId| {
        merged += dag.mergeset_blues(block).len() + dag.mergeset_reds(block).len();
        merged <= limit
    };
    let count = added.iter().take_while(fits).count();
    &added[..count]
}

fn hashes(store: &BlockStore, blocks: &[BlockId]) -> Vec<Hash> {
    blocks.iter().map(|&block| store.dag().hash(block)).collect()
}
