//! The chain of an L1 and the events by which a bridge would tell it.
//!
//! Invariants: the events follow one another; a hash belongs to one block for ever; a transaction is accepted at most once
//! on the way from the anchor to the tip.

use bridge::{AcceptedTransaction, BlockAdded, ChainRef, L1Event, Reorg};
use kaspa_hashes::Hash;

/// DAA score by which a block is above its parent.
pub const DAA_STEP: u64 = 3;

/// The chain from the anchor to the tip.
#[derive(Clone, Debug)]
pub struct Chain {
    anchor: ChainRef,
    /// Above the anchor, lowest first.
    blocks: Vec<BlockAdded>,
    root_index: u64,
    sequence: u64,
    blocks_made: u64,
    transactions_made: u64,
}

impl Chain {
    /// Only the anchor.
    pub fn new() -> Self {
        let anchor = ChainRef { hash: hash(0, 0), index: 0, blue_score: 1_000 };
        Self { anchor, blocks: Vec::new(), root_index: 0, sequence: 0, blocks_made: 0, transactions_made: 0 }
    }

    /// The block on which the chain builds.
    pub fn anchor(&self) -> ChainRef {
        self.anchor
    }

    /// The newest block.
    pub fn tip(&self) -> ChainRef {
        self.blocks.last().map_or(self.anchor, |added| added.block)
    }

    /// The finalized root.
    pub fn root(&self) -> ChainRef {
        self.at(self.root_index)
    }

    /// The blocks above the anchor, lowest first.
    pub fn blocks(&self) -> &[BlockAdded] {
        &self.blocks
    }

    /// The chain block of that index.
    pub fn at(&self, index: u64) -> ChainRef {
        match usize::try_from(index).ok().and_then(|index| index.checked_sub(1)) {
            None => self.anchor,
            Some(place) => self.blocks[place].block,
        }
    }

    /// Number of the last event.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// A transaction that was not there before.
    pub fn transaction(&mut self, payload: Vec<u8>) -> AcceptedTransaction {
        self.transactions_made += 1;
        AcceptedTransaction {
            id: hash(1, self.transactions_made),
            acceptance_index: 0,
            subnetwork_id: [0; 20],
            payload,
        }
    }

    /// A new block on the tip that accepts these.
    pub fn add(&mut self, mut accepted: Vec<AcceptedTransaction>) -> L1Event {
        self.blocks_made += 1;
        for (at, transaction) in accepted.iter_mut().enumerate() {
            // The coinbase and transactions of others lie between.
            transaction.acceptance_index = 1 + 2 * at as u32;
        }
        let parent = self.tip();
        let index = parent.index + 1;
        let block = ChainRef { hash: hash(2, self.blocks_made), index, blue_score: parent.blue_score + 2 };
        self.sequence += 1;
        let added = BlockAdded {
            sequence: self.sequence,
            block,
            parent: parent.hash,
            daa_score: DAA_STEP * index,
            timestamp_ms: 100 * self.blocks_made,
            accepted,
            verified: true,
        };
        self.blocks.push(added.clone());
        L1Event::BlockAdded(added)
    }

    /// A block that was there before, on the same parent.
    pub fn add_again(&mut self, block: BlockAdded) -> L1Event {
        assert_eq!(block.parent, self.tip().hash);
        self.sequence += 1;
        let added = BlockAdded { sequence: self.sequence, ..block };
        self.blocks.push(added.clone());
        L1Event::BlockAdded(added)
    }

    /// Cuts the chain back to that index; also the blocks that are gone, lowest first.
    pub fn cut(&mut self, fork_index: u64) -> (L1Event, Vec<BlockAdded>) {
        assert!((self.root_index..self.tip().index).contains(&fork_index));
        let old_tip = self.tip();
        let removed = self.blocks.split_off(fork_index as usize);
        self.sequence += 1;
        let reorg = Reorg {
            sequence: self.sequence,
            fork: self.tip(),
            old_tip,
            removed: removed.iter().rev().map(|added| added.block.hash).collect(),
            removed_known: true,
        };
        (L1Event::Reorg(reorg), removed)
    }

    /// Moves the root up to that index.
    pub fn finalize(&mut self, index: u64) -> L1Event {
        assert!((self.root_index + 1..=self.tip().index).contains(&index));
        self.root_index = index;
        self.sequence += 1;
        L1Event::Finalized { sequence: self.sequence, block: self.at(index) }
    }

    /// The chain as a bridge would tell it that never saw anything else.
    pub fn straight(&self) -> Vec<L1Event> {
        let renumbered = (1..).zip(&self.blocks).map(|(sequence, added)| BlockAdded { sequence, ..added.clone() });
        renumbered.map(L1Event::BlockAdded).collect()
    }
}

/// A hash that nothing else of that kind has.
fn hash(kind: u8, number: u64) -> Hash {
    let mut bytes = [kind; 32];
    // In front, so that the ids of transactions are spread over the store as real ones are.
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    Hash::from_bytes(bytes)
}
