//! What the bridge sends is lost from a request on, while it still hears the node: notifications come and no replies.

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
pub struct DeafNode {}

impl Drawn for DeafNode {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for DeafNode {
    fn moment(&self) -> Moment {
        Moment::Request
    }

    fn loses_reply(&self) -> bool {
        true
    }

    fn on_message(&self, _: &Message<'_>, link: &LinkControl) -> MessageFate {
        link.go_silent_to_far();
        MessageFate::Replace(Vec::new())
    }
}
