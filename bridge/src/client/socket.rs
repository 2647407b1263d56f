//! The connection of one session: opened, used, left.
//!
//! Every way in which a connection can end is a [`DisconnectReason`]; nothing here panics or waits without an end that
//! the caller can bring about by dropping it.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        error::{CapacityError, ProtocolError},
        protocol::WebSocketConfig,
    },
};

use super::tls::{self, ByteStream, Tls};
use crate::{config::NodeUrl, error::DisconnectReason};

/// Most bytes taken from the socket at a time. tungstenite clears that much before every read, so its default of 128 KiB
/// would cost more than reading the usual notification of 200 bytes.
const READ_BUFFER_BYTES: usize = 16 << 10;

/// The connection of the present session. `F` is the future that opens it.
pub(super) enum Socket<S, F> {
    Closed,
    Connecting(Pin<Box<F>>),
    Open { stream: Box<OpenSocket<S>>, outgoing: VecDeque<Message>, flushing: bool },
}

/// A WebSocket whose handshake is done.
pub(super) struct OpenSocket<S>(WebSocketStream<ByteStream<S>>);

/// What a socket reports.
pub(super) enum Happened {
    Opened,
    Message(Bytes),
    Ended(DisconnectReason),
}

/// Shakes hands over `stream`: TLS if the address asks for it, then WebSocket.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: impl Future<Output = io::Result<S>>,
    node: NodeUrl,
    tls: Option<Tls>,
    limit_bytes: usize,
) -> Result<OpenSocket<S>, DisconnectReason> {
    let failed = |error: io::Error| DisconnectReason::ConnectFailed { kind: error.kind(), message: error.to_string() };
    let stream = stream.await.map_err(failed)?;
    let stream = match tls {
        Some(tls) if node.is_secure() => tls.connect(stream, &node).await?,
        None if node.is_secure() => return Err(DisconnectReason::TlsFailed { message: "not set up".to_owned() }),
        _ => ByteStream::Plain(stream),
    };
    let limits = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(limit_bytes))
        .max_frame_size(Some(limit_bytes));
    match client_async_with_config(node.as_str(), stream, Some(limits)).await {
        Ok((socket, _)) => Ok(OpenSocket(socket)),
        Err(tungstenite::Error::Io(error)) => Err(tls::failure(&error).unwrap_or_else(|| failed(error))),
        Err(tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete)) => Err(DisconnectReason::ClosedByNode),
        Err(error) => Err(DisconnectReason::NotWebSocket { message: error.to_string() }),
    }
}

impl<S, F> Socket<S, F>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Result<OpenSocket<S>, DisconnectReason>>,
{
    pub(super) fn send(&mut self, bytes: Vec<u8>) {
        // A request for a socket that has just ended is void: the end is reported at the next turn.
        if let Self::Open { outgoing, .. } = self {
            outgoing.push_back(Message::Binary(bytes.into()));
        }
    }

    /// Gives the connection up. What is returned still has to be left in good order; an attempt to connect is over.
    pub(super) fn take(&mut self) -> Option<Box<OpenSocket<S>>> {
        match std::mem::replace(self, Self::Closed) {
            Self::Open { stream, .. } => Some(stream),
            Self::Closed | Self::Connecting(_) => None,
        }
    }

    /// Moves bytes both ways until something is to be reported.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, limit_bytes: usize) -> Poll<Happened> {
        let ended = |socket: &mut Self, reason| {
            *socket = Self::Closed;
            Poll::Ready(Happened::Ended(reason))
        };
        match self {
            Self::Closed => Poll::Pending,
            Self::Connecting(opening) => match opening.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(reason)) => ended(self, reason),
                Poll::Ready(Ok(stream)) => {
                    *self = Self::Open { stream: Box::new(stream), outgoing: VecDeque::new(), flushing: false };
                    Poll::Ready(Happened::Opened)
                }
            },
            Self::Open { stream, outgoing, flushing } => {
                if let Err(error) = stream.write_out(outgoing, flushing, context) {
                    return ended(self, classify(error, limit_bytes));
                }
                match stream.read_in(context) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Ok(bytes)) => Poll::Ready(Happened::Message(bytes)),
                    Poll::Ready(Err(Ending::Reason(reason))) => ended(self, reason),
                    Poll::Ready(Err(Ending::Failure(error))) => ended(self, classify(error, limit_bytes)),
                }
            }
        }
    }
}

/// Why reading ended.
enum Ending {
    Reason(DisconnectReason),
    Failure(tungstenite::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin> OpenSocket<S> {
    /// Says good-bye if that is possible at once.
    pub(super) fn wave(&mut self, context: &mut Context<'_>) {
        // The connection is given up: that it is broken, or takes nothing now, changes nothing.
        let _ = Pin::new(&mut self.0).poll_close(context);
    }

    /// The closing handshake: sends what is under way and a close frame, and reads until the other side has answered or
    /// hung up. Takes as long as the other side does.
    pub(super) async fn leave(&mut self) {
        let socket = &mut self.0;
        if poll_fn(|context| Pin::new(&mut *socket).poll_close(context)).await.is_err() {
            return;
        }
        // What still comes is read, because closing a TCP connection over unread bytes resets it and may destroy the
        // close frame on its way.
        while let Some(Ok(message)) = poll_fn(|context| Pin::new(&mut *socket).poll_next(context)).await {
            if message.is_close() {
                break;
            }
        }
        // Tells a TLS peer that nothing was cut off; there is nobody to report a failure to.
        let _ = poll_fn(|context| Pin::new(socket.get_mut()).poll_shutdown(context)).await;
    }

    /// Hands over as much as the socket takes; `Ok` also when it takes no more for now.
    fn write_out(
        &mut self,
        outgoing: &mut VecDeque<Message>,
        flushing: &mut bool,
        context: &mut Context<'_>,
    ) -> Result<(), tungstenite::Error> {
        let stream = &mut self.0;
        while !outgoing.is_empty() {
            match Pin::new(&mut *stream).poll_ready(context)? {
                Poll::Pending => return Ok(()),
                Poll::Ready(()) => {
                    if let Some(message) = outgoing.pop_front() {
                        Pin::new(&mut *stream).start_send(message)?;
                        *flushing = true;
                    }
                }
            }
        }
        if *flushing && Pin::new(&mut *stream).poll_flush(context)?.is_ready() {
            *flushing = false;
        }
        Ok(())
    }

    /// The next binary message. Pings are answered inside tungstenite.
    fn read_in(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, Ending>> {
        loop {
            return match Pin::new(&mut self.0).poll_next(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None | Some(Ok(Message::Close(_)))) => {
                    Poll::Ready(Err(Ending::Reason(DisconnectReason::ClosedByNode)))
                }
                Poll::Ready(Some(Err(error))) => Poll::Ready(Err(Ending::Failure(error))),
                Poll::Ready(Some(Ok(Message::Binary(bytes)))) => Poll::Ready(Ok(bytes)),
                Poll::Ready(Some(Ok(Message::Text(_)))) => Poll::Ready(Err(Ending::Reason(DisconnectReason::NotBorsh))),
                Poll::Ready(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => continue,
            };
        }
    }
}

fn classify(error: tungstenite::Error, limit_bytes: usize) -> DisconnectReason {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => DisconnectReason::ClosedByNode,
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => DisconnectReason::ClosedByNode,
        tungstenite::Error::Io(error) => tls::failure(&error)
            .unwrap_or_else(|| DisconnectReason::ConnectionLost { kind: error.kind(), message: error.to_string() }),
        tungstenite::Error::Capacity(error @ CapacityError::MessageTooLong { .. }) => {
            DisconnectReason::MessageTooLarge { limit_bytes, message: error.to_string() }
        }
        error => DisconnectReason::WebSocketBroken { message: error.to_string() },
    }
}
