//! What a node's refusal to serve the chain from our tip means.
//!
//! The node may be behind, or our tip may have left its chain so long ago that it is gone there, or the node may have
//! pruned everything that it has in common with us, or it may be elsewhere for good. Its sink tells whether it is behind.
//! If not, it is asked from older blocks of ours, at doubling distances, until it serves one. That page says where our
//! chains part; if no block of ours is served, the pruning point says why.

use std::{collections::VecDeque, time::Duration};

use kaspa_hashes::Hash;

use super::{
    Follower, Link,
    session::{Claim, Step},
};
use crate::{
    chain::{ChainRecord, ChainView},
    checkpoint::locator_indices,
    error::{RejectReason, Violation},
    event::ChainRef,
    page,
    remote_error::RemoteError,
    wire::Block,
};

impl Follower {
    /// The node refused our tip, or an older block of ours that was asked for because it had refused the tip. While nothing
    /// was emitted another anchor is chosen instead; afterwards never.
    pub(super) fn on_block_refused(&mut self, error: RemoteError, now: Duration) {
        let Some(tip) = self.chain.as_ref().map(|view| view.tip().hash) else { return };
        if self.emitted == 0 && self.chooses_anchor() {
            return self.choose_anchor_anew(RejectReason::TipRefused { tip, error }, now);
        }
        let Link::Open(session) = &mut self.link else { return };
        session.step = match std::mem::replace(&mut session.step, Step::Follow) {
            Step::AskFrom { older, .. } => next_older(older),
            _ => Step::ConfirmSink { claim: Claim::RefusesTip },
        };
    }

    /// The node is ahead of us and does not serve our tip: asks from older and older blocks.
    pub(super) fn look_below_tip(&mut self, now: Duration) {
        let Some(view) = &self.chain else { return };
        let (root, tip) = (view.root_ref().index, view.tip_ref().index);
        let older = locator_indices(root, tip).skip(1).filter_map(|index| reference_at(view, index)).collect();
        if let Link::Open(session) = &mut self.link {
            (session.step, session.not_before) = (next_older(older), now);
        }
    }

    /// Asks how the chain goes on from our block `depth` below the tip, which the node's chain contains.
    pub(super) fn ask_from(&mut self, depth: usize) {
        let Some(view) = &self.chain else { return };
        let index = u64::try_from(depth).ok().and_then(|depth| view.tip_ref().index.checked_sub(depth));
        let Some(base) = index.and_then(|index| reference_at(view, index)) else { return };
        if let Link::Open(session) = &mut self.link {
            session.step = Step::AskFrom { base, older: VecDeque::new() };
        }
    }

    /// How far our block is below the tip.
    pub(super) fn depth_of(&self, block: ChainRef) -> usize {
        let tip = self.chain.as_ref().map_or(0, |view| view.tip_ref().index);
        usize::try_from(tip.saturating_sub(block.index)).unwrap_or(usize::MAX)
    }

    /// The node's chain is heavier than ours and it serves it from none of our blocks.
    pub(super) fn on_nothing_served(&mut self, pruning_point: ChainRecord, now: Duration) {
        let Some((root, _)) = self.lowest() else { return };
        if pruning_point.blue_score > root.blue_score {
            let reason = RejectReason::Pruned { root: root.hash, pruning_point: pruning_point.hash };
            self.reject_if_found_again(reason, now);
        } else {
            self.on_root_left(now);
        }
    }

    /// Our tip, if its blue work is not known: after a resume, and after a reorg down to a block from before it.
    pub(super) fn unweighed_tip(&self) -> Option<Hash> {
        self.chain.as_ref().filter(|view| view.tip_ref().index < self.weighed_from).map(|view| view.tip().hash)
    }

    /// Takes the blue work of our tip from its header, which hashes to the tip's hash.
    pub(super) fn on_tip_header(&mut self, block: &Block<'_>) -> Result<(), Violation> {
        let Some(view) = &mut self.chain else { return Ok(()) };
        let record = page::check_header(view.tip().hash, &block.header)?;
        view.weigh_tip(record.blue_work);
        self.weighed_from = view.tip_ref().index;
        Ok(())
    }

    /// Whether a node with this sink must have left our tip, and not only be on its way to it. A tip that the node does
    /// not know cannot be weighed after a resume; blue score decides then, which goes up with the work.
    pub(super) fn outweighs_tip(&self, block: &ChainRecord) -> bool {
        let Some(tip) = self.chain.as_ref().map(ChainView::tip) else { return false };
        match self.unweighed_tip() {
            None => block.weight() > tip.weight(),
            Some(_) => block.blue_score > tip.blue_score,
        }
    }
}

fn next_older(mut older: VecDeque<ChainRef>) -> Step {
    match older.pop_front() {
        Some(base) => Step::AskFrom { base, older },
        None => Step::AskPruningPoint,
    }
}

fn reference_at(view: &ChainView, index: u64) -> Option<ChainRef> {
    let depth = usize::try_from(view.tip_ref().index.checked_sub(index)?).ok()?;
    let record = view.below_tip(depth)?;
    Some(ChainRef { hash: record.hash, index, blue_score: record.blue_score })
}
