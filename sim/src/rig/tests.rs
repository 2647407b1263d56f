//! That each law is found broken which a false event alone cannot break: the rig is told other settings than the follower,
//! or that something happened which did not.

use std::time::Duration;

use super::{Breach, Happening, Law, Rig, RigConfig, settings};
use crate::{
    gossip::{Cut, Heal},
    network::{History, NetworkConfig},
    params::ParameterSet,
    workload::WorkloadConfig,
};

/// Two of three nodes are followed for six seconds, in which one of them is alone for two.
fn rig() -> Rig {
    let parameters =
        ParameterSet { finality_depth: 30, mergeset_size_limit: 2, unchecked: true, ..ParameterSet::storm() };
    let cut = Cut { at: Duration::from_secs(2), side: vec![0], heal: Heal::At(Duration::from_secs(4)) };
    let network = NetworkConfig {
        seed: 3,
        parameters,
        hash_shares: vec![1, 1, 2],
        mean_delay: Duration::from_millis(100),
        workload: WorkloadConfig::mixed(1_000, 4),
        cuts: vec![cut],
        links: Vec::new(),
        outages: Vec::new(),
        history: History::Kept,
        mining_until: Duration::from_secs(6),
    };
    Rig::new(RigConfig { network, follower: settings(2, 30), latencies_ms: vec![4, 11] }).expect("a possible L1")
}

#[track_caller]
fn assert_broken(law: Law, outcome: Result<(), Breach>) {
    let breach = outcome.expect_err("the breach was not found");
    assert_eq!(breach.law, law, "{breach}");
}

#[test]
fn given_a_calm_run_when_settled_and_stopped_then_no_law_is_broken_and_every_answer_was_a_sink_of_its_node() {
    let mut rig = rig();
    while rig.now() < Duration::from_secs(6) {
        rig.run_for(Duration::from_millis(10)).expect("no law is broken");
        let Some(heard) = rig.heard() else { continue };
        let mut sinks = rig.sinks(heard.node).iter().rev().skip_while(|(at, _)| *at > heard.at);
        assert_eq!(sinks.next().map(|(_, sink)| *sink), Some(heard.sink));
    }
    rig.settle().expect("no law is broken");
    rig.shut_down().expect("no law is broken");
    assert!(!rig.finality_was_broken());
    assert!(rig.counters().reorgs > 0 && rig.consumer().path().len() > 30, "{:?}", rig.counters());
    assert!(rig.consumer().root().is_some_and(|root| root.reference.index > 5));
    assert!(!rig.step().expect("no law is broken"), "something is left to happen");
}

#[test]
fn given_the_same_case_twice_when_run_then_everything_is_the_same() {
    let run = || {
        let mut rig = rig();
        let happenings =
            [Happening::Pass { ms: 2_500 }, Happening::HangUp, Happening::Restart { back: 9, window: true }];
        happenings.into_iter().try_for_each(|happening| rig.happen(happening)).expect("no law is broken");
        rig.settle().expect("no law is broken");
        (rig.now(), rig.counters(), rig.consumer().path().to_vec())
    };
    assert_eq!(run(), run());
}

#[test]
fn given_half_or_all_of_the_acknowledged_events_lost_when_restarted_then_so_many_are_told_again() {
    let mut rig = rig();
    rig.happen(Happening::Pass { ms: 4_000 }).expect("no law is broken");
    let acknowledged = rig.acknowledged;
    assert!(acknowledged > 10, "{acknowledged}");
    rig.happen(Happening::RestartAnywhere { lost_percent: 50, window: true }).expect("no law is broken");
    assert_eq!((rig.acknowledged, rig.consumer.sequence()), (acknowledged - acknowledged / 2, rig.acknowledged));
    for lost_percent in [100, 255] {
        rig.happen(Happening::RestartAnywhere { lost_percent, window: false }).expect("no law is broken");
        assert_eq!((rig.acknowledged, rig.consumer.path().len()), (0, 0));
        rig.happen(Happening::Pass { ms: 1_000 }).expect("no law is broken");
        assert!(rig.acknowledged > 5, "{}", rig.acknowledged);
    }
    rig.settle().expect("no law is broken");
}

#[test]
fn given_an_answer_from_the_other_side_of_a_cut_when_a_block_is_added_then_the_guarantee_is_broken() {
    let mut rig = rig();
    rig.run_for(Duration::from_millis(3_500)).expect("no law is broken");
    assert_ne!(rig.network.node(0).sink(), rig.network.node(2).sink());
    let other = rig.network.node(2).sink();
    let outcome = loop {
        rig.heard = rig.heard.map(|heard| super::Answered { sink: other, ..heard });
        // The reply on its way says what its node had; here it is as if another had said so.
        for delivery in rig.on_the_way.values_mut() {
            if let super::Delivery::Frame { frame, .. } | super::Delivery::Served { reply: frame, .. } = delivery {
                frame.answered_by(other);
            }
        }
        match rig.step() {
            Ok(true) => {}
            ended => break ended.map(drop),
        }
    };
    assert_broken(Law::Guarantee, outcome);
}

#[test]
fn given_more_confirmations_asked_for_than_kept_when_a_block_is_added_then_it_is_found() {
    let mut rig = rig();
    rig.config.confirmations = 3;
    assert_broken(Law::Confirmations, rig.run_for(Duration::from_secs(2)));
}

#[test]
fn given_a_follower_that_fetches_beyond_the_mark_when_nothing_is_acknowledged_then_the_queue_is_found_too_long() {
    let mut rig = rig();
    rig.config.high_water_mark = 5;
    rig.happen(Happening::StopAcknowledging { ms: 60_000 }).expect("nothing happens yet");
    assert_broken(Law::Queue, rig.run_for(Duration::from_secs(6)));
}

#[test]
fn given_requests_without_a_reason_when_settled_then_the_economy_is_broken() {
    for kind in [|rig: &mut Rig| rig.counters.chain_requests += 1_000, |rig: &mut Rig| rig.counters.requests += 10_000]
    {
        let mut rig = rig();
        kind(&mut rig);
        assert_broken(Law::Economy, rig.settle());
    }
}

#[test]
fn given_a_second_session_or_no_wake_up_when_called_then_the_contract_is_broken() {
    let mut second = rig();
    second.follower_session = Some(99);
    assert_broken(Law::Contract, second.run_for(Duration::from_secs(1)));
    let mut asleep = rig();
    asleep.run_for(Duration::from_secs(1)).expect("no law is broken");
    asleep.wake_at = None;
    assert_broken(
        Law::Contract,
        asleep.tick().and_then(|()| {
            asleep.wake_at = None;
            asleep.input(bridge::follower::Input::Ack { sequence: 0 }).map_err(|broken| broken.at(asleep.now))
        }),
    );
}

#[test]
fn given_addresses_without_a_node_or_twice_when_set_up_then_it_is_refused() {
    let base = rig();
    let network = |seed| NetworkConfig {
        seed,
        parameters: base.network.store().parameters().clone(),
        hash_shares: vec![1],
        mean_delay: Duration::ZERO,
        workload: WorkloadConfig::NONE,
        cuts: Vec::new(),
        links: Vec::new(),
        outages: Vec::new(),
        history: History::Kept,
        mining_until: Duration::ZERO,
    };
    let mut twice = settings(1, 30);
    twice.nodes.extend(settings(1, 30).nodes);
    for follower in [settings(2, 30), twice] {
        let outcome = Rig::new(RigConfig { network: network(1), follower, latencies_ms: Vec::new() });
        let error = outcome.err().expect("it has one node");
        assert!(error.to_string().contains("the network 1 nodes"), "{error}");
    }
}
