//! All blocks and transactions of the simulated L1, each held and hashed once.
//!
//! Node views hold ids into this store. A block is made in two steps, because its transactions must be valid where it
//! is mined: [`BlockStore::draft`] computes what it accepts, [`BlockStore::mine`] closes it. Everything here is a
//! function of the block's past and content; nothing is known of nodes and delays.
//!
//! Headers are real (`kaspa_consensus_core::header::Header`, real hash), with these simplifications: parents of level 0
//! only; constant bits, nonce 0; `utxo_commitment` zero; `accepted_id_merkle_root` a BLAKE3 hash over the accepted ids
//! until sequencing commitments (KIP-21) are modelled; `pruning_point` always genesis, because pruning is not modelled
//! yet. Every merged blue is rewarded, also outside the DAA window.

use std::cell::OnceCell;
use std::time::Duration;

use kaspa_consensus_core::config::genesis::SIMNET_GENESIS;
use kaspa_consensus_core::constants::BLOCK_VERSION;
use kaspa_consensus_core::hashing;
use kaspa_consensus_core::header::{CompressedParents, Header};
use kaspa_consensus_core::tx::{ScriptPublicKey, Transaction, TransactionOutpoint};
use kaspa_hashes::{Hash, ZERO_HASH};

use crate::acceptance::{Acceptance, Accepted, Outpoint, OutpointIndex, TransactionIndex};
use crate::coinbase::{Coinbases, Merged, owner_script};
use crate::dag::{BlockId, Dag, DagError, Ghostdag, GhostdagParams};
use crate::params::ParameterSet;
use crate::random::Streams;

/// Value of each outpoint of the seeded pool, in sompi (100 KAS).
pub const POOL_AMOUNT: u64 = 10_000_000_000;

/// Pool outpoints share a transaction id in groups of this size.
const POOL_GROUP: u32 = 1_024;

/// A transaction and its hash, which covers signatures too; the id is inside the transaction.
pub struct StoredTransaction {
    /// The transaction with its id computed.
    pub transaction: Transaction,
    /// `kaspa_consensus_core::hashing::tx::hash` of it.
    pub hash: Hash,
    /// Inputs less outputs, in sompi; zero for a coinbase.
    pub fee: u64,
}

/// A block with all that follows from its past.
pub struct StoredBlock {
    /// The header with its hash computed.
    pub header: Header,
    /// The block's own transactions, coinbase first.
    pub transactions: Box<[TransactionIndex]>,
    /// What the block accepts if it is on the selected chain, in consensus order.
    pub accepted: Box<[Accepted]>,
    /// The node that mined it; `None` for genesis.
    pub miner: Option<usize>,
    /// Simulated time at which it was mined.
    pub mined_at: Duration,
    /// The block's entry in a page of the virtual chain at Full verbosity, encoded when it is first asked for.
    pub(crate) full_item: OnceCell<Box<[u8]>>,
    children: Vec<BlockId>,
}

/// A block under construction: GHOSTDAG and acceptance are done, its own transactions are not chosen yet.
pub struct Draft {
    ghostdag: Ghostdag,
    accepted: Vec<Accepted>,
    /// Every mergeset block in consensus order.
    mergeset: Vec<Merged>,
}

impl Draft {
    /// The selected parent of the block to be.
    pub fn selected_parent(&self) -> BlockId {
        self.ghostdag.selected_parent()
    }
}

/// The shared store.
pub struct BlockStore {
    parameters: ParameterSet,
    streams: Streams,
    dag: Dag,
    blocks: Vec<StoredBlock>,
    transactions: Vec<StoredTransaction>,
    acceptance: Acceptance,
    coinbases: Coinbases,
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
        let header = Header::from(&SIMNET_GENESIS);
        let params = GhostdagParams {
            k: parameters.ghostdag_k,
            difficulty_window_size: parameters.difficulty_window_size,
            genesis_daa_score: header.daa_score,
        };
        let dag = Dag::new(params, header.hash, header.bits)?;
        let mut store = Self {
            coinbases: Coinbases::new(streams, parameters.blocks_per_second),
            parameters,
            streams,
            dag,
            blocks: Vec::new(),
            transactions: Vec::new(),
            acceptance: Acceptance::default(),
            pool_outpoints: 0,
            pool_group_id: ZERO_HASH,
            pool_script: owner_script(streams, "workload-key", 0),
        };
        let transactions = SIMNET_GENESIS.build_genesis_transactions();
        let transactions = transactions.into_iter().map(|transaction| store.add_coinbase(transaction)).collect();
        store.blocks.push(StoredBlock {
            header,
            transactions,
            accepted: Box::default(),
            miner: None,
            mined_at: Duration::ZERO,
            full_item: OnceCell::new(),
            children: Vec::new(),
        });
        Ok(store)
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

    /// The block of that id. Panics for an id that this store did not give out.
    pub fn block(&self, id: BlockId) -> &StoredBlock {
        &self.blocks[id.index()]
    }

    /// The blocks that have this one as a direct parent, oldest first.
    pub fn children(&self, id: BlockId) -> &[BlockId] {
        &self.blocks[id.index()].children
    }

    /// Number of blocks, genesis included.
    pub fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// The transaction of that number. Panics for a number that this store did not give out.
    pub fn transaction(&self, index: TransactionIndex) -> &StoredTransaction {
        &self.transactions[index.0 as usize]
    }

    /// Number of transactions, coinbases included.
    pub fn transaction_count(&self) -> usize {
        self.transactions.len()
    }

    /// The script that an outpoint pays to.
    pub fn script_of(&self, outpoint: &Outpoint) -> &ScriptPublicKey {
        let made = outpoint.creator.and_then(|creator| {
            let outputs = &self.transaction(creator).transaction.outputs;
            outputs.get(outpoint.outpoint.index as usize)
        });
        made.map_or(&self.pool_script, |output| &output.script_public_key)
    }

    /// Ids of the transactions that a block accepts, in consensus order.
    pub fn accepted_ids(&self, block: BlockId) -> impl ExactSizeIterator<Item = Hash> + '_ {
        self.block(block).accepted.iter().map(|entry| self.transaction(entry.transaction).transaction.id())
    }

    /// Starts a block of which GHOSTDAG is known. What it accepts is valid until the next draft.
    pub fn draft(&mut self, ghostdag: Ghostdag) -> Draft {
        let selected_parent = ghostdag.selected_parent();
        let mut accepted = Vec::with_capacity(2 * ghostdag.mergeset_size());
        let mut mergeset = Vec::with_capacity(ghostdag.mergeset_size());
        self.acceptance.begin();
        for block in self.dag.previewed_mergeset(&ghostdag) {
            let mut fees = 0;
            // The coinbase comes first in every block; only the selected parent's is accepted.
            for (position, &transaction) in self.blocks[block.index()].transactions.iter().enumerate() {
                let is_accepted = if position > 0 {
                    self.acceptance.accept(&self.dag, selected_parent, transaction)
                } else if block == selected_parent {
                    self.acceptance.accept_coinbase(transaction);
                    true
                } else {
                    false
                };
                if is_accepted {
                    accepted.push(Accepted { transaction, block });
                    fees += self.transactions[transaction.0 as usize].fee;
                }
            }
            mergeset.push(Merged { block, miner: self.blocks[block.index()].miner, fees });
        }
        Draft { ghostdag, accepted, mergeset }
    }

    /// Whether a transaction of the drafted block may spend the outpoint.
    pub fn is_spendable(&self, draft: &Draft, outpoint: OutpointIndex) -> bool {
        self.acceptance.is_spendable(&self.dag, draft.selected_parent(), outpoint)
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
        self.push_transaction(transaction, spent.saturating_sub(made));
        index
    }

    /// Closes a drafted block with these transactions of its own and adds it.
    ///
    /// # Errors
    /// Those of [`Dag::insert_previewed`]: only a full store, for a draft of the newest state.
    pub fn mine(
        &mut self,
        draft: Draft,
        miner: usize,
        at: Duration,
        own: &[TransactionIndex],
    ) -> Result<BlockId, DagError> {
        let Draft { ghostdag, accepted, mergeset } = draft;
        let coinbase = self.coinbases.build(miner, self.blocks.len() as u64, &ghostdag, &mergeset);
        let coinbase = self.add_coinbase(coinbase);
        let transactions: Box<[_]> = std::iter::once(coinbase).chain(own.iter().copied()).collect();
        let header = self.header(&ghostdag, &accepted, &transactions, at);
        let parents = ghostdag.parents().to_vec();
        let id = self.dag.insert_previewed(header.hash, &parents, header.bits, ghostdag)?;
        for parent in parents {
            self.blocks[parent.index()].children.push(id);
        }
        self.acceptance.record(id, &accepted);
        self.blocks.push(StoredBlock {
            header,
            transactions,
            accepted: accepted.into(),
            miner: Some(miner),
            mined_at: at,
            full_item: OnceCell::new(),
            children: Vec::new(),
        });
        Ok(id)
    }

    fn header(&self, ghostdag: &Ghostdag, accepted: &[Accepted], own: &[TransactionIndex], at: Duration) -> Header {
        let genesis = &self.blocks[BlockId::GENESIS.index()].header;
        let mut parents = CompressedParents::default();
        parents.push(ghostdag.parents().iter().map(|&parent| self.dag.hash(parent)).collect());
        let hashes = own.iter().map(|&index| self.transaction(index).hash);
        Header::new_finalized(
            BLOCK_VERSION,
            parents,
            kaspa_merkle::calc_merkle_root(hashes),
            self.accepted_root(accepted),
            ZERO_HASH,
            genesis.timestamp + at.as_millis() as u64,
            genesis.bits,
            0,
            ghostdag.daa_score(),
            ghostdag.blue_work(),
            ghostdag.blue_score(),
            genesis.hash,
        )
    }

    fn accepted_root(&self, accepted: &[Accepted]) -> Hash {
        let mut hasher = blake3::Hasher::new();
        for entry in accepted {
            hasher.update(&self.transaction(entry.transaction).transaction.id().as_bytes());
        }
        Hash::from_bytes(*hasher.finalize().as_bytes())
    }

    fn add_coinbase(&mut self, transaction: Transaction) -> TransactionIndex {
        let index = self.acceptance.add_transaction(transaction.id(), &[], std::iter::empty());
        self.push_transaction(transaction, 0);
        index
    }

    /// Keeps `transactions` in step with the acceptance records, which give out the index.
    fn push_transaction(&mut self, transaction: Transaction, fee: u64) {
        let hash = hashing::tx::hash(&transaction);
        self.transactions.push(StoredTransaction { transaction, hash, fee });
    }
}
