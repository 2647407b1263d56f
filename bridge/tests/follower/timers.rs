//! The follower is woken when something is due and not otherwise, and superfluous ticks change nothing.
//!
//! That it never asks to be woken in the past, and never forgets to ask, the driver checks at every input.

use std::time::Duration;

use bridge::{
    Config, ConfigError,
    follower::{Follower, Input},
};

use crate::support::{node::Door, pair::Pair, settings::config};

const MINUTE: Duration = Duration::from_secs(60);

/// Ticks in one more minute.
fn ticks(pair: &mut Pair) -> usize {
    let before = pair.ticks;
    pair.run_for(MINUTE);
    pair.ticks - before
}

#[test]
fn given_an_idle_session_when_watched_then_it_is_woken_for_its_polls_only() {
    let mut pair = Pair::synced(config(1), 10);
    assert!((58..=61).contains(&ticks(&mut pair)));
}

#[test]
fn given_a_stream_of_blocks_when_watched_then_it_is_not_woken_at_all() {
    let mut pair = Pair::synced(config(1), 10);
    let before = pair.ticks;
    for _ in 0..100 {
        pair.grow(0, 1);
        pair.run_for(Duration::from_millis(100));
    }
    assert_eq!(pair.ticks - before, 0);
}

#[test]
fn given_a_pause_when_watched_then_it_is_woken_for_its_pings_only() {
    let mut settings = config(1);
    settings.high_water_mark = 5;
    let mut pair = Pair::new(settings);
    pair.acknowledges = false;
    pair.grow(0, 10);
    pair.start();
    pair.run_for(Duration::from_secs(1));
    assert!((7..=9).contains(&ticks(&mut pair)));
}

#[test]
fn given_a_resetting_node_when_watched_then_it_is_woken_once_a_poll_interval() {
    let mut pair = Pair::synced(config(1), 10);
    pair.nodes[0].transitional = true;
    assert!((55..=61).contains(&ticks(&mut pair)));
}

#[test]
fn given_a_lagging_node_when_watched_then_it_is_woken_once_a_poll_interval() {
    let mut pair = Pair::synced(config(1), 10);
    let behind = pair.tree.below(pair.nodes[0].sink, 3);
    pair.set_sink(0, behind);
    let requests = pair.requests.len();
    assert!((55..=61).contains(&ticks(&mut pair)));
    let requests = pair.requests.len() - requests;
    assert!(requests <= 3 * 61, "{requests} requests");
}

#[test]
fn given_nodes_that_refuse_or_hang_when_watched_then_each_attempt_costs_at_most_two_ticks() {
    for door in [Door::Refuses, Door::Hangs] {
        let mut pair = Pair::new(config(3));
        pair.nodes.iter_mut().for_each(|node| node.door = door);
        pair.start();
        let (ticks, attempts) = (ticks(&mut pair), pair.connects.len());
        assert!(ticks <= 2 * attempts, "{door:?}: {ticks} ticks, {attempts} attempts");
    }
}

#[test]
fn given_ticks_at_every_millisecond_when_following_then_the_requests_are_the_same() {
    let follow = |extra: bool| {
        let mut pair = Pair::synced(config(1), 10);
        for round in 0..40 {
            if round % 10 == 0 {
                pair.grow(0, 3);
            }
            for _ in 0..100 {
                pair.run_for(Duration::from_millis(1));
                if extra {
                    pair.input(Input::Tick);
                }
            }
        }
        pair.assert_follows(0);
        (pair.requests, pair.events)
    };
    assert_eq!(follow(true), follow(false));
}

#[test]
fn given_the_same_seed_when_run_twice_then_the_attempts_are_at_the_same_times_and_another_seed_differs() {
    let attempts = |seed| {
        let mut settings = config(2);
        settings.seed = seed;
        let mut pair = Pair::new(settings);
        pair.nodes.iter_mut().for_each(|node| node.door = Door::Refuses);
        pair.start();
        pair.run_for(MINUTE);
        pair.connects
    };
    assert_eq!(attempts(1), attempts(1));
    assert_ne!(attempts(1), attempts(2));
}

#[test]
fn given_times_without_sense_when_configured_then_a_sentence_instead_of_an_overflow() {
    let fields =
        ["poll_interval", "connect_timeout", "request_timeout", "silence_timeout", "backoff_min", "backoff_max"];
    let setters: [fn(&mut Config, Duration); 6] = [
        |config, value| config.poll_interval = value,
        |config, value| config.connect_timeout = value,
        |config, value| config.request_timeout = value,
        |config, value| config.silence_timeout = value,
        |config, value| config.backoff_min = value,
        |config, value| config.backoff_max = value,
    ];
    for (field, set) in fields.into_iter().zip(setters) {
        for value in [Duration::ZERO, Duration::MAX] {
            let mut settings = config(1);
            settings.backoff_max = Duration::from_secs(30);
            set(&mut settings, value);
            let error = Follower::new(settings).expect_err("it could not run with this");
            let named = match &error {
                ConfigError::Zero { field } | ConfigError::TooLong { field, .. } => *field,
                other => panic!("{field}: {other}"),
            };
            assert_eq!(named, field);
        }
    }
}
