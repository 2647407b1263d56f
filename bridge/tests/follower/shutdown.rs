//! Shutdown at any moment: the session's end is told if its beginning was, and nothing happens afterwards.

use std::time::Duration;

use bridge::{DisconnectReason, L1Event, follower::Input, wire::Operation};

use crate::support::{node::Door, pair::Pair, settings::config};

/// Shuts down now and checks the end.
fn shut_down(pair: &mut Pair, state: &str) {
    let (session, events) = (pair.consumer.session(), pair.events.len());
    pair.input(Input::Shutdown);
    assert!(pair.finished, "{state}");
    match (session, &pair.events[events..]) {
        (None, []) => {}
        (Some(open), [L1Event::Disconnected { session, reason: DisconnectReason::Shutdown, retry_in: None }])
            if *session == open => {}
        (session, events) => panic!("{state}: session {session:?} and then {events:#?}"),
    }
    assert_eq!(pair.connection, None, "{state}: the connection is closed");
    let events = pair.events.len();
    pair.input(Input::Shutdown);
    pair.input(Input::Tick);
    pair.input(Input::Connected { session: 1 });
    pair.input(Input::Frame { session: 1, bytes: vec![1].into() });
    pair.input(Input::Closed { session: 1, reason: DisconnectReason::ClosedByNode });
    pair.input(Input::Ack { sequence: 1 });
    pair.run_for(Duration::from_secs(60));
    assert_eq!(pair.events.len(), events, "{state}: silence after the end");
}

#[test]
fn given_any_step_of_a_session_when_shut_down_then_it_ends_cleanly() {
    let mut announced = [0, 0];
    for steps in 0..60 {
        let mut pair = Pair::new(config(1));
        pair.nodes[0].page_limit = 5;
        pair.grow(0, 30);
        if steps > 0 {
            pair.start();
        }
        (1..steps).for_each(|_| assert!(pair.step()));
        announced[usize::from(pair.consumer.session().is_some())] += 1;
        shut_down(&mut pair, &format!("after {steps} steps"));
    }
    assert!(announced.iter().all(|states| *states > 2), "{announced:?}");
}

#[test]
fn given_a_pause_between_attempts_when_shut_down_then_it_ends_cleanly() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].door = Door::Refuses;
    pair.start();
    pair.run_for(Duration::from_secs(5));
    shut_down(&mut pair, "back-off");
}

#[test]
fn given_a_hanging_connection_when_shut_down_then_it_ends_cleanly() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].door = Door::Hangs;
    pair.start();
    pair.run_for(Duration::from_secs(5));
    shut_down(&mut pair, "connecting");
}

#[test]
fn given_a_full_queue_when_shut_down_then_it_ends_cleanly() {
    let mut settings = config(1);
    settings.high_water_mark = 5;
    let mut pair = Pair::new(settings);
    pair.acknowledges = false;
    pair.grow(0, 20);
    pair.start();
    pair.run_for(Duration::from_secs(5));
    assert!(pair.follower.is_paused());
    shut_down(&mut pair, "paused");
}

#[test]
fn given_a_removal_that_awaits_confirmation_when_shut_down_then_nothing_of_it_is_applied() {
    let mut pair = Pair::synced(config(1), 10);
    let path = pair.consumer.path().to_vec();
    pair.nodes[0].page_limit = 1;
    pair.fork(0, 3, 10);
    pair.drive_until("asked for the sink", |pair| pair.asked(Operation::GetSink) == 1);
    shut_down(&mut pair, "confirming");
    assert_eq!(pair.consumer.path(), path);
}

#[test]
fn given_waiting_for_a_lagging_or_resetting_node_when_shut_down_then_it_ends_cleanly() {
    let mut lagging = Pair::synced(config(1), 10);
    let behind = lagging.tree.below(lagging.nodes[0].sink, 3);
    lagging.set_sink(0, behind);
    lagging.run_for(Duration::from_millis(2_500));
    shut_down(&mut lagging, "lagging");

    let mut resetting = Pair::synced(config(1), 10);
    resetting.nodes[0].transitional = true;
    resetting.run_for(Duration::from_millis(2_500));
    shut_down(&mut resetting, "resetting");
}

#[test]
fn given_a_fatal_end_when_shut_down_then_nothing_is_added() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].api_version = 2;
    pair.start();
    pair.run_for(Duration::from_secs(1));
    assert!(pair.finished && pair.consumer.fatal().is_some());
    shut_down(&mut pair, "fatal");
}
