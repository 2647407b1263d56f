//! How much a further parent would merge, and where a walk over it exceeds a budget.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use super::{BlockId, store::Store};

/// See [`super::Dag::mergeset_size_within`].
pub(super) fn mergeset_size_within(
    store: &Store,
    parents: &[BlockId],
    candidate: BlockId,
    budget: usize,
) -> Result<usize, BlockId> {
    // The candidate counts once even where a parent has it in its past: the reference does not ask.
    let size = store.lanes.count_beyond(candidate, parents).max(1);
    if size <= budget.max(1) {
        return Ok(size);
    }
    // Which block exceeds the budget depends on the order of the walk, so that is the reference's.
    let mut counted = 1;
    let mut queue: VecDeque<BlockId> = store.parents(candidate).iter().copied().collect();
    let mut seen: FxHashSet<BlockId> = queue.iter().copied().collect();
    while let Some(current) = queue.pop_front() {
        // A dropped block can only be in the past of the parents: else the candidate could not be merged.
        if current < store.first() || parents.iter().any(|&parent| store.lanes.is_ancestor(current, parent)) {
            continue;
        }
        counted += 1;
        if counted > budget {
            return Err(current);
        }
        queue.extend(store.parents(current).iter().copied().filter(|&parent| seen.insert(parent)));
    }
    Ok(size)
}
