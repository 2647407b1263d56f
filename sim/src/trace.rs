//! The one place through which everything observable of a run passes.
//!
//! Every record feeds a hash chain: two runs with the same final hash did the same things at the same times. Records are
//! also counted, and copied out if asked, so that two runs that differ can be laid side by side.

use std::{fmt, sync::mpsc::Sender, time::Duration};

use borsh::BorshSerialize;
use kaspa_hashes::Hash;

use crate::network::Arrival;

/// Something that happened in a simulation.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
#[non_exhaustive]
pub enum Record {
    /// A block reached a node.
    BlockArrived {
        /// The node.
        node: u32,
        /// Number of the block in the shared store.
        block: u32,
        /// What became of it.
        arrival: Arrival,
    },
    /// A node processed blocks together.
    BlocksProcessed {
        /// The node.
        node: u32,
        /// How many.
        blocks: u32,
    },
    /// A node mined a block.
    BlockMined {
        /// The node.
        node: u32,
        /// Number of the block in the shared store.
        block: u32,
        /// Its hash.
        hash: Hash,
    },
    /// The bridge told its consumer something.
    BridgeEvent {
        /// Number of the bridge.
        client: u32,
        /// What, in one line.
        text: String,
    },
    /// A connection was accepted.
    ConnectionAccepted {
        /// The node.
        node: u32,
        /// Number of the connection, counted over the run.
        connection: u32,
    },
    /// A connection ended at the node's side.
    ConnectionEnded {
        /// Number of the connection.
        connection: u32,
    },
    /// A connection was refused.
    ConnectionRefused {
        /// The node.
        node: u32,
    },
    /// The network was divided.
    CutBegan {
        /// Number of the cut.
        cut: u32,
    },
    /// The division ended.
    CutHealed {
        /// Number of the cut.
        cut: u32,
        /// Deliveries that were held back.
        released: u32,
    },
    /// A delivery is held back by a cut.
    DeliveryHeld {
        /// Receiver.
        node: u32,
        /// Number of the block in the shared store.
        block: u32,
    },
    /// A fault was injected.
    Fault {
        /// What was done.
        text: String,
    },
    /// A node sent a frame.
    FrameFromNode {
        /// Number of the connection.
        connection: u32,
        /// Size.
        bytes: u32,
        /// First bytes of the frame's BLAKE3 hash.
        digest: u64,
    },
    /// A frame reached a node.
    FrameToNode {
        /// Number of the connection.
        connection: u32,
        /// Size.
        bytes: u32,
        /// First bytes of the frame's BLAKE3 hash.
        digest: u64,
    },
    /// Something happened to a node.
    Node {
        /// The node.
        node: u32,
        /// What.
        what: NodeEvent,
    },
    /// A property did not hold for a bridge.
    PropertyBroken {
        /// Number of the bridge.
        client: u32,
        /// Which, and what was seen.
        text: String,
    },
    /// Something happened to the process of a consumer that has a state machine.
    Process {
        /// Number of its bridge.
        client: u32,
        /// What.
        text: String,
    },
    /// A consumer's state machine has stored a batch of events.
    Stored {
        /// Number of its bridge.
        client: u32,
        /// The last event of the batch.
        sequence: u64,
        /// Root of the tree over all accounts after it.
        state_root: Hash,
    },
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlockArrived { node, block, arrival } => {
                write!(f, "node {node} receives block #{block}")?;
                f.write_str(match arrival {
                    Arrival::Taken => "",
                    Arrival::Refused => " and refuses it",
                    Arrival::Orphaned => ", a parent of which is missing",
                    Arrival::Queued => " and is busy",
                    Arrival::HeaderTaken => ", the header alone",
                })
            }
            Self::BlocksProcessed { node, blocks } => write!(f, "node {node} processes {blocks} blocks"),
            Self::BlockMined { node, block, hash } => write!(f, "node {node} mines block #{block} {hash}"),
            Self::BridgeEvent { client, text } => write!(f, "bridge {client}: {text}"),
            Self::ConnectionAccepted { node, connection } => write!(f, "node {node} accepts connection {connection}"),
            Self::ConnectionEnded { connection } => write!(f, "connection {connection} ends"),
            Self::ConnectionRefused { node } => write!(f, "node {node} refuses a connection"),
            Self::CutBegan { cut } => write!(f, "cut {cut} divides the network"),
            Self::CutHealed { cut, released } => write!(f, "cut {cut} heals and releases {released} deliveries"),
            Self::DeliveryHeld { node, block } => write!(f, "block #{block} for node {node} is held by a cut"),
            Self::Fault { text } => write!(f, "{text}"),
            Self::FrameFromNode { connection, bytes, digest } => {
                write!(f, "connection {connection}: {bytes} bytes from the node, {digest:016x}")
            }
            Self::FrameToNode { connection, bytes, digest } => {
                write!(f, "connection {connection}: {bytes} bytes to the node, {digest:016x}")
            }
            Self::Node { node, what } => write!(f, "node {node} {what}"),
            Self::PropertyBroken { client, text } => write!(f, "bridge {client} breaks {text}"),
            Self::Process { client, text } => write!(f, "consumer {client} {text}"),
            Self::Stored { client, sequence, state_root } => {
                write!(f, "consumer {client} has stored event {sequence}, state root {state_root}")
            }
        }
    }
}

/// Something that happened to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize)]
#[non_exhaustive]
pub enum NodeEvent {
    /// Its bodies lag behind its headers.
    BodiesLag,
    /// The bodies that it lacks come.
    CatchingUp,
    /// It has every body again.
    InSync,
    /// It deleted what it pruned.
    Deleted,
    /// It was reset to a pruning point.
    Reset,
    /// Its transitional state ended.
    TransitionEnded,
    /// It lost its data and restarted.
    Wiped,
    /// It keeps its blocks to itself.
    WithholdingBegan,
    /// It sends the blocks that it kept.
    WithholdingEnded {
        /// How many.
        released: u32,
    },
    /// Its process ended.
    Stopped,
    /// Its process runs again, with its data.
    Restarted,
}

impl fmt::Display for NodeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BodiesLag => "gets headers without bodies",
            Self::CatchingUp => "gets the bodies that it lacks",
            Self::InSync => "is in sync",
            Self::Deleted => "deletes what is below its pruning point",
            Self::Reset => "is reset to a pruning point",
            Self::TransitionEnded => "has the unspent outputs of its pruning point",
            Self::Wiped => "has lost its data and restarts",
            Self::WithholdingBegan => "withholds its blocks",
            Self::Stopped => "is down",
            Self::Restarted => "is back with its data",
            Self::WithholdingEnded { released } => return write!(f, "sends {released} withheld blocks"),
        })
    }
}

/// A record with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Simulated time.
    pub at: Duration,
    /// What happened.
    pub record: Record,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12.6} s  {}", self.at.as_secs_f64(), self.record)
    }
}

/// Bytes that are hashed at once: BLAKE3 hashes several kilobytes of a long input beside each other.
const HASHED_AT_ONCE: usize = 1 << 15;

/// The hash chain over a run.
#[derive(Debug)]
pub struct Trace {
    hasher: blake3::Hasher,
    /// Records that are still to be hashed.
    pending: Vec<u8>,
    count: u64,
    copy_to: Option<Sender<Entry>>,
}

impl Trace {
    /// An empty trace, whose records are also sent to `copy_to`: there they outlive a run that panics.
    pub fn new(copy_to: Option<Sender<Entry>>) -> Self {
        Self { hasher: blake3::Hasher::new(), pending: Vec::new(), count: 0, copy_to }
    }

    /// Adds what happened at `at`.
    pub fn record(&mut self, at: Duration, record: Record) {
        let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        // The length keeps two different sequences of records from having the same bytes.
        let length_at = self.pending.len();
        let begin = length_at + size_of::<u64>();
        self.pending.resize(begin, 0);
        (nanos, &record).serialize(&mut self.pending).expect("writing to a Vec cannot fail");
        let length = (self.pending.len() - begin) as u64;
        self.pending[length_at..begin].copy_from_slice(&length.to_le_bytes());
        if self.pending.len() >= HASHED_AT_ONCE {
            self.hasher.update(&self.pending);
            self.pending.clear();
        }
        self.count += 1;
        if let Some(copy_to) = &self.copy_to
            && copy_to.send(Entry { at, record }).is_err()
        {
            // Nobody listens any more.
            self.copy_to = None;
        }
    }

    /// The hash over all records so far.
    pub fn hash(&self) -> Hash {
        Hash::from_bytes(*self.hasher.clone().update(&self.pending).finalize().as_bytes())
    }

    /// How many records there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// True if nothing happened yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The form in which frames enter the trace.
pub fn digest(bytes: &[u8]) -> u64 {
    let hash = blake3::hash(bytes);
    hash.as_bytes()[..8].iter().fold(0, |digest, byte| (digest << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(cuts: &[u32]) -> Trace {
        let mut trace = Trace::new(None);
        cuts.iter().for_each(|cut| trace.record(Duration::from_secs(1), Record::CutBegan { cut: *cut }));
        trace
    }

    #[test]
    fn given_the_same_records_when_traced_then_the_same_hash_and_in_another_order_another() {
        assert_eq!(trace(&[1, 2]).hash(), trace(&[1, 2]).hash());
        assert_ne!(trace(&[1, 2]).hash(), trace(&[2, 1]).hash());
    }

    #[test]
    fn given_the_same_record_at_another_time_when_traced_then_another_hash() {
        let mut later = Trace::new(None);
        later.record(Duration::from_secs(2), Record::CutBegan { cut: 1 });
        assert_ne!(later.hash(), trace(&[1]).hash());
        assert_eq!(later.len(), 1);
    }

    #[test]
    fn given_a_listener_when_traced_then_it_has_every_record_and_the_hash_is_the_same() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut heard = Trace::new(Some(sender));
        heard.record(Duration::from_secs(1), Record::CutBegan { cut: 1 });
        assert_eq!(heard.hash(), trace(&[1]).hash());
        drop(heard);
        let entries: Vec<Entry> = receiver.into_iter().collect();
        assert_eq!(entries, [Entry { at: Duration::from_secs(1), record: Record::CutBegan { cut: 1 } }]);
    }
}
