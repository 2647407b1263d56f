//! Every field of a frame, once as our reader gives it and once as `kaspa-rpc-core` decodes it.

use std::fmt::Debug;

use bridge::wire::{
    AcceptedTransaction, Block, BlockDagInfo, BlockVerboseData, ChainPage, HashList, Header, Network, Notification,
    Parents, RemoteError, Reply, Request, ServerInfo, VirtualChainChanged,
};
use kaspa_hashes::Hash;
use kaspa_rpc_core::{
    GetBlockDagInfoResponse, GetBlockRequest, GetBlockResponse, GetServerInfoResponse, GetSinkResponse,
    GetVirtualChainFromBlockV2Request, GetVirtualChainFromBlockV2Response, Notification as NodeNotification,
    RpcBlockVerboseData, RpcCompressedParents, RpcDataVerbosityLevel, RpcHeader, RpcOptionalHeader,
    RpcOptionalTransaction, SubscribeResponse, VirtualChainChangedNotification,
};

use super::{Findings, reencode::decode};

pub(super) fn request(is_same_id: bool, request: &Request, payload: &[u8], found: &mut Findings) -> Result<(), String> {
    found.same("request id is that of the header", is_same_id, true);
    match *request {
        Request::GetBlock { hash, include_transactions } => {
            let node: GetBlockRequest = decode(payload)?;
            found.same("hash", hash, node.hash);
            found.same("include_transactions", include_transactions, node.include_transactions);
        }
        Request::GetVirtualChainFromBlockV2 { start_hash, verbosity, min_confirmation_count } => {
            let node: GetVirtualChainFromBlockV2Request = decode(payload)?;
            let level = node.data_verbosity_level.unwrap_or(RpcDataVerbosityLevel::Full);
            found.same("start_hash", start_hash, node.start_hash);
            found.same("data_verbosity_level", verbosity as i32, level as i32);
            found.same("min_confirmation_count", min_confirmation_count, node.min_confirmation_count);
        }
        // Without fields, or with so few that encoding them again shows every difference.
        _ => {
            let frame = request.encode(0);
            let (_, again) = frame.split_at(frame.len().saturating_sub(payload.len()));
            found.same("payload", again, payload);
        }
    }
    Ok(())
}

/// `body` is what stands behind the tag that tells a response from an error.
pub(super) fn answer(
    answer: &Result<Reply<'_>, RemoteError<'_>>,
    body: &[u8],
    found: &mut Findings,
) -> Result<(), String> {
    match answer {
        Ok(reply) => self::reply(reply, body, found),
        Err(error) => remote_error(*error, body, found),
    }
}

fn reply(reply: &Reply<'_>, body: &[u8], found: &mut Findings) -> Result<(), String> {
    match reply {
        Reply::Subscribe { listener_id } => {
            let node: SubscribeResponse = decode(body)?;
            // The field is private, its encoding is not.
            let again = borsh::to_vec(&workflow_serializer::serializer::Serializable(node)).unwrap_or_default();
            found.same("listener id", again.last_chunk().copied().map(u64::from_le_bytes), Some(*listener_id));
        }
        Reply::ServerInfo(info) => server_info(info, &decode(body)?, found),
        Reply::BlockDagInfo(info) => dag_info(info, &decode(body)?, found),
        Reply::Sink(sink) => found.same("sink", *sink, decode::<GetSinkResponse>(body)?.sink),
        Reply::Block(ours) => block(ours, &decode(body)?, found),
        Reply::ChainPage(page) => chain_page(page, &decode(body)?, found),
        // Nothing but a struct version.
        _ => {}
    }
    Ok(())
}

fn remote_error(error: RemoteError<'_>, body: &[u8], found: &mut Findings) -> Result<(), String> {
    let node: (u8, String) = borsh::from_slice(body).map_err(|error| format!("remote error: {error}"))?;
    found.same("remote error", error.text, node.1.as_str());
    Ok(())
}

pub(super) fn notification(ours: &Notification<'_>, payload: &[u8], found: &mut Findings) -> Result<(), String> {
    let node: NodeNotification = decode(payload)?;
    found.is_compared = true;
    match (ours, &node) {
        (Notification::VirtualChainChanged(ours), NodeNotification::VirtualChainChanged(node)) => {
            chain_changed(ours, node, found);
        }
        (Notification::SinkBlueScoreChanged { sink_blue_score }, NodeNotification::SinkBlueScoreChanged(node)) => {
            found.same("sink_blue_score", *sink_blue_score, node.sink_blue_score);
        }
        (
            Notification::VirtualDaaScoreChanged { virtual_daa_score },
            NodeNotification::VirtualDaaScoreChanged(node),
        ) => {
            found.same("virtual_daa_score", *virtual_daa_score, node.virtual_daa_score);
        }
        (Notification::PruningPointUtxoSetOverride, NodeNotification::PruningPointUtxoSetOverride(_)) => {}
        (Notification::Other { operation: 60 }, NodeNotification::BlockAdded(node)) => {
            found.is_compared = false;
            found.hashes("block_added", own_hash(&node.block.header)?, node.block.header.hash);
        }
        (Notification::Other { .. }, _) => found.is_compared = false,
        _ => found.sentences.push(format!("our reader and kaspa-rpc-core see different notifications: {ours:?}")),
    }
    Ok(())
}

/// The hash of a header that our reader skipped, by way of encoding it in the form that our reader reads.
fn own_hash(header: &RpcHeader) -> Result<Hash, String> {
    use kaspa_rpc_core::RpcBlock;
    let response =
        GetBlockResponse { block: RpcBlock { header: header.clone(), transactions: vec![], verbose_data: None } };
    let frame = bridge::wire::encode::reply(0, bridge::wire::Operation::GetBlock, &response);
    let refused = |error| format!("our reader refuses the header: {error}");
    let bridge::wire::ServerFrame::Reply(frame) = bridge::wire::ServerFrame::parse(&frame).map_err(refused)? else {
        return Err("a reply was read as a notification".to_owned());
    };
    match frame.decode(bridge::wire::Operation::GetBlock).map_err(refused)? {
        Ok(Reply::Block(block)) => block.header.computed_hash().ok_or_else(|| "a header is not complete".to_owned()),
        _ => Err("a block was read as something else".to_owned()),
    }
}

fn server_info(ours: &ServerInfo<'_>, node: &GetServerInfoResponse, found: &mut Findings) {
    found.same("rpc_api_version", ours.rpc_api_version, node.rpc_api_version);
    found.same("rpc_api_revision", ours.rpc_api_revision, node.rpc_api_revision);
    found.same("server_version", ours.server_version, node.server_version.as_str());
    found.same("network", ours.network, Network::from(node.network_id));
    found.same("has_utxo_index", ours.has_utxo_index, node.has_utxo_index);
    found.same("is_synced", ours.is_synced, node.is_synced);
    found.same("virtual_daa_score", ours.virtual_daa_score, node.virtual_daa_score);
}

fn dag_info(ours: &BlockDagInfo<'_>, node: &GetBlockDagInfoResponse, found: &mut Findings) {
    found.same("network", ours.network, Network::from(node.network));
    found.same("block_count", ours.block_count, node.block_count);
    found.same("header_count", ours.header_count, node.header_count);
    found.same_hashes("tip_hashes", ours.tips, &node.tip_hashes);
    found.same("difficulty", ours.difficulty.to_bits(), node.difficulty.to_bits());
    found.same("past_median_time", ours.past_median_time_ms, node.past_median_time);
    found.same_hashes("virtual_parent_hashes", ours.virtual_parents, &node.virtual_parent_hashes);
    found.same("pruning_point_hash", ours.pruning_point_hash, node.pruning_point_hash);
    found.same("virtual_daa_score", ours.virtual_daa_score, node.virtual_daa_score);
    found.same("sink", ours.sink, node.sink);
}

fn block(ours: &Block<'_>, node: &GetBlockResponse, found: &mut Findings) {
    let node = &node.block;
    let complete = RpcOptionalHeader {
        hash: Some(node.header.hash),
        version: Some(node.header.version),
        parents_by_level: RpcCompressedParents::try_from(node.header.parents_by_level.clone()).ok(),
        hash_merkle_root: Some(node.header.hash_merkle_root),
        accepted_id_merkle_root: Some(node.header.accepted_id_merkle_root),
        utxo_commitment: Some(node.header.utxo_commitment),
        timestamp: Some(node.header.timestamp),
        bits: Some(node.header.bits),
        nonce: Some(node.header.nonce),
        daa_score: Some(node.header.daa_score),
        blue_work: Some(node.header.blue_work),
        blue_score: Some(node.header.blue_score),
        pruning_point: Some(node.header.pruning_point),
    };
    header("block header", &ours.header, &complete, found);
    found.same("transactions", ours.transaction_count, node.transactions.len());
    found.same("verbose_data is there", ours.verbose.is_some(), node.verbose_data.is_some());
    if let (Some(ours), Some(node)) = (&ours.verbose, &node.verbose_data) {
        verbose_data(ours, node, found);
    }
}

fn verbose_data(ours: &BlockVerboseData<'_>, node: &RpcBlockVerboseData, found: &mut Findings) {
    found.same("verbose hash", ours.hash, node.hash);
    found.same("difficulty", ours.difficulty.to_bits(), node.difficulty.to_bits());
    found.same("selected_parent_hash", ours.selected_parent, node.selected_parent_hash);
    found.same_hashes("transaction_ids", ours.transaction_ids, &node.transaction_ids);
    found.same("is_header_only", ours.is_header_only, node.is_header_only);
    found.same("verbose blue_score", ours.blue_score, node.blue_score);
    found.same_hashes("children_hashes", ours.children, &node.children_hashes);
    found.same_hashes("merge_set_blues_hashes", ours.mergeset_blues, &node.merge_set_blues_hashes);
    found.same_hashes("merge_set_reds_hashes", ours.mergeset_reds, &node.merge_set_reds_hashes);
    found.same("is_chain_block", ours.is_chain_block, node.is_chain_block);
}

fn chain_page(ours: &ChainPage<'_>, node: &GetVirtualChainFromBlockV2Response, found: &mut Findings) {
    let blocks = &node.chain_block_accepted_transactions;
    found.same_hashes("removed_chain_block_hashes", ours.removed, &node.removed_chain_block_hashes);
    found.same_hashes("added_chain_block_hashes", ours.added, &node.added_chain_block_hashes);
    found.same("number of chain blocks", ours.blocks().count(), blocks.len());
    found.same(
        "number of accepted transactions",
        ours.accepted_count(),
        blocks.iter().map(|block| block.accepted_transactions.len()).sum(),
    );
    for (index, (ours, node)) in ours.blocks().zip(blocks.iter()).enumerate() {
        header(&format!("chain block {index}"), &ours.header, &node.chain_block_header, found);
        let count = ours.accepted.clone().count();
        found.same("accepted transactions of a block", count, node.accepted_transactions.len());
        for (position, (ours, node)) in ours.accepted.zip(&node.accepted_transactions).enumerate() {
            transaction(&format!("chain block {index}, accepted transaction {position}"), &ours, node, found);
        }
    }
}

fn header(what: &str, ours: &Header<'_>, node: &RpcOptionalHeader, found: &mut Findings) {
    let levels = |parents: Parents<'_>| parents.levels().map(HashList::to_vec).collect::<Vec<_>>();
    let node_levels = node.parents_by_level.as_ref().map(Vec::<Vec<Hash>>::from);
    let node_first = node_levels.as_ref().and_then(|levels| levels.first()?.first().copied());
    found.same(format!("{what}: hash"), ours.hash, node.hash);
    found.same(format!("{what}: version"), ours.version, node.version);
    found.same(format!("{what}: parents_by_level"), ours.parents.map(levels), node_levels);
    found.same(format!("{what}: first parent"), ours.first_parent(), node_first);
    found.same(format!("{what}: hash_merkle_root"), ours.hash_merkle_root, node.hash_merkle_root);
    found.same(format!("{what}: accepted_id_merkle_root"), ours.accepted_id_merkle_root, node.accepted_id_merkle_root);
    found.same(format!("{what}: utxo_commitment"), ours.utxo_commitment, node.utxo_commitment);
    found.same(format!("{what}: timestamp"), ours.timestamp_ms, node.timestamp);
    found.same(format!("{what}: bits"), ours.bits, node.bits);
    found.same(format!("{what}: nonce"), ours.nonce, node.nonce);
    found.same(format!("{what}: daa_score"), ours.daa_score, node.daa_score);
    found.same(format!("{what}: blue_work"), ours.blue_work, node.blue_work);
    found.same(format!("{what}: blue_score"), ours.blue_score, node.blue_score);
    found.same(format!("{what}: pruning_point"), ours.pruning_point, node.pruning_point);
    if let (Some(computed), Some(announced)) = (ours.computed_hash(), ours.hash) {
        found.hashes(what, computed, announced);
    }
}

fn transaction(what: &str, ours: &AcceptedTransaction<'_>, node: &RpcOptionalTransaction, found: &mut Findings) {
    let verbose = node.verbose_data.as_ref();
    let subnetwork = node.subnetwork_id.map(|id| <[u8; 20]>::try_from(id.as_ref()).unwrap_or_default());
    let hashes = [
        ("transaction_id", ours.id, verbose.and_then(|data| data.transaction_id)),
        ("hash", ours.hash, verbose.and_then(|data| data.hash)),
        ("block_hash", ours.block_hash, verbose.and_then(|data| data.block_hash)),
    ];
    let numbers = [
        ("version", ours.version.map(u64::from), node.version.map(u64::from)),
        ("inputs", Some(ours.input_count as u64), Some(node.inputs.len() as u64)),
        ("outputs", Some(ours.output_count as u64), Some(node.outputs.len() as u64)),
        ("lock_time", ours.lock_time, node.lock_time),
        ("gas", ours.gas, node.gas),
        ("storage_mass", ours.storage_mass, node.storage_mass),
        ("compute_mass", ours.compute_mass, verbose.and_then(|data| data.compute_mass)),
        ("block_time", ours.block_time_ms, verbose.and_then(|data| data.block_time)),
    ];
    for (field, ours, node) in hashes {
        found.same(format!("{what}: {field}"), ours, node);
    }
    for (field, ours, node) in numbers {
        found.same(format!("{what}: {field}"), ours, node);
    }
    found.same(format!("{what}: subnetwork_id"), ours.subnetwork_id, subnetwork);
    found.same(format!("{what}: payload"), ours.payload, node.payload.as_deref());
}

fn chain_changed(ours: &VirtualChainChanged<'_>, node: &VirtualChainChangedNotification, found: &mut Findings) {
    found.same_hashes("removed_chain_block_hashes", ours.removed, &node.removed_chain_block_hashes);
    found.same_hashes("added_chain_block_hashes", ours.added, &node.added_chain_block_hashes);
    found.same("accepted id lists", ours.accepted.clone().count(), node.accepted_transaction_ids.len());
    for (ours, node) in ours.accepted.clone().zip(node.accepted_transaction_ids.iter()) {
        found.same("accepting_block_hash", ours.accepting_block_hash, node.accepting_block_hash);
        found.same_hashes("accepted_transaction_ids", ours.transaction_ids, &node.accepted_transaction_ids);
    }
}

impl Findings {
    fn same<T: PartialEq + Debug>(&mut self, what: impl AsRef<str>, ours: T, node: T) {
        if ours != node {
            let what = what.as_ref();
            self.sentences.push(format!("{what}: our reader has {ours:?} and kaspa-rpc-core has {node:?}"));
        }
    }

    /// A header that is complete: what it hashes to, and what it says.
    fn hashes(&mut self, what: &str, computed: Hash, announced: Hash) {
        self.header_hashes += 1;
        if computed != announced {
            self.wrong_hashes.push(format!("{what}: computed and announced hash: {computed} and {announced}"));
        }
    }

    fn same_hashes(&mut self, what: &str, ours: HashList<'_>, node: &[Hash]) {
        if !ours.iter().eq(node.iter().copied()) {
            self.same(what, ours.to_vec(), node.to_vec());
        }
    }
}
