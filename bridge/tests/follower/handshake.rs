//! What a session asks first, and where the chain begins.

use std::time::Duration;

use bridge::{
    ChainRef, L1Event, StartAt,
    wire::{Network, Operation, Request, Subscription, Verbosity},
};
use kaspa_hashes::Hash;

use crate::support::{
    node::Answer,
    pair::Pair,
    settings::config,
    tree::{GENESIS_SCORE, transaction_id},
};

fn header(hash: Hash) -> Request {
    Request::GetBlock { hash, include_transactions: false }
}

fn page(start_hash: Hash) -> Request {
    Request::GetVirtualChainFromBlockV2 { start_hash, verbosity: Verbosity::Full, min_confirmation_count: None }
}

fn requests(pair: &Pair) -> Vec<Request> {
    pair.requests.iter().map(|sent| sent.request).collect()
}

const SUBSCRIPTIONS: [Request; 2] = [
    Request::Subscribe(Subscription::VirtualChainChanged { include_accepted_transaction_ids: false }),
    Request::Subscribe(Subscription::PruningPointUtxoSetOverride),
];

#[test]
fn given_no_history_when_a_session_opens_then_it_asks_in_the_documented_order() {
    let pair = Pair::synced(config(1), 3);
    let (genesis, sink) = (pair.tree.genesis(), pair.nodes[0].sink);
    let [chain, reset] = SUBSCRIPTIONS;
    let expected = [
        Request::GetServerInfo,
        chain,
        reset,
        Request::GetBlockDagInfo,
        header(sink),
        header(genesis),
        page(genesis),
        page(sink),
    ];
    assert_eq!(requests(&pair), expected);
}

#[test]
fn given_history_when_the_next_session_opens_then_it_subscribes_again_and_goes_on_from_the_tip() {
    let mut pair = Pair::synced(config(1), 3);
    let (tip, before) = (pair.nodes[0].sink, pair.requests.len());
    pair.hang_up();
    pair.grow(0, 2);
    let sink = pair.nodes[0].sink;
    pair.run_for(Duration::from_millis(500));
    let [chain, reset] = SUBSCRIPTIONS;
    let expected =
        [Request::GetServerInfo, chain, reset, Request::GetBlockDagInfo, header(sink), page(tip), page(sink)];
    assert_eq!(requests(&pair)[before..], expected);
    pair.assert_follows(0);
}

#[test]
fn given_a_new_chain_when_followed_then_the_anchor_is_index_0_unannounced_and_the_first_block_is_1() {
    let pair = Pair::synced(config(1), 2);
    let chain = pair.tree.chain(pair.nodes[0].sink);
    let [L1Event::Connected { session: 1, node, server_version, network }, rest @ ..] = pair.events.as_slice() else {
        panic!("{:#?}", pair.events)
    };
    assert_eq!((node.as_str(), server_version.as_str()), ("ws://node0:17510", "2.1.0"));
    assert_eq!(*network, Network::SIMNET);
    let [L1Event::BlockAdded(first), L1Event::BlockAdded(second), end @ ..] = rest else { panic!("{rest:#?}") };
    assert_eq!((first.sequence, second.sequence), (1, 2));
    assert_eq!(first.parent, chain[0]);
    assert_eq!(first.block, ChainRef { hash: chain[1], index: 1, blue_score: GENESIS_SCORE + 1 });
    assert_eq!(second.block, ChainRef { hash: chain[2], index: 2, blue_score: GENESIS_SCORE + 2 });
    let tip = second.block;
    assert_eq!(end, [L1Event::Synced { tip }]);
    let root = pair.follower.root().expect("there is a chain");
    assert_eq!(root, ChainRef { hash: chain[0], index: 0, blue_score: GENESIS_SCORE });
}

#[test]
fn given_a_block_when_announced_then_its_fields_are_those_of_its_header_and_its_transactions() {
    let pair = Pair::synced(config(1), 3);
    let mut transactions = 0;
    for event in &pair.events {
        let L1Event::BlockAdded(added) = event else { continue };
        let header = pair.tree.header(added.block.hash);
        assert_eq!((added.daa_score, added.timestamp_ms), (header.daa_score, header.timestamp));
        assert_eq!(added.accepted.len() as u64, header.nonce % 3);
        for (number, transaction) in (0_u32..).zip(&added.accepted) {
            assert_eq!(transaction.id, transaction_id(header.hash, u64::from(number)));
            assert_eq!(transaction.acceptance_index, number);
            assert_eq!(transaction.subnetwork_id, [number as u8; 20]);
            assert_eq!(transaction.payload, header.hash.as_bytes()[..8]);
            transactions += 1;
        }
    }
    assert!(transactions > 2);
}

#[test]
fn given_a_start_at_the_sink_when_followed_then_only_newer_blocks_are_announced() {
    let mut settings = config(1);
    settings.start = StartAt::Sink;
    let mut pair = Pair::synced(settings, 5);
    let anchor = pair.nodes[0].sink;
    assert_eq!((pair.tip(), pair.consumer.sequence()), (Some(anchor), 0));
    pair.grow(0, 1);
    pair.run_for(Duration::from_millis(200));
    assert_eq!(pair.consumer.path(), [anchor, pair.nodes[0].sink]);
}

#[test]
fn given_a_start_at_a_hash_when_followed_then_that_block_is_the_anchor() {
    let mut settings = config(1);
    let mut tree = crate::support::tree::Tree::new();
    // The same blocks come into being in every tree.
    let chain = tree.grow(tree.genesis(), 6);
    settings.start = StartAt::Hash(chain[2]);
    let pair = Pair::synced(settings, 6);
    assert_eq!(pair.consumer.path(), &chain[2..]);
}

#[test]
fn given_a_start_at_the_pruning_point_when_it_has_moved_then_history_begins_there() {
    let mut pair = Pair::new(config(1));
    pair.grow(0, 10);
    pair.nodes[0].pruning_point = pair.tree.below(pair.nodes[0].sink, 4);
    pair.start();
    pair.drive_until("synced", Pair::is_synced);
    assert_eq!(pair.consumer.path().len(), 5);
    assert_eq!(pair.consumer.path()[0], pair.nodes[0].pruning_point);
}

#[test]
fn given_nothing_but_the_anchor_when_a_session_opens_then_synced_without_any_block() {
    let pair = Pair::synced(config(1), 0);
    assert_eq!(pair.consumer.sequence(), 0);
    assert_eq!(pair.asked(Operation::GetVirtualChainFromBlockV2), 1);
    assert!(matches!(pair.events.as_slice(), [L1Event::Connected { .. }, L1Event::Synced { .. }]));
}

#[test]
fn given_confirmations_when_followed_then_the_request_carries_them_and_the_path_ends_above_that_depth() {
    let mut settings = config(1);
    settings.confirmations = 4;
    let mut pair = Pair::synced(settings, 10);
    pair.grow(0, 3);
    pair.run_for(Duration::from_secs(3));
    let sink = pair.nodes[0].sink;
    // Strictly more than four below the sink.
    assert_eq!(pair.tip(), Some(pair.tree.below(sink, 5)));
    assert!(pair.requests.iter().all(|sent| match sent.request {
        Request::GetVirtualChainFromBlockV2 { min_confirmation_count, .. } => min_confirmation_count == Some(4),
        _ => true,
    }));
}

#[test]
fn given_a_version_that_commands_a_terminal_when_connected_then_it_is_one_short_harmless_line() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].tamper(|_, answer| {
        if let Answer::ServerInfo(info) = answer {
            info.server_version = format!("9\n   Added 7: \u{1b}[2J{}", "x".repeat(100_000));
        }
    });
    pair.start();
    pair.drive_until("connected", |pair| !pair.events.is_empty());
    let L1Event::Connected { server_version, .. } = &pair.events[0] else { panic!("{:?}", pair.events) };
    assert!(!server_version.chars().any(char::is_control) && server_version.len() < 1_000, "{server_version:?}");
}
