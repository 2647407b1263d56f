//! A node's selected chain, indexed by height, from its lowest retained block to its sink.

use crate::dag::{BlockId, Dag};

/// The selected chain. Never empty: the lowest block is genesis or the retention root.
#[derive(Debug, Clone)]
pub struct SelectedChain {
    /// Height of the first entry.
    base_height: u64,
    blocks: Vec<BlockId>,
}

/// A change of a selected chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainChange {
    /// Blocks that left, tip first.
    pub removed: Vec<BlockId>,
    /// Blocks that joined, oldest first.
    pub added: Vec<BlockId>,
}

impl SelectedChain {
    /// A chain of one block.
    pub(super) fn new(dag: &Dag, root: BlockId) -> Self {
        Self { base_height: dag.height(root), blocks: vec![root] }
    }

    /// The highest block.
    pub fn tip(&self) -> BlockId {
        self.blocks.last().copied().unwrap_or(BlockId::GENESIS)
    }

    /// The lowest block.
    pub fn root(&self) -> BlockId {
        self.blocks.first().copied().unwrap_or(BlockId::GENESIS)
    }

    /// Height of the highest block: selected-parent steps from genesis.
    pub fn height(&self) -> u64 {
        self.base_height + self.blocks.len() as u64 - 1
    }

    /// The block of that height, if it is retained.
    pub fn get(&self, height: u64) -> Option<BlockId> {
        let position = height.checked_sub(self.base_height)?;
        self.blocks.get(usize::try_from(position).ok()?).copied()
    }

    /// Whether the block is on the chain.
    pub fn contains(&self, dag: &Dag, block: BlockId) -> bool {
        block >= self.root() && self.get(dag.height(block)) == Some(block)
    }

    /// The retained blocks, lowest first.
    pub fn blocks(&self) -> &[BlockId] {
        &self.blocks
    }

    /// The retained blocks from that height on, lowest first.
    pub fn from_height(&self, height: u64) -> &[BlockId] {
        let position = usize::try_from(height.saturating_sub(self.base_height)).unwrap_or(usize::MAX);
        self.blocks.get(position..).unwrap_or_default()
    }

    /// The highest retained block with a blue score below `blue_score`.
    pub fn below_blue_score(&self, dag: &Dag, blue_score: u64) -> Option<BlockId> {
        let is_below = |block: &BlockId| dag.blue_score(*block) < blue_score;
        // Blue scores rise about evenly: a search around the expected place touches few blocks however long the chain is.
        let (lowest, highest) = (dag.blue_score(self.root()), dag.blue_score(self.tip()));
        let share = u128::from(blue_score.saturating_sub(lowest)) * self.blocks.len() as u128;
        let expected = share.checked_div(u128::from(highest - lowest)).map_or(0, |place| place as usize);
        let (mut start, mut end) = (expected.min(self.blocks.len()), expected.min(self.blocks.len()));
        let mut step = 8;
        while start > 0 && !is_below(&self.blocks[start - 1]) {
            start = start.saturating_sub(step);
            step *= 2;
        }
        while end < self.blocks.len() && is_below(&self.blocks[end]) {
            end = (end + step).min(self.blocks.len());
            step *= 2;
        }
        let above = start + self.blocks[start..end].partition_point(is_below);
        self.blocks[..above].last().copied()
    }

    pub(super) fn capacity(&self) -> usize {
        self.blocks.capacity()
    }

    /// Moves the tip to `sink`, whose selected chain has the root.
    pub(super) fn move_to(&mut self, dag: &Dag, sink: BlockId) -> ChainChange {
        let mut added = Vec::new();
        let mut fork = sink;
        while !self.contains(dag, fork) {
            added.push(fork);
            let Some(parent) = dag.selected_parent(fork) else { break };
            fork = parent;
        }
        added.reverse();
        let kept = (dag.height(fork) + 1 - self.base_height) as usize;
        let removed = self.blocks.drain(kept..).rev().collect();
        self.blocks.extend_from_slice(&added);
        ChainChange { removed, added }
    }

    /// Forgets what is below `root`, a block of the chain.
    pub(super) fn forget_below(&mut self, dag: &Dag, root: BlockId) {
        let below = (dag.height(root) - self.base_height) as usize;
        self.blocks.drain(..below);
        self.blocks.shrink_to(2 * self.blocks.len());
        self.base_height += below as u64;
    }
}

#[cfg(test)]
mod tests {
    use kaspa_consensus_core::config::genesis::SIMNET_GENESIS;
    use kaspa_hashes::Hash;

    use super::*;
    use crate::dag::{GhostdagParams, Limits};

    /// A chain that is wide at first and narrow later, so that blue scores rise unevenly.
    fn uneven() -> (Dag, SelectedChain) {
        let params =
            GhostdagParams { k: 20, difficulty_window_size: 1_000, genesis_daa_score: 0, limits: Limits::NONE };
        let mut dag = Dag::new(params, SIMNET_GENESIS.hash, SIMNET_GENESIS.bits).expect("the target is valid");
        let mut number = 0;
        let mut tip = BlockId::GENESIS;
        for width in [9, 1, 1, 6, 1, 14, 1, 1, 1, 1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1] {
            let layer: Vec<BlockId> = (0..width)
                .map(|_| {
                    number += 1;
                    dag.insert(Hash::from_u64_word(number), &[tip], SIMNET_GENESIS.bits).expect("the block is valid")
                })
                .collect();
            number += 1;
            tip = dag.insert(Hash::from_u64_word(number), &layer, SIMNET_GENESIS.bits).expect("the block is valid");
        }
        let mut chain = SelectedChain::new(&dag, BlockId::GENESIS);
        chain.move_to(&dag, tip);
        (dag, chain)
    }

    #[test]
    fn given_any_blue_score_when_the_block_below_is_looked_for_then_it_is_that_of_a_plain_search() {
        let (dag, mut chain) = uneven();
        for root in [0, 5, 17] {
            let root = chain.get(root).expect("the chain is longer");
            chain.forget_below(&dag, root);
            for score in 0..dag.blue_score(chain.tip()) + 5 {
                let plain = chain.blocks().iter().copied().rfind(|&block| dag.blue_score(block) < score);
                assert_eq!(chain.below_blue_score(&dag, score), plain, "below {score} above {root}");
            }
        }
        assert!(chain.blocks().len() > 20);
    }
}
