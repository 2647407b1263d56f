//! A reply takes long: the node prunes, or its disk is busy.

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
pub struct DelayedReply {
    /// How long it is held back.
    pub by_ms: u64,
}

impl Drawn for DelayedReply {
    fn draw(stream: &mut Stream) -> Self {
        Self { by_ms: 1 + stream.below(40_000) }
    }
}

impl FaultKind for DelayedReply {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let after = Duration::from_millis(self.by_ms);
        MessageFate::Replace(vec![Parcel { after, bytes: message.bytes.to_vec() }])
    }
}
