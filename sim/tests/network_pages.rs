//! Pages as the model node writes them against pages that `kaspa-rpc-core` writes from its own types, byte for byte.

mod network_support;

use std::sync::Arc;
use std::time::Duration;

use bridge::wire::{Operation, Request, Verbosity, encode};
use kaspa_consensus_core::config::params::SIMNET_PARAMS;
use kaspa_consensus_core::mass::MassCalculator;
use kaspa_consensus_core::network::NetworkType;
use kaspa_consensus_core::tx::{ScriptPublicKey, TransactionOutpoint};
use kaspa_hashes::Hash;
use kaspa_rpc_core::{
    GetVirtualChainFromBlockV2Response, RpcAddress, RpcChainBlockAcceptedTransactions, RpcDataVerbosityLevel,
    RpcHeaderVerbosity, RpcOptionalHeader, RpcOptionalTransaction, RpcOptionalTransactionInput,
    RpcOptionalTransactionInputVerboseData, RpcOptionalTransactionOutput, RpcOptionalTransactionOutputVerboseData,
    RpcOptionalTransactionVerboseData, RpcOptionalUtxoEntry, RpcOptionalUtxoEntryVerboseData, RpcScriptClass,
    RpcTransactionVerbosity,
};
use network_support::{config, run_until};
use sim::acceptance::{Accepted, TransactionIndex};
use sim::block_store::{BlockStore, POOL_AMOUNT};
use sim::dag::BlockId;
use sim::network::Network;
use sim::node::Answer;
use sim::workload::WorkloadConfig;

const NODE: usize = 5;

#[test]
fn given_a_chain_when_pages_are_asked_at_every_verbosity_then_the_bytes_are_those_of_kaspa_rpc_core() {
    let mut config = config(21, 30);
    config.workload = WorkloadConfig { chained_percent: 40, ..WorkloadConfig::mixed(2_000, 10) };
    let mut network = run_until(config, Duration::from_secs(25));
    let levels = [
        (Verbosity::None, RpcDataVerbosityLevel::None),
        (Verbosity::Low, RpcDataVerbosityLevel::Low),
        (Verbosity::High, RpcDataVerbosityLevel::High),
        (Verbosity::Full, RpcDataVerbosityLevel::Full),
    ];
    let starts: Vec<_> = (1..network.store().block_count() as u32).step_by(23).map(BlockId).collect();
    let mut inputs = 0;
    for start in starts {
        if !network.node(NODE).knows(start) {
            continue;
        }
        let start_hash = network.store().dag().hash(start);
        for (verbosity, level) in levels {
            let request = Request::GetVirtualChainFromBlockV2 { start_hash, verbosity, min_confirmation_count: None };
            let Answer::Reply(found) = network.answer(NODE, 9, &request) else { panic!("no reply") };
            let (response, count) = expected(&network, start, level);
            inputs += count;
            assert_eq!(found, encode::reply(9, Operation::GetVirtualChainFromBlockV2, &response), "{verbosity:?}");
        }
    }
    assert!(inputs > 1_000, "{inputs}");
}

/// The response, and how many transaction inputs it has.
fn expected(
    network: &Network,
    start: BlockId,
    level: RpcDataVerbosityLevel,
) -> (GetVirtualChainFromBlockV2Response, usize) {
    let (store, dag) = (network.store(), network.store().dag());
    let limit = store.parameters().mergeset_size_limit * 10;
    let chain = network.node(NODE).chain();
    let removed: Vec<_> = std::iter::successors(Some(start), |&block| dag.selected_parent(block))
        .take_while(|block| !chain.contains(block))
        .collect();
    let fork = removed.last().map_or(start, |&last| dag.selected_parent(last).expect("genesis is on the chain"));
    let mut merged = 0;
    let added: Vec<_> = chain[dag.height(fork) as usize + 1..]
        .iter()
        .copied()
        .take_while(|&block| {
            merged += dag.mergeset(block).count();
            merged <= limit
        })
        .collect();
    let blocks: Vec<_> = added.iter().map(|&block| chain_block(store, block, level)).collect();
    let transactions = blocks.iter().flat_map(|block| &block.accepted_transactions);
    let inputs = transactions.map(|transaction| transaction.inputs.len()).sum();
    let hashes =
        |blocks: Vec<BlockId>| Arc::new(blocks.into_iter().map(|block| dag.hash(block)).collect::<Vec<Hash>>());
    let response = GetVirtualChainFromBlockV2Response {
        removed_chain_block_hashes: hashes(removed),
        added_chain_block_hashes: hashes(added),
        chain_block_accepted_transactions: Arc::new(blocks),
    };
    (response, inputs)
}

fn chain_block(store: &BlockStore, block: BlockId, level: RpcDataVerbosityLevel) -> RpcChainBlockAcceptedTransactions {
    let wanted = RpcHeaderVerbosity::from(level);
    let full = RpcOptionalHeader::from(&store.header(block));
    let keep = |wanted: Option<bool>| wanted == Some(true);
    let chain_block_header = RpcOptionalHeader {
        hash: full.hash.filter(|_| keep(wanted.include_hash)),
        version: full.version.filter(|_| keep(wanted.include_version)),
        parents_by_level: full.parents_by_level.filter(|_| keep(wanted.include_parents_by_level)),
        hash_merkle_root: full.hash_merkle_root.filter(|_| keep(wanted.include_hash_merkle_root)),
        accepted_id_merkle_root: full.accepted_id_merkle_root.filter(|_| keep(wanted.include_accepted_id_merkle_root)),
        utxo_commitment: full.utxo_commitment.filter(|_| keep(wanted.include_utxo_commitment)),
        timestamp: full.timestamp.filter(|_| keep(wanted.include_timestamp)),
        bits: full.bits.filter(|_| keep(wanted.include_bits)),
        nonce: full.nonce.filter(|_| keep(wanted.include_nonce)),
        daa_score: full.daa_score.filter(|_| keep(wanted.include_daa_score)),
        blue_work: full.blue_work.filter(|_| keep(wanted.include_blue_work)),
        blue_score: full.blue_score.filter(|_| keep(wanted.include_blue_score)),
        pruning_point: full.pruning_point.filter(|_| keep(wanted.include_pruning_point)),
    };
    let wanted = RpcTransactionVerbosity::from(level);
    let accepted = store.accepted_by(block);
    let accepted_transactions = accepted.map(|entry| transaction(store, block, &entry, &wanted)).collect();
    RpcChainBlockAcceptedTransactions { chain_block_header, accepted_transactions }
}

fn transaction(
    store: &BlockStore,
    accepting: BlockId,
    entry: &Accepted,
    wanted: &RpcTransactionVerbosity,
) -> RpcOptionalTransaction {
    let transaction = store.transaction(entry.transaction);
    let verbose = wanted.verbose_data_verbosity.as_ref().expect("every level has verbose data");
    let containing = store.header(entry.block);
    let mass = || {
        let masses = MassCalculator::new_with_consensus_params(&SIMNET_PARAMS).calc_non_contextual_masses(&transaction);
        masses.compute_mass
    };
    RpcOptionalTransaction {
        version: (wanted.include_version == Some(true)).then_some(transaction.version),
        inputs: inputs(store, accepting, entry.transaction, wanted),
        outputs: outputs(store, entry.transaction, wanted),
        lock_time: (wanted.include_lock_time == Some(true)).then_some(transaction.lock_time),
        // The path with populated inputs fills these at every level.
        subnetwork_id: Some(transaction.subnetwork_id),
        gas: Some(transaction.gas),
        payload: Some(transaction.payload.clone()),
        storage_mass: Some(transaction.storage_mass()),
        verbose_data: Some(RpcOptionalTransactionVerboseData {
            transaction_id: (verbose.include_transaction_id == Some(true)).then(|| transaction.id()),
            hash: (verbose.include_hash == Some(true)).then(|| store.transaction_hash(entry.transaction)),
            compute_mass: (verbose.include_compute_mass == Some(true)).then(mass),
            block_hash: (verbose.include_block_hash == Some(true)).then_some(containing.hash),
            block_time: (verbose.include_block_time == Some(true)).then_some(containing.timestamp),
        }),
    }
}

fn inputs(
    store: &BlockStore,
    accepting: BlockId,
    index: TransactionIndex,
    wanted: &RpcTransactionVerbosity,
) -> Vec<RpcOptionalTransactionInput> {
    let wanted = wanted.input_verbosity.as_ref().expect("every level has inputs");
    let utxo = wanted.verbose_data_verbosity.as_ref().and_then(|verbose| verbose.utxo_entry_verbosity.as_ref());
    let utxo = utxo.expect("every level has UTXO entries");
    let class = utxo.verbose_data_verbosity.as_ref().expect("every level has verbose data");
    let transaction = store.transaction(index);
    let inputs = transaction.inputs.iter();
    inputs
        .map(|input| {
            let (amount, script, daa_score) = spent(store, accepting, &input.previous_outpoint);
            let sig_op_count = wanted.include_sig_op_count == Some(true);
            RpcOptionalTransactionInput {
                previous_outpoint: (wanted.include_previous_outpoint == Some(true))
                    .then(|| input.previous_outpoint.into()),
                signature_script: (wanted.include_signature_script == Some(true))
                    .then(|| input.signature_script.clone()),
                sequence: (wanted.include_sequence == Some(true)).then_some(input.sequence),
                sig_op_count: sig_op_count.then_some(1),
                compute_budget: sig_op_count.then_some(0),
                verbose_data: Some(RpcOptionalTransactionInputVerboseData {
                    utxo_entry: Some(RpcOptionalUtxoEntry {
                        amount: (utxo.include_amount == Some(true)).then_some(amount),
                        script_public_key: (utxo.include_script_public_key == Some(true)).then(|| script.clone()),
                        block_daa_score: (utxo.include_block_daa_score == Some(true)).then_some(daa_score),
                        is_coinbase: (utxo.include_is_coinbase == Some(true)).then_some(false),
                        verbose_data: Some(RpcOptionalUtxoEntryVerboseData {
                            script_public_key_type: (class.include_script_public_key_type == Some(true))
                                .then(|| RpcScriptClass::from_script(&script)),
                            script_public_key_address: (class.include_script_public_key_address == Some(true))
                                .then(|| address(&script)),
                        }),
                        covenant_id: None,
                    }),
                }),
            }
        })
        .collect()
}

fn outputs(
    store: &BlockStore,
    index: TransactionIndex,
    wanted: &RpcTransactionVerbosity,
) -> Vec<RpcOptionalTransactionOutput> {
    let wanted = wanted.output_verbosity.as_ref().expect("every level has outputs");
    let class = wanted.verbose_data_verbosity.as_ref().expect("every level has verbose data");
    let transaction = store.transaction(index);
    let outputs = transaction.outputs.iter();
    outputs
        .map(|output| RpcOptionalTransactionOutput {
            value: (wanted.include_amount == Some(true)).then_some(output.value),
            script_public_key: (wanted.include_script_public_key == Some(true))
                .then(|| output.script_public_key.clone()),
            verbose_data: Some(RpcOptionalTransactionOutputVerboseData {
                script_public_key_type: (class.include_script_public_key_type == Some(true))
                    .then(|| RpcScriptClass::from_script(&output.script_public_key)),
                script_public_key_address: (class.include_script_public_key_address == Some(true))
                    .then(|| address(&output.script_public_key)),
            }),
            covenant: None,
        })
        .collect()
}

/// Amount, script and DAA score of a spent output, found by its transaction id in all blocks of the chain.
fn spent(store: &BlockStore, accepting: BlockId, outpoint: &TransactionOutpoint) -> (u64, ScriptPublicKey, u64) {
    let dag = store.dag();
    let chain = std::iter::successors(Some(accepting), |&block| dag.selected_parent(block));
    for block in chain {
        let mut accepted = store.accepted_by(block).map(|entry| store.transaction(entry.transaction));
        if let Some(creator) = accepted.find(|transaction| transaction.id() == outpoint.transaction_id) {
            let output = &creator.outputs[outpoint.index as usize];
            return (output.value, output.script_public_key.clone(), dag.daa_score(block));
        }
    }
    // Of the pool; its script is that of every workload output.
    let mut outputs = (0..store.transaction_count() as u32)
        .map(|index| store.transaction(TransactionIndex(index)))
        .filter(|transaction| !transaction.is_coinbase())
        .map(|transaction| transaction.outputs[0].script_public_key.clone());
    (POOL_AMOUNT, outputs.next().expect("the workload has transactions"), 0)
}

fn address(script: &ScriptPublicKey) -> RpcAddress {
    let version = 0u8.try_into().expect("Schnorr keys have address version 0");
    RpcAddress::new(NetworkType::Simnet.into(), version, &script.script()[1..33])
}
