//! A request kills the node's process, each time that it is sent: the connection is reset, and for a while nobody answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{AttemptFate, Message, MessageFate},
        link::LinkControl,
    },
};

use super::{AskedOperation, Drawn, FaultKind, GoesOn, Later, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KillerRequest {
    /// Which request.
    pub operation: AskedOperation,
    /// How often it does so again.
    pub times: u32,
    /// How long the node is away each time.
    pub down_ms: u64,
}

impl Drawn for KillerRequest {
    fn draw(stream: &mut Stream) -> Self {
        let operation = AskedOperation::draw(stream);
        Self { operation, times: stream.below(operation.most_times()) as u32, down_ms: stream.below(4_000) }
    }
}

impl FaultKind for KillerRequest {
    fn moment(&self) -> Moment {
        Moment::Request
    }

    fn loses_reply(&self) -> bool {
        true
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        self.operation.is_asked_by(message.kind)
    }

    fn on_attempt(&self) -> AttemptFate {
        AttemptFate::Refuse
    }

    fn lasts(&self) -> Duration {
        Duration::from_millis(self.down_ms)
    }

    fn goes_on(&self) -> GoesOn {
        GoesOn::Times(self.times)
    }

    fn on_later(&self, _: Later<'_>, message: &Message<'_>, link: &LinkControl) -> MessageFate {
        if self.fits(message) { self.on_message(message, link) } else { MessageFate::Pass }
    }

    fn on_message(&self, _: &Message<'_>, link: &LinkControl) -> MessageFate {
        link.reset();
        MessageFate::Replace(Vec::new())
    }
}
