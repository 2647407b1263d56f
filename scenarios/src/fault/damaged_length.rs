//! A length or a number inside a page is not what it was: where a decoder that believes it allocates, or reads past the end.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, Parcel},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, Moment, page};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DamagedLength {
    /// Which.
    pub which: PageLength,
    /// What stands there instead.
    pub value: u32,
}

impl Drawn for DamagedLength {
    fn draw(stream: &mut Stream) -> Self {
        let which = PageLength::ALL[stream.below(PageLength::ALL.len() as u64) as usize];
        const VALUES: [u32; 6] = [0, 1, 1 << 8, 1 << 24, i32::MAX as u32, u32::MAX];
        Self { which, value: VALUES[stream.below(VALUES.len() as u64) as usize] }
    }
}

impl FaultKind for DamagedLength {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        self.place(message).is_some_and(|at| message.bytes.get(at..at + 4) != Some(&self.value.to_le_bytes()))
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let mut bytes = message.bytes.to_vec();
        let Some(place) = self.place(message).and_then(|at| bytes.get_mut(at..at + 4)) else {
            return MessageFate::Pass;
        };
        place.copy_from_slice(&self.value.to_le_bytes());
        MessageFate::Replace(vec![Parcel { after: Duration::ZERO, bytes }])
    }
}

/// A length or number inside a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageLength {
    /// Bytes of the response.
    Response,
    /// Number of removed blocks.
    Removed,
    /// Number of added blocks.
    Added,
    /// Bytes of all blocks.
    Blocks,
    /// Number of blocks.
    BlockCount,
    /// Bytes of the first block; of a page without blocks, nothing.
    FirstBlock,
}

impl PageLength {
    const ALL: [Self; 6] =
        [Self::Response, Self::Removed, Self::Added, Self::Blocks, Self::BlockCount, Self::FirstBlock];
}

impl DamagedLength {
    fn place(&self, message: &Message<'_>) -> Option<usize> {
        let counts = page::counts(message).filter(|counts| counts.added > 0)?;
        let blocks_at = counts.added_at + 4 + 32 * counts.added;
        Some(match self.which {
            PageLength::Response => page::LENGTH_AT,
            PageLength::Removed => page::VERSION_AT + 2,
            PageLength::Added => counts.added_at,
            PageLength::Blocks => blocks_at,
            PageLength::BlockCount => blocks_at + 4,
            PageLength::FirstBlock => blocks_at + 8,
        })
    }
}
