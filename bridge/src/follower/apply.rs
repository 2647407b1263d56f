//! From a verified page to events: the only place that changes the chain.

use std::time::Duration;

use kaspa_hashes::Hash;

use super::{
    Follower, Link,
    session::{Claim, Reported, Step},
};
use crate::{
    chain::{ChainRecord, ChainView},
    error::{RejectReason, Violation},
    event::{BlockAdded, L1Event, Reorg},
    page::{self, PageCheck, Trust, VerifiedBlock, VerifiedPage},
    wire::{Block, ChainPage, Verbosity},
};

/// A node cuts a page at ten mergeset limits of merged blocks, so it never cuts one with fewer chain blocks than these
/// (`kaspa_rpc_service::service::RpcCoreService::get_virtual_chain_from_block_v2_call`).
const BLOCKS_OF_ANY_PAGE: usize = 9;

/// Shortest time between two `CatchingUp` events, and from `Synced` to the next distance.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_secs(1);

impl Follower {
    /// Checks the answer for our block `depth` below the tip whole, and applies it if it may be believed.
    pub(super) fn on_page(&mut self, page: &ChainPage<'_>, depth: usize, now: Duration) -> Result<(), Violation> {
        let Some(view) = &self.chain else { return Ok(()) };
        let is_low = matches!(&self.link, Link::Open(session) if session.asked.verbosity != Verbosity::Full);
        let trust = if is_low { Trust::UpToLast } else { Trust::Nothing };
        let claim = match page::check(page, view, depth, trust, &self.config.filter)? {
            PageCheck::WithinOurs { depth } => {
                self.ask_from(depth);
                return Ok(());
            }
            PageCheck::Verified(verified) => {
                let last = verified.added.last().filter(|_| is_low).map(|block| block.record);
                match (last, &mut self.link) {
                    (Some(last), Link::Open(session)) => {
                        let below = verified.added.iter().rev().nth(1).map(|block| block.record.hash);
                        let fork = view.below_tip(verified.removed.len()).map(|record| record.hash);
                        let parent = below.or(fork);
                        session.step = Step::ConfirmLast { page: Box::new(verified), last, parent };
                    }
                    _ => self.on_verified_page(verified, now),
                }
                return Ok(());
            }
            PageCheck::RemovesRoot if self.emitted == 0 && self.chooses_anchor() => {
                // A consensus whose chain lacks the pruning point that it named is not the one that named it.
                let reason = match view.root_is_final() {
                    true => RejectReason::Resetting,
                    false => RejectReason::AnchorLeft { anchor: view.root_ref().hash },
                };
                self.choose_anchor_anew(reason, now);
                return Ok(());
            }
            PageCheck::RemovesRoot => Claim::RemovesRoot,
        };
        self.confirm_sink(claim);
        Ok(())
    }

    /// The header of a page's last block, which was asked for because the page was at lower verbosity.
    pub(super) fn on_last_header(
        &mut self,
        block: &Block<'_>,
        mut page: VerifiedPage,
        last: ChainRecord,
        parent: Option<Hash>,
        now: Duration,
    ) -> Result<(), Violation> {
        let record = page::check_header(last.hash, &block.header)?;
        if let Some(expected_parent) = parent.filter(|parent| block.header.first_parent() != Some(*parent)) {
            return Err(Violation::Discontinuous { hash: last.hash, expected_parent });
        }
        if record != last {
            return Err(Violation::ScoresDiffer { hash: last.hash });
        }
        if let Some(last) = page.added.last_mut() {
            last.verified = true;
        }
        self.on_verified_page(page, now);
        Ok(())
    }

    /// Applies a page that only adds, or that is heavier than what it removes. The others must wait for more.
    fn on_verified_page(&mut self, page: VerifiedPage, now: Duration) {
        let heavier = page.added.last().is_some_and(|block| self.outweighs_tip(&block.record));
        if page.removed.is_empty() || heavier {
            self.apply(page, now);
        } else {
            let was_heavier = matches!(&self.link, Link::Open(session) if session.sink_was_heavier);
            self.confirm_sink(Claim::Page { page: Box::new(page), was_heavier });
        }
    }

    /// The page may be cut or stripped at its newest end, or the node fell behind: only the node's sink can tell.
    fn confirm_sink(&mut self, claim: Claim) {
        if let Link::Open(session) = &mut self.link {
            session.step = Step::ConfirmSink { claim };
        }
    }

    /// Applies a page that is believed and decides whether there is more to fetch.
    pub(super) fn apply(&mut self, page: VerifiedPage, now: Duration) {
        let (moved, added) = (!page.removed.is_empty() || !page.added.is_empty(), page.added.len());
        if !page.removed.is_empty() && !self.cut_back(page.removed) {
            return;
        }
        for block in page.added {
            self.append(block);
        }
        self.finalize();
        self.terminal.fill(None);
        self.after_page(moved, added, now);
    }

    /// Moves the root up to the highest block that is final now.
    pub(super) fn finalize(&mut self) {
        if let Some(tip) = self.tip() {
            self.finalize_below(tip.blue_score);
        }
    }

    /// As [`finalize`](Self::finalize), for a tip that is no longer in the view.
    pub(super) fn finalize_below(&mut self, tip_blue_score: u64) {
        let depth = self.finality_depth;
        if let Some(root) = self.chain.as_mut().and_then(|view| view.advance_root(tip_blue_score, depth)) {
            self.emit_sequenced(|sequence| L1Event::Finalized { sequence, block: root });
        }
    }

    /// Returns false, changing nothing, if the removal would pass the root; a checked page never does.
    fn cut_back(&mut self, removed: Vec<Hash>) -> bool {
        let Some(view) = &mut self.chain else { return false };
        let old_tip = view.tip_ref();
        let Some(fork) = view.cut_back(removed.len()) else { return false };
        self.weighed_from = self.weighed_from.min(fork.index + 1);
        self.emit_sequenced(|sequence| {
            let removed_known = true;
            L1Event::Reorg(Reorg { sequence, fork, old_tip, removed, removed_known })
        });
        true
    }

    fn append(&mut self, block: VerifiedBlock) {
        let Some(view) = &mut self.chain else { return };
        let parent = view.tip().hash;
        let reference = view.append(block.record);
        if !block.verified {
            self.weighed_from = reference.index + 1;
        }
        self.emit_sequenced(|sequence| {
            L1Event::BlockAdded(BlockAdded {
                sequence,
                block: reference,
                parent,
                daa_score: block.daa_score,
                timestamp_ms: block.timestamp_ms,
                accepted: block.accepted,
                verified: block.verified,
            })
        });
    }

    /// Plans the next fetch and reports where we stand.
    fn after_page(&mut self, moved: bool, added: usize, now: Duration) {
        let Some(tip) = self.chain.as_ref().map(ChainView::tip_ref) else { return };
        let Link::Open(session) = &mut self.link else { return };
        // A node that answers one empty page and closes must not be called in ever the same short pause.
        if moved || session.opened_at + self.config.backoff_max < now {
            self.retry.progressed();
        }
        session.next_poll_at = now + self.config.poll_interval;
        // What was waited for is over: the next time is news.
        session.reported = Reported::default();
        (session.conflict_seen, session.sink_was_heavier, session.waits) = (false, false, 0);
        if moved {
            session.moved_at = now;
        }
        if let Some(view) = &self.chain {
            session.hints.retain(|hash| !view.contains(hash));
        }
        // A page may be cut below the sink: unless our tip is the block announced last, only an empty page is the end. Our
        // tip never is that block where confirmations are awaited: there a page that no limit can have cut is the end.
        let at_announced_end = session.newest_announced == Some(tip.hash);
        let is_whole = self.config.confirmations > 0 && added < BLOCKS_OF_ANY_PAGE;
        let is_end = match session.asked.is_bounded {
            true => at_announced_end,
            false => !moved || at_announced_end || is_whole,
        };
        if moved {
            session.boost = 0;
        } else if session.asked.is_bounded {
            session.boost();
        }
        session.dirty |= !session.hints.is_empty() || !is_end;
        session.hints.clear();
        let passed_sink = tip.blue_score > session.sink_blue_score;
        session.sink_blue_score = session.sink_blue_score.max(tip.blue_score);
        if !session.dirty {
            session.unfinished_pages = 0;
            if !std::mem::replace(&mut session.synced, true) {
                session.synced_at = now;
                self.emit(L1Event::Synced { tip });
            }
            return;
        }
        session.unfinished_pages += 1;
        // In steady state the page after a block is asked to be sure, and is the last. Two in a row are a distance.
        if session.unfinished_pages > 1 && session.synced_at + REPORT_INTERVAL <= now {
            session.synced = false;
        }
        if session.synced {
            return;
        }
        if passed_sink && std::mem::take(&mut session.sink_is_stale) {
            session.step = Step::AskDagInfo;
        }
        let is_due = session.catching_up_reported_at.is_none_or(|at| at + REPORT_INTERVAL <= now);
        if is_due && session.sink_blue_score > tip.blue_score {
            session.catching_up_reported_at = Some(now);
            let (tip_blue_score, sink_blue_score) = (tip.blue_score, session.sink_blue_score);
            self.emit(L1Event::CatchingUp { tip_blue_score, sink_blue_score });
        }
    }
}
