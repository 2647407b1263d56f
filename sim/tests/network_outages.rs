//! Nodes that lag, withhold, are down, lose their data or are reset: in the end all agree.

mod network_support;

use std::time::Duration;

use sim::dag::BlockId;
use sim::network::{Network, NetworkConfig, Outage, OutageKind, StepKind};
use sim::node::Progress;
use sim::random::Streams;

use network_support::{config, run, trouble};

/// Four nodes in trouble, drawn from the seed.
fn troubled(seed: u64) -> NetworkConfig {
    let mut stream = Streams::new(seed).stream("test", 0);
    let mut config = NetworkConfig { hash_shares: vec![1, 2, 2, 1], ..config(seed, 30) };
    config.mean_delay = Duration::from_millis(50 + stream.below(500));
    trouble(&mut config, &mut stream, 1_000..26_000);
    config
}

#[test]
fn given_any_outages_and_cuts_above_finality_when_all_is_over_then_every_node_has_everything_and_the_same_sink() {
    let mut wiped = 0;
    for seed in 0..150 {
        let network = run(troubled(seed), |_, step| wiped += usize::from(matches!(step.what, StepKind::Wiped { .. })));
        let dag = network.store().dag();
        let heaviest = (0..dag.len() as u32).map(BlockId).max_by(|&a, &b| dag.compare(a, b)).expect("genesis is there");
        for node in 0..network.node_count() {
            let view = network.node(node);
            assert_eq!(view.progress(), Progress::InSync, "seed {seed}, node {node}");
            assert_eq!(view.sink(), heaviest, "seed {seed}, node {node}");
            assert_eq!((view.known_count(), view.orphan_count()), (dag.len(), 0), "seed {seed}, node {node}");
        }
    }
    assert!(wiped > 50, "{wiped}");
}

#[test]
fn given_bodies_that_lag_when_headers_run_ahead_then_the_sink_stands_and_then_follows_in_steps() {
    let mut config = config(3, 40);
    let (at, until) = (Duration::from_secs(10), Duration::from_secs(25));
    config.outages = vec![Outage { node: 0, at, kind: OutageKind::BodiesLag { until } }];
    let mut network = Network::new(config).expect("the configuration is valid");
    let mut batches = 0;
    let (mut frozen, mut most_behind) = (None, 0);
    while let Some(step) = network.step().expect("a short run never fills the store") {
        let view = network.node(0);
        if step.at > at && step.at < until {
            let sink = *frozen.get_or_insert(view.sink());
            assert_eq!(view.sink(), sink);
            most_behind = network.store().dag().height(view.header_tip()) - network.store().dag().height(sink);
            assert!(matches!(&step.resolved, None | Some((1.., _))), "nothing is resolved without bodies");
        }
        batches += usize::from(matches!(step.what, StepKind::BodiesProcessed { node: 0 }));
    }
    assert!(most_behind > 20 && batches >= 1, "{most_behind} {batches}");
    assert_eq!(network.node(0).sink(), network.node(1).sink());
    assert_eq!(network.node(0).header_tip(), network.node(0).sink());
}

#[test]
fn given_blocks_withheld_when_released_then_the_others_hear_of_them_only_then() {
    let mut config = config(4, 30);
    let (at, until) = (Duration::from_secs(5), Duration::from_secs(15));
    config.outages = vec![Outage { node: 2, at, kind: OutageKind::Withholding { until } }];
    let mut withheld = Vec::new();
    let mut released_count = 0;
    run(config, |network, step| match step.what {
        StepKind::BlockMined { node: 2, block } if step.at > at && step.at < until => withheld.push(block),
        StepKind::WithholdingEnded { node: 2, released } => {
            released_count = released;
            assert!(!withheld.iter().any(|&block| network.node(0).status(block).is_some()));
        }
        _ => {}
    });
    assert!(withheld.len() > 5);
    assert_eq!(released_count, withheld.len());
}

/// A network whose node 0 is down from 10 s on.
fn restarted(seed: u64, mining_seconds: u64, down_seconds: u64) -> NetworkConfig {
    let mut config = config(seed, mining_seconds);
    let at = Duration::from_secs(10);
    let until = at + Duration::from_secs(down_seconds);
    config.outages = vec![Outage { node: 0, at, kind: OutageKind::Restart { until } }];
    config
}

#[test]
fn given_a_node_that_is_down_when_the_others_go_on_then_it_stands_still_and_has_everything_after_it_is_back() {
    let (mut known, mut missing, mut backs) = (None, 0, 0);
    let network = run(restarted(5, 40, 15), |network, step| match step.what {
        StepKind::Restarted { node: 0 } => {
            assert!(!network.is_down(0));
            backs += 1;
            missing = network.store().dag().len() - network.node(0).known_count();
        }
        StepKind::BlockMined { node: 0, .. } => assert!(!network.is_down(0)),
        StepKind::BlockArrived { node: 0, .. } => assert!(!network.is_down(0)),
        _ if network.is_down(0) => {
            let present = (network.node(0).sink(), network.node(0).known_count());
            assert_eq!(*known.get_or_insert(present), present);
        }
        _ => {}
    });
    assert!(backs == 1 && missing > 100, "{backs} {missing}");
    assert_eq!(network.node(0).sink(), network.node(1).sink());
    assert_eq!(network.node(0).known_count(), network.store().dag().len());
}

/// How the node comes up to date that was down for so long, while blocks spread fast and nearly all are chain blocks.
fn ways_back(down_seconds: u64) -> (bool, bool) {
    let mut config = restarted(6, down_seconds + 20, down_seconds);
    config.mean_delay = Duration::from_millis(10);
    let (mut headers_first, mut reset) = (false, false);
    let network = run(config, |_, step| {
        headers_first |= matches!(step.what, StepKind::BodiesProcessed { node: 0 });
        reset |= matches!(step.what, StepKind::Reset { node: 0 });
    });
    assert_eq!(network.node(0).progress(), Progress::InSync);
    assert_eq!(network.node(0).sink(), network.node(1).sink());
    (headers_first, reset)
}

#[test]
fn given_a_node_that_was_down_for_ever_longer_when_back_then_it_gets_blocks_then_headers_first_then_is_reset() {
    assert_eq!(ways_back(20), (false, false), "little is missing");
    assert_eq!(ways_back(80), (true, false), "more than 512 chain blocks are missing");
    assert_eq!(ways_back(400), (true, true), "the others pruned what it would go on from");
}

#[test]
fn given_two_absences_that_overlap_and_one_in_a_reset_when_all_is_over_then_the_node_agrees_with_the_others() {
    for begin_ms in (3_000..9_000).step_by(500) {
        let mut config = restarted(7, 30, 6);
        let outage = |node, at_ms, kind| Outage { node, at: Duration::from_millis(at_ms), kind };
        let until = |until_ms| OutageKind::Restart { until: Duration::from_millis(until_ms) };
        let resync = OutageKind::Resync { from: 0, transition: Duration::from_secs(2) };
        config.outages.push(outage(0, 12_000, until(20_000)));
        config.outages.push(outage(3, begin_ms, resync));
        config.outages.push(outage(3, begin_ms + 20, until(begin_ms + 4_000)));
        let network = run(config, |_, _| ());
        assert!((0..8).all(|node| network.node(node).sink() == network.node(1).sink()), "{begin_ms}");
        assert!((0..8).all(|node| network.node(node).progress() == Progress::InSync && !network.is_down(node)));
    }
}
