//! Which outputs are unspent at one place on a chain, and the way back.
//!
//! Outputs come from two sources. A transaction of the store makes its own when a chain block accepts it. All others
//! belong to the seeded pool, which exists on every chain from the start: an outpoint whose transaction id no
//! transaction of the store has. Outputs of coinbases are not spendable in this simulation, so nothing puts them in.
//!
//! Invariant: undoing the changes after a mark restores the set as it was at that mark. The known ids are no part of
//! what is restored; they only grow.

use kaspa_consensus_core::tx::{Transaction, TransactionOutpoint};
use kaspa_hashes::Hash;
use rustc_hash::FxHashSet;
use sim::{acceptance::TransactionIndex, block_store::BlockStore};

/// The set of unspent outputs.
#[derive(Default)]
pub(super) struct UtxoSet {
    /// Ids of the store's transactions, coinbases included, as far as they were learned.
    known_ids: FxHashSet<Hash>,
    /// How many of the store's transactions were learned.
    learned: usize,
    /// Outputs of accepted transactions that nothing spent yet.
    unspent: FxHashSet<TransactionOutpoint>,
    /// Outpoints of the seeded pool that an accepted transaction spends.
    spent_of_pool: FxHashSet<TransactionOutpoint>,
    /// Everything done to the two sets above, oldest first.
    changes: Vec<Change>,
}

/// One step forward. Each is written down only if it really changed a set.
enum Change {
    Made(TransactionOutpoint),
    Spent(TransactionOutpoint),
    SpentOfPool(TransactionOutpoint),
}

/// A moment in the history of a [`UtxoSet`]; older moments are smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark(usize);

impl UtxoSet {
    /// Takes note of the transactions that the store got since the last call.
    pub(super) fn learn(&mut self, store: &BlockStore) {
        // The store numbers transactions in 32 bits.
        let new = (self.learned as u32..store.transaction_count() as u32).map(TransactionIndex);
        self.known_ids.extend(new.map(|index| store.transaction_id(index)));
        self.learned = store.transaction_count();
    }

    /// Spends the inputs of a transaction and makes its outputs, if every input is unspent; otherwise changes nothing.
    /// An input that the transaction names twice is spent at the second.
    pub(super) fn accept(&mut self, transaction: &Transaction) -> bool {
        let before = self.mark();
        if !transaction.inputs.iter().all(|input| self.spend(input.previous_outpoint)) {
            self.undo_to(before);
            return false;
        }
        let id = transaction.id();
        // Consensus limits a transaction to fewer outputs than 32 bits can count.
        for index in 0..transaction.outputs.len() as u32 {
            let outpoint = TransactionOutpoint::new(id, index);
            if self.unspent.insert(outpoint) {
                self.changes.push(Change::Made(outpoint));
            }
        }
        true
    }

    /// The present moment.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.changes.len())
    }

    /// Undoes everything since a mark. Does nothing for one that was already undone.
    pub(super) fn undo_to(&mut self, mark: Mark) {
        while self.changes.len() > mark.0 {
            match self.changes.pop() {
                Some(Change::Made(outpoint)) => self.unspent.remove(&outpoint),
                Some(Change::Spent(outpoint)) => self.unspent.insert(outpoint),
                Some(Change::SpentOfPool(outpoint)) => self.spent_of_pool.remove(&outpoint),
                None => return,
            };
        }
    }

    /// The unspent outputs and the spent ones of the pool, to compare.
    #[cfg(test)]
    pub(super) fn contents(&self) -> [FxHashSet<TransactionOutpoint>; 2] {
        [self.unspent.clone(), self.spent_of_pool.clone()]
    }

    fn spend(&mut self, outpoint: TransactionOutpoint) -> bool {
        if self.unspent.remove(&outpoint) {
            self.changes.push(Change::Spent(outpoint));
            return true;
        }
        let is_of_pool = !self.known_ids.contains(&outpoint.transaction_id);
        let spends_pool = is_of_pool && self.spent_of_pool.insert(outpoint);
        if spends_pool {
            self.changes.push(Change::SpentOfPool(outpoint));
        }
        spends_pool
    }
}

#[cfg(test)]
mod tests {
    use kaspa_consensus_core::subnets::SUBNETWORK_ID_NATIVE;
    use kaspa_consensus_core::tx::{ScriptPublicKey, TransactionInput, TransactionOutput};

    use super::*;

    /// A transaction that spends these outpoints and has two outputs; `mark` makes it different from others.
    fn transaction(inputs: &[TransactionOutpoint], mark: u8) -> Transaction {
        let inputs = inputs.iter().map(|&outpoint| TransactionInput::new(outpoint, Vec::new(), 0, 0)).collect();
        let output = TransactionOutput::new(1, ScriptPublicKey::default());
        Transaction::new(0, inputs, vec![output.clone(), output], 0, SUBNETWORK_ID_NATIVE, 0, vec![mark])
    }

    fn pool(index: u32) -> TransactionOutpoint {
        TransactionOutpoint::new(Hash::from_bytes([7; 32]), index)
    }

    fn output(transaction: &Transaction, index: u32) -> TransactionOutpoint {
        TransactionOutpoint::new(transaction.id(), index)
    }

    fn set_that_knows(transactions: &[&Transaction]) -> UtxoSet {
        let known_ids = transactions.iter().map(|transaction| transaction.id()).collect();
        UtxoSet { known_ids, ..UtxoSet::default() }
    }

    #[test]
    fn given_two_spenders_of_one_pool_outpoint_when_accepted_then_the_second_is_refused() {
        let (first, second) = (transaction(&[pool(0)], 1), transaction(&[pool(1), pool(0)], 2));
        let mut set = set_that_knows(&[&first, &second]);
        assert!(set.accept(&first));
        let before = set.contents();
        assert!(!set.accept(&second));
        assert_eq!(set.contents(), before, "a refused transaction must give back the inputs before the missing one");
        assert!(set.accept(&transaction(&[pool(1)], 3)));
    }

    #[test]
    fn given_an_output_of_a_transaction_when_spent_then_its_creator_must_have_been_accepted_and_nobody_spent_it() {
        let creator = transaction(&[pool(0)], 1);
        let spender = transaction(&[output(&creator, 1)], 2);
        let late = transaction(&[output(&creator, 1)], 3);
        let mut set = set_that_knows(&[&creator, &spender, &late]);
        assert!(!set.accept(&spender), "a known transaction's output does not exist before the transaction does");
        assert!(set.accept(&creator));
        assert!(!set.accept(&transaction(&[output(&creator, 2)], 4)), "the creator has two outputs");
        assert!(set.accept(&spender));
        assert!(!set.accept(&late));
    }

    #[test]
    fn given_a_transaction_twice_or_an_input_twice_when_accepted_then_it_is_refused() {
        let (once, doubled) = (transaction(&[pool(0)], 1), transaction(&[pool(1), pool(1)], 2));
        let mut set = set_that_knows(&[&once, &doubled]);
        assert!(set.accept(&once));
        assert!(!set.accept(&once));
        assert!(!set.accept(&doubled));
    }

    #[test]
    fn given_marks_when_undone_then_the_set_is_what_it_was_at_each() {
        let first = transaction(&[pool(0)], 1);
        let second = transaction(&[output(&first, 0), pool(1)], 2);
        let third = transaction(&[output(&second, 1), output(&first, 1)], 3);
        let mut set = set_that_knows(&[&first, &second, &third]);
        let mut history = Vec::new();
        for transaction in [&first, &second, &third] {
            history.push((set.mark(), set.contents()));
            assert!(set.accept(transaction));
        }
        let end = set.contents();
        for (mark, expected) in history.iter().rev() {
            set.undo_to(*mark);
            assert_eq!(set.contents(), *expected);
        }
        assert!([&first, &second, &third].into_iter().all(|transaction| set.accept(transaction)));
        assert_eq!(set.contents(), end);
        set.undo_to(history[0].0);
        assert_eq!(set.contents(), history[0].1, "several transactions at once");
    }
}
