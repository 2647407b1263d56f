//! How far behind a bridge says that it is, where it does not fetch what the node has.

use std::{
    future::Future,
    io,
    pin::pin,
    time::{Duration, Instant},
};

use bridge::{Clock, Config, L1Bridge, NodeUrl, Transport, wire::Network};
use tokio::{net::TcpStream, time::sleep};

use crate::{
    recorder::Recording,
    server::{Server, SocketNode},
    story::{run, soon},
    support::consumer::Consumer,
};

const FINALITY: u64 = 10_000;

/// A clock on which a second takes a hundredth of one.
#[derive(Clone, Copy)]
struct FastClock(Instant);

impl FastClock {
    const SPEED: u32 = 100;
}

impl Clock for FastClock {
    fn now(&self) -> Duration {
        self.0.elapsed() * Self::SPEED
    }

    fn sleep_until(&self, deadline: Duration) -> impl Future<Output = ()> + use<> {
        tokio::time::sleep_until((self.0 + deadline / Self::SPEED).into())
    }
}

/// One loopback connection after the other.
struct Loopback;

impl Transport for Loopback {
    type Stream = TcpStream;

    fn connect(&self, node: &NodeUrl) -> impl Future<Output = io::Result<TcpStream>> + use<> {
        TcpStream::connect((node.host().to_owned(), node.port()))
    }
}

/// Runs `test` beside a bridge of this configuration, on the fast clock.
async fn beside<F: Future>(config: Config, test: impl FnOnce(L1Bridge) -> F) -> F::Output {
    let clock = FastClock(Instant::now());
    let (bridge, client) = L1Bridge::with(config, Loopback, clock).expect("the configuration is usable");
    let mut test = pin!(soon(test(bridge)));
    tokio::select! {
        result = &mut test => result,
        () = client => test.await,
    }
}

/// Simnet through this node, where no request and no silence is too long for a slow machine.
fn patient(server: &Server) -> Config {
    let mut config = Config::new(Network::SIMNET, [server.url().as_str()]).expect("the address is usable");
    config.finality_depth = Some(FINALITY);
    config.request_timeout = Duration::from_secs(1_000);
    config.silence_timeout = Duration::from_secs(1_000);
    config
}

/// As [`patient`], for one that stops fetching after 20 events and keeps alive what is silent for half a minute.
fn full_at_20(server: &Server) -> Config {
    let mut config = patient(server);
    (config.high_water_mark, config.silence_timeout) = (20, Duration::from_secs(60));
    config
}

/// Waits until the metric has this value.
async fn reaches(recording: &Recording, name: &str, value: f64) {
    while !recording.has(name) || recording.value(name, &[]) != value {
        sleep(Duration::from_millis(1)).await;
    }
}

/// Follows with a consumer that acknowledges nothing until the queue is full.
async fn until_full(bridge: &L1Bridge, recording: &Recording) {
    while bridge.waiting() < 20 {
        sleep(Duration::from_millis(1)).await;
    }
    reaches(recording, "lag_blue_score", 0.0).await;
}

#[test]
fn given_a_consumer_that_does_not_acknowledge_when_the_chain_goes_on_then_the_lag_rises_and_falls_when_it_does() {
    let recording = Recording::default();
    let story = async {
        let node = SocketNode::new();
        node.grow(20);
        let server = node.serve().await;
        beside(full_at_20(&server), async |mut bridge| {
            until_full(&bridge, &recording).await;
            node.grow(500);
            reaches(&recording, "lag_blue_score", 500.0).await;
            assert_eq!(bridge.waiting(), 20);
            let mut consumer = Consumer::new(FINALITY);
            while consumer.sequence() < 520 {
                let event = bridge.next().await.expect("the stream goes on");
                consumer.take(&event);
                if let Some(sequence) = event.sequence() {
                    bridge.ack(sequence).expect("it was delivered");
                }
            }
            reaches(&recording, "lag_blue_score", 0.0).await;
        })
        .await;
    };
    metrics::with_local_recorder(&recording, || run(story));
}

#[test]
fn given_a_chain_that_never_rests_when_nothing_is_acknowledged_then_the_lag_does_not_wait_for_silence() {
    let recording = Recording::default();
    let story = async {
        let node = SocketNode::new();
        node.grow(20);
        let server = node.serve().await;
        beside(full_at_20(&server), async |bridge| {
            until_full(&bridge, &recording).await;
            let mut grown = 0.0;
            // Five minutes of notifications, a second apart.
            while recording.value("lag_blue_score", &[]) < 100.0 {
                assert!(grown < 300.0, "the lag is {}", recording.value("lag_blue_score", &[]));
                node.grow(1);
                grown += 1.0;
                sleep(Duration::from_secs(1) / FastClock::SPEED).await;
            }
        })
        .await;
    };
    metrics::with_local_recorder(&recording, || run(story));
}

#[test]
fn given_confirmations_when_the_chain_goes_on_then_the_lag_is_what_the_tip_is_held_back() {
    let recording = Recording::default();
    let story = async {
        let node = SocketNode::new();
        node.grow(100);
        let server = node.serve().await;
        let mut config = patient(&server);
        config.confirmations = 30;
        beside(config, async |_bridge| {
            // A block with more than 30 blue scores above it.
            reaches(&recording, "lag_blue_score", 31.0).await;
            node.grow(500);
            let sink_blue_score = node.with(|tree, node| tree.score(node.sink));
            reaches(&recording, "tip_blue_score", (sink_blue_score - 31) as f64).await;
            reaches(&recording, "lag_blue_score", 31.0).await;
        })
        .await;
    };
    metrics::with_local_recorder(&recording, || run(story));
}
