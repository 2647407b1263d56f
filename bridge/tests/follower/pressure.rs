//! A consumer that does not acknowledge: fetching pauses, the session lives on, nothing is lost.

use std::time::Duration;

use bridge::{Config, follower::Input, wire::Operation};

use crate::support::{
    node::{Answer, TRANSITIONAL},
    pair::{LATENCY, Pair},
    settings::config,
};

const SOON: Duration = Duration::from_millis(100);
const MARK: u64 = 20;
const PAGE: usize = 15;

fn marked() -> Config {
    let mut settings = config(1);
    settings.high_water_mark = MARK;
    settings
}

/// Two pages of a long chain are fetched and none is acknowledged.
fn paused() -> Pair {
    let mut pair = Pair::new(marked());
    pair.acknowledges = false;
    pair.nodes[0].page_limit = PAGE;
    pair.grow(0, 100);
    pair.start();
    pair.run_for(SOON);
    pair
}

#[test]
fn given_the_high_water_mark_when_reached_then_nothing_is_fetched_until_enough_is_acknowledged() {
    let mut pair = paused();
    assert_eq!((pair.consumer.sequence(), pair.pages()), (30, 2));
    assert!(pair.follower.is_paused());
    pair.run_for(Duration::from_secs(5));
    pair.input(Input::Ack { sequence: 10 });
    pair.run_for(SOON);
    assert_eq!(pair.pages(), 2, "twenty are still unacknowledged");
    pair.input(Input::Ack { sequence: 11 });
    assert_eq!(pair.pages(), 3, "asked at once");
    pair.run_for(SOON);
    assert_eq!((pair.consumer.sequence(), pair.pages()), (45, 3));
}

#[test]
fn given_a_pause_when_notifications_arrive_then_none_is_fetched_and_all_are_after_it() {
    let mut pair = paused();
    for _ in 0..200 {
        pair.grow(0, 1);
        pair.run_for(Duration::from_millis(50));
    }
    assert_eq!(pair.pages(), 2);
    pair.acknowledges = true;
    pair.input(Input::Ack { sequence: 30 });
    pair.drive_until("synced", Pair::is_synced);
    pair.assert_follows(0);
    assert_eq!(pair.consumer.sequence(), 300);
    assert_eq!(pair.pages(), 2 + 18, "270 blocks in pages of 15, of which the last ends at the newest announced");
}

#[test]
fn given_a_quiet_node_when_paused_for_long_then_asking_for_the_sink_keeps_the_session() {
    let mut pair = paused();
    pair.run_for(Duration::from_secs(120));
    assert_eq!((pair.connects.len(), pair.pages()), (1, 2));
    let sinks = pair.asked(Operation::GetSink);
    assert!((14..=16).contains(&sinks), "{sinks} times in 120 s");
    pair.acknowledges = true;
    pair.input(Input::Ack { sequence: 30 });
    pair.run_for(Duration::from_secs(1));
    pair.assert_follows(0);
    assert_eq!((pair.connects.len(), pair.consumer.sequence()), (1, 100));
}

#[test]
fn given_a_dead_node_when_paused_then_the_unanswered_question_ends_the_session() {
    let mut pair = paused();
    pair.nodes[0].tamper(|_, answer| *answer = Answer::Silence);
    pair.run_for(Duration::from_secs(60));
    assert!(pair.connects.len() > 1);
    pair.nodes[0].tamper = None;
    pair.acknowledges = true;
    pair.input(Input::Ack { sequence: 30 });
    pair.run_for(Duration::from_secs(60));
    pair.assert_follows(0);
    assert_eq!(pair.consumer.sequence(), 100);
}

#[test]
fn given_an_acknowledgement_beyond_what_was_emitted_when_handed_in_then_it_counts_as_all() {
    let mut pair = paused();
    pair.input(Input::Ack { sequence: u64::MAX });
    pair.run_for(SOON);
    assert_eq!((pair.consumer.sequence(), pair.pages()), (60, 4));
    assert!(pair.follower.is_paused());
}

#[test]
fn given_every_number_of_unacknowledged_events_when_watched_then_they_never_exceed_the_mark_and_a_page() {
    let mut pair = paused();
    let mut acknowledged = 0;
    while acknowledged < 100 {
        acknowledged += 7;
        pair.input(Input::Ack { sequence: acknowledged });
        pair.run_for(SOON);
        let waiting = pair.consumer.sequence() - acknowledged.min(pair.consumer.sequence());
        assert!(waiting < MARK + PAGE as u64, "{waiting} wait");
    }
    pair.assert_follows(0);
}

/// Five blocks were fetched one by one and none was acknowledged: paused, and nothing is known to be missing.
fn paused_at_the_sink(poll_interval: Duration) -> Pair {
    let mut settings = marked();
    settings.high_water_mark = 5;
    settings.poll_interval = poll_interval;
    let mut pair = Pair::synced(settings, 0);
    pair.acknowledges = false;
    for _ in 0..5 {
        pair.grow(0, 1);
        pair.run_for(SOON);
    }
    assert!(pair.follower.is_paused());
    pair.assert_follows(0);
    pair
}

#[test]
fn given_a_block_announced_while_the_sink_is_asked_for_when_the_pause_ends_then_it_is_fetched_without_a_poll() {
    let mut pair = paused_at_the_sink(Duration::from_secs(3_600));
    pair.drive_until("asked", |pair| pair.asked(Operation::GetSink) == 1);
    pair.grow(0, 1);
    pair.run_for(3 * LATENCY);
    pair.input(Input::Ack { sequence: 5 });
    pair.run_for(SOON);
    pair.assert_follows(0);
}

#[test]
fn given_a_sign_of_life_that_is_refused_when_the_poll_interval_is_long_then_the_follower_still_wakes() {
    let mut pair = paused_at_the_sink(Duration::from_secs(12));
    pair.nodes[0].tamper(|_, answer| {
        if matches!(answer, Answer::Pong | Answer::Sink(_)) {
            *answer = Answer::Error(TRANSITIONAL.to_owned());
        }
    });
    pair.run_for(Duration::from_secs(120));
    pair.nodes[0].tamper = None;
    pair.grow(0, 1);
    pair.acknowledges = true;
    pair.input(Input::Ack { sequence: 5 });
    pair.run_for(Duration::from_secs(60));
    pair.assert_follows(0);
}

#[test]
fn given_a_consumer_that_waits_while_blocks_are_announced_when_watched_then_the_sink_is_asked_for_every_ten_seconds() {
    let mut pair = paused_at_the_sink(Duration::from_secs(3_600));
    let before = pair.asked(Operation::GetSink);
    for _ in 0..120 {
        pair.grow(0, 1);
        pair.run_for(Duration::from_millis(500));
    }
    let sinks = pair.asked(Operation::GetSink) - before;
    assert!((5..=7).contains(&sinks), "{sinks} times in a minute");
    assert_eq!(pair.asked(Operation::Ping), 0);
}
