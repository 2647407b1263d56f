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
