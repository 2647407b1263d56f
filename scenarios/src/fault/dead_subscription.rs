//! A subscription is confirmed and never comes to life: the session gets replies and no notifications. So it is for a while after
//! every confirmation, which leaves the node before the subscription has reached its place (`kaspa-notify`, `subscriber`).

use bridge::wire::Operation;
use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, MessageKind},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, GoesOn, Later, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadSubscription {}

impl Drawn for DeadSubscription {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for DeadSubscription {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        matches!(message.kind, MessageKind::Reply { operation: Some(Operation::Subscribe), .. })
    }

    fn goes_on(&self) -> GoesOn {
        GoesOn::InSession
    }

    fn on_later(&self, _: Later<'_>, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        match message.kind {
            MessageKind::Notification => MessageFate::Replace(Vec::new()),
            MessageKind::Reply { .. } | MessageKind::Request { .. } => MessageFate::Pass,
        }
    }
}
