//! Recognises points of a consumer that does not keep up.
//!
//! The bridge pauses while as many numbered events as the high-water mark are not acknowledged. Those that wait in its
//! queue are a part of them: while these alone are so many, it certainly fetches nothing, and the first event beyond them
//! comes from the fetch after the pause.

use bridge::L1Event;

use super::{Coverage, Point};
use crate::check::Context;

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// The last number given out before the present pause.
    paused_at: Option<u64>,
}

impl Backlog {
    pub(super) fn on_event(&mut self, event: &L1Event, context: Context<'_>, coverage: &mut Coverage) {
        let Some(sequence) = event.sequence() else { return };
        if self.paused_at.is_some_and(|last| sequence > last) {
            self.paused_at = None;
            coverage.hit(Point::ResumesAfterPause);
            if matches!(event, L1Event::Reorg(_)) {
                coverage.hit(Point::ReorgAfterPause);
            }
        }
        if context.waiting >= context.bridge.high_water_mark && self.paused_at.is_none() {
            coverage.hit(Point::Paused);
            self.paused_at = Some(sequence + context.waiting);
        }
    }
}
