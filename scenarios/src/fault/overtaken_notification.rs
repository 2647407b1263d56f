//! A notification is held back, so that later ones overtake it, as two broadcasters of one node do.

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
pub struct OvertakenNotification {
    /// How long it is held back.
    pub by_ms: u64,
}

impl Drawn for OvertakenNotification {
    fn draw(stream: &mut Stream) -> Self {
        Self { by_ms: 1 + stream.below(3_000) }
    }
}

impl FaultKind for OvertakenNotification {
    fn moment(&self) -> Moment {
        Moment::Notification
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let after = Duration::from_millis(self.by_ms);
        MessageFate::Replace(vec![Parcel { after, bytes: message.bytes.to_vec() }])
    }
}
