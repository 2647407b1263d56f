//! What must hold while a follower runs in a [`Rig`](super::Rig), and how it is told that something does not.

use std::time::Duration;

use thiserror::Error;

/// A law that a follower broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Law {
    /// The follower keeps its side of the sans-IO contract: one session at a time, well-formed requests on the open
    /// session only, a wake-up ahead until it has finished and nothing after that, no call without a pause.
    Contract,
    /// Sequence numbers are 1, 2, 3, ... once each in the acknowledged stream, over restarts too.
    Sequence,
    /// Each added block follows the tip, in index and selected parent.
    Path,
    /// Each added block is what the DAG says: header fields, and the accepted transactions element by element.
    Truth,
    /// After each event the path is a prefix of the selected chain that the answering node held when it answered the last
    /// chain request whose reply the follower has.
    Guarantee,
    /// No block is delivered before the answering node's sink is deeper than the confirmations asked for.
    Confirmations,
    /// A reorg names the tip, the fork and the removed blocks as they are, stays above the root, and is believed only of a
    /// node whose sink is heavier than the tip.
    Reorg,
    /// The root moves up the path only, to a block that is deep enough, and what was ever final stays, over restarts too. At
    /// rest nothing above the root is deep enough.
    Finality,
    /// Connected and Disconnected alternate, Synced tells the tip, and nothing follows Fatal.
    Sessions,
    /// A node is rejected only for what is true of it, and Fatal needs a conflict at every node.
    Rejection,
    /// Unacknowledged events never exceed the high-water mark and one page with the reorg and finalization that come
    /// with it.
    Queue,
    /// Requests are bounded by what happened: blocks delivered, announcements, polls and sessions.
    Economy,
    /// When the L1 rests and time passes, the path is the node's selected chain cut at the confirmations, and the follower
    /// says that it is synced.
    Rest,
}

/// A law that was broken, when and how.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{law:?} was broken at {at:?}: {what}")]
pub struct Breach {
    /// Which.
    pub law: Law,
    /// Virtual time.
    pub at: Duration,
    /// What was seen.
    pub what: String,
}

/// A breach that nobody has put a time to yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) law: Law,
    pub(super) what: String,
}

impl Broken {
    pub(super) fn at(self, at: Duration) -> Breach {
        Breach { law: self.law, at, what: self.what }
    }
}

/// Ok if it holds; otherwise a breach with the text.
pub(super) fn require(holds: bool, law: Law, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { law, what: what() }) }
}
