//! Ties a bridge and a state machine together.
//!
//! Order: events are applied and durable first, acknowledged then. What was not acknowledged comes again.

use std::{
    future::{Future, poll_fn, ready},
    pin::{Pin, pin},
    task::Poll,
};

use bridge::{AckError, ChainRef, Clock, Config, ConfigError, FatalError, L1Bridge, L1Event, Transport};
use thiserror::Error;

use crate::{
    error::ApplyError,
    machine::{Applied, Machine},
};

/// Most chain blocks that share a transaction of the database.
pub const MOST_BATCH_BLOCKS: usize = 64;

/// Most events of any kind that share one.
pub const MOST_BATCH_EVENTS: usize = 256;

/// A bridge, and the state machine that consumes its events.
#[derive(Debug)]
pub struct Consumer {
    bridge: L1Bridge,
    machine: Machine,
    /// What was taken from the bridge for the next batch.
    gathered: Batch,
}

/// Events that are stored together.
#[derive(Debug, Default)]
pub struct Batch {
    events: Vec<L1Event>,
    blocks: usize,
}

impl Batch {
    /// In order.
    pub fn events(&self) -> &[L1Event] {
        &self.events
    }

    /// The last of them, if it says that nothing more will come.
    pub fn fatal(&self) -> Option<&FatalError> {
        match self.events.last() {
            Some(L1Event::Fatal(fatal)) => Some(fatal),
            _ => None,
        }
    }

    /// Number of the last numbered event.
    pub fn sequence(&self) -> Option<u64> {
        self.events.iter().rev().find_map(L1Event::sequence)
    }

    fn push(&mut self, event: L1Event) {
        self.blocks += usize::from(matches!(event, L1Event::BlockAdded(_)));
        self.events.push(event);
    }

    /// Whether no other event may join it.
    fn is_full(&self) -> bool {
        self.blocks >= MOST_BATCH_BLOCKS || self.events.len() >= MOST_BATCH_EVENTS || self.fatal().is_some()
    }
}

impl Consumer {
    /// Starts a bridge on the present tokio runtime where the machine stands: from its checkpoint, or anew.
    ///
    /// # Errors
    /// Settings with which the bridge cannot start.
    pub fn start(config: Config, machine: Machine) -> Result<Self, ConfigError> {
        let bridge = match machine.checkpoint() {
            None => L1Bridge::start(config)?,
            Some(checkpoint) => L1Bridge::resume(config, checkpoint, Some(&window(&machine)))?,
        };
        Ok(Self { bridge, machine, gathered: Batch::default() })
    }

    /// As [`start`](Self::start) over any transport and clock; the caller runs the future that drives the bridge.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with<T: Transport + 'static, C: Clock + 'static>(
        config: Config,
        machine: Machine,
        transport: T,
        clock: C,
    ) -> Result<(Self, impl Future<Output = ()> + use<T, C>), ConfigError> {
        // The future of a new bridge and that of a resumed one are of one type only when they are boxed.
        let (bridge, driver): (_, Pin<Box<dyn Future<Output = ()>>>) = match machine.checkpoint() {
            None => {
                let (bridge, driver) = L1Bridge::with(config, transport, clock)?;
                (bridge, Box::pin(driver))
            }
            Some(checkpoint) => {
                let window = window(&machine);
                let (bridge, driver) = L1Bridge::resume_with(config, transport, clock, checkpoint, Some(&window))?;
                (bridge, Box::pin(driver))
            }
        };
        Ok((Self { bridge, machine, gathered: Batch::default() }, driver))
    }

    /// Waits for events and takes what is there, up to [`MOST_BATCH_BLOCKS`] chain blocks and [`MOST_BATCH_EVENTS`] events of
    /// any kind; `None` when the stream is over. Cancel safe.
    pub async fn next_batch(&mut self) -> Option<Batch> {
        self.gather(|| ready(())).await
    }

    /// As [`next_batch`](Self::next_batch), but the events of a batch wait for others until the future that `interval` makes
    /// completes, or the batch is full, or the stream is over: group commit. A commit costs about as much for many blocks as
    /// for one, so that this buys throughput; the price is that events are stored and acknowledged later by as much.
    ///
    /// The future is made when the first event of the batch is there. Cancel safe: what was taken stays here for the next
    /// call, which makes a future of its own at once.
    pub async fn gather<I: Future<Output = ()>>(&mut self, interval: impl FnOnce() -> I) -> Option<Batch> {
        if self.gathered.events.is_empty() {
            let first = self.bridge.next().await?;
            self.gathered.push(first);
        }
        let mut interval = pin!(interval());
        loop {
            while !self.gathered.is_full() {
                let Some(event) = self.bridge.try_next() else { break };
                self.gathered.push(event);
            }
            if self.gathered.is_full() {
                break;
            }
            let mut next = pin!(self.bridge.next());
            let event = poll_fn(|context| match interval.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => next.as_mut().poll(context),
            });
            match event.await {
                Some(event) => self.gathered.push(event),
                None => break,
            }
        }
        Some(std::mem::take(&mut self.gathered))
    }

    /// Numbered events that the bridge has told and that are in no batch yet.
    pub fn waiting(&self) -> u64 {
        let gathered = self.gathered.events.iter().filter(|event| event.sequence().is_some()).count() as u64;
        self.bridge.waiting().saturating_add(gathered)
    }

    /// Applies a batch: durable when this returns. Acknowledge it afterwards.
    ///
    /// # Errors
    /// Those of [`Machine::apply`].
    pub fn store(&mut self, batch: &Batch) -> Result<Applied, ApplyError> {
        self.machine.apply(self.bridge.anchor(), &batch.events)
    }

    /// Tells the bridge that a batch is stored.
    ///
    /// # Errors
    /// A batch of another consumer.
    pub fn acknowledge(&mut self, batch: &Batch) -> Result<(), AckError> {
        batch.sequence().map_or(Ok(()), |sequence| self.bridge.ack(sequence))
    }

    /// Stores and acknowledges batch after batch until the stream is over, and returns how it ended.
    ///
    /// # Errors
    /// What cannot be stored. What was acknowledged before is in the store.
    pub async fn run(&mut self) -> Result<End, ConsumerError> {
        self.run_with(|| ready(())).await
    }

    /// As [`run`](Self::run), with batches as [`gather`](Self::gather) makes them:
    /// `run_with(|| tokio::time::sleep(Duration::from_millis(200)))`.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_with<I: Future<Output = ()>>(&mut self, interval: impl Fn() -> I) -> Result<End, ConsumerError> {
        while let Some(batch) = self.gather(&interval).await {
            self.store(&batch)?;
            self.acknowledge(&batch)?;
            if let Some(fatal) = batch.fatal() {
                return Ok(End::Fatal(fatal.clone()));
            }
        }
        Ok(End::Stopped)
    }

    /// The state machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The bridge.
    pub fn bridge(&self) -> &L1Bridge {
        &self.bridge
    }

    /// The state machine, when the bridge is done with; dropping the bridge stops it.
    pub fn into_machine(self) -> Machine {
        self.machine
    }
}

fn window(machine: &Machine) -> Vec<ChainRef> {
    machine.window().map(|window| window.blocks().collect()).unwrap_or_default()
}

/// How a consumer ended without an error of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The bridge was shut down.
    Stopped,
    /// No node can be followed. The state is untouched.
    Fatal(FatalError),
}

/// Why a consumer cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConsumerError {
    /// A batch cannot be stored.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The bridge does not take an acknowledgement.
    #[error(transparent)]
    Acknowledge(#[from] AckError),
}
