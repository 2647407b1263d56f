//! A notification comes twice, the second time late.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, Parcel},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepeatedNotification {
    /// How long after the first.
    pub after_ms: u64,
}

impl Drawn for RepeatedNotification {
    fn draw(stream: &mut Stream) -> Self {
        Self { after_ms: stream.below(3_000) }
    }
}

impl FaultKind for RepeatedNotification {
    fn moment(&self) -> Moment {
        Moment::Notification
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn multiplies(&self) -> bool {
        true
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let parcel = |after_ms| Parcel { after: Duration::from_millis(after_ms), bytes: message.bytes.to_vec() };
        MessageFate::Replace(vec![parcel(0), parcel(self.after_ms)])
    }
}
