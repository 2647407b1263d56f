//! Events as JSON, one object a line.
//!
//! The layout is an interface: `event` is the name of the variant of [`L1Event`], the fields have the names that they have
//! there. Hashes, subnetworks and payloads are hex text, durations whole milliseconds.

use std::{fmt::Debug, time::Duration};

use bridge::{AcceptedTransaction, ChainRef, L1Event};
use kaspa_hashes::Hash;
use serde::{Serialize, Serializer};

/// Appends the line of an event, with its line feed.
pub fn write_line(out: &mut Vec<u8>, event: &L1Event) {
    let written = match line(event) {
        Some(line) => serde_json::to_writer(&mut *out, &line),
        None => serde_json::to_writer(&mut *out, &unknown(event)),
    };
    debug_assert!(written.is_ok(), "numbers, text and lists always serialize, and a Vec takes everything");
    out.push(b'\n');
}

#[derive(Serialize)]
#[serde(tag = "event")]
enum Line<'a> {
    BlockAdded {
        sequence: u64,
        block: Block,
        parent: Hex<Hash>,
        daa_score: u64,
        timestamp_ms: u64,
        accepted: Vec<Accepted<'a>>,
        verified: bool,
    },
    CatchingUp {
        tip_blue_score: u64,
        sink_blue_score: u64,
    },
    Connected {
        session: u64,
        node: &'a str,
        server_version: &'a str,
        network: String,
    },
    Disconnected {
        session: u64,
        reason: Reason,
        retry_in_ms: Option<u64>,
    },
    Fatal {
        nodes: Vec<RejectedNode<'a>>,
    },
    Finalized {
        sequence: u64,
        block: Block,
    },
    NodeRejected {
        node: &'a str,
        reason: Reason,
        retry_in_ms: Option<u64>,
    },
    Reorg {
        sequence: u64,
        fork: Block,
        old_tip: Block,
        removed: Vec<Hex<Hash>>,
        removed_known: bool,
    },
    Synced {
        tip: Block,
    },
    Unreachable {
        node: &'a str,
        reason: Reason,
        retry_in_ms: u64,
    },
}

#[derive(Serialize)]
struct Block {
    hash: Hex<Hash>,
    index: u64,
    blue_score: u64,
}

#[derive(Serialize)]
struct Accepted<'a> {
    id: Hex<Hash>,
    acceptance_index: u32,
    subnetwork_id: Hex<&'a [u8]>,
    payload: Hex<&'a [u8]>,
}

#[derive(Serialize)]
struct RejectedNode<'a> {
    node: &'a str,
    reason: Reason,
}

/// Why something happened, for programs and for people.
#[derive(Serialize)]
struct Reason {
    kind: String,
    message: String,
}

/// An event of a newer bridge than this module knows.
#[derive(Serialize)]
struct Unknown {
    event: String,
    sequence: Option<u64>,
    text: String,
}

/// Bytes that become lower-case hex digits.
struct Hex<T>(T);

impl<T: AsRef<[u8]>> Serialize for Hex<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

/// `None` for an event that has no line of its own.
fn line(event: &L1Event) -> Option<Line<'_>> {
    Some(match event {
        L1Event::BlockAdded(added) => Line::BlockAdded {
            sequence: added.sequence,
            block: added.block.into(),
            parent: Hex(added.parent),
            daa_score: added.daa_score,
            timestamp_ms: added.timestamp_ms,
            accepted: added.accepted.iter().map(Accepted::from).collect(),
            verified: added.verified,
        },
        &L1Event::CatchingUp { tip_blue_score, sink_blue_score } => {
            Line::CatchingUp { tip_blue_score, sink_blue_score }
        }
        L1Event::Connected { session, node, server_version, network } => {
            Line::Connected { session: *session, node, server_version, network: network.to_string() }
        }
        L1Event::Disconnected { session, reason, retry_in } => {
            let retry_in_ms = retry_in.map(milliseconds);
            Line::Disconnected { session: *session, reason: Reason::of(reason, reason.to_string()), retry_in_ms }
        }
        L1Event::Fatal(fatal) => {
            let nodes = fatal.nodes.iter().map(|(node, reason)| {
                let reason = Reason::of(reason, reason.to_string());
                RejectedNode { node, reason }
            });
            Line::Fatal { nodes: nodes.collect() }
        }
        L1Event::Finalized { sequence, block } => Line::Finalized { sequence: *sequence, block: (*block).into() },
        L1Event::NodeRejected { node, reason, retry_in } => {
            let retry_in_ms = retry_in.map(milliseconds);
            Line::NodeRejected { node, reason: Reason::of(reason, reason.to_string()), retry_in_ms }
        }
        L1Event::Reorg(reorg) => Line::Reorg {
            sequence: reorg.sequence,
            fork: reorg.fork.into(),
            old_tip: reorg.old_tip.into(),
            removed: reorg.removed.iter().copied().map(Hex).collect(),
            removed_known: reorg.removed_known,
        },
        L1Event::Synced { tip } => Line::Synced { tip: (*tip).into() },
        L1Event::Unreachable { node, reason, retry_in } => {
            let retry_in_ms = milliseconds(*retry_in);
            Line::Unreachable { node, reason: Reason::of(reason, reason.to_string()), retry_in_ms }
        }
        _ => return None,
    })
}

fn unknown(event: &L1Event) -> Unknown {
    Unknown { event: variant_name(event), sequence: event.sequence(), text: format!("{event:?}") }
}

impl From<ChainRef> for Block {
    fn from(block: ChainRef) -> Self {
        Self { hash: Hex(block.hash), index: block.index, blue_score: block.blue_score }
    }
}

impl<'a> From<&'a AcceptedTransaction> for Accepted<'a> {
    fn from(transaction: &'a AcceptedTransaction) -> Self {
        Self {
            id: Hex(transaction.id),
            acceptance_index: transaction.acceptance_index,
            subnetwork_id: Hex(&transaction.subnetwork_id),
            payload: Hex(&transaction.payload),
        }
    }
}

impl Reason {
    fn of(reason: &impl Debug, message: String) -> Self {
        Self { kind: variant_name(reason), message }
    }
}

/// The name of an enum's variant, with which its debug form begins: also of one that is newer than this module.
fn variant_name(value: &impl Debug) -> String {
    let mut name = format!("{value:?}");
    name.truncate(name.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(name.len()));
    name
}

/// Rounded up: a pause that is over then is over indeed.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
