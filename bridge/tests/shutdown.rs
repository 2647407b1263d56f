//! How a bridge goes: in good order where the node takes part, within a bound where it does not, never with `Fatal`.

#![expect(clippy::disallowed_methods, reason = "real sockets on the real runtime and the real clock")]

#[path = "support/server.rs"]
#[expect(dead_code, reason = "shared with the tests of connections, which use more of it")]
mod server;
mod support;

use std::{
    cell::Cell,
    future::{Future, pending},
    io,
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use bridge::{
    Clock, Config, DisconnectReason, L1Bridge, L1Event, NodeUrl, Transport,
    wire::{Network, Operation},
};
use futures_util::{SinkExt, StreamExt};
use server::{Server, SocketNode};
use support::{consumer::Consumer, node::Answer};
use tokio::{
    io::DuplexStream,
    net::TcpStream,
    sync::Notify,
    task::yield_now,
    time::{sleep, timeout},
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

const FINALITY: u64 = 1_000;

/// So long that no test waits for it.
const NEVER: Duration = Duration::from_secs(600);

fn config(url: &str) -> Config {
    let mut config = Config::new(Network::SIMNET, [url]).expect("the address is usable");
    config.finality_depth = Some(FINALITY);
    config.shutdown_timeout = NEVER;
    config
}

fn start(config: Config) -> L1Bridge {
    L1Bridge::start(config).expect("the configuration is usable")
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future).await.unwrap_or_else(|_| panic!("never {what}"))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    soon(what, async {
        while !holds() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

async fn next(bridge: &mut L1Bridge) -> L1Event {
    soon("an event", bridge.next()).await.expect("the stream goes on")
}

/// Takes what is left of the stream and checks how it ends.
async fn ends_by_shutdown(bridge: &mut L1Bridge) {
    let mut last = None;
    while let Some(event) = soon("the end", bridge.next()).await {
        assert!(!matches!(event, L1Event::Fatal(_)), "{event:?}");
        last = Some(event);
    }
    let reason = DisconnectReason::Shutdown;
    assert_eq!(last, Some(L1Event::Disconnected { session: 1, reason, retry_in: None }));
}

async fn synced(bridge: &mut L1Bridge) {
    while !matches!(next(bridge).await, L1Event::Synced { .. }) {}
}

/// Serves `node` until `frozen`; from then on its connections stay open, and nothing is read or sent.
async fn serve_until(node: &SocketNode, frozen: &Arc<Notify>) -> Server {
    let (node, frozen) = (node.clone(), Arc::clone(frozen));
    Server::start(move |stream| {
        let (node, frozen) = (node.clone(), Arc::clone(&frozen));
        async move {
            let mut conversation = pin!(node.converse(stream));
            tokio::select! {
                () = &mut conversation => {}
                () = frozen.notified() => pending().await,
            }
        }
    })
    .await
}

#[tokio::test]
async fn given_a_healthy_node_when_shut_down_then_it_sees_a_close_frame_and_the_end_waits_for_its_answer() {
    let node = SocketNode::new();
    node.grow(20);
    let server = node.serve().await;
    let mut bridge = start(config(&server.url()));
    synced(&mut bridge).await;
    bridge.shutdown();
    ends_by_shutdown(&mut bridge).await;
    assert_eq!(node.farewells(), 1);
}

#[tokio::test]
async fn given_a_healthy_node_when_the_bridge_is_dropped_then_it_sees_a_close_frame() {
    let node = SocketNode::new();
    let server = node.serve().await;
    let mut bridge = start(config(&server.url()));
    synced(&mut bridge).await;
    drop(bridge);
    until("said good-bye", || node.farewells() == 1).await;
    until("closed", || node.open() == 0).await;
}

#[tokio::test]
async fn given_a_node_that_does_not_read_any_more_when_shut_down_then_the_stream_ends_within_the_bound() {
    let (node, frozen) = (SocketNode::new(), Arc::new(Notify::new()));
    let server = serve_until(&node, &frozen).await;
    let mut config = config(&server.url());
    config.shutdown_timeout = Duration::from_millis(150);
    let mut bridge = start(config);
    synced(&mut bridge).await;
    frozen.notify_one();
    sleep(Duration::from_millis(20)).await;
    let shut_down_at = Instant::now();
    bridge.shutdown();
    // What there is to tell does not wait.
    while !matches!(next(&mut bridge).await, L1Event::Disconnected { .. }) {}
    assert!(!bridge.is_finished());
    assert_eq!(soon("the end", bridge.next()).await, None);
    let took = shut_down_at.elapsed();
    assert!(took >= Duration::from_millis(150) && took < Duration::from_secs(10), "{took:?}");
    assert_eq!((node.farewells(), node.open()), (0, 1));
}

#[tokio::test]
async fn given_no_time_for_good_byes_when_shut_down_then_the_stream_ends_at_once_and_one_is_said_anyhow() {
    let node = SocketNode::new();
    let server = node.serve().await;
    let mut config = config(&server.url());
    config.shutdown_timeout = Duration::ZERO;
    let mut bridge = start(config);
    synced(&mut bridge).await;
    bridge.shutdown();
    ends_by_shutdown(&mut bridge).await;
    until("said good-bye", || node.farewells() == 1).await;
}

#[tokio::test]
async fn given_a_request_without_a_reply_when_shut_down_then_the_end_does_not_wait_for_it() {
    let node = SocketNode::new();
    let asked = Arc::new(Notify::new());
    let was_asked = Arc::clone(&asked);
    node.with(|_, node| {
        node.tamper(move |request, answer| {
            if request.operation() == Operation::GetVirtualChainFromBlockV2 {
                *answer = Answer::Silence;
                was_asked.notify_one();
            }
        });
    });
    let server = node.serve().await;
    let mut config = config(&server.url());
    config.request_timeout = NEVER;
    let mut bridge = start(config);
    soon("asked", asked.notified()).await;
    bridge.shutdown();
    ends_by_shutdown(&mut bridge).await;
    assert_eq!(node.farewells(), 1);
}

#[tokio::test]
async fn given_a_full_queue_when_shut_down_then_everything_queued_comes_before_the_end() {
    let node = SocketNode::new();
    node.grow(300);
    let server = node.serve().await;
    let mut config = config(&server.url());
    config.high_water_mark = 100;
    let mut bridge = start(config);
    until("full", || bridge.waiting() >= 100).await;
    bridge.shutdown();
    let mut consumer = Consumer::new(FINALITY);
    while let Some(event) = soon("the end", bridge.next()).await {
        consumer.take(&event);
    }
    assert!((100..300).contains(&consumer.sequence()), "{}", consumer.sequence());
    assert_eq!(node.farewells(), 1);
}

#[tokio::test]
async fn given_handshakes_that_nobody_answers_when_shut_down_then_the_stream_ends_at_once() {
    for scheme in ["ws", "wss"] {
        let called = Arc::new(Notify::new());
        let was_called = Arc::clone(&called);
        let server = Server::start(move |stream: TcpStream| {
            let called = Arc::clone(&was_called);
            async move {
                stream.readable().await.expect("a request");
                called.notify_one();
                pending().await
            }
        })
        .await;
        let mut config = config(&format!("{scheme}://{}", server.address));
        config.connect_timeout = NEVER;
        let mut bridge = start(config);
        soon("called", called.notified()).await;
        bridge.shutdown();
        assert_eq!(soon("the end", bridge.next()).await, None);
    }
}

#[tokio::test]
async fn given_a_rejected_node_when_left_then_it_sees_a_close_frame() {
    let node = SocketNode::new();
    node.with(|_, node| node.tamper(|_, answer| *answer = Answer::Error("the disk is full".to_owned())));
    let server = node.serve().await;
    let mut config = config(&server.url());
    (config.backoff_min, config.backoff_max) = (NEVER, NEVER);
    let mut bridge = start(config);
    assert!(matches!(next(&mut bridge).await, L1Event::NodeRejected { .. }));
    until("said good-bye", || node.farewells() == 1).await;
    until("closed", || node.open() == 0).await;
    // In the long pause: at once, and without an end of a session that was never announced.
    bridge.shutdown();
    assert_eq!(soon("the end", bridge.next()).await, None);
}

#[tokio::test]
async fn given_no_node_that_can_be_followed_when_fatal_then_the_last_one_sees_a_close_frame() {
    let node = SocketNode::new();
    node.with(|_, node| node.network = Network::testnet(10));
    let server = node.serve().await;
    let mut bridge = start(config(&server.url()));
    while !matches!(next(&mut bridge).await, L1Event::Fatal(_)) {}
    assert_eq!(soon("the end", bridge.next()).await, None);
    assert_eq!(node.farewells(), 1);
}

/// Time that passes when the test says so. Clones share it.
#[derive(Clone, Default)]
struct ManualClock {
    now: Rc<Cell<Duration>>,
    changed: Rc<Notify>,
}

impl ManualClock {
    fn advance(&self, by: Duration) {
        self.now.set(self.now.get() + by);
        self.changed.notify_waiters();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        self.now.get()
    }

    fn sleep_until(&self, deadline: Duration) -> impl Future<Output = ()> + use<> {
        let clock = self.clone();
        async move {
            while clock.now() < deadline {
                clock.changed.notified().await;
            }
        }
    }
}

/// Hands out one end of a pipe, once; after that nobody answers.
struct OnePipe(Cell<Option<DuplexStream>>);

impl Transport for OnePipe {
    type Stream = DuplexStream;

    fn connect(&self, _: &NodeUrl) -> impl Future<Output = io::Result<DuplexStream>> + use<> {
        let pipe = self.0.take();
        async move {
            match pipe {
                Some(pipe) => Ok(pipe),
                None => pending().await,
            }
        }
    }
}

/// Lets every other future go on as far as it can.
async fn settle() {
    for _ in 0..1_000 {
        yield_now().await;
    }
}

#[tokio::test]
async fn given_a_clock_of_its_own_when_shut_down_then_the_bound_is_measured_by_it() {
    let clock = ManualClock::default();
    let (near, far) = tokio::io::duplex(4_096);
    let mut config = config("ws://node:17510");
    config.shutdown_timeout = Duration::from_secs(1);
    let transport = OnePipe(Cell::new(Some(near)));
    let (bridge, driver) = L1Bridge::with(config, transport, clock.clone()).expect("it can start");
    let test = async {
        // A node that shakes hands and is never heard of again.
        let socket = accept_async(far).await.expect("a WebSocket handshake");
        settle().await;
        bridge.shutdown();
        settle().await;
        clock.advance(Duration::from_millis(999));
        settle().await;
        assert!(!bridge.is_finished());
        clock.advance(Duration::from_millis(1));
        settle().await;
        assert!(bridge.is_finished());
        drop(socket);
    };
    soon("the end", async { tokio::join!(driver, test) }).await;
}

#[tokio::test]
async fn given_a_connection_that_does_not_come_about_when_shut_down_then_the_stream_ends_without_any_time() {
    let config = config("ws://node:17510");
    let started = L1Bridge::with(config, OnePipe(Cell::new(None)), ManualClock::default());
    let (mut bridge, driver) = started.expect("it can start");
    let test = async {
        settle().await;
        assert!(!bridge.is_finished());
        bridge.shutdown();
        assert_eq!(bridge.next().await, None);
    };
    soon("the end", async { tokio::join!(driver, test) }).await;
}

#[tokio::test]
async fn given_a_node_that_goes_on_sending_when_shut_down_then_it_is_read_until_it_agrees() {
    let clock = ManualClock::default();
    let (near, far) = tokio::io::duplex(256);
    let transport = OnePipe(Cell::new(Some(near)));
    let (mut bridge, driver) = L1Bridge::with(config("ws://node:17510"), transport, clock).expect("it can start");
    let node = async {
        let mut socket = accept_async(far).await.expect("a WebSocket handshake");
        settle().await;
        bridge.shutdown();
        // More than the pipe holds: it arrives only if it is read.
        socket.send(Message::binary(vec![0; 10_000])).await.expect("it is read");
        let mut saw_close = false;
        while let Some(Ok(message)) = socket.next().await {
            saw_close |= message.is_close();
        }
        assert!(saw_close);
        assert_eq!(bridge.next().await, None);
    };
    soon("the end", async { tokio::join!(driver, node) }).await;
}
