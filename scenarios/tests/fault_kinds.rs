//! What a bridge makes of single kinds of faults: that they do on the wire what they say, and what the bridge tells of them.

use std::time::Duration;

use scenarios::{
    fault::{Fault, PlannedFault, PlannedStranger, StrangerKind, Trigger},
    plan::{Plan, PlannedBridge, PlannedOutage, PlannedOutageKind},
    report::{RunReport, Verdict},
    run::Untouched,
    runner::{Traced, run_on_fresh_thread},
    scenario::Scenario,
};
use sim::{
    random::Streams,
    trace::{NodeEvent, Record},
};

const SECONDS: u64 = 60;

/// A fault as it stands in a plan.
fn fault(text: &str) -> Fault {
    toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn at_second(id: u32, second: u64, what: Fault) -> PlannedFault {
    PlannedFault { id, bridge: 0, when: Trigger { time_ms: Some(second * 1_000), ..Trigger::default() }, what }
}

/// A run in calm weather but for these faults, with all that the bridge told.
fn told_with(faults: Vec<PlannedFault>) -> (RunReport, Vec<(Duration, String)>) {
    let mut plan = Scenario::Steady.plan(3, SECONDS);
    plan.faults = faults;
    told(plan)
}

fn told(plan: Plan) -> (RunReport, Vec<(Duration, String)>) {
    let Traced { report, trace } = run_on_fresh_thread(plan, true, Box::new(Untouched));
    let events = trace.into_iter().filter_map(|entry| match entry.record {
        Record::BridgeEvent { text, .. } => Some((entry.at, text)),
        _ => None,
    });
    (report, events.collect())
}

fn count(events: &[(Duration, String)], words: &str) -> usize {
    events.iter().filter(|(_, text)| text.contains(words)).count()
}

#[test]
fn given_a_kind_whose_strike_no_bridge_may_believe_when_it_strikes_then_the_node_is_rejected_with_what_was_wrong() {
    for (text, words) in [
        ("kind = 'disordered_page'\nhow = 'first_missing'", "NodeRejected"),
        ("kind = 'disordered_page'\nhow = 'swapped'", "NodeRejected"),
        ("kind = 'disordered_page'\nhow = 'repeated'", "NodeRejected"),
        ("kind = 'disordered_page'\nhow = 'content_missing'", "NodeRejected"),
        ("kind = 'disordered_page'\nhow = 'foreign_removed'", "NodeRejected"),
        ("kind = 'disordered_page'\nhow = 'middle_missing'", "NodeRejected"),
        ("kind = 'altered_header'\nfield = 'nonce'\nblock = 0", "NodeRejected"),
        ("kind = 'altered_header'\nfield = 'daa_score'\nblock = 0", "NodeRejected"),
        ("kind = 'altered_header'\nfield = 'blue_score'\nblock = 0", "NodeRejected"),
        ("kind = 'altered_header'\nfield = 'accepted_id_merkle_root'\nblock = 0", "NodeRejected"),
        ("kind = 'altered_header'\nfield = 'timestamp'\nblock = 0", "NodeRejected"),
        ("kind = 'altered_header'\nfield = 'blue_work'\nblock = 0", "NodeRejected"),
        ("kind = 'altered_header'\nfield = 'pruning_point'\nblock = 0", "NodeRejected"),
        ("kind = 'elided_detail'\nfield = 'payload'\nblock = 7\ntransaction = 3", "payload"),
        ("kind = 'elided_detail'\nfield = 'subnetwork_id'\nblock = 0\ntransaction = 0", "subnetwork_id"),
        ("kind = 'elided_detail'\nfield = 'verbose_data'\nblock = 0\ntransaction = 0", "transaction_id"),
        ("kind = 'damaged_length'\nwhich = 'added'\nvalue = 4294967295", "NodeRejected"),
        ("kind = 'damaged_length'\nwhich = 'block_count'\nvalue = 2147483647", "NodeRejected"),
        ("kind = 'unasked_reply'\nid_distance = 1", "NodeRejected"),
        ("kind = 'newer_reply'\nversion = 0\nappended = 0", "NodeRejected"),
        ("kind = 'damaged_notification'\nbyte = 3\ncut_to = 0", "NodeRejected"),
        ("kind = 'dispatch_error'\ncode = 3", "RPC method not found"),
        ("kind = 'refused_subscription'", "channel send error"),
    ] {
        let mut faults = vec![at_second(1, 20, fault(text))];
        if text.contains("subscription") {
            faults.push(at_second(2, 20, fault("kind = 'reset'")));
        }
        let expected = faults.len() as u64;
        let (report, events) = told_with(faults);
        assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, expected), "{text}");
        let rejected = events.iter().filter(|(_, event)| event.starts_with("NodeRejected"));
        let seen: Vec<&String> = rejected.map(|(_, event)| event).collect();
        assert!(seen.iter().any(|event| event.contains(words)), "{text}: {seen:?}");
    }
}

#[test]
fn given_a_kind_that_a_bridge_must_bear_when_it_strikes_then_the_session_goes_on() {
    for text in [
        "kind = 'empty_notification'\nextra = 0",
        "kind = 'empty_notification'\nextra = 3",
        "kind = 'unasked_notification'\nwhat = 'override'",
        "kind = 'unasked_notification'\nwhat = 'sink_blue_score'",
        "kind = 'unasked_notification'\nwhat = 'finality_conflict'",
        // A header is known by what it hashes to, and by the list of hashes of its page.
        "kind = 'altered_header'\nfield = 'hash'\nblock = 0",
        "kind = 'elided_field'\nfield = 0\nblock = 0",
        "kind = 'elided_detail'\nfield = 'gas'\nblock = 0\ntransaction = 0",
        "kind = 'elided_detail'\nfield = 'outputs'\nblock = 0\ntransaction = 0",
        "kind = 'newer_reply'\nversion = 2\nappended = 40",
        "kind = 'truncated_page'\nblocks = 1\nfor_ms = 8000",
        "kind = 'bare_rollback'",
        "kind = 'blocked_node'\nfor_ms = 8000",
        "kind = 'slow_node'\nbytes_per_second = 2000\nfor_ms = 8000",
    ] {
        let (report, events) = told_with(vec![at_second(1, 20, fault(text))]);
        assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, 1), "{text}");
        assert_eq!((report.figures.disconnects, count(&events, "NodeRejected")), (0, 0), "{text}");
    }
}

#[test]
fn given_each_text_of_a_node_when_it_refuses_a_page_then_the_bridge_gets_over_it() {
    for error in [
        "header_unknown",
        "below_retention_root",
        "transitional",
        "body_missing",
        "data_missing",
        "utxo_entry_missing",
        "not_on_selected_chain",
        "low_not_on_selected_chain",
        "too_deep",
        "is_genesis",
        "not_implemented",
        "timed_out",
        "unknown",
        "empty",
        "endless",
    ] {
        let text = format!("kind = 'node_error'\nerror = '{error}'\nfor_ms = 0");
        let (report, events) = told_with(vec![at_second(1, 20, fault(&text))]);
        assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, 1), "{text}");
        // What may be because our tip is gone, or passes, is borne; anything else has the bridge begin a new session.
        let is_borne = matches!(error, "header_unknown" | "below_retention_root" | "transitional");
        assert_eq!(report.figures.disconnects, u64::from(!is_borne), "{text}: {events:?}");
    }
    let lasting = "kind = 'node_error'\nerror = 'transitional'\nfor_ms = 15000";
    let (report, events) = told_with(vec![at_second(1, 20, fault(lasting))]);
    assert_eq!((report.verdict, report.figures.disconnects), (Verdict::Pass, 0));
    assert_eq!(count(&events, "NodeRejected"), 1, "told once: {events:?}");
    let is_block = |&&(at, ref text): &&(Duration, String)| {
        text.starts_with("BlockAdded") && at > Duration::from_secs(22) && at < Duration::from_secs(35)
    };
    assert_eq!(events.iter().filter(is_block).count(), 0, "nothing comes for so long");
}

#[test]
fn given_a_dead_subscription_when_followed_then_the_poll_brings_the_blocks() {
    let faults = vec![at_second(1, 20, fault("kind = 'dead_subscription'")), at_second(2, 20, fault("kind = 'reset'"))];
    let (report, _) = told_with(faults);
    assert_eq!((report.verdict, report.figures.faults, report.figures.disconnects), (Verdict::Pass, 2, 1));
    let (calm, _) = told_with(Vec::new());
    // One page a second instead of one for each chain block.
    assert!(report.figures.chain_requests < calm.figures.chain_requests, "{:?}", report.figures.chain_requests);
    assert_eq!(report.figures.blocks, calm.figures.blocks);
}

#[test]
fn given_replies_that_are_too_large_or_too_slow_when_the_bridge_is_behind_then_it_asks_smaller_and_gets_on() {
    // The largest page of this set is 149 kB at Full verbosity and 117 kB at Low: only the last of the smaller sizes helps.
    for (text, until) in [
        ("kind = 'oversized_reply'\nlimit_bytes = 130000\nfor_ms = 200000", 60),
        ("kind = 'slow_node'\nbytes_per_second = 26000\nfor_ms = 200000", 85),
    ] {
        let mut plan = Scenario::Steady.plan(3, 300);
        (plan.bridges[0].request_timeout_ms, plan.bridges[0].backoff_max_ms) = (5_000, 1_000);
        // Nobody answers for half a minute, so that a large page is asked for.
        let away = fault("kind = 'refused_connect'\nfor_ms = 30000");
        let faults = [(20, fault("kind = 'reset'")), (20, away), (40, fault(text))];
        plan.faults = (1..).zip(faults).map(|(id, (second, what))| at_second(id, second, what)).collect();
        let (report, events) = told(plan);
        assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, 3), "{text}");
        let moves = |text: &str| text.starts_with("BlockAdded") || text.starts_with("Reorg");
        let first = events.iter().find(|(at, text)| moves(text) && *at > Duration::from_secs(40));
        assert!(first.is_some_and(|(at, _)| *at < Duration::from_secs(until)), "{text}: {first:?}");
        assert!(report.figures.disconnects >= 5, "{text}: {}", report.figures.disconnects);
    }
}

#[test]
fn given_a_request_that_kills_the_node_when_it_is_sent_again_then_it_does_so_as_often_as_planned() {
    let text = "kind = 'killer_request'\noperation = 'page'\ntimes = 2\ndown_ms = 1500";
    let (report, events) = told_with(vec![at_second(1, 20, fault(text))]);
    assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, 1));
    assert_eq!(report.figures.disconnects, 3, "{events:?}");
    assert!(count(&events, "Unreachable") >= 3, "nobody answers meanwhile: {events:?}");
    let text = "kind = 'unknown_operation'\noperation = 'page'\ntimes = 3";
    let (report, _) = told_with(vec![at_second(1, 20, fault(text))]);
    assert_eq!((report.verdict, report.figures.disconnects), (Verdict::Pass, 4));
}

#[test]
fn given_obstacles_on_the_way_back_when_they_last_then_the_bridge_tries_at_its_own_pace() {
    for kind in ["closing_door", "unresolved_name", "unreachable_host", "bad_gateway"] {
        let obstacle = fault(&format!("kind = '{kind}'\nfor_ms = 10000"));
        let faults = vec![at_second(1, 20, obstacle), at_second(2, 20, fault("kind = 'reset'"))];
        let (report, events) = told_with(faults);
        assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, 2), "{kind}");
        let attempts = count(&events, "Unreachable");
        assert!((3..12).contains(&attempts), "{kind}: {attempts} in ten seconds");
    }
}

#[test]
fn given_a_direction_that_ends_or_goes_silent_when_a_request_waits_then_the_bridge_comes_back() {
    for text in
        ["kind = 'half_close'\nto_bridge = true", "kind = 'half_close'\nto_bridge = false", "kind = 'deaf_node'"]
    {
        let (report, _) = told_with(vec![at_second(1, 20, fault(text))]);
        assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, 1), "{text}");
        assert_eq!(report.figures.disconnects_in_flight, 1, "{text}");
    }
}

#[test]
fn given_a_reply_of_an_earlier_session_when_it_comes_then_no_effect_of_it_is_seen() {
    for seed in 0..6 {
        let faults =
            vec![at_second(1, 15 + seed, fault("kind = 'stale_reply'")), at_second(2, 30, fault("kind = 'reset'"))];
        let (report, events) = told_with(faults);
        assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, 2));
        assert_eq!(count(&events, "NodeRejected"), 1, "seed {seed}: {events:?}");
    }
}

#[test]
fn given_an_earlier_reply_with_the_id_that_is_waited_for_when_it_comes_then_no_effect_of_it_is_seen() {
    for (reply, times) in (1..=8).flat_map(|reply| [(reply, 1), (reply, 2)]) {
        let first = Trigger { session: Some(1), reply: Some(reply), ..Trigger::default() };
        let stale = fault("kind = 'stale_reply'\nsame_id = true");
        let mut faults = vec![PlannedFault { id: 1, bridge: 0, when: first, what: stale }];
        faults.extend((1..=times).map(|number| at_second(1 + number, 20 * u64::from(number), fault("kind = 'reset'"))));
        let expected = faults.len() as u64;
        let (report, events) = told_with(faults);
        assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, expected), "reply {reply}");
        // The earlier one is of another tip or the true one comes when nobody waits any more.
        assert!(count(&events, "NodeRejected") >= 1, "reply {reply}: {events:?}");
    }
}

#[test]
fn given_an_elided_field_when_a_reply_is_no_page_then_it_waits_for_one() {
    let in_handshake = Trigger { session: Some(1), reply: Some(1), ..Trigger::default() };
    let what = fault("kind = 'elided_field'\nfield = 11\nblock = 0");
    let (report, _) = told_with(vec![PlannedFault { id: 1, bridge: 0, when: in_handshake, what: what.clone() }]);
    assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, 0));
    let (report, events) = told_with(vec![at_second(1, 20, what)]);
    assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, 1));
    assert!(count(&events, "NodeRejected") >= 1, "{events:?}");
}

#[test]
fn given_a_fault_that_waits_for_what_it_can_change_when_nothing_of_the_kind_comes_then_it_does_not_strike() {
    // No page of a node that nobody lags behind is that large.
    let (report, _) =
        told_with(vec![at_second(1, 20, fault("kind = 'oversized_reply'\nlimit_bytes = 90000\nfor_ms = 1"))]);
    assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, 0));
}

#[test]
fn given_every_kind_when_written_then_its_name_stands_in_the_plan_and_every_drawn_detail_is_read_back() {
    for (kind, name) in Fault::NAMES.iter().enumerate() {
        for entity in 0..20 {
            let what = Fault::draw(kind, &mut Streams::new(1).stream("kind", entity)).expect("there are so many kinds");
            let text = toml::to_string(&what).expect("a fault has nothing that TOML cannot express");
            assert!(text.contains(&format!("kind = \"{name}\"")) && what.name() == *name, "{text}");
            assert_eq!(fault(&text), what);
        }
    }
}

#[test]
fn given_a_followed_node_that_restarts_when_it_is_back_then_the_bridge_has_what_it_has() {
    let mut plan = Scenario::Steady.plan(3, SECONDS);
    plan.topology.outages =
        vec![PlannedOutage { node: 0, at_ms: 20_000, kind: PlannedOutageKind::Restart { until_ms: 32_000 } }];
    let Traced { report, trace } = run_on_fresh_thread(plan, true, Box::new(Untouched));
    assert_eq!((report.verdict, report.figures.disconnects), (Verdict::Pass, 1));
    let at = |wanted: fn(&Record) -> bool| trace.iter().filter(|entry| wanted(&entry.record)).count();
    assert_eq!(at(|record| matches!(record, Record::Node { node: 0, what: NodeEvent::Stopped })), 1);
    assert_eq!(at(|record| matches!(record, Record::Node { node: 0, what: NodeEvent::Restarted })), 1);
    let refused = at(|record| matches!(record, Record::ConnectionRefused { node: 0 }));
    assert!((3..12).contains(&refused), "{refused} attempts in twelve seconds");
}

fn with_strangers(nodes: Vec<u32>, strangers: &[(u32, StrangerKind)]) -> Plan {
    let mut plan = Scenario::Steady.plan(3, SECONDS);
    plan.gates = false;
    plan.bridges = vec![PlannedBridge { nodes, ..PlannedBridge::to_node(0) }];
    let stranger = |&(node, kind): &(u32, StrangerKind)| PlannedStranger { node, kind };
    plan.topology.strangers = strangers.iter().map(stranger).collect();
    plan
}

#[test]
fn given_a_strange_node_beside_an_honest_one_when_followed_then_the_bridge_says_what_is_wrong_with_it_and_goes_on() {
    for (kind, words) in
        [(StrangerKind::OtherNetwork, "testnet-10"), (StrangerKind::TooOld, "GetVirtualChainFromBlockV2")]
    {
        let (report, events) = told(with_strangers(vec![0, 1], &[(0, kind)]));
        assert_eq!(report.verdict, Verdict::Pass, "{kind:?}");
        assert!(count(&events, "BlockAdded") > 20, "{kind:?}");
        assert_eq!(count(&events, "Fatal"), 0, "{kind:?}");
        let first = events.iter().find(|(_, text)| text.starts_with("NodeRejected") && text.contains(words));
        assert!(first.is_some() || kind == StrangerKind::TooOld, "{kind:?}: {events:?}");
    }
    let (report, events) = told(with_strangers(vec![0], &[(0, StrangerKind::Unsynced)]));
    assert_eq!(
        (report.verdict, count(&events, "NodeRejected")),
        (Verdict::Pass, 0),
        "what a node says of itself decides nothing"
    );
}

#[test]
fn given_a_plan_with_a_stranger_that_is_not_there_when_read_then_it_is_named() {
    let text = with_strangers(vec![0], &[(0, StrangerKind::TooOld), (1, StrangerKind::OtherNetwork)]).to_text();
    assert!(Plan::parse(&text).is_ok(), "{text}");
    let wrong = text.replacen("kind = \"too_old\"", "kind = \"too_new\"", 1);
    assert!(Plan::parse(&wrong).expect_err("there is no such kind").to_string().contains("too_new"));
    let mut plan = Plan::parse(&text).expect("as above");
    plan.topology.strangers[0].node = 8;
    let error = plan.check().expect_err("there are eight nodes").to_string();
    assert_eq!(error, "a stranger is node 8, there are 8 nodes");
    plan.topology.strangers[0].node = 1;
    let error = plan.check().expect_err("the other is there already").to_string();
    assert_eq!(error, "node 1 is a stranger twice, a node is strange in one way");
}
