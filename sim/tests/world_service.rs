//! What a connection to a simulated node carries: every notification once, some overtaken, none before its subscription, and
//! nothing after the node is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bridge::Transport;
use bridge::wire::{NotificationKind, Request, Subscription};
use futures_util::{SinkExt, StreamExt};
use sim::network::{NetworkConfig, Outage, OutageKind};
use sim::params::ParameterSet;
use sim::random::Streams;
use sim::world::host::{SimTransport, node_url};
use sim::world::interposer::Undisturbed;
use sim::world::{World, WorldConfig, executor};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

const SUBSCRIPTIONS: [(Subscription, NotificationKind); 4] = [
    (
        Subscription::VirtualChainChanged { include_accepted_transaction_ids: true },
        NotificationKind::VirtualChainChanged,
    ),
    (Subscription::SinkBlueScoreChanged, NotificationKind::SinkBlueScoreChanged),
    (Subscription::VirtualDaaScoreChanged, NotificationKind::VirtualDaaScoreChanged),
    (Subscription::PruningPointUtxoSetOverride, NotificationKind::PruningPointUtxoSetOverride),
];

fn network(seconds: u64, outage: Outage) -> NetworkConfig {
    NetworkConfig {
        mean_delay: Duration::from_millis(200),
        mining_until: Duration::from_secs(seconds),
        outages: vec![outage],
        ..NetworkConfig::new(1, ParameterSet::storm(), vec![1, 1, 2, 2])
    }
}

/// Follows node 0 from `from` on; the operation numbers of everything that came, in order, notifications with `true`.
fn listen(network: NetworkConfig, from: Duration) -> Vec<(bool, u8)> {
    let streams = Streams::new(1);
    let until = network.mining_until + Duration::from_secs(30);
    let heard = executor::run(&streams, |executor| async move {
        let config = WorldConfig {
            network,
            client_latency: Duration::from_millis(5),
            watched_nodes: BTreeSet::from([0]),
            trace_to: None,
        };
        let world = World::start(&executor, config, Box::new(Undisturbed)).expect("the network can be set up");
        executor.sleep_until(from).await;
        let url = node_url(0).parse().expect("the address is well formed");
        let stream = SimTransport::new(&world, 0).connect(&url).await.expect("the node accepts");
        let (mut socket, _) = client_async(node_url(0), stream).await.expect("the node speaks WebSocket");
        for (id, (subscription, _)) in (1..).zip(SUBSCRIPTIONS) {
            let frame = Request::Subscribe(subscription).encode(id);
            socket.send(Message::Binary(frame.into())).await.expect("the connection is open");
        }
        let mut heard = Vec::new();
        while executor.now() < until {
            let next = tokio::select! {
                biased;
                next = socket.next() => next,
                () = executor.sleep_until(until) => None,
            };
            let Some(Ok(Message::Binary(frame))) = next else { break };
            // A notification has no id: its header is `00 ff 01`, then comes the operation.
            match *frame {
                [0, 0xff, 1, operation, ..] => heard.push((true, operation)),
                _ => heard.push((false, frame[11])),
            }
        }
        heard
    });
    heard.expect("the simulation goes on")
}

#[test]
fn given_a_node_that_is_reset_when_listened_to_then_each_notification_comes_once_and_some_are_overtaken() {
    let kind = OutageKind::Resync { from: 3, transition: Duration::from_secs(2) };
    let heard = listen(network(290, Outage { node: 0, at: Duration::from_secs(250), kind }), Duration::from_secs(100));
    let replies = heard.iter().filter(|(is_notification, _)| !is_notification).count();
    assert_eq!(replies, SUBSCRIPTIONS.len());
    let kinds: Vec<u8> = heard.iter().filter(|(is_notification, _)| *is_notification).map(|&(_, kind)| kind).collect();
    let mut counts = BTreeMap::new();
    kinds.iter().for_each(|&kind| *counts.entry(kind).or_insert(0_usize) += 1);
    let count = |kind: NotificationKind| counts.get(&kind.code()).copied().unwrap_or(0);
    assert_eq!(count(NotificationKind::PruningPointUtxoSetOverride), 1, "{counts:?}");
    let chain = count(NotificationKind::VirtualChainChanged);
    assert!(chain > 1_000, "{counts:?}");
    // Each resolved virtual is told of in all three ways; what came before the last subscription was live may be missing.
    for kind in [NotificationKind::SinkBlueScoreChanged, NotificationKind::VirtualDaaScoreChanged] {
        assert!(chain.abs_diff(count(kind)) <= 2, "{counts:?}");
    }
    // In the node's order blue score, DAA score and chain follow one another.
    let in_order = [
        NotificationKind::SinkBlueScoreChanged.code(),
        NotificationKind::VirtualDaaScoreChanged.code(),
        NotificationKind::VirtualChainChanged.code(),
    ];
    let ordered = kinds.windows(3).filter(|window| **window == in_order).count();
    assert!(ordered < chain - 10 && ordered > chain / 2, "{ordered} of {chain} in order");
    let first = heard.iter().position(|(is_notification, _)| *is_notification).expect("many came");
    assert!(first >= 1, "nothing is told before a subscription is confirmed");
}

#[test]
fn given_a_node_that_loses_its_data_when_it_restarts_then_the_connection_ends() {
    let kind = OutageKind::Resync { from: 3, transition: Duration::ZERO };
    let wiped = listen(network(60, Outage { node: 0, at: Duration::from_secs(20), kind }), Duration::from_secs(10));
    let lag = OutageKind::BodiesLag { until: Duration::from_secs(21) };
    let whole =
        listen(network(60, Outage { node: 0, at: Duration::from_secs(20), kind: lag }), Duration::from_secs(10));
    assert!(wiped.len() > 100 && wiped.len() < whole.len() / 2, "{} of {}", wiped.len(), whole.len());
    let restart = OutageKind::Restart { until: Duration::from_secs(21) };
    let restarted =
        listen(network(60, Outage { node: 0, at: Duration::from_secs(20), kind: restart }), Duration::from_secs(10));
    assert_eq!(restarted.len(), wiped.len());
}
