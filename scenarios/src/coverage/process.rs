//! Recognises points of a process with a state machine that comes back. Those of its disk and its death are told by the run,
//! which alone knows what struck.

use bridge::L1Event;

use super::{Coverage, Point};

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Process {
    /// Since the process came back, it was told nothing of the chain.
    is_new: bool,
}

impl Process {
    pub(super) fn on_event(&mut self, event: &L1Event, coverage: &mut Coverage) {
        if event.sequence().is_some() && std::mem::take(&mut self.is_new) && matches!(event, L1Event::Reorg(_)) {
            coverage.hit(Point::ReorgAcrossRestart);
        }
    }

    pub(super) fn on_restart(&mut self) {
        self.is_new = true;
    }
}
