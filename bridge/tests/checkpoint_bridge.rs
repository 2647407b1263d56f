//! Stop and go on with the real client over real sockets, as the crate's manual shows it.

#![expect(clippy::disallowed_methods, reason = "real sockets on the real runtime and the real clock")]

#[expect(dead_code, reason = "shared with the tests of connections, which use more of it")]
#[path = "support/server.rs"]
mod server;
mod support;

use std::time::Duration;

use bridge::{ChainRef, Checkpoint, Config, ConfigError, L1Bridge, L1Event, Window, wire::Network};
use kaspa_hashes::Hash;
use server::SocketNode;
use support::consumer::Consumer;
use tokio::time::timeout;

fn config(url: &str) -> Config {
    let mut config = Config::new(Network::SIMNET, [url]).expect("the address is usable");
    config.finality_depth = Some(12);
    config
}

/// A consumer with its stored checkpoint and references.
struct Stored {
    consumer: Consumer,
    checkpoint: Vec<u8>,
    blocks: Vec<ChainRef>,
}

/// Follows until the consumer's tip is `tip`, storing after every numbered event, then stops. Gives the first sequence
/// number that came.
async fn follow(mut bridge: L1Bridge, mut window: Option<Window>, stored: &mut Stored, tip: Hash) -> u64 {
    let mut first = None;
    while stored.consumer.path().last() != Some(&tip) {
        let event = timeout(Duration::from_secs(20), bridge.next()).await.expect("soon").expect("the stream goes on");
        stored.consumer.take(&event);
        let Some(sequence) = event.sequence() else { continue };
        first = first.or(Some(sequence));
        let window = window.get_or_insert_with(|| Window::new(bridge.anchor().expect("an event was numbered")));
        window.apply(&event).expect("it follows");
        stored.checkpoint = window.checkpoint(Network::SIMNET).expect("the window is sound").encode();
        stored.blocks = window.blocks().collect();
        bridge.ack(sequence).expect("it was delivered");
    }
    stored.consumer.restart();
    first.expect("the tip was reached by events")
}

#[tokio::test]
async fn given_a_bridge_that_was_dropped_when_another_resumes_then_the_stream_goes_on_where_it_was_stored() {
    let node = SocketNode::new();
    let server = node.serve().await;
    let mut stored = Stored { consumer: Consumer::new(12), checkpoint: Vec::new(), blocks: Vec::new() };
    node.grow(30);
    let tip = node.with(|_, node| node.sink);
    let bridge = L1Bridge::start(config(&server.url())).expect("the configuration is usable");
    assert_eq!(follow(bridge, None, &mut stored, tip).await, 1);
    for round in 0..3 {
        // While nobody follows, the chain forks three deep and the node forgets what was there.
        let tip = node.with(|tree, node| {
            let lost = (0..3).map(|depth| tree.below(node.sink, depth)).collect::<Vec<_>>();
            let branch = tree.grow(tree.below(node.sink, 3), 5);
            node.unknown.extend(lost);
            node.sink = branch[4];
            node.sink
        });
        let checkpoint = Checkpoint::decode(&stored.checkpoint).expect("it was encoded");
        let blocks = stored.blocks.clone();
        let bridge = L1Bridge::resume(config(&server.url()), &checkpoint, Some(&blocks)).expect("they fit together");
        let window = Window::restored(&checkpoint, blocks).expect("they fit together");
        assert_eq!(bridge.waiting(), 0);
        let first = follow(bridge, Some(window), &mut stored, tip).await;
        assert_eq!(first, checkpoint.sequence() + 1, "round {round}");
        assert_eq!(stored.consumer.path(), node.chain());
    }
}

#[tokio::test]
async fn given_a_resumed_bridge_when_something_from_before_is_acknowledged_then_it_is_no_error() {
    let node = SocketNode::new();
    let server = node.serve().await;
    let mut stored = Stored { consumer: Consumer::new(12), checkpoint: Vec::new(), blocks: Vec::new() };
    node.grow(5);
    let tip = node.with(|_, node| node.sink);
    let bridge = L1Bridge::start(config(&server.url())).expect("the configuration is usable");
    follow(bridge, None, &mut stored, tip).await;
    let checkpoint = Checkpoint::decode(&stored.checkpoint).expect("it was encoded");
    let mut bridge =
        L1Bridge::resume(config(&server.url()), &checkpoint, Some(&stored.blocks)).expect("they fit together");
    assert_eq!(bridge.ack(checkpoint.sequence()), Ok(()));
    assert!(bridge.ack(checkpoint.sequence() + 1).is_err());
    loop {
        let event = timeout(Duration::from_secs(20), bridge.next()).await.expect("soon").expect("the stream goes on");
        assert_eq!(event.sequence(), None, "everything was there already");
        if matches!(event, L1Event::Synced { .. }) {
            break;
        }
    }
    let mut elsewhere = config(&server.url());
    elsewhere.network = Network::MAINNET;
    let refused = L1Bridge::resume(elsewhere, &checkpoint, Some(&stored.blocks)).expect_err("another network");
    assert!(matches!(refused, ConfigError::CheckpointNetwork { .. }));
}
