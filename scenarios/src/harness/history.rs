//! What a consumer was told so far: for its checkpoints, for the window of the next bridge, and for a straight replay.
//!
//! Invariant: `events` are the numbered events 1, 2, 3, ... that the present process was told or found stored, and `window` is
//! what they make of the anchor.

use bridge::{BlockAdded, ChainRef, Checkpoint, CheckpointError, L1Event, Window, WindowError, wire::Network};
use thiserror::Error;

/// See the module documentation.
pub(super) struct History {
    network: Network,
    window: Window,
    anchor: ChainRef,
    events: Vec<L1Event>,
}

/// Why no history goes on with an event.
#[derive(Debug, Error)]
pub(super) enum HistoryError {
    #[error(transparent)]
    Window(#[from] WindowError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl History {
    pub(super) fn new(network: Network, anchor: ChainRef) -> Self {
        Self { network, window: Window::new(anchor), anchor, events: Vec::new() }
    }

    /// The event is told; where a consumer stands after it.
    ///
    /// # Errors
    /// It does not follow what was told before.
    pub(super) fn push(&mut self, event: &L1Event) -> Result<Checkpoint, HistoryError> {
        self.window.apply(event)?;
        self.events.push(event.clone());
        Ok(self.window.checkpoint(self.network)?)
    }

    /// Forgets what came after event `sequence`, as a process that died does.
    ///
    /// # Errors
    /// None, if the events were told in this order.
    pub(super) fn forget_after(&mut self, sequence: u64) -> Result<(), HistoryError> {
        self.events.truncate(usize::try_from(sequence).unwrap_or(usize::MAX));
        self.window = Window::new(self.anchor);
        let window = &mut self.window;
        Ok(self.events.iter().try_for_each(|event| window.apply(event))?)
    }

    /// The block on which the first one builds.
    pub(super) fn anchor(&self) -> ChainRef {
        self.anchor
    }

    /// The references to the chain from root to tip.
    pub(super) fn window(&self) -> Vec<ChainRef> {
        self.window.blocks().collect()
    }

    /// What a new bridge would tell of the chain as it is now, block after block: nothing that left it, and each time a block
    /// becomes final, that. Ends with the same root.
    pub(super) fn straight(&self, finality_depth: u64) -> Vec<L1Event> {
        let root = self.window.root();
        let chain = self.chain();
        let (mut events, mut sequence, mut finalized) = (Vec::new(), 0, 0);
        let mut next = || {
            sequence += 1;
            sequence
        };
        for added in &chain {
            events.push(L1Event::BlockAdded(BlockAdded { sequence: next(), ..BlockAdded::clone(added) }));
            let is_final = |block: &ChainRef| {
                block.index <= root.index && added.block.blue_score.saturating_sub(block.blue_score) >= finality_depth
            };
            let newly = chain[finalized..].iter().map(|added| added.block).take_while(is_final).count();
            finalized += newly;
            if newly > 0 {
                events.push(L1Event::Finalized { sequence: next(), block: chain[finalized - 1].block });
            }
        }
        // The root may have become final by a chain with more blue blocks than the present one.
        if root != self.anchor && finalized.checked_sub(1).is_none_or(|last| chain[last].block != root) {
            events.push(L1Event::Finalized { sequence: next(), block: root });
        }
        events
    }

    /// The blocks from the anchor, which is not among them, to the tip.
    fn chain(&self) -> Vec<&BlockAdded> {
        let mut chain = Vec::new();
        for event in &self.events {
            match event {
                L1Event::BlockAdded(added) => chain.push(added),
                L1Event::Reorg(reorg) => {
                    let kept = reorg.fork.index - self.anchor.index;
                    chain.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
                }
                _ => {}
            }
        }
        chain
    }
}
