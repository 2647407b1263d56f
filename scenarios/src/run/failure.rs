//! The first broken property of a run, and a wait that ends with it.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::pin,
    task::{Poll, Waker},
    time::Duration,
};

use sim::world::executor::Executor;

use crate::check::Failure;

/// Keeps the first failure and wakes whoever waits for the run's end.
#[derive(Debug, Default)]
pub(super) struct FirstFailure {
    failure: RefCell<Option<Failure>>,
    waker: RefCell<Option<Waker>>,
}

impl FirstFailure {
    /// A property is broken. Later ones are not kept: they would only confuse.
    pub(super) fn report(&self, failure: Failure) {
        self.failure.borrow_mut().get_or_insert(failure);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Waits until `at`.
    ///
    /// # Errors
    /// The first failure, as soon as there is one.
    pub(super) async fn or_at(&self, executor: &Executor, at: Duration) -> Result<(), Failure> {
        let mut sleep = pin!(executor.sleep_until(at));
        poll_fn(|context| {
            if let Some(failure) = self.failure.borrow().as_ref() {
                return Poll::Ready(Err(failure.clone()));
            }
            *self.waker.borrow_mut() = Some(context.waker().clone());
            sleep.as_mut().poll(context).map(Ok)
        })
        .await
    }
}
