//! The connection is closed below WebSocket when a request has arrived: the process behind it died.

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
pub struct Fin {}

impl Drawn for Fin {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for Fin {
    fn moment(&self) -> Moment {
        Moment::Request
    }

    fn loses_reply(&self) -> bool {
        true
    }

    fn on_message(&self, _: &Message<'_>, link: &LinkControl) -> MessageFate {
        link.close();
        MessageFate::Pass
    }
}
