//! TCP through tokio: the first address of a host that answers.
//!
//! A host name may stand for several addresses, some of which swallow every packet. They are not tried one after the
//! other, each until the operating system gives it up, but staggered, as RFC 8305 has it: an address that has not
//! connected soon does not keep the next one waiting, and may still win.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::Poll,
    time::Duration,
};

use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, sleep_until},
};

use super::Transport;
use crate::config::NodeUrl;

/// How long an address has for itself before the next one is tried as well (RFC 8305, section 8: Connection Attempt
/// Delay).
const STAGGER: Duration = Duration::from_millis(250);

/// Connections of the operating system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpTransport;

impl Transport for TcpTransport {
    type Stream = TcpStream;

    fn connect(&self, node: &NodeUrl) -> impl Future<Output = io::Result<TcpStream>> + use<> {
        let (host, port) = (node.host().to_owned(), node.port());
        async move {
            let addresses = lookup_host((host.as_str(), port)).await?;
            let pause = || sleep_until(Instant::now() + STAGGER);
            let stream = first_to_succeed(addresses, TcpStream::connect, pause).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        }
    }
}

/// Begins `attempt` with one address after the other, the next when one has failed or the `pause` since the last
/// beginning is over. The first success wins and ends the others.
///
/// # Errors
/// The newest failure, when all have failed, or that there is no address.
async fn first_to_succeed<A, T, F, P>(
    addresses: impl IntoIterator<Item = A>,
    attempt: impl Fn(A) -> F,
    pause: impl Fn() -> P,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
    P: Future<Output = ()>,
{
    let mut addresses = addresses.into_iter().fuse();
    let mut attempts: Vec<Pin<Box<F>>> = Vec::new();
    let mut pausing: Option<Pin<Box<P>>> = None;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    poll_fn(|context| {
        loop {
            let (before, mut success) = (attempts.len(), None);
            attempts.retain_mut(|attempt| match attempt.as_mut().poll(context) {
                Poll::Pending => true,
                Poll::Ready(Ok(connected)) => {
                    success.get_or_insert(connected);
                    false
                }
                Poll::Ready(Err(error)) => {
                    failure = error;
                    false
                }
            });
            if let Some(connected) = success {
                return Poll::Ready(Ok(connected));
            }
            let none_failed = attempts.len() == before;
            let is_early = pausing.as_mut().is_some_and(|pausing| pausing.as_mut().poll(context).is_pending());
            if before > 0 && none_failed && is_early {
                return Poll::Pending;
            }
            match addresses.next() {
                Some(address) => {
                    attempts.push(Box::pin(attempt(address)));
                    pausing = Some(Box::pin(pause()));
                }
                None if attempts.is_empty() => {
                    let none = io::Error::from(io::ErrorKind::NotFound);
                    return Poll::Ready(Err(std::mem::replace(&mut failure, none)));
                }
                None => {
                    pausing = None;
                    return Poll::Pending;
                }
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        pin::pin,
        task::{Context, Waker},
    };

    use super::*;

    /// What an address does when it is called.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Fate {
        Answers(u32),
        Fails(&'static str),
        Silent,
    }

    /// Addresses whose fates may change, and time in pauses.
    struct World {
        fates: RefCell<Vec<Fate>>,
        called: Cell<usize>,
        alive: Cell<usize>,
        pauses_over: Cell<usize>,
        pauses: Cell<usize>,
    }

    impl World {
        fn new(fates: &[Fate]) -> Self {
            let zero = || Cell::new(0);
            Self {
                fates: RefCell::new(fates.to_vec()),
                called: zero(),
                alive: zero(),
                pauses_over: zero(),
                pauses: zero(),
            }
        }

        async fn call(&self, address: usize) -> io::Result<u32> {
            assert_eq!(address, self.called.replace(address + 1), "in order, each once");
            let _alive = Alive::new(&self.alive);
            poll_fn(|_| match self.fates.borrow()[address] {
                Fate::Answers(connection) => Poll::Ready(Ok(connection)),
                Fate::Fails(text) => Poll::Ready(Err(io::Error::other(text))),
                Fate::Silent => Poll::Pending,
            })
            .await
        }

        async fn pause(&self) {
            let number = self.pauses.replace(self.pauses.get() + 1);
            poll_fn(|_| if self.pauses_over.get() > number { Poll::Ready(()) } else { Poll::Pending }).await;
        }

        fn end_pause(&self) {
            self.pauses_over.set(self.pauses.get());
        }
    }

    /// Counts an attempt for as long as it lives.
    struct Alive<'a>(&'a Cell<usize>);

    impl<'a> Alive<'a> {
        fn new(alive: &'a Cell<usize>) -> Self {
            alive.set(alive.get() + 1);
            Self(alive)
        }
    }

    impl Drop for Alive<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    /// Connects and ends a pause whenever nothing goes on, at most `pauses` times; the failure as a sentence.
    fn outcome(world: &World, pauses: usize) -> Option<Result<u32, String>> {
        let count = world.fates.borrow().len();
        let mut connecting = pin!(first_to_succeed(0..count, |address| world.call(address), || world.pause()));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..=pauses {
            if let Poll::Ready(outcome) = connecting.as_mut().poll(&mut context) {
                return Some(outcome.map_err(|error| error.to_string()));
            }
            world.end_pause();
        }
        None
    }

    #[test]
    fn given_a_silent_address_when_the_pause_is_over_then_the_next_one_is_tried_and_wins() {
        let world = World::new(&[Fate::Silent, Fate::Answers(1), Fate::Answers(2)]);
        assert_eq!(outcome(&world, 0), None);
        assert_eq!(world.called.get(), 1, "the first has the pause for itself");
        let world = World::new(&[Fate::Silent, Fate::Answers(1), Fate::Answers(2)]);
        assert_eq!(outcome(&world, 1), Some(Ok(1)));
        assert_eq!((world.called.get(), world.alive.get()), (2, 0));
    }

    #[test]
    fn given_addresses_that_fail_when_connecting_then_the_next_ones_are_tried_without_a_pause() {
        let world = World::new(&[Fate::Fails("first"), Fate::Fails("second"), Fate::Answers(3)]);
        assert_eq!(outcome(&world, 0), Some(Ok(3)));
        let world = World::new(&[Fate::Fails("first"), Fate::Fails("second")]);
        assert_eq!(outcome(&world, 0), Some(Err("second".to_owned())));
        assert_eq!(outcome(&World::new(&[]), 0), Some(Err("the host has no address".to_owned())));
    }

    #[test]
    fn given_a_slow_first_address_when_the_others_fail_then_it_is_waited_for_and_may_still_win() {
        let world = World::new(&[Fate::Silent, Fate::Fails("second"), Fate::Silent, Fate::Fails("fourth")]);
        let mut connecting = pin!(first_to_succeed(0..4, |address| world.call(address), || world.pause()));
        let mut context = Context::from_waker(Waker::noop());
        let mut poll = || connecting.as_mut().poll(&mut context).map(|outcome| outcome.map_err(|e| e.to_string()));
        assert!(poll().is_pending());
        world.end_pause();
        assert!(poll().is_pending());
        assert_eq!(world.called.get(), 3, "the second failed, so that the third did not wait");
        world.end_pause();
        assert!(poll().is_pending());
        assert_eq!((world.called.get(), world.alive.get()), (4, 2));
        world.fates.borrow_mut()[2] = Fate::Fails("third");
        assert!(poll().is_pending());
        world.fates.borrow_mut()[0] = Fate::Answers(1);
        assert_eq!(poll(), Poll::Ready(Ok(1)));
    }

    #[test]
    fn given_every_address_silent_when_the_pauses_are_over_then_all_are_tried_and_waited_for() {
        let world = World::new(&[Fate::Silent; 3]);
        assert_eq!(outcome(&world, 9), None);
        assert_eq!((world.called.get(), world.pauses.get()), (3, 3));
    }
}
