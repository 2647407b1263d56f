//! The consumer: what it took, compared with the chain.

use bridge::L1Event;
use kaspa_hashes::Hash;

use super::l1::L1;

/// Five minutes of blocks: the root moves while the consumer stalls.
pub const FINALITY_DEPTH: u64 = 3_000;

/// Takes events on a line without forks.
pub struct Consumer {
    /// The blocks that it took, first to last.
    taken: Vec<Hash>,
    /// Number of its last event.
    sequence: u64,
    /// Index of the block that was the last to become final.
    root_index: u64,
}

impl Consumer {
    /// It took nothing yet. Its list has its final size from the beginning.
    pub fn new() -> Self {
        Self { taken: Vec::with_capacity(20_000), sequence: 0, root_index: 0 }
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &L1Event, l1: &L1) {
        if let Some(sequence) = event.sequence() {
            assert_eq!(sequence, self.sequence + 1, "{event:?}");
            self.sequence = sequence;
        }
        match event {
            L1Event::BlockAdded(added) => {
                let parent = self.taken.last().copied().or_else(|| l1.chain().next());
                assert_eq!(Some(added.parent), parent);
                self.taken.push(added.block.hash);
                assert_eq!(added.block.index, self.taken.len() as u64);
            }
            L1Event::Finalized { block, .. } => {
                assert!(block.index > self.root_index, "{event:?}");
                assert_eq!(self.taken.get(block.index as usize - 1), Some(&block.hash));
                self.root_index = block.index;
            }
            L1Event::Connected { .. } | L1Event::Synced { .. } | L1Event::CatchingUp { .. } => {}
            other => panic!("{other:?} on a line without forks"),
        }
    }

    /// Asserts that it has the whole chain, but for a block that is on its way, and knows what of it is final.
    pub fn assert_took_every_block_once_in_order(&self, l1: &L1) {
        let missing = l1.chain().skip(1).count() - self.taken.len();
        assert!(missing <= 1, "{missing} blocks are missing");
        assert!(l1.chain().skip(1).take(self.taken.len()).eq(self.taken.iter().copied()));
        assert_eq!(self.root_index, l1.deepest_final(self.taken.len(), FINALITY_DEPTH) as u64);
    }
}
