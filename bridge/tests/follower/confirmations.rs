//! A fixed number of confirmations: what is delivered, when, and what it costs.

use std::time::Duration;

use bridge::{Config, Filter, L1Event, wire::Operation};
use kaspa_hashes::Hash;

use crate::support::{pair::Pair, settings::config, tree::GENESIS_SCORE};

const SOON: Duration = Duration::from_millis(100);

fn settings(confirmations: u64) -> Config {
    let mut settings = config(1);
    settings.confirmations = confirmations;
    settings
}

/// What the node's chain has below the confirmations: strictly more than them, as in the node.
fn assert_eligible(pair: &Pair, confirmations: u64) {
    let sink = pair.nodes[0].sink;
    let mut eligible = pair.tree.chain(sink);
    eligible.retain(|&hash| pair.tree.score(sink) - pair.tree.score(hash) > confirmations);
    assert_eq!(pair.consumer.path(), eligible);
}

#[test]
fn given_confirmations_when_the_sink_grows_then_each_block_is_delivered_at_exactly_that_depth() {
    let mut pair = Pair::synced(settings(7), 50);
    assert_eligible(&pair, 7);
    for _ in 0..20 {
        pair.grow(0, 1);
        pair.run_for(SOON);
        assert_eligible(&pair, 7);
    }
}

#[test]
fn given_confirmations_when_blocks_come_one_by_one_then_each_costs_one_request() {
    let mut pair = Pair::synced(settings(7), 50);
    let before = pair.requests.len();
    for _ in 0..50 {
        pair.grow(0, 1);
        pair.run_for(SOON);
    }
    let requests = pair.requests.len() - before;
    assert!(requests <= 60, "{requests} requests for 50 blocks");
}

#[test]
fn given_confirmations_when_nothing_comes_then_the_sink_is_asked_for_every_ten_seconds() {
    let mut pair = Pair::synced(settings(7), 50);
    let before = pair.asked(Operation::GetSink);
    pair.run_for(Duration::from_secs(60));
    let asked = pair.asked(Operation::GetSink) - before;
    assert!((5..=6).contains(&asked), "{asked} times in 60 s");
}

#[test]
fn given_confirmations_and_pages_cut_short_when_catching_up_then_the_end_is_reached_without_the_poll() {
    let mut pair = Pair::new(settings(7));
    pair.nodes[0].page_limit = 20;
    pair.grow(0, 500);
    pair.start();
    pair.run_for(Duration::from_millis(900));
    assert_eligible(&pair, 7);
}

#[test]
fn given_confirmations_when_notifications_are_lost_then_the_poll_delivers_the_tail() {
    let mut pair = Pair::synced(settings(7), 50);
    pair.nodes[0].notifies = false;
    pair.grow(0, 30);
    pair.run_for(Duration::from_millis(2_200));
    assert_eligible(&pair, 7);
}

#[test]
fn given_confirmations_when_a_reorg_is_shallower_then_the_consumer_does_not_see_it() {
    let mut pair = Pair::synced(settings(7), 50);
    pair.fork(0, 5, 6);
    pair.run_for(SOON);
    assert!(pair.events.iter().all(|event| !matches!(event, L1Event::Reorg(_))));
    assert_eligible(&pair, 7);
}

#[test]
fn given_confirmations_when_a_reorg_is_deeper_then_the_consumer_steps_back_first() {
    let mut pair = Pair::synced(settings(7), 50);
    pair.fork(0, 20, 24);
    pair.run_for(SOON);
    assert!(pair.events.iter().any(|event| matches!(event, L1Event::Reorg(reorg) if reorg.removed.len() == 12)));
    assert_eligible(&pair, 7);
}

#[test]
fn given_a_filter_when_followed_then_kept_transactions_keep_their_place_and_every_block_comes() {
    let mut settings = config(1);
    // The tree's blocks accept up to two transactions: number n in subnetwork n, with the block's hash as payload.
    settings.filter = Filter { subnetworks: vec![[1; 20]], payload_prefixes: Vec::new() };
    let mut pair = Pair::new(settings);
    pair.consumer.filtered = true;
    pair.grow(0, 60);
    pair.start();
    pair.run_for(SOON);
    pair.assert_follows(0);
    let mut kept = 0;
    for event in &pair.events {
        if let L1Event::BlockAdded(added) = event {
            let accepts = pair.tree.chain_block(added.block.hash).accepted_transactions.len();
            assert_eq!(added.accepted.len(), usize::from(accepts > 1));
            assert!(added.accepted.iter().all(|kept| kept.acceptance_index == 1 && kept.subnetwork_id == [1; 20]));
            kept += added.accepted.len();
        }
    }
    assert!(kept > 10);
}

#[test]
fn given_a_payload_prefix_when_followed_then_only_what_begins_with_it_comes() {
    let mut pair = Pair::new(config(1));
    pair.grow(0, 60);
    let wanted: Hash = pair
        .tree
        .chain(pair.nodes[0].sink)
        .into_iter()
        .find(|hash| {
            pair.tree.score(*hash) > GENESIS_SCORE && pair.tree.chain_block(*hash).accepted_transactions.len() == 2
        })
        .expect("a third of the blocks accept two");
    let mut settings = config(1);
    settings.filter = Filter { subnetworks: Vec::new(), payload_prefixes: vec![wanted.as_bytes()[..8].to_vec()] };
    let mut filtered = Pair::new(settings);
    filtered.consumer.filtered = true;
    filtered.grow(0, 60);
    filtered.start();
    filtered.run_for(SOON);
    let accepted: Vec<_> = filtered
        .events
        .iter()
        .filter_map(|event| if let L1Event::BlockAdded(added) = event { Some(added) } else { None })
        .filter(|added| !added.accepted.is_empty())
        .collect();
    assert_eq!(accepted.len(), 1);
    assert_eq!((accepted[0].block.hash, accepted[0].accepted.len()), (wanted, 2));
}
