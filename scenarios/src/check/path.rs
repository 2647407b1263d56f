//! Property: the stream is one path. Sequence numbers run 1, 2, 3, ...; every added block has the previous tip as
//! parent and the next index; every reorg starts at the previous tip, removes exactly the blocks above its fork, and its
//! fork is on the path.
//!
//! Checked at every event. Never false for a while. Finds dropped, repeated and reordered events, and a bridge that
//! forgets a rollback.

use bridge::{BlockAdded, L1Event, Reorg};
use kaspa_hashes::Hash;

use super::{Checker, Context};
use crate::consumer::Replica;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Path {
    sequence: u64,
    /// The anchor's hash, once a block or a fork named it.
    anchor: Option<Hash>,
}

impl Checker for Path {
    fn name(&self) -> &'static str {
        "path"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        if let Some(sequence) = event.sequence() {
            if sequence != self.sequence + 1 {
                return Err(format!("event {sequence} follows event {}", self.sequence));
            }
            self.sequence = sequence;
        }
        match event {
            L1Event::BlockAdded(added) => self.check_added(added, context.replica),
            L1Event::Reorg(reorg) => self.check_reorg(reorg, context.replica),
            _ => Ok(()),
        }
    }
}

impl Path {
    fn check_added(&mut self, added: &BlockAdded, replica: &Replica) -> Result<(), String> {
        let expected_index = replica.blocks().len() as u64 + 1;
        if added.block.index != expected_index {
            return Err(format!(
                "block {} has index {}, the next index is {expected_index}",
                added.block.hash, added.block.index
            ));
        }
        let tip = match replica.tip() {
            Some(tip) => tip.hash,
            None => *self.anchor.get_or_insert(added.parent),
        };
        if added.parent != tip {
            return Err(format!("block {} has parent {}, the tip is {tip}", added.block.hash, added.parent));
        }
        Ok(())
    }

    fn check_reorg(&mut self, reorg: &Reorg, replica: &Replica) -> Result<(), String> {
        let path = replica.blocks();
        let Some(kept) = usize::try_from(reorg.fork.index).ok().filter(|kept| *kept < path.len()) else {
            return Err(format!("the fork has index {}, the tip {}", reorg.fork.index, path.len()));
        };
        let removed: Vec<Hash> = path[kept..].iter().rev().map(|block| block.block.hash).collect();
        if reorg.removed != removed {
            return Err(format!(
                "the reorg to index {kept} removes {} blocks, the path has {} above it, or others",
                reorg.removed.len(),
                removed.len()
            ));
        }
        if replica.tip() != Some(reorg.old_tip) {
            return Err(format!("the reorg starts at {:?}, the tip is {:?}", reorg.old_tip, replica.tip()));
        }
        let on_path = match kept.checked_sub(1) {
            Some(position) => path[position].block == reorg.fork,
            None => self.anchor == Some(reorg.fork.hash),
        };
        if !on_path {
            return Err(format!("the fork {:?} is not on the path", reorg.fork));
        }
        Ok(())
    }
}
