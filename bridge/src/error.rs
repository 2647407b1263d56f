//! Everything that can go wrong with a node, by what it means for the bridge: a [`DisconnectReason`] and a
//! [`RemoteError`] are always retried, a [`RejectReason`] says by [`RejectReason::is_terminal`] whether waiting can
//! mend it, a [`FatalError`] ends the stream.

use std::{io, time::Duration};

use kaspa_hashes::Hash;
use thiserror::Error;

use crate::{
    remote_error::RemoteError,
    wire::{Network, Operation, WireError},
};

/// Why a session, or an attempt to have one, ended. Always retried, with back-off.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The node ended the connection when it was asked who it is, without a word: so does the JSON port of a node, to
    /// which a binary message is none of its own (`workflow_rpc::server::protocol::serde_json`), and a proxy whose node is
    /// away.
    #[error("the node closed the connection at the first request: is this the Borsh port (--rpclisten-borsh)?")]
    ClosedAtFirstRequest,
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
    /// TCP connection and handshakes took too long.
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
    /// No trust in the other side of a `wss://` address: its certificate is not valid, not for this host, or from an
    /// authority that is not trusted ([`Config::trusted_certificates`](crate::Config::trusted_certificates)), or it
    /// does not speak TLS. Nothing was sent to it but the TLS handshake.
    #[error("TLS failed: {message}")]
    TlsFailed {
        /// What was wrong.
        message: String,
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
        /// A final block of ours that is not on its chain: our root, or the lowest that is known.
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
    /// The node answers, and its chain stands still, while others are configured.
    #[error("its chain has not moved for {after:?}")]
    Stalled {
        /// The configured limit.
        after: Duration,
    },
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
    /// A block with another blue score or blue work than was told before, by a page or by the checkpoint.
    #[error("block {hash} has other scores than were told before")]
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
    /// A chain that is another with every page.
    #[error("its chain below our tip was another at {pages} pages in one session")]
    Unstable {
        /// How often it was.
        pages: u32,
    },
    /// Bytes that do not decode.
    #[error(transparent)]
    Wire(#[from] WireError),
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
