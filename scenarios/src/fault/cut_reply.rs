//! A reply breaks off in the middle, with a reset.

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
pub struct CutReply {
    /// Bytes of it that arrive, frame header of WebSocket included; never all of it.
    pub bytes: u64,
}

impl Drawn for CutReply {
    fn draw(stream: &mut Stream) -> Self {
        Self { bytes: stream.below(1_500) }
    }
}

impl FaultKind for CutReply {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        true
    }

    fn on_message(&self, message: &Message<'_>, link: &LinkControl) -> MessageFate {
        // The WebSocket header comes on top, so even the last byte that passes is not the reply's last.
        let most = message.bytes.len().saturating_sub(1);
        link.cut_after(usize::try_from(self.bytes).map_or(most, |bytes| bytes.min(most)));
        MessageFate::Pass
    }
}
