//! What the consumer is told about its distance to the node: `CatchingUp` while there is one, `Synced` on arrival.

use std::time::Duration;

use bridge::{Config, L1Event, follower::Input, wire::Operation};

use crate::support::{
    node::{Answer, BELOW_RETENTION, TRANSITIONAL},
    pair::Pair,
    settings::config,
};

const SOON: Duration = Duration::from_millis(100);

/// How often `Synced` came among the events from this one on.
fn arrivals(pair: &Pair, from: usize) -> usize {
    pair.events[from..].iter().filter(|event| matches!(event, L1Event::Synced { .. })).count()
}

/// (tip, sink) of every `CatchingUp` among the events from this one on.
fn distances(pair: &Pair, from: usize) -> Vec<(u64, u64)> {
    let distance = |event: &L1Event| match event {
        L1Event::CatchingUp { tip_blue_score, sink_blue_score } => Some((*tip_blue_score, *sink_blue_score)),
        _ => None,
    };
    pair.events[from..].iter().filter_map(distance).collect()
}

#[test]
fn given_many_pages_when_catching_up_then_the_distance_is_told_at_most_once_a_second() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].page_limit = 2;
    pair.grow(0, 1_000);
    pair.start();
    pair.drive_until("synced", Pair::is_synced);
    let sink = pair.tree.score(pair.nodes[0].sink);
    let reports = distances(&pair, 0);
    assert!(reports.iter().all(|(tip, told)| *told == sink && tip < told), "{reports:?}");
    assert!(reports.is_sorted_by(|earlier, later| earlier.0 < later.0), "{reports:?}");
    let seconds = pair.now.as_secs() as usize;
    assert!(seconds >= 4 && (seconds..=seconds + 1).contains(&reports.len()), "{seconds} s, {reports:?}");
    assert_eq!(arrivals(&pair, 0), 1);
}

#[test]
fn given_a_chain_of_one_page_when_fetched_then_no_distance_is_told() {
    let pair = Pair::synced(config(1), 50);
    assert_eq!((distances(&pair, 0), arrivals(&pair, 0)), (Vec::new(), 1));
}

#[test]
fn given_blocks_one_by_one_when_synced_then_it_is_not_told_again() {
    for confirmations in [0, 4] {
        let mut settings = config(1);
        settings.confirmations = confirmations;
        let mut pair = Pair::synced(settings, 10);
        let before = pair.events.len();
        for _ in 0..50 {
            pair.grow(0, 1);
            pair.run_for(Duration::from_millis(700));
        }
        assert_eq!(pair.consumer.sequence(), 60 - if confirmations > 0 { confirmations + 1 } else { 0 });
        assert_eq!((arrivals(&pair, before), distances(&pair, before)), (0, Vec::new()), "{confirmations}");
    }
}

#[test]
fn given_blocks_faster_than_answers_when_synced_then_arrival_is_told_at_most_once_a_second() {
    let mut pair = Pair::synced(config(1), 10);
    let before = pair.events.len();
    pair.thinking = Duration::from_millis(20);
    for round in 0..1_000 {
        pair.grow(0, 1);
        // Now and then a moment in which it can arrive.
        pair.run_for(Duration::from_millis(if round % 10 == 0 { 100 } else { 7 }));
    }
    let (arrivals, seconds) = (arrivals(&pair, before), pair.now.as_secs() as usize);
    assert!((2..=seconds + 1).contains(&arrivals), "{arrivals} in {seconds} s");
}

#[test]
fn given_many_blocks_whose_notifications_were_lost_when_they_are_found_then_arrival_is_told_again() {
    let mut pair = Pair::synced(config(1), 10);
    pair.nodes[0].notifies = false;
    pair.nodes[0].page_limit = 10;
    pair.run_for(Duration::from_secs(5));
    let before = pair.events.len();
    pair.grow(0, 100);
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
    assert_eq!(arrivals(&pair, before), 1);
    assert!(pair.is_synced());
}

fn marked() -> Config {
    let mut settings = config(1);
    settings.high_water_mark = 20;
    settings
}

#[test]
fn given_a_pause_when_nothing_was_missed_then_arrival_is_told_again_after_it() {
    let mut pair = Pair::synced(marked(), 10);
    pair.acknowledges = false;
    let before = pair.events.len();
    for _ in 0..20 {
        pair.grow(0, 1);
        pair.run_for(SOON);
    }
    assert!(pair.follower.is_paused());
    pair.run_for(Duration::from_secs(30));
    assert_eq!(arrivals(&pair, before), 0);
    pair.acknowledges = true;
    pair.input(Input::Ack { sequence: 30 });
    pair.run_for(Duration::from_secs(10));
    assert_eq!((arrivals(&pair, before), distances(&pair, before)), (1, Vec::new()));
}

#[test]
fn given_a_pause_when_the_node_is_far_ahead_after_it_then_the_new_distance_is_asked_and_told_and_the_arrival() {
    let mut pair = Pair::synced(marked(), 10);
    pair.acknowledges = false;
    pair.nodes[0].page_limit = 10;
    for _ in 0..300 {
        pair.grow(0, 1);
        pair.run_for(SOON);
    }
    assert!(pair.follower.is_paused());
    let (before, asked) = (pair.events.len(), pair.asked(Operation::GetBlockDagInfo));
    pair.acknowledges = true;
    pair.input(Input::Ack { sequence: pair.consumer.sequence() });
    pair.run_for(Duration::from_secs(10));
    pair.assert_follows(0);
    let sink = pair.tree.score(pair.nodes[0].sink);
    let told = distances(&pair, before);
    // While paused the sink is asked for every ten seconds, in which this node grows by a hundred.
    let is_recent = |told: u64| (sink - 100..=sink).contains(&told);
    assert!(!told.is_empty() && told.iter().all(|(tip, told)| tip < told && is_recent(*told)), "{told:?} of {sink}");
    assert_eq!((arrivals(&pair, before), pair.is_synced()), (1, true));
    assert_eq!(pair.asked(Operation::GetBlockDagInfo), asked + 1);
}

#[test]
fn given_a_node_that_was_behind_or_refused_when_it_answers_again_then_arrival_is_told() {
    let mut pair = Pair::synced(config(1), 20);
    let (sink, before) = (pair.nodes[0].sink, pair.events.len());
    let behind = pair.tree.below(sink, 4);
    pair.set_sink(0, behind);
    pair.run_for(Duration::from_secs(5));
    assert_eq!(arrivals(&pair, before), 0);
    pair.set_sink(0, sink);
    pair.run_for(Duration::from_secs(5));
    assert_eq!(arrivals(&pair, before), 1);

    pair.nodes[0].transitional = true;
    pair.run_for(Duration::from_secs(5));
    assert_eq!(arrivals(&pair, before), 1);
    pair.nodes[0].transitional = false;
    pair.run_for(Duration::from_secs(5));
    assert_eq!(arrivals(&pair, before), 2);
}

#[test]
fn given_errors_after_which_it_waits_when_they_repeat_then_each_kind_is_told_once() {
    for text in [TRANSITIONAL, BELOW_RETENTION, "cannot find header of the sink"] {
        let mut settings = config(1);
        settings.start = bridge::StartAt::Sink;
        let mut pair = Pair::synced(settings, 10);
        let before = pair.events.len();
        pair.nodes[0].tamper(move |_, answer| {
            if matches!(answer, Answer::Page(_)) {
                *answer = Answer::Error(text.to_owned());
            }
        });
        pair.run_for(Duration::from_secs(60));
        let [L1Event::NodeRejected { retry_in: None, .. }] = &pair.events[before..] else {
            panic!("{text}: {:#?}", &pair.events[before..])
        };
        assert_eq!(pair.connects.len(), 1, "{text}");
    }
}
