//! The node's RPC framework refuses a request itself, in a frame of another kind than a method's error (`workflow-rpc` 0.18,
//! `server/protocol/borsh.rs` and `error.rs`).

use std::time::Duration;

use bridge::wire::FrameKind;
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
pub struct DispatchError {
    /// Which of its errors, as Borsh numbers them; those that carry words carry none.
    pub code: u8,
}

impl Drawn for DispatchError {
    fn draw(stream: &mut Stream) -> Self {
        Self { code: stream.below(17) as u8 }
    }
}

impl FaultKind for DispatchError {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let MessageKind::Reply { id, .. } = message.kind else { return MessageFate::Pass };
        let mut bytes = vec![1];
        bytes.extend(id.to_le_bytes());
        // The kind, no operation, the error; then the length of its words.
        bytes.extend([FrameKind::Error as u8, 0, self.code]);
        if (10..=14).contains(&self.code) {
            bytes.extend(0_u32.to_le_bytes());
        }
        MessageFate::Replace(vec![Parcel { after: Duration::ZERO, bytes }])
    }
}
