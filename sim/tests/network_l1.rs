//! The simulated L1 as a whole: determinism, limits, views, cuts.

mod network_support;

use std::collections::BTreeSet;
use std::time::Duration;

use kaspa_consensus_core::hashing;
use kaspa_consensus_core::merkle::calc_hash_merkle_root;
use kaspa_hashes::Hash;
use network_support::{change, config, cut, run};
use sim::dag::BlockId;
use sim::gossip::{Cut, Heal, LOSING_MARGIN_BLUE_SCORE};
use sim::network::{Arrival, Network, NetworkError, StepKind};
use sim::params::ParameterSet;
use sim::workload::WorkloadConfig;

fn block_hashes(network: &Network) -> Vec<Hash> {
    (0..network.store().block_count() as u32).map(|id| network.store().dag().hash(BlockId(id))).collect()
}

fn all_blocks(network: &Network) -> impl Iterator<Item = BlockId> {
    (0..network.store().block_count() as u32).map(BlockId)
}

#[test]
fn given_one_configuration_when_run_twice_then_the_blocks_are_the_same_and_another_seed_gives_others() {
    let first = block_hashes(&run(config(1, 20), |_, _| {}));
    let again = block_hashes(&run(config(1, 20), |_, _| {}));
    let other = block_hashes(&run(config(2, 20), |_, _| {}));
    assert!(first.len() > 100, "{}", first.len());
    assert_eq!(first, again);
    let first: BTreeSet<_> = first.into_iter().skip(1).collect();
    assert!(other.iter().skip(1).all(|hash| !first.contains(hash)));
}

#[test]
fn given_a_follower_that_asks_everything_when_run_then_the_blocks_are_the_same() {
    let undisturbed = block_hashes(&run(config(1, 20), |_, _| {}));
    let mut asked = 0;
    let disturbed = run(config(1, 20), |network, _| {
        for node in 0..network.node_count() {
            network.answer(node, asked, &bridge::wire::Request::GetBlockDagInfo);
            asked += 1;
        }
    });
    assert_eq!(undisturbed, block_hashes(&disturbed));
}

#[test]
fn given_mined_blocks_when_their_headers_are_checked_then_hash_parents_and_roots_are_real() {
    let network = run(config(3, 30), |_, _| {});
    let (store, dag) = (network.store(), network.store().dag());
    let mut transactions = 0;
    for block in all_blocks(&network) {
        let header = store.header(block);
        assert_eq!(hashing::header::hash(&header), dag.hash(block));
        let own: Vec<_> = store.transactions_of(block).map(|index| store.transaction(index)).collect();
        assert_eq!(calc_hash_merkle_root(own.iter().map(|own| own.as_ref())), header.hash_merkle_root);
        for own in &own {
            assert_eq!(hashing::tx::id(own), own.id());
        }
        transactions += own.len() - 1;
        if block == BlockId::GENESIS {
            continue;
        }
        let parents: Vec<Hash> = dag.parents(block).iter().map(|&parent| dag.hash(parent)).collect();
        assert_eq!(header.direct_parents(), parents);
        assert_eq!(parents.first().copied(), dag.selected_parent(block).map(|parent| dag.hash(parent)));
        assert_eq!(header.blue_score, dag.blue_score(block));
        assert_eq!(header.daa_score, dag.daa_score(block));
        assert_eq!(header.blue_work, dag.blue_work(block));
    }
    assert!(transactions > 150, "{transactions}");
}

#[test]
fn given_wide_dags_and_a_healed_cut_when_blocks_are_mined_then_no_limit_is_exceeded() {
    let mut config = config(4, 60);
    config.mean_delay = Duration::from_millis(1_500);
    config.parameters.max_block_parents = 6;
    config.cuts = vec![cut(Heal::At(Duration::from_secs(30)))];
    let limits = config.parameters.clone();
    let network = run(config, |_, _| {});
    let dag = network.store().dag();
    let mergeset = |block| dag.mergeset_blues(block).len() + dag.mergeset_reds(block).len();
    let widest = all_blocks(&network).map(|block| dag.parents(block).len()).max();
    let largest = all_blocks(&network).map(mergeset).max();
    // Both limits are reached, else this would show nothing.
    assert_eq!(widest, Some(limits.max_block_parents));
    assert_eq!(largest, Some(limits.mergeset_size_limit));
}

#[test]
fn given_changes_of_a_sink_when_applied_then_they_give_the_walk_of_selected_parents() {
    let mut config = config(5, 40);
    config.cuts = vec![cut(Heal::At(Duration::from_secs(20)))];
    let mut chains = vec![vec![BlockId::GENESIS]; 8];
    let mut removals = 0;
    let mut orphans = 0;
    run(config, |network, step| {
        if let StepKind::BlockArrived { arrival: Arrival::Orphaned, .. } = step.what {
            orphans += 1;
        }
        let Some((node, change)) = change(step) else { return };
        let (view, dag) = (network.node(node), network.store().dag());
        removals += usize::from(!change.removed.is_empty());
        for &removed in &change.removed {
            assert_eq!(chains[node].pop(), Some(removed));
        }
        chains[node].extend_from_slice(&change.added);
        let mut walked: Vec<_> =
            std::iter::successors(Some(view.sink()), |&block| dag.selected_parent(block)).collect();
        walked.reverse();
        assert_eq!(view.chain(), walked);
        assert_eq!(chains[node], walked);
        assert_eq!(change.sink_blue_score, dag.blue_score(view.sink()));
        let heaviest = view.tips().iter().copied().max_by(|&a, &b| dag.compare(a, b));
        assert_eq!(heaviest, Some(view.sink()));
    });
    assert!(removals > 20, "{removals}");
    assert!(orphans > 20, "{orphans}");
}

#[test]
fn given_a_cut_that_heals_when_mining_stops_then_all_nodes_have_one_sink_and_every_block() {
    for heal in [Heal::At(Duration::from_secs(25)), Heal::WhenChainGrew { node: 0, chain_blocks: 30 }] {
        let mut config = config(6, 40);
        config.cuts = vec![cut(heal)];
        let mut deepest = 0;
        let mut healed_at = Duration::ZERO;
        let mut held = 0;
        let network = run(config, |network, step| {
            match &step.what {
                StepKind::DeliveryHeld { delivery, .. } => {
                    held += 1;
                    assert!((delivery.from < 3) != (delivery.to < 3));
                }
                StepKind::CutHealed { released, .. } => {
                    // Some may have been fetched from a node of the same side.
                    assert!((held * 9 / 10..=held).contains(released), "{released} of {held}");
                    healed_at = step.at;
                }
                _ => {}
            }
            if let Some((_, change)) = change(step) {
                deepest = deepest.max(change.removed.len());
            }
            if let (Heal::WhenChainGrew { .. }, StepKind::CutHealed { .. }) = (heal, &step.what) {
                let dag = network.store().dag();
                let common = dag.common_chain_ancestor(network.node(0).sink(), network.node(7).sink());
                assert!(dag.height(network.node(0).sink()) - dag.height(common) >= 30);
            }
        });
        assert!(network.is_quiet());
        assert!(held > 100, "{held}");
        assert!(healed_at > Duration::from_secs(10) && healed_at < Duration::from_secs(39), "{healed_at:?}");
        assert!(deepest >= 25, "{deepest}");
        for node in 0..network.node_count() {
            assert_eq!(network.node(node).sink(), network.node(0).sink());
            assert_eq!(network.node(node).known_count(), network.store().block_count());
            assert_eq!(network.node(node).orphan_count(), 0);
        }
    }
}

#[test]
fn given_blocks_on_the_way_when_a_cut_begins_then_each_side_goes_on_as_one_network() {
    let mut fetched = 0;
    for seed in 0..20 {
        let mut config = config(seed, 60);
        config.workload = WorkloadConfig::NONE;
        config.cuts = vec![cut(Heal::At(Duration::from_secs(50)))];
        let mut network = Network::new(config).expect("the configuration is valid");
        let mut held = BTreeSet::new();
        while network.next_event_at().is_some_and(|at| at < Duration::from_secs(40)) {
            let step = network.step().expect("a short run never fills the store").expect("an event is pending");
            match step.what {
                StepKind::DeliveryHeld { delivery, .. } => {
                    held.insert((delivery.to, delivery.block));
                }
                StepKind::BlockArrived { node, block, .. } => fetched += usize::from(held.contains(&(node, block))),
                _ => {}
            }
        }
        let (store, dag) = (network.store(), network.store().dag());
        for side in [0..3, 3..8] {
            let scores = side.clone().map(|node| dag.blue_score(network.node(node).sink()));
            let (least, most) = (scores.clone().min().expect("not empty"), scores.max().expect("not empty"));
            assert!(most - least < 25, "seed {seed}: sinks from {least} to {most} on side {side:?}");
            for node in side {
                let orphans = network.node(node).orphan_count();
                assert!(orphans < 25, "seed {seed}: node {node} waits for parents of {orphans} blocks");
            }
        }
        assert!(store.block_count() > 300);
    }
    assert!(fetched > 20, "{fetched}");
}

/// What the healing of one cut did to node 0, whose side has the given number of the eight equal miners.
struct Healing {
    at: Duration,
    /// By how much blue score each node of the other side was above node 0 when it healed.
    least_lead: i64,
    deepest_reorg: usize,
}

/// Cuts node 0 off at 10 s until its chain has grown by `chain_blocks`, and goes on for 8 s after healing.
fn healing(seed: u64, miners_on_side: usize, chain_blocks: u64, mining_seconds: u64) -> Healing {
    let mut config = config(seed, mining_seconds);
    config.workload = WorkloadConfig::NONE;
    let heal = Heal::WhenChainGrew { node: 0, chain_blocks };
    config.cuts = vec![Cut { side: (0..miners_on_side).collect(), ..cut(heal) }];
    let mut network = Network::new(config).expect("the configuration is valid");
    let mut healing: Option<Healing> = None;
    while let Some(step) = network.step().expect("a short run never fills the store") {
        if healing.as_ref().is_some_and(|healing| step.at > healing.at + Duration::from_secs(8)) {
            break;
        }
        if let StepKind::CutHealed { .. } = step.what {
            let score = |node: usize| network.store().dag().blue_score(network.node(node).sink()) as i64;
            let least_lead = (miners_on_side..8).map(|node| score(node) - score(0)).min().expect("two sides");
            healing = Some(Healing { at: step.at, least_lead, deepest_reorg: 0 });
        }
        if let (Some(healing), Some((0, change))) = (&mut healing, change(&step)) {
            healing.deepest_reorg = healing.deepest_reorg.max(change.removed.len());
        }
    }
    healing.expect("the cut heals at the end of mining at the latest")
}

#[test]
fn given_a_cut_that_waits_for_the_losing_side_when_it_heals_then_the_node_loses_at_least_so_many_chain_blocks() {
    for miners_on_side in [2, 3] {
        for seed in 0..60 {
            let chain_blocks = 23 + seed % 6;
            let healing = healing(seed, miners_on_side, chain_blocks, 80);
            let what = format!("seed {seed}, {miners_on_side} of 8 miners, healed at {:?}", healing.at);
            assert!(healing.at < Duration::from_secs(80), "{what}");
            assert!(healing.least_lead >= LOSING_MARGIN_BLUE_SCORE as i64, "{what}: {}", healing.least_lead);
            assert!(healing.deepest_reorg as u64 >= chain_blocks, "{what}: {} removed", healing.deepest_reorg);
        }
    }
}

#[test]
fn given_equal_sides_when_a_cut_heals_before_mining_ends_then_the_node_had_lost() {
    let (mut healed_early, mut turned) = (0, 0);
    for seed in 0..40 {
        let healing = healing(seed, 4, 15, 60);
        if healing.at < Duration::from_secs(60) {
            healed_early += 1;
            assert!(healing.least_lead >= LOSING_MARGIN_BLUE_SCORE as i64, "seed {seed}: {}", healing.least_lead);
            turned += usize::from(healing.deepest_reorg < 15);
        }
    }
    // With half of the hash power even a lost side may turn the tables while the other's blocks are on their way.
    assert!(turned <= 2, "{turned}");
    // Either side may win, and neither always does.
    assert!((10..40).contains(&healed_early), "{healed_early}");
}

#[test]
fn given_the_larger_side_when_it_is_watched_then_the_cut_heals_only_when_mining_ends() {
    for seed in 0..5 {
        let healing = healing(seed, 6, 15, 40);
        assert_eq!((healing.at, healing.deepest_reorg < 15), (Duration::from_secs(40), true), "seed {seed}");
    }
}

#[test]
fn given_a_chain_that_never_grows_enough_when_mining_ends_then_the_cut_heals() {
    let mut config = config(7, 15);
    config.cuts = vec![cut(Heal::WhenChainGrew { node: 0, chain_blocks: 1_000_000 })];
    let mut healed_at = None;
    let network = run(config, |_, step| {
        if let StepKind::CutHealed { .. } = step.what {
            healed_at = Some(step.at);
        }
    });
    assert_eq!(healed_at, Some(Duration::from_secs(15)));
    assert_eq!(network.node(0).sink(), network.node(7).sink());
}

#[test]
fn given_storm_for_120_seconds_when_eight_miners_mine_then_the_chain_grows_as_expected() {
    let network = run(config(1, 120), |_, _| {});
    let chain_blocks = network.node(0).chain().len() - 1;
    let blocks = network.store().block_count() - 1;
    println!("storm, 120 s: {blocks} blocks, {chain_blocks} chain blocks, {:.2} a second", chain_blocks as f64 / 120.0);
    assert!((1_050..1_350).contains(&blocks), "{blocks}");
    assert!((150..600).contains(&chain_blocks), "{chain_blocks}");
}

#[test]
fn given_no_workload_when_run_then_no_block_has_more_than_its_coinbase() {
    let mut empty = config(8, 20);
    empty.workload = WorkloadConfig::NONE;
    let network = run(empty, |_, _| {});
    assert_eq!(network.store().transaction_count(), 0);
}

#[test]
fn given_a_wrong_configuration_when_set_up_then_the_error_says_what_is_wrong() {
    let refused = |config| Network::new(config).err().map(|error| error.to_string()).unwrap_or_default();
    let valid = config(1, 1);
    let with_cut = |side: Vec<usize>, heal| {
        let mut config = valid.clone();
        config.cuts = vec![cut(Heal::At(Duration::from_secs(20))), Cut { side, ..cut(heal) }];
        refused(config)
    };
    let late = Heal::At(Duration::from_secs(20));
    assert_eq!(with_cut(vec![8], late), "cut 1 names node 8, the network has 8 nodes");
    assert_eq!(with_cut(vec![], late), "cut 1 has all nodes of the network on one side");
    assert_eq!(with_cut((0..8).collect(), late), "cut 1 has all nodes of the network on one side");
    let watched = Heal::WhenChainGrew { node: 9, chain_blocks: 1 };
    assert_eq!(with_cut(vec![1], watched), "cut 1 names node 9, the network has 8 nodes");
    let early = Heal::At(Duration::from_secs(10));
    assert_eq!(with_cut(vec![1], early), "cut 1 begins at 10s and heals at 10s, which is not later");
    let mut config = valid.clone();
    config.hash_shares = vec![0, 0];
    assert_eq!(Network::new(config).err(), Some(NetworkError::NoHashPower));
    let mut config = valid.clone();
    config.hash_shares = Vec::new();
    assert_eq!(Network::new(config).err(), Some(NetworkError::NodeCount { count: 0 }));
    let mut config = valid.clone();
    config.workload.chained_percent = 99;
    assert_eq!(refused(config), "`sum of the workload's percentages` is 111, it must be at most 100");
    let mut config = valid.clone();
    config.mean_delay = Duration::MAX;
    assert!(refused(config).starts_with("`mean_delay` is 18446744073709551615"));
    let mut config = valid;
    config.parameters = ParameterSet { pruning_depth: 5, ..ParameterSet::storm() };
    assert!(matches!(Network::new(config).err(), Some(NetworkError::Parameters(_))));
}
