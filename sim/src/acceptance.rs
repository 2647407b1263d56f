//! Which transactions a chain block accepts.
//!
//! Chain block C accepts the coinbase of its selected parent only, then the other transactions of its mergeset in
//! consensus order, never its own. Such a transaction is accepted if every input exists on this chain (an outpoint of
//! the seeded pool, or an output of a transaction that a chain ancestor of C or C itself accepted before) and no chain
//! ancestor, nor C so far, accepted a spender of it. Source: `kaspa-consensus`, `virtual_processor::utxo_validation`
//! (`calculate_utxo_state`). Scripts, signatures, maturity and mass are not modelled.
//!
//! Acceptance is a function of a block's past. Instead of UTXO sets this keeps, for each outpoint, the transactions
//! that spend it, and for each transaction the blocks that accept it; chain ancestry decides the rest. Coinbases have
//! no records: which are accepted follows from the chain alone, and their outputs are not spendable here.
//!
//! Old blocks are forgotten with respect to a root, a block of every chain that still counts. A transaction that was
//! accepted by a forgotten block of the root's chain is settled: accepted on every chain that counts. One accepted by
//! forgotten blocks off that chain was not accepted at all.

use kaspa_consensus_core::tx::TransactionOutpoint;

use crate::block_store::minimum::SuffixMinimum;
use crate::block_store::shelves::Shelves;
use crate::dag::{BlockId, Dag};

/// Name of a transaction in the block store: a coinbase by its block, any other by its number, dense and in order of
/// creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionIndex(pub u32);

impl TransactionIndex {
    /// Set in the names of coinbases.
    const COINBASE: u32 = 1 << 31;

    /// The coinbase of a block. The store refuses blocks whose ids have 32 bits.
    pub const fn coinbase(block: BlockId) -> Self {
        Self(block.0 | Self::COINBASE)
    }

    /// The block of which this is the coinbase; `None` for any other transaction.
    pub const fn coinbase_of(self) -> Option<BlockId> {
        if self.0 & Self::COINBASE == 0 { None } else { Some(BlockId(self.0 & !Self::COINBASE)) }
    }

    /// Whether transactions and blocks up to this number can be named.
    pub(crate) const fn can_name(number: u32) -> bool {
        number & Self::COINBASE == 0
    }
}

/// Number of a spendable outpoint: dense, in order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutpointIndex(pub u32);

/// One entry of a chain block's accepted list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The accepted transaction.
    pub transaction: TransactionIndex,
    /// The mergeset block that holds it.
    pub block: BlockId,
}

/// A spendable output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outpoint {
    /// How a transaction input names it.
    pub outpoint: TransactionOutpoint,
    /// Value in sompi.
    pub amount: u64,
    /// The transaction with this output; `None` for an outpoint of the seeded pool, which exists on every chain.
    pub creator: Option<TransactionIndex>,
}

struct OutpointRecord {
    outpoint: Outpoint,
    spenders: Vec<TransactionIndex>,
}

struct TransactionRecord {
    inputs: Box<[OutpointIndex]>,
    first_output: u32,
    /// Number of spendable outputs.
    output_count: u32,
    /// The lowest transaction that must be known to judge this one: itself, a creator or another spender of an input.
    lowest_related: u32,
    /// Every block of the DAG that accepts this transaction, on whatever chain, in order. The first may be forgotten.
    accepting: Vec<BlockId>,
    /// DAA score of the forgotten block that settled it.
    settled_daa_score: Option<u64>,
    /// The round in which the transaction was accepted last.
    round: u64,
}

/// Spenders of outpoints and accepting blocks of transactions.
///
/// Between `begin` and `record` it also knows what the block under construction accepted so
/// far: one round.
pub struct Acceptance {
    outpoints: Shelves<OutpointRecord>,
    transactions: Shelves<TransactionRecord>,
    /// For each transaction its lowest outpoint, made or spent.
    lowest_outpoints: SuffixMinimum,
    /// Blocks below are forgotten.
    lowest_block: BlockId,
    round: u64,
}

impl Acceptance {
    pub(crate) fn new() -> Self {
        Self {
            outpoints: Shelves::default(),
            transactions: Shelves::default(),
            lowest_outpoints: SuffixMinimum::default(),
            lowest_block: BlockId::GENESIS,
            round: 0,
        }
    }

    /// Adds an outpoint of the seeded pool.
    pub(crate) fn add_pool_outpoint(&mut self, outpoint: TransactionOutpoint, amount: u64) -> OutpointIndex {
        self.add_outpoint(Outpoint { outpoint, amount, creator: None })
    }

    /// Adds a transaction that spends `inputs` and makes outputs of these amounts spendable.
    pub(crate) fn add_transaction(
        &mut self,
        id: kaspa_hashes::Hash,
        inputs: &[OutpointIndex],
        output_amounts: impl Iterator<Item = u64>,
    ) -> TransactionIndex {
        let index = TransactionIndex(self.transactions.next());
        let mut lowest_related = index.0;
        for input in inputs {
            let record = self.outpoints.get_mut(input.0);
            record.spenders.push(index);
            let related = record.outpoint.creator.into_iter().chain(record.spenders.first().copied());
            lowest_related = related.fold(lowest_related, |lowest, other| lowest.min(other.0));
        }
        let first_output = self.outpoints.next();
        for (position, amount) in (0..).zip(output_amounts) {
            let outpoint = TransactionOutpoint::new(id, position);
            self.add_outpoint(Outpoint { outpoint, amount, creator: Some(index) });
        }
        let lowest_outpoint = inputs.iter().fold(first_output, |lowest, input| lowest.min(input.0));
        self.lowest_outpoints.push(index.0, lowest_outpoint);
        self.transactions.push(TransactionRecord {
            inputs: inputs.into(),
            first_output,
            output_count: self.outpoints.next() - first_output,
            lowest_related,
            accepting: Vec::new(),
            settled_daa_score: None,
            round: 0,
        });
        index
    }

    /// The outpoint of that number. Panics for a number that this store did not give out or has forgotten.
    pub fn outpoint(&self, index: OutpointIndex) -> &Outpoint {
        &self.outpoints.get(index.0).outpoint
    }

    /// The outpoints that a transaction spends; none for a coinbase.
    pub fn inputs(&self, transaction: TransactionIndex) -> &[OutpointIndex] {
        if transaction.coinbase_of().is_some() { &[] } else { &self.transactions.get(transaction.0).inputs }
    }

    /// The spendable outputs of a transaction; none for a coinbase.
    pub fn outputs(&self, transaction: TransactionIndex) -> impl ExactSizeIterator<Item = OutpointIndex> + use<> {
        let outputs = if transaction.coinbase_of().is_some() {
            0..0
        } else {
            let record = self.transactions.get(transaction.0);
            record.first_output..record.first_output + record.output_count
        };
        outputs.map(OutpointIndex)
    }

    /// The block on the selected chain of `tip` (itself included) that accepts the transaction, if there is one and it
    /// is not forgotten. Coinbases are not answered for.
    pub fn accepting_block(&self, dag: &Dag, tip: BlockId, transaction: TransactionIndex) -> Option<BlockId> {
        if transaction.coinbase_of().is_some() {
            return None;
        }
        // Newest first: a transaction asked for is usually a recent one.
        let accepting = self.transactions.get(transaction.0).accepting.iter().rev().copied();
        accepting.take_while(|&block| block >= self.lowest_block).find(|&block| dag.is_chain_ancestor(block, tip))
    }

    /// The DAA score of the block on the selected chain of `tip` (itself included) that accepts the transaction, if
    /// there is one, forgotten or not. Coinbases are not answered for.
    pub fn accepting_daa_score(&self, dag: &Dag, tip: BlockId, transaction: TransactionIndex) -> Option<u64> {
        if transaction.coinbase_of().is_some() {
            return None;
        }
        let settled = self.transactions.get(transaction.0).settled_daa_score;
        settled.or_else(|| self.accepting_block(dag, tip, transaction).map(|block| dag.daa_score(block)))
    }

    /// Starts the accepted list of another block.
    pub(crate) fn begin(&mut self) {
        self.round += 1;
    }

    /// Accepts the transaction if the rules allow it after the chain up to `selected_parent` and this round so far.
    pub(crate) fn accept(&mut self, dag: &Dag, selected_parent: BlockId, transaction: TransactionIndex) -> bool {
        let inputs = &self.transactions.get(transaction.0).inputs;
        let accepted = inputs.iter().all(|&input| self.is_spendable(dag, selected_parent, input));
        if accepted {
            self.transactions.get_mut(transaction.0).round = self.round;
        }
        accepted
    }

    /// Whether the outpoint exists and is unspent after the chain up to `selected_parent` and this round so far.
    pub(crate) fn is_spendable(&self, dag: &Dag, selected_parent: BlockId, outpoint: OutpointIndex) -> bool {
        let record = self.outpoints.get(outpoint.0);
        record.outpoint.creator.is_none_or(|creator| self.is_accepted(dag, selected_parent, creator))
            && !record.spenders.iter().any(|&spender| self.is_accepted(dag, selected_parent, spender))
    }

    /// Ends the round: `block` accepts these, of which none is a coinbase.
    pub(crate) fn record(&mut self, block: BlockId, accepted: &[Accepted]) {
        for entry in accepted {
            self.transactions.get_mut(entry.transaction.0).accepting.push(block);
        }
        self.round += 1;
    }

    /// The lowest transaction that must be known to judge this one, which is no coinbase.
    pub(crate) fn lowest_related(&self, transaction: TransactionIndex) -> u32 {
        self.transactions.get(transaction.0).lowest_related
    }

    /// A block of the chain of every tip that still counts accepts the transaction, and will be forgotten.
    pub(crate) fn settle(&mut self, transaction: TransactionIndex, daa_score: u64) {
        if transaction.0 >= self.transactions.lowest() {
            self.transactions.get_mut(transaction.0).settled_daa_score = Some(daa_score);
        }
    }

    /// Forgets the blocks with lower ids and the transactions with lower numbers, with the outpoints of the latter.
    pub(crate) fn drop_below(&mut self, block: BlockId, transaction: u32) {
        self.lowest_block = self.lowest_block.max(block);
        self.transactions.drop_below(transaction);
        let outpoint = self.lowest_outpoints.drop_below(transaction);
        self.outpoints.drop_below(outpoint.unwrap_or(self.outpoints.next()));
    }

    /// Heap memory in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let spenders = self.outpoints.iter().map(|record| record.spenders.capacity() * size_of::<TransactionIndex>());
        let others = self.transactions.iter().map(|record| {
            record.inputs.len() * size_of::<OutpointIndex>() + record.accepting.capacity() * size_of::<BlockId>()
        });
        let shelves = self.outpoints.heap_bytes() + self.transactions.heap_bytes();
        shelves + self.lowest_outpoints.heap_bytes() + spenders.sum::<usize>() + others.sum::<usize>()
    }

    fn is_accepted(&self, dag: &Dag, selected_parent: BlockId, transaction: TransactionIndex) -> bool {
        let record = self.transactions.get(transaction.0);
        record.round == self.round
            || record.settled_daa_score.is_some()
            || self.accepting_block(dag, selected_parent, transaction).is_some()
    }

    fn add_outpoint(&mut self, outpoint: Outpoint) -> OutpointIndex {
        OutpointIndex(self.outpoints.push(OutpointRecord { outpoint, spenders: Vec::new() }))
    }
}
