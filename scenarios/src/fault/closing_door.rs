//! The node accepts and closes at once, for a while: a proxy whose node is gone. Whoever comes back at once storms it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{random::Stream, world::interposer::AttemptFate};

use super::{Drawn, FaultKind, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosingDoor {
    /// How long.
    pub for_ms: u64,
}

impl Drawn for ClosingDoor {
    fn draw(stream: &mut Stream) -> Self {
        Self { for_ms: stream.below(15_000) }
    }
}

impl FaultKind for ClosingDoor {
    fn moment(&self) -> Moment {
        Moment::Attempt
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_attempt(&self) -> AttemptFate {
        AttemptFate::AcceptThenClose
    }

    fn lasts(&self) -> Duration {
        Duration::from_millis(self.for_ms)
    }
}
