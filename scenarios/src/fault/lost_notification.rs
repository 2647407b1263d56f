//! A notification is lost.

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
pub struct LostNotification {}

impl Drawn for LostNotification {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for LostNotification {
    fn moment(&self) -> Moment {
        Moment::Notification
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_message(&self, _: &Message<'_>, _: &LinkControl) -> MessageFate {
        MessageFate::Replace(Vec::new())
    }
}
