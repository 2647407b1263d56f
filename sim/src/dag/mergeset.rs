//! The mergeset in consensus order.

use std::{cmp::Ordering, iter::FusedIterator};

use super::{BlockId, store::Store};

/// Mergeset blocks in the order in which a node accepts their transactions: the selected parent, then blues and reds
/// together by (blue work, hash). A block comes after every mergeset block of its past.
///
/// Source: `kaspa-consensus`, `GhostdagData::consensus_ordered_mergeset`.
#[derive(Clone)]
pub struct Mergeset<'a> {
    store: &'a Store,
    selected_parent: Option<BlockId>,
    blues: &'a [BlockId],
    reds: &'a [BlockId],
}

impl<'a> Mergeset<'a> {
    /// `blues` start with the selected parent; both lists are otherwise ordered by (blue work, hash).
    pub(super) fn new(store: &'a Store, blues: &'a [BlockId], reds: &'a [BlockId]) -> Self {
        let (selected_parent, blues) = match blues {
            [] => (None, blues),
            [first, rest @ ..] => (Some(*first), rest),
        };
        Self { store, selected_parent, blues, reds }
    }
}

impl Iterator for Mergeset<'_> {
    type Item = BlockId;

    fn next(&mut self) -> Option<BlockId> {
        if let Some(selected_parent) = self.selected_parent.take() {
            return Some(selected_parent);
        }
        let blue_is_next = match (self.blues.first(), self.reds.first()) {
            (Some(&blue), Some(&red)) => self.store.compare(blue, red) == Ordering::Less,
            (blue, _) => blue.is_some(),
        };
        let side = if blue_is_next { &mut self.blues } else { &mut self.reds };
        let (first, rest) = side.split_first()?;
        *side = rest;
        Some(*first)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = usize::from(self.selected_parent.is_some()) + self.blues.len() + self.reds.len();
        (len, Some(len))
    }
}

impl ExactSizeIterator for Mergeset<'_> {}

impl FusedIterator for Mergeset<'_> {}
