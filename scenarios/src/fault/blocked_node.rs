//! The node answers nothing for a while, then everything at once: it prunes, and whoever asks waits for its lock. Notifications go on.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, MessageKind, Parcel},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, GoesOn, Later, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockedNode {
    /// How long.
    pub for_ms: u64,
}

impl Drawn for BlockedNode {
    fn draw(stream: &mut Stream) -> Self {
        Self { for_ms: 500 + stream.below(9_500) }
    }
}

impl FaultKind for BlockedNode {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn goes_on(&self) -> GoesOn {
        GoesOn::For(Duration::from_millis(self.for_ms))
    }

    fn on_later(&self, later: Later<'_>, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        match message.kind {
            MessageKind::Reply { .. } => held(message, later.left),
            MessageKind::Notification | MessageKind::Request { .. } => MessageFate::Pass,
        }
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        held(message, Duration::from_millis(self.for_ms))
    }
}

fn held(message: &Message<'_>, after: Duration) -> MessageFate {
    MessageFate::Replace(vec![Parcel { after, bytes: message.bytes.to_vec() }])
}
