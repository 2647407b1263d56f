//! The same L1 with and without faults: both runs end alike, and what makes them differ is told.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use bridge::L1Event;
use scenarios::{
    metamorphic::{Difference, Weather, calm_twin, compare, compare_outcomes},
    plan::Plan,
    run::{EventTap, Untouched},
    runner::run_for_outcome,
    scenario::{DEFAULT_SECONDS, Scenario},
};

/// Compares the first `seeds` seeds of a scenario with their calm twins, on two threads; how many bridges could be compared.
fn compare_all(scenario: Scenario, seeds: u64) -> usize {
    let next = AtomicU64::new(1);
    let work = || {
        let mut compared = 0;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > seeds {
                return compared;
            }
            compared +=
                compare(&scenario.plan(seed, DEFAULT_SECONDS)).unwrap_or_else(|difference| panic!("{difference}"));
        }
    };
    thread::scope(|scope| {
        let workers = [(); 2].map(|()| scope.spawn(work));
        workers.into_iter().map(|worker| worker.join().expect("a difference was told above")).sum()
    })
}

#[test]
fn given_broken_connections_when_compared_with_calm_weather_then_both_runs_end_alike() {
    assert_eq!(compare_all(Scenario::Disconnect, 40), 40);
}

#[test]
fn given_all_kinds_of_faults_when_compared_with_calm_weather_then_both_runs_end_alike() {
    assert_eq!(compare_all(Scenario::Faults, 40), 40);
}

#[test]
fn given_failing_disks_and_killed_processes_when_compared_with_calm_weather_then_both_runs_end_alike() {
    assert_eq!(compare_all(Scenario::MachineEconomy, 10), 10);
}

#[test]
fn given_any_mixture_of_trouble_when_compared_with_calm_weather_then_both_runs_end_alike() {
    assert!(compare_all(Scenario::Swarm, 40) >= 30);
}

fn outcome(plan: &Plan, tap: impl EventTap + 'static) -> scenarios::run::Outcome {
    run_for_outcome(plan.clone(), Box::new(tap))
}

#[test]
fn given_a_consumer_that_is_told_otherwise_in_a_storm_when_compared_then_the_difference_is_found() {
    let plan = Scenario::MachineEconomy.plan(3, 60);
    let (stormy, calm) = (outcome(&plan, Untouched), outcome(&calm_twin(&plan), Untouched));
    assert_eq!(compare_outcomes(&plan, &stormy, &calm), Ok(1));
    // Each as if a rollback, a restart or a batch had left something behind that no checker of one run looks at.
    for plant in [
        |stormy: &mut scenarios::run::Outcome| stormy.end_states[0].state_root = Some(Default::default()),
        |stormy: &mut scenarios::run::Outcome| stormy.end_states[0].chain = Default::default(),
        |stormy: &mut scenarios::run::Outcome| stormy.end_states[0].finalized = None,
        |stormy: &mut scenarios::run::Outcome| stormy.end_states[0].tip = None,
    ] {
        let mut stormy = outcome(&plan, Untouched);
        plant(&mut stormy);
        let found = compare_outcomes(&plan, &stormy, &calm);
        assert!(matches!(&found, Err(Difference::EndState { bridge: 0, .. })), "{found:?}");
    }
}

#[test]
fn given_a_broken_bridge_when_compared_then_the_run_that_failed_is_named() {
    /// Loses the twentieth block.
    struct Loses(u32);
    impl EventTap for Loses {
        fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
            self.0 += u32::from(matches!(event, L1Event::BlockAdded(_)));
            if self.0 == 20 { Vec::new() } else { vec![event] }
        }
    }
    let plan = Scenario::Disconnect.plan(1, 20);
    let found = compare_outcomes(&plan, &outcome(&plan, Loses(0)), &outcome(&calm_twin(&plan), Untouched));
    assert!(matches!(&found, Err(Difference::Failed { weather: Weather::Stormy, .. })), "{found:?}");
}

#[test]
fn given_runs_of_different_l1s_when_compared_then_they_are_no_twins() {
    let [plan, other] = [1, 2].map(|seed| Scenario::Steady.plan(seed, 20));
    let found = compare_outcomes(&plan, &outcome(&plan, Untouched), &outcome(&other, Untouched));
    assert!(matches!(&found, Err(Difference::Blocks { .. } | Difference::EndState { .. })), "{found:?}");
}

#[test]
fn given_a_calm_twin_when_made_again_then_it_is_its_own_and_its_l1_that_of_the_storm() {
    for scenario in Scenario::ALL {
        let plan = scenario.plan(7, DEFAULT_SECONDS);
        let calm = calm_twin(&plan);
        assert_eq!(calm_twin(&calm), calm);
        assert!(calm.faults.is_empty() && calm.topology.strangers.is_empty());
        assert_eq!(format!("{:?}", calm.network()), format!("{:?}", plan.network()));
    }
}
