//! A consumer that believes nothing: it applies every event to its own path and panics at the first one that breaks the
//! contract of the stream.
//!
//! What it checks: sequence numbers are 1, 2, 3, ...; a block's parent is the tip and its index the tip's plus one; blue
//! score rises; a reorg names the path it cuts and never passes the root; the root only moves up the path, to a block that
//! is deep enough, and what is below it stays; sessions open and close in turn; nothing follows `Fatal`.

use bridge::{ChainRef, FatalError, L1Event};
use kaspa_hashes::Hash;

/// The consumer's own copy of what it was told.
#[derive(Clone, Debug)]
pub struct Consumer {
    finality_depth: u64,
    /// From the anchor on, which was not announced: its place is 0.
    path: Vec<Hash>,
    scores: Vec<u64>,
    root_index: usize,
    sequence: u64,
    session: Option<u64>,
    fatal: Option<FatalError>,
    /// Blocks whose continuity is the node's word: whether they may come, and how many did.
    pub trusts: bool,
    pub unverified: usize,
    /// Whether accepted transactions may be left out.
    pub filtered: bool,
}

impl Consumer {
    /// A consumer that was told nothing yet.
    pub fn new(finality_depth: u64) -> Self {
        Self {
            finality_depth,
            path: Vec::new(),
            scores: Vec::new(),
            root_index: 0,
            sequence: 0,
            session: None,
            fatal: None,
            trusts: false,
            unverified: 0,
            filtered: false,
        }
    }

    /// The applied path from the anchor to the tip; empty while no block was announced.
    pub fn path(&self) -> &[Hash] {
        &self.path
    }

    /// The blocks that are final, the unannounced anchor first.
    pub fn finalized(&self) -> &[Hash] {
        &self.path[..self.path.len().min(self.root_index + 1)]
    }

    /// The last sequence number.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The session that was announced and not ended.
    pub fn session(&self) -> Option<u64> {
        self.session
    }

    /// The end, if it was told.
    pub fn fatal(&self) -> Option<&FatalError> {
        self.fatal.as_ref()
    }

    /// It begins again with what it has: the old bridge will not tell the end of its session.
    pub fn restart(&mut self) {
        (self.session, self.fatal) = (None, None);
    }

    /// Applies one event.
    ///
    /// # Panics
    /// If it breaks the contract.
    pub fn take(&mut self, event: &L1Event) {
        assert_eq!(self.fatal, None, "{event:?} follows Fatal");
        if let Some(sequence) = event.sequence() {
            assert_eq!(sequence, self.sequence + 1, "{event:?}");
            self.sequence = sequence;
        }
        match event {
            L1Event::BlockAdded(added) => {
                if self.path.is_empty() {
                    self.path.push(added.parent);
                    self.scores.push(0);
                }
                assert_eq!(self.path.last(), Some(&added.parent), "the parent is the tip: {added:?}");
                assert_eq!(added.block.index, self.path.len() as u64, "{added:?}");
                assert!(added.block.blue_score > self.scores[self.scores.len() - 1], "{added:?}");
                assert!(added.verified || self.trusts, "{added:?}");
                self.unverified += usize::from(!added.verified);
                let indices = added.accepted.iter().map(|transaction| transaction.acceptance_index);
                assert!(self.filtered || indices.eq(0..added.accepted.len() as u32), "{added:?}");
                self.path.push(added.block.hash);
                self.scores.push(added.block.blue_score);
            }
            L1Event::Reorg(reorg) => {
                self.check_place(reorg.old_tip);
                assert_eq!(reorg.old_tip.index as usize + 1, self.path.len(), "{reorg:?}");
                self.check_place(reorg.fork);
                let fork = reorg.fork.index as usize;
                assert!(fork >= self.root_index, "a reorg passes the root: {reorg:?}");
                let removed = if reorg.removed_known { &self.path[fork + 1..] } else { &[] };
                assert!(removed.iter().rev().eq(&reorg.removed), "{reorg:?}");
                assert!(fork + 1 < self.path.len(), "nothing is removed: {reorg:?}");
                self.path.truncate(fork + 1);
                self.scores.truncate(fork + 1);
            }
            L1Event::Finalized { block, .. } => {
                self.check_place(*block);
                assert!(block.index as usize > self.root_index, "the root moved back to {block:?}");
                self.root_index = block.index as usize;
                let tip_score = self.scores[self.scores.len() - 1];
                assert!(tip_score - block.blue_score >= self.finality_depth, "{block:?} is not final");
                let child = self.scores.get(self.root_index + 1);
                assert!(child.is_none_or(|score| tip_score - score < self.finality_depth), "the root lags");
            }
            L1Event::Connected { session, .. } => {
                assert!(self.session.is_none_or(|open| open < *session) && self.session.is_none());
                self.session = Some(*session);
            }
            L1Event::Disconnected { session, .. } => {
                assert_eq!(self.session.take(), Some(*session), "{event:?}");
            }
            L1Event::Fatal(error) => {
                assert_eq!(self.session, None, "Fatal before Disconnected");
                self.fatal = Some(error.clone());
            }
            L1Event::Synced { tip } if !self.path.is_empty() => {
                self.check_place(*tip);
                assert_eq!(tip.index as usize + 1, self.path.len());
            }
            _ => {}
        }
    }

    fn check_place(&self, block: ChainRef) {
        let place = block.index as usize;
        assert_eq!(self.path.get(place), Some(&block.hash), "{block:?} is not there");
        // The score of the anchor is not known to a consumer.
        assert!(place == 0 || self.scores[place] == block.blue_score, "{block:?}");
    }
}
