//! Class D: connections that end, announcements that are lost, and nodes that fall silent.

use std::time::{Duration, Instant};

use bridge::{
    Config, DisconnectReason, L1Bridge, L1Event,
    follower::Input,
    wire::{Network, Operation, Request, Subscription, Verbosity},
};

use crate::{
    look::is_page,
    server::SocketNode,
    support::{
        consumer::Consumer,
        node::{Answer, chain_changed},
        pair::Pair,
        settings::{DEEP, config},
    },
};

const SOON: Duration = Duration::from_millis(200);
const MINUTE: Duration = Duration::from_secs(60);

/// A bridge that polls so rarely that what comes soon was announced.
fn without_poll() -> Config {
    let mut settings = config(1);
    settings.poll_interval = 100 * MINUTE;
    settings
}

/// D1: the node drops subscriptions with the socket, and the client did not renew them: connected, and silent.
#[test]
fn given_a_connection_that_is_made_anew_when_a_block_comes_then_it_is_announced_there_too() {
    let mut pair = Pair::synced(without_poll(), 5);
    for _ in 0..3 {
        pair.hang_up();
        pair.run_for(Duration::from_secs(3));
        pair.grow(0, 2);
        pair.run_for(SOON);
        pair.assert_follows(0);
    }
}

/// D2: a block came after the node had answered and before the subscription was live, and none came after it.
#[test]
fn given_a_block_between_the_answer_and_the_live_subscription_when_no_other_follows_then_it_comes_within_the_poll() {
    let mut pair = Pair::synced(config(1), 5);
    // Subscribed, says the node, and tells nothing.
    pair.nodes[0].notifies = false;
    pair.hang_up();
    pair.drive_until("synced again", |pair| pair.consumer.session() == Some(2) && pair.is_synced());
    pair.grow(0, 1);
    pair.run_for(Duration::from_millis(1_200));
    pair.assert_follows(0);
}

/// D3: the request to subscribe failed, and nobody was told.
#[test]
fn given_a_subscription_that_fails_when_the_bridge_goes_on_then_only_with_one_that_did_not() {
    for fault in [|| Answer::Error("no more listeners".to_owned()), || Answer::Silence, || Answer::HangUp] {
        let mut pair = Pair::new(without_poll());
        pair.grow(0, 5);
        let mut is_first = true;
        pair.nodes[0].tamper(move |request, answer| {
            if request.operation() == Operation::Subscribe && std::mem::take(&mut is_first) {
                *answer = fault();
            }
        });
        pair.start();
        pair.run_for(MINUTE);
        // It announces nothing to who only asked in vain.
        let announces =
            Request::Subscribe(Subscription::VirtualChainChanged { include_accepted_transaction_ids: false });
        pair.nodes[0].notifies = pair.requests.iter().filter(|sent| sent.request == announces).count() > 1;
        pair.grow(0, 1);
        pair.run_for(SOON);
        pair.assert_follows(0);
    }
}

/// D4: the bridge stopped with the first connection that ended.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "real sockets on the real runtime and the real clock")]
async fn given_a_node_that_is_restarted_when_it_is_back_then_the_bridge_is_too() {
    let node = SocketNode::new();
    node.grow(20);
    let server = node.serve().await;
    let address = server.address;
    let mut settings = Config::new(Network::SIMNET, [server.url().as_str()]).expect("the address is usable");
    settings.finality_depth = Some(DEEP);
    let mut bridge = L1Bridge::start(settings).expect("the configuration is usable");
    let mut consumer = Consumer::new(DEEP);
    let mut server = Some(server);
    for _ in 0..3 {
        let started_at = Instant::now();
        while consumer.path() != node.chain() {
            let next = tokio::time::timeout(Duration::from_secs(20), bridge.next()).await;
            consumer.take(&next.expect("an event comes soon").expect("the stream goes on"));
            assert!(started_at.elapsed() < Duration::from_secs(20), "at {} blocks", consumer.path().len());
        }
        drop(server.take());
        while node.open() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        node.grow(5);
        server = Some(node.serve_at(address).await);
    }
    assert!(consumer.path().len() > 30);
}

/// D5: a connection ended twice, or one came after another that never ended; two lived, or none.
#[test]
fn given_ends_and_beginnings_that_come_twice_or_late_when_taken_in_then_one_session_lives() {
    let mut pair = Pair::synced(config(1), 5);
    let closed = |session| Input::Closed { session, reason: DisconnectReason::ClosedByNode };
    pair.hang_up();
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.consumer.session(), Some(2));
    for session in [1, 1, 3] {
        pair.input(closed(session));
        pair.input(Input::Connected { session });
    }
    pair.input(Input::Connected { session: 2 });
    pair.grow(0, 3);
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
    assert_eq!((pair.consumer.session(), pair.connects.len()), (Some(2), 2));
    let ends = pair.events.iter().filter(|event| matches!(event, L1Event::Disconnected { .. })).count();
    assert_eq!(ends, 1);
}

/// D6: the answer of the node before was taken for one of the node after.
#[test]
fn given_a_late_answer_of_a_dead_session_when_the_next_one_waits_for_the_same_then_it_is_ignored() {
    let mut pair = Pair::synced(config(2), 20);
    let tip = pair.nodes[0].sink;
    pair.nodes[1].sink = tip;
    // The first node has a block that the second never sees.
    let request = Request::GetVirtualChainFromBlockV2 {
        start_hash: tip,
        verbosity: Verbosity::Full,
        min_confirmation_count: None,
    };
    pair.grow(0, 1);
    let late = pair.nodes[0].answer(&pair.tree, &request);
    pair.nodes[0].door = crate::support::node::Door::Refuses;
    let before = pair.pages();
    pair.hang_up();
    pair.thinking = Duration::from_secs(1);
    pair.drive_until("asked the second node", |pair| pair.pages() > before);
    let (path, connection) = (pair.consumer.path().to_vec(), pair.connection);
    let asked_in_session =
        pair.requests.iter().filter(|sent| Some(sent.session) == connection.map(|open| open.session));
    let request_id = asked_in_session.count() as u64;
    let bytes = late.encode(request_id, request.operation()).expect("a page is sent");
    pair.input(Input::Frame { session: 1, bytes: bytes.into() });
    assert_eq!(pair.consumer.path(), path);
    pair.run_for(Duration::from_secs(3));
    assert_eq!((pair.consumer.path(), pair.connection), (path.as_slice(), connection));
    pair.grow(1, 2);
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(1);
}

/// D7: announcements came twice, in another order, empty, or several as one. They were applied as they came, or each cost a
/// fetch.
#[test]
fn given_announcements_in_any_order_and_number_when_they_arrive_then_the_path_is_the_same_and_fetches_are_few() {
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [3, 3, 3, 3]] {
        let mut pair = Pair::synced(config(1), 5);
        pair.nodes[0].notifies = false;
        for _ in 0..10 {
            let (from, before) = (pair.nodes[0].sink, pair.pages());
            pair.grow(0, 4);
            let (_, added) = pair.tree.route(from, pair.nodes[0].sink);
            for place in order {
                pair.send_frame(0, chain_changed(&[], &added[place..=place]));
                pair.send_frame(0, chain_changed(&[], &[]));
                pair.run_for(Duration::from_millis(20));
            }
            (0..20).for_each(|_| pair.send_frame(0, chain_changed(&[], &added[..1])));
            pair.run_for(Duration::from_millis(20));
            (0..20).for_each(|_| pair.send_frame(0, chain_changed(&[], &[])));
            pair.run_for(Duration::from_millis(20));
            pair.assert_follows(0);
            let fetches = pair.pages() - before;
            assert!(fetches <= 2, "{fetches} fetches for four blocks announced as {order:?}");
        }
    }
}

/// D8: a server accepted and closed, and was called again at once, hundreds of times a second.
#[test]
fn given_a_server_that_accepts_and_closes_when_called_again_then_ever_more_rarely() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].tamper(|_, answer| *answer = Answer::HangUp);
    pair.start();
    pair.run_for(10 * MINUTE);
    assert!((20..60).contains(&pair.connects.len()), "{} connections in ten minutes", pair.connects.len());
}

/// D9: the connection stood, and the node behind it was frozen. Nothing ever came again.
#[test]
fn given_a_node_that_freezes_when_another_is_configured_then_that_one_is_followed_within_a_minute() {
    let mut pair = Pair::synced(config(2), 5);
    pair.nodes[1].sink = pair.nodes[0].sink;
    pair.nodes[0].notifies = false;
    pair.nodes[0].tamper(|request, answer| {
        // It still greets.
        if is_page(request) || matches!(request, Request::Ping | Request::GetServerInfo) {
            *answer = Answer::Silence;
        }
    });
    pair.grow(1, 4);
    pair.run_for(2 * MINUTE);
    pair.assert_follows(1);
}

/// D9: the connection stood and every answer came, but the node's sink had stopped for good.
#[test]
fn given_a_node_whose_sink_stands_still_when_another_goes_on_then_that_one_is_followed_after_ten_minutes() {
    let mut pair = Pair::synced(config(2), 5);
    pair.nodes[1].sink = pair.nodes[0].sink;
    pair.grow(1, 500);
    pair.run_for(11 * MINUTE);
    pair.assert_follows(1);
}
