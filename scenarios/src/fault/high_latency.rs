//! The way to the node becomes long from a reply on, in both directions.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HighLatency {
    /// What is added to the latency.
    pub added_ms: u64,
}

impl Drawn for HighLatency {
    fn draw(stream: &mut Stream) -> Self {
        Self { added_ms: 50 + stream.below(4_000) }
    }
}

impl FaultKind for HighLatency {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_message(&self, _: &Message<'_>, link: &LinkControl) -> MessageFate {
        let added = Duration::from_millis(self.added_ms);
        link.reshape(|profile| profile.latency = profile.latency.saturating_add(added));
        MessageFate::Pass
    }
}
