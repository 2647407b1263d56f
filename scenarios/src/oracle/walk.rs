//! A walker on the selected chains of one store. It stands on a block and holds what is true there: the chain below it,
//! the blocks in its past, the unspent outputs; and it can step back.
//!
//! Chain block C accepts, in consensus order, the coinbase of its selected parent and those other transactions of its
//! mergeset whose inputs are unspent when their turn comes; never its own. The mergeset is what can be reached from C's
//! parents and was not yet in the past of the selected parent. Consensus order is the selected parent, then the rest by
//! (blue work, hash). Source: `kaspa-consensus`, `model::stores::ghostdag::GhostdagData::consensus_ordered_mergeset`
//! and `pipeline::virtual_processor::utxo_validation` (`calculate_utxo_state`).
//!
//! Invariants: `path` is a selected chain from genesis; a block's bit is set if it is in the past of the tip or the tip
//! itself; everything done since a path entry is undone by going back below it.

use sim::{acceptance::TransactionIndex, block_store::BlockStore, dag::BlockId};

use super::{
    blue_score, parents, selected_parent,
    utxo::{Mark, UtxoSet},
    weight,
};

/// A block of the selected chain that a [`Walk`] stands on.
#[derive(Debug, Clone)]
pub struct ChainBlock {
    /// The block.
    pub id: BlockId,
    /// Its blue score.
    pub blue_score: u64,
    /// The transactions that it accepts, in consensus order; none for genesis.
    pub accepted: Vec<TransactionIndex>,
    /// How many blocks had been added to the past before this one's mergeset.
    past_before: usize,
    /// The unspent outputs before this block.
    utxo_before: Mark,
}

/// One position on the DAG with everything that is true there. Used with one store only, which may grow in between.
pub struct Walk {
    path: Vec<ChainBlock>,
    past: BlockSet,
    /// The blocks of `past` above genesis in the order in which they were added.
    past_order: Vec<BlockId>,
    utxo: UtxoSet,
    /// Chain blocks between fork and target, highest first. Empty between calls.
    ahead: Vec<BlockId>,
}

impl Default for Walk {
    fn default() -> Self {
        Self::new()
    }
}

impl Walk {
    /// Stands at genesis.
    pub fn new() -> Self {
        let utxo = UtxoSet::default();
        let genesis = ChainBlock {
            id: BlockId::GENESIS,
            // Genesis has no past, in every network.
            blue_score: 0,
            accepted: Vec::new(),
            past_before: 0,
            utxo_before: utxo.mark(),
        };
        let mut past = BlockSet::default();
        past.insert(BlockId::GENESIS);
        Self { path: vec![genesis], past, past_order: Vec::new(), utxo, ahead: Vec::new() }
    }

    /// Walks back to the fork and forward to `block`. Costs what lies between, and what the store got since the last
    /// call. Panics if the store never gave out `block`.
    pub fn go_to(&mut self, store: &BlockStore, block: BlockId) {
        self.utxo.learn(store);
        let mut ahead = std::mem::take(&mut self.ahead);
        let mut below = block;
        let height = loop {
            if let Some(height) = self.height_of(store, below) {
                break height;
            }
            ahead.push(below);
            below = selected_parent(store, below).expect("genesis, which alone has no parent, is on every path");
        };
        self.go_back_to(height);
        for block in ahead.drain(..).rev() {
            self.step_to(store, block);
        }
        self.ahead = ahead;
    }

    /// The selected chain from genesis to the position, indexed by height; never empty.
    pub fn path(&self) -> &[ChainBlock] {
        &self.path
    }

    /// The position.
    pub fn tip(&self) -> &ChainBlock {
        self.path.last().expect("a path begins with genesis, which is never removed")
    }

    /// The height of the highest chain block whose blue score is at least `finality_depth` below the tip's: the last
    /// final one for a follower at this position. Zero, genesis, where no block is that deep.
    pub fn final_height(&self, finality_depth: u64) -> usize {
        let Some(deepest) = self.tip().blue_score.checked_sub(finality_depth) else { return 0 };
        // Blue scores rise along the chain.
        self.path.partition_point(|block| block.blue_score <= deepest).saturating_sub(1)
    }

    /// The height of a block that is on the path.
    fn height_of(&self, store: &BlockStore, block: BlockId) -> Option<usize> {
        if self.tip().id == block {
            return Some(self.path.len() - 1);
        }
        if !self.past.contains(block) {
            return None;
        }
        let score = blue_score(store, block);
        let height = self.path.binary_search_by_key(&score, |entry| entry.blue_score).ok()?;
        (self.path[height].id == block).then_some(height)
    }

    fn go_back_to(&mut self, height: usize) {
        let Some(lowest_removed) = self.path.get(height + 1) else { return };
        let (past_before, utxo_before) = (lowest_removed.past_before, lowest_removed.utxo_before);
        self.utxo.undo_to(utxo_before);
        for block in self.past_order.drain(past_before..) {
            self.past.remove(block);
        }
        self.path.truncate(height + 1);
    }

    /// One step up to a block whose selected parent is the tip.
    fn step_to(&mut self, store: &BlockStore, block: BlockId) {
        let parent = self.tip().id;
        let past_before = self.past_order.len();
        let utxo_before = self.utxo.mark();
        self.extend_past(store, block);
        let merged = &mut self.past_order[past_before..];
        merged.sort_unstable_by_key(|&merged| weight(store, merged));

        let offered = merged.iter().map(|&merged| store.transactions_of(merged).len()).sum::<usize>();
        let mut accepted = Vec::with_capacity(offered + store.transactions_of(parent).len());
        accepted.extend(store.transactions_of(parent).next());
        for &merged in std::iter::once(&parent).chain(&*merged) {
            // The coinbase comes first in every block.
            for transaction in store.transactions_of(merged).skip(1) {
                if self.utxo.accept(&store.transaction(transaction)) {
                    accepted.push(transaction);
                }
            }
        }
        self.past.insert(block);
        self.past_order.push(block);
        self.path.push(ChainBlock {
            id: block,
            blue_score: blue_score(store, block),
            accepted,
            past_before,
            utxo_before,
        });
    }

    /// Adds to the past what is reached from the block's parents: its mergeset without its selected parent, which is
    /// the tip and there already.
    fn extend_past(&mut self, store: &BlockStore, block: BlockId) {
        let mut searched = self.past_order.len();
        let mut from = block;
        loop {
            for parent in parents(store, from) {
                if self.past.insert(parent) {
                    self.past_order.push(parent);
                }
            }
            match self.past_order.get(searched) {
                Some(&found) => from = found,
                None => return,
            }
            searched += 1;
        }
    }
}

/// A set of blocks, one bit for each id.
#[derive(Default)]
struct BlockSet {
    words: Vec<u64>,
}

impl BlockSet {
    fn contains(&self, block: BlockId) -> bool {
        self.words.get(block.index() / 64).is_some_and(|word| word & bit(block) != 0)
    }

    /// Whether the block was not in the set.
    fn insert(&mut self, block: BlockId) -> bool {
        let position = block.index() / 64;
        if position >= self.words.len() {
            self.words.resize(position + 1, 0);
        }
        let word = &mut self.words[position];
        let is_new = *word & bit(block) == 0;
        *word |= bit(block);
        is_new
    }

    fn remove(&mut self, block: BlockId) {
        if let Some(word) = self.words.get_mut(block.index() / 64) {
            *word &= !bit(block);
        }
    }
}

fn bit(block: BlockId) -> u64 {
    1 << (block.index() % 64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sim::{
        gossip::{Cut, Heal},
        network::{History, Network, NetworkConfig},
        params::ParameterSet,
        workload::WorkloadConfig,
    };

    use super::*;

    /// Two halves of a network that never meet again after 5 s, with the sink of each.
    fn divided() -> (Network, [BlockId; 2]) {
        let config = NetworkConfig {
            seed: 1,
            parameters: ParameterSet::storm(),
            hash_shares: vec![1; 4],
            mean_delay: Duration::from_millis(500),
            workload: WorkloadConfig {
                double_spend_percent: 20,
                chained_percent: 40,
                ..WorkloadConfig::mixed(3_000, 12)
            },
            cuts: vec![Cut { at: Duration::from_secs(5), side: vec![0, 1], heal: Heal::At(Duration::from_secs(60)) }],
            links: Vec::new(),
            outages: Vec::new(),
            history: History::Kept,
            mining_until: Duration::from_secs(20),
        };
        let mut network = Network::new(config).expect("the configuration is valid");
        while network.next_event_at().is_some_and(|at| at < Duration::from_secs(30)) {
            network.step().expect("a short run never fills the store");
        }
        let sinks = [network.node(0).sink(), network.node(3).sink()];
        (network, sinks)
    }

    fn fresh(store: &BlockStore, block: BlockId) -> Walk {
        let mut walk = Walk::new();
        walk.go_to(store, block);
        walk
    }

    #[track_caller]
    fn assert_same(walk: &Walk, other: &Walk) {
        let path = |walk: &Walk| -> Vec<_> {
            let entries = walk.path.iter();
            entries.map(|entry| (entry.id, entry.past_before, entry.utxo_before, entry.accepted.clone())).collect()
        };
        assert_eq!(path(walk), path(other));
        assert_eq!(walk.past_order, other.past_order);
        assert_eq!(walk.utxo.contents(), other.utxo.contents());
        assert_eq!(walk.utxo.mark(), other.utxo.mark());
        let blocks = 0..64 * walk.past.words.len().max(other.past.words.len()) as u32;
        assert!(blocks.map(BlockId).all(|block| walk.past.contains(block) == other.past.contains(block)));
    }

    #[test]
    fn given_a_walk_out_and_back_when_compared_with_a_fresh_one_then_everything_it_holds_is_equal() {
        let (network, [left, right]) = divided();
        let store = network.store();
        let halfway = fresh(store, left).path()[40].id;
        let mut walk = fresh(store, left);
        for stop in [right, left, BlockId::GENESIS, right, halfway, halfway, left] {
            walk.go_to(store, stop);
            assert_same(&walk, &fresh(store, stop));
            let blocks = (0..store.block_count() as u32).map(BlockId);
            for block in blocks {
                assert_eq!(walk.past.contains(block), store.dag().is_dag_ancestor(block, stop), "{block} at {stop}");
            }
        }
        let fork = crate::oracle::fork(store, left, right);
        let way_back = walk.path().iter().rev().take_while(|entry| entry.id != fork).count();
        assert!(way_back > 40, "the way over was {way_back} chain blocks");
    }

    #[test]
    fn given_a_new_walk_when_asked_then_it_stands_at_genesis_with_nothing_accepted() {
        let (network, _) = divided();
        let mut walk = Walk::new();
        assert_eq!((walk.tip().id, walk.path().len()), (BlockId::GENESIS, 1));
        assert_eq!((walk.tip().accepted.len(), walk.final_height(0), walk.final_height(1)), (0, 0, 0));
        assert_eq!(walk.tip().blue_score, blue_score(network.store(), BlockId::GENESIS));
        walk.go_to(network.store(), BlockId::GENESIS);
        assert_same(&walk, &Walk::new());
    }

    #[test]
    fn given_ids_in_several_words_when_put_in_and_taken_out_then_the_set_tells_which_it_holds() {
        let mut set = BlockSet::default();
        for block in [0, 63, 64, 200].map(BlockId) {
            assert!(set.insert(block) && set.contains(block) && !set.insert(block));
        }
        set.remove(BlockId(64));
        set.remove(BlockId(1_000));
        let held: Vec<_> = (0..300).map(BlockId).filter(|&block| set.contains(block)).collect();
        assert_eq!(held, [0, 63, 200].map(BlockId));
    }
}
