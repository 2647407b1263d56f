//! Why a block cannot be added to the DAG.

use kaspa_hashes::Hash;
use thiserror::Error;

use super::BlockId;

/// A refused block. The DAG is unchanged after any of these.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DagError {
    /// Only genesis has no parents.
    #[error("a block other than genesis has no parents")]
    NoParents,
    /// The parent's id was never given out by this DAG.
    #[error("parent {parent} is unknown: the DAG holds {len} blocks")]
    UnknownParent {
        /// The id that is not in the DAG.
        parent: BlockId,
        /// Number of blocks in the DAG.
        len: usize,
    },
    /// The parent is no longer in the DAG.
    #[error("parent {parent} was dropped: the lowest retained block is {first}")]
    DroppedParent {
        /// The dropped parent.
        parent: BlockId,
        /// The lowest retained block.
        first: BlockId,
    },
    /// The block would need blocks that were dropped: for its mergeset, blue window or merge depth root.
    #[error("mergeset, blue window or merge depth root reach blocks that were dropped, below block {first}")]
    ReachesDropped {
        /// The lowest retained block.
        first: BlockId,
    },
    /// More parents than the parameters allow.
    #[error("the block has {parents} parents, the limit is {limit}")]
    TooManyParents {
        /// Number of parents.
        parents: usize,
        /// [`super::Limits::max_block_parents`].
        limit: usize,
    },
    /// A larger mergeset than the parameters allow.
    #[error("the mergeset holds {size} blocks, the selected parent included, the limit is {limit}")]
    MergesetTooLarge {
        /// Number of mergeset blocks, the selected parent included.
        size: usize,
        /// [`super::Limits::mergeset_size_limit`].
        limit: usize,
    },
    /// Bounded merge depth forbids to merge a red block.
    #[error(
        "red block {red} does not have the merge depth root of merge depth {merge_depth} in its past, and no blue excuses it"
    )]
    MergeDepthViolated {
        /// The first red block that must not be merged.
        red: BlockId,
        /// [`super::Limits::merge_depth`].
        merge_depth: u64,
    },
    /// The same parent is listed twice.
    #[error("parent {parent} is listed twice")]
    DuplicateParent {
        /// The repeated parent.
        parent: BlockId,
    },
    /// Parents must be an antichain.
    #[error("parent {parent} is in the past of parent {descendant}")]
    ParentInPastOfParent {
        /// The older parent.
        parent: BlockId,
        /// The parent that has the older one in its past.
        descendant: BlockId,
    },
    /// A block of this hash exists.
    #[error("block hash {hash} is already in the DAG as block {id}")]
    DuplicateHash {
        /// The repeated hash.
        hash: Hash,
        /// The block that has it.
        id: BlockId,
    },
    /// The compact target is zero, above 256 bits, or so small that a block's work would need more than 160 bits.
    #[error("compact target bits {bits:#010x} give no usable amount of work")]
    BitsOutOfRange {
        /// The refused compact target.
        bits: u32,
    },
    /// The preview handed to `insert_previewed` was computed for other parents.
    #[error("the preview was computed for other parents than those of the inserted block")]
    PreviewMismatch,
    /// A 32-bit index of the store is used up.
    #[error("the DAG is full at {len} blocks: an index of 32 bits is used up")]
    Full {
        /// Number of blocks in the DAG.
        len: usize,
    },
}
