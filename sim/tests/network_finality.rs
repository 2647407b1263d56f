//! Nodes do not leave what is final for them, and leave everything else for a heavier chain.

mod network_support;

use std::time::Duration;

use sim::dag::{BlockId, Dag};
use sim::gossip::{Cut, Heal};
use sim::network::{Network, NetworkConfig};
use sim::params::ParameterSet;
use sim::workload::WorkloadConfig;

use network_support::config;

/// Two of eight nodes, with a third of the hash power, are apart for so long.
fn divided(seed: u64, seconds: u64) -> NetworkConfig {
    let heal = Heal::At(Duration::from_secs(5 + seconds));
    NetworkConfig {
        hash_shares: vec![3, 1, 1, 2, 1, 2, 1, 1],
        mean_delay: Duration::from_millis(100),
        workload: WorkloadConfig::NONE,
        cuts: vec![Cut { at: Duration::from_secs(5), side: vec![0, 1], heal }],
        ..config(seed, 5 + seconds + 20)
    }
}

/// The block of the chain of `tip` that is final for a virtual with this blue score: found by walking down.
fn finality_point(dag: &Dag, tip: BlockId, virtual_blue_score: u64, finality_depth: u64) -> BlockId {
    let Some(required) = virtual_blue_score.checked_sub(finality_depth) else { return BlockId::GENESIS };
    let mut block = tip;
    while dag.blue_score(block) >= required {
        match dag.selected_parent(block) {
            Some(parent) => block = parent,
            None => return BlockId::GENESIS,
        }
    }
    block
}

fn is_on_chain(dag: &Dag, block: BlockId, mut tip: BlockId) -> bool {
    while dag.blue_score(tip) > dag.blue_score(block) {
        tip = dag.selected_parent(tip).expect("genesis has the lowest blue score");
    }
    tip == block
}

#[test]
fn given_cuts_about_as_deep_as_finality_when_they_heal_then_no_sink_leaves_the_finality_point_and_each_is_the_heaviest_allowed()
 {
    let finality_depth = ParameterSet::storm().finality_depth;
    let (mut left, mut stayed) = (0, 0);
    for (seed, seconds) in (0..24).zip((48..72).cycle()) {
        let mut network = Network::new(divided(seed, seconds)).expect("the configuration is valid");
        let mut points = vec![BlockId::GENESIS; network.node_count()];
        let mut deepest = 0;
        while let Some(step) = network.step().expect("a short run never fills the store") {
            let Some((node, change)) = step.resolved else { continue };
            let dag = network.store().dag();
            let (point, view) = (points[node], network.node(node));
            assert!(is_on_chain(dag, point, view.sink()), "seed {seed}: node {node} left {point}");
            if let (Some(&top), Some(&bottom)) = (change.removed.first(), change.removed.last()) {
                deepest = deepest.max(dag.blue_score(top) - dag.blue_score(bottom));
            }
            if step.at > Duration::from_secs(5 + seconds) && step.at.subsec_millis() < 60 {
                for &tip in view.tips().iter().filter(|&&tip| dag.compare(tip, view.sink()).is_gt()) {
                    assert!(!is_on_chain(dag, point, tip), "seed {seed}: node {node} refuses {tip} above {point}");
                }
            }
            let sink = view.sink();
            let virtual_blue_score = network.virtual_block(node).blue_score();
            points[node] = finality_point(network.store().dag(), sink, virtual_blue_score, finality_depth);
        }
        let sinks: Vec<BlockId> = (0..8).map(|node| network.node(node).sink()).collect();
        assert!(sinks[2..].iter().all(|&sink| sink == sinks[2]), "seed {seed}: {sinks:?}");
        assert_eq!(sinks[0], sinks[1], "seed {seed}: the two that were apart agree");
        if sinks[0] == sinks[2] {
            left += 1;
            assert!(deepest > 100, "seed {seed}: {deepest}");
        } else {
            stayed += 1;
        }
    }
    assert!(left >= 4 && stayed >= 4, "{left} left and {stayed} stayed");
}

#[test]
fn given_a_cut_shallower_than_finality_when_it_heals_then_the_losing_side_has_the_sink_of_the_other() {
    for seed in 0..20 {
        let config = NetworkConfig { mining_until: Duration::from_secs(25), ..divided(seed, 20) };
        let mut network = Network::new(config).expect("the configuration is valid");
        let mut removed = 0;
        let mut apart = (BlockId::GENESIS, BlockId::GENESIS);
        while let Some(step) = network.step().expect("a short run never fills the store") {
            if step.at < Duration::from_secs(25) {
                apart = (network.node(0).sink(), network.node(7).sink());
            }
            if let Some((0, change)) = &step.resolved {
                removed = removed.max(change.removed.len());
            }
        }
        let dag = network.store().dag();
        // Mining ended with the cut: the winner's sink stays, and nothing else came on top of it.
        let winner = if dag.compare(apart.0, apart.1).is_gt() { apart.0 } else { apart.1 };
        for node in 0..8 {
            let sink = network.node(node).sink();
            assert!(is_on_chain(dag, winner, sink) || dag.compare(sink, winner).is_gt(), "seed {seed}, node {node}");
            assert_eq!(sink, network.node(7).sink(), "seed {seed}, node {node}");
        }
        assert!(removed > 20, "seed {seed}: {removed}");
    }
}
