//! One side's stream ends when a request has arrived, and the other's does not: the node sends no more and still reads, or the
//! node is told that the bridge sends no more.

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
pub struct HalfClose {
    /// The bridge sees the end; otherwise the node does.
    pub to_bridge: bool,
}

impl Drawn for HalfClose {
    fn draw(stream: &mut Stream) -> Self {
        Self { to_bridge: stream.chance(1, 2) }
    }
}

impl FaultKind for HalfClose {
    fn moment(&self) -> Moment {
        Moment::Request
    }

    fn loses_reply(&self) -> bool {
        true
    }

    fn on_message(&self, _: &Message<'_>, link: &LinkControl) -> MessageFate {
        if self.to_bridge {
            link.close_to_near();
        } else {
            link.close_to_far();
        }
        MessageFate::Replace(Vec::new())
    }
}
