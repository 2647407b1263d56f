//! The machine economy in the storm: what must hold holds with power failures and a failing disk, the same twice, and the
//! same as without them; and a consumer that is broken on purpose is found.

use std::sync::Arc;

use bridge::L1Event;
use scenarios::{
    coverage::Point,
    plan::{Plan, PlannedConsumer, PlannedDiskFault, PlannedDiskTrouble, PlannedState},
    report::{MachineFigures, RunReport, Verdict},
    run::{EventTap, Step, Untouched},
    runner::{run_on_fresh_thread, run_plan},
    scenario::{Request, RequestError, Scenario},
};
use sim::params::ParameterSet;

const SECONDS: u64 = 60;

fn plan(seed: u64) -> Plan {
    Scenario::MachineEconomy.plan(seed, SECONDS)
}

fn state(plan: &mut Plan) -> &mut PlannedState {
    plan.bridges[0].consumer.state.as_mut().expect("the scenario has a state machine")
}

fn run(plan: Plan) -> RunReport {
    run_on_fresh_thread(plan, false, Box::new(Untouched)).report
}

fn run_broken(plan: Plan, tap: impl EventTap + 'static) -> RunReport {
    run_on_fresh_thread(plan, false, Box::new(tap)).report
}

fn machine(report: &RunReport) -> MachineFigures {
    report.figures.machine.expect("the scenario has a state machine")
}

/// A plan with these disk faults alone, every ten seconds from the tenth on.
fn with_troubles(seed: u64, troubles: &[PlannedDiskTrouble]) -> Plan {
    let mut plan = plan(seed);
    plan.faults.clear();
    let fault =
        |(at_ms, what): (u64, &PlannedDiskTrouble)| PlannedDiskFault { at_ms, restart_after_ms: 700, what: *what };
    state(&mut plan).faults = (1..).map(|number| number * 10_000).zip(troubles).map(fault).collect();
    plan
}

#[test]
fn given_power_failures_and_a_failing_disk_when_run_twice_then_all_holds_and_both_do_the_same() {
    for seed in 1..=4 {
        let report = run_plan(&plan(seed), true);
        assert_eq!(report.verdict, Verdict::Pass, "seed {seed}");
        let machine = machine(&report);
        assert!(machine.crashes >= 1 && machine.restarts >= machine.crashes.min(2), "seed {seed}: {machine:?}");
        assert!(report.coverage.count(Point::RollsBackExecuted) > 0, "seed {seed}");
    }
}

#[test]
fn given_one_l1_when_followed_with_and_without_disk_faults_then_the_state_root_is_the_same() {
    for seed in 1..=4 {
        let stormy = plan(seed);
        let mut calm = stormy.clone();
        calm.faults.clear();
        state(&mut calm).faults.clear();
        let (stormy, calm) = (run(stormy), run(calm));
        assert_eq!((&stormy.verdict, &calm.verdict), (&Verdict::Pass, &Verdict::Pass), "seed {seed}");
        let (stormy, calm) = (machine(&stormy), machine(&calm));
        assert_eq!(
            (stormy.state_root, stormy.applied, stormy.rejected),
            (calm.state_root, calm.applied, calm.rejected)
        );
        assert_eq!((calm.crashes, calm.restarts, calm.disk_errors), (0, 0, 0));
        assert!(stormy.restarts > 0);
    }
}

#[test]
fn given_each_trouble_of_a_disk_when_it_strikes_then_the_process_comes_back_and_nothing_is_lost() {
    let (crash, error, kill, none) = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0));
    for (trouble, expected, point) in [
        (PlannedDiskTrouble::Crash, crash, None),
        (PlannedDiskTrouble::CrashAfterSync(2), crash, Some(Point::StoredInDoubt)),
        (PlannedDiskTrouble::CrashInSync(1), crash, Some(Point::CrashInSync)),
        (PlannedDiskTrouble::CrashInWrite(1), crash, Some(Point::CrashInWrite)),
        (PlannedDiskTrouble::WriteError(1), error, Some(Point::WriteError)),
        (PlannedDiskTrouble::WriteError(2), error, Some(Point::ForgottenInDoubt)),
        (PlannedDiskTrouble::SyncError(1), error, Some(Point::SyncError)),
        (PlannedDiskTrouble::Kill, kill, Some(Point::ProcessKilled)),
        (PlannedDiskTrouble::ShutDown, none, Some(Point::EndsInOrder)),
    ] {
        let report = run(with_troubles(5, &[trouble]));
        assert!(matches!(report.verdict, Verdict::Pass), "{trouble:?}: {:?}", report.verdict);
        let machine = machine(&report);
        let counted = (machine.crashes, machine.disk_errors, machine.kills);
        assert_eq!((counted, machine.restarts), (expected, 1), "{trouble:?}");
        assert!(point.is_none_or(|point| report.coverage.count(point) == 1), "{trouble:?}: {:?}", report.coverage);
    }
}

#[test]
fn given_a_disk_that_is_full_for_a_while_when_it_has_room_again_then_the_process_has_gone_on() {
    let mut plan = with_troubles(6, &[PlannedDiskTrouble::FullDisk { for_ms: 5_000 }]);
    let report = run(plan.clone());
    assert_eq!(report.verdict, Verdict::Pass);
    let machine = machine(&report);
    assert!(report.coverage.count(Point::FullDisk) > 0);
    assert!(machine.disk_errors >= 3 && machine.restarts >= 1, "it was tried again and again: {machine:?}");
    // The end of the storm gives room in any case.
    state(&mut plan).faults[0].what = PlannedDiskTrouble::FullDisk { for_ms: 3_600_000 };
    let report = run(plan);
    assert_eq!(report.verdict, Verdict::Pass);
    assert!(report.figures.machine.expect("as before").disk_errors > 30);
}

#[test]
fn given_a_process_that_dies_at_the_very_end_of_the_storm_when_at_rest_then_it_is_back() {
    let mut plan = with_troubles(7, &[PlannedDiskTrouble::Crash]);
    let fault = &mut state(&mut plan).faults[0];
    (fault.at_ms, fault.restart_after_ms) = (SECONDS * 1_000 - 1, 100_000);
    let report = run(plan);
    assert_eq!(report.verdict, Verdict::Pass);
    assert!(report.sim_seconds >= 160.0, "it ended after {} s", report.sim_seconds);
}

#[test]
fn given_a_power_failure_after_storing_or_in_opening_when_it_strikes_then_nothing_comes_twice() {
    let mut slow = with_troubles(9, &[PlannedDiskTrouble::Crash]);
    state(&mut slow).sync_latency_us = 1_000_000;
    let report = run(slow);
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.coverage.count(Point::CrashBeforeAcknowledgement), 1);
    let mut twice = with_troubles(9, &[PlannedDiskTrouble::Crash, PlannedDiskTrouble::CrashInWrite(1)]);
    // While the process is down.
    state(&mut twice).faults[1].at_ms = 10_001;
    let report = run(twice);
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!((report.coverage.count(Point::CrashInOpening), machine(&report).crashes), (1, 2));
}

#[test]
fn given_a_kill_while_nothing_runs_or_in_the_instant_of_a_power_failure_when_it_strikes_then_it_changes_nothing() {
    let alone = run(with_troubles(9, &[PlannedDiskTrouble::Crash]));
    for at_ms in [10_000, 10_001, 10_699] {
        let mut both = with_troubles(9, &[PlannedDiskTrouble::Crash, PlannedDiskTrouble::Kill]);
        let kill = &mut state(&mut both).faults[1];
        // Were it heard, the process would be back much later.
        (kill.at_ms, kill.restart_after_ms) = (at_ms, 20_000);
        let report = run(both);
        assert_eq!((&report.verdict, report.hash), (&Verdict::Pass, alone.hash), "{at_ms}");
        assert_eq!((machine(&report).kills, machine(&report).crashes), (0, 1));
    }
}

#[test]
fn given_receipts_that_are_not_kept_for_ever_when_run_then_all_holds_and_only_they_are_missing() {
    for seed in 1..=2 {
        let of = |receipts_below_root| {
            let mut plan = plan(seed);
            state(&mut plan).receipts_below_root = receipts_below_root;
            run(plan)
        };
        let for_ever = of(None);
        assert_eq!(for_ever.coverage.count(Point::DropsReceipts), 0);
        for (kept, drops) in [(0, 1), (10, 1), (100_000, 0)] {
            let report = of(Some(kept));
            assert_eq!(report.verdict, Verdict::Pass, "seed {seed}, {kept} blocks");
            assert_eq!(report.coverage.count(Point::DropsReceipts), drops, "seed {seed}, {kept} blocks");
            let (some, all) = (machine(&report), machine(&for_ever));
            let counts = |machine: MachineFigures| (machine.applied, machine.rejected, machine.state_root);
            assert_eq!(counts(some), counts(all), "what was applied is counted without its receipt");
        }
    }
}

#[test]
fn given_a_state_machine_under_the_finality_of_mainnet_when_asked_for_without_seconds_then_they_must_be_named() {
    let request = Request { parameters: Some(Arc::new(ParameterSet::mainnet())), ..Request::new(1) };
    let refused = Scenario::MachineEconomy.check(&request);
    assert!(matches!(refused, Err(RequestError::LongRun { needed: 54_030, .. })), "{refused:?}");
    let sentence = refused.map_err(|error| error.to_string());
    assert!(sentence.is_err_and(|sentence| sentence.ends_with("--seconds 54030")));
    assert_eq!(Scenario::MachineEconomy.check(&Request { seconds: Some(60), ..request }), Ok(()));
}

#[test]
fn given_an_economy_without_deliveries_when_run_then_the_gates_say_that_none_was_settled() {
    let mut plan = plan(1);
    let economy = plan.economy.as_mut().expect("the scenario has an economy");
    economy.station_percent += economy.delivery_percent + economy.settlement_percent;
    (economy.delivery_percent, economy.settlement_percent) = (0, 0);
    let report = run(plan);
    let Verdict::Vacuous(missed) = &report.verdict else { panic!("{:?}", report.verdict) };
    for kind in ["confirmed", "expired"] {
        let sentence = format!("deliveries settled as {kind}: 0, at least 1 needed");
        assert!(missed.contains(&sentence), "{missed:?}");
    }
}

/// Stores no batch with a reorg.
struct ForgetsReorgs;

impl EventTap for ForgetsReorgs {
    fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
        vec![event]
    }

    fn steps(&mut self, events: &[L1Event]) -> &'static [Step] {
        let has_reorg = events.iter().any(|event| matches!(event, L1Event::Reorg(_)));
        if has_reorg { &[] } else { &[Step::Store, Step::Acknowledge] }
    }
}

#[test]
fn given_a_reorg_that_is_never_stored_when_run_then_it_is_found_and_not_taken_for_a_rollback() {
    for seed in 1..=4 {
        let mut plan = with_troubles(seed, &[]);
        // Blocks are everywhere at once: the first reorg is that of the first cut, and a deep one.
        plan.topology.mean_delay_ms = 1;
        let report = run_broken(plan, ForgetsReorgs);
        assert!(matches!(report.verdict, Verdict::Safety(_)), "seed {seed}: {:?}", report.verdict);
        assert_eq!(report.coverage.count(Point::RollsBackExecuted), 0, "seed {seed}");
    }
}

/// Does these steps with one in so many numbered batches, the usual ones with the others.
struct Broken {
    steps: &'static [Step],
    one_in: u64,
    batches: u64,
}

impl EventTap for Broken {
    fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
        vec![event]
    }

    fn steps(&mut self, events: &[L1Event]) -> &'static [Step] {
        let is_numbered = events.iter().any(|event| event.sequence().is_some());
        self.batches += u64::from(is_numbered);
        if is_numbered && self.batches.is_multiple_of(self.one_in) {
            self.steps
        } else {
            &[Step::Store, Step::Acknowledge]
        }
    }
}

#[test]
fn given_a_consumer_that_is_broken_when_run_then_it_is_found() {
    for (steps, one_in, property) in [
        // Acknowledges before it stores, and in vain.
        (&[Step::Acknowledge, Step::Store][..], 10, "acknowledged"),
        (&[Step::Acknowledge], 10, "acknowledged"),
        // Applies a batch twice.
        (&[Step::Store, Step::Store, Step::Acknowledge], 10, "machine"),
        // Never acknowledges.
        (&[Step::Store], 1, "acknowledged"),
    ] {
        let report = run_broken(with_troubles(8, &[]), Broken { steps, one_in, batches: 0 });
        match &report.verdict {
            Verdict::Safety(failure) => assert_eq!(failure.property, property, "{steps:?}: {failure}"),
            other => panic!("{steps:?} were not found: {other:?}"),
        }
    }
}

#[test]
fn given_twins_with_disks_of_their_own_when_run_on_one_l1_then_both_are_where_they_must_be() {
    let mut plan = plan(10);
    let mut twin = plan.bridges[0].clone();
    twin.nodes = vec![4];
    let state = twin.consumer.state.as_mut().expect("the scenario has a state machine");
    state.faults.iter_mut().for_each(|fault| fault.at_ms += 3_000);
    let alone = machine(&run(plan.clone()));
    plan.bridges.push(twin);
    let report = run(plan.clone());
    assert_eq!(report.verdict, Verdict::Pass);
    let both = machine(&report);
    assert_eq!((both.applied, both.state_root), (2 * alone.applied, alone.state_root), "figures are sums");
    assert!(both.crashes > alone.crashes && both.restarts > alone.restarts, "{both:?}");
    // Also if it is not the first bridge that has a state machine.
    plan.bridges[0].consumer = PlannedConsumer::default();
    assert_eq!(machine(&run(plan)).applied, alone.applied);
}

#[test]
fn given_a_state_machine_in_other_storms_when_run_then_they_hold_also_where_bridges_end() {
    for (scenario, seeds, seconds) in [(Scenario::Faults, 1..=3, 60), (Scenario::Fatal, 1..=8, 120)] {
        for seed in seeds {
            let mut plan = scenario.plan(seed, seconds);
            let state = Scenario::MachineEconomy.plan(seed, seconds).bridges[0].consumer.state.clone();
            plan.bridges[0].consumer = PlannedConsumer { state, ..PlannedConsumer::default() };
            assert_eq!(run(plan).verdict, Verdict::Pass, "{} seed {seed}", scenario.name());
        }
    }
}
