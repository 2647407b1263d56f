//! Requests as a node reads them: every operation that the real node has, also those that the bridge never sends.
//!
//! A frame comes from outside and is read by the bridge's bounded [`Reader`]: nothing is allocated, and no length is
//! believed. What is done about a frame that cannot be read is the node's own (`workflow-rpc` 0.18, server side of the
//! Borsh protocol): see [`BadRequest`].

use bridge::wire::{Operation, Reader, Request, RequestHeader, Verbosity, WireError};
use kaspa_hashes::Hash;
use kaspa_rpc_core::api::ops::RpcApiOps;
use thiserror::Error;

use super::subscriptions::NodeSubscription;

/// First number of an operation that is a method of the node, other than Subscribe and Unsubscribe.
const FIRST_METHOD: u8 = RpcApiOps::Ping as u8;

/// A request to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeRequest {
    /// Start notifications.
    Subscribe(NodeSubscription),
    /// Stop notifications.
    Unsubscribe(NodeSubscription),
    /// Nothing but a reply.
    Ping,
    /// API version, server version and network.
    GetServerInfo,
    /// Whether the node is in sync.
    GetSyncStatus,
    /// The kind of network.
    GetCurrentNetwork,
    /// Hash of the sink.
    GetSink,
    /// Asks the node to connect to a peer.
    AddPeer,
    /// One block.
    GetBlock {
        /// Its hash.
        hash: Hash,
        /// Whether the reply shall list its transactions.
        include_transactions: bool,
    },
    /// How the selected chain goes on from a block: hashes, and ids of accepted transactions.
    GetVirtualChainFromBlock {
        /// The block from which the path is computed.
        start_hash: Hash,
        /// Whether the reply shall list the ids of accepted transactions.
        include_accepted_transaction_ids: bool,
        /// Leaves out added blocks whose blue score is at most this much below the sink's.
        min_confirmation_count: Option<u64>,
    },
    /// Blocks that are not in the past of a block.
    GetBlocks {
        /// That block; genesis if absent.
        low_hash: Option<Hash>,
        /// Whether the reply shall have the blocks and not their hashes alone.
        include_blocks: bool,
        /// Whether these blocks shall have their transactions.
        include_transactions: bool,
    },
    /// Estimated numbers of blocks and headers.
    GetBlockCount,
    /// Outline of the DAG.
    GetBlockDagInfo,
    /// Blue score of the sink.
    GetSinkBlueScore,
    /// Server version, mempool, index.
    GetInfo,
    /// How the selected chain goes on from a block, with accepted transactions.
    GetVirtualChainFromBlockV2 {
        /// The block from which the path is computed.
        start_hash: Hash,
        /// Which fields the reply shall have.
        verbosity: Verbosity,
        /// Leaves out added blocks whose blue score is at most this much below the sink's.
        min_confirmation_count: Option<u64>,
    },
    /// A method of which only the refusal is modelled, or nothing: its content was not read.
    Other(RpcApiOps),
}

/// Why a request cannot be read, and with that what the node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadRequest {
    /// No header, or an operation that the node does not know: it closes the connection.
    #[error("a request frame has no readable header: {0}")]
    Header(#[from] WireError),
    /// A number that means a notification or nothing: the node answers that there is no such method.
    #[error("operation {operation:?} of request {id} is no method")]
    NoMethod {
        /// The request's id.
        id: u64,
        /// The operation.
        operation: RpcApiOps,
    },
    /// The content does not belong to the operation: the node answers with a serialization error.
    #[error("the content of request {id} cannot be read: {source}")]
    Body {
        /// The request's id.
        id: u64,
        /// What is wrong with it.
        source: WireError,
    },
}

impl NodeRequest {
    /// What is asked for.
    pub const fn operation(&self) -> RpcApiOps {
        match self {
            Self::Subscribe(_) => RpcApiOps::Subscribe,
            Self::Unsubscribe(_) => RpcApiOps::Unsubscribe,
            Self::Ping => RpcApiOps::Ping,
            Self::GetServerInfo => RpcApiOps::GetServerInfo,
            Self::GetSyncStatus => RpcApiOps::GetSyncStatus,
            Self::GetCurrentNetwork => RpcApiOps::GetCurrentNetwork,
            Self::GetSink => RpcApiOps::GetSink,
            Self::AddPeer => RpcApiOps::AddPeer,
            Self::GetBlock { .. } => RpcApiOps::GetBlock,
            Self::GetVirtualChainFromBlock { .. } => RpcApiOps::GetVirtualChainFromBlock,
            Self::GetBlocks { .. } => RpcApiOps::GetBlocks,
            Self::GetBlockCount => RpcApiOps::GetBlockCount,
            Self::GetBlockDagInfo => RpcApiOps::GetBlockDagInfo,
            Self::GetSinkBlueScore => RpcApiOps::GetSinkBlueScore,
            Self::GetInfo => RpcApiOps::GetInfo,
            Self::GetVirtualChainFromBlockV2 { .. } => RpcApiOps::GetVirtualChainFromBlockV2,
            Self::Other(operation) => *operation,
        }
    }

    /// Reads a request frame: its id and what is asked.
    ///
    /// A request without an id, to which the real node stays silent, counts as one without a header.
    ///
    /// # Errors
    /// [`BadRequest`].
    pub fn parse(frame: &[u8]) -> Result<(u64, Self), BadRequest> {
        let mut reader = Reader::new(frame);
        let header = RequestHeader::read(&mut reader)?;
        // One byte: the only thing that is read with the node's own decoder.
        let operation: RpcApiOps =
            borsh::from_slice(&[header.operation]).map_err(|_| WireError::UnknownOperation(header.operation))?;
        let id = header.id.ok_or(WireError::MissingField { what: "request id" })?;
        let subscribes = matches!(operation, RpcApiOps::Subscribe | RpcApiOps::Unsubscribe);
        if header.operation < FIRST_METHOD && !subscribes {
            return Err(BadRequest::NoMethod { id, operation });
        }
        let request = reader.last_envelope("request").and_then(|body| Self::read(operation, body));
        request.map(|request| (id, request)).map_err(|source| BadRequest::Body { id, source })
    }

    /// Source of the fields: `kaspa-rpc-core` 2.1.0, `model::message`.
    fn read(operation: RpcApiOps, mut body: Reader<'_>) -> Result<Self, WireError> {
        // The node reads each request's struct version and, but for V1 of the virtual chain, never looks at it.
        let version = match operation {
            RpcApiOps::Ping => 1,
            _ => body.u16("request version")?,
        };
        Ok(match operation {
            RpcApiOps::Subscribe => Self::Subscribe(NodeSubscription::read(&mut body)?),
            RpcApiOps::Unsubscribe => Self::Unsubscribe(NodeSubscription::read(&mut body)?),
            RpcApiOps::Ping => Self::Ping,
            RpcApiOps::GetServerInfo => Self::GetServerInfo,
            RpcApiOps::GetSyncStatus => Self::GetSyncStatus,
            RpcApiOps::GetCurrentNetwork => Self::GetCurrentNetwork,
            RpcApiOps::GetSink => Self::GetSink,
            RpcApiOps::AddPeer => Self::AddPeer,
            RpcApiOps::GetBlock => {
                Self::GetBlock { hash: body.hash("block hash")?, include_transactions: body.bool("transactions flag")? }
            }
            RpcApiOps::GetVirtualChainFromBlock => Self::GetVirtualChainFromBlock {
                start_hash: body.hash("start hash")?,
                include_accepted_transaction_ids: body.bool("accepted ids flag")?,
                min_confirmation_count: match version {
                    0 | 1 => None,
                    _ => body.option("confirmation count", Reader::u64)?,
                },
            },
            RpcApiOps::GetBlocks => Self::GetBlocks {
                low_hash: body.option("low hash", Reader::hash)?,
                include_blocks: body.bool("blocks flag")?,
                include_transactions: body.bool("transactions flag")?,
            },
            RpcApiOps::GetBlockCount => Self::GetBlockCount,
            RpcApiOps::GetBlockDagInfo => Self::GetBlockDagInfo,
            RpcApiOps::GetSinkBlueScore => Self::GetSinkBlueScore,
            RpcApiOps::GetInfo => Self::GetInfo,
            RpcApiOps::GetVirtualChainFromBlockV2 => Self::GetVirtualChainFromBlockV2 {
                start_hash: body.hash("start hash")?,
                verbosity: read_verbosity(&mut body)?,
                min_confirmation_count: body.option("confirmation count", Reader::u64)?,
            },
            other => Self::Other(other),
        })
    }
}

/// The level, or what the node takes when a request leaves it out.
fn read_verbosity(reader: &mut Reader<'_>) -> Result<Verbosity, WireError> {
    let Some(mut level) = reader.enveloped_option("verbosity")? else { return Ok(Verbosity::Full) };
    level.u8("verbosity version")?;
    match level.u32("verbosity")? {
        0 => Ok(Verbosity::None),
        1 => Ok(Verbosity::Low),
        2 => Ok(Verbosity::High),
        3 => Ok(Verbosity::Full),
        value => Err(WireError::BadTag { what: "verbosity", value }),
    }
}

impl From<&Request> for NodeRequest {
    fn from(request: &Request) -> Self {
        match *request {
            Request::Subscribe(ref subscription) => Self::Subscribe(subscription.into()),
            Request::Unsubscribe(ref subscription) => Self::Unsubscribe(subscription.into()),
            Request::Ping => Self::Ping,
            Request::GetServerInfo => Self::GetServerInfo,
            Request::GetBlockDagInfo => Self::GetBlockDagInfo,
            Request::GetSink => Self::GetSink,
            Request::GetBlock { hash, include_transactions } => Self::GetBlock { hash, include_transactions },
            Request::GetVirtualChainFromBlockV2 { start_hash, verbosity, min_confirmation_count } => {
                Self::GetVirtualChainFromBlockV2 { start_hash, verbosity, min_confirmation_count }
            }
            _ => Self::Other(operation(request.operation())),
        }
    }
}

impl From<&NodeRequest> for NodeRequest {
    fn from(request: &NodeRequest) -> Self {
        *request
    }
}

fn operation(operation: Operation) -> RpcApiOps {
    borsh::from_slice(&[operation.code()]).unwrap_or(RpcApiOps::NoOp)
}
