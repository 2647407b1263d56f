//! Entries of pages of the virtual chain that were encoded lately, shared between nodes and replies.
//!
//! An entry is a function of its block and that block's past: one that is not here is made again. So those made longest ago are
//! given up, asked for or not: a bridge that follows asks for what is new.
//!
//! Invariants: `order` has the blocks of `by_block`, each once, and perhaps some that were forgotten; it does not begin with one
//! of those. `bytes` is what all entries take.

use std::{collections::VecDeque, sync::Arc};

use rustc_hash::FxHashMap;

use crate::dag::BlockId;

/// With ten transactions in each block this is half a minute of the chain; more would only leave the caches of the processor.
const MOST_BYTES: usize = 4 << 20;

pub(super) struct Entries {
    /// What all entries take at most, unless one alone takes more.
    most_bytes: usize,
    by_block: FxHashMap<BlockId, Arc<Vec<u8>>>,
    /// In order of their making, oldest first.
    order: VecDeque<BlockId>,
    bytes: usize,
}

impl Default for Entries {
    fn default() -> Self {
        Self { most_bytes: MOST_BYTES, by_block: FxHashMap::default(), order: VecDeque::new(), bytes: 0 }
    }
}

impl Entries {
    /// From now on so much is kept.
    pub(super) fn set_most_bytes(&mut self, most_bytes: usize) {
        self.most_bytes = most_bytes;
    }

    pub(super) fn get(&self, block: BlockId) -> Option<Arc<Vec<u8>>> {
        self.by_block.get(&block).cloned()
    }

    /// Keeps the entry of a block that has none here, and gives up the oldest ones if it must.
    pub(super) fn keep(&mut self, block: BlockId, entry: Arc<Vec<u8>>) {
        self.bytes += entry.capacity();
        self.by_block.insert(block, entry);
        while self.bytes > self.most_bytes
            && let Some(oldest) = self.order.pop_front()
        {
            self.give_up(oldest);
        }
        self.drop_forgotten();
        self.order.push_back(block);
    }

    /// Gives up the entry of a block that nobody will ask for again.
    pub(super) fn forget(&mut self, block: BlockId) {
        self.give_up(block);
        self.drop_forgotten();
    }

    pub(super) fn heap_bytes(&self) -> usize {
        // Behind an `Arc` are its two counters and what it holds.
        let shared = 2 * size_of::<usize>() + size_of::<Vec<u8>>();
        let each = size_of::<(BlockId, Arc<Vec<u8>>)>();
        self.bytes
            + self.by_block.len() * shared
            + self.by_block.capacity() * each
            + self.order.capacity() * size_of::<BlockId>()
    }

    fn drop_forgotten(&mut self) {
        while self.order.front().is_some_and(|oldest| !self.by_block.contains_key(oldest)) {
            self.order.pop_front();
        }
    }

    fn give_up(&mut self, block: BlockId) {
        if let Some(entry) = self.by_block.remove(&block) {
            self.bytes -= entry.capacity();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize) -> Arc<Vec<u8>> {
        Arc::new(vec![7; bytes])
    }

    fn kept(entries: &Entries, blocks: u32) -> Vec<u32> {
        let kept: Vec<_> = (0..blocks).filter(|block| entries.get(BlockId(*block)).is_some()).collect();
        let bytes: usize =
            kept.iter().filter_map(|block| entries.get(BlockId(*block))).map(|entry| entry.capacity()).sum();
        assert_eq!((entries.bytes, entries.by_block.len()), (bytes, kept.len()));
        assert!(
            entries.order.front().is_none_or(|oldest| entries.by_block.contains_key(oldest)),
            "{:?}",
            entries.order
        );
        kept
    }

    #[test]
    fn given_more_entries_than_are_kept_when_another_comes_then_the_oldest_are_given_up() {
        let mut entries = Entries::default();
        for block in 0..5 {
            entries.keep(BlockId(block), entry(MOST_BYTES / 4));
        }
        assert_eq!(kept(&entries, 5), [1, 2, 3, 4]);
        entries.keep(BlockId(0), entry(MOST_BYTES / 2));
        assert_eq!(kept(&entries, 5), [0, 3, 4]);
        entries.set_most_bytes(2 * MOST_BYTES);
        entries.keep(BlockId(1), entry(MOST_BYTES));
        assert_eq!(kept(&entries, 5), [0, 1, 3, 4], "more is kept if so much may be");
    }

    #[test]
    fn given_an_entry_larger_than_all_may_be_when_kept_then_it_is_there_alone_until_the_next_comes() {
        let mut entries = Entries::default();
        entries.keep(BlockId(0), entry(10));
        entries.keep(BlockId(1), entry(MOST_BYTES + 1));
        assert_eq!(kept(&entries, 3), [1]);
        entries.keep(BlockId(2), entry(10));
        assert_eq!(kept(&entries, 3), [2]);
    }

    #[test]
    fn given_entries_in_any_order_when_blocks_are_forgotten_then_only_theirs_are_given_up() {
        let mut entries = Entries::default();
        for block in [3, 0, 4, 1, 2] {
            entries.keep(BlockId(block), entry(10));
        }
        for block in 0..3 {
            entries.forget(BlockId(block));
        }
        assert_eq!(kept(&entries, 5), [3, 4]);
        entries.keep(BlockId(5), entry(MOST_BYTES - 15));
        assert_eq!(kept(&entries, 6), [4, 5], "the oldest goes first");
        for block in 3..6 {
            entries.forget(BlockId(block));
        }
        assert_eq!((entries.bytes, entries.order.len()), (0, 0), "nothing is left of what was forgotten");
    }
}
