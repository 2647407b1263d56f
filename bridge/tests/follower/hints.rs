//! When the follower asks: pages to the end, one request for each notification, the poll for those that were lost.

use std::time::Duration;

use bridge::wire::Operation;

use crate::support::{
    node::{chain_changed, node_reset},
    pair::{LATENCY, Pair},
    settings::config,
};

/// Shorter than the poll interval, longer than a request takes.
const SOON: Duration = Duration::from_millis(100);

#[test]
fn given_a_chain_of_several_pages_when_followed_then_pages_are_asked_until_one_is_empty() {
    for (blocks, pages) in [(99, 2), (100, 2), (101, 3), (250, 4)] {
        let pair = Pair::synced(config(1), blocks);
        assert_eq!(pair.pages(), pages, "{blocks} blocks in pages of 100");
        assert_eq!(pair.consumer.sequence(), blocks as u64);
        pair.assert_follows(0);
    }
}

#[test]
fn given_a_synced_follower_when_blocks_are_announced_one_by_one_then_each_costs_one_request() {
    let mut pair = Pair::synced(config(1), 5);
    let before = pair.requests.len();
    for _ in 0..50 {
        pair.grow(0, 1);
        pair.run_for(SOON);
        pair.assert_follows(0);
    }
    assert_eq!(pair.requests.len() - before, 50);
}

#[test]
fn given_a_notification_that_changes_nothing_when_it_arrives_then_nothing_is_asked() {
    let mut pair = Pair::synced(config(1), 5);
    let before = pair.requests.len();
    let old = pair.tree.below(pair.nodes[0].sink, 2);
    pair.send_frame(0, chain_changed(&[], &[]));
    pair.send_frame(0, chain_changed(&[], &[old]));
    pair.run_for(SOON);
    assert_eq!(pair.requests.len(), before);
}

#[test]
fn given_a_notification_with_removals_only_when_it_arrives_then_the_chain_is_asked() {
    let mut pair = Pair::synced(config(1), 5);
    let before = pair.requests.len();
    pair.send_frame(0, chain_changed(&[pair.nodes[0].sink], &[]));
    pair.run_for(SOON);
    assert_eq!(pair.requests.len(), before + 1);
}

#[test]
fn given_a_notification_of_a_reset_when_it_arrives_then_the_chain_is_asked_and_nothing_is_final() {
    let mut pair = Pair::synced(config(1), 5);
    let (requests, events) = (pair.requests.len(), pair.events.len());
    pair.send_frame(0, node_reset());
    pair.run_for(SOON);
    assert_eq!((pair.requests.len(), pair.events.len()), (requests + 1, events));
}

#[test]
fn given_lost_notifications_when_the_poll_is_due_then_the_blocks_are_found() {
    let mut pair = Pair::synced(config(1), 5);
    pair.nodes[0].notifies = false;
    let before = pair.pages();
    pair.grow(0, 7);
    pair.run_for(Duration::from_millis(900));
    assert_eq!(pair.pages(), before, "the poll interval is a second");
    pair.run_for(Duration::from_millis(200));
    pair.assert_follows(0);
}

#[test]
fn given_notifications_in_any_order_and_number_when_they_arrive_then_the_chain_is_the_same() {
    let mut pair = Pair::synced(config(1), 5);
    pair.nodes[0].notifies = false;
    for round in 0..10 {
        let from = pair.nodes[0].sink;
        pair.grow(0, 4);
        let (_, added) = pair.tree.route(from, pair.nodes[0].sink);
        let order: [usize; 6] = if round % 2 == 0 { [3, 1, 0, 2, 2, 0] } else { [0, 0, 3, 3, 1, 2] };
        for place in order {
            pair.send_frame(0, chain_changed(&[], &added[place..=place]));
            pair.run_for(Duration::from_millis(2));
        }
        pair.run_for(SOON);
        pair.assert_follows(0);
    }
    assert_eq!(pair.consumer.sequence(), 45, "no block was announced twice");
}

/// Runs until a page was asked and the node has answered it, the answer being on its way.
fn with_an_answer_on_its_way(pair: &mut Pair) {
    let before = pair.pages();
    pair.thinking = 4 * LATENCY;
    pair.grow(0, 1);
    pair.drive_until("asked", |pair| pair.pages() > before);
    pair.run_for(LATENCY);
}

#[test]
fn given_a_reply_in_flight_when_a_block_is_announced_that_it_does_not_contain_then_the_chain_is_asked_again() {
    let mut pair = Pair::synced(config(1), 5);
    with_an_answer_on_its_way(&mut pair);
    let before = pair.pages();
    pair.grow(0, 1);
    pair.run_for(SOON);
    assert_eq!(pair.pages(), before + 1);
    pair.assert_follows(0);
}

#[test]
fn given_an_empty_reply_in_flight_when_a_block_is_announced_then_the_chain_is_asked_again() {
    let mut pair = Pair::synced(config(1), 5);
    let before = pair.pages();
    pair.thinking = 4 * LATENCY;
    pair.drive_until("polled", |pair| pair.pages() > before);
    pair.run_for(LATENCY);
    // The node has answered that there is nothing, and the answer is still on its way.
    pair.grow(0, 1);
    pair.run_for(SOON);
    assert_eq!(pair.pages(), before + 2);
    pair.assert_follows(0);
}

#[test]
fn given_a_reply_in_flight_when_a_block_is_announced_that_it_contains_then_nothing_more_is_asked() {
    let mut pair = Pair::synced(config(1), 5);
    let before = pair.pages();
    // Two blocks at once: the page that the first one causes holds both.
    pair.grow(0, 2);
    pair.run_for(SOON);
    assert_eq!(pair.pages(), before + 1);
    pair.assert_follows(0);
}

#[test]
fn given_a_burst_while_a_request_is_in_flight_when_it_ends_then_one_page_fetches_all() {
    let mut pair = Pair::synced(config(1), 5);
    with_an_answer_on_its_way(&mut pair);
    let before = pair.pages();
    pair.grow(0, 50);
    pair.run_for(SOON);
    pair.assert_follows(0);
    assert_eq!(pair.pages(), before + 1);
}

#[test]
fn given_more_announcements_than_are_remembered_when_one_is_not_in_the_reply_then_the_chain_is_asked_again() {
    let mut pair = Pair::synced(config(1), 5);
    pair.thinking = 4 * LATENCY;
    // The first causes the request, the others come while it is in flight and are in the answer.
    pair.grow(0, 9);
    pair.run_for(3 * LATENCY);
    let (before, in_reply) = (pair.pages(), pair.nodes[0].sink);
    pair.grow(0, 1);
    pair.send_frame(0, chain_changed(&[], &[in_reply]));
    pair.run_for(SOON);
    // The new block, and an empty page because the newest announcement was an older block.
    assert_eq!(pair.pages(), before + 2);
    pair.assert_follows(0);
}

#[test]
fn given_one_block_that_is_announced_again_and_again_when_the_reply_contains_it_then_nothing_more_is_asked() {
    let mut pair = Pair::synced(config(1), 5);
    pair.thinking = 4 * LATENCY;
    let before = pair.pages();
    // The first causes the request, the second comes while it is in flight, more often than announcements are remembered.
    pair.grow(0, 2);
    pair.run_for(3 * LATENCY);
    let in_reply = pair.nodes[0].sink;
    for _ in 0..20 {
        pair.send_frame(0, chain_changed(&[], &[in_reply]));
    }
    pair.run_for(SOON);
    assert_eq!(pair.pages(), before + 1);
    pair.assert_follows(0);
}

#[test]
fn given_an_idle_node_when_synced_then_only_polls_are_sent() {
    let mut pair = Pair::synced(config(1), 5);
    let (before, pages) = (pair.requests.len(), pair.pages());
    pair.run_for(Duration::from_secs(60));
    let polls = pair.pages() - pages;
    assert!((58..=60).contains(&polls), "{polls} polls in 60 s");
    assert_eq!(pair.requests.len() - before, polls);
    assert_eq!(pair.asked(Operation::Ping), 0);
}
