//! The node is down for a while: its system refuses connections.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{random::Stream, world::interposer::AttemptFate};

use super::{Drawn, FaultKind, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedConnect {
    /// How long.
    pub for_ms: u64,
}

impl Drawn for RefusedConnect {
    fn draw(stream: &mut Stream) -> Self {
        Self { for_ms: stream.below(5_000) }
    }
}

impl FaultKind for RefusedConnect {
    fn moment(&self) -> Moment {
        Moment::Attempt
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_attempt(&self) -> AttemptFate {
        AttemptFate::Refuse
    }

    fn lasts(&self) -> Duration {
        Duration::from_millis(self.for_ms)
    }
}
