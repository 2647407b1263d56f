//! The hand-over to the consumer: every event arrives once, whatever happens to the futures that wait for it.
//!
//! The client's future and the consumer's futures are polled by hand, over a transport that always fails and a clock
//! that stands still until it is moved: each attempt to connect leaves one event in the queue.

use std::{
    future::{Future, pending},
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bridge::{Clock, Config, L1Bridge, L1Event, NodeUrl, Transport, wire::Network};
use proptest::prelude::*;
use tokio::io::DuplexStream;

/// Counts how often it was woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Refuses every connection, at once or never.
#[derive(Clone, Copy)]
enum Wire {
    Refused,
    Hanging,
}

impl Transport for Wire {
    type Stream = DuplexStream;

    fn connect(&self, _: &NodeUrl) -> impl Future<Output = io::Result<DuplexStream>> + use<> {
        let hangs = matches!(self, Self::Hanging);
        async move {
            if hangs {
                pending::<()>().await;
            }
            Err(io::Error::from(io::ErrorKind::ConnectionRefused))
        }
    }
}

/// A clock that is moved by hand.
#[derive(Clone, Default)]
struct HandClock {
    now_ms: Arc<AtomicU64>,
    sleepers: Arc<Mutex<Vec<Waker>>>,
}

impl HandClock {
    fn advance(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
        let mut sleepers = self.sleepers.lock().expect("nobody panics while it holds the lock");
        sleepers.drain(..).for_each(Waker::wake);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.now_ms.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, deadline: Duration) -> impl Future<Output = ()> + use<> {
        let clock = self.clone();
        std::future::poll_fn(move |context| {
            if clock.now() >= deadline {
                return Poll::Ready(());
            }
            let mut sleepers = clock.sleepers.lock().expect("nobody panics while it holds the lock");
            sleepers.push(context.waker().clone());
            Poll::Pending
        })
    }
}

/// A bridge and its client's future, polled by hand.
struct Rig {
    bridge: L1Bridge,
    client: Option<Pin<Box<dyn Future<Output = ()>>>>,
    clock: HandClock,
    client_bell: Arc<Bell>,
}

impl Rig {
    fn new(wire: Wire) -> Self {
        let mut config = Config::new(Network::MAINNET, ["ws://node:17110"]).expect("the address is usable");
        (config.backoff_min, config.backoff_max) = (Duration::from_millis(10), Duration::from_millis(10));
        let clock = HandClock::default();
        let (bridge, client) = L1Bridge::with(config, wire, clock.clone()).expect("the configuration is usable");
        Self { bridge, client: Some(Box::pin(client)), clock, client_bell: Arc::default() }
    }

    /// Polls the client; true while it lives.
    fn run_client(&mut self) -> bool {
        let waker = Waker::from(Arc::clone(&self.client_bell));
        let mut context = Context::from_waker(&waker);
        if self.client.as_mut().is_some_and(|client| client.as_mut().poll(&mut context).is_ready()) {
            self.client = None;
        }
        self.client.is_some()
    }

    /// Lets the client leave this many events.
    fn leave_events(&mut self, count: usize) {
        for _ in 0..count {
            self.clock.advance(20);
            assert!(self.run_client());
        }
    }

    /// Takes what is there; the flag tells whether the stream has ended.
    fn take_all(&mut self) -> (usize, bool) {
        let waker = Waker::from(Arc::<Bell>::default());
        let mut context = Context::from_waker(&waker);
        let mut count = 0;
        loop {
            match pin!(self.bridge.next()).poll(&mut context) {
                Poll::Ready(Some(L1Event::Unreachable { .. })) => count += 1,
                Poll::Ready(Some(other)) => panic!("{other:?}"),
                Poll::Ready(None) => return (count, true),
                Poll::Pending => return (count, false),
            }
        }
    }
}

#[test]
fn given_a_waiting_consumer_when_an_event_comes_then_it_is_woken_and_gets_it() {
    let mut rig = Rig::new(Wire::Refused);
    let bell = Arc::<Bell>::default();
    let waker = Waker::from(Arc::clone(&bell));
    let mut context = Context::from_waker(&waker);
    let Rig { bridge, client, .. } = &mut rig;
    let mut next = pin!(bridge.next());
    assert!(next.as_mut().poll(&mut context).is_pending());
    assert_eq!(bell.rings(), 0);
    let client = client.as_mut().expect("it lives");
    assert!(client.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(bell.rings(), 1);
    assert!(matches!(next.as_mut().poll(&mut context), Poll::Ready(Some(L1Event::Unreachable { .. }))));
}

#[test]
fn given_a_waiting_future_that_was_woken_when_dropped_then_its_event_is_not_lost() {
    let mut rig = Rig::new(Wire::Refused);
    for events in 1..5 {
        {
            let Rig { bridge, client, clock, .. } = &mut rig;
            let mut next = pin!(bridge.next());
            assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            for _ in 0..events {
                clock.advance(20);
                let client = client.as_mut().expect("it lives");
                assert!(client.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            // Woken and dropped before it was polled again.
        }
        assert_eq!(rig.take_all(), (events, false));
    }
}

#[test]
fn given_a_waiting_consumer_when_the_client_is_dropped_then_it_is_woken_and_the_stream_ends() {
    let mut rig = Rig::new(Wire::Hanging);
    rig.run_client();
    let bell = Arc::<Bell>::default();
    let waker = Waker::from(Arc::clone(&bell));
    let mut context = Context::from_waker(&waker);
    let Rig { bridge, client, .. } = &mut rig;
    let mut next = pin!(bridge.next());
    assert!(next.as_mut().poll(&mut context).is_pending());
    *client = None;
    assert_eq!(bell.rings(), 1);
    assert_eq!(next.as_mut().poll(&mut context), Poll::Ready(None));
}

#[test]
fn given_a_client_that_was_never_polled_when_dropped_then_the_stream_ends() {
    let mut rig = Rig::new(Wire::Hanging);
    rig.client = None;
    assert_eq!(rig.take_all(), (0, true));
}

#[test]
fn given_events_in_the_queue_when_the_client_is_dropped_then_all_come_before_the_end() {
    let mut rig = Rig::new(Wire::Refused);
    rig.leave_events(7);
    rig.client = None;
    assert_eq!(rig.take_all(), (7, true));
    assert_eq!(rig.take_all(), (0, true), "the end stays the end");
}

#[test]
fn given_a_queue_without_events_when_asked_then_finished_only_once_the_client_is_gone_and_all_was_taken() {
    let mut rig = Rig::new(Wire::Refused);
    assert!(!rig.bridge.is_finished());
    assert_eq!(rig.bridge.try_next(), None, "nothing yet");
    rig.leave_events(1);
    assert!(!rig.bridge.is_finished());
    rig.client = None;
    assert!(!rig.bridge.is_finished(), "one is left");
    assert!(rig.bridge.try_next().is_some() && rig.bridge.is_finished());
    assert_eq!(rig.bridge.try_next(), None, "nothing any more");
}

#[test]
fn given_events_in_the_queue_when_shut_down_then_all_come_before_the_end() {
    let mut rig = Rig::new(Wire::Refused);
    rig.leave_events(7);
    let rings = rig.client_bell.rings();
    rig.bridge.shutdown();
    assert_eq!(rig.client_bell.rings(), rings + 1, "the client sleeps and is woken");
    assert!(!rig.run_client());
    assert_eq!(rig.take_all(), (7, true));
}

#[test]
fn given_a_hanging_connection_when_the_handle_is_dropped_then_the_client_is_woken_and_ends() {
    let mut rig = Rig::new(Wire::Hanging);
    assert!(rig.run_client());
    let Rig { bridge, client, client_bell, .. } = rig;
    let rings = client_bell.rings();
    drop(bridge);
    assert_eq!(client_bell.rings(), rings + 1);
    let mut client = client.expect("it lives");
    assert!(client.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn given_an_idle_client_when_polled_without_reason_then_it_sets_no_further_timer_and_leaves_nothing() {
    let mut rig = Rig::new(Wire::Hanging);
    (0..100).for_each(|_| assert!(rig.run_client()));
    assert_eq!(rig.take_all(), (0, false));
    assert_eq!(rig.client_bell.rings(), 0, "nothing wakes it but what it waits for");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn given_any_order_of_events_polls_and_drops_when_summed_up_then_every_event_came_once(
        actions in proptest::collection::vec(0..4_u8, 1..60),
    ) {
        let mut rig = Rig::new(Wire::Refused);
        let (mut left, mut taken) = (0, 0);
        for action in actions {
            match action {
                0 => {
                    rig.leave_events(1);
                    left += 1;
                }
                // A future that is polled once and dropped.
                1 => {
                    let polled = pin!(rig.bridge.next()).poll(&mut Context::from_waker(Waker::noop()));
                    taken += usize::from(matches!(polled, Poll::Ready(Some(_))));
                }
                2 => taken += usize::from(rig.bridge.try_next().is_some()),
                // A future that is never polled.
                _ => drop(rig.bridge.next()),
            }
            prop_assert!(taken <= left);
        }
        rig.client = None;
        let (rest, ended) = rig.take_all();
        prop_assert!(ended);
        prop_assert_eq!(taken + rest, left);
    }
}
