//! Property: what is final stays. A finalized block is on the path, at least the finality depth below the tip, and above
//! the one finalized before; no reorg forks below it. And it advances while the chain does: once a page is applied, the block
//! above it is not final yet. That is looked at when the next page begins, when a session is synced, when it ends, and at
//! rest. A consumer that takes its time does not see where pages begin: for one, blocks of one page more may be deep enough.
//!
//! Moment: every event. Finds a bridge that finalizes too early or too late or never (vprogs #113: a notification that
//! means something else was taken for the sign), moves finality back, or follows a chain that leaves the finalized prefix.
//! False for a while: within a page the last part is; and after a restart until the new bridge heard from its node, because
//! the process may have died between the page that made a block final and the word of it.

use std::time::Duration;

use bridge::{ChainRef, L1Event};
use sim::node::PAGE_MERGESETS;

use super::{Checker, Context, Restart};
use crate::plan::Plan;

/// See the module documentation.
#[derive(Debug)]
pub struct Finality {
    finality_depth: u64,
    last: Option<ChainRef>,
    /// The bridge is new and has told nothing of the chain yet.
    is_new: bool,
    /// When the present page was applied; `None` if the consumer takes its time.
    page_at: Option<Duration>,
    /// Most blue score that a page adds.
    page_blue_score: u64,
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

    /// While the chain moves on, finality must not stay behind: looked at before the first block of the next page, or with
    /// room for a page where pages cannot be told apart.
    fn check_advances(&mut self, context: Context<'_>) -> Result<(), String> {
        let Some(tip) = context.replica.tip() else { return Ok(()) };
        let room = match self.page_at {
            Some(page_at) if page_at == context.now => return Ok(()),
            Some(_) => {
                self.page_at = Some(context.now);
                0
            }
            None => self.page_blue_score,
        };
        let root = self.last.map_or(0, |last| last.index);
        let child = usize::try_from(root).ok().and_then(|root| context.replica.blocks().get(root));
        let deepest = self.finality_depth.saturating_add(room);
        match child {
            Some(child) if tip.blue_score.saturating_sub(child.block.blue_score) >= deepest => Err(format!(
                "the chain goes on above blue score {}, and {:?} is still not finalized; finality is {}",
                tip.blue_score, child.block, self.finality_depth
            )),
            _ => Ok(()),
        }
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
    fn new(plan: &Plan, bridge: usize) -> Self {
        let is_prompt = plan.bridges[bridge].consumer.is_prompt();
        // A node ends a page with the block with which it has merged so many.
        let page_blue_score = (plan.parameters.mergeset_size_limit * (PAGE_MERGESETS + 1)) as u64;
        Self {
            finality_depth: plan.parameters.finality_depth,
            last: None,
            is_new: false,
            page_at: is_prompt.then_some(Duration::ZERO),
            page_blue_score,
        }
    }

    fn name(&self) -> &'static str {
        "finality"
    }

    fn meaning(&self) -> &'static str {
        "blocks become final exactly at the finality depth, and what is final stays"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        if matches!(event, L1Event::BlockAdded(_) | L1Event::Reorg(_)) {
            match &mut self.page_at {
                // The rest of the first page of a new bridge is no page of its own.
                Some(page_at) if self.is_new => *page_at = context.now,
                None if self.is_new => {}
                _ => self.check_advances(context)?,
            }
        }
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
