//! The node's port answers, but not with a WebSocket: a proxy says that its node is away, for a while.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{random::Stream, world::interposer::AttemptFate};

use super::{Drawn, FaultKind, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BadGateway {
    /// How long.
    pub for_ms: u64,
}

impl Drawn for BadGateway {
    fn draw(stream: &mut Stream) -> Self {
        Self { for_ms: stream.below(8_000) }
    }
}

impl FaultKind for BadGateway {
    fn moment(&self) -> Moment {
        Moment::Attempt
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_attempt(&self) -> AttemptFate {
        AttemptFate::BadGateway
    }

    fn lasts(&self) -> Duration {
        Duration::from_millis(self.for_ms)
    }
}
