//! A page at Full verbosity is not a path from our tip, or has not what it names: each block of it is checked, so it must be refused
//! whole. No honest node sends one.

use kaspa_hashes::Hash;
use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate},
        link::LinkControl,
    },
};

use super::{
    Drawn, FaultKind, Moment,
    page::{self, Page},
};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisorderedPage {
    /// In which way.
    pub how: Disorder,
}

impl Drawn for DisorderedPage {
    fn draw(stream: &mut Stream) -> Self {
        Self { how: Disorder::ALL[stream.below(Disorder::ALL.len() as u64) as usize] }
    }
}

impl FaultKind for DisorderedPage {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        page::counts(message).is_some_and(|counts| counts.added >= self.how.least_blocks()) && page::is_full(message)
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        page::changed(message, |page| {
            // Another fault may have struck the same page before.
            let has_enough = page.added.len().min(page.blocks.len()) >= self.how.least_blocks();
            if has_enough {
                self.how.apply(page);
            }
            has_enough
        })
    }
}

/// What is wrong with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disorder {
    /// It does not begin above our tip.
    FirstMissing,
    /// A block in the middle is missing.
    MiddleMissing,
    /// Two blocks have changed places.
    Swapped,
    /// A block is there twice.
    Repeated,
    /// The last block's content is missing.
    ContentMissing,
    /// It removes a block that is not ours.
    ForeignRemoved,
}

impl Disorder {
    const ALL: [Self; 6] = [
        Self::FirstMissing,
        Self::MiddleMissing,
        Self::Swapped,
        Self::Repeated,
        Self::ContentMissing,
        Self::ForeignRemoved,
    ];

    /// Without a block behind the missing one nothing would be wrong.
    fn least_blocks(self) -> usize {
        match self {
            Self::MiddleMissing => 3,
            Self::FirstMissing | Self::Swapped => 2,
            Self::Repeated | Self::ContentMissing | Self::ForeignRemoved => 1,
        }
    }

    fn apply(self, page: &mut Page<'_>) {
        let Page { removed, added, blocks, received: _ } = page;
        match self {
            Self::FirstMissing => {
                added.remove(0);
                blocks.remove(0);
            }
            Self::MiddleMissing => {
                added.remove(1);
                blocks.remove(1);
            }
            Self::Swapped => {
                added.swap(0, 1);
                blocks.swap(0, 1);
            }
            Self::Repeated => {
                added.extend(added.last().copied());
                blocks.extend(blocks.last().cloned());
            }
            Self::ContentMissing => {
                blocks.pop();
            }
            Self::ForeignRemoved => {
                removed.push(Hash::from_bytes([0xf0; 32]));
            }
        }
    }
}
