//! Recognises points of the followed chain: reorgs, distances, and pages that come too late.

use std::{collections::BTreeSet, time::Duration};

use bridge::{BlockAdded, L1Event, Reorg};
use kaspa_hashes::Hash;
use sim::{dag::BlockId, node::PAGE_MERGESETS};

use super::{Coverage, Point};
use crate::check::Context;

/// Blocks that the deepest reorg of calm weather does not remove.
const DEEP: usize = 20;

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// Blue score and hash of blocks that were removed and may come back. Blue scores rise along a chain, so that none
    /// comes back whose blue score is not above the root's.
    removed: BTreeSet<(u64, Hash)>,
    /// Chain requests answered when the chain changed last.
    answers: usize,
    /// When the node was found to have left a delivered block last: blocks of one page come at one time.
    stale_at: Option<Duration>,
}

impl Chain {
    pub(super) fn on_event(&mut self, event: &L1Event, context: Context<'_>, coverage: &mut Coverage) {
        match event {
            L1Event::BlockAdded(added) => self.on_added(added, context, coverage),
            L1Event::Reorg(reorg) => self.on_reorg(reorg, context, coverage),
            L1Event::Finalized { block, .. } => {
                self.removed = self.removed.split_off(&(block.blue_score.saturating_add(1), Hash::default()));
            }
            _ => {}
        }
    }

    fn on_added(&mut self, added: &BlockAdded, context: Context<'_>, coverage: &mut Coverage) {
        self.look_at_page(added.parent, added.block.hash, context, coverage);
        if self.removed.remove(&(added.block.blue_score, added.block.hash)) {
            coverage.hit(Point::ReorgBack);
        }
    }

    fn on_reorg(&mut self, reorg: &Reorg, context: Context<'_>, coverage: &mut Coverage) {
        self.look_at_page(reorg.fork.hash, reorg.fork.hash, context, coverage);
        if reorg.removed.len() >= DEEP {
            coverage.hit(Point::DeepReorg);
        }
        if reorg.fork.index == 0 {
            coverage.hit(Point::ReorgToAnchor);
        }
        let fork = usize::try_from(reorg.fork.index).unwrap_or(usize::MAX);
        let removed = context.replica.blocks().get(fork..).unwrap_or(&[]);
        if let Some(lowest) = removed.first() {
            let depth = reorg.old_tip.blue_score.saturating_sub(lowest.block.blue_score);
            let finality_depth = context.network.store().parameters().finality_depth;
            if depth >= finality_depth - finality_depth / 4 {
                coverage.hit(Point::ReorgNearFinality);
            }
        }
        self.removed.extend(removed.iter().map(|removed| (removed.block.blue_score, removed.block.hash)));
    }

    /// Looks at the answer from which an event came that leads from `base` to `tip`. A consumer that takes its time gets
    /// events when later answers are there, so that of these nothing can be said.
    fn look_at_page(&mut self, base: Hash, tip: Hash, context: Context<'_>, coverage: &mut Coverage) {
        if !context.bridge.consumer.is_prompt() {
            return;
        }
        let (Some(answer), dag) = (context.answers.last(), context.network.store().dag()) else { return };
        // The oracle stands on the new tip, but for one that no DAG has.
        let new_tip = context.oracle.tip().id;
        if dag.hash(new_tip) != tip {
            return;
        }
        if self.answers != context.answers.len() {
            self.answers = context.answers.len();
            if dag.id(&base).is_some_and(|base| is_beyond_a_page(base, answer.sink, context)) {
                coverage.hit(Point::SeveralPages);
            }
        }
        let is_stale = !dag.is_chain_ancestor(new_tip, context.network.node(answer.node as usize).sink());
        if is_stale && self.stale_at.replace(context.now) != Some(context.now) {
            coverage.hit(Point::StalePage);
        }
    }
}

/// Whether so many blues alone are between the two that no page holds them.
fn is_beyond_a_page(base: BlockId, sink: BlockId, context: Context<'_>) -> bool {
    let store = context.network.store();
    let page = store.parameters().mergeset_size_limit.saturating_mul(PAGE_MERGESETS);
    store.dag().blue_score(sink).saturating_sub(store.dag().blue_score(base)) > page as u64
}
