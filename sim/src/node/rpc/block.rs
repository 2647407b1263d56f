//! Blocks, and lists of blocks.
//!
//! Source: `kaspa-rpc-service` 2.1.0, `service::RpcCoreService` (`get_block_call`, `get_blocks_call`) and
//! `converter::consensus::ConsensusConverter` (`get_block`, `get_transaction`); `kaspa-consensus` 2.1.0,
//! `processes::sync::SyncManager::antipast_hashes_between`, `DagTraversalManager::anticone`.

use std::collections::{BTreeSet, VecDeque};

use kaspa_consensus_core::blockhash::ORIGIN;
use kaspa_consensus_core::config::genesis::SIMNET_GENESIS;
use kaspa_hashes::Hash;
use kaspa_rpc_core::{
    GetBlockResponse, GetBlocksResponse, RpcBlock, RpcBlockVerboseData, RpcError, RpcScriptClass, RpcTransaction,
    RpcTransactionOutputVerboseData, RpcTransactionVerboseData,
};

use super::info::difficulty;
use super::refusal::Refusal;
use crate::acceptance::TransactionIndex;
use crate::block_store::BlockStore;
use crate::dag::{BlockId, Dag};
use crate::node::{BlockStatus, NodeView, page};

/// What GetBlocks shall list beside hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Hashes,
    Blocks,
    BlocksWithTransactions,
}

impl Wanted {
    /// Transactions cannot be listed without their blocks.
    pub(super) fn new(blocks: bool, transactions: bool) -> Result<Self, Refusal> {
        match (blocks, transactions) {
            (false, false) => Ok(Self::Hashes),
            (true, false) => Ok(Self::Blocks),
            (true, true) => Ok(Self::BlocksWithTransactions),
            (false, true) => Err(RpcError::InvalidGetBlocksRequest.into()),
        }
    }
}

/// The block of that hash of which the node has at least the header.
pub(super) fn existing(view: &NodeView, store: &BlockStore, hash: &Hash) -> Result<BlockId, Refusal> {
    let known = store.dag().id(hash).filter(|&block| view.status(block).is_some());
    known.ok_or_else(|| Refusal::unknown(*hash))
}

/// The reply to GetBlock.
pub(super) fn block(
    view: &NodeView,
    store: &BlockStore,
    hash: &Hash,
    include_transactions: bool,
) -> Result<GetBlockResponse, Refusal> {
    let block = existing(view, store, hash)?;
    Ok(GetBlockResponse { block: complete(view, store, block, include_transactions)? })
}

/// The reply to GetBlocks: `low_hash`, then what the chain blocks above it merge that is not in its past, and if that
/// reaches the sink, the sink's anticone.
pub(super) fn blocks(
    view: &mut NodeView,
    store: &mut BlockStore,
    low_hash: Option<Hash>,
    wanted: Wanted,
) -> Result<GetBlocksResponse, Refusal> {
    let low = existing(view, store, &low_hash.unwrap_or(SIMNET_GENESIS.hash))?;
    // The real node does not look where it is not told where to begin, and panics at a genesis without GHOSTDAG data.
    if !view.has_ghostdag(low) {
        return Err(Refusal::no_ghostdag(store.dag().hash(low)));
    }
    let limit = store.parameters().mergeset_size_limit + 1;
    let (between, highest) = between(view, store, low, limit);
    let mut listed = vec![low];
    listed.extend(between);
    if highest == view.sink() {
        let seen: BTreeSet<BlockId> = listed.iter().copied().collect();
        listed.extend(sink_anticone(view, store).into_iter().filter(|block| !seen.contains(block)));
    }
    let mut blocks = Vec::new();
    if wanted != Wanted::Hashes {
        let with_transactions = wanted == Wanted::BlocksWithTransactions;
        for &block in &listed {
            blocks.push(complete(view, store, block, with_transactions)?);
        }
    }
    let block_hashes = listed.iter().map(|&block| store.dag().hash(block)).collect();
    Ok(GetBlocksResponse { block_hashes, blocks })
}

/// A block that the node has, with verbose data. Its transactions too, if they are wanted and the node has the body.
/// Of the mergeset of a kept header, blocks that were deleted are left out.
pub(in crate::node) fn rpc_block(
    view: &NodeView,
    store: &BlockStore,
    block: BlockId,
    include_transactions: bool,
) -> RpcBlock {
    let dag = store.dag();
    let header = store.header(block);
    let known = |blocks: &[BlockId]| -> Vec<Hash> {
        blocks.iter().filter(|&&block| view.status(block).is_some()).map(|&block| dag.hash(block)).collect()
    };
    let has_body = view.status(block) == Some(BlockStatus::Full);
    let transactions: Vec<TransactionIndex> =
        if has_body { store.transactions_of(block).collect() } else { Vec::new() };
    let listed = transactions.iter().filter(|_| include_transactions);
    RpcBlock {
        header: (&header).into(),
        transactions: listed.map(|&index| rpc_transaction(store, block, index)).collect(),
        verbose_data: Some(RpcBlockVerboseData {
            hash: header.hash,
            difficulty: difficulty(header.bits),
            selected_parent_hash: dag.selected_parent(block).map_or(ORIGIN, |parent| dag.hash(parent)),
            transaction_ids: transactions.iter().map(|&index| store.transaction_id(index)).collect(),
            is_header_only: !has_body,
            blue_score: dag.blue_score(block),
            children_hashes: known(&store.children(block)),
            merge_set_blues_hashes: known(dag.mergeset_blues(block)),
            merge_set_reds_hashes: known(dag.mergeset_reds(block)),
            is_chain_block: dag.is_chain_ancestor(block, view.sink()),
        }),
    }
}

fn complete(view: &NodeView, store: &BlockStore, block: BlockId, transactions: bool) -> Result<RpcBlock, Refusal> {
    if !view.has_ghostdag(block) {
        return Err(Refusal::no_ghostdag(store.dag().hash(block)));
    }
    Ok(rpc_block(view, store, block, transactions))
}

/// What the chain blocks above `low` merge, mergeset by mergeset and each whole, at most `limit` blocks, without the
/// past of `low`; and the last of these chain blocks, or the one from which they start.
fn between(view: &NodeView, store: &BlockStore, low: BlockId, limit: usize) -> (Vec<BlockId>, BlockId) {
    let dag = store.dag();
    let fork = dag.common_chain_ancestor(low, view.sink());
    let (mut highest, mut listed) = (fork, Vec::new());
    for chain_block in chain_above(view, dag, fork) {
        if listed.len() + dag.mergeset(chain_block).count() > limit {
            break;
        }
        let is_listed = |block: BlockId| view.status(block).is_some() && !dag.is_dag_ancestor(block, low);
        listed.extend(dag.mergeset(chain_block).filter(|&block| is_listed(block)));
        highest = chain_block;
    }
    if highest != fork {
        listed.push(highest);
    }
    (listed, highest)
}

/// The chain blocks above a block of the chain. Below the lowest one that the node has in its index, headers are still there
/// and name the way.
fn chain_above(view: &NodeView, dag: &Dag, fork: BlockId) -> Vec<BlockId> {
    let retained = view.selected_chain().from_height(dag.height(fork) + 1);
    let lowest = retained.first().copied().unwrap_or(fork);
    let step = |block: BlockId| dag.selected_parent(block).filter(|&parent| dag.contains(parent));
    let below = std::iter::successors(step(lowest), |&block| step(block));
    let mut chain: Vec<BlockId> = below.take_while(|&block| block > fork).collect();
    chain.reverse();
    chain.extend_from_slice(retained);
    chain
}

/// The anticone of the sink in the past of the virtual, breadth first from its parents.
fn sink_anticone(view: &mut NodeView, store: &mut BlockStore) -> Vec<BlockId> {
    let sink = view.sink();
    let mut queue: VecDeque<BlockId> = view.virtual_block(store.dag_mut()).parents().iter().copied().collect();
    let mut visited: BTreeSet<BlockId> = queue.iter().copied().collect();
    let dag = store.dag();
    let mut anticone = Vec::new();
    while let Some(block) = queue.pop_front() {
        // Nothing is above the sink, so that what is not in its past is beside it.
        if dag.is_dag_ancestor(block, sink) {
            continue;
        }
        anticone.push(block);
        queue.extend(dag.parents(block).iter().copied().filter(|&parent| visited.insert(parent)));
    }
    anticone
}

fn rpc_transaction(store: &BlockStore, block: BlockId, index: TransactionIndex) -> RpcTransaction {
    let stored = store.transaction(index);
    let mut transaction = RpcTransaction::from(stored.as_ref());
    for output in &mut transaction.outputs {
        output.verbose_data = page::address(&output.script_public_key).map(|script_public_key_address| {
            let script_public_key_type = RpcScriptClass::from_script(&output.script_public_key);
            RpcTransactionOutputVerboseData { script_public_key_type, script_public_key_address }
        });
    }
    transaction.verbose_data = Some(RpcTransactionVerboseData {
        transaction_id: stored.id(),
        hash: store.transaction_hash(index),
        compute_mass: page::compute_mass(&stored),
        block_hash: store.dag().hash(block),
        block_time: store.timestamp(block),
    });
    transaction
}
