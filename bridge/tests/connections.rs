//! The bridge on the real runtime against everything that may listen, or not, on a loopback port.

#![expect(clippy::disallowed_methods, reason = "real sockets on the real runtime and the real clock")]

#[path = "support/server.rs"]
mod server;
mod support;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use bridge::{
    AckError, Config, DisconnectReason, L1Bridge, L1Event, NodeUrl, RejectReason,
    wire::{Network, Operation},
};
use futures_util::{SinkExt, StreamExt};
use kaspa_hashes::Hash;
use server::{Server, SocketNode, closed_port};
use support::{consumer::Consumer, node::Answer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

const FINALITY: u64 = 1_000;
const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_millis(160);

/// Simnet through one node, with short pauses.
fn config(url: &str) -> Config {
    let mut config = Config::new(Network::SIMNET, [url]).expect("the address is usable");
    config.finality_depth = Some(FINALITY);
    (config.backoff_min, config.backoff_max) = (BACKOFF_MIN, BACKOFF_MAX);
    config
}

fn start(url: &str) -> L1Bridge {
    L1Bridge::start(config(url)).expect("the configuration is usable")
}

/// What comes soon, on any machine.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future).await.unwrap_or_else(|_| panic!("never {what}"))
}

/// The next event; the stream must not end.
async fn next(bridge: &mut L1Bridge) -> L1Event {
    soon("an event", bridge.next()).await.expect("the stream goes on")
}

async fn all_closed(node: &SocketNode) {
    while node.open() > 0 {
        sleep(Duration::from_millis(2)).await;
    }
}

async fn first_unreachable(bridge: &mut L1Bridge) -> DisconnectReason {
    match next(bridge).await {
        L1Event::Unreachable { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

/// Follows and acknowledges until the consumer's tip is `tip`.
async fn follow_to(bridge: &mut L1Bridge, consumer: &mut Consumer, tip: Hash) -> Vec<L1Event> {
    let mut events = Vec::new();
    while consumer.path().last() != Some(&tip) {
        let event = next(bridge).await;
        consumer.take(&event);
        if let Some(sequence) = event.sequence() {
            bridge.ack(sequence).expect("it was delivered");
        }
        events.push(event);
    }
    events
}

#[test]
fn given_an_unusable_address_when_configured_then_a_sentence_tells_what_is_expected() {
    let cases = [
        ("not a url", "it is not a URL"),
        ("", "it is not a URL"),
        ("localhost:17110", "its scheme is neither ws:// nor wss://"),
        ("127.0.0.1", "its scheme is neither ws:// nor wss://"),
        ("http://localhost:17110", "its scheme is neither ws:// nor wss://"),
        ("https://localhost", "its scheme is neither ws:// nor wss://"),
        ("wss://a..b:443", "no certificate can name its host"),
        ("ws://localhost", "it names no port (wRPC Borsh: 17110 mainnet, 17210 testnet, 17510 simnet, 17610 devnet)"),
    ];
    for (url, problem) in cases {
        let error = Config::new(Network::MAINNET, ["ws://good:17110", url]).expect_err(url);
        let expected = format!("node address '{url}' cannot be used: {problem}; expected ws://host:port or wss://host");
        assert_eq!(error.to_string(), expected);
    }
    let bad = |url| Config::new(Network::MAINNET, [url]).is_err();
    assert!(bad("ws://:17110") && bad("ws://host:0") && bad("ws://host:99999") && bad("ws://"));
    assert!(bad("wss://1:1") && bad("wss://host:0") && bad("wss://host:99999") && bad("wss://host:") && bad("wss://"));
    assert!(!bad("ws://[::1]:17110") && !bad("ws://host.example:17110"));
}

#[test]
fn given_an_address_with_tls_when_parsed_then_the_port_of_https_unless_it_names_one() {
    let parsed = |url: &str| {
        let url: NodeUrl = url.parse().expect("the address is usable");
        (url.is_secure(), url.host().to_owned(), url.port())
    };
    assert_eq!(parsed("wss://node.example"), (true, "node.example".to_owned(), 443));
    assert_eq!(parsed("wss://node.example/kaspa/mainnet"), (true, "node.example".to_owned(), 443));
    assert_eq!(parsed("wss://[::1]/"), (true, "::1".to_owned(), 443));
    assert_eq!(parsed("wss://[::1]:17110"), (true, "::1".to_owned(), 17_110));
    assert_eq!(parsed("wss://127.0.0.1:1"), (true, "127.0.0.1".to_owned(), 1));
    assert_eq!(parsed("ws://node.example:17110/borsh"), (false, "node.example".to_owned(), 17_110));
}

#[tokio::test]
async fn given_settings_that_cannot_work_when_started_then_a_sentence_and_nothing_is_spawned() {
    let start = |change: fn(&mut Config)| {
        let mut config = config("ws://localhost:1");
        change(&mut config);
        L1Bridge::start(config).expect_err("it cannot work").to_string()
    };
    assert_eq!(
        start(|config| config.finality_depth = None),
        "the finality depth of simnet is not known: set finality_depth to the network's own value"
    );
    assert_eq!(start(|config| config.nodes.clear()), "no node address is configured");
    assert_eq!(start(|config| config.high_water_mark = 0), "high_water_mark must not be zero");
    assert_eq!(
        start(|config| config.backoff_min = Duration::from_secs(1)),
        "backoff_min (1s) is longer than backoff_max (160ms)"
    );
}

#[tokio::test]
async fn given_a_closed_port_when_started_then_unreachable_again_and_again_with_growing_pauses() {
    let url = format!("ws://{}", closed_port().await);
    let mut bridge = start(&url);
    let mut waited = Duration::ZERO;
    let started_at = Instant::now();
    for round in 0..6 {
        let L1Event::Unreachable { node, reason, retry_in } = next(&mut bridge).await else {
            panic!("not unreachable")
        };
        assert!(started_at.elapsed() >= waited, "it came back before its pause was over");
        assert_eq!(
            (node.as_str(), reason.to_string().as_str()),
            (url.as_str(), "cannot connect: Connection refused (os error 111)")
        );
        let longest = BACKOFF_MAX.min(BACKOFF_MIN * (1 << round));
        assert!(retry_in >= longest / 2 && retry_in <= longest, "{round}: {retry_in:?}");
        waited += retry_in;
    }
}

/// The sentence for what a server that answers the handshake with these bytes is.
async fn handshake_answer(answer: &'static [u8]) -> String {
    let server = Server::start(move |mut stream: TcpStream| async move {
        let mut request = [0; 4_096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(answer).await;
        // Until the other side has read it and left.
        let _ = stream.read(&mut request).await;
    })
    .await;
    first_unreachable(&mut start(&server.url())).await.to_string()
}

#[tokio::test]
async fn given_a_server_of_another_protocol_when_called_then_it_does_not_speak_websocket() {
    let not_found = handshake_answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(not_found, "the server does not speak WebSocket: HTTP error: 404 Not Found");
    for other in [&b"SSH-2.0-OpenSSH_9.6\r\n"[..], b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &[0x15, 3, 1, 0, 2]]
    {
        let sentence = handshake_answer(other).await;
        assert!(sentence.starts_with("the server does not speak WebSocket: "), "{sentence}");
    }
}

#[tokio::test]
async fn given_a_server_that_says_nothing_when_called_then_connect_timeout() {
    let server = Server::start(|stream| async move {
        let _stream = stream;
        std::future::pending().await
    })
    .await;
    let mut config = config(&server.url());
    config.connect_timeout = Duration::from_millis(60);
    let mut bridge = L1Bridge::start(config).expect("the configuration is usable");
    for attempt in 1..=2 {
        assert_eq!(first_unreachable(&mut bridge).await.to_string(), "no connection within 60ms");
        assert!(server.accepted() <= attempt);
    }
}

/// A WebSocket server that sends one message.
async fn websocket(message: Message) -> Server {
    Server::start(move |stream| {
        let message = message.clone();
        async move {
            let Ok(mut socket) = accept_async(stream).await else { return };
            let _ = socket.send(message).await;
            while let Some(Ok(_)) = socket.next().await {}
        }
    })
    .await
}

#[tokio::test]
async fn given_a_websocket_server_that_sends_text_when_called_then_the_json_port_is_suspected() {
    let server = websocket(Message::text("{\"jsonrpc\":\"2.0\"}")).await;
    let reason = first_unreachable(&mut start(&server.url())).await;
    assert_eq!(reason, DisconnectReason::NotBorsh);
    assert_eq!(reason.to_string(), "the server sent text where wRPC Borsh is binary: is this the JSON port?");
}

#[tokio::test]
async fn given_a_server_that_ends_the_connection_at_the_first_request_when_called_then_another_port_is_suspected() {
    // As the JSON port of a node does: no close frame.
    let server = Server::start(|stream| async move {
        if let Ok(mut socket) = accept_async(stream).await {
            let _ = socket.next().await;
        }
    })
    .await;
    let reason = first_unreachable(&mut start(&server.url())).await;
    assert_eq!(reason, DisconnectReason::ClosedAtFirstRequest);
    let sentence = "the node closed the connection at the first request: is this the Borsh port (--rpclisten-borsh)?";
    assert_eq!(reason.to_string(), sentence);
}

#[tokio::test]
async fn given_a_node_that_ends_the_connection_at_a_later_request_when_followed_then_no_other_port_is_suspected() {
    let node = SocketNode::new();
    node.with(|_, node| {
        node.tamper(|request, answer| {
            if request.operation() == Operation::Subscribe {
                *answer = Answer::HangUp;
            }
        });
    });
    let server = node.serve().await;
    let mut bridge = start(&server.url());
    assert!(matches!(next(&mut bridge).await, L1Event::Connected { .. }));
    let L1Event::Disconnected { reason, .. } = next(&mut bridge).await else { panic!("not disconnected") };
    assert_eq!(reason, DisconnectReason::ClosedByNode);
}

#[tokio::test]
async fn given_a_websocket_server_that_sends_garbage_when_called_then_rejected_for_a_malformed_frame() {
    let server = websocket(Message::binary(vec![0xff; 64])).await;
    let mut bridge = start(&server.url());
    for _ in 0..2 {
        let L1Event::NodeRejected { reason, retry_in: Some(_), .. } = next(&mut bridge).await else {
            panic!("not rejected")
        };
        assert!(matches!(reason, RejectReason::MalformedFrame { .. }));
        assert_eq!(reason.to_string(), "malformed frame: reply id has the tag 255, which has no meaning");
    }
}

#[tokio::test]
async fn given_a_message_beyond_the_limit_when_announced_then_refused_before_it_is_read() {
    let server = websocket(Message::binary(vec![0; 5_000])).await;
    let mut config = config(&server.url());
    config.message_limit_bytes = 1_000;
    let mut bridge = L1Bridge::start(config).expect("the configuration is usable");
    let reason = first_unreachable(&mut bridge).await;
    assert!(matches!(reason, DisconnectReason::MessageTooLarge { limit_bytes: 1_000, .. }), "{reason}");
    let sentence = reason.to_string();
    assert!(sentence.starts_with("the node sent a message larger than the limit of 1000 bytes"), "{sentence}");
}

/// Attempts in a second at a server that ends every connection, and what the first event says.
async fn storm<F>(behave: impl Fn(TcpStream) -> F + Send + 'static) -> (usize, String)
where
    F: Future<Output = ()> + Send + 'static,
{
    let server = Server::start(behave).await;
    let mut bridge = start(&server.url());
    let reason = first_unreachable(&mut bridge).await.to_string();
    sleep(Duration::from_secs(1)).await;
    (server.accepted(), reason)
}

#[tokio::test]
async fn given_a_server_that_closes_every_connection_when_called_then_attempts_do_not_storm() {
    let at_once = storm(|stream| async move { drop(stream) });
    let after_request = storm(|mut stream| async move {
        let _ = stream.read(&mut [0; 4_096]).await;
    });
    let after_handshake = storm(|stream| async move {
        if let Ok(mut socket) = accept_async(stream).await {
            let _ = socket.close(None).await;
        }
    });
    let [at_once, after_request, after_handshake] = {
        let (at_once, after_request, after_handshake) = tokio::join!(at_once, after_request, after_handshake);
        [at_once, after_request, after_handshake].map(|(attempts, reason)| {
            // 20, 40, 80, 160, 160, ... ms, each shortened by up to a half.
            assert!((5..=17).contains(&attempts), "{attempts} attempts in a second");
            reason
        })
    };
    // Whether the request meets a closed port or a reset is a matter of luck.
    let lucky = ["the node closed the connection", "cannot connect: Connection reset by peer (os error 104)"];
    assert!(lucky.contains(&at_once.as_str()), "{at_once}");
    assert_eq!(after_request, "the node closed the connection");
    assert_eq!(after_handshake, DisconnectReason::ClosedAtFirstRequest.to_string());
}

#[tokio::test]
async fn given_a_node_on_another_network_when_called_then_fatal_and_the_stream_ends() {
    let node = SocketNode::new();
    node.with(|_, node| node.network = Network::testnet(10));
    let server = node.serve().await;
    let mut bridge = start(&server.url());
    let L1Event::NodeRejected { reason, retry_in: None, .. } = next(&mut bridge).await else { panic!("not rejected") };
    assert_eq!(reason.to_string(), "it is on testnet-10, not on simnet");
    let L1Event::Fatal(fatal) = next(&mut bridge).await else { panic!("not fatal") };
    let expected = format!("no configured node can be followed: {}: it is on testnet-10, not on simnet", server.url());
    assert_eq!(fatal.to_string(), expected);
    assert_eq!(soon("the end", bridge.next()).await, None);
    assert_eq!(soon("the end again", bridge.next()).await, None);
    assert_eq!(bridge.try_next(), None);
}

#[tokio::test]
async fn given_a_node_that_dies_and_comes_back_when_followed_then_nothing_is_lost() {
    let node = SocketNode::new();
    node.grow(150);
    let server = node.serve().await;
    let address = server.address;
    let mut config = config(&server.url());
    config.poll_interval = Duration::from_secs(12);
    let mut bridge = L1Bridge::start(config).expect("the configuration is usable");
    let mut consumer = Consumer::new(FINALITY);
    let tip = |node: &SocketNode| node.with(|_, node| node.sink);
    follow_to(&mut bridge, &mut consumer, tip(&node)).await;
    node.grow(3);
    follow_to(&mut bridge, &mut consumer, tip(&node)).await;

    drop(server);
    node.grow(40);
    let L1Event::Disconnected { reason, retry_in: Some(_), .. } = next_but_synced(&mut bridge, &mut consumer).await
    else {
        panic!("not disconnected")
    };
    // A request on its way makes it a reset.
    assert!(matches!(reason, DisconnectReason::ClosedByNode | DisconnectReason::ConnectionLost { .. }), "{reason}");
    assert!(matches!(first_unreachable(&mut bridge).await, DisconnectReason::ConnectFailed { .. }));
    let _server = node.serve_at(address).await;
    let events = follow_to(&mut bridge, &mut consumer, tip(&node)).await;
    assert!(events.iter().any(|event| matches!(event, L1Event::Connected { .. })));
    assert_eq!(consumer.path(), node.chain());
    assert_eq!(consumer.sequence(), 193);
    // Subscribed anew: long before a poll is due.
    let grown_at = Instant::now();
    node.grow(1);
    follow_to(&mut bridge, &mut consumer, tip(&node)).await;
    assert!(grown_at.elapsed() < Duration::from_secs(10));
}

/// The next event that is not `Synced` or `CatchingUp`, which may still wait in the queue.
async fn next_but_synced(bridge: &mut L1Bridge, consumer: &mut Consumer) -> L1Event {
    loop {
        let event = next(bridge).await;
        consumer.take(&event);
        if !matches!(event, L1Event::Synced { .. } | L1Event::CatchingUp { .. }) {
            return event;
        }
    }
}

#[tokio::test]
async fn given_a_consumer_that_does_not_acknowledge_when_full_then_it_pauses_and_an_acknowledgement_wakes_it() {
    let node = SocketNode::new();
    node.grow(1_000);
    let server = node.serve().await;
    let mut config = config(&server.url());
    config.high_water_mark = 150;
    config.silence_timeout = Duration::from_millis(400);
    let mut bridge = L1Bridge::start(config).expect("the configuration is usable");
    let mut consumer = Consumer::new(FINALITY);
    while consumer.sequence() < 200 {
        consumer.take(&next(&mut bridge).await);
    }
    // Two pages; more than twice the silence timeout later there is nothing new and the session lives.
    sleep(Duration::from_secs(1)).await;
    assert_eq!((bridge.try_next(), server.accepted()), (None, 1));
    bridge.ack(51).expect("it was delivered");
    while consumer.sequence() < 300 {
        consumer.take(&next(&mut bridge).await);
    }
    bridge.ack(300).expect("it was delivered");
    follow_to(&mut bridge, &mut consumer, node.with(|_, node| node.sink)).await;
    assert_eq!((consumer.path(), server.accepted()), (node.chain().as_slice(), 1));
}

#[tokio::test]
async fn given_a_poll_that_was_put_off_by_a_notification_when_it_is_due_then_it_comes() {
    let node = SocketNode::new();
    node.grow(5);
    let server = node.serve().await;
    let mut config = config(&server.url());
    config.poll_interval = Duration::from_millis(200);
    let mut bridge = L1Bridge::start(config).expect("the configuration is usable");
    let mut consumer = Consumer::new(FINALITY);
    for _ in 0..3 {
        follow_to(&mut bridge, &mut consumer, node.with(|_, node| node.sink)).await;
        sleep(Duration::from_millis(100)).await;
        node.grow(1);
        follow_to(&mut bridge, &mut consumer, node.with(|_, node| node.sink)).await;
        node.with(|_, node| node.notifies = false);
        node.grow(1);
        follow_to(&mut bridge, &mut consumer, node.with(|_, node| node.sink)).await;
        node.with(|_, node| node.notifies = true);
    }
}

#[tokio::test]
async fn given_a_pause_when_acknowledged_then_it_goes_on_without_waiting_for_a_timer() {
    let node = SocketNode::new();
    node.grow(300);
    let server = node.serve().await;
    let mut config = config(&server.url());
    config.high_water_mark = 100;
    config.silence_timeout = Duration::from_secs(3_600);
    let mut bridge = L1Bridge::start(config).expect("the configuration is usable");
    let mut consumer = Consumer::new(FINALITY);
    for delivered in [100, 200, 300] {
        while consumer.sequence() < delivered {
            consumer.take(&next(&mut bridge).await);
        }
        sleep(Duration::from_millis(50)).await;
        bridge.ack(delivered).expect("it was delivered");
    }
}

#[tokio::test]
async fn given_a_running_bridge_when_shut_down_then_the_stream_ends_after_what_was_queued() {
    let node = SocketNode::new();
    node.grow(20);
    let server = node.serve().await;
    let mut bridge = start(&server.url());
    let mut consumer = Consumer::new(FINALITY);
    follow_to(&mut bridge, &mut consumer, node.with(|_, node| node.sink)).await;
    bridge.shutdown();
    let mut last = None;
    while let Some(event) = soon("the end", bridge.next()).await {
        consumer.take(&event);
        last = Some(event);
    }
    let Some(L1Event::Disconnected { reason: DisconnectReason::Shutdown, retry_in: None, .. }) = last else {
        panic!("{last:?}")
    };
    soon("closed", all_closed(&node)).await;
    assert_eq!(node.farewells(), 1);
}

#[tokio::test]
async fn given_a_bridge_in_a_long_pause_when_shut_down_then_the_stream_ends_at_once() {
    let mut config = config(&format!("ws://{}", closed_port().await));
    (config.backoff_min, config.backoff_max) = (Duration::from_secs(600), Duration::from_secs(600));
    let mut bridge = L1Bridge::start(config).expect("the configuration is usable");
    first_unreachable(&mut bridge).await;
    bridge.shutdown();
    assert_eq!(timeout(Duration::from_secs(5), bridge.next()).await, Ok(None));
}

#[tokio::test]
async fn given_a_running_bridge_when_dropped_then_its_task_ends_and_the_connection_is_closed() {
    let node = SocketNode::new();
    let server = node.serve().await;
    let mut bridge = start(&server.url());
    while !matches!(next(&mut bridge).await, L1Event::Synced { .. }) {}
    assert_eq!(node.open(), 1);
    drop(bridge);
    soon("closed", all_closed(&node)).await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(server.accepted(), 1, "it does not come back");
}

#[tokio::test]
async fn given_a_rejected_node_when_its_pause_begins_then_its_connection_is_closed() {
    let node = SocketNode::new();
    node.with(|_, node| node.tamper(|_, answer| *answer = Answer::Error("the disk is full".to_owned())));
    let server = node.serve().await;
    let mut config = config(&server.url());
    (config.backoff_min, config.backoff_max) = (Duration::from_secs(600), Duration::from_secs(600));
    let mut bridge = L1Bridge::start(config).expect("the configuration is usable");
    let L1Event::NodeRejected { reason, .. } = next(&mut bridge).await else { panic!("not rejected") };
    assert_eq!(reason.to_string(), "it refused GetServerInfo: 'the disk is full'");
    soon("closed", all_closed(&node)).await;
}

#[tokio::test]
async fn given_an_event_that_was_not_delivered_when_acknowledged_then_refused() {
    let node = SocketNode::new();
    node.grow(10);
    let server = node.serve().await;
    let mut bridge = start(&server.url());
    assert_eq!(bridge.ack(1), Err(AckError { sequence: 1, delivered: 0 }));
    while !matches!(next(&mut bridge).await, L1Event::BlockAdded(_)) {}
    let error = bridge.ack(2).expect_err("only the first was delivered");
    assert_eq!(error.to_string(), "cannot acknowledge event 2: the last one delivered is 1");
    assert_eq!((bridge.ack(1), bridge.ack(1), bridge.ack(0)), (Ok(()), Ok(()), Ok(())));
}
