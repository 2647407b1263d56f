//! A store that forgets against one that does not.

use std::time::Duration;

use kaspa_consensus_core::subnets::SUBNETWORK_ID_NATIVE;
use kaspa_consensus_core::tx::{ScriptPublicKey, Transaction, TransactionInput, TransactionOutput};
use proptest::prelude::*;

use super::BlockStore;
use crate::acceptance::{OutpointIndex, TransactionIndex};
use crate::dag::{BlockId, Ghostdag};
use crate::params::ParameterSet;
use crate::random::{Stream, Streams};
use crate::workload::{Workload, WorkloadConfig};

const MINERS: usize = 5;

/// No miner leaves its chain so many blocks down: a cut is over before a side has as many.
const FINAL_HEIGHT: u64 = 130;

/// Chain blocks below the final ones that stay visible: more than the merge depth.
const KEPT_HEIGHT: u64 = 150;

/// Miners that know a past each. Blocks reach others late, and a cut hides them until it heals. What it does is a
/// function of the seed, whether the store forgets or not.
struct Miners {
    store: BlockStore,
    workload: Workload,
    stream: Stream,
    tips: Vec<Vec<BlockId>>,
    /// Blocks that a miner does not know yet.
    unknown: Vec<Vec<BlockId>>,
    sinks: Vec<BlockId>,
    forgets: bool,
}

impl Miners {
    fn new(seed: u64, config: &WorkloadConfig, forgets: bool) -> Self {
        let streams = Streams::new(seed);
        Self {
            store: BlockStore::new(ParameterSet::storm(), streams).expect("the set is checked"),
            workload: Workload::new(config.clone(), streams, MINERS),
            stream: streams.stream("test", 0),
            tips: vec![vec![BlockId::GENESIS]; MINERS],
            unknown: vec![Vec::new(); MINERS],
            sinks: vec![BlockId::GENESIS; MINERS],
            forgets,
        }
    }

    fn mine(&mut self, is_cut: bool) {
        let miner = self.stream.below(MINERS as u64) as usize;
        let newest = self.store.block_count() as u64 - self.stream.below(7).min(self.store.block_count() as u64);
        let waiting = std::mem::take(&mut self.unknown[miner]);
        for block in waiting {
            let by = self.store.miner(block).expect("genesis is known");
            let hidden = is_cut && (by < 2) != (miner < 2);
            let parents = self.store.dag().parents(block).iter();
            let waits = self.unknown[miner].iter().any(|unknown| parents.clone().any(|parent| parent == unknown));
            if hidden || waits || u64::from(block.0) > newest {
                self.unknown[miner].push(block);
            } else {
                self.learn(miner, block);
            }
        }
        let ghostdag = self.ghostdag(miner);
        let draft = self.store.draft(ghostdag);
        let own = self.workload.choose(&mut self.store, &draft, miner);
        let at = Duration::from_millis(100 * self.store.block_count() as u64);
        let block = self.store.mine(draft, miner, at, &own).expect("the store is not full");
        self.learn(miner, block);
        for (other, unknown) in self.unknown.iter_mut().enumerate() {
            if other != miner {
                unknown.push(block);
            }
        }
    }

    fn learn(&mut self, miner: usize, block: BlockId) {
        let dag = self.store.dag();
        self.tips[miner].retain(|tip| !dag.parents(block).contains(tip));
        self.tips[miner].push(block);
        if dag.compare(block, self.sinks[miner]).is_gt() {
            self.sinks[miner] = block;
        }
    }

    /// On the sink and on other tips, as long as nothing is merged that is older than what stays visible.
    fn ghostdag(&mut self, miner: usize) -> Ghostdag {
        let (sink, lowest) = (self.sinks[miner], self.lowest_visible());
        let limits = self.store.dag().params().limits;
        let (mut parents, mut budget) = (vec![sink], limits.mergeset_size_limit - 1);
        for &tip in &self.tips[miner] {
            let dag = self.store.dag();
            // What has a chain block in its past merges nothing below that block.
            let is_young = tip >= lowest && dag.is_dag_ancestor(lowest, tip);
            if tip != sink
                && is_young
                && parents.len() < limits.max_block_parents
                && let Ok(merged) = dag.mergeset_size_within(&parents, tip, budget)
                && merged <= budget
            {
                budget -= merged;
                parents.push(tip);
            }
        }
        let dag = self.store.dag_mut();
        let ghostdag = dag.preview(&parents).expect("tips are an antichain");
        if dag.bounded_merge_violations(&ghostdag, limits.merge_depth).is_empty() {
            return ghostdag;
        }
        dag.preview(&[sink]).expect("one known parent is enough")
    }

    /// A block on the chains of all sinks, now and ever after.
    fn root(&self) -> BlockId {
        let dag = self.store.dag();
        let common = self.sinks.iter().fold(self.sinks[0], |common, &sink| dag.common_chain_ancestor(common, sink));
        let height = dag.height(common).saturating_sub(FINAL_HEIGHT);
        dag.chain_ancestor_at(common, height).expect("what is not final is kept")
    }

    fn lowest_visible(&self) -> BlockId {
        let (dag, root) = (self.store.dag(), self.root());
        let height = dag.height(root).saturating_sub(KEPT_HEIGHT);
        dag.chain_ancestor_at(root, height).expect("more is kept than the merge depth")
    }

    fn visible(&self) -> impl Iterator<Item = BlockId> + use<> {
        (self.lowest_visible().0..self.store.block_count() as u32).map(BlockId)
    }

    fn forget(&mut self) {
        if self.forgets {
            let id = self.store.lowest_needed(self.visible());
            let root = self.root();
            self.store.drop_below(id, root, self.workload.recent());
        }
    }
}

/// Everything that a reply can tell of a block.
fn told(miners: &Miners, block: BlockId) -> String {
    let (store, root) = (&miners.store, miners.root());
    let dag = store.dag();
    let on_chain = dag.is_chain_ancestor(block, root) || dag.is_chain_ancestor(root, block);
    let transaction = |index: TransactionIndex| {
        let inputs = store.acceptance().inputs(index).iter().map(|&input| {
            let outpoint = *store.acceptance().outpoint(input);
            let creator = outpoint.creator.filter(|_| on_chain);
            let born = creator.and_then(|creator| store.acceptance().accepting_daa_score(dag, block, creator));
            (outpoint, store.script_of(&outpoint).clone(), born)
        });
        let (id, hash, fee) = (store.transaction_id(index), store.transaction_hash(index), store.fee(index));
        let inputs: Vec<_> = inputs.collect();
        format!("{index:?} {id} {hash} {fee} {:?} {inputs:?}", store.transaction(index))
    };
    let own: Vec<_> = store.transactions_of(block).map(transaction).collect();
    let accepted = store.accepted_by(block).map(|entry| (transaction(entry.transaction), store.timestamp(entry.block)));
    let accepted: Vec<_> = accepted.collect();
    let (children, points) = (store.children(block), (store.pruning_point(block), store.pruning_sample(block)));
    format!("{:?} {own:?} {accepted:?} {children:?} {points:?}", store.header(block))
}

fn any_workload() -> impl Strategy<Value = WorkloadConfig> {
    (0..4_u32, 0..=30_u32, 0..=40_u32, 0..=30_u32).prop_map(|(busy, double, chained, repeated)| WorkloadConfig {
        double_spend_percent: double,
        chained_percent: chained,
        repeated_percent: repeated,
        ..WorkloadConfig::mixed([0, 30, 1_000, 4_000][busy as usize], 10)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn given_a_store_that_forgets_when_blocks_go_on_then_it_tells_the_same_of_what_is_visible(
        seed: u64,
        workload in any_workload(),
        cut_at in 100..900_usize,
        cut_blocks in 0..120_usize,
    ) {
        let mut forgetful = Miners::new(seed, &workload, true);
        let mut faithful = Miners::new(seed, &workload, false);
        for number in 0..1_600 {
            let is_cut = (cut_at..cut_at + cut_blocks).contains(&number);
            forgetful.mine(is_cut);
            faithful.mine(is_cut);
            if number % 40 == 0 {
                forgetful.forget();
            }
            if number % 400 == 399 {
                for block in forgetful.visible() {
                    prop_assert_eq!(told(&forgetful, block), told(&faithful, block), "{}", block);
                }
            }
        }
        prop_assert!(forgetful.store.lowest_block() > BlockId(100), "{} is still there", forgetful.store.lowest_block());
    }
}

#[test]
fn given_a_store_that_forgets_when_many_blocks_were_mined_then_what_it_holds_stays_small() {
    let workload = WorkloadConfig { chained_percent: 40, ..WorkloadConfig::mixed(1_000, 8) };
    let mut miners = Miners::new(7, &workload, true);
    let mut most_held = [0, 0];
    for number in 0..12_000 {
        miners.mine(false);
        if number % 40 == 0 {
            miners.forget();
        }
        if number > 1_000 {
            let most = &mut most_held[number / 6_000];
            *most = miners.store.heap_bytes().max(*most);
        }
    }
    let transactions = miners.store.transaction_count() as u32 - miners.store.lowest_transaction().0;
    println!("{most_held:?} bytes, {transactions} transactions");
    assert!(most_held[1] < most_held[0] + most_held[0] / 10, "{most_held:?} bytes");
    assert!(transactions < 1_000, "{transactions}");
}

#[test]
fn given_a_block_without_transactions_when_kept_then_it_costs_few_bytes() {
    let mut miners = Miners::new(1, &WorkloadConfig::NONE, false);
    let before = miners.store.heap_bytes() - miners.store.dag().heap_bytes();
    for _ in 0..8_192 {
        miners.mine(false);
    }
    let bytes = (miners.store.heap_bytes() - miners.store.dag().heap_bytes() - before) / 8_192;
    assert!(bytes < 200, "{bytes} bytes");
}

/// A block on `parent` alone.
fn extend(store: &mut BlockStore, parent: BlockId, own: &[TransactionIndex]) -> BlockId {
    let ghostdag = store.dag_mut().preview(&[parent]).expect("the parent is known");
    let draft = store.draft(ghostdag);
    store.mine(draft, 0, Duration::from_secs(1), own).expect("the store is not full")
}

fn spend(store: &mut BlockStore, outpoint: OutpointIndex, lock_time: u64) -> TransactionIndex {
    let input = TransactionInput::new(store.acceptance().outpoint(outpoint).outpoint, Vec::new(), 0, 1);
    let output = TransactionOutput::new(1_000, ScriptPublicKey::default());
    let transaction = Transaction::new(0, vec![input], vec![output], lock_time, SUBNETWORK_ID_NATIVE, 0, Vec::new());
    store.add_transaction(transaction, &[outpoint])
}

/// A store in which a transaction that spends a pool outpoint was accepted long ago, with the outpoint, the
/// transaction and the tip.
fn store_with_an_old_spender() -> (BlockStore, OutpointIndex, TransactionIndex, BlockId) {
    let mut store = BlockStore::new(ParameterSet::storm(), Streams::new(1)).expect("the set is checked");
    let outpoint = store.next_pool_outpoint();
    let first = spend(&mut store, outpoint, 1);
    let mut tip = extend(&mut store, BlockId::GENESIS, &[first]);
    for _ in 0..1_000 {
        let other = store.next_pool_outpoint();
        let unrelated = spend(&mut store, other, 0);
        tip = extend(&mut store, tip, &[unrelated]);
    }
    (store, outpoint, first, tip)
}

#[test]
fn given_a_forgotten_block_that_accepts_a_spender_when_a_rival_comes_much_later_then_it_is_refused() {
    let (mut store, outpoint, first, tip) = store_with_an_old_spender();
    let rival = spend(&mut store, outpoint, 2);
    let tip = extend(&mut store, tip, &[rival]);
    store.drop_below(tip, tip, std::iter::empty());
    assert_eq!((store.lowest_block(), store.lowest_transaction()), (tip, first), "the rival needs the first");
    let next = extend(&mut store, tip, &[]);
    let accepted: Vec<_> = store.accepted_by(next).map(|entry| entry.transaction).collect();
    assert_eq!(accepted, [TransactionIndex::coinbase(tip)]);

    let tip = extend(&mut store, next, &[]);
    store.drop_below(tip, tip, std::iter::empty());
    assert_eq!(store.lowest_transaction().0 as usize, store.transaction_count(), "nothing refers to any");
}

#[test]
fn given_a_forgotten_block_that_accepts_a_creator_when_an_heir_comes_much_later_then_it_is_accepted() {
    let (mut store, _, first, tip) = store_with_an_old_spender();
    let accepting_daa_score = store.dag().daa_score(BlockId(2));
    let made = store.acceptance().outputs(first).next().expect("it has one output");
    let heir = spend(&mut store, made, 3);
    let tip = extend(&mut store, tip, &[heir]);
    store.drop_below(tip, tip, std::iter::empty());
    assert_eq!((store.lowest_block(), store.lowest_transaction()), (tip, first), "the heir needs the first");
    let next = extend(&mut store, tip, &[]);
    let accepted: Vec<_> = store.accepted_by(next).map(|entry| entry.transaction).collect();
    assert_eq!(accepted, [TransactionIndex::coinbase(tip), heir]);
    let (acceptance, dag) = (store.acceptance(), store.dag());
    let born = [first, heir].map(|transaction| acceptance.accepting_daa_score(dag, next, transaction));
    assert_eq!(born, [Some(accepting_daa_score), Some(dag.daa_score(next))]);
}
