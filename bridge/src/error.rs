//! Everything that can go wrong with a node, by what it means for the bridge: a [`DisconnectReason`] and a
//! [`RemoteError`] are always retried, a [`RejectReason`] says by [`RejectReason::is_terminal`] whether waiting can
//! mend it, a [`FatalError`] ends the stream.

use std::{io, time::Duration};

use kaspa_hashes::Hash;
use thiserror::Error;

use crate::wire::{Network, Operation, WireError};

/// Why a session, or an attempt to have one, ended. Always retried, with back-off.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The node ended the connection.
    #[error("the node closed the connection")]
    ClosedByNode,
    /// No connection: refused, no such host, unreachable network.
    #[error("cannot connect: {message}")]
    ConnectFailed {
        /// Class of the failure.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// TCP connection and handshake took too long.
    #[error("no connection within {after:?}")]
    ConnectTimeout {
        /// The configured limit.
        after: Duration,
    },
    /// The connection broke.
    #[error("the connection broke: {message}")]
    ConnectionLost {
        /// Class of the failure.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// A message beyond the configured limit was announced.
    #[error("the node sent a message larger than the limit of {limit_bytes} bytes: {message}")]
    MessageTooLarge {
        /// The configured limit.
        limit_bytes: usize,
        /// What was announced.
        message: String,
    },
    /// Something answers on that port, but not a WebSocket server.
    #[error("the server does not speak WebSocket: {message}")]
    NotWebSocket {
        /// How it answered.
        message: String,
    },
    /// A WebSocket server that sends text: another encoding of wRPC, or no wRPC at all.
    #[error("the server sent text where wRPC Borsh is binary: is this the JSON port?")]
    NotBorsh,
    /// The node was rejected; the reason is in the `NodeRejected` event.
    #[error("the node was rejected")]
    Rejected,
    /// No reply in time.
    #[error("no reply to {operation:?} within {after:?}")]
    RequestTimeout {
        /// The request.
        operation: Operation,
        /// The configured limit.
        after: Duration,
    },
    /// The bridge was told to stop.
    #[error("the bridge was shut down")]
    Shutdown,
    /// Nothing at all came for too long.
    #[error("the node was silent for {after:?}")]
    Silence {
        /// The configured limit.
        after: Duration,
    },
    /// The WebSocket protocol was broken.
    #[error("the WebSocket protocol was broken: {message}")]
    WebSocketBroken {
        /// What was wrong.
        message: String,
    },
}

/// Why a node cannot be followed now.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// The node's heavier chain does not contain the block at which ours began. As that block is not final yet, the
    /// network may have left it, or this node alone is elsewhere: retried for ever.
    #[error("its chain leaves ours below the anchor {anchor}, which is not final yet")]
    AnchorLeft {
        /// The block at which our chain begins.
        anchor: Hash,
    },
    /// The node's chain forks below our finalized root.
    #[error("its chain leaves ours below the finalized block {root}")]
    Conflicting {
        /// Our root.
        root: Hash,
    },
    /// The node's selected chain is not heavier than ours.
    #[error("it is behind: its sink {sink} is not heavier than our tip")]
    Lagging {
        /// The node's sink.
        sink: Hash,
    },
    /// A reply that breaks the protocol; nothing of it was applied.
    #[error("malformed reply to {operation:?}: {violation}")]
    Malformed {
        /// The request.
        operation: Operation,
        /// What was wrong.
        violation: Violation,
    },
    /// A frame that is no wRPC frame.
    #[error("malformed frame: {error}")]
    MalformedFrame {
        /// What was wrong.
        error: WireError,
    },
    /// The node refused a request that every healthy node answers.
    #[error("it refused {operation:?}: {error}")]
    Refused {
        /// The request.
        operation: Operation,
        /// Its words, classified.
        error: RemoteError,
    },
    /// The node ends the connection whenever a request of this kind comes, also the smallest: it does not know it. Pages
    /// (`GetVirtualChainFromBlockV2`) are unknown to nodes from before December 2025, and a node answers an unknown operation so
    /// (`workflow_rpc::server::protocol::borsh`).
    #[error("it drops the connection at every {operation:?} request: it is too old to know it")]
    OperationUnknown {
        /// The request.
        operation: Operation,
    },
    /// The node's chain is heavier than ours and it serves history from no block of ours: all of them are below its
    /// pruning point, or on branches that left its chain below it.
    #[error(
        "it has pruned all of our chain that it shared: its pruning point {pruning_point} is above our root {root}"
    )]
    Pruned {
        /// Our root.
        root: Hash,
        /// The node's pruning point.
        pruning_point: Hash,
    },
    /// The node's consensus is being replaced.
    #[error("its consensus is being reset")]
    Resetting,
    /// The node does not serve the chain from the anchor that it had named. Nothing was announced yet: another is chosen.
    #[error("it does not serve our tip {tip}: {error}")]
    TipRefused {
        /// Our tip, which is the anchor.
        tip: Hash,
        /// Its words, classified.
        error: RemoteError,
    },
    /// A reply to nothing that was asked.
    #[error("it sent a reply with id {request_id}, which answers no open request")]
    UnexpectedReply {
        /// Id of the reply.
        request_id: u64,
    },
    /// An RPC version this bridge does not speak.
    #[error("it speaks RPC version {found}, this bridge speaks {expected}")]
    WrongApiVersion {
        /// Version of the node.
        found: u16,
        /// Version of this bridge.
        expected: u16,
    },
    /// Another network.
    #[error("it is on {found}, not on {expected}")]
    WrongNetwork {
        /// The configured network.
        expected: Network,
        /// The node's network.
        found: Network,
    },
}

impl RejectReason {
    /// True if waiting does not mend it; a bridge all of whose nodes are rejected so ends with `Fatal`.
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Conflicting { .. }
                | Self::OperationUnknown { .. }
                | Self::Pruned { .. }
                | Self::WrongApiVersion { .. }
                | Self::WrongNetwork { .. }
        )
    }
}

/// How a well-formed reply contradicts itself, our chain, or the protocol.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// Added hashes and block records differ in number.
    #[error("{added} added hashes but {blocks} block records")]
    BlockCount {
        /// Hashes announced.
        added: usize,
        /// Records sent.
        blocks: usize,
    },
    /// Blue work or blue score do not grow along the chain.
    #[error("block {hash} does not add blue score and blue work to its parent")]
    BlueNotIncreasing {
        /// The block.
        hash: Hash,
    },
    /// A block that claims more blue blocks in its mergeset than a mergeset can have.
    #[error("block {hash} adds {rise} to the blue score of its parent, at most {limit} are possible")]
    BlueScoreLeap {
        /// The block.
        hash: Hash,
        /// Blue score that it adds to its parent's.
        rise: u64,
        /// Most that any block can add.
        limit: u64,
    },
    /// A block whose first parent is not its predecessor.
    #[error("block {hash} does not follow {expected_parent}")]
    Discontinuous {
        /// The block.
        hash: Hash,
        /// The block before it.
        expected_parent: Hash,
    },
    /// A header that does not hash to the announced hash.
    #[error("the header sent for block {announced} hashes to {computed}")]
    HashMismatch {
        /// Hash announced.
        announced: Hash,
        /// Hash of the header.
        computed: Hash,
    },
    /// A field that a node always fills at this verbosity.
    #[error("field {field} of block {hash} is missing")]
    Missing {
        /// Name of the field.
        field: &'static str,
        /// The block.
        hash: Hash,
    },
    /// A chain that is said to contain our tip, and has another block at a place where ours is known.
    #[error("its chain to our tip has {found} at index {index}, ours has {expected} there")]
    NotOurChain {
        /// Index of the place.
        index: u64,
        /// Hash sent.
        found: Hash,
        /// Hash of our chain.
        expected: Hash,
    },
    /// A block that is on the chain twice.
    #[error("block {hash} is on the chain twice")]
    Repeated {
        /// The block.
        hash: Hash,
    },
    /// Removed hashes that are not our chain, tip first.
    #[error("removed hash number {position} is {found}, our chain has {expected} there")]
    RemovedNotOurs {
        /// Position in the removed list.
        position: usize,
        /// Hash sent.
        found: Hash,
        /// Hash of our chain.
        expected: Hash,
    },
    /// A header with another blue score or blue work than a page had said.
    #[error("the header of block {hash} has other scores than the page said")]
    ScoresDiffer {
        /// The block.
        hash: Hash,
    },
    /// A reply whose block is another than the one asked for.
    #[error("asked for block {asked}, got {found}")]
    WrongBlock {
        /// Hash asked for.
        asked: Hash,
        /// Hash of the reply.
        found: Hash,
    },
    /// Bytes that do not decode.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// An error text of the node, classified. The table was read off `kaspa-rpc-service` and `kaspa-consensus` 2.1.0 and
/// seen from a running node.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteError {
    /// The hash is on a side branch below, or itself below, the node's retention root.
    #[error("the block is below the node's retention root or on a branch that left it")]
    BelowRetentionRoot,
    /// The body of a block is missing.
    #[error("the node has no body of {text}")]
    BodyMissing {
        /// The node's words.
        text: String,
    },
    /// The node never saw the block, or deleted it.
    #[error("the node does not know the block")]
    HeaderUnknown,
    /// The node is replacing its consensus (IBD with a pruning proof).
    #[error("the node is in a transitional state")]
    Transitional,
    /// Any other text: retried and shown.
    #[error("'{text}'")]
    Unknown {
        /// The node's words.
        text: String,
    },
}

impl RemoteError {
    /// Classifies the bare text of a remote error.
    pub fn classify(text: &str) -> Self {
        if text.starts_with("cannot find header ") {
            Self::HeaderUnknown
        } else if text == "the queried hash does not have retention root on its chain" {
            Self::BelowRetentionRoot
        } else if text == "consensus is currently in a transitional ibd state" {
            Self::Transitional
        } else if text.starts_with("cannot find full block ") || text.starts_with("some data is missing for block ") {
            Self::BodyMissing { text: shortened(text) }
        } else {
            Self::Unknown { text: shortened(text) }
        }
    }
}

/// Why the stream ended for good.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no configured node can be followed: {}", describe(.nodes))]
pub struct FatalError {
    /// Every configured node with the reason for which it was rejected.
    pub nodes: Vec<(String, RejectReason)>,
}

fn describe(nodes: &[(String, RejectReason)]) -> String {
    nodes.iter().map(|(node, reason)| format!("{node}: {reason}")).collect::<Vec<_>>().join("; ")
}

/// Node texts are untrusted: they are kept only up to a length that fits a log line.
fn shortened(text: &str) -> String {
    const LIMIT_CHARACTERS: usize = 200;
    match text.char_indices().nth(LIMIT_CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_the_texts_of_a_real_node_when_classified_then_each_has_its_variant() {
        let zero = "0".repeat(64);
        assert_eq!(RemoteError::classify(&format!("cannot find header {zero}")), RemoteError::HeaderUnknown);
        assert_eq!(
            RemoteError::classify("the queried hash does not have retention root on its chain"),
            RemoteError::BelowRetentionRoot
        );
        assert_eq!(
            RemoteError::classify("consensus is currently in a transitional ibd state"),
            RemoteError::Transitional
        );
        assert!(matches!(
            RemoteError::classify(&format!("cannot find full block {zero}")),
            RemoteError::BodyMissing { .. }
        ));
        assert_eq!(RemoteError::classify("Not implemented"), RemoteError::Unknown { text: "Not implemented".into() });
    }

    #[test]
    fn given_an_endless_error_text_when_classified_then_it_is_shortened_at_a_character() {
        let RemoteError::Unknown { text } = RemoteError::classify(&"\u{e9}".repeat(10_000)) else {
            panic!("unknown text")
        };
        assert_eq!(text.chars().count(), 203);
    }
}
