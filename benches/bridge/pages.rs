//! A chain of real headers and what its blocks accept, as a node sends them at Full verbosity.
//!
//! Invariants: each header hashes to its hash and names the block before it as its first parent; blue score and blue work
//! rise; no two transactions have the same id.

use std::sync::Arc;

use bridge::wire::encode;
use kaspa_addresses::{Address, Prefix, Version};
use kaspa_consensus_core::{
    header::{CompressedParents, Header},
    subnets::SubnetworkId,
    tx::{ScriptPublicKey, ScriptVec},
};
use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use kaspa_rpc_core::{
    Notification, RpcChainBlockAcceptedTransactions, RpcOptionalTransaction, RpcOptionalTransactionInput,
    RpcOptionalTransactionInputVerboseData, RpcOptionalTransactionOutpoint, RpcOptionalTransactionOutput,
    RpcOptionalTransactionOutputVerboseData, RpcOptionalTransactionVerboseData, RpcOptionalUtxoEntry,
    RpcOptionalUtxoEntryVerboseData, RpcScriptClass, VirtualChainChangedNotification,
};

/// Merged blocks in the longest page of a mainnet node: ten times the mergeset limit
/// (`kaspa_consensus::consensus::Consensus::get_virtual_chain_from_block`, `kaspa_consensus_core::config::bps`).
pub const MERGED_BLOCKS: u64 = 2_480;

/// Blocks that two chain blocks in a row merge, at ten blocks a second.
const MERGED_BY_TURNS: [u64; 2] = [2, 3];

/// Transactions that say that the same block contains them.
const BLOCK_TRANSACTIONS: u64 = 10;

/// Levels of a mainnet header that repeat the parents of level 0, and their number.
const DIRECT_LEVELS: usize = 25;
const DIRECT_PARENTS: usize = 4;

/// Levels above, which differ from one another, and the parents in each.
const UPPER_LEVELS: usize = 30;
const UPPER_PARENTS: usize = 2;

/// What a header looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As large as on mainnet.
    Mainnet,
    /// One parent on one level: quick to make and to hash.
    Slim,
}

/// A chain block as it stands in a page.
pub struct Block {
    pub hash: Hash,
    /// Header and accepted transactions.
    pub bytes: Vec<u8>,
}

/// The growing chain.
pub struct Chain {
    tip: Header,
    transactions: u64,
    /// How often it was cut back: headers of one height differ between branches.
    branch: u64,
}

impl Chain {
    /// Only the block that a bridge begins at.
    pub fn new() -> Self {
        Self { tip: header(Shape::Slim, Hash::default(), 1, 1, 0), transactions: 0, branch: 0 }
    }

    /// The newest header.
    pub fn tip(&self) -> &Header {
        &self.tip
    }

    /// Goes on from an older header, on a branch of its own.
    pub fn cut_back(&mut self, fork: Header) {
        self.tip = fork;
        self.branch += 1;
    }

    /// A new tip that merges `merged` blocks and accepts `accepted` transactions.
    pub fn extend(&mut self, shape: Shape, merged: u64, accepted: u64) -> Block {
        let (blue_score, daa_score) = (self.tip.blue_score + merged, self.tip.daa_score + merged);
        self.tip = header(shape, self.tip.hash, blue_score, daa_score, self.branch);
        let accepted = (0..accepted).map(|_| {
            self.transactions += 1;
            transaction(self.transactions)
        });
        let block = RpcChainBlockAcceptedTransactions {
            accepted_transactions: accepted.collect(),
            chain_block_header: self.tip.clone().into(),
        };
        Block { hash: self.tip.hash, bytes: encode::chain_block(&block) }
    }

    /// The blocks of a longest page, each merged block with so many transactions.
    pub fn longest_page(&mut self, transactions: u64) -> Vec<Block> {
        let (mut merged, mut blocks) = (0, Vec::new());
        for turn in MERGED_BY_TURNS.into_iter().cycle() {
            blocks.push(self.extend(Shape::Mainnet, turn, turn * transactions));
            merged += turn;
            if merged >= MERGED_BLOCKS {
                break;
            }
        }
        blocks
    }
}

/// The frame that answers request `id` with these blocks added.
pub fn frame(id: u64, blocks: &[Block]) -> Vec<u8> {
    reorg_frame(id, &[], blocks)
}

/// The frame that answers request `id` with these blocks removed, tip first, and these added.
pub fn reorg_frame(id: u64, removed: &[Hash], blocks: &[Block]) -> Vec<u8> {
    encode::chain_page(id, removed, &hashes(blocks), blocks.iter().map(|block| block.bytes.as_slice()))
}

/// The notification of these blocks removed, tip first, and these added.
pub fn notification(removed: Vec<Hash>, blocks: &[Block]) -> Vec<u8> {
    encode::notification(&Notification::VirtualChainChanged(VirtualChainChangedNotification {
        removed_chain_block_hashes: Arc::new(removed),
        added_chain_block_hashes: Arc::new(hashes(blocks)),
        accepted_transaction_ids: Arc::default(),
    }))
}

fn hashes(blocks: &[Block]) -> Vec<Hash> {
    blocks.iter().map(|block| block.hash).collect()
}

fn header(shape: Shape, parent: Hash, blue_score: u64, daa_score: u64, branch: u64) -> Header {
    let other = |number: usize| Hash::from_u64_word(blue_score << 16 | number as u64);
    let mut levels = vec![vec![parent]];
    if shape == Shape::Mainnet {
        levels[0].extend((1..DIRECT_PARENTS).map(other));
        levels = vec![levels.swap_remove(0); DIRECT_LEVELS];
        let upper = |level: usize| (0..UPPER_PARENTS).map(move |number| other(level << 8 | number)).collect();
        levels.extend((1..=UPPER_LEVELS).map(upper));
    }
    Header::new_finalized(
        1,
        CompressedParents::try_from(levels).expect("so few levels are within the node's bounds"),
        other(1_001),
        other(1_002),
        other(1_003),
        1_760_000_000_000 + 100 * daa_score,
        0x1b00_ffff,
        // The nonce.
        blue_score | branch << 40,
        daa_score,
        Uint192([blue_score << 40, blue_score >> 24, 0]),
        blue_score,
        other(1_004),
    )
}

/// A payment of one or two inputs to a recipient and back, with a message of a hundred bytes.
fn transaction(number: u64) -> RpcOptionalTransaction {
    let inputs = 1 + u64::from(number.is_multiple_of(4));
    RpcOptionalTransaction {
        version: Some(0),
        inputs: (0..inputs).map(|input| spends(number << 8 | input)).collect(),
        outputs: (0..2).map(|output| pays(number << 8 | output)).collect(),
        lock_time: Some(0),
        subnetwork_id: Some(SubnetworkId::from_byte(0)),
        gas: Some(0),
        payload: Some(bytes(number, 100)),
        storage_mass: Some(10_000),
        verbose_data: Some(RpcOptionalTransactionVerboseData {
            transaction_id: Some(Hash::from_u64_word(number)),
            hash: Some(Hash::from_u64_word(!number)),
            compute_mass: Some(2_036),
            block_hash: Some(Hash::from_u64_word(number / BLOCK_TRANSACTIONS)),
            block_time: Some(1_760_000_000_000 + number),
        }),
    }
}

fn spends(number: u64) -> RpcOptionalTransactionInput {
    let verbose_data = RpcOptionalUtxoEntryVerboseData::new(Some(RpcScriptClass::PubKey), Some(address(number)));
    let utxo_entry = RpcOptionalUtxoEntry::new(
        Some(number),
        Some(script(number)),
        Some(number),
        Some(false),
        Some(verbose_data),
        None,
    );
    RpcOptionalTransactionInput {
        previous_outpoint: Some(RpcOptionalTransactionOutpoint {
            transaction_id: Some(Hash::from_u64_word(number)),
            index: Some(1),
        }),
        // An opcode, a signature of 64 bytes, the kind of its hash.
        signature_script: Some(bytes(number, 66)),
        sequence: Some(0),
        sig_op_count: Some(1),
        compute_budget: None,
        verbose_data: Some(RpcOptionalTransactionInputVerboseData { utxo_entry: Some(utxo_entry) }),
    }
}

fn pays(number: u64) -> RpcOptionalTransactionOutput {
    RpcOptionalTransactionOutput {
        value: Some(number),
        script_public_key: Some(script(number)),
        verbose_data: Some(RpcOptionalTransactionOutputVerboseData {
            script_public_key_type: Some(RpcScriptClass::PubKey),
            script_public_key_address: Some(address(number)),
        }),
        covenant: None,
    }
}

/// An opcode, a public key of 32 bytes, an opcode.
fn script(number: u64) -> ScriptPublicKey {
    ScriptPublicKey::new(0, ScriptVec::from_slice(&bytes(number, 34)))
}

fn address(number: u64) -> Address {
    Address::new(Prefix::Mainnet, Version::PubKey, &bytes(number, 32))
}

/// Bytes that differ from number to number.
fn bytes(number: u64, length: usize) -> Vec<u8> {
    number.to_le_bytes().into_iter().cycle().take(length).collect()
}
