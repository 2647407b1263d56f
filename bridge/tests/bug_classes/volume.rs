//! Class C: how much is asked at once, how often, and what a page that was cut means.

use std::time::Duration;

use bridge::{
    Config, DisconnectReason, L1Event,
    follower::Input,
    wire::{Operation, Request},
};

use crate::{
    look::{blocks, is_page, pages, reorgs, size},
    support::{
        node::{Answer, Door},
        pair::{LATENCY, Pair},
        settings::config,
    },
};

const SOON: Duration = Duration::from_millis(200);
const MINUTE: Duration = Duration::from_secs(60);

/// A bridge that polls so rarely that nothing can come by the poll.
fn without_poll(nodes: usize) -> Config {
    let mut settings = config(nodes);
    settings.poll_interval = 100 * MINUTE;
    settings
}

/// A synced bridge whose node goes on by `count` blocks while it is away, and sends pages of any size.
fn left_behind(count: usize) -> Pair {
    let mut pair = Pair::synced(config(1), 5);
    pair.consumer.trusts = true;
    pair.nodes[0].page_limit = 100_000;
    pair.hang_up();
    pair.fork(0, 0, count);
    pair.requests.clear();
    pair
}

/// No page below the sink was asked for twice in the same words.
fn assert_none_repeated(pair: &Pair) {
    let sink = pair.nodes[0].sink;
    let is_below = |request: &Request| !matches!(*request, Request::GetVirtualChainFromBlockV2 { start_hash, .. } if start_hash == sink);
    let asked: Vec<Request> = pages(pair).into_iter().filter(is_below).collect();
    assert!(asked.windows(2).all(|pair| pair[0] != pair[1]), "{asked:#?}");
}

/// C1: a page took longer than the time limit, and was asked again unchanged, for ever.
#[test]
fn given_pages_that_take_longer_than_the_limit_when_catching_up_then_asked_smaller_until_they_come() {
    let mut pair = left_behind(5_000);
    pair.nodes[0].tamper(|_, answer| {
        if size(answer) > 1_100 {
            *answer = Answer::Silence;
        }
    });
    pair.run_for(5 * MINUTE);
    pair.assert_follows(0);
    assert_none_repeated(&pair);
}

/// C2: a page was larger than what a proxy, or a limit, lets through, and the connection ended at it again and again.
#[test]
fn given_pages_at_which_the_connection_ends_when_catching_up_then_asked_smaller_until_they_come() {
    let mut pair = left_behind(5_000);
    pair.nodes[0].tamper(|_, answer| {
        if size(answer) > 1_100 {
            *answer = Answer::HangUp;
        }
    });
    pair.run_for(5 * MINUTE);
    pair.assert_follows(0);
    assert_none_repeated(&pair);
}

/// C3: the last block of a page was taken for the sink. The rest was fetched only when something was announced.
#[test]
fn given_a_gap_of_any_number_of_pages_when_nothing_is_announced_any_more_then_all_of_it_comes() {
    for gap in [1, 99, 100, 101, 1_000] {
        let mut pair = Pair::new(without_poll(1));
        pair.grow(0, gap);
        pair.start();
        pair.run_for(Duration::from_secs(5));
        pair.assert_follows(0);
        assert_eq!(blocks(&pair), gap);
    }
}

/// C4: a reorg so deep that everything it adds is still left out was taken for nothing, or rolled back without an end.
#[test]
fn given_removals_without_anything_added_when_the_node_is_heavier_then_the_bridge_steps_back_and_goes_on() {
    let mut settings = config(1);
    settings.confirmations = 10;
    let mut pair = Pair::synced(settings, 50);
    let tip = pair.tip().expect("it follows");
    assert_eq!(pair.tree.route(tip, pair.nodes[0].sink).1.len(), 11);
    let fork = pair.tree.below(pair.nodes[0].sink, 20);
    let mut sink = fork;
    for _ in 0..6 {
        sink = pair.tree.extend_by(sink, 1, 100);
    }
    pair.set_sink(0, sink);
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.tip(), Some(fork));
    assert_eq!(reorgs(&pair).iter().map(|reorg| reorg.removed.len()).collect::<Vec<_>>(), [9]);
    // And where a page holds less than it removes: no node cuts one at fewer blocks.
    pair.grow(0, 60);
    pair.run_for(Duration::from_secs(3));
    pair.nodes[0].page_limit = 9;
    pair.fork(0, 40, 50);
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.tip(), Some(pair.tree.below(pair.nodes[0].sink, 11)));
}

/// C5: a count of N lets through what is more than N below the sink. One off, or asked only when something is announced, a
/// tail never came.
#[test]
fn given_confirmations_when_the_last_announcement_is_lost_then_exactly_what_is_deeper_comes_by_itself() {
    let mut settings = config(1);
    settings.confirmations = 7;
    let mut pair = Pair::synced(settings, 50);
    for lost in [false, true] {
        pair.nodes[0].notifies = !lost;
        for _ in 0..5 {
            pair.grow(0, 3);
            pair.fork(0, 6, 7);
            pair.run_for(if lost { Duration::from_secs(2) } else { SOON });
            assert_eq!(pair.tip(), Some(pair.tree.below(pair.nodes[0].sink, 8)), "lost: {lost}");
        }
    }
    assert!(reorgs(&pair).is_empty(), "a reorg of six blocks is none for a bridge that waits for seven");
}

/// C6: every announcement cost a fetch, or those that came during one were forgotten with it.
#[test]
fn given_a_slow_node_and_a_burst_when_announced_during_a_fetch_then_one_fetch_more_and_nothing_is_forgotten() {
    let mut settings = config(1);
    settings.poll_interval = Duration::from_secs(10);
    let mut pair = Pair::synced(settings, 5);
    pair.thinking = Duration::from_secs(2);
    for _ in 0..10 {
        // The fetch that is under way was answered before the burst, and brings nothing.
        let before = pair.pages();
        pair.drive_until("polled", |pair| pair.pages() > before);
        pair.run_for(LATENCY);
        pair.grow(0, 50);
        pair.run_for(Duration::from_secs(5));
        pair.assert_follows(0);
        assert!(pair.pages() <= before + 3, "{} fetches for one burst", pair.pages() - before);
    }
}

/// C7: a shutdown waited for retries of minutes, or was told as a fatal error.
#[test]
fn given_any_wait_when_shut_down_then_the_bridge_ends_at_once_and_never_with_fatal() {
    let page: fn(&mut Pair) = |pair| pair.nodes[0].tamper(|request, answer| silence(is_page(request), answer));
    let any_answer: fn(&mut Pair) = |pair| pair.nodes[0].tamper(|_, answer| silence(true, answer));
    let connection: fn(&mut Pair) = |pair| pair.nodes[0].door = Door::Hangs;
    let next_attempt: fn(&mut Pair) = |pair| pair.nodes[0].door = Door::Refuses;
    let reset_node: fn(&mut Pair) = |pair| pair.nodes[0].transitional = true;
    for (wait, begin) in [
        ("a page", page),
        ("any answer", any_answer),
        ("the connection", connection),
        ("the next attempt", next_attempt),
        ("a node that is reset", reset_node),
    ] {
        let mut pair = Pair::new(config(1));
        pair.grow(0, 5);
        begin(&mut pair);
        pair.start();
        pair.run_for(Duration::from_secs(5));
        let session = pair.consumer.session();
        pair.input(Input::Shutdown);
        assert!(pair.finished && pair.connection.is_none(), "waiting for {wait}");
        let told = matches!(pair.events.last(), Some(L1Event::Disconnected { reason: DisconnectReason::Shutdown, .. }));
        assert_eq!((told, pair.consumer.fatal()), (session.is_some(), None), "waiting for {wait}");
    }
}

fn silence(is_meant: bool, answer: &mut Answer) {
    if is_meant {
        *answer = Answer::Silence;
    }
}

/// C8: a node that prunes answers nothing for a while, and was taken for dead.
#[test]
fn given_a_node_that_is_busy_for_seconds_when_it_answers_nothing_meanwhile_then_it_is_not_left() {
    let mut pair = Pair::synced(config(2), 10);
    pair.nodes[1].sink = pair.nodes[0].sink;
    pair.thinking = Duration::from_secs(20);
    pair.nodes[0].notifies = false;
    for _ in 0..5 {
        pair.grow(0, 3);
        pair.run_for(2 * MINUTE);
        pair.assert_follows(0);
    }
    assert_eq!(pair.connects.len(), 1);
    assert!(pair.asked(Operation::GetVirtualChainFromBlockV2) < 40);
    assert!(!pair.requests.iter().any(|sent| matches!(sent.request, Request::Ping)));
}
