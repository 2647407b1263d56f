//! What a consumer of the bridge rebuilds from events alone: the simplest state machine that rolls back with the chain.

use bridge::{BlockAdded, ChainRef, L1Event, Reorg};
use kaspa_hashes::Hash;

use crate::report::ReorgSize;

/// The followed chain as the events tell it. It applies what it is told without a doubt; doubts are the checkers' part.
#[derive(Debug, Default)]
pub struct Replica {
    blocks: Vec<ReplicaBlock>,
    /// Hash of the block below the first, which is not announced: the anchor. `None` before there is a block.
    pub anchor: Option<Hash>,
    /// Number of blocks that were finalized, counted from the first; only grows.
    pub finalized: Option<ChainRef>,
    /// Chain blocks added, those removed again included.
    pub added: u64,
    /// Reorgs seen.
    pub reorgs: u64,
    /// Blocks removed by the deepest of them.
    pub max_reorg_depth: u64,
    /// How deep each of them was.
    pub reorg_sizes: Vec<ReorgSize>,
    /// Sessions that ended.
    pub disconnects: u64,
    /// Events of any kind.
    pub events: u64,
    /// The bridge said that it cannot go on.
    pub ended: bool,
}

/// One chain block with what it accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaBlock {
    /// The block.
    pub block: ChainRef,
    /// Ids of the accepted transactions, in acceptance order.
    pub accepted_ids: Vec<Hash>,
}

impl Replica {
    /// The chain above the anchor, oldest first: the block of index `i` is at position `i - 1`.
    pub fn blocks(&self) -> &[ReplicaBlock] {
        &self.blocks
    }

    /// The newest block; `None` while there is only the anchor.
    pub fn tip(&self) -> Option<ChainRef> {
        self.blocks.last().map(|block| block.block)
    }

    /// Takes in one event.
    pub fn apply(&mut self, event: &L1Event) {
        self.events += 1;
        match event {
            L1Event::BlockAdded(added) => self.append(added),
            L1Event::Reorg(reorg) => {
                let depth = (self.blocks.len() as u64).saturating_sub(reorg.fork.index);
                self.reorg_sizes.push(self.size_of(reorg, depth));
                self.reorgs += 1;
                self.max_reorg_depth = self.max_reorg_depth.max(depth);
                self.blocks.truncate(usize::try_from(reorg.fork.index).unwrap_or(usize::MAX));
            }
            L1Event::Finalized { block, .. } => self.finalized = Some(*block),
            L1Event::Disconnected { .. } => self.disconnects += 1,
            L1Event::Fatal(_) => self.ended = true,
            _ => {}
        }
    }

    fn size_of(&self, reorg: &Reorg, blocks: u64) -> ReorgSize {
        let lowest = usize::try_from(reorg.fork.index).ok().and_then(|fork| self.blocks.get(fork));
        let blue_score = lowest.map_or(0, |lowest| reorg.old_tip.blue_score.saturating_sub(lowest.block.blue_score));
        let is_to_finalized = self.finalized.is_some_and(|finalized| reorg.fork.index <= finalized.index);
        ReorgSize { blocks, blue_score, is_to_finalized }
    }

    fn append(&mut self, added: &BlockAdded) {
        self.added += 1;
        self.anchor.get_or_insert(added.parent);
        let accepted_ids = added.accepted.iter().map(|transaction| transaction.id).collect();
        self.blocks.push(ReplicaBlock { block: added.block, accepted_ids });
    }
}
