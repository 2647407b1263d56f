//! Frame headers, and the first cut through a frame from the server.
//!
//! A frame is one binary WebSocket message: a Borsh header and a payload. Source: `workflow-rpc` 0.18,
//! `messages::borsh`.

use borsh::BorshSerialize;

use super::{Notification, Reader, WireError, reader::bad_tag};

/// Header of a frame from client to server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize)]
pub struct RequestHeader {
    /// Chosen by the client; the reply carries it back. Without it the server sends no reply.
    pub id: Option<u64>,
    /// Operation number.
    pub operation: u8,
}

/// Header of a frame from server to client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize)]
pub struct ServerHeader {
    /// Id of the request; absent in notifications.
    pub id: Option<u64>,
    /// What the frame is.
    pub kind: FrameKind,
    /// Operation number; absent when dispatch failed.
    pub operation: Option<u8>,
}

/// What a frame from the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum FrameKind {
    /// The method ran; the payload is its result, which may be an error of the method.
    Success = 0,
    /// The request was not dispatched to a method; the payload is the error.
    Error = 1,
    /// Not an answer to a request.
    Notification = 0xff,
}

impl RequestHeader {
    /// Reads a header and leaves the reader at the payload.
    ///
    /// # Errors
    /// [`WireError::Truncated`] or [`WireError::BadTag`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let id = reader.option("request id", Reader::u64)?;
        Ok(Self { id, operation: reader.u8("request operation")? })
    }
}

impl ServerHeader {
    /// Reads a header and leaves the reader at the payload.
    ///
    /// # Errors
    /// [`WireError::Truncated`] or [`WireError::BadTag`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let id = reader.option("reply id", Reader::u64)?;
        let kind = match reader.u8("frame kind")? {
            0 => FrameKind::Success,
            1 => FrameKind::Error,
            0xff => FrameKind::Notification,
            value => return Err(bad_tag("frame kind", u32::from(value))),
        };
        Ok(Self { id, kind, operation: reader.option("frame operation", Reader::u8)? })
    }
}

/// A frame from the server.
#[derive(Debug, Clone)]
pub enum ServerFrame<'a> {
    /// An answer, whose payload is read when it is known what was asked.
    Reply(ReplyFrame<'a>),
    /// A notification, read whole.
    Notification(Notification<'a>),
}

/// An answer of which only the header was read.
#[derive(Debug, Clone, Copy)]
pub struct ReplyFrame<'a> {
    /// Id of the request.
    pub id: u64,
    /// Operation number; absent when dispatch failed.
    pub operation: Option<u8>,
    pub(super) is_dispatch_error: bool,
    pub(super) payload: Reader<'a>,
}

impl<'a> ServerFrame<'a> {
    /// Reads a frame as far as it can be read without knowing what was asked.
    ///
    /// # Errors
    /// Any [`WireError`]. Nothing was allocated.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let header = ServerHeader::read(&mut reader)?;
        if header.kind == FrameKind::Notification {
            if header.id.is_some() {
                return Err(bad_tag("notification id", 1));
            }
            let operation = header.operation.ok_or(WireError::MissingField { what: "notification operation" })?;
            return Notification::read(operation, reader).map(Self::Notification);
        }
        Ok(Self::Reply(ReplyFrame {
            id: header.id.ok_or(WireError::MissingField { what: "reply id" })?,
            operation: header.operation,
            is_dispatch_error: header.kind == FrameKind::Error,
            payload: reader,
        }))
    }
}
