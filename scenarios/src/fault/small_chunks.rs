//! The connection hands over a few bytes at a time from a reply on, as small segments and short reads do.

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
pub struct SmallChunks {
    /// Most bytes that one read gives, and that one write of the bridge takes. The node's own writes are no concern of the
    /// bridge.
    pub chunk_bytes: u64,
}

impl Drawn for SmallChunks {
    fn draw(stream: &mut Stream) -> Self {
        // A handful, or what a segment of Ethernet carries at most.
        let most = if stream.chance(1, 2) { 64 } else { 1_460 };
        Self { chunk_bytes: 1 + stream.below(most) }
    }
}

impl FaultKind for SmallChunks {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_message(&self, _: &Message<'_>, link: &LinkControl) -> MessageFate {
        let chunk_bytes = usize::try_from(self.chunk_bytes.max(1)).unwrap_or(usize::MAX);
        link.reshape(|profile| profile.read_bytes = chunk_bytes);
        link.reshape_to_far(|profile| profile.write_bytes = chunk_bytes);
        MessageFate::Pass
    }
}
