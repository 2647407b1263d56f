//! Connections that fail, hang, break or talk nonsense: a typed reason, a growing pause, and no loss.

use std::time::Duration;

use bridge::{
    DisconnectReason, L1Event, RejectReason, Violation,
    follower::Input,
    wire::{Operation, Request, WireError, encode},
};

use crate::support::{
    node::{Answer, Door, chain_changed},
    pair::{LATENCY, Pair},
    settings::config,
};

const SOON: Duration = Duration::from_millis(100);

fn disconnects(pair: &Pair) -> Vec<&DisconnectReason> {
    let reason = |event| match event {
        &(L1Event::Disconnected { ref reason, retry_in: Some(_), .. } | L1Event::Unreachable { ref reason, .. }) => {
            Some(reason)
        }
        _ => None,
    };
    pair.events.iter().filter_map(reason).collect()
}

fn is_page(request: &Request) -> bool {
    request.operation() == Operation::GetVirtualChainFromBlockV2
}

#[test]
fn given_a_refused_connection_when_it_stays_refused_then_pauses_grow_to_the_limit() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].door = Door::Refuses;
    pair.start();
    pair.run_for(Duration::from_secs(600));
    let pauses: Vec<Duration> = pair.connects.windows(2).map(|calls| calls[1].0 - calls[0].0).collect();
    for (round, pause) in pauses.iter().enumerate() {
        let longest = Duration::from_millis(100 << round.min(9)).min(Duration::from_secs(30));
        assert!(*pause >= longest / 2 && *pause <= longest + LATENCY, "{round}: {pause:?}");
    }
    assert!(pauses.len() > 20);
    assert_eq!(disconnects(&pair).len(), pair.connects.len());
    let L1Event::Unreachable { node, reason, .. } = &pair.events[0] else { panic!("{:?}", pair.events[0]) };
    assert_eq!((node.as_str(), reason.to_string().as_str()), ("ws://node0:17510", "cannot connect: refused"));
}

#[test]
fn given_two_nodes_when_the_first_is_down_then_the_second_is_followed() {
    let mut pair = Pair::new(config(2));
    pair.nodes[0].door = Door::Refuses;
    pair.grow(1, 5);
    pair.start();
    pair.run_for(Duration::from_secs(2));
    pair.assert_follows(1);
    // The preferred node is tried first when the session ends.
    pair.nodes[0].door = Door::Open;
    pair.nodes[0].sink = pair.nodes[1].sink;
    pair.hang_up();
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.connection.map(|connection| connection.node), Some(0));
}

#[test]
fn given_a_connection_that_never_opens_when_the_limit_is_over_then_connect_timeout() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].door = Door::Hangs;
    pair.start();
    pair.run_for(Duration::from_millis(9_999));
    assert!(pair.events.is_empty());
    pair.run_for(Duration::from_millis(1));
    assert_eq!(disconnects(&pair), [&DisconnectReason::ConnectTimeout { after: Duration::from_secs(10) }]);
    pair.nodes[0].door = Door::Open;
    pair.run_for(Duration::from_secs(1));
    assert!(pair.is_synced());
}

#[test]
fn given_a_request_without_a_reply_when_the_limit_is_over_then_the_session_ends_and_the_next_goes_on() {
    let mut pair = Pair::synced(config(1), 5);
    pair.nodes[0].tamper(|request, answer| {
        if is_page(request) {
            *answer = Answer::Silence;
        }
    });
    let asked_at = pair.now;
    pair.grow(0, 1);
    pair.drive_until("timed out", |pair| !disconnects(pair).is_empty());
    let operation = Operation::GetVirtualChainFromBlockV2;
    assert_eq!(disconnects(&pair), [&DisconnectReason::RequestTimeout { operation, after: Duration::from_secs(30) }]);
    assert_eq!(pair.now - asked_at, Duration::from_secs(30) + LATENCY);
    pair.nodes[0].tamper = None;
    pair.run_for(Duration::from_secs(1));
    pair.assert_follows(0);
    assert!(pair.nodes[0].subscribed);
    pair.grow(0, 1);
    pair.run_for(SOON);
    pair.assert_follows(0);
}

#[test]
fn given_silence_in_the_handshake_when_the_limit_is_over_then_the_request_is_named() {
    let questions = [Operation::GetServerInfo, Operation::Subscribe, Operation::GetBlockDagInfo, Operation::GetBlock];
    for silent in questions {
        let mut pair = Pair::new(config(1));
        pair.nodes[0].tamper(move |request, answer| {
            if request.operation() == silent {
                *answer = Answer::Silence;
            }
        });
        pair.start();
        pair.run_for(Duration::from_secs(31));
        let expected = DisconnectReason::RequestTimeout { operation: silent, after: Duration::from_secs(30) };
        assert_eq!(disconnects(&pair), [&expected]);
        // Only a node that told who it is was ever connected.
        let announced = matches!(pair.events[0], L1Event::Connected { .. });
        assert_eq!(announced, silent != Operation::GetServerInfo);
        // The next session has asked already and waits in vain, too.
        pair.nodes[0].tamper = None;
        pair.run_for(Duration::from_secs(31));
        assert!(pair.events.iter().any(|event| matches!(event, L1Event::Synced { .. })), "{silent:?}");
    }
}

#[test]
fn given_a_timer_that_rings_too_late_when_nothing_came_meanwhile_then_silence() {
    let mut pair = Pair::synced(config(1), 5);
    // The process was stopped, say: no tick could ask for a sign of life in time.
    pair.now += Duration::from_secs(15);
    pair.input(Input::Tick);
    assert_eq!(disconnects(&pair), [&DisconnectReason::Silence { after: Duration::from_secs(15) }]);
    pair.grow(0, 3);
    pair.run_for(Duration::from_secs(1));
    pair.assert_follows(0);
}

#[test]
fn given_a_quiet_network_when_polls_are_rarer_than_the_silence_limit_then_pings_keep_the_session() {
    let mut settings = config(1);
    settings.poll_interval = Duration::from_secs(60);
    let mut pair = Pair::synced(settings, 5);
    let pages = pair.pages();
    pair.run_for(Duration::from_secs(600));
    let polls = pair.pages() - pages;
    assert!(pair.connects.len() == 1 && (9..=10).contains(&polls), "{polls} polls in 600 s");
    let pings = pair.asked(Operation::Ping);
    assert!((65..=80).contains(&pings), "{pings} pings in 600 s");
    // A block that is announced meanwhile does not wait for them.
    pair.grow(0, 1);
    pair.run_for(SOON);
    pair.assert_follows(0);
    // And the node that answers none is left.
    pair.nodes[0].tamper(|_, answer| *answer = Answer::Silence);
    pair.run_for(Duration::from_secs(38));
    let after = Duration::from_secs(30);
    assert_eq!(disconnects(&pair), [&DisconnectReason::RequestTimeout { operation: Operation::Ping, after }]);
}

#[test]
fn given_a_node_that_must_be_waited_for_when_polls_are_rarer_than_the_silence_limit_then_pings_keep_the_session() {
    let mut settings = config(1);
    settings.poll_interval = Duration::from_secs(60);
    let mut pair = Pair::synced(settings, 5);
    pair.nodes[0].transitional = true;
    pair.grow(0, 1);
    pair.run_for(Duration::from_secs(600));
    assert_eq!((pair.connects.len(), pair.rejections()), (1, vec![&RejectReason::Resetting]));
    pair.nodes[0].transitional = false;
    pair.run_for(Duration::from_secs(60));
    pair.assert_follows(0);
}

#[test]
fn given_notifications_without_blocks_when_they_come_in_time_then_the_session_is_not_silent() {
    let mut settings = config(1);
    settings.poll_interval = Duration::from_secs(60);
    let mut pair = Pair::synced(settings, 5);
    for _ in 0..5 {
        pair.run_for(Duration::from_secs(11));
        pair.send_frame(0, chain_changed(&[], &[]));
    }
    assert_eq!(pair.connects.len(), 1);
}

#[test]
fn given_a_closed_session_when_the_next_opens_then_nothing_is_lost_and_notifications_count_again() {
    let mut pair = Pair::synced(config(1), 5);
    for _ in 0..10 {
        pair.hang_up();
        pair.grow(0, 3);
        pair.run_for(Duration::from_secs(1));
        pair.assert_follows(0);
        let pages = pair.pages();
        pair.grow(0, 1);
        pair.run_for(SOON);
        assert_eq!(pair.pages(), pages + 1, "one request for one notification");
        pair.assert_follows(0);
    }
    assert_eq!(disconnects(&pair), [&DisconnectReason::ClosedByNode; 10]);
    assert_eq!(pair.consumer.sequence(), 45);
}

#[test]
fn given_inputs_of_a_dead_session_when_handed_in_then_they_change_nothing() {
    let mut pair = Pair::synced(config(1), 5);
    let sink = pair.nodes[0].sink;
    let honest = {
        let page = pair.nodes[0].answer(
            &pair.tree,
            &Request::GetVirtualChainFromBlockV2 {
                start_hash: pair.tree.below(sink, 2),
                verbosity: bridge::wire::Verbosity::Full,
                min_confirmation_count: None,
            },
        );
        page.encode(1, Operation::GetVirtualChainFromBlockV2).expect("a page is sent")
    };
    pair.hang_up();
    pair.run_for(Duration::from_secs(1));
    let (events, tip, connection) = (pair.events.len(), pair.tip(), pair.connection);
    assert_eq!(connection.map(|connection| connection.session), Some(2));
    for session in [0, 1, 3, u64::MAX] {
        for bytes in [honest.clone(), vec![1, 2, 3], Vec::new()] {
            pair.input(Input::Frame { session, bytes: bytes.into() });
        }
        pair.input(Input::Closed { session, reason: DisconnectReason::ClosedByNode });
        pair.input(Input::Connected { session });
        pair.input(Input::Closed { session, reason: DisconnectReason::ClosedByNode });
    }
    // And a second Connected of the present one.
    pair.input(Input::Connected { session: 2 });
    pair.grow(0, 1);
    pair.run_for(SOON);
    assert_eq!(pair.events.len(), events + 1, "{:#?}", &pair.events[events..]);
    assert_ne!(pair.tip(), tip);
    assert_eq!((pair.connection, pair.connects.len()), (connection, 2));
}

#[test]
fn given_a_connection_that_is_not_open_yet_when_another_session_reports_then_nothing_is_sent() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].door = Door::Hangs;
    pair.start();
    for session in [0, 2, u64::MAX] {
        pair.input(Input::Connected { session });
        pair.input(Input::Frame { session, bytes: vec![1].into() });
        pair.input(Input::Closed { session, reason: DisconnectReason::ClosedByNode });
    }
    assert!(pair.requests.is_empty() && pair.events.is_empty());
    pair.input(Input::Connected { session: 1 });
    assert_eq!(pair.requests.len(), 1);
}

#[test]
fn given_a_session_that_is_closed_twice_when_waiting_then_one_end_and_one_attempt() {
    let mut pair = Pair::synced(config(1), 5);
    pair.hang_up();
    pair.run_for(Duration::ZERO);
    pair.input(Input::Closed { session: 1, reason: DisconnectReason::ClosedByNode });
    pair.input(Input::Connected { session: 1 });
    pair.run_for(Duration::from_secs(1));
    assert_eq!((disconnects(&pair).len(), pair.connects.len()), (1, 2));
}

#[test]
fn given_a_node_that_hangs_up_at_once_when_called_again_then_attempts_do_not_storm() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].tamper(|_, answer| *answer = Answer::HangUp);
    pair.start();
    pair.run_for(Duration::from_secs(60));
    assert!((7..=13).contains(&pair.connects.len()), "{} attempts in a minute", pair.connects.len());
    assert!(disconnects(&pair).iter().all(|reason| **reason == DisconnectReason::ClosedAtFirstRequest));
}

#[test]
fn given_a_node_that_hangs_up_at_each_page_when_called_again_then_attempts_do_not_storm() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].tamper(|request, answer| {
        if is_page(request) {
            *answer = Answer::HangUp;
        }
    });
    pair.start();
    pair.run_for(Duration::from_secs(60));
    assert!((7..=13).contains(&pair.connects.len()), "{} attempts in a minute", pair.connects.len());
}

/// The pauses after the sessions with a quiet node that hangs up so long after the first page was asked.
fn pauses_of_a_node_that_hangs_up_after(page: Duration) -> Vec<Duration> {
    let mut pair = Pair::synced(config(1), 5);
    while pair.now < Duration::from_secs(900) {
        let pages = pair.pages();
        pair.drive_until("called and asked for a page", |pair| pair.pages() > pages);
        pair.run_for(page);
        pair.hang_up();
        pair.drive_until("told", |pair| pair.consumer.session().is_none());
    }
    let pause = |event: &L1Event| if let L1Event::Disconnected { retry_in, .. } = event { *retry_in } else { None };
    pair.events.iter().filter_map(pause).collect()
}

#[test]
fn given_a_node_that_answers_one_empty_page_and_closes_when_called_again_then_pauses_grow_to_the_limit() {
    let pauses = pauses_of_a_node_that_hangs_up_after(3 * LATENCY);
    // The first session brought blocks.
    for (round, pause) in pauses.iter().enumerate() {
        let longest = Duration::from_millis(100 << round.min(9)).min(Duration::from_secs(30));
        assert!(*pause >= longest / 2 && *pause <= longest, "{round}: {pause:?}");
    }
    assert!(pauses.len() > 20);
}

#[test]
fn given_a_quiet_node_that_closes_after_longer_than_the_longest_pause_when_called_again_then_pauses_stay_short() {
    let pauses = pauses_of_a_node_that_hangs_up_after(Duration::from_secs(31));
    assert!(pauses.len() > 20 && pauses.iter().all(|pause| *pause <= Duration::from_millis(100)), "{pauses:?}");
}

fn rejected_for(bytes: Vec<u8>) -> RejectReason {
    let mut pair = Pair::synced(config(1), 5);
    pair.send_frame(0, bytes);
    pair.grow(0, 2);
    pair.run_for(Duration::from_secs(2));
    pair.assert_follows(0);
    let reasons = pair.rejections();
    assert_eq!((reasons.len(), pair.connects.len()), (1, 2));
    reasons[0].clone()
}

#[test]
fn given_bytes_that_are_no_frame_when_they_arrive_then_malformed_frame_and_the_next_session_goes_on() {
    for bytes in [Vec::new(), vec![7], vec![0xff; 100], b"{\"method\":\"ping\"}".to_vec()] {
        let reason = rejected_for(bytes);
        assert!(matches!(reason, RejectReason::MalformedFrame { .. }), "{reason}");
    }
}

#[test]
fn given_a_reply_to_nothing_when_it_arrives_then_rejected() {
    let reason = rejected_for(encode::remote_error(9_999, Operation::Ping, "x"));
    assert_eq!(reason, RejectReason::UnexpectedReply { request_id: 9_999 });
}

#[test]
fn given_a_reply_to_another_operation_when_it_arrives_then_malformed() {
    let mut pair = Pair::synced(config(1), 5);
    let mut spoilt = false;
    pair.nodes[0].tamper(move |request, answer| {
        if is_page(request) && !std::mem::replace(&mut spoilt, true) {
            // Ids of a session count from 1; the page is the ninth request.
            let id = 9;
            *answer = Answer::Raw(encode::remote_error(id, Operation::GetSink, "x"));
        }
    });
    pair.grow(0, 1);
    pair.run_for(Duration::from_secs(2));
    pair.assert_follows(0);
    let found = pair.events.iter().find_map(|event| match event {
        L1Event::NodeRejected { reason: RejectReason::Malformed { violation, .. }, .. } => Some(violation.clone()),
        _ => None,
    });
    let expected = Operation::GetVirtualChainFromBlockV2;
    let wire = WireError::UnexpectedOperation { expected, found: Operation::GetSink.code() };
    assert_eq!(found, Some(Violation::Wire(wire)));
}
