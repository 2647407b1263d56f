//! Plans: what is written is read, what is wrong is refused with its line, and a plan from a file does what its seed did.

use std::{fs, path::PathBuf, time::Duration};

use scenarios::{
    plan::{
        LONGEST_MS, MOST_BYTES, Plan, PlanError, PlanFileError, PlannedBridge, PlannedConsumer, PlannedCut,
        PlannedDiskFault, PlannedDiskTrouble, PlannedHeal, PlannedLatency, PlannedLink, PlannedOutage,
        PlannedOutageKind, PlannedState, PlannedStop, SLOWEST_DISK_US, Topology,
    },
    report::Verdict,
    run::Untouched,
    runner::run_on_fresh_thread,
    scenario::Scenario,
};

const SECONDS: u64 = 60;

fn text() -> String {
    Scenario::Disconnect.plan(5, SECONDS).to_text()
}

/// The error of the plan's text after one replacement.
fn refused(from: &str, to: &str) -> PlanError {
    let text = text();
    assert!(text.contains(from), "the plan has no '{from}'");
    Plan::parse(&text.replacen(from, to, 1)).expect_err("the plan is wrong")
}

#[test]
fn given_the_plan_of_any_seed_when_written_and_read_then_it_is_the_same() {
    for scenario in Scenario::ALL {
        for seed in [0, 1, 7, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
            let plan = scenario.plan(seed, SECONDS);
            assert_eq!(Plan::parse(&plan.to_text()), Ok(plan.clone()));
            assert_eq!(Plan::parse(&plan.to_text()).map(|read| read.digest()), Ok(plan.digest()));
        }
    }
}

#[test]
fn given_a_plan_from_a_file_when_run_then_it_does_what_its_seed_did() {
    for scenario in Scenario::ALL {
        let from_seed = scenario.plan(11, SECONDS);
        let from_file = Plan::parse(&from_seed.to_text()).expect("the plan was just written");
        let run = |plan| run_on_fresh_thread(plan, false, Box::new(Untouched)).report;
        let (first, second) = (run(from_seed), run(from_file));
        assert_eq!(first.verdict, Verdict::Pass, "{}", scenario.name());
        assert_eq!((first.hash, first.plan_digest), (second.hash, second.plan_digest));
    }
}

#[test]
fn given_an_unknown_version_or_field_when_read_then_it_is_refused_with_its_line() {
    assert_eq!(refused("version = 1", "version = 2"), PlanError::UnknownVersion { line: 1, version: 2 });
    let error = refused("version = 1", "# A plan of tomorrow.\n\nstorms = 2\nversion = 2");
    assert_eq!(error.to_string(), "line 4: the plan has version 2, this program reads version 1");
    let error = refused("storm_ms = 60000", "storm_ms = 60000\nstrom_ms = 1");
    assert!(matches!(error, PlanError::Format { line: 5, .. }), "{error}");
    assert!(error.to_string().contains("strom_ms"), "{error}");
    let error = refused("mean_delay_ms = 400", "mean_delay_ms = -400");
    assert!(matches!(error, PlanError::Format { line: 20, .. }), "{error}");
    for (from, to) in
        [("[[faults]]\nid", "[[faults]]\nodd = 1\nid"), ("time_ms", "time_mss"), ("kind = \"", "kind = \"no_")]
    {
        let error = refused(from, to);
        assert!(matches!(error, PlanError::Format { line: 30.., .. }), "{error}");
    }
}

#[test]
fn given_a_plan_that_cannot_be_run_when_read_then_a_sentence_names_what_is_wrong() {
    for (from, to, sentence) in [
        ("scenario = \"disconnect\"", "scenario = \"hurricane\"", "no scenario is named 'hurricane'"),
        ("nodes = [0]", "nodes = [8]", "bridge 0 follows node 8, there are 8 nodes"),
        ("nodes = [0]", "nodes = []", "bridge 0: no node address is configured"),
        ("nodes = [0]", "nodes = [0]\nconfirmations = 51", "bridge 0: confirmations is 51, it must be at most 50"),
        ("poll_interval_ms = 1000", "poll_interval_ms = 0", "bridge 0: poll_interval must not be zero"),
        ("ghostdag_k = 10", "ghostdag_k = 0", "`ghostdag_k` is 0"),
        ("pruning_depth = 1222", "pruning_depth = 1221", "`pruning_depth` is 1221"),
        ("pruning_depth = 1222", "pruning_depth = -1", "`pruning_depth` is -1, it must be from 1"),
        ("mean_delay_ms = 400", "mean_delay_ms = -400", "`mean_delay_ms`: invalid value"),
        ("id = 1\nbridge = 0", "id = 0\nbridge = 0", "two faults have the id 0"),
        ("id = 1\nbridge = 0", "id = 1\nbridge = 1", "fault 1: it hits bridge 1, there are 1"),
    ] {
        let error = refused(from, to).to_string();
        assert!(error.contains(sentence), "'{to}': {error}");
    }
}

#[test]
fn given_confirmations_when_written_and_read_then_the_bridge_waits_for_them_and_a_plan_without_says_nothing_of_them() {
    let mut plan = Scenario::Steady.plan(5, SECONDS);
    assert!(!plan.to_text().contains("confirmations"));
    plan.bridges[0].confirmations = plan.parameters.finality_depth / 4;
    let text = plan.to_text();
    assert!(text.contains("\nconfirmations = 50\n"), "{text}");
    let read = Plan::parse(&text).expect("the most is accepted");
    assert_eq!((read.bridge(0).confirmations, read), (50, plan));
}

#[test]
fn given_the_plan_of_any_length_of_storm_when_read_then_it_is_accepted() {
    for scenario in Scenario::ALL {
        for seconds in (1..=20).chain([60, 3_600]) {
            for seed in 0..4 {
                let read = Plan::parse(&scenario.plan(seed, seconds).to_text());
                assert!(read.is_ok(), "{} seed {seed}, {seconds} s: {read:?}", scenario.name());
            }
        }
    }
}

/// A plan with two bridges, a cut, a link of each latency and an outage of each kind.
fn with_times() -> Plan {
    let mut plan = Scenario::Steady.plan(5, SECONDS);
    plan.bridges.push(PlannedBridge { backoff_max_ms: LONGEST_MS, ..PlannedBridge::to_node(1) });
    plan.topology.cuts.push(PlannedCut { at_ms: 1, side: vec![0], heal: PlannedHeal::AtMs(2) });
    let latencies =
        [PlannedLatency::ConstantMs(1), PlannedLatency::MeanMs(1), PlannedLatency::Uniform { least_ms: 1, most_ms: 1 }];
    let link = |latency| PlannedLink { between: vec![0], and: vec![1, 2], latency };
    plan.topology.links = latencies.into_iter().map(link).collect();
    let kinds = [
        PlannedOutageKind::BodiesLag { until_ms: 2 },
        PlannedOutageKind::Withholding { until_ms: 2 },
        PlannedOutageKind::Resync { from: 1, transition_ms: 1 },
        PlannedOutageKind::Restart { until_ms: 2 },
    ];
    plan.topology.outages = kinds.into_iter().map(|kind| PlannedOutage { node: 0, at_ms: 1, kind }).collect();
    plan
}

/// The time that stands at `field`.
fn time<'a>(plan: &'a mut Plan, field: &str) -> &'a mut u64 {
    let Topology { mean_delay_ms, client_latency_ms, cuts, links, outages, .. } = &mut plan.topology;
    let (cut, bridge) = (&mut cuts[0], &mut plan.bridges[1]);
    if let Some(field) = field.strip_prefix("topology.links") {
        return match (field, &mut links[number_at(field)].latency) {
            ("[0].latency.constant_ms", PlannedLatency::ConstantMs(time_ms))
            | ("[1].latency.mean_ms", PlannedLatency::MeanMs(time_ms))
            | ("[2].latency.uniform.most_ms", PlannedLatency::Uniform { most_ms: time_ms, .. }) => time_ms,
            _ => panic!("there is no time at {field} of the links"),
        };
    }
    if let Some(field) = field.strip_prefix("topology.outages") {
        let outage = &mut outages[number_at(field)];
        return match (field, &mut outage.kind) {
            ("[2].at_ms", _) => &mut outage.at_ms,
            ("[0].kind.bodies_lag.until_ms", PlannedOutageKind::BodiesLag { until_ms: time_ms })
            | ("[1].kind.withholding.until_ms", PlannedOutageKind::Withholding { until_ms: time_ms })
            | ("[3].kind.restart.until_ms", PlannedOutageKind::Restart { until_ms: time_ms })
            | ("[2].kind.resync.transition_ms", PlannedOutageKind::Resync { transition_ms: time_ms, .. }) => time_ms,
            _ => panic!("there is no time at {field} of the outages"),
        };
    }
    match (field, &mut cut.heal) {
        ("topology.mean_delay_ms", _) => mean_delay_ms,
        ("topology.client_latency_ms", _) => client_latency_ms,
        ("topology.cuts[0].at_ms", _) => &mut cut.at_ms,
        ("topology.cuts[0].heal.at_ms", PlannedHeal::AtMs(at_ms)) => at_ms,
        ("bridges[1].poll_interval_ms", _) => &mut bridge.poll_interval_ms,
        ("bridges[1].connect_timeout_ms", _) => &mut bridge.connect_timeout_ms,
        ("bridges[1].request_timeout_ms", _) => &mut bridge.request_timeout_ms,
        ("bridges[1].silence_timeout_ms", _) => &mut bridge.silence_timeout_ms,
        ("bridges[1].backoff_min_ms", _) => &mut bridge.backoff_min_ms,
        ("bridges[1].backoff_max_ms", _) => &mut bridge.backoff_max_ms,
        _ => panic!("there is no time at {field}"),
    }
}

/// The number in brackets at the beginning.
fn number_at(field: &str) -> usize {
    field[1..2].parse().expect("a digit stands in brackets")
}

#[test]
fn given_a_time_longer_than_the_longest_when_read_then_it_is_named_and_the_longest_is_accepted() {
    const AFTER_STORM_MS: u64 = SECONDS * 1_000 + LONGEST_MS;
    for (field, most_ms) in [
        ("topology.mean_delay_ms", LONGEST_MS),
        ("topology.client_latency_ms", LONGEST_MS),
        ("topology.cuts[0].at_ms", AFTER_STORM_MS),
        ("topology.cuts[0].heal.at_ms", AFTER_STORM_MS),
        ("topology.links[0].latency.constant_ms", LONGEST_MS),
        ("topology.links[1].latency.mean_ms", LONGEST_MS),
        ("topology.links[2].latency.uniform.most_ms", LONGEST_MS),
        ("topology.outages[2].at_ms", AFTER_STORM_MS),
        ("topology.outages[0].kind.bodies_lag.until_ms", AFTER_STORM_MS),
        ("topology.outages[1].kind.withholding.until_ms", AFTER_STORM_MS),
        ("topology.outages[2].kind.resync.transition_ms", LONGEST_MS),
        ("topology.outages[3].kind.restart.until_ms", AFTER_STORM_MS),
        ("bridges[1].poll_interval_ms", LONGEST_MS),
        ("bridges[1].connect_timeout_ms", LONGEST_MS),
        ("bridges[1].request_timeout_ms", LONGEST_MS),
        ("bridges[1].silence_timeout_ms", LONGEST_MS),
        ("bridges[1].backoff_min_ms", LONGEST_MS),
        ("bridges[1].backoff_max_ms", LONGEST_MS),
    ] {
        let mut plan = with_times();
        if field == "topology.cuts[0].at_ms" {
            plan.topology.cuts[0].heal = PlannedHeal::WhenChainGrew { node: 0, chain_blocks: 1 };
        }
        *time(&mut plan, field) = most_ms;
        assert_eq!(Plan::parse(&plan.to_text()), Ok(plan.clone()), "{field}");
        for value_ms in [most_ms + 1, i64::MAX as u64] {
            *time(&mut plan, field) = value_ms;
            let expected = PlanError::TooLong { field: field.to_owned(), value_ms, most_ms };
            assert_eq!(Plan::parse(&plan.to_text()), Err(expected));
        }
    }
}

#[test]
fn given_links_and_outages_that_cannot_be_when_read_then_a_sentence_names_what_is_wrong() {
    let text = with_times().to_text();
    for (from, to, sentence) in [
        ("between = [0]", "between = [8]", "link 0 names node 8, the network has 8 nodes"),
        ("least_ms = 1", "least_ms = 2", "link 2 has the latency "),
        ("node = 0", "node = 8", "outage 0 names node 8, the network has 8 nodes"),
        ("from = 1", "from = 0", "outage 2 lets node 0 sync from itself"),
        ("until_ms = 2", "until_ms = 1", "outage 0 begins at 1ms and ends at 1ms, which is not later"),
        ("until_ms = 2", "untill_ms = 2", "untill_ms"),
    ] {
        assert!(text.contains(from), "the plan has no '{from}': {text}");
        let error = Plan::parse(&text.replacen(from, to, 1)).expect_err("the plan is wrong").to_string();
        assert!(error.contains(sentence), "'{to}': {error}");
    }
}

#[test]
fn given_a_lagging_a_withholding_and_a_wiped_node_when_run_then_the_bridge_has_what_its_node_has() {
    let mut plan = Scenario::Steady.plan(5, SECONDS);
    let outage = |node, at_ms, kind| PlannedOutage { node, at_ms, kind };
    plan.topology.outages = vec![
        outage(0, 10_000, PlannedOutageKind::BodiesLag { until_ms: 20_000 }),
        outage(3, 15_000, PlannedOutageKind::Withholding { until_ms: 25_000 }),
        outage(0, 40_000, PlannedOutageKind::Resync { from: 2, transition_ms: 3_000 }),
    ];
    let latency = PlannedLatency::Uniform { least_ms: 100, most_ms: 900 };
    plan.topology.links = vec![PlannedLink { between: vec![0], and: (1..8).collect(), latency }];
    let report = run_on_fresh_thread(plan, false, Box::new(Untouched)).report;
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.figures.disconnects, 1, "the node that was wiped restarted");
}

/// A file with this content.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).expect("the scratch folder is writable");
    path
}

#[test]
fn given_a_file_when_its_plan_is_read_then_it_is_there_or_the_file_and_what_is_wrong_with_it_are_named() {
    let read = Plan::read(&file("plan-good.toml", text().as_bytes())).expect("the plan was just written");
    assert_eq!(read, Scenario::Disconnect.plan(5, SECONDS));
    // The byte behind the limit is the second of a character.
    let too_large = [" ".repeat(MOST_BYTES).as_bytes(), "\u{e9}".as_bytes()].concat();
    for (name, content, sentence) in [
        ("plan-empty.toml", &b""[..], "line 1: missing field `version`"),
        ("plan-old.toml", b"\nversion = 0\n", "line 2: the plan has version 0, "),
        ("plan-binary.toml", b"version = 1\nscenario = \"\xff\"\n", "line 2: this is not UTF-8"),
        ("plan-large.toml", &too_large, "the plan has more than 16777216 bytes"),
    ] {
        let error = Plan::read(&file(name, content)).expect_err("the plan is wrong");
        assert!(matches!(error, PlanFileError::Plan { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{name}: {sentence}")), "{error}");
    }
    let error = Plan::read(&file("plan-gone.toml", b"").join("inside")).expect_err("there is no such file");
    assert!(matches!(&error, PlanFileError::Read { path, .. } if path.ends_with("inside")), "{error}");
}

#[test]
fn given_one_fault_removed_when_compared_then_every_other_is_at_the_same_place() {
    let all = Scenario::Faults.plan(4, SECONDS);
    let removed = all.faults[2].id;
    let mut fewer = all.clone();
    fewer.faults.retain(|fault| fault.id != removed);
    let read = Plan::parse(&fewer.to_text()).expect("the plan was just written");
    let others: Vec<_> = all.faults.into_iter().filter(|fault| fault.id != removed).collect();
    assert_eq!(read.faults, others);
    assert_eq!((read.seed, read.topology, read.parameters), (all.seed, all.topology, all.parameters));
}

#[test]
fn given_twins_with_different_faults_when_run_on_one_l1_then_both_have_what_their_nodes_have() {
    let mut plan = Scenario::Disconnect.plan(6, SECONDS);
    plan.bridges.push(PlannedBridge::to_node(5));
    for (position, fault) in plan.faults.iter_mut().enumerate() {
        fault.bridge = u32::from(position % 2 == 1);
    }
    let report = run_on_fresh_thread(plan, false, Box::new(Untouched)).report;
    assert_eq!(report.verdict, Verdict::Pass);
}

/// A plan with a state machine and one disk fault of each kind that has a number of its own.
fn with_disk() -> Plan {
    let mut plan = Scenario::MachineEconomy.plan(5, SECONDS);
    let fault = |what| PlannedDiskFault { at_ms: 1, restart_after_ms: 200, what };
    let whats =
        [PlannedDiskTrouble::CrashInWrite(3), PlannedDiskTrouble::FullDisk { for_ms: 4 }, PlannedDiskTrouble::ShutDown];
    let state = PlannedState {
        write_latency_us: 5,
        sync_latency_us: 6,
        commit_interval_ms: 8,
        receipts_below_root: Some(7),
        faults: whats.into_iter().map(fault).collect(),
    };
    plan.bridges[0].consumer.state = Some(state);
    plan
}

#[test]
fn given_a_state_machine_or_an_economy_that_cannot_be_when_read_then_a_sentence_names_what_is_wrong() {
    let text = with_disk().to_text();
    assert_eq!(Plan::parse(&text), Ok(with_disk()));
    for (from, to, sentence) in [
        (
            "crash_in_write = 3",
            "crash_in_write = 0",
            "bridge 0: disk fault 0 strikes in operation 0, the first has number 1",
        ),
        ("crash_in_write = 3", "crash_in_read = 3", "crash_in_read"),
        ("store_ms = 0", "store_ms = 1", "bridge 0: consumer.store_ms must be 0 with a state machine"),
        (
            "acknowledge_every = 1",
            "acknowledge_every = 2",
            "bridge 0: consumer.acknowledge_every is 2, it must be 1 with a state machine, which acknowledges each batch",
        ),
        ("restart_after_ms = 200", "restart_after_ms = -2", "`restart_after_ms`: invalid value"),
        (
            "restart_after_ms = 200",
            "restart_after_ms = 99",
            "`bridges[0].consumer.state.faults[0].restart_after_ms` is 99, a process is not back before 100 ms",
        ),
        (
            "restart_after_ms = 200",
            "restart_after_ms = 0",
            "`bridges[0].consumer.state.faults[0].restart_after_ms` is 0, a process is not back before 100 ms",
        ),
        ("receipts_below_root = 7", "receipts_below_root = -7", "`receipts_below_root`: invalid value"),
        ("drones = ", "drones = 0 #", "`economy.drones` is 0"),
    ] {
        assert!(text.contains(from), "the plan has no '{from}': {text}");
        let error = Plan::parse(&text.replacen(from, to, 1)).expect_err("the plan is wrong").to_string();
        assert!(error.contains(sentence), "'{to}': {error}");
    }
}

#[test]
fn given_a_time_of_a_disk_longer_than_the_longest_when_read_then_it_is_named_and_the_longest_is_accepted() {
    let path = |field: &str| format!("bridges[0].consumer.state.{field}");
    let changed = |change: &dyn Fn(&mut PlannedState)| {
        let mut plan = with_disk();
        change(plan.bridges[0].consumer.state.as_mut().expect("the plan has a state machine"));
        Plan::parse(&plan.to_text()).err()
    };
    let after_storm_ms = SECONDS * 1_000 + LONGEST_MS;
    for (field, most_ms, set) in [
        ("faults[0].at_ms", after_storm_ms, (|state, ms| state.faults[0].at_ms = ms) as fn(&mut PlannedState, u64)),
        ("faults[1].restart_after_ms", LONGEST_MS, |state, ms| state.faults[1].restart_after_ms = ms),
        ("faults[1].what.full_disk.for_ms", LONGEST_MS, |state, ms| {
            state.faults[1].what = PlannedDiskTrouble::FullDisk { for_ms: ms };
        }),
        ("commit_interval_ms", LONGEST_MS, |state, ms| state.commit_interval_ms = ms),
    ] {
        assert_eq!(changed(&|state| set(state, most_ms)), None, "{field}");
        let expected = PlanError::TooLong { field: path(field), value_ms: most_ms + 1, most_ms };
        assert_eq!(changed(&|state| set(state, most_ms + 1)), Some(expected));
    }
    for (field, set) in [
        ("write_latency_us", (|state, us| state.write_latency_us = us) as fn(&mut PlannedState, u64)),
        ("sync_latency_us", |state, us| state.sync_latency_us = us),
    ] {
        assert_eq!(changed(&|state| set(state, SLOWEST_DISK_US)), None, "{field}");
        let (value_us, most_us) = (SLOWEST_DISK_US + 1, SLOWEST_DISK_US);
        let expected = PlanError::TooSlow { field: path(field), value_us, most_us };
        assert_eq!(changed(&|state| set(state, value_us)), Some(expected));
    }
}

#[test]
fn given_a_stop_of_a_consumer_when_read_then_one_that_is_too_late_or_too_long_is_named() {
    let read = |at_ms, for_ms| {
        let mut plan = with_disk();
        plan.bridges[0].consumer.stops = vec![PlannedStop { at_ms: 1, for_ms: 2 }, PlannedStop { at_ms, for_ms }];
        assert!(!plan.bridges[0].consumer.is_prompt());
        Plan::parse(&plan.to_text()).map(|read| assert_eq!(read, plan)).map_err(|error| error.to_string())
    };
    let latest_ms = SECONDS * 1_000 + LONGEST_MS;
    assert_eq!(read(latest_ms, LONGEST_MS), Ok(()));
    let field = |name: &str| format!("`bridges[0].consumer.stops[1].{name}` is");
    assert!(read(latest_ms + 1, 1).is_err_and(|error| error.starts_with(&field("at_ms"))));
    assert!(read(1, LONGEST_MS + 1).is_err_and(|error| error.starts_with(&field("for_ms"))));
}

#[test]
fn given_overlapping_stops_when_asked_at_any_time_then_the_consumer_is_in_those_that_it_is_in() {
    let stops = [(10, 10), (15, 20), (50, 0), (60, 1)];
    let stops = stops.map(|(at_ms, for_ms)| PlannedStop { at_ms, for_ms }).to_vec();
    let consumer = PlannedConsumer { stops, ..PlannedConsumer::default() };
    let ms = Duration::from_millis;
    for (now, until, next) in [
        (0, None, Some(10)),
        (10, Some(20), Some(15)),
        (15, Some(35), Some(50)),
        (34, Some(35), Some(50)),
        (35, None, Some(50)),
        (50, None, Some(60)),
        (60, Some(61), None),
        (61, None, None),
    ] {
        assert_eq!(
            (consumer.stopped_until(ms(now)), consumer.stops_at(ms(now))),
            (until.map(ms), next.map(ms)),
            "{now}"
        );
    }
}

#[test]
fn given_a_plan_without_a_state_machine_when_written_then_nothing_says_so() {
    let text = text();
    for word in ["economy", "state", "consumer"] {
        assert!(!text.contains(word), "'{word}' stands in {text}");
    }
}
