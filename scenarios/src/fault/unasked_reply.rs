//! A reply comes that answers no request: with an id that was never given out, before the one that was asked for.

use std::time::Duration;

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
pub struct UnaskedReply {
    /// How far its id is above that of the reply behind it.
    pub id_distance: u64,
}

impl Drawn for UnaskedReply {
    fn draw(stream: &mut Stream) -> Self {
        Self { id_distance: 1 + stream.below(1 << 40) }
    }
}

impl FaultKind for UnaskedReply {
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
        let MessageKind::Reply { id, .. } = message.kind else { return MessageFate::Pass };
        let mut unasked = message.bytes.to_vec();
        // Behind the tag that says that there is one.
        if let Some(place) = unasked.get_mut(1..9) {
            place.copy_from_slice(&id.wrapping_add(self.id_distance.max(1)).to_le_bytes());
        }
        let parcel = |bytes| Parcel { after: Duration::ZERO, bytes };
        MessageFate::Replace(vec![parcel(unasked), parcel(message.bytes.to_vec())])
    }
}
