//! What the swarm draws: possible plans, every kind of trouble in some runs and none of them in others, and the two profiles
//! that speed is measured on.

use std::{collections::BTreeSet, sync::Arc};

use scenarios::{
    fault::Fault,
    plan::{Plan, PlannedCut, PlannedHeal, PlannedOutageKind},
    run::Untouched,
    runner::{Traced, run_on_fresh_thread},
    scenario::{Profile, Request, Scenario},
};
use sim::{
    params::ParameterSet,
    trace::{Entry, Record},
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
            ("confirmations", plan.bridges.iter().any(|bridge| bridge.confirmations > 0)),
            ("stops", plan.bridges.iter().any(|bridge| !bridge.consumer.stops.is_empty())),
            ("several bridges", plan.bridges.len() > 1),
            ("several nodes", plan.bridges.iter().any(|bridge| bridge.nodes.len() > 1)),
            ("other parameters", plan.parameters.name != "storm"),
            ("a listener", plan.topology.hash_shares.contains(&0)),
        ];
        seen.extend(kinds);
        plans += 1;
    }
    assert_eq!((seen.len(), plans), (2 * 18, 300), "a kind is always there, or never: {seen:?}");
}

#[test]
fn given_many_bridges_when_drawn_then_one_in_four_waits_for_confirmations_far_fewer_than_finality_has() {
    let plans: Vec<Plan> = (1..=300).map(|seed| plan(seed, Profile::Any)).collect();
    let bridges = || plans.iter().flat_map(|plan| plan.bridges.iter().map(move |bridge| (plan, bridge.confirmations)));
    let waiting = bridges().filter(|(_, confirmations)| *confirmations > 0).count();
    let all = bridges().count();
    assert!((all / 6..=all / 3).contains(&waiting), "{waiting} of {all}");
    assert!(bridges().all(|(plan, confirmations)| confirmations <= plan.parameters.finality_depth / 8));
    let drawn: BTreeSet<u64> = bridges().map(|(_, confirmations)| confirmations).collect();
    assert!(drawn.len() >= 15, "{drawn:?}");
}

#[test]
fn given_a_parameter_set_when_asked_for_then_every_seed_has_it_and_otherwise_some_draw_their_own() {
    for set in [ParameterSet::storm(), ParameterSet::deep()] {
        for seed in 1..=40 {
            let request = Request { parameters: Some(Arc::new(set.clone())), ..Request::new(seed) };
            let plan = Scenario::Swarm.expand(&request).expect("the set is deep enough");
            assert_eq!(plan.parameters, set, "seed {seed}");
        }
    }
    let own = (1..=40).filter(|seed| plan(*seed, Profile::Any).parameters != ParameterSet::storm()).count();
    assert!((5..=35).contains(&own), "{own} of 40 seeds draw their own");
}

/// Hash power of some nodes.
fn share(plan: &Plan, nodes: impl Iterator<Item = u32>) -> u32 {
    nodes.map(|node| plan.topology.hash_shares[node as usize]).sum()
}

#[test]
fn given_a_cut_that_waits_for_a_losing_branch_when_drawn_then_its_side_has_hash_power_and_less_than_the_others() {
    let mut waiting = 0;
    for seed in 1..=500 {
        let plan = plan(seed, Profile::Any);
        let nodes = plan.topology.hash_shares.len() as u32;
        for PlannedCut { side, heal, .. } in &plan.topology.cuts {
            if let PlannedHeal::WhenChainGrew { .. } = heal {
                let others = share(&plan, (0..nodes).filter(|node| !side.contains(node)));
                let own = share(&plan, side.iter().copied());
                assert!((1..others).contains(&own), "seed {seed}: {side:?} of {:?}", plan.topology.hash_shares);
                waiting += 1;
            }
        }
    }
    assert!(waiting >= 200, "only {waiting} cuts wait");
}

#[test]
fn given_a_flapping_network_when_drawn_then_the_first_bridge_listens_to_two_halves_of_equal_hash_power() {
    let mut flapping = 0;
    for seed in 1..=300 {
        let plan = plan(seed, Profile::Any);
        let nodes = plan.topology.hash_shares.len() as u32;
        let silent: Vec<u32> = (0..nodes).filter(|node| plan.topology.hash_shares[*node as usize] == 0).collect();
        let [listener] = silent[..] else {
            assert!(silent.is_empty(), "seed {seed}: {silent:?} have no hash power");
            continue;
        };
        let half = |first| share(&plan, (0..nodes).filter(|node| node % 2 == first));
        assert_eq!((listener, half(0)), (plan.bridges[0].nodes[0], half(1)), "seed {seed}");
        flapping += 1;
    }
    assert!((75..=225).contains(&flapping), "{flapping} of 300");
}

#[test]
fn given_slow_links_when_drawn_then_each_joins_two_nodes() {
    let links = (1..=300).flat_map(|seed| plan(seed, Profile::Any).topology.links);
    assert!(links.filter(|link| link.between == link.and).count() == 0);
}

/// Strikes of the kind that strikes most, cuts, outages, stops, and disk faults.
fn trouble(seed: u64, seconds: u64) -> [usize; 5] {
    let request = Request { seconds: Some(seconds), ..Request::new(seed) };
    let plan = Scenario::Swarm.expand(&request).expect("the swarm has a plan for every length");
    plan.check().unwrap_or_else(|error| panic!("seed {seed}, {seconds} s: {error}"));
    let of_kind = |name| plan.faults.iter().filter(|fault| fault.what.name() == name).count();
    let consumers = || plan.bridges.iter().map(|bridge| &bridge.consumer);
    [
        Fault::NAMES.into_iter().map(of_kind).max().unwrap_or(0),
        plan.topology.cuts.len(),
        plan.topology.outages.len(),
        consumers().map(|consumer| consumer.stops.len()).sum(),
        consumers().filter_map(|consumer| consumer.state.as_ref()).map(|state| state.faults.len()).sum(),
    ]
}

#[test]
fn given_a_long_storm_when_drawn_then_there_is_more_of_every_kind_of_trouble() {
    let sum = |seconds| {
        (1..=40).map(|seed| trouble(seed, seconds)).fold([0; 5], |sum, one| std::array::from_fn(|i| sum[i] + one[i]))
    };
    let (short, long): ([usize; 5], [usize; 5]) = (sum(120), sum(12_000));
    for (name, (short, long)) in
        ["strikes", "cuts", "outages", "stops", "disk faults"].iter().zip(short.iter().zip(long))
    {
        assert!(long >= 20 * short, "{name}: {long} in a hundred times the length of {short}");
    }
    // The wildest weather and the longest storm have a plan that its file can hold.
    let longest = trouble(16, 100_000_000);
    assert!(longest.iter().all(|count| *count < 10_000), "{longest:?}");
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
    let run = |plan| run_on_fresh_thread(plan, true, Box::new(Untouched));
    let (whole, less) = (run(whole), run(less));
    assert_ne!(whole.report.hash, less.report.hash, "the faults did something");
    let (whole, less) = (of_the_l1(whole), of_the_l1(less));
    assert!(whole.len() > 300, "{} records", whole.len());
    let first = whole.iter().zip(&less).find(|(one, other)| one != other);
    assert!(whole.len() == less.len() && first.is_none(), "the L1 is another: {first:?}");
}

/// What the nodes and the network did, whoever followed.
fn of_the_l1(Traced { trace, .. }: Traced) -> Vec<Entry> {
    use Record::{BlockArrived, BlockMined, CutBegan, CutHealed, DeliveryHeld};
    let is_of_the_l1 = |entry: &Entry| {
        matches!(
            entry.record,
            BlockArrived { .. } | BlockMined { .. } | CutBegan { .. } | CutHealed { .. } | DeliveryHeld { .. }
        )
    };
    trace.into_iter().filter(is_of_the_l1).collect()
}
