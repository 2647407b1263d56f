//! A resume without the window: what the checkpoint does not tell of our chain is fetched back from the node.
//!
//! First where the node's chain leaves ours: our tip's header says how heavy it is, and the page from our tip what was
//! removed. If the node does not know our tip any more, that is found later, as the newest entry of the locator that is on
//! the node's chain. Then the references from the root, or from the lowest entry that the node still serves, up to there,
//! page by page at Low verbosity. Their continuity is the node's word; every entry of the locator on the way must be where
//! the checkpoint has it.
//!
//! Nothing is told before all of it has come. What came stays over the end of a session: another starts where it ended, and
//! begins anew if the node's chain has another block there.

use std::{collections::VecDeque, time::Duration};

use kaspa_hashes::Hash;

use super::{
    Follower, Link,
    apply::REPORT_INTERVAL,
    session::{Claim, Step},
    unweighed_view,
};
use crate::{
    chain::ChainRecord,
    checkpoint::Checkpoint,
    error::Violation,
    event::{ChainRef, L1Event, Reorg},
    page,
    wire::{Block, ChainPage, HashList},
};

/// How often a chain may change in one session while it is being fetched. Reorgs that reach below a tip that is not
/// followed any more are rare; a node that never shows the same chain twice must not hold the bridge for ever.
const MOST_RESTARTS: u32 = 4;

/// What is known of the chain of a checkpoint.
#[derive(Debug)]
pub(super) struct Restore {
    checkpoint: Checkpoint,
    /// Blocks of the node's chain, from an entry of the locator on, without gaps.
    fetched: Vec<ChainRef>,
    /// What the node removes of our chain, tip first; `None` if it does not know our tip.
    removed: Option<Vec<Hash>>,
    /// How heavy our tip is, if the node knows it.
    weight: Option<ChainRecord>,
}

/// Blocks to ask the chain from, the best first.
#[derive(Debug)]
pub(super) struct Candidates(VecDeque<ChainRef>);

/// What a page of the window leads to.
enum Progress {
    /// More is to be fetched.
    Unfinished,
    /// The node's chain is not the one that it was a page ago.
    Changed,
    /// Everything up to the fork is there.
    Complete { fork: ChainRef },
}

impl Candidates {
    pub(super) fn newest(&self) -> Option<ChainRef> {
        self.0.front().copied()
    }
}

impl Restore {
    pub(super) fn new(checkpoint: Checkpoint) -> Self {
        Self { checkpoint, fetched: Vec::new(), removed: None, weight: None }
    }

    pub(super) fn tip(&self) -> ChainRef {
        self.checkpoint.tip()
    }

    pub(super) fn root(&self) -> ChainRef {
        self.checkpoint.root()
    }

    /// Whence to ask: where the last page ended, or else the root, and the entries above it if the node does not serve it.
    fn candidates(&self) -> Candidates {
        match self.fetched.last() {
            Some(last) => Candidates(VecDeque::from([*last])),
            None => Candidates(self.checkpoint.locator().iter().rev().copied().collect()),
        }
    }

    /// The place of the fork as far as the removed blocks tell it.
    fn highest_index(&self) -> u64 {
        let removed = self.removed.as_ref().map_or(0, Vec::len);
        self.tip().index.saturating_sub(removed as u64)
    }

    /// The entry of the locator with this index.
    fn entry_at(&self, index: u64) -> Option<ChainRef> {
        let entries = self.checkpoint.locator();
        let at = entries.binary_search_by(|entry| index.cmp(&entry.index)).ok()?;
        entries.get(at).copied()
    }

    /// Whether a node with this sink must have left our tip. If it does not know the tip, only blue score can tell.
    fn is_outweighed_by(&self, sink: &ChainRecord) -> bool {
        match &self.weight {
            Some(tip) => sink.weight() > tip.weight(),
            None => sink.blue_score > self.tip().blue_score,
        }
    }

    /// Nothing of what came is kept.
    pub(super) fn forget(&mut self) {
        self.fetched.clear();
        (self.removed, self.weight) = (None, None);
    }

    /// The lowest entry of the locator above a block of our chain.
    fn entry_above(&self, block: ChainRef) -> Option<ChainRef> {
        self.checkpoint.locator().iter().rev().find(|entry| entry.index > block.index).copied()
    }

    /// Checks what is removed against the locator: no other blocks of ours are known.
    fn check_removed(&self, removed: HashList<'_>) -> Result<Vec<Hash>, Violation> {
        let tip = self.tip();
        let mut hashes = Vec::with_capacity(removed.len());
        for (position, found) in removed.iter().enumerate() {
            let index = tip.index.checked_sub(position as u64);
            if let Some(expected) = index.and_then(|index| self.entry_at(index))
                && expected.hash != found
            {
                return Err(Violation::RemovedNotOurs { position, found, expected: expected.hash });
            }
            hashes.push(found);
        }
        Ok(hashes)
    }

    /// Takes in a page that continues the fetched blocks from `base` on.
    fn extend(&mut self, base: ChainRef, page: &ChainPage<'_>, is_last: bool) -> Result<Progress, Violation> {
        if !page.removed.is_empty() {
            return Ok(Progress::Changed);
        }
        let references = page::check_references(page, base)?;
        if self.fetched.is_empty() {
            self.fetched.push(base);
        }
        let highest = self.highest_index();
        for reference in references {
            if reference.index > highest {
                break;
            }
            match self.entry_at(reference.index) {
                Some(entry) if entry.hash == reference.hash && entry != reference => {
                    return Err(Violation::ScoresDiffer { hash: reference.hash });
                }
                // The fork is between this entry and the one below it.
                Some(entry) if entry != reference && self.removed.is_none() => return Ok(self.fork_below(entry)),
                // A reorg since the page that told what is removed.
                Some(entry) if entry != reference => return Ok(Progress::Changed),
                _ => self.fetched.push(reference),
            }
        }
        let newest = self.fetched.last().copied().unwrap_or(base);
        Ok(match &self.removed {
            _ if newest.index == highest => Progress::Complete { fork: newest },
            // The node's chain is heavier than ours and has fewer blocks.
            None if is_last => self.fork_below(self.tip()),
            Some(_) if is_last => Progress::Changed,
            _ => Progress::Unfinished,
        })
    }

    /// The newest entry below `above` that is on the node's chain becomes the fork.
    fn fork_below(&mut self, above: ChainRef) -> Progress {
        let is_entry = |block: &&ChainRef| block.index < above.index && self.entry_at(block.index) == Some(**block);
        let fork = self.fetched.iter().rev().find(is_entry).copied();
        let Some(fork) = fork else { return Progress::Changed };
        self.fetched.retain(|block| block.index <= fork.index);
        Progress::Complete { fork }
    }
}

impl Follower {
    /// The header of our tip, if the node has it.
    pub(super) fn on_restored_tip(&mut self, block: Option<&Block<'_>>, now: Duration) -> Result<(), Violation> {
        let Some(restore) = &mut self.restore else { return Ok(()) };
        let Link::Open(session) = &mut self.link else { return Ok(()) };
        (restore.removed, restore.weight) = (None, None);
        if let Some(block) = block {
            restore.weight = Some(page::check_header(restore.tip().hash, &block.header)?);
            session.step = Step::RestoreFork;
            return Ok(());
        }
        if session.sink.is_some_and(|sink| restore.is_outweighed_by(&sink)) {
            session.step = Step::RestoreWindow { candidates: restore.candidates() };
        } else {
            self.on_behind_while_restoring(now);
        }
        Ok(())
    }

    /// The page from our tip: where the node's chain leaves ours.
    pub(super) fn on_restored_fork(&mut self, page: &ChainPage<'_>, now: Duration) -> Result<(), Violation> {
        let Some(restore) = &mut self.restore else { return Ok(()) };
        let Link::Open(session) = &mut self.link else { return Ok(()) };
        let removed = restore.check_removed(page.removed)?;
        if !removed.is_empty() && !session.sink.is_some_and(|sink| restore.is_outweighed_by(&sink)) {
            self.on_behind_while_restoring(now);
            return Ok(());
        }
        if removed.len() as u64 > restore.tip().index - restore.root().index {
            self.on_root_left(now);
            return Ok(());
        }
        restore.removed = Some(removed);
        if restore.fetched.last().is_some_and(|newest| newest.index > restore.highest_index()) {
            restore.fetched.clear();
        }
        session.step = Step::RestoreWindow { candidates: restore.candidates() };
        Ok(())
    }

    /// The node serves the chain from the first of the candidates.
    pub(super) fn on_restored_page(
        &mut self,
        page: &ChainPage<'_>,
        candidates: Candidates,
        now: Duration,
    ) -> Result<(), Violation> {
        let Some(restore) = &mut self.restore else { return Ok(()) };
        let Link::Open(session) = &mut self.link else { return Ok(()) };
        let Some(base) = candidates.newest() else { return Ok(()) };
        let is_stripped = session.asked.is_bounded;
        if !page.added.is_empty() {
            session.boost = 0;
        } else if is_stripped {
            session.boost();
        }
        if !page.removed.is_empty() && base == restore.root() {
            self.on_root_left(now);
            return Ok(());
        }
        if !page.removed.is_empty() && restore.fetched.is_empty() {
            // An entry above the root that is not on the node's chain: it serves as little as one that is refused.
            return self.on_candidate_refused(candidates, now);
        }
        match restore.extend(base, page, page.added.is_empty() && !is_stripped)? {
            Progress::Complete { fork } => self.on_fork_found(fork, now)?,
            Progress::Unfinished => {
                session.step = Step::RestoreWindow { candidates: restore.candidates() };
                let newest = restore.fetched.last().copied().unwrap_or(base);
                self.report_restored(newest, now);
            }
            Progress::Changed => self.restore_anew(now)?,
        }
        Ok(())
    }

    /// A reorg since the last page: asks for everything again.
    fn restore_anew(&mut self, now: Duration) -> Result<(), Violation> {
        let Some(restore) = &mut self.restore else { return Ok(()) };
        let Link::Open(session) = &mut self.link else { return Ok(()) };
        restore.fetched.clear();
        session.restarts += 1;
        if session.restarts >= MOST_RESTARTS {
            return Err(Violation::Unstable { pages: session.restarts });
        }
        session.not_before = now + self.config.poll_interval;
        session.step = Step::AskDagInfo;
        Ok(())
    }

    /// The node does not serve the chain from the first of the candidates.
    pub(super) fn on_candidate_refused(&mut self, mut candidates: Candidates, now: Duration) -> Result<(), Violation> {
        let Some(restore) = &mut self.restore else { return Ok(()) };
        let Link::Open(session) = &mut self.link else { return Ok(()) };
        if !restore.fetched.is_empty() {
            // What another node gave, or this one before it changed its mind.
            return self.restore_anew(now);
        }
        candidates.0.pop_front();
        if restore.removed.is_none() && candidates.newest() == Some(restore.tip()) {
            candidates.0.pop_front();
        }
        session.step = match candidates.newest() {
            Some(_) => Step::RestoreWindow { candidates },
            None => Step::AskPruningPoint,
        };
        Ok(())
    }

    /// The window is there. A consumer may have died between a block and what it made final: a reorg that removes a block
    /// which is final at our tip is none, whatever the checkpoint's root is.
    fn on_fork_found(&mut self, fork: ChainRef, now: Duration) -> Result<(), Violation> {
        let Some(restore) = &self.restore else { return Ok(()) };
        let depth_of = |block: ChainRef| restore.tip().blue_score.saturating_sub(block.blue_score);
        let above = restore.entry_above(fork);
        match restore.removed.as_ref().map(|removed| removed.last().copied()) {
            Some(Some(child)) => {
                if let Link::Open(session) = &mut self.link {
                    session.step = Step::RestoreChild { fork, child };
                }
                Ok(())
            }
            // The chains part somewhere below this entry.
            None if let Some(above) = above.filter(|above| depth_of(*above) >= self.finality_depth) => {
                self.on_final_block_left(above.hash, now);
                Ok(())
            }
            _ => self.confirm_fork(fork),
        }
    }

    /// A node that was reset since it told where its sink is would seem to have left our chain: the sink is asked again.
    fn confirm_fork(&mut self, fork: ChainRef) -> Result<(), Violation> {
        if self.restore.as_ref().is_some_and(|restore| restore.tip() == fork) {
            return self.restored(fork);
        }
        if let Link::Open(session) = &mut self.link {
            session.step = Step::ConfirmSink { claim: Claim::LeftAt { fork } };
        }
        Ok(())
    }

    pub(super) fn on_fork_confirmed(
        &mut self,
        fork: ChainRef,
        sink: ChainRecord,
        now: Duration,
    ) -> Result<(), Violation> {
        if self.restore.as_ref().is_some_and(|restore| restore.is_outweighed_by(&sink)) {
            return self.restored(fork);
        }
        self.on_behind_while_restoring(now);
        Ok(())
    }

    /// The header of the lowest block of ours that the node's chain leaves out. It must follow the fork: the node may have
    /// reorganised between the page that removed it and those of the window.
    pub(super) fn on_child_of_fork(
        &mut self,
        fork: ChainRef,
        child: Hash,
        block: &Block<'_>,
        now: Duration,
    ) -> Result<(), Violation> {
        let child = page::check_header(child, &block.header)?;
        if block.header.first_parent() != Some(fork.hash) {
            return self.restore_anew(now);
        }
        let Some(tip) = self.restore.as_ref().map(|restore| restore.tip()) else { return Ok(()) };
        if tip.blue_score.saturating_sub(child.blue_score) >= self.finality_depth {
            self.on_final_block_left(child.hash, now);
            return Ok(());
        }
        self.confirm_fork(fork)
    }

    /// Everything is there: begins to follow, from the fork if the tip left the chain meanwhile.
    fn restored(&mut self, fork: ChainRef) -> Result<(), Violation> {
        let Some(restore) = self.restore.take() else { return Ok(()) };
        let is_final = self.is_final_root(&restore.checkpoint) && restore.fetched.first() == Some(&restore.root());
        match unweighed_view(&restore.fetched, is_final) {
            Ok(view) => self.go_on_with(view),
            Err(repeated) => {
                self.restore = Some(Box::new(Restore::new(restore.checkpoint)));
                return Err(Violation::Repeated { hash: repeated.hash });
            }
        }
        let old_tip = restore.tip();
        // What is final at the tip stays, also if the consumer died before it was told so.
        self.finalize_below(old_tip.blue_score);
        if fork != old_tip {
            let removed_known = restore.removed.is_some();
            let removed = restore.removed.unwrap_or_default();
            self.emit_sequenced(|sequence| L1Event::Reorg(Reorg { sequence, fork, old_tip, removed, removed_known }));
        }
        if let Link::Open(session) = &mut self.link {
            (session.step, session.dirty) = (Step::Follow, true);
        }
        Ok(())
    }

    /// The node's chain is not heavier than the checkpoint's.
    fn on_behind_while_restoring(&mut self, now: Duration) {
        let Link::Open(session) = &self.link else { return };
        let Some(sink) = session.sink else { return };
        self.on_lagging(sink.hash, now);
        if let Link::Open(session) = &mut self.link {
            session.step = Step::AskDagInfo;
        }
    }

    fn report_restored(&mut self, newest: ChainRef, now: Duration) {
        let Link::Open(session) = &mut self.link else { return };
        if session.catching_up_reported_at.is_none_or(|at| at + REPORT_INTERVAL <= now) {
            session.catching_up_reported_at = Some(now);
            let (tip_blue_score, sink_blue_score) = (newest.blue_score, session.sink_blue_score);
            self.emit(L1Event::CatchingUp { tip_blue_score, sink_blue_score });
        }
    }

    /// The lowest block of our chain, and whether it is final.
    pub(super) fn lowest(&self) -> Option<(ChainRef, bool)> {
        match (&self.chain, &self.restore) {
            (Some(view), _) => Some((view.root_ref(), view.root_is_final())),
            (None, Some(restore)) => Some((restore.root(), self.is_final_root(&restore.checkpoint))),
            (None, None) => None,
        }
    }
}
