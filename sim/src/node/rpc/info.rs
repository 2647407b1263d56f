//! The small answers about a node and its DAG.
//!
//! Source: `kaspa-rpc-service` 2.1.0, `service::RpcCoreService`; `kaspa-consensus` 2.1.0,
//! `Consensus::estimate_block_count`; `kaspa-p2p-mining` 2.1.0, `rule_engine::MiningRuleEngine`.

use std::time::Duration;

use kaspa_consensus_core::config::constants::consensus::MAX_DIFFICULTY_TARGET_AS_F64;
use kaspa_consensus_core::config::genesis::SIMNET_GENESIS;
use kaspa_consensus_core::network::{NetworkId, NetworkType};
use kaspa_hashes::Hash;
use kaspa_math::Uint256;
use kaspa_rpc_core::api::ops::{RPC_API_REVISION, RPC_API_VERSION};
use kaspa_rpc_core::{
    GetBlockCountResponse, GetBlockDagInfoResponse, GetCurrentNetworkResponse, GetInfoResponse, GetServerInfoResponse,
    GetSinkBlueScoreResponse, GetSinkResponse, GetSyncStatusResponse,
};

use crate::block_store::BlockStore;
use crate::dag::BlockId;
use crate::node::NodeView;

/// The version that the model node reports.
const SERVER_VERSION: &str = "2.1.0";

pub(super) fn server_info(view: &mut NodeView, store: &mut BlockStore, now: Duration) -> GetServerInfoResponse {
    GetServerInfoResponse {
        rpc_api_version: RPC_API_VERSION,
        rpc_api_revision: RPC_API_REVISION,
        server_version: SERVER_VERSION.to_owned(),
        network_id: network(),
        has_utxo_index: false,
        is_synced: is_sink_recent(view, store, now),
        virtual_daa_score: view.virtual_block(store.dag_mut()).daa_score(),
    }
}

pub(super) fn sync_status(view: &NodeView, store: &BlockStore, now: Duration) -> GetSyncStatusResponse {
    GetSyncStatusResponse { is_synced: is_sink_recent(view, store, now) && !view.is_transitional() }
}

/// The real node draws its id anew at every start; here it is the number of the node.
pub(super) fn info(view: &NodeView, store: &BlockStore, now: Duration) -> GetInfoResponse {
    GetInfoResponse {
        p2p_id: format!("00000000-0000-4000-8000-{:012x}", view.number()),
        mempool_size: 0,
        server_version: SERVER_VERSION.to_owned(),
        is_utxo_indexed: false,
        is_synced: is_sink_recent(view, store, now),
        has_notify_command: true,
        has_message_id: true,
    }
}

pub(super) fn current_network() -> GetCurrentNetworkResponse {
    GetCurrentNetworkResponse::new(NetworkType::Simnet)
}

pub(super) fn sink(view: &NodeView, store: &BlockStore) -> GetSinkResponse {
    GetSinkResponse::new(store.dag().hash(view.sink()))
}

pub(super) fn sink_blue_score(view: &NodeView, store: &BlockStore) -> GetSinkBlueScoreResponse {
    GetSinkBlueScoreResponse::new(store.dag().blue_score(view.sink()))
}

/// An estimate, as in the node: differences of DAA scores from the retention root, so that blocks outside the DAA
/// window and headers of the pruning proof are not counted.
pub(super) fn block_count(view: &mut NodeView, store: &mut BlockStore) -> GetBlockCountResponse {
    let virtual_daa_score = view.virtual_block(store.dag_mut()).daa_score();
    let dag = store.dag();
    let root = dag.daa_score(view.retention_root());
    let highest_header = dag.daa_score(view.header_tip()).max(virtual_daa_score);
    GetBlockCountResponse {
        header_count: highest_header.saturating_sub(root),
        block_count: virtual_daa_score.saturating_sub(root),
    }
}

pub(super) fn block_dag_info(view: &mut NodeView, store: &mut BlockStore) -> GetBlockDagInfoResponse {
    let counts = block_count(view, store);
    let ghostdag = view.virtual_block(store.dag_mut());
    let virtual_daa_score = ghostdag.daa_score();
    let virtual_parents = ghostdag.parents().to_vec();
    let dag = store.dag();
    let hashes = |blocks: &[BlockId]| -> Vec<Hash> { blocks.iter().map(|&block| dag.hash(block)).collect() };
    GetBlockDagInfoResponse {
        network: network(),
        block_count: counts.block_count,
        header_count: counts.header_count,
        tip_hashes: hashes(view.tips()),
        difficulty: difficulty(dag.bits(view.sink())),
        // The median time window is not modelled.
        past_median_time: store.timestamp(view.sink()),
        virtual_parent_hashes: hashes(&virtual_parents),
        pruning_point_hash: dag.hash(view.pruning_point()),
        virtual_daa_score,
        sink: dag.hash(view.sink()),
    }
}

/// Multiple of the smallest difficulty. Source: `kaspa-rpc-service`, `ConsensusConverter::get_difficulty_ratio`.
pub(super) fn difficulty(bits: u32) -> f64 {
    MAX_DIFFICULTY_TARGET_AS_F64 / Uint256::from_compact_target_bits(bits).as_f64()
}

/// Whether the sink is younger than a quarter of the DAA window: eleven minutes with the parameters of mainnet.
/// Transitional or not decides nothing, and on simnet neither do peers.
///
/// Source: `MiningRuleEngine::is_sink_recent_and_connected`; `kaspa-consensus-core`, `config::params`,
/// `expected_difficulty_window_duration_in_milliseconds`.
fn is_sink_recent(view: &NodeView, store: &BlockStore, now: Duration) -> bool {
    let parameters = store.parameters();
    let window_ms = parameters.difficulty_window_size.saturating_mul(1_000) / parameters.blocks_per_second.max(1);
    let now_ms = SIMNET_GENESIS.timestamp.saturating_add(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
    now_ms < store.timestamp(view.sink()).saturating_add(window_ms / 4)
}

fn network() -> NetworkId {
    NetworkId::new(NetworkType::Simnet)
}
