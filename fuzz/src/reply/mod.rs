//! A follower that talks to a node which makes up its replies.
//!
//! The follower is synced on a short chain. The node's chain grows, forks and is pruned, the follower asks, and the honest
//! answer is changed before it is sent: fields, hashes, order, lengths, bytes. The process may die and go on from what was
//! stored, with the references to the chain or without. Then the node becomes honest.
//!
//! | file | room for |
//! |---|---|
//! | `edit.rs` | what can be done to a reply, and its byte code |
//! | `apply.rs` | doing it |
//! | `scene.rs` | follower, node and time; the laws |
//!
//! Laws: nothing panics; a refused reply tells no numbered event and leaves tip and root as they were, or gives up the
//! anchor as long as nothing numbered was told; numbered events follow one another and are what the follower has; a verified
//! block exists and has the scores, the parent and the time to which its hash commits, and every block of a page at Full
//! verbosity is verified; the follower never waits for ever, nor asks for ever; with an honest node it reaches the sink
//! again, or ends if the node pruned what they have in common, unless it was lied into another chain; without a lie it
//! does not end otherwise.

mod apply;
mod edit;
#[path = "../../../bridge/tests/support/node.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod node;
mod scene;
#[path = "../../../bridge/tests/support/tree.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod tree;

use std::fmt;

pub use self::edit::{Change, Edit, Field};
use self::scene::Scene;
use crate::code::{Word, Words};

/// Most steps of a talk.
const MOST_STEPS: usize = 48;

/// A whole talk.
#[derive(Clone, PartialEq, Eq)]
pub struct Talk {
    /// How it begins.
    pub setup: Setup,
    /// What happens.
    pub steps: Vec<Step>,
}

/// How a talk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Chain blocks above the first one, to which the follower is synced.
    pub blocks: u8,
    /// Blue score below the tip at which a block is final.
    pub finality_depth: u8,
    /// Most chain blocks in one page.
    pub page_limit: u8,
}

/// What happens in a talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The node's chain grows.
    Grow {
        /// By so many blocks.
        blocks: u8,
        /// Each of which merges so many.
        merged: u8,
    },
    /// The node's chain becomes another one.
    Fork {
        /// So many of its blocks leave.
        depth: u8,
        /// So many join.
        blocks: u8,
    },
    /// Time passes, in which the follower may ask.
    Pass {
        /// Milliseconds.
        ms: u16,
    },
    /// The process dies, and another goes on from what the consumer stored.
    Restart {
        /// It stored the references to the chain too.
        with_window: bool,
    },
    /// The node prunes.
    Prune {
        /// What descends from the block so far below its sink stays, and that block.
        depth: u8,
    },
    /// Something is done to one of the next replies.
    Edit(Edit),
}

/// Tells a restart from a passing of time.
const RESTART: u8 = 3;
/// Tells pruning from a passing of time.
const PRUNE: u8 = 4;

impl Setup {
    const fn of(word: Word) -> Self {
        let [finality_depth, page_limit] = word.large.to_le_bytes();
        Self { blocks: word.small % 24, finality_depth: 4 + finality_depth % 60, page_limit: 1 + page_limit % 16 }
    }

    const fn word(self) -> Word {
        Word::new(0, self.blocks, u16::from_le_bytes([self.finality_depth - 4, self.page_limit - 1]))
    }
}

impl Step {
    fn read(word: Word, words: &mut Words<'_>) -> Self {
        let [low, high] = word.large.to_le_bytes();
        // The low bits say what kind of step it is: edits are most of them.
        match word.operation % 8 {
            0 => Self::Grow { blocks: 1 + low % 8, merged: 1 + high % 32 },
            1 => Self::Fork { depth: low % 16, blocks: 1 + high % 16 },
            2 if word.small % 8 == RESTART => Self::Restart { with_window: low % 2 == 1 },
            2 if word.small % 8 == PRUNE => Self::Prune { depth: low % 64 },
            2 => Self::Pass { ms: word.large % 40_000 },
            _ => Self::Edit(Edit::read(word, words)),
        }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let word = match self {
            Self::Grow { blocks, merged } => Word::new(0, 0, u16::from_le_bytes([blocks - 1, merged - 1])),
            Self::Fork { depth, blocks } => Word::new(1, 0, u16::from_le_bytes([*depth, blocks - 1])),
            Self::Pass { ms } => Word::new(2, 0, *ms),
            Self::Restart { with_window } => Word::new(2, RESTART, u16::from(*with_window)),
            Self::Prune { depth } => Word::new(2, PRUNE, u16::from(*depth)),
            Self::Edit(edit) => return edit.write(bytes),
        };
        bytes.extend(word.bytes());
    }
}

impl Talk {
    /// Reads the byte code; every byte string is a talk.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut words = Words::new(bytes);
        let setup = Setup::of(words.next().unwrap_or(Word::new(0, 0, 0)));
        let mut steps = Vec::new();
        while let Some(word) = words.next().filter(|_| steps.len() < MOST_STEPS) {
            steps.push(Step::read(word, &mut words));
        }
        Self { setup, steps }
    }

    /// Writes the byte code.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.setup.word().bytes().to_vec();
        self.steps.iter().for_each(|step| step.write(&mut bytes));
        bytes
    }
}

impl fmt::Debug for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.setup)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "    {step:?}"))
    }
}

/// Runs the talk.
///
/// # Panics
/// If a law is broken.
pub fn check(talk: &Talk) {
    let mut scene = Scene::synced(talk.setup);
    for step in &talk.steps {
        match step {
            Step::Grow { blocks, merged } => scene.fork(0, *blocks, *merged),
            Step::Fork { depth, blocks } => scene.fork(*depth, *blocks, 1),
            Step::Pass { ms } => scene.pass(u64::from(*ms)),
            Step::Restart { with_window } => scene.restart(*with_window),
            Step::Prune { depth } => scene.prune(*depth),
            Step::Edit(edit) => scene.add_edit(edit.clone()),
        }
    }
    scene.settle();
}
