//! What a bridge tells its consumer.

use std::time::Duration;

use kaspa_hashes::Hash;

use crate::{
    error::{DisconnectReason, FatalError, RejectReason},
    wire::Network,
};

/// One event of the stream. [`BlockAdded`](L1Event::BlockAdded), [`Reorg`](L1Event::Reorg) and
/// [`Finalized`](L1Event::Finalized) carry a sequence number and change the chain; the others report on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum L1Event {
    /// One chain block was appended to the tip.
    BlockAdded(BlockAdded),
    /// More blocks are being fetched and the node's sink is known to be ahead; at most one a second.
    CatchingUp {
        /// Blue score of our tip; while a resume without window fetches that back, of the newest block fetched.
        tip_blue_score: u64,
        /// Blue score of the node's sink when it was last asked.
        sink_blue_score: u64,
    },
    /// A session began: the node was asked who it is and is on the right network.
    Connected {
        /// Number of the session, rising.
        session: u64,
        /// Its address.
        node: String,
        /// Version text of the node, at most 203 characters of it, none of them a control character.
        server_version: String,
        /// Network of the node.
        network: Network,
    },
    /// The session announced by the last `Connected` ended.
    Disconnected {
        /// Number of the session.
        session: u64,
        /// Why.
        reason: DisconnectReason,
        /// Pause before the next attempt; `None` when there is none.
        retry_in: Option<Duration>,
    },
    /// Nothing more will come: every node is unusable in a way that waiting does not mend. The consumer's state is
    /// untouched.
    Fatal(FatalError),
    /// The root moved to this block; it never moves back.
    Finalized {
        /// Position in the sequenced stream.
        sequence: u64,
        /// The new root.
        block: ChainRef,
    },
    /// A node answered in a way that disqualifies it for now.
    NodeRejected {
        /// Its address.
        node: String,
        /// What was seen.
        reason: RejectReason,
        /// Pause before the next attempt, at this or another node; `None` when the bridge stays connected and waits or
        /// chooses another anchor, or ends.
        retry_in: Option<Duration>,
    },
    /// The chain was cut back to `fork`; everything above it is undone.
    Reorg(Reorg),
    /// The tip is the newest eligible block of the last reply. Told when that is reached for the first time in a session,
    /// and again after a pause for acknowledgements, after `NodeRejected` without a new session, and after falling behind;
    /// not for every block.
    Synced {
        /// Our tip.
        tip: ChainRef,
    },
    /// An attempt to connect ended before the node told who it is.
    Unreachable {
        /// Its address.
        node: String,
        /// Why.
        reason: DisconnectReason,
        /// Pause before the next attempt.
        retry_in: Duration,
    },
}

impl L1Event {
    /// Position in the sequenced stream, for the events that have one.
    pub fn sequence(&self) -> Option<u64> {
        match self {
            Self::BlockAdded(block) => Some(block.sequence),
            Self::Reorg(reorg) => Some(reorg.sequence),
            Self::Finalized { sequence, .. } => Some(*sequence),
            _ => None,
        }
    }
}

/// A chain block by hash and place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainRef {
    /// Identity of the block.
    pub hash: Hash,
    /// Number of followed chain blocks below it; reused after a reorg.
    pub index: u64,
    /// Blue score of its header.
    pub blue_score: u64,
}

/// A chain block that extends the previous tip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockAdded {
    /// Position in the sequenced stream.
    pub sequence: u64,
    /// The block.
    pub block: ChainRef,
    /// The previous tip, which is the block's selected parent.
    pub parent: Hash,
    /// DAA score of its header.
    pub daa_score: u64,
    /// Timestamp of its header, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Transactions accepted by this block, in acceptance order.
    pub accepted: Vec<AcceptedTransaction>,
    /// True if the header was hashed here and names the previous tip as its first parent; false if continuity is the
    /// node's word.
    pub verified: bool,
}

/// A transaction accepted by a chain block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedTransaction {
    /// Transaction id.
    pub id: Hash,
    /// Position in the block's complete list of accepted transactions.
    pub acceptance_index: u32,
    /// Subnetwork (lane) of the transaction.
    pub subnetwork_id: [u8; 20],
    /// Payload bytes.
    pub payload: Vec<u8>,
}

/// The chain was cut back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reorg {
    /// Position in the sequenced stream.
    pub sequence: u64,
    /// The new tip: consumers roll back to `fork.index`.
    pub fork: ChainRef,
    /// The tip before.
    pub old_tip: ChainRef,
    /// Hashes of the removed chain blocks, tip first; empty if they are not known.
    pub removed: Vec<Hash>,
    /// False only for a reorg found by a resume without window whose tip the node does not know any more: everything from
    /// `old_tip` down to `fork` is removed, and the hashes in between are not known.
    pub removed_known: bool,
}
