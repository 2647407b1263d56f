//! Each kind of fault alone: it strikes, and the bridge survives it without missing anything.

use std::{collections::BTreeMap, time::Duration};

use scenarios::{
    fault::{Drawn, Fault, Moment, PlannedFault, Reset, Trigger, TriggerError},
    plan::{Plan, PlannedBridge},
    report::{RunReport, Verdict},
    run::Untouched,
    runner::{Traced, run_on_fresh_thread},
    scenario::Scenario,
};
use sim::{
    random::Streams,
    trace::{Entry, Record},
};

const SECONDS: u64 = 60;

fn run_with(faults: Vec<PlannedFault>) -> RunReport {
    let mut plan = Scenario::Steady.plan(3, SECONDS);
    plan.faults = faults;
    run_on_fresh_thread(plan, false, Box::new(Untouched)).report
}

fn at_second(id: u32, second: u64, what: Fault) -> PlannedFault {
    PlannedFault { id, bridge: 0, when: Trigger { time_ms: Some(second * 1_000), ..Trigger::default() }, what }
}

/// A fault of the kind with its details drawn.
fn named(name: &str, entity: u64) -> Fault {
    let kind = Fault::NAMES.iter().position(|found| *found == name).expect("there is such a kind");
    Fault::draw(kind, &mut Streams::new(9).stream("named", entity)).expect("there are so many kinds")
}

fn reset() -> Fault {
    Fault::Reset(Reset::draw(&mut Streams::new(1).stream("reset", 0)))
}

#[test]
fn given_each_kind_of_fault_alone_when_it_strikes_then_nothing_is_missed() {
    for kind in 0..Fault::KINDS {
        let mut stream = Streams::new(9).stream("kind", kind as u64);
        let what = Fault::draw(kind, &mut stream).expect("there are so many kinds");
        // Nobody connects in calm weather: what waits for a connection or a handshake needs a reason to come back.
        let mut faults = vec![at_second(1, 20, what.clone())];
        let is_of_handshake = ["dead_subscription", "killer_request", "refused_subscription", "unknown_operation"];
        if what.kind().moment() == Moment::Attempt || is_of_handshake.contains(&what.name()) {
            faults.push(at_second(2, 20, reset()));
        }
        // Pages are small while nobody is behind.
        if what.name() == "oversized_reply" {
            faults.push(at_second(2, 20, named("black_hole", 0)));
        }
        let expected = faults.len() as u64;
        let report = run_with(faults);
        assert_eq!(report.verdict, Verdict::Pass, "{what:?}");
        assert_eq!(report.figures.faults, expected, "{what:?} did not strike");
        if what.kind().loses_reply() {
            assert!(report.figures.disconnects_in_flight >= 1, "{what:?}");
        }
    }
}

#[test]
fn given_a_fault_in_the_handshake_of_each_session_when_it_strikes_then_the_bridge_comes_through_at_last() {
    let in_handshake = |session: u64, request: u64| PlannedFault {
        id: u32::try_from(session).expect("few sessions"),
        bridge: 0,
        when: Trigger { session: Some(session), request: Some(request), ..Trigger::default() },
        what: reset(),
    };
    let report = run_with((1..=7).map(|session| in_handshake(session, session)).collect());
    assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, 7));
    // The first session dies before the node has told who it is, so it has no end to tell.
    assert_eq!(report.figures.disconnects, 6);
}

#[test]
fn given_a_trigger_that_can_never_fit_when_checked_then_a_sentence_says_why() {
    let with = |when| PlannedFault { id: 1, bridge: 0, when, what: reset() };
    let reply = with(Trigger { reply: Some(3), ..Trigger::default() }).check(1);
    assert_eq!(reply, Err(TriggerError::FieldWithoutMeaning { moment: Moment::Request, field: "reply" }));
    assert_eq!(reply.expect_err("as above").to_string(), "it strikes at Request, where `reply` means nothing");
    let zero = with(Trigger { request: Some(0), ..Trigger::default() }).check(1);
    assert_eq!(zero, Err(TriggerError::Zero { field: "request" }));
    let nobody = PlannedFault { bridge: 1, ..with(Trigger::default()) }.check(1);
    assert_eq!(nobody, Err(TriggerError::NoSuchBridge { bridge: 1, bridges: 1 }));
    assert_eq!(with(Trigger { session: Some(2), request: Some(3), ..Trigger::default() }).check(1), Ok(()));
}

#[test]
fn given_a_detail_larger_than_the_largest_when_checked_then_it_is_named_and_the_largest_is_accepted() {
    for (kind, field, most) in [("empty_notification", "extra", 1_000_u32), ("newer_reply", "appended", 65_536)] {
        let check = |value: u32| {
            let version = if kind == "newer_reply" { "version = 0" } else { "" };
            let text = format!("kind = '{kind}'\n{field} = {value}\n{version}");
            let what = toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            PlannedFault { id: 1, bridge: 0, when: Trigger::default(), what }.check(1)
        };
        assert_eq!(check(most), Ok(()));
        let value = most + 1;
        assert_eq!(check(value), Err(TriggerError::TooLarge { field, value, most }));
        assert_eq!(
            check(value).expect_err("as above").to_string(),
            format!("`{field}` is {value}, it must be at most {most}")
        );
    }
}

/// What the L1 did, and when which fault struck.
fn course(plan: &Plan) -> (Vec<Entry>, BTreeMap<u32, Duration>) {
    let Traced { report, trace } = run_on_fresh_thread(plan.clone(), true, Box::new(Untouched));
    assert_eq!(report.verdict, Verdict::Pass);
    let id = |text: &str| text.strip_prefix("fault ")?.split_once(':')?.0.parse().ok();
    let strike = |entry: &Entry| match &entry.record {
        Record::Fault { text } => Some((id(text).expect("a fault names itself"), entry.at)),
        _ => None,
    };
    let strikes = trace.iter().filter_map(strike).collect();
    let of_the_l1 = |entry: &Entry| {
        use Record::{BlockArrived, BlockMined, CutBegan, CutHealed, DeliveryHeld};
        let record = &entry.record;
        matches!(
            record,
            BlockArrived { .. } | BlockMined { .. } | CutBegan { .. } | CutHealed { .. } | DeliveryHeld { .. }
        )
    };
    (trace.into_iter().filter(of_the_l1).collect(), strikes)
}

#[test]
fn given_one_fault_removed_when_run_then_the_l1_is_the_same_and_every_other_fault_strikes_where_it_did() {
    let mut plan = Scenario::Reorg.plan(5, SECONDS);
    plan.scenario = Scenario::Faults.name().to_owned();
    // Two bridges with the faults of two seeds; a fault is known by its id.
    plan.bridges.push(PlannedBridge::to_node(3));
    plan.faults = Scenario::Faults.plan(11, SECONDS).faults;
    for fault in Scenario::Faults.plan(12, SECONDS).faults {
        plan.faults.push(PlannedFault { id: 1_000 + fault.id, bridge: 1, ..fault });
    }
    let (l1, strikes) = course(&plan);
    assert!(strikes.keys().filter(|id| **id < 1_000).count() >= 5 && strikes.len() >= 10, "{strikes:?}");
    for (removed, struck_at) in &strikes {
        let mut fewer = plan.clone();
        fewer.faults.retain(|fault| fault.id != *removed);
        let (same_l1, others) = course(&fewer);
        assert!(same_l1 == l1, "without fault {removed} the L1 is another");
        for (id, at) in strikes.iter().filter(|(id, _)| *id != removed) {
            let is_of_other_bridge = (*id < 1_000) != (*removed < 1_000);
            if is_of_other_bridge || at < struck_at {
                assert_eq!(others.get(id), Some(at), "fault {id} without fault {removed}");
            }
        }
        // Without it the bridge goes another way: its later faults may find their occasion earlier or later, never before
        // their own time.
        assert_own_times(&fewer, &others);
    }
}

/// No fault strikes before its own time.
fn assert_own_times(plan: &Plan, strikes: &BTreeMap<u32, Duration>) {
    for fault in &plan.faults {
        let planned = Duration::from_millis(fault.when.time_ms.expect("drawn by time"));
        assert!(strikes.get(&fault.id).is_none_or(|at| *at >= planned), "fault {}", fault.id);
    }
}

#[test]
fn given_one_of_the_faults_that_break_connections_removed_when_run_then_those_before_it_strike_where_they_did() {
    for seed in 1..=4 {
        let plan = Scenario::Disconnect.plan(seed, SECONDS);
        let (_, strikes) = course(&plan);
        for (removed, struck_at) in &strikes {
            let mut fewer = plan.clone();
            fewer.faults.retain(|fault| fault.id != *removed);
            // A run that saw no disconnect says nothing of it.
            fewer.scenario = Scenario::Faults.name().to_owned();
            let (_, others) = course(&fewer);
            for (id, _) in strikes.iter().filter(|(_, at)| *at < struck_at) {
                assert_eq!(others.get(id), strikes.get(id), "seed {seed}: fault {id} without fault {removed}");
            }
            assert_own_times(&fewer, &others);
        }
    }
}

#[test]
fn given_faults_that_fit_the_same_message_when_it_comes_then_each_strikes_and_none_takes_the_occasion_of_another() {
    let draw = |name: &str| {
        let kind = (0..Fault::KINDS).find_map(|kind| {
            let what = Fault::draw(kind, &mut Streams::new(3).stream("kind", kind as u64))?;
            format!("{what:?}").starts_with(name).then_some(what)
        });
        kind.expect("there is such a kind")
    };
    let names = ["RepeatedReply", "DelayedReply", "HighLatency", "DamagedReply", "LostReply"];
    let faults: Vec<_> = (0_u32..).zip(names).map(|(id, name)| at_second(id, 20, draw(name))).collect();
    let mut plan = Scenario::Steady.plan(3, SECONDS);
    plan.faults = faults;
    let (_, strikes) = course(&plan);
    assert_eq!(strikes.len(), names.len());
    let at = strikes[&0];
    assert!(strikes.values().all(|other| *other == at), "{strikes:?}");
    for removed in 0..5 {
        let mut fewer = plan.clone();
        fewer.faults.retain(|fault| fault.id != removed);
        let (_, others) = course(&fewer);
        assert!(others.len() == 4 && others.values().all(|other| *other == at), "without {removed}: {others:?}");
    }
}
