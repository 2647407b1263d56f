//! Entries of a virtual chain page: one chain block with the transactions that it accepts.
//!
//! An entry is a function of the block's past and the verbosity. It is written straight into one buffer, byte for byte
//! what `kaspa-rpc-core` makes of an `RpcChainBlockAcceptedTransactions`, at a small part of the cost; tests compare the
//! two. At Full verbosity it is kept for a while and shared between nodes and replies.
//!
//! Which fields are there at which verbosity: `kaspa-rpc-core`, `convert::verbosity`. The node resolves the spent outputs
//! of every transaction at every verbosity, and on that path always fills subnetwork id, gas, payload and storage mass
//! (rusty-kaspa, `rpc/service/src/converter/consensus.rs`, `convert_signable_transaction_with_verbosity`). Layout:
//! `kaspa-rpc-core`, `model::optional` and `model::tx`.

use std::sync::Arc;

use bridge::wire::Verbosity;
use kaspa_consensus_core::header::Header;
use kaspa_consensus_core::mass::MassCalculator;
use kaspa_consensus_core::network::NetworkType;
use kaspa_consensus_core::tx::{ScriptPublicKey, Transaction, TransactionInput, TransactionOutput};
use kaspa_rpc_core::RpcAddress;

use super::page_writer::PageWriter;
use crate::acceptance::{Accepted, OutpointIndex};
use crate::block_store::BlockStore;
use crate::dag::BlockId;

/// Grams for each byte of a transaction and for each byte of its output scripts.
///
/// Source: `kaspa-consensus-core`, `config::params::SIMNET_PARAMS`.
const MASS_PER_BYTE: u64 = 1;
const MASS_PER_SCRIPT_BYTE: u64 = 10;

/// `ScriptClass::NonStandard` and `ScriptClass::PubKey` of `kaspa-txscript`, `Prefix::Simnet` and `Version::PubKey` of
/// `kaspa-addresses`, as Borsh numbers them.
const NON_STANDARD: u8 = 0;
const PUBLIC_KEY: u8 = 1;
const SIMNET_PREFIX: u8 = 2;
const PUBLIC_KEY_ADDRESS: u8 = 0;

/// Room that a header and an accepted transaction need at Full verbosity and at others, so that the buffer seldom grows. The
/// transactions of an economy are twice as large as those without payload.
const HEADER_BYTES: usize = 1_024;
const FULL_TRANSACTION_BYTES: usize = 1_152;
const TRANSACTION_BYTES: usize = 768;

/// The encoded entry of a chain block.
pub(super) fn entry(store: &BlockStore, block: BlockId, verbosity: Verbosity) -> Arc<Vec<u8>> {
    let write = || {
        let transaction_bytes = if verbosity == Verbosity::Full { FULL_TRANSACTION_BYTES } else { TRANSACTION_BYTES };
        let capacity = HEADER_BYTES + transaction_bytes * store.accepted_by(block).len();
        EntryWriter { store, accepting: block, verbosity, out: PageWriter::with_capacity(capacity) }.write()
    };
    if verbosity == Verbosity::Full { store.full_entry(block, write) } else { write().into() }
}

/// Compute mass in grams.
pub(super) fn compute_mass(transaction: &Transaction) -> u64 {
    // The storage mass parameter has no part in it.
    MassCalculator::new(MASS_PER_BYTE, MASS_PER_SCRIPT_BYTE, 0).calc_non_contextual_masses(transaction).compute_mass
}

/// The simnet address of a script of the kind that this simulation makes; `None` for any other.
pub(super) fn address(script: &ScriptPublicKey) -> Option<RpcAddress> {
    let schnorr = PUBLIC_KEY_ADDRESS.try_into().ok()?;
    RpcAddress::try_new(NetworkType::Simnet.into(), schnorr, public_key(script)?).ok()
}

/// The key of a script that pushes 32 bytes and checks a signature against them.
fn public_key(script: &ScriptPublicKey) -> Option<&[u8]> {
    match script.script() {
        [0x20, key @ .., 0xac] if key.len() == 32 => Some(key),
        _ => None,
    }
}

struct EntryWriter<'a> {
    store: &'a BlockStore,
    accepting: BlockId,
    verbosity: Verbosity,
    out: PageWriter,
}

impl EntryWriter<'_> {
    fn write(mut self) -> Vec<u8> {
        let (store, block) = (self.store, self.accepting);
        self.out.u16(1);
        let at = self.out.open();
        self.header(&store.header(block));
        self.out.close(at);
        let at = self.out.open();
        let accepted = store.accepted_by(block);
        self.out.length(accepted.len());
        for accepted in accepted {
            let at = self.out.open();
            self.transaction(&accepted);
            self.out.close(at);
        }
        self.out.close(at);
        self.out.into_bytes()
    }

    fn low(&self) -> bool {
        self.verbosity >= Verbosity::Low
    }

    fn high(&self) -> bool {
        self.verbosity >= Verbosity::High
    }

    fn full(&self) -> bool {
        self.verbosity >= Verbosity::Full
    }

    fn header(&mut self, header: &Header) {
        let (low, high, full) = (self.low(), self.high(), self.full());
        let out = &mut self.out;
        out.u16(1);
        out.option(Some(header.hash), PageWriter::hash);
        out.option(low.then_some(header.version), PageWriter::u16);
        out.option(high.then_some(&header.parents_by_level), PageWriter::parents);
        out.option(high.then_some(header.hash_merkle_root), PageWriter::hash);
        out.option(high.then_some(header.accepted_id_merkle_root), PageWriter::hash);
        out.option(full.then_some(header.utxo_commitment), PageWriter::hash);
        out.option(low.then_some(header.timestamp), PageWriter::u64);
        out.option(low.then_some(header.bits), PageWriter::u32);
        out.option(low.then_some(header.nonce), PageWriter::u64);
        out.option(low.then_some(header.daa_score), PageWriter::u64);
        out.option(low.then_some(header.blue_work), |out, work| out.bytes(&work.to_le_bytes()));
        out.option(low.then_some(header.blue_score), PageWriter::u64);
        out.option(full.then_some(header.pruning_point), PageWriter::hash);
    }

    fn transaction(&mut self, accepted: &Accepted) {
        let store = self.store;
        let transaction = store.transaction_fields(accepted.transaction);
        let (low, high, full) = (self.low(), self.high(), self.full());
        self.out.u16(1);
        self.out.option(full.then_some(transaction.version), PageWriter::u16);
        let at = self.out.open();
        self.out.length(transaction.inputs.len());
        for (spending, &spent) in transaction.inputs.iter().zip(store.acceptance().inputs(accepted.transaction)) {
            let at = self.out.open();
            self.input(spending, spent);
            self.out.close(at);
        }
        self.out.close(at);
        let at = self.out.open();
        self.out.length(transaction.outputs.len());
        for made in &transaction.outputs {
            let at = self.out.open();
            self.output(made);
            self.out.close(at);
        }
        self.out.close(at);
        let out = &mut self.out;
        out.option(full.then_some(transaction.lock_time), PageWriter::u64);
        out.option(Some(&transaction.subnetwork_id), |out, id| out.bytes(id.as_ref()));
        out.option(Some(transaction.gas), PageWriter::u64);
        out.option(Some(transaction.payload.as_slice()), PageWriter::sized_bytes);
        out.option(Some(transaction.storage_mass()), PageWriter::u64);
        let at = out.open_some();
        out.u8(1);
        out.option(low.then(|| store.transaction_id(accepted.transaction)), PageWriter::hash);
        out.option(low.then(|| store.transaction_hash(accepted.transaction)), PageWriter::hash);
        out.option(high.then(|| compute_mass(&transaction)), PageWriter::u64);
        out.option(low.then(|| store.dag().hash(accepted.block)), PageWriter::hash);
        out.option(low.then(|| store.timestamp(accepted.block)), PageWriter::u64);
        out.close_some(at);
    }

    fn input(&mut self, spending: &TransactionInput, spent: OutpointIndex) {
        let (low, high) = (self.low(), self.high());
        let out = &mut self.out;
        out.u8(2);
        if high {
            let at = out.open_some();
            out.u8(1);
            out.option(Some(spending.previous_outpoint.transaction_id), PageWriter::hash);
            out.option(Some(spending.previous_outpoint.index), PageWriter::u32);
            out.close_some(at);
        } else {
            out.enveloped_none();
        }
        out.option(low.then_some(spending.signature_script.as_slice()), PageWriter::sized_bytes);
        out.option(high.then_some(spending.sequence), PageWriter::u64);
        let commit = spending.compute_commit;
        out.option(high.then(|| commit.sig_op_count().unwrap_or(0)), PageWriter::u8);
        let at = out.open_some();
        out.u8(1);
        let inner = out.open_some();
        self.utxo_entry(spent);
        self.out.close_some(inner);
        self.out.close_some(at);
        self.out.option(high.then(|| commit.compute_budget().unwrap_or(0)), PageWriter::u16);
    }

    fn utxo_entry(&mut self, spent: OutpointIndex) {
        let (high, full) = (self.high(), self.full());
        let store = self.store;
        let outpoint = store.acceptance().outpoint(spent);
        let script = store.script_of(outpoint);
        // The output came into being where its transaction was accepted; the pool is as old as genesis.
        let born = || {
            let creator = outpoint.creator?;
            store.acceptance().accepting_daa_score(store.dag(), self.accepting, creator)
        };
        let daa_score = full.then(|| born().unwrap_or(store.dag().params().genesis_daa_score));
        let out = &mut self.out;
        out.u8(2);
        out.option(high.then_some(outpoint.amount), PageWriter::u64);
        out.option(high.then_some(script), PageWriter::script);
        out.option(daa_score, PageWriter::u64);
        // Is not a coinbase's.
        out.option(high.then_some(0), PageWriter::u8);
        self.script_kind(script);
        // No covenant.
        self.out.none();
    }

    fn output(&mut self, made: &TransactionOutput) {
        let low = self.low();
        self.out.u8(2);
        self.out.option(low.then_some(made.value), PageWriter::u64);
        self.out.option(low.then_some(&made.script_public_key), PageWriter::script);
        self.script_kind(&made.script_public_key);
        // No covenant.
        self.out.enveloped_none();
    }

    /// Class and address of a script: the verbose data of an output, spent or made.
    fn script_kind(&mut self, script: &ScriptPublicKey) {
        let low = self.low();
        let out = &mut self.out;
        let key = public_key(script);
        let at = out.open_some();
        out.u8(1);
        out.option(low.then_some(if key.is_some() { PUBLIC_KEY } else { NON_STANDARD }), PageWriter::u8);
        out.option(key.filter(|_| low), |out, key| {
            out.u8(SIMNET_PREFIX);
            out.u8(PUBLIC_KEY_ADDRESS);
            out.sized_bytes(key);
        });
        out.close_some(at);
    }
}
