//! Nodes that lag, withhold, lose their data or are reset: in the end all agree.

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
