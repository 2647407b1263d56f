//! A notification arrives damaged: a byte of it is inverted, or it is cut short.

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
pub struct DamagedNotification {
    /// The byte to invert, from the beginning; the last if there are fewer.
    pub byte: u32,
    /// Cut to this many bytes first; 0 leaves the length.
    pub cut_to: u32,
}

impl Drawn for DamagedNotification {
    fn draw(stream: &mut Stream) -> Self {
        Self { byte: stream.below(60) as u32, cut_to: (stream.below(2) * stream.below(80)) as u32 }
    }
}

impl FaultKind for DamagedNotification {
    fn moment(&self) -> Moment {
        Moment::Notification
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let mut bytes = message.bytes.to_vec();
        if self.cut_to > 0 {
            bytes.truncate(self.cut_to as usize);
        }
        let last = bytes.len().saturating_sub(1);
        if let Some(byte) = bytes.get_mut((self.byte as usize).min(last)) {
            *byte = !*byte;
        }
        MessageFate::Replace(vec![Parcel { after: Duration::ZERO, bytes }])
    }
}
