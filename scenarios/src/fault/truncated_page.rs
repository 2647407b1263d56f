//! Pages end early, for a while: a node sends so many merged blocks and no more, whatever is above (`kaspa-rpc-service`,
//! `get_virtual_chain_from_block_v2_call`). Whoever takes the end of a page for the sink stays behind.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, GoesOn, Later, Moment, page};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruncatedPage {
    /// Most blocks of a page; at least 1.
    pub blocks: u32,
    /// How long.
    pub for_ms: u64,
}

impl Drawn for TruncatedPage {
    fn draw(stream: &mut Stream) -> Self {
        Self { blocks: 1 + stream.below(3) as u32, for_ms: stream.below(10_000) }
    }
}

impl FaultKind for TruncatedPage {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        page::counts(message).is_some_and(|counts| counts.added > self.most())
    }

    fn goes_on(&self) -> GoesOn {
        GoesOn::For(Duration::from_millis(self.for_ms))
    }

    fn on_later(&self, _: Later<'_>, message: &Message<'_>, link: &LinkControl) -> MessageFate {
        self.on_message(message, link)
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        if !self.fits(message) {
            return MessageFate::Pass;
        }
        page::changed(message, |page| {
            page.added.truncate(self.most());
            page.blocks.truncate(self.most());
            true
        })
    }
}

impl TruncatedPage {
    fn most(&self) -> usize {
        self.blocks.max(1) as usize
    }
}
