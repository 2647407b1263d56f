//! Property: the acknowledged stream has 1, 2, 3, ... once each: every numbered event follows the one before without gap or
//! repetition, nothing is acknowledged that was not delivered, and in the end everything delivered is acknowledged. With a
//! state machine, delivered means stored: a process that comes back has everything that was stored, so everything that was
//! acknowledged, and the stream goes on behind it.
//!
//! Moment: every event, every acknowledgement, and at rest. Finds events lost or repeated between bridge and consumer, as
//! when a reconnect re-registers a listener twice or a queue drops what a slow consumer leaves. False for a while: never;
//! that the last events are not acknowledged yet is looked at only at rest.

use bridge::L1Event;

use super::{Checker, Context, Restart};
use crate::plan::Plan;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Acknowledged {
    delivered: u64,
    acknowledged: u64,
}

impl Checker for Acknowledged {
    fn new(_: &Plan, _: usize) -> Self {
        Self::default()
    }

    fn name(&self) -> &'static str {
        "acknowledged"
    }

    fn meaning(&self) -> &'static str {
        "the acknowledged stream has the numbers 1, 2, 3, ... once each"
    }

    fn on_event(&mut self, event: &L1Event, _: Context<'_>) -> Result<(), String> {
        let Some(sequence) = event.sequence() else { return Ok(()) };
        if sequence != self.delivered + 1 {
            return Err(format!("event {sequence} follows event {}", self.delivered));
        }
        self.delivered = sequence;
        Ok(())
    }

    fn on_acknowledged(&mut self, sequence: u64, _: Context<'_>) -> Result<(), String> {
        if sequence <= self.acknowledged || sequence > self.delivered {
            return Err(format!(
                "event {sequence} is acknowledged, after {} and with {} delivered",
                self.acknowledged, self.delivered
            ));
        }
        self.acknowledged = sequence;
        Ok(())
    }

    fn on_restart(&mut self, restart: Restart, _: Context<'_>) -> Result<(), String> {
        if restart.stored < self.acknowledged {
            return Err(format!(
                "event {} was acknowledged, and a restart later the store stands at {}",
                self.acknowledged, restart.stored
            ));
        }
        if restart.stored != self.delivered {
            return Err(format!(
                "event {} was the last stored, and a restart later the store stands at {}",
                self.delivered, restart.stored
            ));
        }
        // The next bridge begins behind the checkpoint: what is stored needs no acknowledgement any more.
        self.acknowledged = restart.stored;
        Ok(())
    }

    fn at_rest(&mut self, _: Context<'_>) -> Result<(), String> {
        if self.acknowledged < self.delivered {
            return Err(format!("{} events were delivered, {} acknowledged", self.delivered, self.acknowledged));
        }
        Ok(())
    }
}
