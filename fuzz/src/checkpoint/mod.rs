//! What a consumer stored, as a later bridge finds it.
//!
//! Either any bytes as a checkpoint, or a checkpoint that was made from a chain with any shape and then changed byte by byte;
//! and beside it the references of its window, changed too.
//!
//! Laws: a typed error or a value; a checkpoint has one encoding; one that is accepted starts a follower, with the window
//! exactly if that is its chain and no hash is there twice, and the follower talks to a node that knows none of it; a
//! sound chain that nothing was done to is accepted with its window; events follow the window up to the ends of all ranges,
//! and it makes checkpoints again that are accepted.

mod follow;
mod step;

use std::{collections::BTreeSet, fmt};

use bridge::{ChainRef, Checkpoint, Window};
use kaspa_hashes::Hash;

pub use self::step::{Event, Shape, Step};
use crate::code::Words;

/// Most steps of an input.
const MOST_STEPS: usize = 96;

/// Bytes of a checkpoint and references of a window as they are found on disk, and what happens then.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// How they come about.
    pub steps: Vec<Step>,
}

impl Stored {
    /// Reads the byte code; every byte string means something.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut words = Words::new(bytes);
        let mut steps = Vec::new();
        while let Some(word) = words.next().filter(|_| steps.len() < MOST_STEPS) {
            steps.push(Step::read(word, &mut words));
        }
        Self { steps }
    }

    /// Writes the byte code.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.steps.iter().for_each(|step| step.write(&mut bytes));
        bytes
    }

    /// The checkpoint's bytes and the window that the steps leave behind.
    pub fn on_disk(&self) -> (Vec<u8>, Vec<ChainRef>) {
        let (mut bytes, mut window) = (Vec::new(), Vec::new());
        self.steps.iter().for_each(|step| step.change(&mut bytes, &mut window));
        (bytes, window)
    }

    /// Whether what is on disk is a sound chain as it was stored.
    fn is_sound(&self) -> bool {
        let last_change = self.steps.iter().rfind(|step| step.event().is_none());
        matches!(last_change, Some(Step::Chain(_)))
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "    {step:?}"))?;
        let (bytes, window) = self.on_disk();
        writeln!(f, "{} bytes: {:?}", bytes.len(), Checkpoint::decode(&bytes))?;
        writeln!(f, "{} references of a window", window.len())
    }
}

/// Checks the laws of checkpoints.
///
/// # Panics
/// If one is broken.
pub fn check(stored: &Stored) {
    let (bytes, blocks) = stored.on_disk();
    let checkpoint = match Checkpoint::decode(&bytes) {
        Ok(checkpoint) => checkpoint,
        // An error must be able to say what is wrong.
        Err(error) => {
            assert!(!stored.is_sound(), "a checkpoint of a sound chain is refused: {error}");
            return assert!(!error.to_string().is_empty());
        }
    };
    assert_eq!(checkpoint.encode(), bytes, "a checkpoint has two encodings");
    follow::resume(&checkpoint, None);
    let resumed = follow::resume(&checkpoint, Some(&blocks));
    let restored = Window::restored(&checkpoint, blocks.clone());
    // A hash that is there twice is found by the follower alone.
    let hashes: BTreeSet<Hash> = blocks.iter().map(|block| block.hash).collect();
    assert_eq!(resumed, restored.is_ok() && hashes.len() == blocks.len(), "a window of which it is said: {restored:?}");
    if stored.is_sound() {
        assert!(resumed, "a sound chain is refused: {restored:?}");
        assert!(restored.as_ref().is_ok_and(|window| window.is_complete() && window.blocks().eq(blocks)));
    }
    let events = stored.steps.iter().filter_map(|step| step.event());
    for window in [Some(Window::of_checkpoint(&checkpoint)), restored.ok()].into_iter().flatten() {
        follow::events(&checkpoint, window, events.clone());
    }
}
