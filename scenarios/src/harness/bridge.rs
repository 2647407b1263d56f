//! What a bridge must be able to do to be stormed.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bridge::{Config, L1Bridge, L1Event};
use sim::world::host::{SimClock, SimTransport};

/// A bridge over [`bridge::Transport`] and [`bridge::Clock`]: your own, the project's, or one around the other.
///
/// Every property that holds for the project's bridge is asked of it; what the events and their numbers mean stands with
/// [`L1Event`]. Nodes, time limits and finality depth are in the configuration, and the limits count: a bridge that polls much
/// more often than `poll_interval`, or waits much longer than `request_timeout`, is found.
pub trait Bridge: Sized + 'static {
    /// Starts it on the simulated network: the handle, and the future that drives it. The storm runs that future; when it
    /// completes, [`next`](Self::next) must come to its end.
    fn start(config: Config, transport: SimTransport, clock: SimClock) -> (Self, Pin<Box<dyn Future<Output = ()>>>);

    /// The next event; `None` after the last one, and from then on always. Cancel safe: an event is taken when the future
    /// returns it, not before.
    fn next(&mut self) -> impl Future<Output = Option<L1Event>>;

    /// The consumer has stored everything up to `sequence`: as many more events may be fetched.
    fn acknowledge(&mut self, sequence: u64);

    /// The next event if one waits.
    fn try_next(&mut self) -> Option<L1Event> {
        let mut next = pin!(self.next());
        match next.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    /// How many numbered events wait to be taken. A bridge that does not tell is not checked for holding too many.
    fn waiting(&self) -> u64 {
        0
    }
}

impl Bridge for L1Bridge {
    /// # Panics
    /// Settings with which it cannot start; those of a plan that was checked are not among them.
    fn start(config: Config, transport: SimTransport, clock: SimClock) -> (Self, Pin<Box<dyn Future<Output = ()>>>) {
        let started = Self::with(config, transport, clock);
        let (bridge, driver) = started.expect("the bridges of a plan are checked with it");
        (bridge, Box::pin(driver))
    }

    fn next(&mut self) -> impl Future<Output = Option<L1Event>> {
        self.next()
    }

    fn acknowledge(&mut self, sequence: u64) {
        self.ack(sequence).expect("only what was taken is acknowledged");
    }

    fn try_next(&mut self) -> Option<L1Event> {
        self.try_next()
    }

    fn waiting(&self) -> u64 {
        self.waiting()
    }
}
