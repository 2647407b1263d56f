//! The consumer's references to the chain from root to tip, kept up to date by its events.
//!
//! A consumer with a database keeps them there: a `BlockAdded` inserts one, a `Reorg` deletes those above the fork, a
//! `Finalized` those below the block. [`Window`] does the same in memory.
//!
//! A consumer that stores its checkpoint alone begins with what that refers to, and has gaps below its tip.
//!
//! Invariants: `blocks` begins with the root and ends with the tip; index and blue score rise strictly.

use std::collections::VecDeque;

use thiserror::Error;

use crate::{
    checkpoint::{Checkpoint, CheckpointError, locator_indices},
    event::{ChainRef, L1Event},
    wire::Network,
};

/// The chain blocks from root to tip after one numbered event. 48 bytes a block: 20 MB when mainnet's finality is full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    blocks: VecDeque<ChainRef>,
    sequence: u64,
}

impl Window {
    /// The window before the first event of a new bridge: only its anchor
    /// ([`L1Bridge::anchor`](crate::L1Bridge::anchor)).
    pub fn new(anchor: ChainRef) -> Self {
        Self { blocks: VecDeque::from([anchor]), sequence: 0 }
    }

    /// The window of a stored checkpoint, from references that were stored with it, root first.
    ///
    /// # Errors
    /// References that are not the chain of the checkpoint.
    pub fn restored(checkpoint: &Checkpoint, blocks: Vec<ChainRef>) -> Result<Self, WindowError> {
        check(checkpoint, &blocks)?;
        Ok(Self { blocks: blocks.into(), sequence: checkpoint.sequence() })
    }

    /// What is known of the window from the checkpoint alone: for a consumer that stores nothing else. It can make the
    /// next checkpoints, with fewer entries in their locators until new blocks have come.
    pub fn of_checkpoint(checkpoint: &Checkpoint) -> Self {
        Self { blocks: checkpoint.locator().iter().rev().copied().collect(), sequence: checkpoint.sequence() }
    }

    /// Follows one event. Events without a number change nothing.
    ///
    /// # Errors
    /// An event that does not follow what was applied before; nothing changes then.
    pub fn apply(&mut self, event: &L1Event) -> Result<(), WindowError> {
        let Some(sequence) = event.sequence() else { return Ok(()) };
        let expected = self.sequence.saturating_add(1);
        if sequence != expected {
            return Err(WindowError::OutOfOrder { sequence, expected });
        }
        match event {
            L1Event::BlockAdded(added) => {
                let tip = self.tip();
                let follows = added.parent == tip.hash
                    && tip.index.checked_add(1) == Some(added.block.index)
                    && added.block.blue_score > tip.blue_score;
                if !follows {
                    return Err(WindowError::NotOnTip { block: added.block, tip });
                }
                self.blocks.push_back(added.block);
            }
            L1Event::Reorg(reorg) => {
                let tip = self.tip();
                if reorg.old_tip != tip {
                    return Err(WindowError::NotFromTip { old_tip: reorg.old_tip, tip });
                }
                let at = self.place(reorg.fork)?;
                self.blocks.truncate(at);
                self.blocks.push_back(reorg.fork);
            }
            L1Event::Finalized { block, .. } => {
                let at = self.place(*block)?;
                let is_there = self.blocks.get(at) == Some(block);
                self.blocks.drain(..at + usize::from(is_there));
                self.blocks.push_front(*block);
            }
            _ => {}
        }
        self.sequence = sequence;
        Ok(())
    }

    /// The oldest block to which a reorg can go.
    pub fn root(&self) -> ChainRef {
        self.blocks[0]
    }

    /// The newest block.
    pub fn tip(&self) -> ChainRef {
        self.blocks[self.blocks.len() - 1]
    }

    /// Number of the last event; 0 if there was none.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The chain block with this index, if it is between root and tip and known.
    pub fn block_at(&self, index: u64) -> Option<ChainRef> {
        self.newest_up_to(index).filter(|block| block.index == index)
    }

    /// All blocks, root first: what [`L1Bridge::resume`](crate::L1Bridge::resume) wants back if the window
    /// [is complete](Self::is_complete).
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = ChainRef> + '_ {
        self.blocks.iter().copied()
    }

    /// Whether every block from root to tip is known; false until a window [of a checkpoint](Self::of_checkpoint) has
    /// grown beyond what was not.
    pub fn is_complete(&self) -> bool {
        self.tip().index - self.root().index == self.blocks.len() as u64 - 1
    }

    /// The checkpoint after the last event.
    ///
    /// # Errors
    /// A window that began with a block of another index than a bridge's anchor has.
    pub fn checkpoint(&self, network: Network) -> Result<Checkpoint, CheckpointError> {
        let (root, tip) = (self.root(), self.tip());
        let mut locator: Vec<ChainRef> =
            locator_indices(root.index, tip.index).filter_map(|index| self.newest_up_to(index)).collect();
        // Where blocks are not known, several indices have the same newest block below them.
        locator.dedup();
        Checkpoint::of_locator(network, self.sequence, locator)
    }

    /// The newest known block with at most this index.
    fn newest_up_to(&self, index: u64) -> Option<ChainRef> {
        let above = match index.checked_sub(self.root().index)? {
            // Without gaps the place is known.
            distance if self.is_complete() => usize::try_from(distance).ok()?.checked_add(1)?,
            _ => self.blocks.partition_point(|block| block.index <= index),
        };
        self.blocks.get(above - 1).copied()
    }

    /// Where `block` is among the blocks, or belongs: not below the root, not above the tip, and between its neighbours.
    fn place(&self, block: ChainRef) -> Result<usize, WindowError> {
        let at = self.blocks.partition_point(|known| known.index < block.index);
        let here = self.blocks.get(at).filter(|_| block.index >= self.root().index);
        let below = at.checked_sub(1).and_then(|below| self.blocks.get(below));
        let fits = here.is_some_and(|here| match here.index == block.index {
            true => *here == block,
            false => {
                block.blue_score < here.blue_score && below.is_some_and(|below| below.blue_score < block.blue_score)
            }
        });
        if fits { Ok(at) } else { Err(WindowError::NotInside { block }) }
    }
}

/// Whether `blocks` is the chain of the checkpoint, root first.
pub(crate) fn check(checkpoint: &Checkpoint, blocks: &[ChainRef]) -> Result<(), WindowError> {
    let (first, last) = (blocks.first().copied(), blocks.last().copied());
    if first != Some(checkpoint.root()) {
        return Err(WindowError::OtherRoot { root: checkpoint.root(), first });
    }
    if last != Some(checkpoint.tip()) {
        return Err(WindowError::OtherTip { tip: checkpoint.tip(), last });
    }
    for (parent, child) in blocks.iter().zip(blocks.iter().skip(1)) {
        if parent.index.checked_add(1) != Some(child.index) || child.blue_score <= parent.blue_score {
            return Err(WindowError::Gap { parent: *parent, child: *child });
        }
    }
    let root_index = checkpoint.root().index;
    for entry in checkpoint.locator() {
        // Indices are consecutive from root to tip, and the locator's are between the two.
        let position = usize::try_from(entry.index - root_index).unwrap_or(usize::MAX);
        if blocks.get(position) != Some(entry) {
            return Err(WindowError::NotInside { block: *entry });
        }
    }
    Ok(())
}

/// Why references are not the chain from root to tip, or an event does not follow them.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowError {
    /// Two neighbours that are not parent and child.
    #[error("in the window, index {} with blue score {} is followed by index {} with blue score {}",
        .parent.index, .parent.blue_score, .child.index, .child.blue_score)]
    Gap {
        /// The lower one.
        parent: ChainRef,
        /// The one after it.
        child: ChainRef,
    },
    /// A block that is not on the chain from root to tip.
    #[error("{} with index {} is not in the window", .block.hash, .block.index)]
    NotInside {
        /// The block.
        block: ChainRef,
    },
    /// An added block whose parent is not the tip.
    #[error("{} with index {} does not follow the tip {} with index {}",
        .block.hash, .block.index, .tip.hash, .tip.index)]
    NotOnTip {
        /// The block.
        block: ChainRef,
        /// The tip.
        tip: ChainRef,
    },
    /// A reorg that leaves another chain than the one up to the tip.
    #[error("a reorg leaves {} with index {}, the tip is {} with index {}",
        .old_tip.hash, .old_tip.index, .tip.hash, .tip.index)]
    NotFromTip {
        /// The last block of the chain that it leaves.
        old_tip: ChainRef,
        /// The tip.
        tip: ChainRef,
    },
    /// The window begins with another block than the checkpoint's root.
    #[error("the window does not begin with the checkpoint's root {}", .root.hash)]
    OtherRoot {
        /// The root.
        root: ChainRef,
        /// What the window begins with.
        first: Option<ChainRef>,
    },
    /// The window ends with another block than the checkpoint's tip.
    #[error("the window does not end with the checkpoint's tip {}", .tip.hash)]
    OtherTip {
        /// The tip.
        tip: ChainRef,
        /// What the window ends with.
        last: Option<ChainRef>,
    },
    /// A block that is in the window twice.
    #[error("{} with index {} is in the window twice", .block.hash, .block.index)]
    Repeated {
        /// Its second place.
        block: ChainRef,
    },
    /// An event was left out or came twice.
    #[error("event {sequence} came where {expected} was to come")]
    OutOfOrder {
        /// Number of the event.
        sequence: u64,
        /// Number that was to come.
        expected: u64,
    },
}
