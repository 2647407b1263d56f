//! A reply comes twice; no node does that, so the bridge must end the session.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, Parcel},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepeatedReply {}

impl Drawn for RepeatedReply {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for RepeatedReply {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn multiplies(&self) -> bool {
        true
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let parcel = Parcel { after: Duration::ZERO, bytes: message.bytes.to_vec() };
        MessageFate::Replace(vec![parcel.clone(), parcel])
    }
}
