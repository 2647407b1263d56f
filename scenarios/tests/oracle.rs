//! The oracle against the simulated L1: two computations that share no code agree on every block, wherever the walk
//! comes from.

use std::time::Duration;

use scenarios::oracle::{self, Walk};
use sim::{
    acceptance::TransactionIndex,
    block_store::BlockStore,
    dag::BlockId,
    gossip::{Cut, Heal},
    network::{History, Network, NetworkConfig, StepKind},
    params::ParameterSet,
    random::{Stream, Streams},
    workload::WorkloadConfig,
};

/// 60 s of eight miners, twice divided, with many conflicting transactions.
fn torn(seed: u64) -> Network {
    let cut = |at, side, heal| Cut { at: Duration::from_secs(at), side, heal: Heal::At(Duration::from_secs(heal)) };
    let config = NetworkConfig {
        seed,
        parameters: ParameterSet::storm(),
        hash_shares: vec![1; 8],
        mean_delay: Duration::from_millis(500),
        workload: WorkloadConfig {
            double_spend_percent: 20,
            chained_percent: 30,
            repeated_percent: 20,
            ..WorkloadConfig::mixed(3_000, 12)
        },
        cuts: vec![cut(8, vec![0, 1, 2], 22), cut(33, vec![2, 4, 5, 7], 45)],
        links: Vec::new(),
        outages: Vec::new(),
        history: History::Kept,
        mining_until: Duration::from_secs(60),
    };
    Network::new(config).expect("the configuration is valid")
}

/// Runs to the end, showing the network after every block mined.
fn run(mut network: Network, mut look: impl FnMut(&Network, BlockId)) -> Network {
    while let Some(step) = network.step().expect("a short run never fills the store") {
        if let StepKind::BlockMined { block, .. } = step.what {
            look(&network, block);
        }
    }
    network
}

fn finished(seed: u64) -> Network {
    run(torn(seed), |_, _| {})
}

fn all_blocks(store: &BlockStore) -> Vec<BlockId> {
    (0..store.block_count() as u32).map(BlockId).collect()
}

/// Every block of the store, in an order that jumps between forks.
fn scrambled(store: &BlockStore, stream: &mut Stream) -> Vec<BlockId> {
    let mut blocks = all_blocks(store);
    for position in (1..blocks.len()).rev() {
        blocks.swap(position, stream.below(position as u64 + 1) as usize);
    }
    blocks
}

/// The selected chain as the simulated L1 has it, genesis first.
fn simulated_chain(store: &BlockStore, tip: BlockId) -> Vec<BlockId> {
    let mut chain: Vec<_> = std::iter::successors(Some(tip), |&block| store.dag().selected_parent(block)).collect();
    chain.reverse();
    chain
}

fn simulated_accepted(store: &BlockStore, block: BlockId) -> Vec<TransactionIndex> {
    store.accepted_by(block).map(|entry| entry.transaction).collect()
}

#[track_caller]
fn assert_agrees(walk: &Walk, store: &BlockStore, block: BlockId) {
    assert_eq!(walk.tip().id, block);
    let path: Vec<_> = walk.path().iter().map(|entry| entry.id).collect();
    assert_eq!(path, simulated_chain(store, block), "path to {block}");
    for entry in walk.path() {
        assert_eq!(entry.accepted, simulated_accepted(store, entry.id), "block {} on the path to {block}", entry.id);
        assert_eq!(entry.blue_score, store.dag().blue_score(entry.id));
    }
}

/// How often a chain refused a transaction because another had spent its input, because the maker of its input was not
/// accepted there, and how often it accepted one that spends the output of another.
#[derive(Debug, Default)]
struct Conflicts {
    double_spends: usize,
    missing_inputs: usize,
    spends_of_outputs: usize,
}

impl Conflicts {
    fn count(&mut self, store: &BlockStore, chain_block: BlockId) {
        let (dag, acceptance) = (store.dag(), store.acceptance());
        for merged in dag.mergeset(chain_block) {
            for transaction in store.transactions_of(merged).skip(1) {
                let inputs = acceptance.inputs(transaction);
                let creators = || inputs.iter().filter_map(|&input| acceptance.outpoint(input).creator);
                let accepted_here = |other| acceptance.accepting_block(dag, chain_block, other).is_some();
                if store.accepted_by(chain_block).any(|entry| entry.transaction == transaction) {
                    self.spends_of_outputs += usize::from(creators().next().is_some());
                } else if creators().any(|creator| !accepted_here(creator)) {
                    self.missing_inputs += 1;
                } else if !accepted_here(transaction) {
                    self.double_spends += 1;
                }
            }
        }
    }
}

#[test]
fn given_torn_networks_when_every_block_is_visited_in_scrambled_order_then_the_oracle_and_the_simulation_agree() {
    for seed in 1..=5 {
        let network = finished(seed);
        let store = network.store();
        let mut walk = Walk::new();
        let mut conflicts = Conflicts::default();
        for block in scrambled(store, &mut Streams::new(seed).stream("oracle-visits", 0)) {
            walk.go_to(store, block);
            assert_agrees(&walk, store, block);
            assert_eq!(oracle::selected_parent(store, block), store.dag().selected_parent(block));
            conflicts.count(store, block);
        }
        println!("seed {seed}: {} blocks, {conflicts:?}", store.block_count());
        assert!(conflicts.double_spends > 100, "{conflicts:?}");
        assert!(conflicts.missing_inputs > 5, "{conflicts:?}");
        assert!(conflicts.spends_of_outputs > 200, "{conflicts:?}");
    }
}

#[test]
fn given_a_growing_store_when_the_sinks_of_divided_nodes_are_visited_in_turn_then_the_oracle_agrees_at_every_block() {
    let mut walk = Walk::new();
    let (mut longest_way_back, mut turn) = (0, 0);
    run(torn(6), |network, _| {
        let store = network.store();
        let sink = network.node(if turn % 2 == 0 { 0 } else { 7 }).sink();
        turn += 1;
        let fork = oracle::fork(store, walk.tip().id, sink);
        let way_back = walk.path().iter().rev().take_while(|entry| entry.id != fork).count();
        longest_way_back = longest_way_back.max(way_back);
        walk.go_to(store, sink);
        assert_agrees(&walk, store, sink);
    });
    assert!(longest_way_back > 20, "the longest way back was {longest_way_back} chain blocks");
}

#[test]
fn given_pairs_of_blocks_when_their_fork_is_asked_then_it_is_the_highest_block_on_both_chains() {
    let network = finished(7);
    let store = network.store();
    let mut stream = Streams::new(7).stream("oracle-pairs", 0);
    let (left, right) = (scrambled(store, &mut stream), scrambled(store, &mut stream));
    let mut apart = 0;
    for (&a, &b) in left.iter().zip(&right) {
        let (chain_a, chain_b) = (simulated_chain(store, a), simulated_chain(store, b));
        let common = chain_a.iter().zip(&chain_b).take_while(|(a, b)| a == b).last().map(|(&block, _)| block);
        let fork = oracle::fork(store, a, b);
        assert_eq!(Some(fork), common, "{a} and {b}");
        apart += usize::from(fork != a && fork != b);
    }
    assert!(apart > 50, "{apart} pairs on different chains");
    assert!(left.iter().all(|&block| oracle::fork(store, block, block) == block));
}

#[test]
fn given_any_position_and_depth_when_the_final_height_is_asked_then_it_follows_the_linear_definition() {
    let network = finished(8);
    let store = network.store();
    let mut walk = Walk::new();
    let mut above_genesis = 0;
    for block in all_blocks(store).into_iter().step_by(7) {
        walk.go_to(store, block);
        let tip = walk.tip().blue_score;
        for depth in [0, 1, 2, 10, 50, 200, tip, tip + 1, u64::MAX] {
            let linear = walk.path().iter().rposition(|entry| tip - entry.blue_score >= depth).unwrap_or(0);
            let found = walk.final_height(depth);
            assert_eq!(found, linear, "depth {depth} at {block}");
            above_genesis += usize::from(found > 0 && found < walk.path().len() - 1);
        }
    }
    assert!(above_genesis > 100, "{above_genesis}");
}

#[test]
fn given_a_torn_network_when_the_heaviest_known_block_is_asked_then_it_is_the_sink_of_every_node_at_any_time() {
    let (mut looks, mut differing) = (0, 0);
    let agree = |network: &Network| {
        let sinks: Vec<_> = (0..network.node_count()).map(|node| network.node(node).sink()).collect();
        for (node, &sink) in sinks.iter().enumerate() {
            assert_eq!(oracle::heaviest_known(network, node), sink, "node {node} at {:?}", network.now());
        }
        sinks
    };
    let network = torn(9);
    agree(&network);
    let network = run(network, |network, block| {
        if block.0 % 5 == 0 {
            let sinks = agree(network);
            looks += 1;
            differing += usize::from(sinks.iter().any(|&sink| sink != sinks[0]));
        }
    });
    agree(&network);
    assert!(looks > 100 && differing > looks / 2, "{differing} of {looks}");
}
