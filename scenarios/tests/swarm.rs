//! What the swarm draws: possible plans, every kind of trouble in some runs and none of them in others, and the two profiles
//! that speed is measured on.

use std::collections::BTreeSet;

use scenarios::{
    plan::{Plan, PlannedOutageKind},
    runner::run_plan,
    scenario::{Profile, Request, Scenario},
};

fn plan(seed: u64, profile: Profile) -> Plan {
    Scenario::Swarm.expand(&Request { profile, ..Request::new(seed) }).expect("the swarm has a plan for every seed")
}

#[test]
fn given_any_seed_when_drawn_then_the_plan_is_possible_and_survives_its_file() {
    for seed in 1..=300 {
        let plan = plan(seed, Profile::Any);
        let text = plan.to_text();
        let read = Plan::parse(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(read, plan, "seed {seed}");
    }
}

#[test]
fn given_many_seeds_when_drawn_then_every_kind_of_trouble_is_in_some_runs_and_not_in_others() {
    let mut seen = BTreeSet::new();
    let mut plans = 0;
    for seed in 1..=300 {
        let plan = plan(seed, Profile::Any);
        let outage = |is: fn(&PlannedOutageKind) -> bool| plan.topology.outages.iter().any(|outage| is(&outage.kind));
        let state = || plan.bridges.iter().filter_map(|bridge| bridge.consumer.state.as_ref());
        let kinds = [
            ("faults", !plan.faults.is_empty()),
            ("cuts", !plan.topology.cuts.is_empty()),
            ("links", !plan.topology.links.is_empty()),
            ("strangers", !plan.topology.strangers.is_empty()),
            ("bodies lag", outage(|kind| matches!(kind, PlannedOutageKind::BodiesLag { .. }))),
            ("withholding", outage(|kind| matches!(kind, PlannedOutageKind::Withholding { .. }))),
            ("resync", outage(|kind| matches!(kind, PlannedOutageKind::Resync { .. }))),
            ("restart", outage(|kind| matches!(kind, PlannedOutageKind::Restart { .. }))),
            ("economy", plan.economy.is_some()),
            ("state machine", state().next().is_some()),
            ("disk faults", state().any(|state| !state.faults.is_empty())),
            ("slow consumer", plan.bridges.iter().any(|bridge| bridge.consumer.store_ms > 0)),
            ("stops", plan.bridges.iter().any(|bridge| !bridge.consumer.stops.is_empty())),
            ("several bridges", plan.bridges.len() > 1),
            ("several nodes", plan.bridges.iter().any(|bridge| bridge.nodes.len() > 1)),
            ("other parameters", plan.parameters.name != "storm"),
            ("a listener", plan.topology.hash_shares.contains(&0)),
        ];
        seen.extend(kinds);
        plans += 1;
    }
    assert_eq!((seen.len(), plans), (2 * 17, 300), "a kind is always there, or never: {seen:?}");
}

#[test]
fn given_seconds_when_asked_for_then_the_storm_is_as_long_and_otherwise_its_length_is_drawn() {
    let lengths: BTreeSet<u64> = (1..=20).map(|seed| plan(seed, Profile::Any).storm_ms).collect();
    assert!(lengths.len() >= 15);
    for (seed, profile) in [(1, Profile::Any), (2, Profile::Default), (3, Profile::Loaded)] {
        let request = Request { seconds: Some(33), profile, ..Request::new(seed) };
        assert_eq!(Scenario::Swarm.expand(&request).map(|plan| plan.storm_ms), Ok(33_000));
    }
}

#[test]
fn given_a_measured_profile_when_drawn_then_its_size_is_the_agreed_one_whatever_the_seed() {
    for seed in 1..=40 {
        for (profile, transactions) in [(Profile::Default, 1_000), (Profile::Loaded, 10_000)] {
            let plan = plan(seed, profile);
            assert_eq!((plan.topology.hash_shares.clone(), plan.topology.mean_delay_ms), (vec![1; 8], 400));
            assert_eq!((plan.bridges.len(), plan.bridges[0].consumer.state.is_some()), (1, true));
            assert_eq!(
                (plan.parameters.name.as_str(), plan.workload.mean_per_thousand_blocks),
                ("storm", transactions)
            );
            assert!(plan.storm_ms >= 600_000 && plan.economy.is_some());
            assert!(plan.faults.len() >= 20 && plan.topology.cuts.len() >= 10 && plan.topology.outages.len() >= 10);
            plan.check().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
    }
}

#[test]
fn given_half_of_the_faults_when_run_then_the_l1_is_the_same() {
    let whole =
        (1..).map(|seed| plan(seed, Profile::Any)).find(|plan| plan.faults.len() > 20 && plan.storm_ms < 90_000);
    let whole = whole.expect("one seed in three has so many faults");
    let mut less = whole.clone();
    less.faults = less.faults.into_iter().step_by(2).collect();
    let (whole, less) = (run_plan(&whole, false), run_plan(&less, false));
    assert_eq!(whole.figures.blocks, less.figures.blocks);
    assert_ne!(whole.hash, less.hash, "the faults did something");
}
