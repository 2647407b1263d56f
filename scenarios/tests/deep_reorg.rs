//! A reorg of the depth that was asked for, and of no other.

use std::{process::Command, sync::Arc};

use scenarios::{
    plan::{Plan, PlannedHeal},
    report::{RunReport, Verdict},
    run::Untouched,
    runner::{Job, run_all, run_on_fresh_thread},
    scenario::{Request, RequestError, Scenario},
};
use sim::params::ParameterSet;

fn request(seed: u64, parameters: ParameterSet, depth: u64) -> Request {
    Request { parameters: Some(Arc::new(parameters)), depth: Some(depth), ..Request::new(seed) }
}

fn plan(seed: u64, parameters: ParameterSet, depth: u64) -> Plan {
    Scenario::DeepReorg.expand(&request(seed, parameters, depth)).expect("the depth is possible")
}

fn run(plan: Plan) -> RunReport {
    run_on_fresh_thread(plan, false, Box::new(Untouched)).report
}

/// Passes, and both the node and its bridge removed about as many blocks as were asked for.
fn assert_depth(report: &RunReport, depth: u64) {
    assert_eq!(report.verdict, Verdict::Pass, "depth {depth}, seed {}", report.seed);
    let tolerance = (depth / 10).max(1);
    let reached = report.figures.requested_reorg_depth.expect("it passed");
    assert!(reached >= 1 && reached.abs_diff(depth) <= tolerance, "{depth} asked for, {reached} removed");
    let seen = report.figures.max_reorg_depth;
    assert!(seen + tolerance >= reached, "depth {depth}, seed {}: the bridge saw {seen} of {reached}", report.seed);
}

#[test]
fn given_a_depth_under_storm_when_run_then_the_followed_node_removes_so_many_blocks_whatever_the_seed() {
    for depth in [1, 2, 3, 10, 50, 190] {
        let job = |seed| Job::new(Scenario::DeepReorg, request(seed, ParameterSet::storm(), depth), false);
        let jobs: Vec<Job> = (1..=20).map(|seed| job(seed).expect("the depth is possible")).collect();
        run_all(&jobs, 2, |report| assert_depth(&report, depth));
    }
}

#[test]
fn given_a_thousand_blocks_under_deep_when_run_then_they_are_removed() {
    for seed in 1..=3 {
        assert_depth(&run(plan(seed, ParameterSet::deep(), 1_000)), 1_000);
    }
}

#[test]
fn given_ten_thousand_blocks_under_mainnet_when_run_then_they_are_removed() {
    let report = run(plan(1, ParameterSet::mainnet(), 10_500));
    assert_depth(&report, 10_500);
    assert!(report.figures.requested_reorg_depth > Some(10_000) && report.figures.max_reorg_depth > 10_000);
}

#[test]
fn given_no_depth_when_expanded_then_a_quarter_of_finality_and_at_most_a_thousand() {
    for (set, expected) in
        [(ParameterSet::storm(), 50), (ParameterSet::deep(), 1_000), (ParameterSet::mainnet(), 1_000)]
    {
        let request = Request { depth: None, ..request(1, set, 1) };
        let plan = Scenario::DeepReorg.expand(&request).expect("the default is possible");
        let PlannedHeal::WhenChainGrew { chain_blocks, .. } = plan.topology.cuts[0].heal else { panic!("{plan:?}") };
        assert_eq!(chain_blocks, expected);
    }
}

#[test]
fn given_a_plan_whose_cut_heals_at_another_depth_when_run_then_it_is_vacuous_and_both_numbers_are_told() {
    // The losing side is as strong as the other: what it mines on the way comes on top of the three.
    let mut strong = plan(2, ParameterSet::storm(), 3);
    (strong.topology.hash_shares, strong.topology.mean_delay_ms) = (vec![30, 11, 11, 11], 400);
    let report = run(strong);
    let Verdict::Vacuous(missed) = &report.verdict else { panic!("{:?}", report.verdict) };
    let reached = report.figures.requested_reorg_depth.expect("there was a reorg");
    let sentence = format!("the cut: {reached}, 3 asked for, from 2 to 4 accepted");
    assert!(missed[0].ends_with(&sentence), "{missed:?}");

    let mut never = plan(2, ParameterSet::storm(), 3);
    never.topology.cuts[0].at_ms = never.storm_ms + 1;
    let Verdict::Vacuous(missed) = run(never).verdict else { panic!("nothing was cut") };
    assert!(missed[0].contains("the cut led to no reorg, 3 asked for"), "{missed:?}");
}

#[test]
fn given_a_depth_about_as_large_as_finality_when_asked_for_then_the_largest_is_named_and_accepted() {
    let thin = ParameterSet { finality_depth: 500, pruning_depth: 700, unchecked: true, ..ParameterSet::storm() };
    for (set, largest) in
        [(ParameterSet::storm(), 190), (ParameterSet::deep(), 3_800), (ParameterSet::mainnet(), 410_400), (thin, 280)]
    {
        let asked = |depth| {
            let long = Request { seconds: Some(1_000_000), ..request(1, set.clone(), depth) };
            Scenario::DeepReorg.check(&long)
        };
        assert_eq!(asked(largest), Ok(()));
        let refused = RequestError::TooDeep { set: set.name.clone(), depth: largest + 1, largest };
        assert_eq!(asked(largest + 1), Err(refused));
        assert!(matches!(asked(u64::MAX), Err(RequestError::TooDeep { .. })));
    }
}

#[test]
fn given_too_few_seconds_when_asked_for_then_the_seconds_needed_are_named_and_enough() {
    for depth in [1, 50] {
        let asked = |seconds| Request { seconds: Some(seconds), ..request(3, ParameterSet::storm(), depth) };
        let Err(RequestError::TooShort { needed, .. }) = Scenario::DeepReorg.check(&asked(1)) else {
            panic!("one second is too short")
        };
        assert!(Scenario::DeepReorg.check(&asked(needed - 1)).is_err());
        assert_depth(&run(Scenario::DeepReorg.expand(&asked(needed)).expect("it is long enough")), depth);
    }
}

#[test]
fn given_what_a_scenario_cannot_do_when_asked_for_then_exit_2_and_a_sentence() {
    for (arguments, sentence) in [
        ("reorg --depth 5", "scenario reorg has no depth to ask for, only deep-reorg has"),
        ("--depth 5", "scenario steady has no depth to ask for, only deep-reorg has"),
        (
            "deep-reorg --depth 191",
            "depth 191 is too large for parameter set `storm`: nodes keep what is final, the largest is 190",
        ),
        (
            "deep-reorg --depth 50 --seconds 60",
            "60 s are too short for depth 50 under parameter set `storm`: 105 s are needed",
        ),
        (
            "fatal --params mainnet",
            "scenario fatal needs 259200 s under parameter set `mainnet`: ask for them with --seconds 259200",
        ),
        ("deep-reorg --depth 0", "invalid value '0' for '--depth <D>'"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dagstorm"));
        let output = command.arg("run").args(arguments.split(' ')).output().expect("the command starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments}: {stderr}");
        assert!(stderr.starts_with(&format!("error: {sentence}")), "{arguments}: {stderr}");
    }
}

#[test]
fn given_a_requested_depth_when_printed_as_json_then_it_is_there_and_absent_from_other_scenarios() {
    for (arguments, expected) in [("deep-reorg --depth 10 --seed 4", Some(10)), ("steady", None)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dagstorm"));
        let output = command.arg("run").args(arguments.split(' ')).arg("--json").output().expect("the command starts");
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert_eq!(line["verdict"], "pass");
        assert_eq!(line["requested_reorg_depth"].as_u64(), expected);
    }
}

#[test]
fn given_other_parameter_sets_when_every_scenario_is_run_then_all_pass() {
    let slow = ParameterSet { blocks_per_second: 1, ..ParameterSet::storm() };
    for parameters in [slow, ParameterSet::deep()] {
        let parameters = Arc::new(parameters);
        for scenario in Scenario::ALL {
            let request = Request { parameters: Some(Arc::clone(&parameters)), ..Request::new(1) };
            let report = run(scenario.expand(&request).expect("it needs less than a day"));
            assert_eq!(report.verdict, Verdict::Pass, "{} under {}", scenario.name(), parameters.name);
        }
    }
}
