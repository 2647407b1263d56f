//! Answers of one node to requests, from its view at that moment.
//!
//! Source of order of checks, limits and texts: rusty-kaspa 2.1.0, `rpc/service/src/service.rs` and
//! `kaspa-consensus`, `consensus::Consensus`.

use bridge::wire::{Operation, Request, Verbosity, encode};
use kaspa_consensus_core::blockhash::ORIGIN;
use kaspa_consensus_core::config::constants::consensus::MAX_DIFFICULTY_TARGET_AS_F64;
use kaspa_consensus_core::network::{NetworkId, NetworkType};
use kaspa_hashes::Hash;
use kaspa_math::Uint256;
use kaspa_rpc_core::api::ops::{RPC_API_REVISION, RPC_API_VERSION};
use kaspa_rpc_core::{
    GetBlockDagInfoResponse, GetBlockResponse, GetServerInfoResponse, GetSinkResponse, PingResponse, RpcBlock,
    RpcBlockVerboseData, RpcHash, RpcScriptClass, RpcTransaction, RpcTransactionOutputVerboseData,
    RpcTransactionVerboseData, SubscribeResponse, UnsubscribeResponse,
};

use super::{NodeView, page};
use crate::acceptance::TransactionIndex;
use crate::block_store::BlockStore;
use crate::dag::BlockId;

/// The version that the model node reports.
const SERVER_VERSION: &str = "2.1.0";

/// The listener id that every connection is told; the node counts connections, and no client uses the number.
const LISTENER_ID: u64 = 1;

/// A page has at most this many times the mergeset size limit of chain blocks, and of merged blocks. Source: rusty-kaspa
/// 2.1.0, `rpc/service/src/service.rs`, `get_virtual_chain_from_block_v2_call`.
pub const PAGE_MERGESETS: usize = 10;

/// What the node does about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Sends this frame.
    Reply(Vec<u8>),
    /// Closes the connection without a word, as it does for an operation that it does not know.
    DropConnection,
}

/// The answer to a request frame as it came from the wire. The node closes the connection at an operation that it does
/// not have; the model node also at any other frame that it cannot read.
pub fn answer_frame(view: &mut NodeView, store: &mut BlockStore, frame: &[u8]) -> Answer {
    match Request::parse(frame) {
        Ok((id, request)) => answer(view, store, id, &request),
        Err(_) => Answer::DropConnection,
    }
}

/// The answer to request `id`. Subscriptions are confirmed; the connection keeps them.
pub fn answer(view: &mut NodeView, store: &mut BlockStore, id: u64, request: &Request) -> Answer {
    let operation = request.operation();
    Answer::Reply(match *request {
        Request::Subscribe(_) => encode::reply(id, operation, &SubscribeResponse::new(LISTENER_ID)),
        Request::Unsubscribe(_) => encode::reply(id, operation, &UnsubscribeResponse {}),
        Request::Ping => encode::reply(id, operation, &PingResponse {}),
        Request::GetServerInfo => encode::reply(id, operation, &server_info(view, store)),
        Request::GetBlockDagInfo => encode::reply(id, operation, &block_dag_info(view, store)),
        Request::GetSink => encode::reply(id, operation, &GetSinkResponse::new(store.dag().hash(view.sink()))),
        Request::GetBlock { hash, include_transactions } => match known_block(view, store, &hash) {
            Some(block) => {
                let block = rpc_block(view, store, block, include_transactions);
                encode::reply(id, operation, &GetBlockResponse { block })
            }
            None => unknown_block(id, operation, &hash),
        },
        Request::GetVirtualChainFromBlockV2 { start_hash, verbosity, min_confirmation_count } => {
            match known_block(view, store, &start_hash) {
                Some(low) => chain_page(view, store, id, low, verbosity, min_confirmation_count.unwrap_or(0)),
                None => unknown_block(id, operation, &start_hash),
            }
        }
        _ => return Answer::DropConnection,
    })
}

fn known_block(view: &NodeView, store: &BlockStore, hash: &Hash) -> Option<BlockId> {
    store.dag().id(hash).filter(|&block| view.knows(block))
}

/// The text comes from `kaspa-consensus-core`, `errors::consensus::ConsensusError::HeaderNotFound`.
fn unknown_block(id: u64, operation: Operation, hash: &Hash) -> Vec<u8> {
    encode::remote_error(id, operation, &format!("cannot find header {hash}"))
}

fn network() -> NetworkId {
    NetworkId::new(NetworkType::Simnet)
}

fn server_info(view: &mut NodeView, store: &mut BlockStore) -> GetServerInfoResponse {
    GetServerInfoResponse {
        rpc_api_version: RPC_API_VERSION,
        rpc_api_revision: RPC_API_REVISION,
        server_version: SERVER_VERSION.to_owned(),
        network_id: network(),
        has_utxo_index: false,
        is_synced: true,
        virtual_daa_score: view.virtual_block(store.dag_mut()).daa_score(),
    }
}

fn block_dag_info(view: &mut NodeView, store: &mut BlockStore) -> GetBlockDagInfoResponse {
    let ghostdag = view.virtual_block(store.dag_mut());
    let virtual_daa_score = ghostdag.daa_score();
    let virtual_parents = ghostdag.parents().to_vec();
    let hashes = |blocks: &[BlockId]| -> Vec<Hash> { blocks.iter().map(|&block| store.dag().hash(block)).collect() };
    let genesis = &store.block(BlockId::GENESIS).header;
    // The node estimates both counts by the virtual's DAA score less that of the retention root, which is genesis.
    let blocks = virtual_daa_score.saturating_sub(genesis.daa_score);
    GetBlockDagInfoResponse {
        network: network(),
        block_count: blocks,
        header_count: blocks,
        tip_hashes: hashes(view.tips()),
        difficulty: difficulty(genesis.bits),
        // The median time window is not modelled.
        past_median_time: store.block(view.sink()).header.timestamp,
        virtual_parent_hashes: hashes(&virtual_parents),
        pruning_point_hash: genesis.hash,
        virtual_daa_score,
        sink: store.dag().hash(view.sink()),
    }
}

/// Source: rusty-kaspa, `rpc/service/src/converter/consensus.rs`, `get_difficulty_ratio`.
fn difficulty(bits: u32) -> f64 {
    MAX_DIFFICULTY_TARGET_AS_F64 / Uint256::from_compact_target_bits(bits).as_f64()
}

fn rpc_block(view: &NodeView, store: &BlockStore, block: BlockId, include_transactions: bool) -> RpcBlock {
    let dag = store.dag();
    let stored = store.block(block);
    let hashes = |blocks: &[BlockId]| -> Vec<RpcHash> { blocks.iter().map(|&block| dag.hash(block)).collect() };
    let known_children: Vec<BlockId> =
        store.children(block).iter().copied().filter(|&child| view.knows(child)).collect();
    let transactions = if include_transactions { stored.transactions.as_ref() } else { &[] };
    RpcBlock {
        header: (&stored.header).into(),
        transactions: transactions.iter().map(|&index| rpc_transaction(store, block, index)).collect(),
        verbose_data: Some(RpcBlockVerboseData {
            hash: stored.header.hash,
            difficulty: difficulty(stored.header.bits),
            selected_parent_hash: dag.selected_parent(block).map_or(ORIGIN, |parent| dag.hash(parent)),
            transaction_ids: stored
                .transactions
                .iter()
                .map(|&index| store.transaction(index).transaction.id())
                .collect(),
            is_header_only: false,
            blue_score: dag.blue_score(block),
            children_hashes: hashes(&known_children),
            merge_set_blues_hashes: hashes(dag.mergeset_blues(block)),
            merge_set_reds_hashes: hashes(dag.mergeset_reds(block)),
            is_chain_block: view.is_chain_block(dag, block),
        }),
    }
}

fn rpc_transaction(store: &BlockStore, block: BlockId, index: TransactionIndex) -> RpcTransaction {
    let stored = store.transaction(index);
    let mut transaction = RpcTransaction::from(&stored.transaction);
    for output in &mut transaction.outputs {
        output.verbose_data = page::address(&output.script_public_key).map(|script_public_key_address| {
            let script_public_key_type = RpcScriptClass::from_script(&output.script_public_key);
            RpcTransactionOutputVerboseData { script_public_key_type, script_public_key_address }
        });
    }
    transaction.verbose_data = Some(RpcTransactionVerboseData {
        transaction_id: stored.transaction.id(),
        hash: stored.hash,
        compute_mass: page::compute_mass(&stored.transaction),
        block_hash: store.dag().hash(block),
        block_time: store.block(block).header.timestamp,
    });
    transaction
}

/// The node checks first that its retention root is on the chain of `low`; here that is genesis, which always is.
fn chain_page(
    view: &NodeView,
    store: &BlockStore,
    id: u64,
    low: BlockId,
    verbosity: Verbosity,
    min_confirmation_count: u64,
) -> Vec<u8> {
    let dag = store.dag();
    let limit = store.parameters().mergeset_size_limit * PAGE_MERGESETS;
    let (removed, first_added) = view.path_from(dag, low);
    let mut added = view.chain().get(first_added..).unwrap_or_default();
    added = &added[..added.len().min(limit)];
    if min_confirmation_count > 0 {
        let sink_blue_score = dag.blue_score(view.sink());
        // From the newest end: the depth must exceed the count. Blue scores grow along the chain.
        let is_deep = |&block: &BlockId| sink_blue_score.saturating_sub(dag.blue_score(block)) > min_confirmation_count;
        added = &added[..added.partition_point(is_deep)];
    }
    added = &added[..within_merged_blocks(store, added, limit)];
    let hashes = |blocks: &[BlockId]| -> Vec<Hash> { blocks.iter().map(|&block| dag.hash(block)).collect() };
    let entries: Vec<_> = added.iter().map(|&block| page::entry(store, block, verbosity)).collect();
    encode::chain_page(id, &hashes(&removed), &hashes(added), entries.iter().map(AsRef::as_ref))
}

/// How many of the chain blocks together merge at most `limit` blocks. No mergeset alone exceeds the limit, so that the
/// first always fits.
fn within_merged_blocks(store: &BlockStore, added: &[BlockId], limit: usize) -> usize {
    let dag = store.dag();
    let mut merged = 0;
    let fits = |&&block: &&BlockId| {
        merged += dag.mergeset_blues(block).len() + dag.mergeset_reds(block).len();
        merged <= limit
    };
    added.iter().take_while(fits).count()
}
