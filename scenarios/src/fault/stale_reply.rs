//! A reply of an earlier session comes once more in a later one, before the first reply there whose id differs: what a client that
//! shares a queue between its connections sees. It does nothing if there is no later session with the node.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, MessageKind, Parcel},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, GoesOn, Later, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaleReply {}

impl Drawn for StaleReply {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for StaleReply {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn multiplies(&self) -> bool {
        true
    }

    fn goes_on(&self) -> GoesOn {
        GoesOn::Times(1)
    }

    fn on_later(&self, later: Later<'_>, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let is_other = message.bytes.get(..ID_END) != later.first.get(..ID_END);
        if message.session == later.first_session || !matches!(message.kind, MessageKind::Reply { .. }) || !is_other {
            return MessageFate::Pass;
        }
        let parcel = |bytes: &[u8]| Parcel { after: Duration::ZERO, bytes: bytes.to_vec() };
        MessageFate::Replace(vec![parcel(later.first), parcel(message.bytes)])
    }
}

/// Where the id of a reply ends in its frame.
const ID_END: usize = 1 + 8;
