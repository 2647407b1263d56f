//! The connection becomes slow from a reply on.

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowLine {
    /// Rate.
    pub bytes_per_second: u64,
}

impl Drawn for SlowLine {
    fn draw(stream: &mut Stream) -> Self {
        Self { bytes_per_second: 2_000 + stream.below(50_000) }
    }
}

impl FaultKind for SlowLine {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_message(&self, _: &Message<'_>, link: &LinkControl) -> MessageFate {
        link.reshape(|profile| profile.bytes_per_second = self.bytes_per_second.max(1));
        MessageFate::Pass
    }
}
