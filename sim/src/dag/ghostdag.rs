//! GHOSTDAG's parameters and its result for one block.

use kaspa_math::Uint192;

use super::BlockId;

/// What GHOSTDAG and the DAA score depend on besides the DAG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GhostdagParams {
    /// Largest number of blue blocks that a blue block may have in its anticone.
    ///
    /// Source: `kaspa-consensus-core`, `config::params::Params::ghostdag_k`.
    pub k: u16,
    /// Length of the DAA window in blocks: the reference's window size times its sample rate. A mergeset block whose
    /// blue score is below the merging block's less this length adds nothing to the DAA score.
    ///
    /// Source: `kaspa-consensus`, `SampledDifficultyManager::difficulty_full_window_size` and `lowest_daa_blue_score`.
    pub difficulty_window_size: u64,
    /// DAA score of genesis: 0 except on mainnet, which continues an older chain.
    pub genesis_daa_score: u64,
    /// What makes a block invalid. A preview is not subject to it.
    pub limits: Limits,
}

/// Bounds on what a valid block may merge. GHOSTDAG itself does not depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest number of parents.
    ///
    /// Source: `kaspa-consensus-core`, `config::params::Params::max_block_parents`.
    pub max_block_parents: usize,
    /// Largest mergeset, the selected parent included.
    ///
    /// Source: `kaspa-consensus-core`, `config::params::Params::mergeset_size_limit`.
    pub mergeset_size_limit: usize,
    /// Blue score below a block at which its merge depth root stands; see [`super::Dag::bounded_merge_violations`].
    ///
    /// Source: `kaspa-consensus-core`, `config::params::Params::merge_depth`.
    pub merge_depth: u64,
}

impl Limits {
    /// No limit at all.
    pub const NONE: Self =
        Self { max_block_parents: usize::MAX, mergeset_size_limit: usize::MAX, merge_depth: u64::MAX };
}

/// What GHOSTDAG says of a block, inserted or not: a function of the block's past alone.
///
/// The mergeset is the block's past less its selected parent's past; the selected parent belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ghostdag {
    pub(super) parents: Vec<BlockId>,
    pub(super) selected_parent: BlockId,
    pub(super) blue_score: u64,
    pub(super) blue_work: Uint192,
    pub(super) daa_score: u64,
    pub(super) blues: Vec<BlockId>,
    pub(super) reds: Vec<BlockId>,
    pub(super) anticone_sizes: Vec<AnticoneSize>,
}

/// Number of blue blocks in the anticone of blue block `block`, seen from the block that stores this entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AnticoneSize {
    pub(super) block: BlockId,
    pub(super) size: u16,
}

impl Ghostdag {
    /// The parents for which this was computed, in the order given.
    pub fn parents(&self) -> &[BlockId] {
        &self.parents
    }

    /// The parent with the largest (blue work, hash).
    pub fn selected_parent(&self) -> BlockId {
        self.selected_parent
    }

    /// Number of blue blocks in the past.
    pub fn blue_score(&self) -> u64 {
        self.blue_score
    }

    /// Sum of the work of the blue blocks in the past.
    pub fn blue_work(&self) -> Uint192 {
        self.blue_work
    }

    /// The selected parent's DAA score plus the mergeset blocks inside the DAA window.
    pub fn daa_score(&self) -> u64 {
        self.daa_score
    }

    /// Blue mergeset blocks: the selected parent, then the others by (blue work, hash).
    pub fn mergeset_blues(&self) -> &[BlockId] {
        &self.blues
    }

    /// Red mergeset blocks by (blue work, hash).
    pub fn mergeset_reds(&self) -> &[BlockId] {
        &self.reds
    }

    /// Number of mergeset blocks, the selected parent included.
    pub fn mergeset_size(&self) -> usize {
        self.blues.len() + self.reds.len()
    }

    pub(super) fn empty() -> Self {
        Self {
            parents: Vec::new(),
            selected_parent: BlockId::GENESIS,
            blue_score: 0,
            blue_work: Uint192::ZERO,
            daa_score: 0,
            blues: Vec::new(),
            reds: Vec::new(),
            anticone_sizes: Vec::new(),
        }
    }
}
