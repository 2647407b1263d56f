//! The node does not know a request and drops the connection, a few times: a proxy that leads now to a new node and now to an old
//! one (`workflow-rpc` 0.18, `server/protocol/borsh.rs`: an unknown operation is a malformed message).

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate},
        link::LinkControl,
    },
};

use super::{AskedOperation, Drawn, FaultKind, GoesOn, Later, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnknownOperation {
    /// Which request.
    pub operation: AskedOperation,
    /// How often it does so again.
    pub times: u32,
}

impl Drawn for UnknownOperation {
    fn draw(stream: &mut Stream) -> Self {
        let operation = AskedOperation::draw(stream);
        Self { operation, times: stream.below(operation.most_times()) as u32 }
    }
}

impl FaultKind for UnknownOperation {
    fn moment(&self) -> Moment {
        Moment::Request
    }

    fn loses_reply(&self) -> bool {
        true
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        self.operation.is_asked_by(message.kind)
    }

    fn goes_on(&self) -> GoesOn {
        GoesOn::Times(self.times)
    }

    fn on_later(&self, _: Later<'_>, message: &Message<'_>, link: &LinkControl) -> MessageFate {
        if self.fits(message) { self.on_message(message, link) } else { MessageFate::Pass }
    }

    fn on_message(&self, _: &Message<'_>, link: &LinkControl) -> MessageFate {
        link.close();
        MessageFate::Replace(Vec::new())
    }
}
