//! What the node sends is lost from a request on, while the node still hears the bridge: a forgotten NAT entry.

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
pub struct HalfOpen {}

impl Drawn for HalfOpen {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for HalfOpen {
    fn moment(&self) -> Moment {
        Moment::Request
    }

    fn loses_reply(&self) -> bool {
        true
    }

    fn on_message(&self, _: &Message<'_>, link: &LinkControl) -> MessageFate {
        link.go_silent_to_near();
        MessageFate::Pass
    }
}
