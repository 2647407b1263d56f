//! Shrinking: what is left is small, fails in the same way, and does not depend on threads or luck.
//!
//! Where the search itself is tested, a run is a look at the plan: so every law is tried on many plans in no time.

/// What `dagstorm shrink` wrote of a bug that was planted: the checkpoint was stored before its effects. It is kept as it is.
#[path = "shrink/kept.rs"]
mod kept;

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use bridge::L1Event;
use kaspa_hashes::Hash;
use scenarios::{
    check::{Breach, Failure},
    economy::EconomyConfig,
    fault::{Fault, PlannedFault, PlannedStranger, StrangerKind, Trigger},
    plan::{
        Plan, PlannedBridge, PlannedConsumer, PlannedCut, PlannedDiskFault, PlannedDiskTrouble, PlannedHeal,
        PlannedLatency, PlannedLink, PlannedOutage, PlannedOutageKind, PlannedState, PlannedStop,
    },
    report::{RunReport, Verdict},
    run::EventTap,
    runner::run_on_fresh_thread,
    scenario::Scenario,
    shrink::{Settings, ShrinkError, Shrunk, Size, plan_file, shrink, test_file},
};
use sim::random::Streams;

const JOBS: NonZeroUsize = NonZeroUsize::MIN;

fn settings(jobs: usize) -> Settings {
    Settings { budget: Duration::from_secs(1_000), jobs: NonZeroUsize::new(jobs).unwrap_or(JOBS) }
}

fn failure(property: &'static str) -> Failure {
    let at = Duration::from_millis(70_123);
    Failure { property, meaning: "x", breach: Breach::Safety, bridge: Some(0), at, message: "seen".into() }
}

/// What a run of the plan would tell that ended so.
fn report(plan: &Plan, verdict: Verdict) -> RunReport {
    RunReport {
        scenario: plan.scenario.clone(),
        seed: plan.seed.0,
        plan_digest: plan.digest(),
        verdict,
        hash: Hash::default(),
        sim_seconds: 100.0,
        cpu_seconds: 0.001,
        figures: Default::default(),
        coverage: Default::default(),
    }
}

/// Runs that break `path` if `fails` holds of the plan.
fn run_if(fails: impl Fn(&Plan) -> bool + Sync) -> impl Fn(&Plan) -> RunReport + Sync {
    move |plan| report(plan, if fails(plan) { Verdict::Safety(failure("path")) } else { Verdict::Pass })
}

fn shrink_with(plan: &Plan, run: &(dyn Fn(&Plan) -> RunReport + Sync), jobs: usize) -> Shrunk {
    let shrunk = shrink(plan, run, settings(jobs), &mut |_| ()).expect("the plan fails");
    assert_eq!(shrunk.plan.check(), Ok(()));
    assert!(shrunk.after.is_at_most(&shrunk.before), "{:?}", shrunk.after);
    assert_eq!(shrunk.after, Size::of(&shrunk.plan));
    assert!(shrunk.is_minimal);
    shrunk
}

/// A plan with some of everything that can be left out.
fn large_plan(seed: u64) -> Plan {
    let streams = Streams::new(seed);
    let mut stream = streams.stream("large plan", 0);
    let mut plan = Scenario::Faults.plan(seed, 120);
    let mut ms = |most: u64| 1 + stream.below(most);
    plan.bridges =
        (0..3).map(|node| PlannedBridge { nodes: vec![node, 7 - node], ..PlannedBridge::to_node(0) }).collect();
    plan.bridges[1].poll_interval_ms = 77;
    plan.bridges[1].consumer = PlannedConsumer { store_ms: 3, ..PlannedConsumer::default() };
    plan.bridges[2].consumer.stops = vec![PlannedStop { at_ms: ms(90_000), for_ms: ms(9_000) }; 2];
    plan.bridges[2].consumer.state = Some(PlannedState {
        write_latency_us: 30,
        sync_latency_us: 900,
        commit_interval_ms: 0,
        receipts_below_root: Some(5),
        faults: vec![
            PlannedDiskFault {
                at_ms: ms(100_000),
                restart_after_ms: 2_345,
                what: PlannedDiskTrouble::CrashInWrite(5)
            };
            4
        ],
    });
    plan.economy = Some(EconomyConfig::default());
    plan.faults = (0..60)
        .map(|id| {
            let what =
                Fault::draw(id as usize % Fault::KINDS, &mut streams.stream("what", id)).expect("there are so many");
            let when = Trigger { time_ms: Some(ms(119_000)), ..Trigger::default() };
            PlannedFault { id: id as u32, bridge: (id % 3) as u32, when, what }
        })
        .collect();
    let topology = &mut plan.topology;
    topology.cuts = (0..4)
        .map(|cut| PlannedCut {
            at_ms: 1_000 + 20_000 * cut,
            side: vec![cut as u32, 6],
            heal: PlannedHeal::AtMs(12_345 + 20_000 * cut),
        })
        .collect();
    let latency = PlannedLatency::MeanMs(1_234);
    topology.links = vec![PlannedLink { between: vec![0, 1, 2], and: vec![3, 4], latency }];
    let kind = PlannedOutageKind::Resync { from: 3, transition_ms: 4_321 };
    topology.outages = vec![PlannedOutage { node: 4, at_ms: ms(100_000), kind }];
    topology.strangers = vec![PlannedStranger { node: 4, kind: StrangerKind::TooOld }];
    assert_eq!(plan.check(), Ok(()));
    plan
}

#[test]
fn given_runs_that_always_fail_when_shrunk_then_nothing_is_left_that_a_plan_can_be_without() {
    let shrunk = shrink_with(&large_plan(1), &run_if(|_| true), 2);
    assert_eq!((shrunk.before.disturbances(), shrunk.after.disturbances()), (73, 0));
    assert_eq!((shrunk.after.bridges, shrunk.after.nodes, shrunk.plan.storm_ms), (1, 1, 0));
    assert_eq!((&shrunk.plan.economy, &shrunk.plan.gates), (&None, &false));
    assert_eq!(shrunk.plan.bridges, [PlannedBridge::to_node(0)]);
    // Whatever list a plan may get one day: it must be left out too.
    let table = toml::Table::try_from(&shrunk.plan).expect("a plan is a table");
    let topology = table["topology"].as_table().expect("it is a table");
    let lists: Vec<&String> =
        table.iter().chain(topology).filter(|(_, value)| value.is_array()).map(|(key, _)| key).collect();
    assert_eq!(lists, ["bridges", "hash_shares"], "a pass should leave out such a list");
}

#[test]
fn given_a_failure_that_needs_two_faults_a_cut_and_time_when_shrunk_then_just_these_are_left() {
    let needs = |plan: &Plan| {
        let has = |id: u32| plan.faults.iter().any(|fault| fault.id == id);
        let is_cut = plan.topology.cuts.iter().any(|cut| cut.heal == PlannedHeal::AtMs(52_345));
        has(17) && has(41) && is_cut && plan.storm_ms >= 30_000 && plan.topology.hash_shares.len() > 2
    };
    let shrunk = shrink_with(&large_plan(2), &run_if(needs), 2);
    let ids: Vec<u32> = shrunk.plan.faults.iter().map(|fault| fault.id).collect();
    assert_eq!(ids, [17, 41]);
    assert_eq!((shrunk.after.disturbances(), shrunk.after.nodes), (3, 3));
    // Faults 17 and 41 hit the same bridge; it is the only one now.
    assert_eq!((shrunk.after.bridges, shrunk.plan.faults[0].bridge), (1, 0));
    assert_eq!(shrunk.plan.storm_ms, 30_000);
    assert!(shrunk.plan.faults.iter().all(|fault| fault.when == Trigger::default()), "{:?}", shrunk.plan.faults);
}

#[test]
fn given_any_failure_when_shrunk_with_any_number_of_jobs_then_the_same_plan_which_cannot_lose_a_fault() {
    for seed in 0..12 {
        let plan = large_plan(seed);
        let streams = Streams::new(seed);
        let mut stream = streams.stream("needed", 0);
        let needed: Vec<u32> = (0..1 + stream.below(6)).map(|_| stream.below(60) as u32).collect();
        let least = stream.below(plan.faults.len() as u64) as usize / 4;
        // Not monotone: some faults hide the failure as long as others are there.
        let hides = stream.below(60) as u32;
        let fails = |plan: &Plan| {
            let has = |id: u32| plan.faults.iter().any(|fault| fault.id == id);
            needed.iter().all(|id| has(*id)) && plan.faults.len() >= least && (!has(hides) || has(hides / 2) || has(59))
        };
        if !fails(&plan) {
            continue;
        }
        let run = run_if(fails);
        let shrunk = shrink_with(&plan, &run, 1);
        for jobs in [2, 7] {
            let again = shrink_with(&plan, &run, jobs);
            assert_eq!((again.plan, again.after), (shrunk.plan.clone(), shrunk.after), "seed {seed}, {jobs} jobs");
        }
        for left_out in 0..shrunk.plan.faults.len() {
            let mut smaller = shrunk.plan.clone();
            smaller.faults.remove(left_out);
            assert_eq!(run(&smaller).verdict, Verdict::Pass, "seed {seed}: fault {left_out} is not needed");
        }
        assert_eq!(shrink_with(&shrunk.plan, &run, 2).plan, shrunk.plan, "seed {seed}");
    }
}

#[test]
fn given_smaller_plans_that_fail_otherwise_when_shrunk_then_the_failure_is_not_exchanged() {
    // With few faults another property breaks, with few nodes it is a panic, and without a bridge nothing can be run.
    let run = |plan: &Plan| {
        let verdict = match (plan.faults.len(), plan.topology.hash_shares.len()) {
            (_, 0..=4) => Verdict::Panic("index 1 of 1".into()),
            (0..=5, _) => Verdict::Safety(failure("truth")),
            _ => Verdict::Safety(failure("path")),
        };
        report(plan, verdict)
    };
    let shrunk = shrink_with(&large_plan(3), &run, 2);
    assert_eq!((shrunk.after.faults, shrunk.after.nodes), (6, 5));
    assert_eq!(shrunk.report.verdict, Verdict::Safety(failure("path")));
}

#[test]
fn given_a_plan_that_passes_or_only_misses_gates_when_shrunk_then_refused_in_words() {
    let refused = |run: &(dyn Fn(&Plan) -> RunReport + Sync), plan: &Plan| {
        shrink(plan, run, settings(1), &mut |_| ()).expect_err("it must not be shrunk")
    };
    let plan = large_plan(4);
    assert_eq!(refused(&run_if(|_| false), &plan).to_string(), "this plan passes: there is nothing to shrink");
    let vacuous = refused(&|plan| report(plan, Verdict::Vacuous(vec!["reorgs: 0".into()])), &plan);
    assert!(vacuous.to_string().contains("reorgs: 0"), "{vacuous}");
    let broken = Plan { bridges: Vec::new(), ..plan };
    assert!(matches!(refused(&run_if(|_| true), &broken), ShrinkError::Plan(_)));
}

#[test]
fn given_a_budget_when_it_is_spent_then_it_stops_with_what_it_has() {
    let plan = large_plan(5);
    let run = run_if(|plan| plan.faults.len() > 30);
    let with = |budget| shrink(&plan, &run, Settings { budget, jobs: JOBS }, &mut |_| ()).expect("it fails");
    let nothing = with(Duration::ZERO);
    assert_eq!((nothing.is_minimal, nothing.runs, nothing.after), (false, 1, nothing.before));
    let little = with(Duration::from_millis(20));
    assert!(!little.is_minimal && little.runs <= 20 && little.spent <= Duration::from_millis(20), "{little:?}");
    assert!(little.after.disturbances() < little.before.disturbances());
    assert_eq!(little.report.verdict, Verdict::Safety(failure("path")));
    assert!(with(Duration::from_secs(100)).is_minimal);
}

#[test]
fn given_a_search_when_it_goes_on_then_every_run_is_told_and_nothing_grows() {
    let (mut runs, mut last) = (0, None);
    let plan = large_plan(6);
    let shrunk = shrink(&plan, &run_if(|plan| plan.faults.len() > 3), settings(2), &mut |now| {
        assert!(now.runs >= runs && last.is_none_or(|last| now.size.is_at_most(&last)));
        (runs, last) = (now.runs, Some(now.size));
    });
    let shrunk = shrunk.expect("it fails");
    assert_eq!((runs, last), (shrunk.runs, Some(shrunk.after)));
}

/// Once it was disconnected it names a wrong old tip in every deep reorg.
#[derive(Default)]
struct ForgetsItsTip {
    was_disconnected: bool,
}

impl EventTap for ForgetsItsTip {
    fn pass(&mut self, mut event: L1Event) -> Vec<L1Event> {
        match &mut event {
            L1Event::Disconnected { .. } => self.was_disconnected = true,
            L1Event::Reorg(reorg) if self.was_disconnected && reorg.removed.len() >= 12 => {
                reorg.old_tip.hash = Hash::default();
            }
            _ => {}
        }
        vec![event]
    }
}

/// Real runs, of a bridge that fails where a broken connection and a healed cut come together.
#[test]
fn given_a_broken_bridge_in_a_large_storm_when_shrunk_then_one_cut_and_at_most_a_few_faults_are_left() {
    let mut plan = Scenario::Reorg.plan(3, 200);
    plan.bridges.push(PlannedBridge { nodes: vec![5, 0], ..PlannedBridge::to_node(0) });
    // What breaks the first bridge's connections, and anything for the second.
    let streams = Streams::new(3);
    let mut stream = streams.stream("moments", 0);
    plan.faults = Scenario::Disconnect.plan(3, 200).faults;
    for id in 100..140 {
        let what = Fault::draw(id as usize % Fault::KINDS, &mut streams.stream("what", id)).expect("it is a kind");
        let when = Trigger { time_ms: Some(stream.below(200_000)), ..Trigger::default() };
        plan.faults.push(PlannedFault { id: id as u32, bridge: 1, when, what });
    }
    assert!(plan.faults.len() >= 60);
    assert!(plan.topology.cuts.len() >= 4);
    let run = |plan: &Plan| run_on_fresh_thread(plan.clone(), false, Box::<ForgetsItsTip>::default()).report;
    let shrunk = shrink_with(&plan, &run, 2);
    assert_eq!(run(&shrunk.plan).verdict, shrunk.report.verdict);
    assert_eq!(shrunk.report.verdict.property().map(|(name, _)| name), Some("path"), "{:?}", shrunk.report.verdict);
    let Size { faults, cuts, bridges, nodes, storm_ms, .. } = shrunk.after;
    assert!((1..=2).contains(&faults) && cuts <= 1 && bridges == 1, "{}", plan_file(&shrunk, "large"));
    assert!(nodes < 8 && storm_ms < 100_000, "{}", shrunk.before.to_words(&shrunk.after));
    assert_eq!(shrink_with(&plan, &run, 1).plan, shrunk.plan);
}

/// A panic with what a head or a shell could stumble over.
#[test]
fn given_a_shrunk_plan_when_written_then_it_reads_as_the_same_plan_and_the_head_is_a_comment() {
    let words = "left: 1\n right: \"2\"\u{1b}[31m\nversion = 7";
    let run = |plan: &Plan| report(plan, Verdict::Panic(words.into()));
    let shrunk = shrink_with(&large_plan(7), &run, 2);
    let file = plan_file(&shrunk, "it's.shrunk");
    assert_eq!(Plan::parse(&file), Ok(shrunk.plan.clone()));
    let head: Vec<&str> = file.lines().take_while(|line| line.starts_with('#')).collect();
    assert!(head.len() == 7 && !file.contains('\u{1b}'), "{file}");
    assert!(head.iter().any(|line| line.ends_with(r"dagstorm replay 'it'\''s.shrunk.toml'")), "{head:?}");
    let test = test_file(&shrunk, "it's.shrunk");
    assert!(test.contains("fn given_the_shrunk_plan_of_faults_seed_7_when_run_then_nothing_panics() {"), "{test}");
}

#[test]
fn given_a_plan_kept_from_a_planted_bug_when_its_test_is_written_then_it_is_the_one_that_is_run_here() {
    let name = "machine-economy-1-09676e5e.shrunk";
    let regressions = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let plan = Plan::read(&regressions.join(format!("{name}.toml"))).expect("it is a plan");
    let meaning = "the state machine takes what its bridge tells, opens after every crash, and ends where a straight replay \
                   leads";
    let failure = Failure { meaning, ..failure("machine") };
    let run = |plan: &Plan| report(plan, Verdict::Safety(failure.clone()));
    let no_budget = Settings { budget: Duration::ZERO, jobs: JOBS };
    let shrunk = shrink(&plan, &run, no_budget, &mut |_| ()).expect("it fails");
    assert_eq!(test_file(&shrunk, name), include_str!("shrink/kept.rs"));
}

fn dagstorm(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dagstorm"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the command prints UTF-8")
}

/// A folder with a plan that fails, as its bridge waits for replies a millisecond only, and one that passes.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("shrink").join(name);
    // Left from an earlier run, if there is one.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the scratch folder is writable");
    let passes = Scenario::Disconnect.plan(1, 30);
    let mut impatient = passes.clone();
    impatient.bridges[0].request_timeout_ms = 1;
    for (name, plan) in [("passes.toml", passes), ("impatient.toml", impatient)] {
        fs::write(folder.join(name), plan.to_text()).expect("the scratch folder is writable");
    }
    folder
}

#[test]
fn given_a_plan_file_when_the_command_shrinks_it_then_plan_and_test_stand_next_to_it_and_the_plan_fails_alike() {
    let folder = folder("file");
    let output = dagstorm(&folder, &["shrink", "impatient.toml"]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(stdout.contains(" faults -> 0, 1 bridge, 8 nodes -> 1, 30 s of storm -> "), "{stdout}");
    let test = fs::read_to_string(folder.join("impatient.shrunk.rs")).expect("the test is there");
    assert!(test.contains("then_convergence_holds()") && test.contains("regressions/impatient.shrunk.toml"), "{test}");
    let replay = dagstorm(&folder, &["replay", "impatient.shrunk.toml"]);
    assert_eq!(replay.status.code(), Some(11), "{}", text(&replay.stderr));
    // What is as small as can be stays so.
    let again = dagstorm(&folder, &["shrink", "impatient.shrunk.toml", "--json", "--output", "again.toml"]);
    let line: serde_json::Value = serde_json::from_slice(&again.stdout).expect("one JSON object");
    assert_eq!((&line["property"], &line["is_minimal"]), (&"convergence".into(), &true.into()));
    assert_eq!((&line["before"], &line["disturbances_after"]), (&line["after"], &0.into()));
    let plan = |name: &str| Plan::read(&folder.join(name)).expect("it is a plan");
    assert_eq!(plan("again.toml"), plan("impatient.shrunk.toml"));
}

#[test]
fn given_what_cannot_be_shrunk_or_no_budget_when_asked_for_then_it_is_said() {
    let folder = folder("refused");
    for (arguments, sentence) in [
        (&["shrink", "passes.toml"][..], "passes.toml: this plan passes: there is nothing to shrink"),
        (&["shrink", "no-such-file.toml"], "no-such-file.toml: "),
        (&["shrink", "impatient.toml", "--output", "small.rs"], "small.rs is where the test goes"),
        (&["shrink", "impatient.toml", "--output", "no/such/folder.toml"], "cannot write no/such/folder.toml"),
    ] {
        let output = dagstorm(&folder, arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        assert!(text(&output.stderr).contains(sentence), "{}", text(&output.stderr));
    }
    let output = dagstorm(&folder, &["shrink", "impatient.toml", "--budget", "0"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("1 run, ") && text(&output.stdout).contains(": stopped at the budget"));
    let head = fs::read_to_string(folder.join("impatient.shrunk.toml")).expect("the plan is there");
    assert!(head.contains("; stopped at the budget"), "{head}");
}
