//! Random values of `kaspa-rpc-core` types, as a node could send them.

use kaspa_consensus_core::{
    header::{CompressedParents, Header},
    subnets::SubnetworkId,
    tx::{ScriptPublicKey, ScriptVec},
};
use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use kaspa_rpc_core::{
    GetBlockDagInfoResponse, GetBlockResponse, GetServerInfoResponse, GetVirtualChainFromBlockV2Response, Notification,
    RpcAcceptedTransactionIds, RpcBlock, RpcBlockVerboseData, RpcChainBlockAcceptedTransactions, RpcHeader,
    RpcNetworkId, RpcNetworkType, RpcOptionalHeader, RpcOptionalTransaction, RpcOptionalTransactionInput,
    RpcOptionalTransactionOutput, RpcOptionalTransactionVerboseData, RpcTransaction, RpcTransactionOutput,
    VirtualChainChangedNotification,
};
use proptest::{collection::vec, option, prelude::*};

/// Any hash.
pub fn hash() -> impl Strategy<Value = Hash> + Clone {
    any::<[u8; 32]>().prop_map(Hash::from_bytes)
}

/// Up to so many hashes.
pub fn hashes(limit: usize) -> impl Strategy<Value = Vec<Hash>> + Clone {
    vec(hash(), 0..=limit)
}

/// Parents over up to 255 levels, many of which repeat the level below.
pub fn parents() -> impl Strategy<Value = CompressedParents> + Clone {
    vec((1_usize..40, hashes(4)), 0..6).prop_map(|runs| {
        let levels: Vec<_> = runs.into_iter().flat_map(|(count, parents)| vec![parents; count]).take(255).collect();
        levels.try_into().expect("few levels with few parents are within the node's bounds")
    })
}

/// Blue work of any width.
fn blue_work() -> impl Strategy<Value = Uint192> + Clone {
    (any::<[u64; 3]>(), 0_u32..192).prop_map(|(words, shift)| Uint192(words) >> shift)
}

/// A header that hashes to its announced hash.
pub fn header() -> impl Strategy<Value = Header> + Clone {
    let roots = (hash(), hash(), hash(), hash());
    let numbers = (any::<u16>(), any::<u64>(), any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>());
    (parents(), roots, numbers, blue_work()).prop_map(|(parents, roots, numbers, blue_work)| {
        let (hash_merkle_root, accepted_id_merkle_root, utxo_commitment, pruning_point) = roots;
        let (version, timestamp, bits, nonce, daa_score, blue_score) = numbers;
        Header::new_finalized(
            version,
            parents,
            hash_merkle_root,
            accepted_id_merkle_root,
            utxo_commitment,
            timestamp,
            bits,
            nonce,
            daa_score,
            blue_work,
            blue_score,
            pruning_point,
        )
    })
}

/// A header with any of its fields left out.
fn optional_header() -> impl Strategy<Value = RpcOptionalHeader> + Clone {
    let mask = prop_oneof![Just(u16::MAX), any::<u16>()];
    (header(), mask).prop_map(|(header, mask)| {
        let has = |bit: u32| mask >> bit & 1 == 1;
        let full = RpcOptionalHeader::from(header);
        RpcOptionalHeader {
            hash: full.hash.filter(|_| has(0)),
            version: full.version.filter(|_| has(1)),
            parents_by_level: full.parents_by_level.filter(|_| has(2)),
            hash_merkle_root: full.hash_merkle_root.filter(|_| has(3)),
            accepted_id_merkle_root: full.accepted_id_merkle_root.filter(|_| has(4)),
            utxo_commitment: full.utxo_commitment.filter(|_| has(5)),
            timestamp: full.timestamp.filter(|_| has(6)),
            bits: full.bits.filter(|_| has(7)),
            nonce: full.nonce.filter(|_| has(8)),
            daa_score: full.daa_score.filter(|_| has(9)),
            blue_work: full.blue_work.filter(|_| has(10)),
            blue_score: full.blue_score.filter(|_| has(11)),
            pruning_point: full.pruning_point.filter(|_| has(12)),
        }
    })
}

fn script() -> impl Strategy<Value = ScriptPublicKey> + Clone {
    (any::<u16>(), vec(any::<u8>(), 0..40))
        .prop_map(|(version, script)| ScriptPublicKey::new(version, ScriptVec::from_slice(&script)))
}

fn optional_input() -> impl Strategy<Value = RpcOptionalTransactionInput> + Clone {
    (option::of(vec(any::<u8>(), 0..70)), any::<Option<u64>>(), any::<Option<u8>>(), any::<Option<u16>>()).prop_map(
        |(signature_script, sequence, sig_op_count, compute_budget)| RpcOptionalTransactionInput {
            previous_outpoint: None,
            signature_script,
            sequence,
            sig_op_count,
            compute_budget,
            verbose_data: None,
        },
    )
}

fn optional_output() -> impl Strategy<Value = RpcOptionalTransactionOutput> + Clone {
    (any::<Option<u64>>(), option::of(script())).prop_map(|(value, script_public_key)| RpcOptionalTransactionOutput {
        value,
        script_public_key,
        verbose_data: None,
        covenant: None,
    })
}

fn optional_transaction() -> impl Strategy<Value = RpcOptionalTransaction> + Clone {
    let hashes = (option::of(hash()), option::of(hash()), option::of(hash()));
    let verbose_data =
        option::of((hashes, any::<Option<u64>>(), any::<Option<u64>>()).prop_map(|(hashes, mass, time)| {
            let (transaction_id, hash, block_hash) = hashes;
            RpcOptionalTransactionVerboseData { transaction_id, hash, compute_mass: mass, block_hash, block_time: time }
        }));
    let subnetwork_id = option::of(any::<[u8; 20]>().prop_map(SubnetworkId::from_bytes));
    let numbers = (any::<Option<u16>>(), any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<u64>>());
    let lists = (vec(optional_input(), 0..3), vec(optional_output(), 0..3), option::of(vec(any::<u8>(), 0..90)));
    (numbers, lists, subnetwork_id, verbose_data).prop_map(|(numbers, lists, subnetwork_id, verbose_data)| {
        let (version, lock_time, gas, storage_mass) = numbers;
        let (inputs, outputs, payload) = lists;
        RpcOptionalTransaction {
            version,
            inputs,
            outputs,
            lock_time,
            subnetwork_id,
            gas,
            payload,
            storage_mass,
            verbose_data,
        }
    })
}

/// A chain block with its accepted transactions.
pub fn chain_block() -> impl Strategy<Value = RpcChainBlockAcceptedTransactions> + Clone {
    (optional_header(), vec(optional_transaction(), 0..5)).prop_map(|(chain_block_header, accepted_transactions)| {
        RpcChainBlockAcceptedTransactions { chain_block_header, accepted_transactions }
    })
}

/// A reply of GetVirtualChainFromBlockV2.
pub fn chain_page() -> impl Strategy<Value = GetVirtualChainFromBlockV2Response> {
    (hashes(5), hashes(5), vec(chain_block(), 0..5)).prop_map(|(removed, added, blocks)| {
        GetVirtualChainFromBlockV2Response {
            removed_chain_block_hashes: removed.into(),
            added_chain_block_hashes: added.into(),
            chain_block_accepted_transactions: blocks.into(),
        }
    })
}

fn verbose_data() -> impl Strategy<Value = RpcBlockVerboseData> {
    let lists = (hashes(4), hashes(4), hashes(4), hashes(4));
    (lists, hash(), hash(), any::<(bool, bool, u64)>(), 0.0..1e12).prop_map(
        |(lists, hash, selected_parent_hash, (is_header_only, is_chain_block, blue_score), difficulty)| {
            let (transaction_ids, children_hashes, merge_set_blues_hashes, merge_set_reds_hashes) = lists;
            RpcBlockVerboseData {
                hash,
                difficulty,
                selected_parent_hash,
                transaction_ids,
                is_header_only,
                blue_score,
                children_hashes,
                merge_set_blues_hashes,
                merge_set_reds_hashes,
                is_chain_block,
            }
        },
    )
}

fn transaction() -> impl Strategy<Value = RpcTransaction> {
    (vec((any::<u64>(), script()), 0..3), vec(any::<u8>(), 0..50)).prop_map(|(outputs, payload)| RpcTransaction {
        version: 0,
        inputs: vec![],
        outputs: outputs
            .into_iter()
            .map(|(value, script_public_key)| RpcTransactionOutput {
                value,
                script_public_key,
                verbose_data: None,
                covenant: None,
            })
            .collect(),
        lock_time: 0,
        subnetwork_id: SubnetworkId::from_byte(0),
        gas: 0,
        payload,
        storage_mass: 0,
        verbose_data: None,
    })
}

/// A reply of GetBlock.
pub fn block() -> impl Strategy<Value = GetBlockResponse> {
    (header(), vec(transaction(), 0..3), option::of(verbose_data())).prop_map(|(header, transactions, verbose_data)| {
        GetBlockResponse { block: RpcBlock { header: RpcHeader::from(header), transactions, verbose_data } }
    })
}

fn network() -> impl Strategy<Value = RpcNetworkId> + Clone {
    let types = [RpcNetworkType::Mainnet, RpcNetworkType::Testnet, RpcNetworkType::Devnet, RpcNetworkType::Simnet];
    (prop::sample::select(types.to_vec()), option::of(any::<u32>()))
        .prop_map(|(network_type, suffix)| RpcNetworkId { network_type, suffix })
}

/// A reply of GetBlockDagInfo.
pub fn dag_info() -> impl Strategy<Value = GetBlockDagInfoResponse> {
    (network(), any::<[u64; 4]>(), 0.0..1e12, hashes(5), hashes(5), hash(), hash()).prop_map(
        |(network, numbers, difficulty, tip_hashes, virtual_parent_hashes, pruning_point_hash, sink)| {
            let [block_count, header_count, past_median_time, virtual_daa_score] = numbers;
            GetBlockDagInfoResponse {
                network,
                block_count,
                header_count,
                tip_hashes,
                difficulty,
                past_median_time,
                virtual_parent_hashes,
                pruning_point_hash,
                virtual_daa_score,
                sink,
            }
        },
    )
}

/// A reply of GetServerInfo.
pub fn server_info() -> impl Strategy<Value = GetServerInfoResponse> {
    (any::<(u16, u16, bool, bool, u64)>(), ".{0,20}", network()).prop_map(|(numbers, server_version, network_id)| {
        let (rpc_api_version, rpc_api_revision, has_utxo_index, is_synced, virtual_daa_score) = numbers;
        GetServerInfoResponse {
            rpc_api_version,
            rpc_api_revision,
            server_version,
            network_id,
            has_utxo_index,
            is_synced,
            virtual_daa_score,
        }
    })
}

/// A VirtualChainChanged notification.
pub fn chain_changed() -> impl Strategy<Value = Notification> {
    (hashes(5), hashes(5), vec((hash(), hashes(4)), 0..5)).prop_map(|(removed, added, accepted)| {
        let accepted: Vec<_> = accepted
            .into_iter()
            .map(|(accepting_block_hash, accepted_transaction_ids)| RpcAcceptedTransactionIds {
                accepting_block_hash,
                accepted_transaction_ids,
            })
            .collect();
        Notification::VirtualChainChanged(VirtualChainChangedNotification {
            removed_chain_block_hashes: removed.into(),
            added_chain_block_hashes: added.into(),
            accepted_transaction_ids: accepted.into(),
        })
    })
}
