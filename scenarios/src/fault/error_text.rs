//! The node answers with an error instead of a reply.

use std::time::Duration;

use bridge::wire::encode;
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
pub struct ErrorText {
    /// Its text.
    pub text: String,
}

impl Drawn for ErrorText {
    fn draw(stream: &mut Stream) -> Self {
        const TEXTS: [&str; 4] = [
            "consensus is currently in a transitional ibd state",
            "some data is missing for block 0000000000000000000000000000000000000000000000000000000000000000",
            "consensus converter required UtxoEntry - but was not found",
            "a text that no node has sent yet",
        ];
        Self { text: TEXTS[stream.below(TEXTS.len() as u64) as usize].to_owned() }
    }
}

impl FaultKind for ErrorText {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let MessageKind::Reply { id, operation: Some(operation) } = message.kind else { return MessageFate::Pass };
        let bytes = encode::remote_error(id, operation, &self.text);
        MessageFate::Replace(vec![Parcel { after: Duration::ZERO, bytes }])
    }
}
