//! Limits that make a header invalid: number of parents, size of the mergeset, bounded merge depth.
//!
//! A block must not merge what was left behind too long ago. Its merge depth root is the chain block `merge_depth` of blue
//! score below it. A red mergeset block without that root in its past is refused, unless a blue one merges it too and has
//! the root on its own selected chain: such a blue kosherizes the red.

use super::{BlockId, Dag, DagError, Ghostdag, Limits, store::Store};

impl Dag {
    /// The highest block of `block`'s selected chain, itself included, whose blue score is below `blue_score`. Without
    /// such a block the chain's lowest retained one: genesis if nothing was dropped.
    pub fn chain_ancestor_below(&self, block: BlockId, blue_score: u64) -> BlockId {
        chain_ancestor_below(&self.store, block, blue_score).unwrap_or_else(|lowest| lowest)
    }

    /// The highest chain ancestor whose blue score is below that of `ghostdag` less `merge_depth`; genesis, even where it
    /// was dropped, if the blue score is below `merge_depth`. If the answer was dropped, the chain's lowest retained block.
    ///
    /// Source: `kaspa-consensus`, `processes::block_depth::BlockDepthManager::calc_merge_depth_root`, with genesis as
    /// pruning point. The same holds for the finality point at the finality depth.
    pub fn merge_depth_root(&self, ghostdag: &Ghostdag, merge_depth: u64) -> BlockId {
        match ghostdag.blue_score.checked_sub(merge_depth) {
            Some(blue_score) => self.chain_ancestor_below(ghostdag.selected_parent, blue_score),
            None => BlockId::GENESIS,
        }
    }

    /// The reds of `ghostdag` that bounded merge depth forbids, in their order. None where the merge depth root was
    /// dropped. Costs nothing for a block without reds.
    ///
    /// Source: `kaspa-consensus`, `HeaderProcessor::check_bounded_merge_depth`.
    pub fn bounded_merge_violations(&self, ghostdag: &Ghostdag, merge_depth: u64) -> Vec<BlockId> {
        violations(&self.store, ghostdag, merge_depth).map(Iterator::collect).unwrap_or_default()
    }
}

/// Source: `kaspa-consensus`, `HeaderProcessor::check_parents_limit`.
pub(super) fn check_parents(limits: &Limits, parents: &[BlockId]) -> Result<(), DagError> {
    let limit = limits.max_block_parents;
    if parents.len() > limit { Err(DagError::TooManyParents { parents: parents.len(), limit }) } else { Ok(()) }
}

/// Source: `kaspa-consensus`, `HeaderProcessor::check_mergeset_size_limit` and `check_bounded_merge_depth`, in this order.
pub(super) fn check_mergeset(store: &Store, limits: &Limits, ghostdag: &Ghostdag) -> Result<(), DagError> {
    let (size, limit) = (ghostdag.mergeset_size(), limits.mergeset_size_limit);
    if size > limit {
        return Err(DagError::MergesetTooLarge { size, limit });
    }
    match violations(store, ghostdag, limits.merge_depth)?.next() {
        Some(red) => Err(DagError::MergeDepthViolated { red, merge_depth: limits.merge_depth }),
        None => Ok(()),
    }
}

/// Bad reds; lazy, so that the first one can be had alone.
///
/// # Errors
/// [`DagError::ReachesDropped`] if there are reds and the merge depth root was dropped.
fn violations<'a>(
    store: &'a Store,
    ghostdag: &'a Ghostdag,
    merge_depth: u64,
) -> Result<impl Iterator<Item = BlockId> + 'a, DagError> {
    let root = match ghostdag.blue_score.checked_sub(merge_depth) {
        // Genesis is in the past of every block: below a blue score of 1 there is no other root.
        None | Some(0) => None,
        Some(_) if ghostdag.reds.is_empty() => None,
        Some(blue_score) => Some(
            chain_ancestor_below(store, ghostdag.selected_parent, blue_score)
                .map_err(|_| DagError::ReachesDropped { first: store.first() })?,
        ),
    };
    let is_bad = move |red: BlockId, root: BlockId| {
        !store.lanes.is_ancestor(root, red)
            && !ghostdag
                .blues
                .iter()
                .any(|&blue| store.lanes.is_ancestor(red, blue) && store.chains.is_ancestor(root, blue, store.first()))
    };
    let reds = ghostdag.reds.iter().copied();
    Ok(root.into_iter().flat_map(move |root| reds.clone().filter(move |&red| is_bad(red, root))))
}

fn chain_ancestor_below(store: &Store, block: BlockId, blue_score: u64) -> Result<BlockId, BlockId> {
    store.chains.highest_low(block, store.first(), |id| store.blue_score(id) < blue_score)
}
