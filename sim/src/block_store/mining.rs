//! How a block comes into being, and how its header and coinbase are built: at first and again.

use std::iter;
use std::ops::Range;
use std::time::Duration;

use kaspa_consensus_core::constants::BLOCK_VERSION;
use kaspa_consensus_core::hashing;
use kaspa_consensus_core::header::{CompressedParents, Header};
use kaspa_consensus_core::tx::Transaction;
use kaspa_hashes::{Hash, ZERO_HASH};

use super::pruning_points::Points;
use super::record::Record;
use super::{BlockStore, Child, genesis_coinbase};
use crate::acceptance::{Accepted, OutpointIndex, TransactionIndex};
use crate::coinbase::{Merged, Rewarding};
use crate::dag::{BlockId, DagError, Ghostdag, Mergeset};

/// A block under construction: GHOSTDAG and acceptance are done, its own transactions are not chosen yet.
pub struct Draft {
    ghostdag: Ghostdag,
    /// Without the coinbase of the selected parent.
    accepted: Vec<Accepted>,
}

impl Draft {
    /// The selected parent of the block to be.
    pub fn selected_parent(&self) -> BlockId {
        self.ghostdag.selected_parent()
    }

    /// GHOSTDAG of the block to be.
    pub fn ghostdag(&self) -> &Ghostdag {
        &self.ghostdag
    }
}

/// The roots in a header.
struct Roots {
    hash_merkle_root: Hash,
    accepted_id_merkle_root: Hash,
}

impl BlockStore {
    /// Starts a block of which GHOSTDAG is known. What it accepts is valid until the next draft.
    pub fn draft(&mut self, ghostdag: Ghostdag) -> Draft {
        let selected_parent = ghostdag.selected_parent();
        let mut accepted = Vec::new();
        self.acceptance.begin();
        for block in self.dag.previewed_mergeset(&ghostdag) {
            for number in self.own_range(block) {
                let transaction = *self.own.get(number);
                if self.acceptance.accept(&self.dag, selected_parent, transaction) {
                    accepted.push(Accepted { transaction, block });
                }
            }
        }
        Draft { ghostdag, accepted }
    }

    /// Whether a transaction of the drafted block may spend the outpoint.
    pub fn is_spendable(&self, draft: &Draft, outpoint: OutpointIndex) -> bool {
        self.acceptance.is_spendable(&self.dag, draft.selected_parent(), outpoint)
    }

    /// Closes a drafted block with these transactions of its own, of which none is a coinbase, and adds it.
    ///
    /// # Errors
    /// Those of [`Dag::insert_previewed`](crate::dag::Dag::insert_previewed): only a full store, for a draft of the
    /// newest state.
    pub fn mine(
        &mut self,
        draft: Draft,
        miner: usize,
        at: Duration,
        own: &[TransactionIndex],
    ) -> Result<BlockId, DagError> {
        let Draft { ghostdag, accepted } = draft;
        self.check_room(own.len(), accepted.len(), ghostdag.parents().len())?;
        self.coinbases.add_miner(miner);
        let rewarding = Rewarding {
            miner,
            number: u64::from(self.blocks.next()),
            blue_score: ghostdag.blue_score(),
            mergeset_blues: ghostdag.mergeset_blues(),
        };
        let rewards = self.rewards(self.dag.previewed_mergeset(&ghostdag), accepted.iter().copied());
        let mut coinbase = self.coinbases.build(&rewarding, rewards);
        coinbase.finalize();
        let mut record = Record::new(coinbase.id(), hashing::tx::hash(&coinbase), self.points_of(&ghostdag), miner, at);
        let roots = Roots {
            hash_merkle_root: self.hash_merkle_root(record.coinbase_hash, own.iter().copied()),
            accepted_id_merkle_root: self.accepted_root(ghostdag.selected_parent(), accepted.iter().copied()),
        };
        let header = self.new_header(&ghostdag, &record, roots);
        let (parents, blue_score) = (ghostdag.parents().to_vec(), ghostdag.blue_score());
        let parent_blue_score = self.dag.blue_score(ghostdag.selected_parent());
        let id = self.dag.insert_previewed(header.hash, &parents, header.bits, ghostdag)?;
        if self.pruning_points.is_sample(parent_blue_score, blue_score) {
            record.points = self.pruning_points.add(record.points, id, header.hash, blue_score);
        }
        self.acceptance.record(id, &accepted);
        self.add(id, record, &parents, own, &accepted);
        Ok(id)
    }

    /// The header with its hash. That of genesis is never forgotten.
    pub fn header(&self, block: BlockId) -> Header {
        if block == BlockId::GENESIS {
            return self.genesis.clone();
        }
        let selected_parent = self.dag.selected_parent(block).expect("genesis alone has none");
        let record = self.blocks.get(block.0);
        let own = self.own_range(block).map(|number| *self.own.get(number));
        let accepted = self.accepted_range(block).map(|number| *self.accepted.get(number));
        let mut parents = CompressedParents::default();
        parents.push(self.dag.parents(block).iter().map(|&parent| self.dag.hash(parent)).collect());
        Header {
            hash: self.dag.hash(block),
            version: BLOCK_VERSION,
            parents_by_level: parents,
            hash_merkle_root: self.hash_merkle_root(record.coinbase_hash, own),
            accepted_id_merkle_root: self.accepted_root(selected_parent, accepted),
            utxo_commitment: ZERO_HASH,
            timestamp: self.timestamp(block),
            bits: self.dag.bits(block),
            nonce: 0,
            daa_score: self.dag.daa_score(block),
            blue_work: self.dag.blue_work(block),
            blue_score: self.dag.blue_score(block),
            pruning_point: self.pruning_point_hash(block),
        }
    }

    /// The coinbase without its id.
    pub(super) fn coinbase(&self, block: BlockId) -> Transaction {
        // Genesis alone has no miner.
        let Some(miner) = self.miner(block) else { return genesis_coinbase() };
        let rewarding = Rewarding {
            miner,
            number: u64::from(block.0),
            blue_score: self.dag.blue_score(block),
            mergeset_blues: self.dag.mergeset_blues(block),
        };
        let accepted = self.accepted_range(block).map(|number| *self.accepted.get(number));
        self.coinbases.build(&rewarding, self.rewards(self.dag.mergeset(block), accepted))
    }

    pub(super) fn timestamp_at(&self, mined_at: Duration) -> u64 {
        // Milliseconds of a time that fits 64 bits in nanoseconds.
        self.genesis.timestamp.saturating_add(mined_at.as_millis() as u64)
    }

    /// The points of a block to be, before it is known to be a sample.
    pub(super) fn points_of(&self, ghostdag: &Ghostdag) -> Points {
        let parent = ghostdag.selected_parent();
        let points = self.blocks.get(parent.0).points;
        self.pruning_points.of(points, self.dag.blue_score(parent), ghostdag.blue_score())
    }

    /// Numbers of the block's own transactions in `own`.
    pub(super) fn own_range(&self, block: BlockId) -> Range<u32> {
        let next = (block.0 + 1 < self.blocks.next()).then(|| self.blocks.get(block.0 + 1).own_start);
        self.blocks.get(block.0).own_start..next.unwrap_or(self.own.next())
    }

    /// Numbers of what the block accepts in `accepted`.
    pub(super) fn accepted_range(&self, block: BlockId) -> Range<u32> {
        let next = (block.0 + 1 < self.blocks.next()).then(|| self.blocks.get(block.0 + 1).accepted_start);
        self.blocks.get(block.0).accepted_start..next.unwrap_or(self.accepted.next())
    }

    fn add(
        &mut self,
        id: BlockId,
        mut record: Record,
        parents: &[BlockId],
        own: &[TransactionIndex],
        accepted: &[Accepted],
    ) {
        record.own_start = self.own.next();
        record.accepted_start = self.accepted.next();
        record.children_start = self.children.next();
        for &parent in parents {
            let newest = &mut self.blocks.get_mut(parent.0).newest_child;
            *newest = Some(self.children.push(Child { block: id, older: *newest }));
        }
        let named = own.iter().copied().chain(accepted.iter().map(|entry| entry.transaction));
        if let Some(lowest) = named.map(|transaction| self.acceptance.lowest_related(transaction)).min() {
            self.lowest_transactions.push(id.0, lowest);
        }
        self.lowest_samples.push(id.0, record.points.lowest());
        own.iter().for_each(|&transaction| _ = self.own.push(transaction));
        accepted.iter().for_each(|&entry| _ = self.accepted.push(entry));
        self.blocks.push(record);
    }

    /// Each block of a mergeset with the fees that it earns. Both are in consensus order.
    fn rewards(
        &self,
        mergeset: Mergeset<'_>,
        accepted: impl Iterator<Item = Accepted>,
    ) -> impl Iterator<Item = Merged> {
        let mut accepted = accepted.peekable();
        mergeset.map(move |block| {
            let of_block = iter::from_fn(|| accepted.next_if(|entry| entry.block == block));
            let fees = of_block.map(|entry| self.fee(entry.transaction)).sum();
            Merged { block, miner: self.miner(block), fees }
        })
    }

    fn new_header(&self, ghostdag: &Ghostdag, record: &Record, roots: Roots) -> Header {
        let mut parents = CompressedParents::default();
        parents.push(ghostdag.parents().iter().map(|&parent| self.dag.hash(parent)).collect());
        Header::new_finalized(
            BLOCK_VERSION,
            parents,
            roots.hash_merkle_root,
            roots.accepted_id_merkle_root,
            ZERO_HASH,
            self.timestamp_at(record.mined_at()),
            self.genesis.bits,
            0,
            ghostdag.daa_score(),
            ghostdag.blue_work(),
            ghostdag.blue_score(),
            self.pruning_points.pruning_point_hash(record.points),
        )
    }

    /// The coinbase comes first; alone it is the root.
    fn hash_merkle_root(&self, coinbase: Hash, own: impl ExactSizeIterator<Item = TransactionIndex>) -> Hash {
        if own.len() == 0 {
            return coinbase;
        }
        let hashes: Vec<_> = iter::once(coinbase).chain(own.map(|index| self.transaction_hash(index))).collect();
        kaspa_merkle::calc_merkle_root(hashes.into_iter())
    }

    /// `accepted` is without the coinbase of the selected parent.
    fn accepted_root(&self, selected_parent: BlockId, accepted: impl Iterator<Item = Accepted>) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.transaction_id(TransactionIndex::coinbase(selected_parent)).as_bytes());
        for entry in accepted {
            hasher.update(&self.transaction_id(entry.transaction).as_bytes());
        }
        Hash::from_bytes(*hasher.finalize().as_bytes())
    }

    fn check_room(&self, own: usize, accepted: usize, parents: usize) -> Result<(), DagError> {
        let has_room = TransactionIndex::can_name(self.blocks.next())
            && TransactionIndex::can_name(self.transactions.next())
            && self.own.has_room_for(own)
            && self.accepted.has_room_for(accepted)
            && self.children.has_room_for(parents)
            && self.pruning_points.has_room();
        if has_room { Ok(()) } else { Err(DagError::Full { len: self.block_count() }) }
    }
}
