//! Property: the stream is one path. Every added block has the previous tip as parent and the next index; every reorg
//! starts at the previous tip, removes exactly the blocks above its fork, and its fork is on the path.
//!
//! Moment: every event. Finds dropped, repeated and reordered blocks, and a bridge that forgets a rollback, as one that
//! ignores pages with removals and no additions. False for a while: never.

use bridge::{BlockAdded, L1Event, Reorg};
use kaspa_hashes::Hash;

use super::{Checker, Context};
use crate::{consumer::Replica, plan::Plan};

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Path {
    /// The anchor's hash, once a block or a fork named it.
    anchor: Option<Hash>,
}

impl Checker for Path {
    fn new(_: &Plan, _: usize) -> Self {
        Self::default()
    }

    fn name(&self) -> &'static str {
        "path"
    }

    fn meaning(&self) -> &'static str {
        "every block extends the previous tip, and every reorg removes exactly the blocks above its fork"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
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
