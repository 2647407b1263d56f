//! All blocks and transactions of the simulated L1, each held and hashed once.
//!
//! Node views hold ids into this store. A block is made in two steps, because its transactions must be valid where it
//! is mined: [`BlockStore::draft`] computes what it accepts, [`BlockStore::mine`] closes it. Everything here is a
//! function of the block's past and content; nothing is known of nodes and delays.
//!
//! What can be computed again is not kept: headers and coinbases are rebuilt when they are asked for, from the DAG, the
//! hashes, and the accepted transactions. Old blocks can be forgotten ([`BlockStore::drop_below`]); what is kept answers
//! as before.
//!
//! Headers are real (`kaspa_consensus_core::header::Header`, real hash, the pruning point that a node computes), with
//! these simplifications: parents of level 0 only; constant bits, nonce 0; `utxo_commitment` zero;
//! `accepted_id_merkle_root` a BLAKE3 hash over the accepted ids until sequencing commitments (KIP-21) are modelled.
//! Every merged blue is rewarded, also outside the DAA window.
//!
//! # Panics
//! Methods that take a [`BlockId`] or [`TransactionIndex`] panic for one that this store did not give out or has
//! forgotten.

mod entries;
mod forget;
pub(crate) mod minimum;
mod mining;
mod pruning_points;
mod record;
pub(crate) mod shelves;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use kaspa_consensus_core::config::genesis::SIMNET_GENESIS;
use kaspa_consensus_core::hashing;
use kaspa_consensus_core::header::Header;
use kaspa_consensus_core::subnets::SUBNETWORK_ID_COINBASE;
use kaspa_consensus_core::tx::{ScriptPublicKey, Transaction, TransactionOutpoint};
use kaspa_hashes::{Hash, ZERO_HASH};

use crate::acceptance::{Acceptance, Accepted, Outpoint, OutpointIndex, TransactionIndex};
use crate::coinbase::{Coinbases, owner_script};
use crate::dag::{BlockId, Dag, DagError, Ghostdag, GhostdagParams, Limits};
use crate::params::ParameterSet;
use crate::random::Streams;

use entries::Entries;
use minimum::SuffixMinimum;
use pruning_points::PruningPoints;
use record::Record;
use shelves::Shelves;

pub use mining::Draft;

/// Value of each outpoint of the seeded pool, in sompi (100 KAS).
pub const POOL_AMOUNT: u64 = 10_000_000_000;

/// Pool outpoints share a transaction id in groups of this size.
const POOL_GROUP: u32 = 1_024;

/// A transaction that is no coinbase; its id is inside.
struct StoredTransaction {
    transaction: Transaction,
    /// Covers signatures too.
    hash: Hash,
    /// Inputs less outputs, in sompi.
    fee: u64,
}

/// A block as the parent of another.
struct Child {
    block: BlockId,
    /// The next older child of the same parent.
    older: Option<u32>,
}

/// The shared store.
pub struct BlockStore {
    parameters: ParameterSet,
    streams: Streams,
    genesis: Header,
    dag: Dag,
    blocks: Shelves<Record>,
    entries: RefCell<Entries>,
    /// Transactions of blocks without their coinbases, one block after the other.
    own: Shelves<TransactionIndex>,
    /// What blocks accept without the coinbase, one block after the other.
    accepted: Shelves<Accepted>,
    /// One entry for each parent of each block, one block after the other.
    children: Shelves<Child>,
    /// In step with the records of `acceptance`, which give out the index.
    transactions: Shelves<StoredTransaction>,
    acceptance: Acceptance,
    coinbases: Coinbases,
    pruning_points: PruningPoints,
    /// For each block the lowest transaction that it needs.
    lowest_transactions: SuffixMinimum,
    /// For each block the lowest pruning sample that it needs.
    lowest_samples: SuffixMinimum,
    pool_outpoints: u32,
    pool_group_id: Hash,
    pool_script: ScriptPublicKey,
}

impl BlockStore {
    /// A store with the genesis block of Kaspa's simnet.
    ///
    /// # Errors
    /// Those of [`Dag::new`]; none for checked parameters.
    pub fn new(parameters: ParameterSet, streams: Streams) -> Result<Self, DagError> {
        let genesis = Header::from(&SIMNET_GENESIS);
        let params = GhostdagParams {
            k: parameters.ghostdag_k,
            difficulty_window_size: parameters.difficulty_window_size,
            genesis_daa_score: genesis.daa_score,
            limits: Limits {
                max_block_parents: parameters.max_block_parents,
                mergeset_size_limit: parameters.mergeset_size_limit,
                merge_depth: parameters.merge_depth,
            },
        };
        let coinbase = genesis_coinbase();
        let mut blocks = Shelves::default();
        blocks.push(Record::genesis(coinbase.id(), hashing::tx::hash(&coinbase)));
        Ok(Self {
            dag: Dag::new(params, genesis.hash, genesis.bits)?,
            blocks,
            entries: RefCell::default(),
            own: Shelves::default(),
            accepted: Shelves::default(),
            children: Shelves::default(),
            transactions: Shelves::default(),
            acceptance: Acceptance::new(),
            coinbases: Coinbases::new(streams, parameters.blocks_per_second),
            pruning_points: PruningPoints::new(&parameters, genesis.hash),
            lowest_transactions: SuffixMinimum::default(),
            lowest_samples: SuffixMinimum::default(),
            pool_outpoints: 0,
            pool_group_id: ZERO_HASH,
            pool_script: owner_script(streams, "workload-key", 0),
            genesis,
            parameters,
            streams,
        })
    }

    /// The parameters of the network.
    pub fn parameters(&self) -> &ParameterSet {
        &self.parameters
    }

    /// The DAG of all blocks.
    pub fn dag(&self) -> &Dag {
        &self.dag
    }

    /// The DAG, for the scratch space that GHOSTDAG previews need.
    pub(crate) fn dag_mut(&mut self) -> &mut Dag {
        &mut self.dag
    }

    /// Spenders and accepting blocks.
    pub fn acceptance(&self) -> &Acceptance {
        &self.acceptance
    }

    /// Number of blocks there ever were, genesis included: also the next id.
    pub fn block_count(&self) -> usize {
        self.blocks.next() as usize
    }

    /// The block's own transactions, coinbase first.
    pub fn transactions_of(&self, block: BlockId) -> impl ExactSizeIterator<Item = TransactionIndex> + '_ {
        let own = self.own_range(block);
        let others = own.start;
        let names = 0..own.len() + 1;
        names.map(move |position| match position.checked_sub(1) {
            None => TransactionIndex::coinbase(block),
            // A position in a range of 32-bit numbers.
            Some(other) => *self.own.get(others + other as u32),
        })
    }

    /// What the block accepts if it is on the selected chain, in consensus order: the coinbase of its selected parent
    /// first. Nothing for genesis.
    pub fn accepted_by(&self, block: BlockId) -> impl ExactSizeIterator<Item = Accepted> + '_ {
        let coinbase = self.dag.selected_parent(block);
        let others = self.accepted_range(block);
        let entries = 0..others.len() + usize::from(coinbase.is_some());
        entries.map(move |position| match (coinbase, position) {
            (Some(block), 0) => Accepted { transaction: TransactionIndex::coinbase(block), block },
            // A position in a range of 32-bit numbers; genesis, which alone has no coinbase to accept, has none.
            (_, position) => *self.accepted.get(others.start + position as u32 - 1),
        })
    }

    /// Ids of the transactions that a block accepts, in consensus order.
    pub fn accepted_ids(&self, block: BlockId) -> impl ExactSizeIterator<Item = Hash> + '_ {
        self.accepted_by(block).map(|entry| self.transaction_id(entry.transaction))
    }

    /// The blocks that have this one as a direct parent, oldest first.
    pub fn children(&self, block: BlockId) -> Vec<BlockId> {
        let newest = self.blocks.get(block.0).newest_child;
        let entries = std::iter::successors(newest, |&entry| self.children.get(entry).older);
        let mut children: Vec<_> = entries.map(|entry| self.children.get(entry).block).collect();
        children.reverse();
        children
    }

    /// The node that mined the block; `None` for genesis.
    pub fn miner(&self, block: BlockId) -> Option<usize> {
        self.blocks.get(block.0).miner()
    }

    /// Simulated time at which the block was mined.
    pub fn mined_at(&self, block: BlockId) -> Duration {
        self.blocks.get(block.0).mined_at()
    }

    /// The header's time in milliseconds.
    pub fn timestamp(&self, block: BlockId) -> u64 {
        self.timestamp_at(self.mined_at(block))
    }

    /// The block that the header names as pruning point; genesis for genesis, whose header names none. It may be
    /// forgotten.
    ///
    /// Source: `kaspa-consensus`, `PruningPointManager::expected_header_pruning_point`.
    pub fn pruning_point(&self, block: BlockId) -> BlockId {
        self.pruning_points.pruning_point(self.blocks.get(block.0).points)
    }

    /// The hash of [`Self::pruning_point`].
    pub fn pruning_point_hash(&self, block: BlockId) -> Hash {
        self.pruning_points.pruning_point_hash(self.blocks.get(block.0).points)
    }

    /// The pruning point of a block that is not mined yet, such as a node's virtual.
    pub fn pruning_point_of(&self, ghostdag: &Ghostdag) -> BlockId {
        self.pruning_points.pruning_point(self.points_of(ghostdag))
    }

    /// The newest pruning sample on the block's chain, itself excluded: what a pruning point follows on. Genesis for
    /// genesis.
    ///
    /// Source: `kaspa-consensus`, `PruningSamplesStore::pruning_sample_from_pov`.
    pub fn pruning_sample(&self, block: BlockId) -> BlockId {
        self.pruning_points.sample_below(self.blocks.get(block.0).points, block)
    }

    /// The transaction of that name. A coinbase is built for the occasion.
    pub fn transaction(&self, index: TransactionIndex) -> Cow<'_, Transaction> {
        let mut transaction = self.transaction_fields(index);
        if let Cow::Owned(coinbase) = &mut transaction {
            coinbase.finalize();
        }
        transaction
    }

    /// As [`Self::transaction`], but the id of a coinbase is not filled in, because [`Self::transaction_id`] tells it at
    /// a small part of the cost.
    pub fn transaction_fields(&self, index: TransactionIndex) -> Cow<'_, Transaction> {
        match index.coinbase_of() {
            Some(block) => Cow::Owned(self.coinbase(block)),
            None => Cow::Borrowed(&self.transactions.get(index.0).transaction),
        }
    }

    /// The id of that transaction.
    pub fn transaction_id(&self, index: TransactionIndex) -> Hash {
        match index.coinbase_of() {
            Some(block) => self.blocks.get(block.0).coinbase_id,
            None => self.transactions.get(index.0).transaction.id(),
        }
    }

    /// The hash of that transaction: it covers signatures too. Source: `kaspa_consensus_core::hashing::tx::hash`.
    pub fn transaction_hash(&self, index: TransactionIndex) -> Hash {
        match index.coinbase_of() {
            Some(block) => self.blocks.get(block.0).coinbase_hash,
            None => self.transactions.get(index.0).hash,
        }
    }

    /// Inputs less outputs of that transaction in sompi; zero for a coinbase.
    pub fn fee(&self, index: TransactionIndex) -> u64 {
        if index.coinbase_of().is_some() { 0 } else { self.transactions.get(index.0).fee }
    }

    /// Number of transactions there ever were, coinbases excluded: also the next index.
    pub fn transaction_count(&self) -> usize {
        self.transactions.next() as usize
    }

    /// The script that an outpoint pays to.
    pub fn script_of(&self, outpoint: &Outpoint) -> &ScriptPublicKey {
        let made = outpoint.creator.and_then(|creator| {
            let outputs = &self.transactions.get(creator.0).transaction.outputs;
            outputs.get(outpoint.outpoint.index as usize)
        });
        made.map_or(&self.pool_script, |output| &output.script_public_key)
    }

    /// Another outpoint of the seeded pool, unspent on every chain so far.
    pub fn next_pool_outpoint(&mut self) -> OutpointIndex {
        let position = self.pool_outpoints % POOL_GROUP;
        if position == 0 {
            let group = u64::from(self.pool_outpoints / POOL_GROUP);
            self.pool_group_id = Hash::from_bytes(self.streams.key("pool-transaction", group));
        }
        self.pool_outpoints += 1;
        self.acceptance.add_pool_outpoint(TransactionOutpoint::new(self.pool_group_id, position), POOL_AMOUNT)
    }

    /// Adds a transaction that spends these outpoints; its inputs must name them in the same order.
    pub fn add_transaction(&mut self, transaction: Transaction, inputs: &[OutpointIndex]) -> TransactionIndex {
        let spent: u64 = inputs.iter().map(|&input| self.acceptance.outpoint(input).amount).sum();
        let made: u64 = transaction.outputs.iter().map(|output| output.value).sum();
        let amounts = transaction.outputs.iter().map(|output| output.value);
        let index = self.acceptance.add_transaction(transaction.id(), inputs, amounts);
        let hash = hashing::tx::hash(&transaction);
        self.transactions.push(StoredTransaction { transaction, hash, fee: spent.saturating_sub(made) });
        index
    }

    /// See [`crate::network::Network::keep_page_entries`].
    pub(crate) fn keep_page_entries(&mut self, most_bytes: usize) {
        self.entries.get_mut().set_most_bytes(most_bytes);
    }

    /// The block's entry in a page of the virtual chain at Full verbosity; `write` makes it if it is not kept.
    pub(crate) fn full_entry(&self, block: BlockId, write: impl FnOnce() -> Vec<u8>) -> Arc<Vec<u8>> {
        if let Some(entry) = self.entries.borrow().get(block) {
            return entry;
        }
        let mut entry = write();
        entry.shrink_to_fit();
        let entry = Arc::new(entry);
        self.entries.borrow_mut().keep(block, Arc::clone(&entry));
        entry
    }
}

/// The only transaction of genesis.
fn genesis_coinbase() -> Transaction {
    let payload = SIMNET_GENESIS.coinbase_payload.to_vec();
    Transaction::new(0, Vec::new(), Vec::new(), 0, SUBNETWORK_ID_COINBASE, 0, payload)
}
