//! A page removes blocks and adds none: what a node sends when all that was added has too few confirmations. Whoever takes no
//! added block for no change stays on a chain that is gone.

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, Moment, page};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BareRollback {}

impl Drawn for BareRollback {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for BareRollback {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        page::counts(message).is_some_and(|counts| counts.removed > 0 && counts.added > 0)
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        page::changed(message, |page| {
            page.added.clear();
            page.blocks.clear();
            true
        })
    }
}
