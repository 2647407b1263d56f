//! Blocks that a node got before one of their parents.

use std::collections::BTreeMap;

use crate::dag::BlockId;

/// Blocks that wait, each under one parent that is missing.
#[derive(Debug, Clone, Default)]
pub(super) struct Orphans {
    by_missing_parent: BTreeMap<BlockId, Vec<BlockId>>,
    len: usize,
}

impl Orphans {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn keep(&mut self, missing: BlockId, block: BlockId) {
        let waiting = self.by_missing_parent.entry(missing).or_default();
        if !waiting.contains(&block) {
            waiting.push(block);
            self.len += 1;
        }
    }

    /// All of them, lowest id first.
    pub(super) fn blocks(&self) -> Vec<BlockId> {
        let mut blocks: Vec<BlockId> = self.by_missing_parent.values().flatten().copied().collect();
        blocks.sort_unstable();
        blocks
    }

    /// Takes what waited for `parent`.
    pub(super) fn release(&mut self, parent: BlockId) -> Vec<BlockId> {
        let released = self.by_missing_parent.remove(&parent).unwrap_or_default();
        self.len -= released.len();
        released
    }

    /// Forgets the orphans that are not `wanted`.
    pub(super) fn retain(&mut self, wanted: impl Fn(BlockId) -> bool) {
        let len = &mut self.len;
        self.by_missing_parent.retain(|_, waiting| {
            let before = waiting.len();
            waiting.retain(|&block| wanted(block));
            *len -= before - waiting.len();
            !waiting.is_empty()
        });
    }

    pub(super) fn clear(&mut self) {
        self.by_missing_parent.clear();
        self.len = 0;
    }
}
