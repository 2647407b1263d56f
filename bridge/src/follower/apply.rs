//! From a verified page to events: the only place that changes the chain.

use std::time::Duration;

use super::{
    Follower, Link,
    session::{Claim, Step},
};
use crate::{
    chain::ChainView,
    error::Violation,
    event::{BlockAdded, L1Event, Reorg},
    page::{self, PageCheck, VerifiedBlock, VerifiedPage},
    wire::ChainPage,
};

/// Shortest time between two `CatchingUp` events.
const CATCHING_UP_INTERVAL: Duration = Duration::from_secs(1);

impl Follower {
    /// Checks a page whole and applies it if it may be believed.
    pub(super) fn on_page(&mut self, page: &ChainPage<'_>, now: Duration) -> Result<(), Violation> {
        let Some(view) = &self.chain else { return Ok(()) };
        let tip = view.tip();
        let claim = match page::check(page, view)? {
            PageCheck::Verified(verified) => {
                let heavier = verified.added.last().is_some_and(|block| block.record.weight() > tip.weight());
                if verified.removed.is_empty() || heavier {
                    self.apply(verified, now);
                    return Ok(());
                }
                Claim::Page(Box::new(verified))
            }
            PageCheck::RemovesRoot if self.emitted == 0 && self.chooses_anchor() => {
                self.choose_anchor_anew(now);
                return Ok(());
            }
            PageCheck::RemovesRoot => Claim::RemovesRoot,
        };
        // The page may be cut or stripped at its newest end, or the node fell behind: only the node's sink can tell.
        if let Link::Open(session) = &mut self.link {
            session.step = Step::ConfirmSink { claim };
        }
        Ok(())
    }

    /// Applies a page that is believed and decides whether there is more to fetch.
    pub(super) fn apply(&mut self, page: VerifiedPage, now: Duration) {
        let moved = !page.removed.is_empty() || !page.added.is_empty();
        if !page.removed.is_empty() && !self.cut_back(page.removed) {
            return;
        }
        for block in page.added {
            self.append(block);
        }
        if moved && let Some(root) = self.chain.as_mut().and_then(|view| view.advance_root(self.finality_depth)) {
            self.emit_sequenced(|sequence| L1Event::Finalized { sequence, block: root });
        }
        self.retry.progressed();
        self.terminal.fill(None);
        self.after_page(moved, now);
    }

    /// Returns false, changing nothing, if the removal would pass the root; a checked page never does.
    fn cut_back(&mut self, removed: Vec<kaspa_hashes::Hash>) -> bool {
        let Some(view) = &mut self.chain else { return false };
        let old_tip = view.tip_ref();
        let Some(fork) = view.cut_back(removed.len()) else { return false };
        self.emit_sequenced(|sequence| L1Event::Reorg(Reorg { sequence, fork, old_tip, removed }));
        true
    }

    fn append(&mut self, block: VerifiedBlock) {
        let Some(view) = &mut self.chain else { return };
        let parent = view.tip().hash;
        let reference = view.append(block.record);
        self.emit_sequenced(|sequence| {
            L1Event::BlockAdded(BlockAdded {
                sequence,
                block: reference,
                parent,
                daa_score: block.daa_score,
                timestamp_ms: block.timestamp_ms,
                accepted: block.accepted,
                verified: true,
            })
        });
    }

    /// Plans the next fetch and reports where we stand.
    fn after_page(&mut self, moved: bool, now: Duration) {
        let Some(tip) = self.chain.as_ref().map(ChainView::tip_ref) else { return };
        let Link::Open(session) = &mut self.link else { return };
        session.next_poll_at = now + self.config.poll_interval;
        // What was waited for is over: the next time is news.
        (session.lagging_reported, session.resetting_reported) = (false, false);
        session.conflict_seen = false;
        if let Some(view) = &self.chain {
            session.hints.retain(|hash| !view.contains(hash));
        }
        // A page may be cut below the sink: unless our tip is the block announced last, only an empty page is the end.
        let at_announced_end = session.newest_announced == Some(tip.hash);
        session.dirty |= !session.hints.is_empty() || (moved && !at_announced_end);
        session.hints.clear();
        session.sink_blue_score = session.sink_blue_score.max(tip.blue_score);
        if !session.dirty {
            if !std::mem::replace(&mut session.synced, true) {
                self.emit(L1Event::Synced { tip });
            }
        } else if !session.synced && session.caught_up_report_at.is_none_or(|at| at + CATCHING_UP_INTERVAL <= now) {
            session.caught_up_report_at = Some(now);
            let sink_blue_score = session.sink_blue_score;
            self.emit(L1Event::CatchingUp { tip_blue_score: tip.blue_score, sink_blue_score });
        }
    }
}
