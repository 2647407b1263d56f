//! Checkers of what happens in time: attempts and requests, silence. Each is made to fail by what it is shown.

use std::time::Duration;

use bridge::{BlockAdded, ChainRef, DisconnectReason, L1Event, RejectReason, wire::Network as NetworkName};
use kaspa_hashes::Hash;
use scenarios::{
    check::{Breach, Checker, Context, Quiet, progress::Progress, rate::Rate},
    consumer::Replica,
    fault::{PlannedStranger, StrangerKind},
    oracle::Walk,
    plan::{Plan, PlannedConsumer, PlannedOutage, PlannedOutageKind, PlannedState},
    report::Verdict,
    run::EventTap,
    runner::run_on_fresh_thread,
    scenario::Scenario,
};
use sim::{
    dag::BlockId,
    network::Network,
    world::{Counters, SinkMoved},
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn steady() -> Plan {
    Scenario::Steady.plan(1, 20)
}

/// A bridge of which nothing is known but what a test says.
struct Scene<C> {
    checker: C,
    plan: Plan,
    network: Network,
    replica: Replica,
    sinks: Vec<SinkMoved>,
    counters: Counters,
}

impl<C: Checker> Scene<C> {
    fn new(plan: Plan) -> Self {
        let network = Network::new(plan.network()).expect("the scenario makes a possible network");
        let checker = C::new(&plan, 0);
        Self { checker, plan, network, replica: Replica::default(), sinks: Vec::new(), counters: Counters::default() }
    }

    fn ask(&mut self, at: Duration, ask: impl FnOnce(&mut C, Context<'_>) -> Result<(), String>) -> Result<(), String> {
        let context = Context {
            replica: &self.replica,
            oracle: &Walk::new(),
            rest: None,
            network: &self.network,
            sinks: &self.sinks,
            answers: &[],
            bridge: &self.plan.bridges[0],
            counters: self.counters,
            waiting: 0,
            machine: None,
            stream_over: false,
            now: at,
        };
        ask(&mut self.checker, context)
    }

    fn tell(&mut self, at_ms: u64, event: &L1Event) -> Result<(), String> {
        self.ask(ms(at_ms), |checker, context| checker.on_event(event, context))
    }

    fn look(&mut self, at_ms: u64, quiet: Quiet) -> Result<(), String> {
        self.ask(ms(at_ms), |checker, context| checker.on_look(quiet, context))
    }
}

fn unreachable(pause_ms: u64) -> L1Event {
    L1Event::Unreachable { node: String::new(), reason: DisconnectReason::ClosedByNode, retry_in: ms(pause_ms) }
}

fn disconnected(pause_ms: u64) -> L1Event {
    L1Event::Disconnected { session: 1, reason: DisconnectReason::ClosedByNode, retry_in: Some(ms(pause_ms)) }
}

fn rejected(pause_ms: u64) -> L1Event {
    L1Event::NodeRejected { node: String::new(), reason: RejectReason::Resetting, retry_in: Some(ms(pause_ms)) }
}

fn connected() -> L1Event {
    L1Event::Connected {
        session: 1,
        node: "ws://node-0:17510".to_owned(),
        server_version: String::new(),
        network: NetworkName::SIMNET,
    }
}

fn added() -> L1Event {
    L1Event::BlockAdded(BlockAdded {
        sequence: 1,
        block: ChainRef { hash: Hash::default(), index: 1, blue_score: 1 },
        parent: Hash::default(),
        daa_score: 1,
        timestamp_ms: 1,
        accepted: Vec::new(),
        verified: true,
    })
}

/// Whether these events, each with its time and the attempts until then, keep the pauses.
fn are_paced(plan: Plan, events: &[(u64, u64, L1Event)]) -> Result<(), String> {
    let mut scene = Scene::<Rate>::new(plan);
    events.iter().try_for_each(|(at_ms, attempts, event)| {
        scene.counters.attempts = *attempts;
        scene.tell(*at_ms, event)
    })
}

#[test]
fn given_attempts_that_fail_when_pauses_are_kept_and_grow_then_all_is_well_and_otherwise_not() {
    // The shortest pause is 100 ms, of which chance may take a half; it doubles with each failure.
    let row = [(100, 1, unreachable(50)), (200, 2, unreachable(100)), (400, 3, unreachable(200))];
    assert_eq!(are_paced(steady(), &row), Ok(()));
    let breaks = |at: usize, broken: (u64, u64, L1Event)| {
        let mut row = row.to_vec();
        row[at] = broken;
        are_paced(steady(), &row).expect_err("a pause is broken")
    };
    assert!(breaks(0, (100, 1, unreachable(49))).contains("must be between"));
    assert!(breaks(2, (400, 3, unreachable(199))).contains("after 2 failures"));
    assert!(breaks(2, (400, 3, unreachable(30_001))).contains("must be between"));
    assert!(breaks(1, (149, 2, unreachable(100))).contains("before the announced pause"));
    assert!(breaks(1, (200, 3, unreachable(100))).contains("attempt 3 was made after 1 ends"));
}

#[test]
fn given_sessions_that_end_when_one_told_of_the_chain_then_the_pause_is_short_again_and_otherwise_longer() {
    let sessions = |tells: bool, pause_ms| {
        let mut events = vec![(100, 1, connected()), (200, 1, disconnected(100)), (400, 2, connected())];
        events.extend(tells.then_some((500, 2, added())));
        events.push((600, 2, disconnected(pause_ms)));
        are_paced(steady(), &events)
    };
    assert_eq!([sessions(true, 50), sessions(false, 100)], [Ok(()), Ok(())]);
    assert!(sessions(false, 99).is_err());
}

#[test]
fn given_a_consumer_that_takes_its_time_when_told_late_then_only_what_is_said_counts() {
    let mut plan = steady();
    plan.bridges[0].consumer = PlannedConsumer { store_ms: 10, ..PlannedConsumer::default() };
    let late = [(100, 3, unreachable(50)), (100, 3, unreachable(100))];
    assert_eq!(are_paced(plan.clone(), &late), Ok(()));
    assert!(are_paced(plan, &[(100, 3, unreachable(50)), (100, 3, unreachable(50))]).is_err());
}

#[test]
fn given_many_requests_for_nothing_when_looked_at_then_there_are_too_many_in_that_time_and_not_in_a_longer_one() {
    let looked_at = |requests, at_ms| {
        let mut scene = Scene::<Rate>::new(steady());
        scene.counters = Counters { chain_requests: 0, requests, attempts: 1 };
        scene.look(at_ms, Quiet::default())
    };
    // Four for each of six polls, 24 for each of two sessions, eight under way.
    assert_eq!(looked_at(80, 5_000), Ok(()));
    assert!(looked_at(81, 5_000).is_err_and(|message| message.contains("80 are allowed")));
    assert_eq!(looked_at(81, 6_000), Ok(()));
}

/// A bridge whose consumer is at genesis, with a node that has the chain of a whole storm since second 20.
fn silent(plan: Plan) -> Scene<Progress> {
    let mut scene = Scene::<Progress>::new(plan);
    while scene.network.step().expect("the store is not full").is_some() {}
    let sink = scene.network.node(0).sink();
    assert_ne!(sink, BlockId::GENESIS);
    scene.sinks = vec![SinkMoved { at: ms(20_000), node: 0, sink }];
    scene
}

/// Detection 30 s, an attempt 10 s, a poll 1 s, 32 round trips of 70 ms.
const PATIENCE_MS: u64 = 43_240;

#[test]
fn given_a_bridge_that_is_silent_when_its_node_went_on_then_that_is_seen_after_its_patience_and_not_before() {
    let looked_at = |at_ms| silent(steady()).look(at_ms, Quiet::default());
    // Its node has had news for as long as the bridge may take.
    assert_eq!(looked_at(20_000 + PATIENCE_MS - 1), Ok(()));
    assert!(looked_at(20_000 + PATIENCE_MS).is_err_and(|message| message.contains("since 0.000 s")));
    assert_eq!(silent(steady()).checker.breach(), Breach::Liveness);
}

#[test]
fn given_a_bridge_that_waits_for_confirmations_when_silent_then_only_a_node_with_more_than_those_counts() {
    let looked_at = |confirmations: u64, at_ms| {
        let mut plan = steady();
        plan.bridges[0].confirmations = confirmations;
        silent(plan).look(at_ms, Quiet::default())
    };
    let sink = silent(steady()).network.node(0).sink();
    let height = silent(steady()).network.store().dag().blue_score(sink);
    // The first block above genesis has blue score 1, and must be deeper than this.
    assert!(looked_at(height - 2, 20_000 + PATIENCE_MS).is_err());
    assert_eq!(looked_at(height - 2, 20_000 + PATIENCE_MS - 1), Ok(()));
    assert_eq!(looked_at(height - 1, 20_000 + PATIENCE_MS), Ok(()));
}

#[test]
fn given_something_in_the_way_when_a_bridge_is_silent_then_its_time_begins_when_that_is_over() {
    const LATE: u64 = 20_000 + PATIENCE_MS;
    let quiet_since = |since| Quiet { since: ms(since), ..Quiet::default() };
    assert!(silent(steady()).look(LATE, quiet_since(19_999)).is_err());
    assert_eq!(silent(steady()).look(LATE, quiet_since(20_001)), Ok(()));

    // What it tells of the chain, and the pauses that it announces, at most two of them for one node.
    let mut scene = silent(steady());
    scene.tell(20_001, &added()).expect("it is no silence");
    assert_eq!(scene.look(LATE, Quiet::default()), Ok(()));
    let mut scene = silent(steady());
    (0..3).for_each(|_| scene.tell(20_000, &unreachable(1_000)).expect("it is no silence"));
    assert_eq!(scene.look(LATE + 1_999, quiet_since(20_000)), Ok(()));
    assert!(scene.look(LATE + 2_001, quiet_since(20_000)).is_err());

    // A session that a fault slows down, as long as it lasts.
    let injured = Quiet { since: ms(10_000), injured_at: Some(ms(10_000)) };
    let mut scene = silent(steady());
    scene.tell(5_000, &connected()).expect("it is no silence");
    assert_eq!(scene.look(LATE, injured), Ok(()));
    scene.tell(10_500, &unreachable(1)).expect("it is no silence");
    scene.tell(11_000, &connected()).expect("it is no silence");
    assert!(scene.look(LATE + 1, injured).is_err());
    // It struck before the bridge knew who the node was.
    let mut scene = silent(steady());
    scene.tell(9_000, &unreachable(1)).expect("it is no silence");
    scene.tell(11_000, &connected()).expect("it is no silence");
    assert_eq!(scene.look(LATE, injured), Ok(()));

    // The session that a fault slowed down is over, and so is the attempt: whoever never dials again is not excused.
    for end in [disconnected(1), unreachable(1), rejected(1)] {
        let mut scene = silent(steady());
        if matches!(end, L1Event::Disconnected { .. }) {
            scene.tell(5_000, &connected()).expect("it is no silence");
        }
        scene.tell(12_000, &end).expect("it is no silence");
        assert!(scene.look(LATE + 1, injured).is_err(), "{end:?}");
    }

    // A consumer that stores in groups sees the end of a session after a fault has struck the next one.
    let state = Scenario::MachineEconomy.plan(1, 20).bridges[0].consumer.state.clone().expect("it has a machine");
    for (commit_interval_ms, is_excused) in [(5_000, true), (0, false)] {
        let mut plan = steady();
        plan.bridges[0].consumer.state = Some(PlannedState { commit_interval_ms, ..state.clone() });
        let mut scene = silent(plan);
        scene.tell(5_000, &connected()).expect("it is no silence");
        scene.tell(12_000, &disconnected(1)).expect("it is no silence");
        scene.tell(12_000, &connected()).expect("it is no silence");
        assert_eq!(scene.look(LATE + 60_000, injured).is_ok(), is_excused, "{commit_interval_ms} ms");
    }

    // What happens to its node, and a node that no bridge follows.
    let mut plan = steady();
    let kind = PlannedOutageKind::BodiesLag { until_ms: 20_001 };
    plan.topology.outages = vec![PlannedOutage { node: 0, at_ms: 1_000, kind }];
    let mut scene = silent(plan.clone());
    scene.network = silent(steady()).network;
    assert_eq!(scene.look(LATE, Quiet::default()), Ok(()));
    plan.topology.outages.clear();
    plan.topology.strangers = vec![PlannedStranger { node: 0, kind: StrangerKind::TooOld }];
    assert_eq!(silent(plan.clone()).look(LATE, Quiet::default()), Ok(()));
    plan.topology.strangers = vec![PlannedStranger { node: 0, kind: StrangerKind::Unsynced }];
    assert!(silent(plan).look(LATE, Quiet::default()).is_err());
}

#[test]
fn given_a_bridge_that_falls_silent_when_the_storm_goes_on_then_nobody_waits_for_its_end() {
    struct Silent(u32);
    impl EventTap for Silent {
        fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
            self.0 += 1;
            if self.0 < 100 { vec![event] } else { Vec::new() }
        }
    }
    let report = run_on_fresh_thread(Scenario::Steady.plan(1, 120), false, Box::new(Silent(0))).report;
    let Verdict::Liveness(failure) = &report.verdict else { panic!("{:?}", report.verdict) };
    assert_eq!(failure.property, "progress");
    assert!(failure.at < Duration::from_secs(80), "{failure:?}");
}
