//! The async shell: one future that joins the follower to a WebSocket, a clock and the event queue.
//!
//! It is generic over [`Transport`] and [`Clock`], spawns nothing, and runs unchanged on tokio and on a simulated
//! network. In each turn it looks, in this order, at the consumer's signals, the socket and the timer, hands one input
//! to the follower and does everything the follower asks for.
//!
//! At the end of the stream the present connection is left with the WebSocket closing handshake, for at most
//! [`Config::shutdown_timeout`]. A connection that is given up earlier gets a close frame if it takes one at once.

mod alarm;
mod socket;
mod tcp;
mod tls;

use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    task::Poll,
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite};

use self::{
    alarm::Alarm,
    socket::{Happened, OpenSocket, Socket, open},
    tls::Tls,
};
pub(crate) use self::{
    tcp::TcpTransport,
    tls::{is_verifiable_host, trusted_roots},
};
use crate::{
    config::{Config, ConfigError, NodeUrl},
    follower::{Follower, Input, Output},
    queue::{Shared, Signal},
    telemetry::Telemetry,
};

/// Where byte streams come from.
pub trait Transport {
    /// A connected byte stream.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Opens a byte stream to `node`, to its host and port. Dropping the future gives the attempt up. TLS, where the
    /// address asks for it, is spoken by the bridge over this stream.
    fn connect(&self, node: &NodeUrl) -> impl Future<Output = io::Result<Self::Stream>> + use<Self>;
}

/// Where time comes from.
pub trait Clock {
    /// Time since any fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Completes when `now()` has reached `deadline`.
    fn sleep_until(&self, deadline: Duration) -> impl Future<Output = ()> + use<Self>;
}

/// What the shell takes from the configuration.
pub(crate) struct Settings {
    message_limit_bytes: usize,
    shutdown_timeout: Duration,
    /// There if any node wants it.
    tls: Option<Tls>,
}

impl Settings {
    /// # Errors
    /// A certificate that is not one.
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let needs_tls = config.nodes.iter().any(NodeUrl::is_secure);
        Ok(Self {
            message_limit_bytes: config.message_limit_bytes,
            shutdown_timeout: config.shutdown_timeout,
            tls: needs_tls.then(|| Tls::new(&config.trusted_certificates)).transpose()?,
        })
    }
}

/// Runs `follower` until it is shut down or ends in `Fatal`.
pub(crate) async fn run<T: Transport, C: Clock>(
    (mut follower, settings): (Follower, Settings),
    mut telemetry: Telemetry,
    shared: &Shared,
    transport: T,
    clock: C,
) {
    let limit_bytes = settings.message_limit_bytes;
    let mut socket = Socket::Closed;
    let mut alarm = Alarm::unset();
    let (mut session, mut acknowledged) = (0, 0);
    let mut input = Input::Tick;
    loop {
        let now = clock.now();
        telemetry.on_input(&input, now);
        follower.handle(input, now);
        let (mut given_up, mut is_finished) = (None, false);
        while let Some(output) = follower.poll_output() {
            telemetry.on_output(&output, now);
            match output {
                Output::Close { .. } => given_up = socket.take(),
                Output::Connect { session: number, node } => {
                    session = number;
                    let stream = transport.connect(&node);
                    socket = Socket::Connecting(Box::pin(open(stream, node, settings.tls.clone(), limit_bytes)));
                }
                Output::Event(event) => {
                    // From the first numbered event on, the anchor stays.
                    if let (Some(_), Some(anchor)) = (event.sequence(), follower.anchor()) {
                        shared.set_anchor(anchor);
                    }
                    shared.push(event);
                }
                Output::Finished => is_finished = true,
                Output::Send { bytes, .. } => socket.send(bytes),
                Output::WakeAt(deadline) => alarm.set(deadline, |at| clock.sleep_until(at)),
            }
        }
        telemetry.on_turn(&follower, now);
        if is_finished {
            if let Some(socket) = given_up {
                leave(*socket, &clock, settings.shutdown_timeout).await;
            }
            return;
        }
        shared.set_paused(follower.is_paused());
        input = poll_fn(|context| {
            if let Some(mut socket) = given_up.take() {
                socket.wave(context);
            }
            if let Poll::Ready(signal) = shared.poll_signal(acknowledged, context) {
                return Poll::Ready(match signal {
                    Signal::Shutdown => Input::Shutdown,
                    Signal::Acknowledged(sequence) => {
                        acknowledged = sequence;
                        Input::Ack { sequence }
                    }
                });
            }
            if let Poll::Ready(happened) = telemetry.in_session(|| socket.poll(context, limit_bytes)) {
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

/// Closes the last connection in good order, in bounded time.
async fn leave<S: AsyncRead + AsyncWrite + Unpin, C: Clock>(mut socket: OpenSocket<S>, clock: &C, timeout: Duration) {
    let mut timer = pin!(clock.sleep_until(clock.now().saturating_add(timeout)));
    let mut leaving = pin!(socket.leave());
    poll_fn(|context| {
        // First of all, so that without any time it is at least tried.
        if leaving.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        timer.as_mut().poll(context)
    })
    .await;
}
