//! A reply arrives damaged where the bridge can see it: in its frame header, or cut short.

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
pub struct DamagedReply {
    /// The byte to invert, counted within the 12 bytes of the frame header.
    pub byte: u8,
    /// Cut to this many bytes first; 0 leaves the length.
    pub cut_to: u32,
}

impl Drawn for DamagedReply {
    fn draw(stream: &mut Stream) -> Self {
        Self { byte: stream.below(12) as u8, cut_to: (stream.below(2) * stream.below(400)) as u32 }
    }
}

impl FaultKind for DamagedReply {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let mut bytes = message.bytes.to_vec();
        if self.cut_to > 0 {
            bytes.truncate(self.cut_to as usize);
        }
        if let Some(byte) = bytes.get_mut(usize::from(self.byte)) {
            *byte = !*byte;
        }
        MessageFate::Replace(vec![Parcel { after: Duration::ZERO, bytes }])
    }
}
