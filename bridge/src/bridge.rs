//! The handle that a consumer holds.

use std::{future::Future, sync::Arc, time::Duration};

use thiserror::Error;

use crate::{
    checkpoint::Checkpoint,
    client::{self, Clock, Settings, TcpTransport, Transport},
    config::{Config, ConfigError},
    event::{ChainRef, L1Event},
    follower::Follower,
    queue::Shared,
    telemetry::Telemetry,
};

/// A running bridge. Dropping it stops the bridge as [`shutdown`](Self::shutdown) does.
#[derive(Debug)]
pub struct L1Bridge {
    shared: Arc<Shared>,
    /// Highest sequence number handed to the consumer.
    delivered: u64,
}

impl L1Bridge {
    /// Starts following on the present tokio runtime, in one task of its own.
    ///
    /// # Errors
    /// Settings with which it cannot start; nothing was spawned then.
    ///
    /// # Panics
    /// Outside a tokio runtime, as `tokio::spawn` does.
    pub fn start(config: Config) -> Result<Self, ConfigError> {
        Ok(Self::spawn(Self::with(config, TcpTransport, TokioClock::new())?))
    }

    /// Whether a bridge would start with these settings; nothing is spawned or sent.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub fn check(config: &Config) -> Result<(), ConfigError> {
        Follower::new(config.clone())?;
        Settings::new(config)?;
        Ok(())
    }

    /// As [`start`](Self::start), for a consumer with history: goes on after the last event whose effects are in
    /// `checkpoint`. `window` is what the consumer stored of the chain from the checkpoint's root to its tip, root first.
    /// Without it, what is needed of it is fetched back from the node before anything else; see the crate's documentation
    /// for what that costs.
    ///
    /// The next numbered event has the checkpoint's sequence plus one; if the tip left the chain meanwhile, it is a
    /// `Reorg`. [`Config::start`] is not looked at: no anchor is chosen. A root with index 0 is taken as not final until
    /// the tip is the finality depth above it.
    ///
    /// # Errors
    /// Settings with which it cannot start, a checkpoint of another network, or a window that is not the checkpoint's
    /// chain; nothing was spawned then.
    ///
    /// # Panics
    /// Outside a tokio runtime, as `tokio::spawn` does.
    pub fn resume(config: Config, checkpoint: &Checkpoint, window: Option<&[ChainRef]>) -> Result<Self, ConfigError> {
        Ok(Self::spawn(Self::resume_with(config, TcpTransport, TokioClock::new(), checkpoint, window)?))
    }

    /// A bridge over any transport and clock, with the future that drives it. The caller runs that future; when it is
    /// dropped the event stream ends.
    ///
    /// # Errors
    /// Settings with which it cannot start.
    pub fn with<T: Transport, C: Clock>(
        config: Config,
        transport: T,
        clock: C,
    ) -> Result<(Self, impl Future<Output = ()> + use<T, C>), ConfigError> {
        let follower = Follower::new(config.clone())?;
        Self::around(&config, follower, 0, transport, clock)
    }

    /// [`resume`](Self::resume) over any transport and clock, as [`with`](Self::with) is [`start`](Self::start).
    ///
    /// # Errors
    /// Those of [`resume`](Self::resume).
    pub fn resume_with<T: Transport, C: Clock>(
        config: Config,
        transport: T,
        clock: C,
        checkpoint: &Checkpoint,
        window: Option<&[ChainRef]>,
    ) -> Result<(Self, impl Future<Output = ()> + use<T, C>), ConfigError> {
        let follower = Follower::resume(config.clone(), checkpoint, window)?;
        Self::around(&config, follower, checkpoint.sequence(), transport, clock)
    }

    /// The block on which the first numbered event of this bridge builds; known before that event is delivered. It begins
    /// the consumer's [`Window`](crate::Window).
    pub fn anchor(&self) -> Option<ChainRef> {
        self.shared.anchor()
    }

    /// The next event; `None` after the last one. Cancel safe.
    pub async fn next(&mut self) -> Option<L1Event> {
        let event = self.shared.next().await?;
        self.note(&event);
        Some(event)
    }

    /// The next event if one is waiting. [`is_finished`](Self::is_finished) tells `None` for now from `None` for ever.
    pub fn try_next(&mut self) -> Option<L1Event> {
        let event = self.shared.try_next()?;
        self.note(&event);
        Some(event)
    }

    /// How many numbered events (blocks, reorgs, finalizations) wait to be taken: how far the consumer is behind the
    /// bridge. With those taken and not acknowledged, never more than the high-water mark and one page.
    pub fn waiting(&self) -> u64 {
        // An event is in the queue before it is counted, so that one may have been taken already.
        self.shared.emitted().saturating_sub(self.delivered)
    }

    /// True when the stream has ended and its last event was taken.
    pub fn is_finished(&self) -> bool {
        self.shared.is_finished()
    }

    /// Says that the consumer has stored everything up to `sequence`. Events beyond the high-water mark are only
    /// fetched when earlier ones are acknowledged.
    ///
    /// # Errors
    /// A number that was not delivered yet; nothing is acknowledged then.
    pub fn ack(&self, sequence: u64) -> Result<(), AckError> {
        if sequence > self.delivered {
            return Err(AckError { sequence, delivered: self.delivered });
        }
        self.shared.acknowledge(sequence);
        Ok(())
    }

    /// Asks the bridge to stop. It closes its session in good order: the events already queued and
    /// [`Disconnected`](L1Event::Disconnected) can be taken at once, and the stream ends when the node has agreed to the
    /// end of the connection, or after [`Config::shutdown_timeout`].
    pub fn shutdown(&self) {
        self.shared.shut_down();
    }

    fn around<T: Transport, C: Clock>(
        config: &Config,
        follower: Follower,
        delivered: u64,
        transport: T,
        clock: C,
    ) -> Result<(Self, impl Future<Output = ()> + use<T, C>), ConfigError> {
        let settings = Settings::new(config)?;
        let telemetry = Telemetry::new(config, delivered, clock.now());
        let shared = Arc::new(Shared::default());
        let bridge = Self { shared: Arc::clone(&shared), delivered };
        let stream = EventStream(shared);
        let client = async move { client::run((follower, settings), telemetry, &stream.0, transport, clock).await };
        Ok((bridge, client))
    }

    fn spawn((bridge, client): (Self, impl Future<Output = ()> + Send + 'static)) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one task of a live bridge")]
        tokio::spawn(client);
        bridge
    }

    fn note(&mut self, event: &L1Event) {
        if let Some(sequence) = event.sequence() {
            self.delivered = sequence;
        }
    }
}

impl Drop for L1Bridge {
    fn drop(&mut self) {
        self.shared.shut_down();
    }
}

/// The client's end of the queue: the consumer's stream ends with it, even if the client was never polled.
struct EventStream(Arc<Shared>);

impl Drop for EventStream {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// An acknowledgement of an event that was not delivered.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("cannot acknowledge event {sequence}: the last one delivered is {delivered}")]
pub struct AckError {
    /// The number given.
    pub sequence: u64,
    /// The highest number that may be acknowledged.
    pub delivered: u64,
}

/// The operating system's monotonic clock and tokio's timer.
#[derive(Clone, Copy, Debug)]
struct TokioClock {
    start: tokio::time::Instant,
}

impl TokioClock {
    fn new() -> Self {
        Self { start: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep_until(&self, deadline: Duration) -> impl Future<Output = ()> + use<> {
        tokio::time::sleep_until(self.start + deadline)
    }
}
