//! Nobody answers an attempt to connect.

use serde::{Deserialize, Serialize};
use sim::{random::Stream, world::interposer::AttemptFate};

use super::{Drawn, FaultKind, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HangingConnect {}

impl Drawn for HangingConnect {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for HangingConnect {
    fn moment(&self) -> Moment {
        Moment::Attempt
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_attempt(&self) -> AttemptFate {
        AttemptFate::Hang
    }
}
