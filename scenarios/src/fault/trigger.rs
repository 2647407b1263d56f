//! When a fault strikes, by meaning.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::world::interposer::{Attempt, Message, MessageKind};
use thiserror::Error;

use super::Moment;

/// The first occasion that fits strikes. What is left out fits everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// In the bridge's so many-th session, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u64>,
    /// At the bridge's so many-th attempt to connect, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// At the session's so many-th request, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// At the session's so many-th reply, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<u64>,
    /// At the session's so many-th notification, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<u64>,
    /// Once the node's selected chain has so many blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_block: Option<u64>,
    /// From this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
}

/// Why a fault with its trigger cannot be planned.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TriggerError {
    /// The fault's moment has no such property.
    #[error("it strikes at {moment:?}, where `{field}` means nothing")]
    FieldWithoutMeaning {
        /// Where the fault strikes.
        moment: Moment,
        /// The field.
        field: &'static str,
    },
    /// There is no such bridge.
    #[error("it hits bridge {bridge}, there are {bridges}")]
    NoSuchBridge {
        /// The bridge.
        bridge: u32,
        /// Number of bridges.
        bridges: usize,
    },
    /// More than any node sends.
    #[error("`{field}` is {value}, it must be at most {most}")]
    TooLarge {
        /// The field.
        field: &'static str,
        /// What it is.
        value: u32,
        /// The most that is accepted.
        most: u32,
    },
    /// Occasions are counted from 1.
    #[error("`{field}` is 0, counting starts at 1")]
    Zero {
        /// The field.
        field: &'static str,
    },
}

pub(super) fn at_most(field: &'static str, value: u32, most: u32) -> Result<(), TriggerError> {
    if value > most { Err(TriggerError::TooLarge { field, value, most }) } else { Ok(()) }
}

impl Trigger {
    pub(super) fn check(&self, moment: Moment) -> Result<(), TriggerError> {
        let fields = [
            ("session", self.session, moment != Moment::Attempt),
            ("attempt", self.attempt, moment == Moment::Attempt),
            ("request", self.request, moment == Moment::Request),
            ("reply", self.reply, moment == Moment::Reply),
            ("notification", self.notification, moment == Moment::Notification),
        ];
        for (field, value, has_meaning) in fields {
            match value {
                Some(_) if !has_meaning => return Err(TriggerError::FieldWithoutMeaning { moment, field }),
                Some(0) => return Err(TriggerError::Zero { field }),
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn fits_attempt(&self, attempt: &Attempt) -> bool {
        self.attempt.is_none_or(|number| number == attempt.attempt) && self.has_come(attempt.chain_blocks, attempt.now)
    }

    pub(super) fn fits_message(&self, message: &Message<'_>) -> bool {
        let number = match message.kind {
            MessageKind::Notification => self.notification,
            MessageKind::Reply { .. } => self.reply,
            MessageKind::Request { .. } => self.request,
        };
        self.session.is_none_or(|session| session == message.session)
            && number.is_none_or(|number| number == message.number)
            && self.has_come(message.chain_blocks, message.now)
    }

    fn has_come(&self, chain_blocks: u64, now: Duration) -> bool {
        self.chain_block.is_none_or(|least| least <= chain_blocks)
            && self.time_ms.is_none_or(|time_ms| Duration::from_millis(time_ms) <= now)
    }
}
