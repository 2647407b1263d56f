//! Replies take the longer the larger they are, for a while: the node reads every block of a page from a busy disk. A large page may
//! never come before the bridge's patience ends, a small one does.

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
pub struct SlowNode {
    /// Rate.
    pub bytes_per_second: u64,
    /// How long.
    pub for_ms: u64,
}

impl Drawn for SlowNode {
    fn draw(stream: &mut Stream) -> Self {
        Self { bytes_per_second: 300 + stream.below(5_000), for_ms: 1_000 + stream.below(40_000) }
    }
}

impl FaultKind for SlowNode {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn goes_on(&self) -> GoesOn {
        GoesOn::For(Duration::from_millis(self.for_ms))
    }

    fn on_later(&self, _: Later<'_>, message: &Message<'_>, link: &LinkControl) -> MessageFate {
        match message.kind {
            MessageKind::Reply { .. } => self.on_message(message, link),
            MessageKind::Notification | MessageKind::Request { .. } => MessageFate::Pass,
        }
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let milliseconds = (message.bytes.len() as u64).saturating_mul(1_000) / self.bytes_per_second.max(1);
        let after = Duration::from_millis(milliseconds);
        MessageFate::Replace(vec![Parcel { after, bytes: message.bytes.to_vec() }])
    }
}
