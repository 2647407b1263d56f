//! A reply has another version than this software knows: a newer one with more at its end, which must be read all the same, or one
//! that cannot be. Every response but that of a ping begins with two bytes of version (`kaspa-rpc-core`, `model::message`).

use std::time::Duration;

use bridge::wire::Operation;
use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, MessageKind, Parcel},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, Moment, TriggerError, page, trigger::at_most};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewerReply {
    /// The version.
    pub version: u16,
    /// How many bytes are appended to the response, at most 65,536.
    pub appended: u32,
}

impl Drawn for NewerReply {
    fn draw(stream: &mut Stream) -> Self {
        Self { version: (stream.below(2) * (2 + stream.below(300))) as u16, appended: stream.below(100) as u32 }
    }
}

impl FaultKind for NewerReply {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn check(&self) -> Result<(), TriggerError> {
        at_most("appended", self.appended, MOST_APPENDED)
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        let MessageKind::Reply { operation: Some(operation), .. } = message.kind else { return false };
        operation != Operation::Ping && message.bytes.get(page::LENGTH_AT - 1) == Some(&1)
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        self.newer(message)
            .map_or(MessageFate::Pass, |bytes| MessageFate::Replace(vec![Parcel { after: Duration::ZERO, bytes }]))
    }
}

/// Most bytes that are appended.
const MOST_APPENDED: u32 = 1 << 16;

impl NewerReply {
    fn newer(&self, message: &Message<'_>) -> Option<Vec<u8>> {
        let mut bytes = message.bytes.to_vec();
        let length = u32::from_le_bytes(*bytes.get(page::LENGTH_AT..)?.first_chunk()?).checked_add(self.appended)?;
        bytes.get_mut(page::LENGTH_AT..page::VERSION_AT)?.copy_from_slice(&length.to_le_bytes());
        bytes.get_mut(page::VERSION_AT..page::VERSION_AT + 2)?.copy_from_slice(&self.version.to_le_bytes());
        bytes.extend((0..self.appended).map(|byte| byte as u8));
        Some(bytes)
    }
}
