//! A reply of an earlier session comes once more in a later one: what a client that shares a queue between its connections sees,
//! or one that starts counting its requests again. It comes before the first reply there whose id differs, and nobody waits for it;
//! or in the place of the first to the same operation, with the id that is waited for, and the true one comes behind it. It does
//! nothing if there is no later session with the node.

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
pub struct StaleReply {
    /// Whether it has the id and the operation of a request that waits.
    #[serde(default, skip_serializing_if = "is_false")]
    pub same_id: bool,
}

impl Drawn for StaleReply {
    fn draw(stream: &mut Stream) -> Self {
        Self { same_id: stream.chance(1, 2) }
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
        if message.session == later.first_session || !matches!(message.kind, MessageKind::Reply { .. }) {
            return MessageFate::Pass;
        }
        let Some(stale) = self.stale(later.first, message.bytes) else { return MessageFate::Pass };
        let parcel = |bytes| Parcel { after: Duration::ZERO, bytes };
        MessageFate::Replace(vec![parcel(stale), parcel(message.bytes.to_vec())])
    }
}

/// Where the id of a reply ends in its frame, and the operation behind it and the kind of the frame.
const ID_END: usize = 1 + 8;
const OPERATION_END: usize = ID_END + 1 + 1 + 1;

impl StaleReply {
    /// The earlier reply as it comes before the present one; `None` if it does not come there.
    fn stale(&self, earlier: &[u8], present: &[u8]) -> Option<Vec<u8>> {
        let (earlier_id, present_id) = (earlier.get(..ID_END)?, present.get(..ID_END)?);
        if !self.same_id {
            return (earlier_id != present_id).then(|| earlier.to_vec());
        }
        let is_same_operation = earlier.get(ID_END..OPERATION_END)? == present.get(ID_END..OPERATION_END)?;
        is_same_operation.then(|| [present_id, earlier.get(ID_END..).unwrap_or_default()].concat())
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}
