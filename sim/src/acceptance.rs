//! Which transactions a chain block accepts.
//!
//! Chain block C accepts the coinbase of its selected parent only, then the other transactions of its mergeset in
//! consensus order, never its own. Such a transaction is accepted if every input exists on this chain (an outpoint of
//! the seeded pool, or an output of a transaction that a chain ancestor of C or C itself accepted before) and no chain
//! ancestor, nor C so far, accepted a spender of it. Source: `kaspa-consensus`, `virtual_processor::utxo_validation`
//! (`calculate_utxo_state`). Scripts, signatures, maturity and mass are not modelled.
//!
//! Acceptance is a function of a block's past. Instead of UTXO sets this keeps, for each outpoint, the transactions
//! that spend it, and for each transaction the blocks that accept it; chain ancestry decides the rest. Coinbase outputs
//! are not spendable here.

use kaspa_consensus_core::tx::TransactionOutpoint;

use crate::dag::{BlockId, Dag};

/// Number of a transaction in the block store: dense, in order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionIndex(pub u32);

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
    /// Every block of the DAG that accepts this transaction, on whatever chain.
    accepting: Vec<BlockId>,
    /// The round in which the transaction was accepted last.
    round: u64,
}

/// Spenders of outpoints and accepting blocks of transactions.
///
/// Between `begin` and `record` it also knows what the block under construction accepted so
/// far: one round.
#[derive(Default)]
pub struct Acceptance {
    outpoints: Vec<OutpointRecord>,
    transactions: Vec<TransactionRecord>,
    round: u64,
}

impl Acceptance {
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
        let index = TransactionIndex(self.transactions.len() as u32);
        for input in inputs {
            self.outpoints[input.0 as usize].spenders.push(index);
        }
        let first_output = self.outpoints.len() as u32;
        for (position, amount) in (0..).zip(output_amounts) {
            let outpoint = TransactionOutpoint::new(id, position);
            self.add_outpoint(Outpoint { outpoint, amount, creator: Some(index) });
        }
        self.transactions.push(TransactionRecord {
            inputs: inputs.into(),
            first_output,
            output_count: self.outpoints.len() as u32 - first_output,
            accepting: Vec::new(),
            round: 0,
        });
        index
    }

    /// The outpoint of that number. Panics for a number that this store did not give out.
    pub fn outpoint(&self, index: OutpointIndex) -> &Outpoint {
        &self.outpoints[index.0 as usize].outpoint
    }

    /// The outpoints that a transaction spends; none for a coinbase.
    pub fn inputs(&self, transaction: TransactionIndex) -> &[OutpointIndex] {
        &self.transactions[transaction.0 as usize].inputs
    }

    /// The spendable outputs of a transaction; none for a coinbase.
    pub fn outputs(&self, transaction: TransactionIndex) -> impl ExactSizeIterator<Item = OutpointIndex> + use<> {
        let record = &self.transactions[transaction.0 as usize];
        (record.first_output..record.first_output + record.output_count).map(OutpointIndex)
    }

    /// The block on the selected chain of `tip` (itself included) that accepts the transaction, if there is one.
    pub fn accepting_block(&self, dag: &Dag, tip: BlockId, transaction: TransactionIndex) -> Option<BlockId> {
        // Newest first: a transaction asked for is usually a recent one.
        let accepting = &self.transactions[transaction.0 as usize].accepting;
        accepting.iter().rev().copied().find(|&block| dag.is_chain_ancestor(block, tip))
    }

    /// Starts the accepted list of another block.
    pub(crate) fn begin(&mut self) {
        self.round += 1;
    }

    /// Accepts a coinbase, whatever it is.
    pub(crate) fn accept_coinbase(&mut self, transaction: TransactionIndex) {
        self.transactions[transaction.0 as usize].round = self.round;
    }

    /// Accepts the transaction if the rules allow it after the chain up to `selected_parent` and this round so far.
    pub(crate) fn accept(&mut self, dag: &Dag, selected_parent: BlockId, transaction: TransactionIndex) -> bool {
        let inputs = &self.transactions[transaction.0 as usize].inputs;
        let accepted = inputs.iter().all(|&input| self.is_spendable(dag, selected_parent, input));
        if accepted {
            self.transactions[transaction.0 as usize].round = self.round;
        }
        accepted
    }

    /// Whether the outpoint exists and is unspent after the chain up to `selected_parent` and this round so far.
    pub(crate) fn is_spendable(&self, dag: &Dag, selected_parent: BlockId, outpoint: OutpointIndex) -> bool {
        let record = &self.outpoints[outpoint.0 as usize];
        record.outpoint.creator.is_none_or(|creator| self.is_accepted(dag, selected_parent, creator))
            && !record.spenders.iter().any(|&spender| self.is_accepted(dag, selected_parent, spender))
    }

    /// Ends the round: `block` accepts these.
    pub(crate) fn record(&mut self, block: BlockId, accepted: &[Accepted]) {
        for entry in accepted {
            self.transactions[entry.transaction.0 as usize].accepting.push(block);
        }
        self.round += 1;
    }

    fn is_accepted(&self, dag: &Dag, selected_parent: BlockId, transaction: TransactionIndex) -> bool {
        self.transactions[transaction.0 as usize].round == self.round
            || self.accepting_block(dag, selected_parent, transaction).is_some()
    }

    fn add_outpoint(&mut self, outpoint: Outpoint) -> OutpointIndex {
        let index = OutpointIndex(self.outpoints.len() as u32);
        self.outpoints.push(OutpointRecord { outpoint, spenders: Vec::new() });
        index
    }
}
