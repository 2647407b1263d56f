//! Acceptance against a slow walk from genesis with an explicit UTXO set, which shares no code with the simulation: it
//! uses headers, transactions and their ids alone.

mod network_support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kaspa_consensus_core::header::Header;
use kaspa_hashes::Hash;
use network_support::{config, cut, run};
use proptest::prelude::*;
use sim::dag::BlockId;
use sim::gossip::{Cut, Heal};
use sim::network::{Network, NetworkConfig};
use sim::workload::WorkloadConfig;

/// What a chain block accepts: (transaction id, containing block) in order.
struct AcceptedList(Vec<(Hash, Hash)>);

/// The chain state of the slow walk.
#[derive(Default)]
struct Walk {
    /// Blocks merged so far, chain blocks included.
    merged: BTreeSet<Hash>,
    created: BTreeSet<(Hash, u32)>,
    spent: BTreeSet<(Hash, u32)>,
}

struct Blocks<'a> {
    network: &'a Network,
    ids: BTreeMap<Hash, BlockId>,
    /// Ids of all transactions: an outpoint of any other id belongs to the pool.
    transactions: BTreeSet<Hash>,
}

impl<'a> Blocks<'a> {
    fn new(network: &'a Network) -> Self {
        let store = network.store();
        let blocks = (0..store.block_count() as u32).map(BlockId);
        let transactions = (0..store.transaction_count() as u32).map(sim::acceptance::TransactionIndex);
        Self {
            network,
            ids: blocks.map(|block| (store.dag().hash(block), block)).collect(),
            transactions: transactions.map(|index| store.transaction_id(index)).collect(),
        }
    }

    fn header(&self, hash: &Hash) -> Header {
        self.network.store().header(self.ids[hash])
    }

    /// From genesis to the block, by first parents.
    fn chain(&self, tip: Hash) -> Vec<Hash> {
        let mut chain: Vec<_> =
            std::iter::successors(Some(tip), |hash| self.header(hash).direct_parents().first().copied()).collect();
        chain.reverse();
        chain
    }

    fn accept(&self, walk: &mut Walk, block: Hash) -> AcceptedList {
        let mut accepted = Vec::new();
        let selected_parent = self.header(&block).direct_parents()[0];
        for merged in self.mergeset(walk, block) {
            let store = self.network.store();
            for (position, index) in store.transactions_of(self.ids[&merged]).enumerate() {
                let transaction = store.transaction(index);
                let inputs: Vec<_> = transaction.inputs.iter().map(|input| input.previous_outpoint).collect();
                let valid = if position == 0 {
                    merged == selected_parent
                } else {
                    inputs.iter().all(|outpoint| {
                        let key = (outpoint.transaction_id, outpoint.index);
                        let exists = !self.transactions.contains(&key.0) || walk.created.contains(&key);
                        exists && !walk.spent.contains(&key)
                    })
                };
                if !valid {
                    continue;
                }
                accepted.push((transaction.id(), merged));
                walk.spent.extend(inputs.iter().map(|outpoint| (outpoint.transaction_id, outpoint.index)));
                walk.created.extend((0..transaction.outputs.len() as u32).map(|index| (transaction.id(), index)));
            }
        }
        AcceptedList(accepted)
    }

    /// Everything in the block's past that is not merged yet; the selected parent first, then by (blue work, hash).
    fn mergeset(&self, walk: &mut Walk, block: Hash) -> Vec<Hash> {
        let header = self.header(&block);
        let parents = header.direct_parents();
        let mut found = Vec::new();
        let mut pending = parents.to_vec();
        while let Some(hash) = pending.pop() {
            if walk.merged.insert(hash) {
                found.push(hash);
                pending.extend_from_slice(self.header(&hash).direct_parents());
            }
        }
        found.sort_by_key(|hash| (*hash != parents[0], self.header(hash).blue_work, *hash));
        found
    }
}

fn stormy(seed: u64) -> NetworkConfig {
    let mut config = config(seed, 50);
    config.workload = WorkloadConfig {
        double_spend_percent: 20,
        chained_percent: 30,
        repeated_percent: 20,
        ..WorkloadConfig::mixed(2_000, 10)
    };
    config.mean_delay = Duration::from_millis(700);
    config.cuts = vec![cut(Heal::At(Duration::from_secs(25)))];
    config
}

#[test]
fn given_conflicting_transactions_when_chains_are_walked_with_a_utxo_set_then_accepted_lists_are_equal() {
    for seed in [1, 2] {
        let network = run(stormy(seed), |_, _| {});
        let (store, dag) = (network.store(), network.store().dag());
        let blocks = Blocks::new(&network);
        // The final sink, and blocks of all ages: most of them are on other chains.
        let tips = (1..store.block_count() as u32).step_by(37).map(BlockId).chain([network.node(0).sink()]);
        let mut refused = 0;
        for tip in tips {
            let mut walk = Walk::default();
            let mut ids = BTreeSet::new();
            let mut offered = 0;
            for hash in blocks.chain(dag.hash(tip)).into_iter().skip(1) {
                let block = blocks.ids[&hash];
                let AcceptedList(expected) = blocks.accept(&mut walk, hash);
                let entries = store.accepted_by(block);
                let found: Vec<_> =
                    entries.map(|entry| (store.transaction_id(entry.transaction), dag.hash(entry.block))).collect();
                assert_eq!(expected, found, "block {block} on the chain of {tip}, seed {seed}");
                for (id, _) in found {
                    assert!(ids.insert(id), "{id} is accepted twice on the chain of {tip}, seed {seed}");
                }
                offered += dag.mergeset(block).map(|merged| store.transactions_of(merged).len() - 1).sum::<usize>();
            }
            let coinbases = dag.height(tip) as usize;
            refused += offered + coinbases - ids.len();
        }
        println!("seed {seed}: {refused} transactions refused");
        assert!(refused > 100, "seed {seed}: only {refused} conflicts");
    }
}

#[test]
fn given_a_block_when_mined_then_its_own_transactions_are_valid_on_it() {
    let network = run(stormy(3), |_, _| {});
    let (store, dag) = (network.store(), network.store().dag());
    let blocks = Blocks::new(&network);
    let mut checked = 0;
    for block in (1..store.block_count() as u32).step_by(7).map(BlockId) {
        let mut walk = Walk::default();
        for hash in blocks.chain(dag.hash(block)).into_iter().skip(1) {
            blocks.accept(&mut walk, hash);
        }
        for own in store.transactions_of(block).skip(1) {
            for input in &store.transaction(own).inputs {
                let key = (input.previous_outpoint.transaction_id, input.previous_outpoint.index);
                assert!(walk.spent.insert(key), "block {block} holds a transaction that is not valid on it");
                assert!(!blocks.transactions.contains(&key.0) || walk.created.contains(&key));
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "{checked}");
}

/// Networks of all sizes with much conflict, most of them divided for a while.
fn any_config() -> impl Strategy<Value = NetworkConfig> {
    let percentages = (0..=35_u32, 0..=35_u32, 0..=30_u32);
    (any::<u64>(), 2..=9_usize, 50..1_500_u64, percentages, 300..4_000_u32, prop::option::of((1..15_u64, 1..15_u64)))
        .prop_map(|(seed, nodes, delay_ms, (double, chained, repeated), mean, divided)| {
            let mut config = config(seed, 25);
            config.hash_shares = vec![1; nodes];
            config.mean_delay = Duration::from_millis(delay_ms);
            config.workload = WorkloadConfig {
                double_spend_percent: double,
                chained_percent: chained,
                repeated_percent: repeated,
                ..WorkloadConfig::mixed(mean, 8)
            };
            config.cuts = Vec::from_iter(divided.map(|(at, seconds)| Cut {
                at: Duration::from_secs(at),
                side: (0..nodes.div_ceil(2)).filter(|&node| node < nodes - 1).collect(),
                heal: Heal::At(Duration::from_secs(at + seconds)),
            }));
            config
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn given_any_network_when_chains_are_walked_then_no_transaction_is_accepted_and_no_outpoint_spent_twice(
        config in any_config(),
    ) {
        let network = run(config, |_, _| {});
        let (store, dag) = (network.store(), network.store().dag());
        let mut longest = 0;
        let sinks = (0..network.node_count()).map(|node| network.node(node).sink());
        let others = (1..store.block_count() as u32).step_by(29).map(BlockId);
        for tip in sinks.chain(others) {
            let (mut transactions, mut outpoints) = (BTreeSet::new(), BTreeSet::new());
            for block in std::iter::successors(Some(tip), |&block| dag.selected_parent(block)) {
                for entry in store.accepted_by(block) {
                    let transaction = store.transaction(entry.transaction);
                    prop_assert!(transactions.insert(transaction.id()), "{} twice below {}", transaction.id(), tip);
                    for input in &transaction.inputs {
                        let outpoint = (input.previous_outpoint.transaction_id, input.previous_outpoint.index);
                        prop_assert!(outpoints.insert(outpoint), "{:?} spent twice below {}", outpoint, tip);
                    }
                }
            }
            longest = longest.max(outpoints.len());
        }
        prop_assert!(longest > 10, "{}", longest);
    }
}
