//! Property: what is final stays. A finalized block is on the path, at least the finality depth below the tip, and above
//! the one finalized before; no reorg forks below it. Once a page is applied, the block above it is not final yet: looked
//! at when a session is synced, when it ends, and at rest.
//!
//! Checked at every event. Within a page the last part is false for a while. Finds a bridge that finalizes too early or too late,
//! moves finality back, or follows a chain that leaves the finalized prefix.

use bridge::{ChainRef, L1Event};

use super::{Checker, Context};
use crate::consumer::Replica;

/// See the module documentation.
#[derive(Debug)]
pub struct Finality {
    finality_depth: u64,
    last: Option<ChainRef>,
}

impl Finality {
    /// Checks against the network's own depth, in blue score.
    pub fn new(finality_depth: u64) -> Self {
        Self { finality_depth, last: None }
    }

    fn check_finalized(&mut self, block: ChainRef, replica: &Replica) -> Result<(), String> {
        let position = usize::try_from(block.index).ok().and_then(|index| index.checked_sub(1));
        if position.and_then(|position| replica.blocks().get(position)).map(|block| block.block) != Some(block) {
            return Err(format!("{block:?} is finalized and not on the path"));
        }
        let depth = self.depth_of(block, replica);
        if depth < self.finality_depth {
            return Err(format!("{block:?} is finalized at depth {depth}, finality is {}", self.finality_depth));
        }
        if let Some(last) = self.last
            && block.index <= last.index
        {
            return Err(format!("{block:?} is finalized after {last:?}"));
        }
        self.last = Some(block);
        Ok(())
    }

    /// The root must not lag: its child is less than the finality depth deep.
    fn check_root(&self, replica: &Replica) -> Result<(), String> {
        let child = self.last.map_or(0, |last| last.index);
        let child = usize::try_from(child).ok().and_then(|index| replica.blocks().get(index));
        match child {
            Some(child) if self.depth_of(child.block, replica) >= self.finality_depth => {
                Err(format!("{:?} is not finalized although deep enough", child.block))
            }
            _ => Ok(()),
        }
    }

    fn depth_of(&self, block: ChainRef, replica: &Replica) -> u64 {
        replica.tip().map_or(0, |tip| tip.blue_score.saturating_sub(block.blue_score))
    }
}

impl Checker for Finality {
    fn name(&self) -> &'static str {
        "finality"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        let replica = context.replica;
        match event {
            L1Event::Finalized { block, .. } => self.check_finalized(*block, replica),
            L1Event::Reorg(reorg) => match self.last {
                Some(last) if reorg.fork.index < last.index => {
                    Err(format!("a reorg forks at {:?}, below the finalized {last:?}", reorg.fork))
                }
                _ => Ok(()),
            },
            L1Event::Synced { .. } | L1Event::Disconnected { .. } => self.check_root(replica),
            _ => Ok(()),
        }
    }

    fn at_rest(&mut self, context: Context<'_>) -> Result<(), String> {
        self.check_root(context.replica)
    }
}
