//! What a batch of events does to the store: blocks are executed, blocks are rolled back, a root becomes final.
//!
//! A batch is a unit: a block that a later event of it removes again is never executed, and an account that several blocks
//! write is written to the database once. What the store has at the end is what it would have if each event had been a batch
//! of its own.
//!
//! Invariant: everything above `tip` in the window is skipped, so that only blocks of earlier batches are rolled back.

use std::collections::BTreeMap;

use bridge::{BlockAdded, ChainRef, L1Event, Reorg};
use kaspa_hashes::Hash;

use crate::{
    error::StoreError,
    execute::{Block, Rules, execute},
    machine::{Applied, ReceiptRetention},
    store::{
        Writer,
        tables::{ChainEntry, UndoRecord},
    },
    tree::StateTree,
};

/// Notes the block on which everything builds.
pub fn begin(writer: &mut Writer<'_>, anchor: ChainRef, state_root: Hash) {
    writer.put_chain_entry(&ChainEntry { block: anchor, state_root });
}

/// For each event the lowest fork to which a later event of the batch goes back.
pub fn later_forks(events: &[L1Event]) -> Vec<u64> {
    let mut lowest = u64::MAX;
    let mut forks: Vec<u64> = events
        .iter()
        .rev()
        .map(|event| {
            let after = lowest;
            if let L1Event::Reorg(reorg) = event {
                lowest = lowest.min(reorg.fork.index);
            }
            after
        })
        .collect();
    forks.reverse();
    forks
}

/// A batch on its way into the store.
pub struct Batch<'a, 'w> {
    pub rules: &'a Rules,
    pub retention: ReceiptRetention,
    pub writer: &'a mut Writer<'w>,
    pub tree: &'a mut StateTree,
    /// Index of the last block that is executed and not rolled back.
    pub tip: u64,
    pub applied: Applied,
}

impl Batch<'_, '_> {
    /// Follows one event, which follows the last one; `later_fork` is its entry of [`later_forks`].
    ///
    /// # Errors
    /// The store's.
    pub fn follow(&mut self, event: &L1Event, later_fork: u64) -> Result<(), StoreError> {
        match event {
            L1Event::BlockAdded(added) if added.block.index > later_fork => self.applied.blocks_skipped += 1,
            L1Event::BlockAdded(added) => self.add(added)?,
            L1Event::Reorg(reorg) if reorg.fork.index < self.tip => self.roll_back(reorg)?,
            L1Event::Finalized { block, .. } => self.finalize(block.index),
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, added: &BlockAdded) -> Result<(), StoreError> {
        let block = Block {
            hash: added.block.hash,
            index: added.block.index,
            blue_score: added.block.blue_score,
            daa_score: added.daa_score,
            timestamp_ms: added.timestamp_ms,
        };
        let effects = execute(self.rules, self.writer, &block, &added.accepted)?;
        self.tree.update(effects.changes.iter().map(|(id, change)| (*id, change.after.as_ref())));
        let mut before = Vec::with_capacity(effects.changes.len());
        for (id, change) in effects.changes {
            self.writer.put_account(&id, change.after);
            before.push((id, change.before));
        }
        self.writer.put_undo(block.index, &UndoRecord { before });
        self.writer.put_chain_entry(&ChainEntry { block: added.block, state_root: self.tree.root() });
        effects.receipts.iter().for_each(|receipt| self.writer.put_receipt(receipt));
        self.tip = block.index;
        self.applied.blocks_added += 1;
        self.applied.receipts.extend(effects.receipts);
        Ok(())
    }

    /// Takes back the blocks above the fork, newest first.
    fn roll_back(&mut self, reorg: &Reorg) -> Result<(), StoreError> {
        let fork = reorg.fork.index;
        let mut restored = BTreeMap::new();
        for index in (fork..self.tip).rev().map(|below| below + 1) {
            // The oldest of the records that name an account is the last to be seen, and counts.
            restored.extend(self.writer.take_block(index)?.before);
            self.applied.blocks_removed += 1;
        }
        self.tree.update(restored.iter().map(|(id, account)| (*id, account.as_ref())));
        restored.into_iter().for_each(|(id, account)| self.writer.put_account(&id, account));
        self.tip = fork;
        let expected = self.writer.chain_entry(fork)?.map(|entry| entry.state_root);
        if expected != Some(self.tree.root()) {
            let what = format!("undoing down to index {fork} does not lead to the state root that was there");
            return Err(StoreError::Damaged { what });
        }
        Ok(())
    }

    fn finalize(&mut self, root: u64) {
        let lowest_kept = match self.retention {
            ReceiptRetention::BlocksBelowRoot(kept) => root.saturating_sub(kept),
            ReceiptRetention::Forever => 0,
        };
        self.writer.finalize(root, lowest_kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_reorgs_when_looked_ahead_then_each_event_has_the_lowest_fork_behind_it() {
        let to = |index| {
            let block = |index| ChainRef { hash: Hash::default(), index, blue_score: index };
            L1Event::Reorg(Reorg {
                sequence: 0,
                fork: block(index),
                old_tip: block(index + 1),
                removed: Vec::new(),
                removed_known: true,
            })
        };
        let events = [to(9), to(4), to(6), to(7)];
        assert_eq!(later_forks(&events), [4, 6, 7, u64::MAX]);
        assert!(later_forks(&[]).is_empty());
    }
}
