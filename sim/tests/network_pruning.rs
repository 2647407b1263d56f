//! Pruning points advance as in the node, data below them goes away step by step, and memory with it.

mod network_support;

use std::time::Duration;

use bridge::wire::{Request, Verbosity};
use sim::dag::{BlockId, Dag};
use sim::gossip::{Cut, Heal};
use sim::network::{History, Network, NetworkConfig, Outage, OutageKind, StepKind};
use sim::node::{Answer, BlockStatus, Progress};
use sim::params::ParameterSet;
use sim::random::Streams;
use sim::workload::WorkloadConfig;

use network_support::{config, trouble};

/// Four nodes that mine long enough to prune many times.
fn long(seed: u64, seconds: u64) -> NetworkConfig {
    NetworkConfig {
        hash_shares: vec![1, 1, 2, 2],
        mean_delay: Duration::from_millis(200),
        workload: WorkloadConfig::mixed(500, 4),
        ..config(seed, seconds)
    }
}

/// The pruning point of a chain block as the rules define it: the highest chain block whose blue score is the first in its
/// finality interval and at least the pruning depth below; never below that of an earlier chain block.
fn pruning_point(dag: &Dag, chain: &[BlockId], parameters: &ParameterSet) -> BlockId {
    let interval = |block: BlockId| dag.blue_score(block) / parameters.finality_depth;
    let tip = *chain.last().expect("a chain has a tip");
    let is_sample = |pair: &&[BlockId]| interval(pair[0]) < interval(pair[1]);
    let samples = chain.windows(2).filter(is_sample).map(|pair| pair[1]);
    let mut deep = samples.filter(|&block| dag.blue_score(block) + parameters.pruning_depth <= dag.blue_score(tip));
    deep.next_back().unwrap_or(BlockId::GENESIS)
}

fn text(network: &mut Network, node: usize, start: BlockId) -> String {
    let start_hash = network.store().dag().hash(start);
    let request =
        Request::GetVirtualChainFromBlockV2 { start_hash, verbosity: Verbosity::None, min_confirmation_count: None };
    match network.answer(node, 1, &request) {
        Answer::Reply(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Answer::DropConnection => panic!("the node knows the operation"),
    }
}

#[test]
fn given_a_network_that_mines_for_minutes_when_pruning_points_advance_then_they_are_the_headers_and_the_definition() {
    let parameters = ParameterSet::storm();
    let mut network = Network::new(long(1, 400)).expect("the configuration is valid");
    let mut chain = vec![BlockId::GENESIS];
    let (mut moves, mut last) = (0, BlockId::GENESIS);
    while let Some(step) = network.step().expect("a short run never fills the store") {
        let Some((0, change)) = &step.resolved else { continue };
        chain.truncate(chain.len() - change.removed.len());
        for &added in &change.added {
            chain.push(added);
            let expected = pruning_point(network.store().dag(), &chain, &parameters);
            assert_eq!(network.store().pruning_point(added), expected, "block {added}");
        }
        let (view, dag) = (network.node(0), network.store().dag());
        let point = view.pruning_point();
        assert_eq!(view.retention_root(), point);
        assert!(dag.is_chain_ancestor(last, point) && dag.is_chain_ancestor(point, view.sink()));
        let depth = dag.blue_score(view.sink()) - dag.blue_score(point);
        assert!(point == BlockId::GENESIS || depth >= parameters.pruning_depth, "{depth}");
        moves += u32::from(point != last);
        last = point;
    }
    assert!(moves >= 8, "{moves}");
}

#[test]
fn given_a_pruning_point_that_moves_when_a_block_below_is_asked_for_then_its_text_changes_with_deletion() {
    let mut network = Network::new(long(2, 600)).expect("the configuration is valid");
    let mut low = None;
    let (mut before, mut header_only, mut gone) = (0, 0, 0);
    while let Some(step) = network.step().expect("a short run never fills the store") {
        let view = network.node(0);
        let root = view.retention_root();
        if low.is_none() && root != BlockId::GENESIS {
            assert!(view.deletion_is_due());
            low = network.store().dag().selected_parent(root);
        }
        let Some(low) = low else { continue };
        if step.at.subsec_millis() > 30 {
            continue;
        }
        let (status, due) = (network.node(0).status(low), network.node(0).deletion_is_due());
        let text = text(&mut network, 0, low);
        if status.is_some() {
            assert!(text.ends_with("the queried hash does not have retention root on its chain"), "{text}");
        } else {
            assert!(text.ends_with(&format!("cannot find header {}", network.store().dag().hash(low))), "{text}");
        }
        match status {
            Some(BlockStatus::Full) => {
                assert!(due && header_only == 0 && gone == 0);
                before += 1;
            }
            Some(BlockStatus::HeaderOnly) => {
                assert_eq!(gone, 0);
                header_only += 1;
            }
            None => gone += 1,
        }
    }
    assert!(before > 5 && header_only > 50 && gone > 50, "{before} {header_only} {gone}");
}

#[test]
fn given_a_node_reset_by_a_pruning_proof_when_it_syncs_then_its_chain_begins_at_the_new_pruning_point_and_nothing_is_removed()
 {
    let mut config = long(3, 300);
    let at = Duration::from_secs(250);
    let transition = Duration::from_secs(3);
    config.outages = vec![Outage { node: 0, at, kind: OutageKind::Resync { from: 3, transition } }];
    let mut network = Network::new(config).expect("the configuration is valid");
    let (mut old_anchor, mut transitional, mut overrides, mut batches) = (BlockId::GENESIS, 0, 0, 0);
    while let Some(step) = network.step().expect("a short run never fills the store") {
        let view = network.node(0);
        match step.what {
            StepKind::Reset { node: 0 } => {
                let point = view.pruning_point();
                assert_eq!((point, view.sink()), (network.node(3).pruning_point(), view.retention_root()));
                assert_ne!(point, BlockId::GENESIS);
                assert_eq!(view.status(point), Some(BlockStatus::HeaderOnly));
                old_anchor = network.store().dag().selected_parent(point).expect("it is not genesis");
            }
            StepKind::TransitionEnded { node: 0 } => {
                overrides += 1;
                assert_eq!(step.at, at + transition);
                assert_eq!(view.sink(), view.pruning_point());
            }
            _ => {}
        }
        if view.progress() == Progress::Transitional {
            transitional += 1;
            let sink = view.sink();
            assert!(text(&mut network, 0, sink).ends_with("consensus is currently in a transitional ibd state"));
        } else if overrides == 1 && network.node(0).progress() == Progress::CatchingUp {
            if let Some((0, change)) = &step.resolved {
                batches += 1;
                // The end of a batch need not be on the chain in the end; nothing of the old chain is told.
                let (dag, point) = (network.store().dag(), network.node(0).pruning_point());
                assert!(
                    change.removed.iter().all(|&removed| removed != point && dag.is_chain_ancestor(point, removed))
                );
                assert!(batches > 1 || dag.selected_parent(change.added[0]) == Some(point));
            }
            assert!(text(&mut network, 0, old_anchor).contains("retention root"));
        }
    }
    assert!(transitional > 10 && overrides == 1 && batches > 5, "{transitional} {overrides} {batches}");
    assert_eq!(network.node(0).sink(), network.node(1).sink());
    assert_eq!(network.node(0).progress(), Progress::InSync);
}

/// A run with cuts and resets: its end, and the most memory that it took in each quarter.
fn run_with_history(history: History, seconds: u64) -> (Network, [usize; 4]) {
    let mut config = long(4, seconds);
    config.history = history;
    for start in (20..seconds - 30).step_by(60) {
        let heal = Heal::At(Duration::from_secs(start + 12));
        config.cuts.push(Cut { at: Duration::from_secs(start), side: vec![0], heal });
    }
    // Resets by pruning proofs: everything is pruned by then.
    for (number, start) in (140..seconds - 60).step_by(200).enumerate() {
        let kind = OutageKind::Resync { from: 3, transition: Duration::from_secs(2) };
        config.outages.push(Outage { node: number % 3, at: Duration::from_secs(start), kind });
    }
    let mut network = Network::new(config).expect("the configuration is valid");
    let mut most = [0; 4];
    while let Some(step) = network.step().expect("the store is never full") {
        if matches!(step.what, StepKind::Deleted { .. }) {
            let quarter = ((4 * step.at.as_secs()) / seconds).min(3) as usize;
            most[quarter] = most[quarter].max(network.heap_bytes());
        }
    }
    (network, most)
}

#[test]
fn given_history_that_is_dropped_when_the_network_runs_on_then_memory_is_flat_and_the_l1_is_the_same() {
    let (dropped, memory) = run_with_history(History::Dropped, 1_600);
    assert!(memory[3] <= memory[1] * 11 / 10 && memory[2] <= memory[1] * 11 / 10, "{memory:?}");
    let (kept, all) = run_with_history(History::Kept, 1_600);
    assert!(all[3] > 3 * memory[3], "{all:?} {memory:?}");
    assert!(kept.store().block_count() > 12_000);
    let first = dropped.store().dag().first();
    assert!(first > BlockId(10_000), "{first}");
    let is_held = |block: &BlockId| (0..4).any(|node| dropped.node(node).status(*block).is_some());
    for block in (first.0..kept.store().block_count() as u32).map(BlockId).filter(is_held) {
        let (ours, theirs) = (dropped.store().header(block), kept.store().header(block));
        assert_eq!((ours.hash, ours.pruning_point), (theirs.hash, theirs.pruning_point));
        assert_eq!(kaspa_consensus_core::hashing::header::hash(&ours), ours.hash);
        assert!(dropped.store().accepted_ids(block).eq(kept.store().accepted_ids(block)));
    }
    for node in 0..4 {
        assert_eq!(dropped.node(node).chain(), kept.node(node).chain());
    }
}

/// Four nodes that have pruned and are in trouble then, drawn from the seed.
fn troubled_late(seed: u64, history: History) -> NetworkConfig {
    let mut stream = Streams::new(seed).stream("test", 1);
    let mut config = NetworkConfig { history, workload: WorkloadConfig::NONE, ..long(seed, 300) };
    config.mean_delay = Duration::from_millis(50 + stream.below(400));
    trouble(&mut config, &mut stream, 140_000..270_000);
    config
}

/// Whatever is beside the node's pruning point and merged above it, the node has whole.
fn assert_anticone(network: &Network, node: usize, what: &str) {
    let (dag, view) = (network.store().dag(), network.node(node));
    let point = view.pruning_point();
    let in_sync = (0..4).map(|peer| network.node(peer)).filter(|peer| peer.progress() == Progress::InSync);
    for peer in in_sync.filter(|peer| peer.pruning_point() == point) {
        for block in (dag.first().0..dag.len() as u32).map(BlockId) {
            let is_beside = !dag.is_dag_ancestor(block, point) && !dag.is_dag_ancestor(point, block);
            if is_beside && dag.is_dag_ancestor(block, peer.sink()) && peer.knows(block) {
                assert!(view.knows(block), "{what}: node {node}, block {block} beside {point}");
            }
        }
    }
}

/// Every block that a node in sync keeps whole above or beside the other's pruning point, the other has whole too.
fn assert_complete(network: &Network, node: usize, peer: usize, what: &str) {
    let (dag, view, peer) = (network.store().dag(), network.node(node), network.node(peer));
    let point = view.pruning_point();
    for block in (dag.first().0..dag.len() as u32).map(BlockId) {
        let is_below = dag.is_dag_ancestor(block, point) && block != point;
        let is_merged = dag.is_dag_ancestor(block, view.sink());
        if !is_below && is_merged && peer.status(block) == Some(BlockStatus::Full) {
            assert_eq!(view.status(block), Some(BlockStatus::Full), "{what}: node {node}, block {block}");
        }
    }
}

#[test]
fn given_resets_lags_and_cuts_after_pruning_when_all_is_over_then_every_node_has_the_same_sink_and_lacks_nothing() {
    let (mut resets, mut overrides) = (0, 0);
    for seed in 0..60 {
        let history = if seed % 2 == 0 { History::Kept } else { History::Dropped };
        let mut network = Network::new(troubled_late(seed, history)).expect("the configuration is valid");
        while let Some(step) = network.step().expect("the store is never full") {
            resets += usize::from(matches!(step.what, StepKind::Reset { .. }));
            if let StepKind::TransitionEnded { node } = step.what {
                overrides += 1;
                assert_eq!(network.node(node).sink(), network.node(node).pruning_point(), "seed {seed}");
                assert_anticone(&network, node, &format!("seed {seed}"));
            }
            if let StepKind::InSync { node } = step.what {
                assert_eq!(network.node(node).progress(), Progress::InSync, "seed {seed}");
            }
        }
        let heaviest =
            (0..4).map(|node| network.node(node).sink()).max_by(|&a, &b| network.store().dag().compare(a, b));
        for node in 0..4 {
            let view = network.node(node);
            assert_eq!((Some(view.sink()), view.orphan_count()), (heaviest, 0), "seed {seed}, node {node}");
            assert_eq!(view.progress(), Progress::InSync, "seed {seed}, node {node}");
            (0..4).for_each(|peer| assert_complete(&network, node, peer, &format!("seed {seed}")));
        }
    }
    assert!(resets > 50 && overrides > 40 && overrides <= resets, "{resets} resets, {overrides} overrides");
}

#[test]
fn given_a_cut_healed_long_ago_when_its_blocks_are_dropped_then_later_reorgs_are_nothing_to_it() {
    let mut config = NetworkConfig { history: History::Dropped, ..long(5, 500) };
    let heal = Heal::WhenChainGrew { node: 0, chain_blocks: 5 };
    config.cuts = vec![Cut { at: Duration::from_secs(10), side: vec![0], heal }];
    let mut network = Network::new(config).expect("the configuration is valid");
    while network.step().expect("the store is never full").is_some() {}
    assert!(network.reorg_of_cut(0).is_some_and(|removed| removed >= 5), "{:?}", network.reorg_of_cut(0));
    assert!(network.store().dag().first() > BlockId(1_000));
}

#[test]
fn given_a_node_that_is_transitional_itself_when_another_is_to_sync_from_it_then_that_one_waits() {
    let mut config = long(6, 320);
    let resync = |node, from, at| {
        let kind = OutageKind::Resync { from, transition: Duration::from_secs(6) };
        Outage { node, at: Duration::from_secs(at), kind }
    };
    config.outages = vec![resync(3, 2, 250), resync(0, 3, 252)];
    let mut network = Network::new(config).expect("the configuration is valid");
    let mut resets = Vec::new();
    while let Some(step) = network.step().expect("a short run never fills the store") {
        if let StepKind::Reset { node } = step.what {
            resets.push((node, step.at));
        }
    }
    assert_eq!(resets.len(), 2, "{resets:?}");
    let (second, at) = resets[1];
    assert_eq!(second, 0);
    assert!(at > resets[0].1 + Duration::from_secs(6) && at < Duration::from_secs(262), "{at:?}");
}
