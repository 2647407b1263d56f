//! What a consumer of the bridge rebuilds from events alone: the simplest state machine that rolls back with the chain.

use bridge::{BlockAdded, ChainRef, L1Event};
use kaspa_hashes::Hash;

/// The followed chain as the events tell it. It applies what it is told without a doubt; doubts are the checkers' part.
#[derive(Debug, Default)]
pub struct Replica {
    blocks: Vec<ReplicaBlock>,
    /// Number of blocks that were finalized, counted from the first; only grows.
    pub finalized: Option<ChainRef>,
    /// Chain blocks added, those removed again included.
    pub added: u64,
    /// Reorgs seen.
    pub reorgs: u64,
    /// Blocks removed by the deepest of them.
    pub max_reorg_depth: u64,
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

    fn append(&mut self, added: &BlockAdded) {
        self.added += 1;
        let accepted_ids = added.accepted.iter().map(|transaction| transaction.id).collect();
        self.blocks.push(ReplicaBlock { block: added.block, accepted_ids });
    }
}
