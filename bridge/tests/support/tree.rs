//! A tree of real headers: what exists, whoever knows it.
//!
//! Invariants: blue score, blue work and DAA score strictly increase along every branch; no two headers are equal,
//! because nonces are never used twice; the first level-0 parent is the selected parent.

use std::collections::BTreeMap;

use kaspa_consensus_core::{
    header::{CompressedParents, Header},
    subnets::SubnetworkId,
};
use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use kaspa_rpc_core::{RpcChainBlockAcceptedTransactions, RpcOptionalTransaction, RpcOptionalTransactionVerboseData};

/// Blue score of the first block: not zero, so that scores and indices cannot be confused.
pub const GENESIS_SCORE: u64 = 1_000;

/// All blocks.
pub struct Tree {
    blocks: BTreeMap<Hash, Header>,
    genesis: Hash,
    next_nonce: u64,
}

impl Tree {
    /// Only the first block.
    pub fn new() -> Self {
        let mut tree = Self { blocks: BTreeMap::new(), genesis: Hash::default(), next_nonce: 0 };
        tree.genesis = tree.insert(None, GENESIS_SCORE, GENESIS_SCORE);
        tree
    }

    /// The first block.
    pub fn genesis(&self) -> Hash {
        self.genesis
    }

    /// A child of `parent` that adds one to blue score and blue work.
    pub fn extend(&mut self, parent: Hash) -> Hash {
        self.extend_by(parent, 1, 1)
    }

    /// A child of `parent` that adds this much blue score and blue work.
    pub fn extend_by(&mut self, parent: Hash, score: u64, work: u64) -> Hash {
        let (parent_score, parent_work) = (self.score(parent), self.work(parent));
        self.insert(Some(parent), parent_score + score, parent_work + work)
    }

    /// `count` descendants of `parent` in a line, oldest first.
    pub fn grow(&mut self, parent: Hash, count: usize) -> Vec<Hash> {
        let mut tip = parent;
        (0..count)
            .map(|_| {
                tip = self.extend(tip);
                tip
            })
            .collect()
    }

    /// The header of a block.
    pub fn header(&self, hash: Hash) -> &Header {
        &self.blocks[&hash]
    }

    /// All blocks, in no order that means anything.
    pub fn hashes(&self) -> impl Iterator<Item = Hash> + '_ {
        self.blocks.keys().copied()
    }

    /// Whether the block exists.
    pub fn contains(&self, hash: Hash) -> bool {
        self.blocks.contains_key(&hash)
    }

    /// Blue score of a block.
    pub fn score(&self, hash: Hash) -> u64 {
        self.header(hash).blue_score
    }

    /// Blue work of a block, which in this tree fits 64 bits.
    pub fn work(&self, hash: Hash) -> u64 {
        self.header(hash).blue_work.as_u64()
    }

    /// The selected parent of a block; the first block has none.
    pub fn parent(&self, hash: Hash) -> Option<Hash> {
        self.header(hash).direct_parents().first().copied()
    }

    /// The chain from the first block to `tip`, both included.
    pub fn chain(&self, tip: Hash) -> Vec<Hash> {
        let mut chain: Vec<Hash> = std::iter::successors(Some(tip), |&hash| self.parent(hash)).collect();
        chain.reverse();
        chain
    }

    /// The block `depth` below `tip`.
    pub fn below(&self, tip: Hash, depth: usize) -> Hash {
        (0..depth).fold(tip, |hash, _| self.parent(hash).expect("the test stays above the first block"))
    }

    /// How the chain to `from` becomes the chain to `to`: what leaves, tip first, and what joins, oldest first.
    pub fn route(&self, from: Hash, to: Hash) -> (Vec<Hash>, Vec<Hash>) {
        let (before, after) = (self.chain(from), self.chain(to));
        let common = before.iter().zip(&after).take_while(|(left, right)| left == right).count();
        (before[common..].iter().rev().copied().collect(), after[common..].to_vec())
    }

    /// What a node sends about a chain block at Full verbosity. Every block accepts zero to two transactions.
    pub fn chain_block(&self, hash: Hash) -> RpcChainBlockAcceptedTransactions {
        let header = self.header(hash);
        RpcChainBlockAcceptedTransactions {
            chain_block_header: header.clone().into(),
            accepted_transactions: (0..header.nonce % 3).map(|number| transaction(hash, number)).collect(),
        }
    }

    fn insert(&mut self, parent: Option<Hash>, score: u64, work: u64) -> Hash {
        self.next_nonce += 1;
        let merged = Hash::from_u64_word(0xfeed_0000 + self.next_nonce);
        let levels: Vec<Vec<Hash>> =
            parent.map(|parent| vec![vec![parent, merged], vec![self.genesis]]).unwrap_or_default();
        let header = Header::new_finalized(
            1,
            CompressedParents::try_from(levels).expect("two levels are few"),
            Hash::from_u64_word(1),
            Hash::from_u64_word(2),
            Hash::from_u64_word(3),
            1_700_000_000_000 + 100 * self.next_nonce,
            0x207f_ffff,
            self.next_nonce,
            score * 2,
            Uint192::from_u64(work),
            score,
            self.genesis,
        );
        let hash = header.hash;
        self.blocks.insert(hash, header);
        hash
    }
}

/// Id of the transaction that `block` accepts at position `number`.
pub fn transaction_id(block: Hash, number: u64) -> Hash {
    let mut bytes = block.as_bytes();
    bytes[0] ^= 0x5a;
    bytes[1] = number as u8;
    Hash::from_bytes(bytes)
}

fn transaction(block: Hash, number: u64) -> RpcOptionalTransaction {
    RpcOptionalTransaction {
        version: Some(0),
        inputs: Vec::new(),
        outputs: Vec::new(),
        lock_time: Some(0),
        subnetwork_id: Some(SubnetworkId::from_bytes([number as u8; 20])),
        gas: Some(0),
        payload: Some(block.as_bytes()[..8].to_vec()),
        storage_mass: Some(0),
        verbose_data: Some(RpcOptionalTransactionVerboseData {
            transaction_id: Some(transaction_id(block, number)),
            hash: Some(Hash::from_u64_word(number)),
            compute_mass: Some(1),
            block_hash: Some(block),
            block_time: Some(1),
        }),
    }
}
