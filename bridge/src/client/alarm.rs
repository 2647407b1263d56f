//! The one timer of a bridge.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// A timer that can be set again. `S` is the clock's sleep.
pub(super) struct Alarm<S> {
    armed: Option<(Duration, Pin<Box<S>>)>,
    wanted: Duration,
}

impl<S: Future<Output = ()>> Alarm<S> {
    /// One that never rings.
    pub(super) fn unset() -> Self {
        Self { armed: None, wanted: Duration::MAX }
    }

    pub(super) fn set(&mut self, deadline: Duration, sleep_until: impl FnOnce(Duration) -> S) {
        self.wanted = deadline;
        // A timer that rings too early is kept and armed again when it rings: most deadlines only move away.
        if self.armed.as_ref().is_none_or(|(armed_for, _)| deadline < *armed_for) {
            self.armed = Some((deadline, Box::pin(sleep_until(deadline))));
        }
    }

    /// Ready at the wanted time.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, sleep_until: impl Fn(Duration) -> S) -> Poll<()> {
        while let Some((armed_for, sleep)) = &mut self.armed {
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if *armed_for >= self.wanted {
                self.armed = None;
                return Poll::Ready(());
            }
            self.armed = Some((self.wanted, Box::pin(sleep_until(self.wanted))));
        }
        Poll::Pending
    }
}
