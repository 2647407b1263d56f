//! Forgetting old blocks, and what they cost.

use super::BlockStore;
use crate::acceptance::TransactionIndex;
use crate::dag::BlockId;

impl BlockStore {
    /// The lowest block that is not forgotten.
    pub fn lowest_block(&self) -> BlockId {
        BlockId(self.blocks.lowest())
    }

    /// The lowest transaction that is not forgotten, coinbases excluded.
    pub fn lowest_transaction(&self) -> TransactionIndex {
        TransactionIndex(self.transactions.lowest())
    }

    /// The lowest block that headers, transactions and entries of the visible blocks refer to: parents, mergesets, and
    /// the mergesets of selected parents, whose coinbases they accept. Pruning points are known for ever.
    /// [`Self::block_count`] as an id if nothing is visible. Costs the mergesets of the visible blocks.
    pub fn lowest_needed(&self, visible: impl Iterator<Item = BlockId>) -> BlockId {
        let merged_by = |block: BlockId| {
            let (blues, reds) = (self.dag.mergeset_blues(block), self.dag.mergeset_reds(block));
            // Parents are merged, or the selected parent.
            blues.iter().chain(reds).copied().fold(block, Ord::min)
        };
        let needed = visible.map(|block| {
            let coinbase = self.dag.selected_parent(block).map(merged_by);
            coinbase.into_iter().fold(merged_by(block), Ord::min)
        });
        needed.fold(BlockId(self.blocks.next()), Ord::min)
    }

    /// Forgets the blocks with lower ids, and the transactions and outpoints that no other block refers to. `root` is a
    /// block on the selected chain of everything that still counts: every sink now and ever after (a sink that others may
    /// leave for a block on its way is not deep enough), every block whose entry is asked for. What is above the root is
    /// kept in any case. `recent` are transactions that blocks to come may contain or spend from.
    ///
    /// Costs what the forgotten blocks accept, not what is kept, except the number of `recent`.
    pub fn drop_below(&mut self, id: BlockId, root: BlockId, recent: impl Iterator<Item = TransactionIndex>) {
        let id = id.min(root);
        if id <= self.lowest_block() {
            return;
        }
        for block in (self.blocks.lowest()..id.0).map(BlockId) {
            self.entries.get_mut().forget(block);
            let accepted = self.accepted_range(block);
            if !accepted.is_empty() && self.dag.is_chain_ancestor(block, root) {
                let daa_score = self.dag.daa_score(block);
                for number in accepted {
                    self.acceptance.settle(self.accepted.get(number).transaction, daa_score);
                }
            }
        }
        let first = self.blocks.get(id.0);
        self.own.drop_below(first.own_start);
        self.accepted.drop_below(first.accepted_start);
        self.children.drop_below(first.children_start);
        self.blocks.drop_below(id.0);

        let named = self.lowest_transactions.drop_below(id.0);
        let related = recent.map(|transaction| self.acceptance.lowest_related(transaction));
        let lowest = related.chain(named).fold(self.transactions.next(), Ord::min);
        self.transactions.drop_below(lowest);
        self.acceptance.drop_below(id, lowest);
        if let Some(sample) = self.lowest_samples.drop_below(id.0) {
            self.pruning_points.drop_below(sample);
        }
        self.dag.drop_below(id);
    }

    /// Heap memory in bytes, the DAG and spare capacity included. Costs a step for each block and transaction.
    pub fn heap_bytes(&self) -> usize {
        let transactions = self.transactions.iter().map(|stored| {
            let transaction = &stored.transaction;
            let scripts: usize = transaction.inputs.iter().map(|input| input.signature_script.capacity()).sum();
            scripts
                + transaction.payload.capacity()
                + size_of_val(transaction.inputs.as_slice())
                + size_of_val(transaction.outputs.as_slice())
        });
        let shelves = self.blocks.heap_bytes()
            + self.own.heap_bytes()
            + self.accepted.heap_bytes()
            + self.children.heap_bytes()
            + self.transactions.heap_bytes()
            + self.pruning_points.heap_bytes()
            + self.lowest_transactions.heap_bytes()
            + self.lowest_samples.heap_bytes();
        let parts = self.dag.heap_bytes() + self.acceptance.heap_bytes() + self.coinbases.heap_bytes();
        parts + shelves + self.entries.borrow().heap_bytes() + transactions.sum::<usize>()
    }
}
