//! The connection breaks at every reply that is too large, for a while: a limit of a proxy, a client library or the node.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, MessageKind},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, GoesOn, Later, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OversizedReply {
    /// The largest reply that comes through.
    pub limit_bytes: u64,
    /// How long.
    pub for_ms: u64,
}

impl Drawn for OversizedReply {
    fn draw(stream: &mut Stream) -> Self {
        let width = 1_000 << stream.below(7);
        Self { limit_bytes: 1_000 + stream.below(width), for_ms: 1_000 + stream.below(30_000) }
    }
}

impl FaultKind for OversizedReply {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        true
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        matches!(message.kind, MessageKind::Reply { .. }) && message.bytes.len() as u64 > self.limit_bytes
    }

    fn goes_on(&self) -> GoesOn {
        GoesOn::For(Duration::from_millis(self.for_ms))
    }

    fn on_later(&self, _: Later<'_>, message: &Message<'_>, link: &LinkControl) -> MessageFate {
        if self.fits(message) { self.on_message(message, link) } else { MessageFate::Pass }
    }

    fn on_message(&self, _: &Message<'_>, link: &LinkControl) -> MessageFate {
        link.close();
        MessageFate::Replace(Vec::new())
    }
}
