//! The block DAG: a store with dense ids, GHOSTDAG, reachability and ordering. Pure: no I/O, no time, no randomness.
//!
//! GHOSTDAG, blue score, blue work and DAA score of a block are functions of its past, computed once when the block is
//! inserted; views of single nodes refer to the shared store. Results equal those of rusty-kaspa block for block.
//!
//! - [`Dag::preview`] computes what a block with given parents would get, before its header and hash exist;
//!   [`Dag::insert_previewed`] adds that block without computing again.
//! - Reachability in the DAG costs one comparison (chain decomposition with vector clocks); questions about selected
//!   chains cost O(log n) (jump pointers).
//! - Ids are given out in order of insertion, which is topological: a block's past has lower ids. Id 0 is genesis.
//!
//! - [`Limits`] make a block invalid: too many parents, too large a mergeset, bounded merge depth.
//! - [`Dag::drop_below`] forgets old blocks. Answers about the others stay the same.
//!
//! Difficulty adjustment, finality and pruning belong to a node's view and are not checked here.
//!
//! # Panics
//! Methods that take a [`BlockId`] panic if this DAG never gave it out or dropped it, unless their documentation says
//! otherwise (a dropped one whose memory is not given back yet is noticed with debug assertions alone, else answered as
//! before). Ids come from a `Dag`, never from outside.

mod chain;
mod coloring;
mod dropping;
mod error;
mod ghostdag;
mod lanes;
mod limits;
mod merge;
mod mergeset;
mod store;
mod work;

use std::{cmp::Ordering, fmt};

use kaspa_hashes::Hash;
use kaspa_math::Uint192;

use coloring::Coloring;
use store::Store;

pub use error::DagError;
pub use ghostdag::{Ghostdag, GhostdagParams, Limits};
pub use mergeset::Mergeset;
pub use work::block_work;

/// A block of a [`Dag`]: its number in order of insertion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub u32);

impl BlockId {
    /// The first block of every DAG.
    pub const GENESIS: Self = Self(0);

    /// The id as an index into tables with one entry for each block.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The id as an index into a table that starts at `base`; beyond every table for a lower id.
    #[inline]
    const fn offset_from(self, base: Self) -> usize {
        self.index().wrapping_sub(base.index())
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The block store. See the module documentation.
#[derive(Clone)]
pub struct Dag {
    params: GhostdagParams,
    store: Store,
    coloring: Coloring,
}

impl Dag {
    /// A DAG of genesis alone: blue score and blue work 0, empty mergeset. `genesis_bits` is its compact target.
    ///
    /// # Errors
    /// [`DagError::BitsOutOfRange`].
    pub fn new(params: GhostdagParams, genesis: Hash, genesis_bits: u32) -> Result<Self, DagError> {
        let store = Store::new(genesis, genesis_bits, params.genesis_daa_score)?;
        Ok(Self { params, store, coloring: Coloring::new() })
    }

    /// The parameters given to [`Self::new`].
    pub fn params(&self) -> &GhostdagParams {
        &self.params
    }

    /// GHOSTDAG of a block with these parents that is not inserted yet. Mutable only for its working memory.
    ///
    /// Limits are not checked: they are for blocks.
    ///
    /// # Errors
    /// The parents are none, unknown, dropped, repeated, or one is in the past of another; [`DagError::ReachesDropped`].
    pub fn preview(&mut self, parents: &[BlockId]) -> Result<Ghostdag, DagError> {
        self.coloring.run(&self.store, &self.params, parents)?;
        Ok(self.coloring.result.clone())
    }

    /// Adds a block and computes its GHOSTDAG. `bits` is the block's compact target. Parents keep the given order.
    ///
    /// # Errors
    /// Any [`DagError`] but [`DagError::PreviewMismatch`]; the DAG is then unchanged.
    pub fn insert(&mut self, hash: Hash, parents: &[BlockId], bits: u32) -> Result<BlockId, DagError> {
        self.check_new(&hash)?;
        limits::check_parents(&self.params.limits, parents)?;
        self.coloring.run(&self.store, &self.params, parents)?;
        limits::check_mergeset(&self.store, &self.params.limits, &self.coloring.result)?;
        self.store.push(hash, bits, &self.coloring.result, &self.coloring.clock)
    }

    /// As [`Self::insert`], with the result of [`Self::preview`] of this DAG for the same parents in the same order.
    /// Blocks may have been inserted since: a block's GHOSTDAG does not depend on them.
    ///
    /// # Errors
    /// As [`Self::insert`] for what can have changed since, and [`DagError::PreviewMismatch`] where `parents` are not those
    /// of the preview; the DAG is then unchanged.
    pub fn insert_previewed(
        &mut self,
        hash: Hash,
        parents: &[BlockId],
        bits: u32,
        preview: Ghostdag,
    ) -> Result<BlockId, DagError> {
        self.check_new(&hash)?;
        if preview.parents != parents {
            return Err(DagError::PreviewMismatch);
        }
        limits::check_parents(&self.params.limits, parents)?;
        if let Some(&parent) = parents.iter().find(|parent| !self.contains(**parent)) {
            let (len, first) = (self.len(), self.first());
            let is_unknown = parent.index() >= len;
            return Err(if is_unknown {
                DagError::UnknownParent { parent, len }
            } else {
                DagError::DroppedParent { parent, first }
            });
        }
        if preview.blues.iter().chain(&preview.reds).any(|block| !self.contains(*block)) {
            return Err(DagError::ReachesDropped { first: self.first() });
        }
        limits::check_mergeset(&self.store, &self.params.limits, &preview)?;
        self.store.lanes.merge(parents, &mut self.coloring.clock);
        self.store.push(hash, bits, &preview, &self.coloring.clock)
    }

    /// The retained block with this hash.
    pub fn id(&self, hash: &Hash) -> Option<BlockId> {
        self.store.id(hash)
    }

    /// The block's hash.
    pub fn hash(&self, id: BlockId) -> Hash {
        self.store.hash(id)
    }

    /// Whether this DAG has given out `id` and not dropped it.
    pub fn contains(&self, id: BlockId) -> bool {
        id.index() < self.len() && id >= self.first()
    }

    /// Number of blocks ever, genesis and dropped ones included: the next id. See [`Self::retained`].
    #[expect(clippy::len_without_is_empty, reason = "genesis is always there")]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// The parents in the order given at insertion; none for genesis. Some may be dropped.
    pub fn parents(&self, id: BlockId) -> &[BlockId] {
        self.store.parents(id)
    }

    /// The parent with the largest (blue work, hash), which may be dropped; `None` for genesis.
    pub fn selected_parent(&self, id: BlockId) -> Option<BlockId> {
        self.store.chains.selected_parent(id)
    }

    /// Number of selected-parent steps from genesis.
    pub fn height(&self, id: BlockId) -> u64 {
        u64::from(self.store.chains.height(id))
    }

    /// Number of blue blocks in the past.
    pub fn blue_score(&self, id: BlockId) -> u64 {
        self.store.blue_score(id)
    }

    /// Sum of the work of the blue blocks in the past.
    pub fn blue_work(&self, id: BlockId) -> Uint192 {
        self.store.blue_work(id)
    }

    /// The DAA score, see [`Ghostdag::daa_score`].
    pub fn daa_score(&self, id: BlockId) -> u64 {
        self.store.daa_score(id)
    }

    /// The compact target given at insertion.
    pub fn bits(&self, id: BlockId) -> u32 {
        self.store.bits(id)
    }

    /// Blue mergeset blocks: the selected parent, then the others by (blue work, hash). Empty for genesis.
    pub fn mergeset_blues(&self, id: BlockId) -> &[BlockId] {
        self.store.blues(id)
    }

    /// Red mergeset blocks by (blue work, hash).
    pub fn mergeset_reds(&self, id: BlockId) -> &[BlockId] {
        self.store.reds(id)
    }

    /// The mergeset in consensus order, selected parent first.
    pub fn mergeset(&self, id: BlockId) -> Mergeset<'_> {
        Mergeset::new(&self.store, self.store.blues(id), self.store.reds(id))
    }

    /// The mergeset of a preview of this DAG in consensus order, selected parent first.
    pub fn previewed_mergeset<'a>(&'a self, preview: &'a Ghostdag) -> Mergeset<'a> {
        Mergeset::new(&self.store, &preview.blues, &preview.reds)
    }

    /// Whether `a` is in the past of `b` or equal.
    #[inline]
    pub fn is_dag_ancestor(&self, a: BlockId, b: BlockId) -> bool {
        self.store.lanes.is_ancestor(a, b)
    }

    /// Whether `a` is on the selected chain of `b` or equal.
    pub fn is_chain_ancestor(&self, a: BlockId, b: BlockId) -> bool {
        self.store.chains.is_ancestor(a, b, self.first())
    }

    /// The block of `b`'s selected chain at `height`; `None` above the height of `b` and where it was dropped.
    pub fn chain_ancestor_at(&self, b: BlockId, height: u64) -> Option<BlockId> {
        self.store.chains.ancestor_at(b, height, self.first())
    }

    /// The highest block on the selected chains of both; `None` where it was dropped.
    pub fn fork_point(&self, a: BlockId, b: BlockId) -> Option<BlockId> {
        self.store.chains.common_ancestor(a, b, self.first())
    }

    /// [`Self::fork_point`], or where that was dropped the lowest retained block of `a`'s selected chain.
    pub fn common_chain_ancestor(&self, a: BlockId, b: BlockId) -> BlockId {
        self.fork_point(a, b).unwrap_or_else(|| self.chain_ancestor_below(a, 0))
    }

    /// Order by (blue work, hash), hashes compared as bytes from the first: the larger of two tips is selected.
    ///
    /// Source: `kaspa-consensus`, `processes::ghostdag::ordering::SortableBlock`.
    pub fn compare(&self, a: BlockId, b: BlockId) -> Ordering {
        self.store.compare(a, b)
    }

    /// By how much `candidate` would enlarge the mergeset of a block with `parents`: the size of its past, itself
    /// included, less theirs. `Err` is the block at which the walk from `candidate` exceeded `budget`, to be tried as
    /// candidate instead. As in the reference, the candidate itself always fits.
    ///
    /// Source: `kaspa-consensus`, `pipeline::virtual_processor::processor::mergeset_increase`.
    pub fn mergeset_size_within(
        &self,
        parents: &[BlockId],
        candidate: BlockId,
        budget: usize,
    ) -> Result<usize, BlockId> {
        merge::mergeset_size_within(&self.store, parents, candidate, budget)
    }

    /// Number of lanes of the reachability index, about the width of the retained DAG: a block's clock has at most one 4-byte
    /// entry for each.
    pub fn lane_count(&self) -> usize {
        self.store.lanes.len()
    }

    /// Heap memory of the store in bytes, spare capacity included.
    pub fn heap_bytes(&self) -> usize {
        self.store.heap_bytes() + self.coloring.heap_bytes()
    }

    fn check_new(&self, hash: &Hash) -> Result<(), DagError> {
        match self.store.id(hash) {
            Some(id) => Err(DagError::DuplicateHash { hash: *hash, id }),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Dag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dag").field("params", &self.params).field("len", &self.len()).finish_non_exhaustive()
    }
}
