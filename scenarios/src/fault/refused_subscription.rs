//! The node refuses a subscription with the words of its notifier (`kaspa_notify::error::Error`).

use std::time::Duration;

use bridge::wire::{Operation, encode};
use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, MessageKind, Parcel},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedSubscription {}

impl Drawn for RefusedSubscription {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for RefusedSubscription {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        matches!(message.kind, MessageKind::Reply { operation: Some(Operation::Subscribe), .. })
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let MessageKind::Reply { id, operation: Some(operation) } = message.kind else { return MessageFate::Pass };
        let bytes = encode::remote_error(id, operation, "channel send error");
        MessageFate::Replace(vec![Parcel { after: Duration::ZERO, bytes }])
    }
}
