//! The node accepts a connection and closes it at once, as a proxy does whose node is down.

use serde::{Deserialize, Serialize};
use sim::{random::Stream, world::interposer::AttemptFate};

use super::{Drawn, FaultKind, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptThenClose {}

impl Drawn for AcceptThenClose {
    fn draw(_: &mut Stream) -> Self {
        Self {}
    }
}

impl FaultKind for AcceptThenClose {
    fn moment(&self) -> Moment {
        Moment::Attempt
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn on_attempt(&self) -> AttemptFate {
        AttemptFate::AcceptThenClose
    }
}
