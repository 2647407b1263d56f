//! Replies, read with the knowledge of what was asked.
//!
//! The payload of a dispatched request is the Borsh form of `Result<Serializable<Response>, ServerError>`: a tag (1
//! for a response, 0 for an error), then the response in an envelope or the bare error. The payload of a request that
//! could not be dispatched is the bare error. Source: `workflow-rpc` 0.18, `server/protocol/borsh.rs` and `error.rs`.

use std::fmt;

use kaspa_hashes::Hash;

use super::{Block, BlockDagInfo, ChainPage, Operation, Reader, ReplyFrame, ServerInfo, WireError, reader::bad_tag};

/// A response of the node.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "lives for one call; a box would be the only allocation of the reader")]
pub enum Reply<'a> {
    /// The subscription will take effect; not necessarily that it has.
    Subscribe {
        /// The node's number for this connection's listener.
        listener_id: u64,
    },
    /// The subscription will end.
    Unsubscribe,
    /// The node lives.
    Ping,
    /// What the node says about itself.
    ServerInfo(ServerInfo<'a>),
    /// The outline of its DAG.
    BlockDagInfo(BlockDagInfo<'a>),
    /// Hash of its sink.
    Sink(Hash),
    /// A block.
    Block(Block<'a>),
    /// How its selected chain goes on.
    ChainPage(ChainPage<'a>),
}

/// An error that the node sent instead of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteError<'a> {
    /// The node's own text: on this wire without any prefix. Errors of the server's framework carry its fixed text.
    pub text: &'a str,
}

impl fmt::Display for RemoteError<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text)
    }
}

impl<'a> ReplyFrame<'a> {
    /// Reads the payload as the answer to `expected`: the response, or the error that the node sent instead.
    ///
    /// # Errors
    /// Any [`WireError`], [`WireError::UnexpectedOperation`] among them. The whole payload was checked and nothing was
    /// allocated.
    pub fn decode(&self, expected: Operation) -> Result<Result<Reply<'a>, RemoteError<'a>>, WireError> {
        if let Some(found) = self.operation
            && found != expected.code()
        {
            return Err(WireError::UnexpectedOperation { expected, found });
        }
        let mut reader = self.payload;
        if self.is_dispatch_error {
            return RemoteError::read(reader).map(Err);
        }
        if self.operation.is_none() {
            return Err(WireError::MissingField { what: "reply operation" });
        }
        match reader.u8("reply result")? {
            0 => RemoteError::read(reader).map(Err),
            1 => Reply::read(expected, &mut reader.last_envelope("reply")?).map(Ok),
            value => Err(bad_tag("reply result", u32::from(value))),
        }
    }
}

impl<'a> Reply<'a> {
    fn read(operation: Operation, body: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(match operation {
            Operation::Subscribe => {
                body.version_u16("subscribe reply")?;
                Self::Subscribe { listener_id: body.u64("listener id")? }
            }
            Operation::Unsubscribe => {
                body.version_u16("unsubscribe reply")?;
                Self::Unsubscribe
            }
            Operation::Ping => {
                body.version_u8("ping reply")?;
                Self::Ping
            }
            Operation::GetServerInfo => Self::ServerInfo(ServerInfo::read(body)?),
            Operation::GetSink => {
                body.version_u16("sink reply")?;
                Self::Sink(body.hash("sink")?)
            }
            Operation::GetBlock => Self::Block(Block::read(body)?),
            Operation::GetBlockDagInfo => Self::BlockDagInfo(BlockDagInfo::read(body)?),
            Operation::GetVirtualChainFromBlockV2 => Self::ChainPage(ChainPage::read(body)?),
        })
    }
}

impl<'a> RemoteError<'a> {
    /// Reads the Borsh form of `workflow_rpc::error::ServerError` up to the end of the frame.
    fn read(mut reader: Reader<'a>) -> Result<Self, WireError> {
        let what = "remote error";
        let text = match reader.u8(what)? {
            0 => "connection is closed",
            1 => "RPC call timed out",
            2 => "no data",
            3 => "RPC method not found",
            4 => "resource lock error",
            5 => "not a borsh request",
            6 => "not a serde request",
            7 => "request serialization error",
            8 => "request deserialization error",
            9 => "response serialization error",
            10 => reader.text(what).map(|_| "request deserialization error")?,
            11 => reader.text(what).map(|_| "response deserialization error")?,
            12 => reader.byte_string(what).map(|_| "data")?,
            // Errors of a method, and errors of the server's own socket, which it shows behind a prefix.
            13 | 14 => reader.text(what)?,
            15 => "Receiver channel",
            16 => "Receiver channel send",
            value => return Err(bad_tag(what, u32::from(value))),
        };
        reader.finish(what)?;
        Ok(Self { text })
    }
}
