//! A reply never leaves the node.

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
pub struct LostReply {}

impl Drawn for LostReply {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for LostReply {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        true
    }

    fn on_message(&self, _: &Message<'_>, _: &LinkControl) -> MessageFate {
        MessageFate::Replace(Vec::new())
    }
}
