//! Where events come from and what keeps them: the bridge alone, or the bridge with the state machine behind it.

use std::path::PathBuf;

use bridge::{ChainRef, L1Bridge, L1Event};
use state::{Applied, Consumer, MOST_BATCH_EVENTS, Machine};

use super::error::FollowError;

/// A bridge, with or without a state machine.
pub enum Source {
    /// Nothing outlives the process.
    Bridge(L1Bridge),
    /// Every batch is executed and stored.
    Machine(Box<Stored>),
}

/// A bridge, the state machine behind it, and where its store is.
pub struct Stored {
    /// Both of them.
    pub consumer: Consumer,
    /// The store, as the user names it.
    pub name: PathBuf,
}

/// Events that came together.
pub enum Batch {
    /// From the bridge alone.
    Loose(Vec<L1Event>),
    /// To be stored together.
    Storable(state::Batch),
}

impl Batch {
    /// In order.
    pub fn events(&self) -> &[L1Event] {
        match self {
            Self::Loose(events) => events,
            Self::Storable(batch) => batch.events(),
        }
    }

    /// Number of the last numbered event.
    pub fn sequence(&self) -> Option<u64> {
        self.events().iter().rev().find_map(L1Event::sequence)
    }
}

impl Source {
    /// Waits for events and takes what is there; `None` when the stream is over. Cancel safe.
    pub async fn next_batch(&mut self) -> Option<Batch> {
        match self {
            Self::Bridge(bridge) => {
                let mut events = vec![bridge.next().await?];
                while events.len() < MOST_BATCH_EVENTS {
                    let Some(event) = bridge.try_next() else { break };
                    events.push(event);
                }
                Some(Batch::Loose(events))
            }
            Self::Machine(stored) => stored.consumer.next_batch().await.map(Batch::Storable),
        }
    }

    /// Executes and stores a batch, if there is a state machine; it is on the disk when this returns.
    ///
    /// # Errors
    /// Those of [`Machine::apply`]: the batch is not known to be stored.
    pub fn store(&mut self, batch: &Batch) -> Result<Applied, FollowError> {
        match (self, batch) {
            (Self::Machine(stored), Batch::Storable(batch)) => stored
                .consumer
                .store(batch)
                .map_err(|error| FollowError::NotStored { name: stored.name.clone(), error: Box::new(error) }),
            _ => Ok(Applied::default()),
        }
    }

    /// Tells the bridge that a batch is delivered.
    ///
    /// # Errors
    /// An event that never came from it.
    pub fn acknowledge(&mut self, batch: &Batch) -> Result<(), FollowError> {
        match (self, batch) {
            (Self::Machine(stored), Batch::Storable(batch)) => stored.consumer.acknowledge(batch)?,
            (Self::Bridge(bridge), batch) => batch.sequence().map_or(Ok(()), |last| bridge.ack(last))?,
            (Self::Machine(_), Batch::Loose(_)) => {}
        }
        Ok(())
    }

    /// Lets the bridge end. What it still tells comes from [`next_batch`](Self::next_batch).
    pub fn shut_down(&self) {
        match self {
            Self::Bridge(bridge) => bridge.shutdown(),
            Self::Machine(stored) => stored.consumer.bridge().shutdown(),
        }
    }

    /// The state machine.
    pub fn machine(&self) -> Option<&Machine> {
        match self {
            Self::Bridge(_) => None,
            Self::Machine(stored) => Some(stored.consumer.machine()),
        }
    }

    /// The block on which the first event builds, if this bridge chose one and no event is stored yet.
    pub fn first_anchor(&self) -> Option<ChainRef> {
        let Self::Machine(stored) = self else { return None };
        let is_new = stored.consumer.machine().checkpoint().is_none();
        if is_new { stored.consumer.bridge().anchor() } else { None }
    }

    /// Closes the store in good order.
    ///
    /// # Errors
    /// The disk's; what was stored is stored.
    pub fn close(self) -> Result<(), FollowError> {
        let Self::Machine(stored) = self else { return Ok(()) };
        let Stored { consumer, name } = *stored;
        consumer.into_machine().close().map_err(|error| FollowError::NotClosed { name, error: Box::new(error) })
    }
}
