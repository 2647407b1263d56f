//! Property: `Connected` and `Disconnected` alternate and name the same session, sessions rise, blocks and reorgs come only
//! while connected, and nothing follows `Fatal`. The bridge of a restarted process begins anew, with a session of its own.
//!
//! Moment: every event. Finds a bridge that keeps two sessions, tells an end twice (kaspa-wrpc-client emits two
//! disconnects for one), or applies a reply of a dead session. False for a while: never.

use bridge::L1Event;

use super::{Checker, Context, Restart};
use crate::plan::Plan;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Session {
    current: Option<u64>,
    last: u64,
    ended: bool,
}

impl Checker for Session {
    fn new(_: &Plan, _: usize) -> Self {
        Self::default()
    }

    fn name(&self) -> &'static str {
        "session"
    }

    fn meaning(&self) -> &'static str {
        "sessions begin and end in turn, the chain changes only in between, and nothing follows Fatal"
    }

    fn on_event(&mut self, event: &L1Event, _: Context<'_>) -> Result<(), String> {
        if self.ended {
            return Err("an event follows Fatal".to_owned());
        }
        match event {
            L1Event::Connected { session, .. } => {
                if let Some(current) = self.current {
                    return Err(format!("session {session} begins before session {current} ended"));
                }
                if *session <= self.last {
                    return Err(format!("session {session} follows session {}", self.last));
                }
                (self.current, self.last) = (Some(*session), *session);
                Ok(())
            }
            L1Event::Disconnected { session, .. } => match self.current.take() {
                Some(current) if current == *session => Ok(()),
                current => Err(format!("session {session} ends, the present one is {current:?}")),
            },
            L1Event::BlockAdded(_) | L1Event::Reorg(_) | L1Event::Finalized { .. } if self.current.is_none() => {
                Err("the chain changes without a session".to_owned())
            }
            L1Event::Fatal(_) => {
                self.ended = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn on_restart(&mut self, _: Restart, _: Context<'_>) -> Result<(), String> {
        if self.ended {
            return Err("the process went on after Fatal".to_owned());
        }
        // The present session died with the process and is not told as ended; the next process counts from 1.
        *self = Self::default();
        Ok(())
    }
}
