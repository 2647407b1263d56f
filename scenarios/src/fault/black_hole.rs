//! The connection goes silent in both directions when a request has arrived; nobody is told.

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
pub struct BlackHole {}

impl Drawn for BlackHole {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for BlackHole {
    fn moment(&self) -> Moment {
        Moment::Request
    }

    fn loses_reply(&self) -> bool {
        true
    }

    fn on_message(&self, _: &Message<'_>, link: &LinkControl) -> MessageFate {
        link.go_silent();
        MessageFate::Pass
    }
}
