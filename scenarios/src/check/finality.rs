//! Property: what is final stays. A finalized block is on the path, at least the finality depth below the tip, and above
//! the one finalized before; no reorg forks below it. Once a page is applied, the block above it is not final yet: looked
//! at when a session is synced, when it ends, and at rest.
//!
//! Moment: every event. Finds a bridge that finalizes too early or too late or never (vprogs #113: a notification that
//! means something else was taken for the sign), moves finality back, or follows a chain that leaves the finalized prefix.
//! False for a while: within a page the last part is; and after a restart until the new bridge heard from its node, because
//! the process may have died between the page that made a block final and the word of it.

use bridge::{ChainRef, L1Event};

use super::{Checker, Context, Restart};
use crate::plan::Plan;

/// See the module documentation.
#[derive(Debug)]
pub struct Finality {
    finality_depth: u64,
    last: Option<ChainRef>,
    /// The bridge is new and has told nothing of the chain yet.
    is_new: bool,
}

impl Finality {
    fn check_finalized(&mut self, block: ChainRef, context: Context<'_>) -> Result<(), String> {
        let path = context.replica.blocks();
        let position = usize::try_from(block.index).ok().and_then(|index| index.checked_sub(1));
        if position.and_then(|position| path.get(position)).map(|block| block.block) != Some(block) {
            return Err(format!("{block:?} is finalized and not on the path"));
        }
        let highest = self.highest_final(context);
        if block.blue_score > highest {
            let tip = context.oracle.tip().blue_score;
            return Err(format!(
                "{block:?} is finalized at tip blue score {tip}; finality is {}, and the highest final block has {highest}",
                self.finality_depth
            ));
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
    fn check_root(&self, context: Context<'_>) -> Result<(), String> {
        let root = self.last.map_or(0, |last| last.index);
        let child = usize::try_from(root).ok().and_then(|root| context.replica.blocks().get(root));
        match child {
            Some(child) if !self.is_new && child.block.blue_score <= self.highest_final(context) => {
                Err(format!("{:?} is not finalized although deep enough", child.block))
            }
            _ => Ok(()),
        }
    }

    /// Blue score of the highest block that is final at the tip.
    fn highest_final(&self, context: Context<'_>) -> u64 {
        context.oracle.path()[context.oracle.final_height(self.finality_depth)].blue_score
    }
}

impl Checker for Finality {
    fn new(plan: &Plan, _: usize) -> Self {
        Self { finality_depth: plan.parameters.finality_depth, last: None, is_new: false }
    }

    fn name(&self) -> &'static str {
        "finality"
    }

    fn meaning(&self) -> &'static str {
        "blocks become final exactly at the finality depth, and what is final stays"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        if event.sequence().is_some() || matches!(event, L1Event::Synced { .. }) {
            self.is_new = false;
        }
        match event {
            L1Event::Finalized { block, .. } => self.check_finalized(*block, context),
            L1Event::Reorg(reorg) => match self.last {
                Some(last) if reorg.fork.index < last.index => {
                    Err(format!("a reorg forks at {:?}, below the finalized {last:?}", reorg.fork))
                }
                _ => Ok(()),
            },
            L1Event::Synced { .. } | L1Event::Disconnected { .. } => self.check_root(context),
            _ => Ok(()),
        }
    }

    fn on_restart(&mut self, _: Restart, _: Context<'_>) -> Result<(), String> {
        self.is_new = true;
        Ok(())
    }

    fn at_rest(&mut self, context: Context<'_>) -> Result<(), String> {
        self.check_root(context)
    }
}
