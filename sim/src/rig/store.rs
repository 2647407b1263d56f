//! What the consumer has on disk: one entry for each numbered event, so that it can be put back to any of them.
//!
//! Invariant: `steps` and `checkpoints` have one entry for each number from 1 on, those that were cut off by a restart
//! excluded.

use bridge::{ChainRef, Checkpoint, L1Event, Window, wire::Network};

use super::{
    breach::{Broken, Law},
    consumer::{Consumer, PathBlock},
};

/// What one numbered event did to the path.
#[derive(Debug, Clone, Copy)]
enum Step {
    Added(PathBlock),
    /// So many blocks stay.
    CutTo(usize),
    /// The root is at this position.
    Finalized(usize),
}

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Disk {
    anchor: Option<PathBlock>,
    steps: Vec<Step>,
    /// Encoded, as a consumer stores them.
    checkpoints: Vec<Vec<u8>>,
    window: Option<Window>,
}

/// What a restart finds on disk.
pub(super) struct Found {
    pub(super) path: Vec<PathBlock>,
    pub(super) root: usize,
    /// `None` if nothing was stored.
    pub(super) checkpoint: Option<Checkpoint>,
}

impl Found {
    /// The references from root to tip.
    pub(super) fn window(&self) -> Vec<ChainRef> {
        self.path[self.root..].iter().map(|block| block.reference).collect()
    }
}

impl Disk {
    /// Stores a numbered event that the consumer has applied.
    pub(super) fn store(&mut self, event: &L1Event, consumer: &Consumer, network: Network) -> Result<(), Broken> {
        let path = consumer.path();
        let (Some(anchor), Some(&tip)) = (path.first(), path.last()) else { return Ok(()) };
        let anchor = *self.anchor.get_or_insert(*anchor);
        self.steps.push(match event {
            L1Event::BlockAdded(_) => Step::Added(tip),
            L1Event::Reorg(_) => Step::CutTo(path.len()),
            _ => Step::Finalized(consumer.root),
        });
        let window = self.window.get_or_insert_with(|| Window::new(anchor.reference));
        let unfit = |what: String| Broken { law: Law::Path, what };
        window.apply(event).map_err(|error| unfit(format!("the window refuses {event:?}: {error}")))?;
        let checkpoint = window.checkpoint(network);
        let checkpoint = checkpoint.map_err(|error| unfit(format!("no checkpoint after {event:?}: {error}")))?;
        self.checkpoints.push(checkpoint.encode());
        Ok(())
    }

    /// Goes back to what was stored after event `sequence`: all later entries are lost. `with_window` says whether the
    /// consumer goes on with all references from root to tip, or with those of the checkpoint alone.
    pub(super) fn go_back_to(&mut self, sequence: u64, with_window: bool) -> Result<Found, Broken> {
        let count = usize::try_from(sequence).unwrap_or(usize::MAX);
        self.steps.truncate(count);
        self.checkpoints.truncate(count);
        let unfit = |what: String| Broken { law: Law::Path, what };
        let (Some(bytes), Some(anchor)) = (self.checkpoints.last(), self.anchor) else {
            *self = Self::default();
            return Ok(Found { path: Vec::new(), root: 0, checkpoint: None });
        };
        let checkpoint = Checkpoint::decode(bytes).map_err(|error| unfit(format!("a stored checkpoint: {error}")))?;
        let mut found = Found { path: vec![anchor], root: 0, checkpoint: None };
        for step in &self.steps {
            match *step {
                Step::Added(block) => found.path.push(block),
                Step::CutTo(length) => found.path.truncate(length),
                Step::Finalized(root) => found.root = root,
            }
        }
        self.window = Some(match with_window {
            false => Window::of_checkpoint(&checkpoint),
            true => Window::restored(&checkpoint, found.window())
                .map_err(|error| unfit(format!("the window of {checkpoint:?}: {error}")))?,
        });
        found.checkpoint = Some(checkpoint);
        Ok(found)
    }
}
