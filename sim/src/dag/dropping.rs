//! Dropping of old blocks: which ids a [`Dag`] still answers for, and how memory is given back.
//!
//! A drop takes effect at once: everything below [`Dag::first`] is forgotten. Its memory is given back in one go as soon
//! as a quarter of the held blocks is dropped, so that the cost for each inserted block is constant and memory is at most
//! a third more than the retained blocks need, spare capacity apart. No answer depends on when that happens.

use super::{BlockId, Dag};

impl Dag {
    /// Forgets every block with an id below `id`. Ids stay what they are; the newest block is always retained.
    ///
    /// A later block must not need a dropped one: its parents and mergeset, and its blue window (the blocks of its
    /// selected chain, from the selected parent to the first one in the past of each mergeset block, and the blues that
    /// these merged) must be retained, else [`super::DagError::DroppedParent`] or
    /// [`super::DagError::ReachesDropped`]. If it merges reds, so must its merge depth root.
    ///
    /// Lists of a retained block (parents, blues, reds, selected parent) may still name dropped ones.
    pub fn drop_below(&mut self, id: BlockId) {
        if self.store.drop_below(id) {
            self.coloring.release();
        }
    }

    /// The lowest retained id: genesis until something is dropped.
    pub fn first(&self) -> BlockId {
        self.store.first()
    }

    /// Number of blocks from [`Self::first`] on.
    pub fn retained(&self) -> usize {
        self.store.len() - self.store.first().index()
    }
}

/// Whether it is time to give back the memory of `dropped` blocks out of `held`.
pub(super) fn is_worth_releasing(dropped: usize, held: usize) -> bool {
    dropped > 0 && dropped >= held / 4
}

/// Removes the first `count` elements, and spare capacity beyond the length.
pub(super) fn drop_front<T>(table: &mut Vec<T>, count: usize) {
    table.drain(..count);
    give_back_spare(table);
}

/// Cuts capacity of more than twice the length to one and a half times the length: a table that grows to the same length
/// again and again then keeps its capacity.
pub(super) fn give_back_spare<T>(table: &mut Vec<T>) {
    if table.capacity() > 2 * table.len() {
        table.shrink_to(table.len() + table.len() / 2);
    }
}
