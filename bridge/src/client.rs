//! The async shell: one future that joins the follower to a WebSocket, a clock and the event queue.
//!
//! It is generic over [`Transport`] and [`Clock`], spawns nothing, and runs unchanged on tokio and on a simulated
//! network. In each turn it looks, in this order, at the consumer's signals, the socket and the timer, hands one input
//! to the follower and does everything the follower asks for.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
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

use crate::{
    config::NodeUrl,
    error::DisconnectReason,
    follower::{Follower, Input, Output},
    queue::{Shared, Signal},
};

/// Most bytes taken from the socket at a time. tungstenite clears that much before every read, so its default of 128 KiB
/// would cost more than reading the usual notification of 200 bytes.
const READ_BUFFER_BYTES: usize = 16 << 10;

/// Where byte streams come from.
pub trait Transport {
    /// A connected byte stream.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Opens a byte stream to `node`. Dropping the future gives the attempt up.
    fn connect(&self, node: &NodeUrl) -> impl Future<Output = io::Result<Self::Stream>> + use<Self>;
}

/// Where time comes from.
pub trait Clock {
    /// Time since any fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Completes when `now()` has reached `deadline`.
    fn sleep_until(&self, deadline: Duration) -> impl Future<Output = ()> + use<Self>;
}

/// Runs `follower` until it is shut down or ends in `Fatal`.
pub(crate) async fn run<T: Transport, C: Clock>(mut follower: Follower, shared: &Shared, transport: T, clock: C) {
    let limit_bytes = follower.message_limit_bytes();
    let mut socket = Socket::Closed;
    let mut alarm = Alarm { armed: None, wanted: Duration::MAX };
    let mut session = 0;
    let mut acknowledged = 0;
    let mut input = Input::Tick;
    loop {
        follower.handle(input, clock.now());
        while let Some(output) = follower.poll_output() {
            match output {
                Output::Close { .. } => socket = Socket::Closed,
                Output::Connect { session: number, node } => {
                    session = number;
                    socket = Socket::Connecting(Box::pin(open(transport.connect(&node), node, limit_bytes)));
                }
                Output::Event(event) => {
                    // From the first numbered event on, the anchor stays.
                    if let (Some(_), Some(anchor)) = (event.sequence(), follower.anchor()) {
                        shared.set_anchor(anchor);
                    }
                    shared.push(event);
                }
                Output::Finished => return,
                Output::Send { bytes, .. } => socket.send(bytes),
                Output::WakeAt(deadline) => alarm.set(deadline, |at| clock.sleep_until(at)),
            }
        }
        shared.set_paused(follower.is_paused());
        input = poll_fn(|context| {
            if let Poll::Ready(signal) = shared.poll_signal(acknowledged, context) {
                return Poll::Ready(match signal {
                    Signal::Shutdown => Input::Shutdown,
                    Signal::Acknowledged(sequence) => {
                        acknowledged = sequence;
                        Input::Ack { sequence }
                    }
                });
            }
            if let Poll::Ready(happened) = socket.poll(context, limit_bytes) {
                return Poll::Ready(match happened {
                    Happened::Opened => Input::Connected { session },
                    Happened::Message(bytes) => Input::Frame { session, bytes },
                    Happened::Ended(reason) => Input::Closed { session, reason },
                });
            }
            alarm.poll(context, |at| clock.sleep_until(at)).map(|()| Input::Tick)
        })
        .await;
    }
}

/// Connects and shakes hands.
async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: impl Future<Output = io::Result<S>>,
    node: NodeUrl,
    limit_bytes: usize,
) -> Result<WebSocketStream<S>, DisconnectReason> {
    let failed = |error: io::Error| DisconnectReason::ConnectFailed { kind: error.kind(), message: error.to_string() };
    let stream = stream.await.map_err(failed)?;
    let limits = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(limit_bytes))
        .max_frame_size(Some(limit_bytes));
    match client_async_with_config(node.as_str(), stream, Some(limits)).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Io(error)) => Err(failed(error)),
        Err(tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete)) => Err(DisconnectReason::ClosedByNode),
        Err(error) => Err(DisconnectReason::NotWebSocket { message: error.to_string() }),
    }
}

/// The connection of the present session. `F` is the future that opens it.
enum Socket<S, F> {
    Closed,
    Connecting(Pin<Box<F>>),
    Open { stream: Box<WebSocketStream<S>>, outgoing: VecDeque<Message>, flushing: bool },
}

/// What a socket reports.
enum Happened {
    Opened,
    Message(Bytes),
    Ended(DisconnectReason),
}

impl<S, F> Socket<S, F>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Result<WebSocketStream<S>, DisconnectReason>>,
{
    fn send(&mut self, bytes: Vec<u8>) {
        // A request for a socket that has just ended is void: the end is reported at the next turn.
        if let Self::Open { outgoing, .. } = self {
            outgoing.push_back(Message::Binary(bytes.into()));
        }
    }

    /// Moves bytes both ways until something is to be reported.
    fn poll(&mut self, context: &mut Context<'_>, limit_bytes: usize) -> Poll<Happened> {
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
                if let Err(error) = write_out(stream, outgoing, flushing, context) {
                    return ended(self, classify(error, limit_bytes));
                }
                match read_in(stream, context) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Ok(bytes)) => Poll::Ready(Happened::Message(bytes)),
                    Poll::Ready(Err(Ending::Reason(reason))) => ended(self, reason),
                    Poll::Ready(Err(Ending::Failure(error))) => ended(self, classify(error, limit_bytes)),
                }
            }
        }
    }
}

/// Hands over as much as the socket takes; `Ok` also when it takes no more for now.
fn write_out<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut WebSocketStream<S>,
    outgoing: &mut VecDeque<Message>,
    flushing: &mut bool,
    context: &mut Context<'_>,
) -> Result<(), tungstenite::Error> {
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

/// Why reading ended.
enum Ending {
    Reason(DisconnectReason),
    Failure(tungstenite::Error),
}

/// The next binary message. Pings are answered inside tungstenite.
fn read_in<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut WebSocketStream<S>,
    context: &mut Context<'_>,
) -> Poll<Result<Bytes, Ending>> {
    loop {
        return match Pin::new(&mut *stream).poll_next(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(Err(Ending::Reason(DisconnectReason::ClosedByNode))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(Ending::Failure(error))),
            Poll::Ready(Some(Ok(Message::Binary(bytes)))) => Poll::Ready(Ok(bytes)),
            Poll::Ready(Some(Ok(Message::Text(_)))) => Poll::Ready(Err(Ending::Reason(DisconnectReason::NotBorsh))),
            Poll::Ready(Some(Ok(Message::Close(_)))) => {
                Poll::Ready(Err(Ending::Reason(DisconnectReason::ClosedByNode)))
            }
            Poll::Ready(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => continue,
        };
    }
}

fn classify(error: tungstenite::Error, limit_bytes: usize) -> DisconnectReason {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => DisconnectReason::ClosedByNode,
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => DisconnectReason::ClosedByNode,
        tungstenite::Error::Io(error) => {
            DisconnectReason::ConnectionLost { kind: error.kind(), message: error.to_string() }
        }
        tungstenite::Error::Capacity(error @ CapacityError::MessageTooLong { .. }) => {
            DisconnectReason::MessageTooLarge { limit_bytes, message: error.to_string() }
        }
        error => DisconnectReason::WebSocketBroken { message: error.to_string() },
    }
}

/// The one timer. `S` is the clock's sleep.
struct Alarm<S> {
    armed: Option<(Duration, Pin<Box<S>>)>,
    wanted: Duration,
}

impl<S: Future<Output = ()>> Alarm<S> {
    fn set(&mut self, deadline: Duration, sleep_until: impl FnOnce(Duration) -> S) {
        self.wanted = deadline;
        // A timer that rings too early is kept and armed again when it rings: most deadlines only move away.
        if self.armed.as_ref().is_none_or(|(armed_for, _)| deadline < *armed_for) {
            self.armed = Some((deadline, Box::pin(sleep_until(deadline))));
        }
    }

    /// Ready at the wanted time.
    fn poll(&mut self, context: &mut Context<'_>, sleep_until: impl Fn(Duration) -> S) -> Poll<()> {
        while let Some((armed_for, sleep)) = &mut self.armed {
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if *armed_for >= self.wanted {
                self.armed = None;
                return Poll::Ready(());
            }
            self.armed = Some((self.wanted, Box::pin(sleep_until(self.wanted))));
        }
        Poll::Pending
    }
}
