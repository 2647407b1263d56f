//! A page at Full verbosity is not a path from our tip, or has not what it names: each block of it is checked, so it must be refused
//! whole. No honest node sends one.

use std::sync::Arc;

use kaspa_hashes::Hash;
use kaspa_rpc_core::GetVirtualChainFromBlockV2Response;
use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, Moment, page};

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
            let blocks = page.added_chain_block_hashes.len().min(page.chain_block_accepted_transactions.len());
            let has_enough = blocks >= self.how.least_blocks();
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

    fn apply(self, page: &mut GetVirtualChainFromBlockV2Response) {
        let hashes = Arc::make_mut(&mut page.added_chain_block_hashes);
        let blocks = Arc::make_mut(&mut page.chain_block_accepted_transactions);
        match self {
            Self::FirstMissing => {
                hashes.remove(0);
                blocks.remove(0);
            }
            Self::MiddleMissing => {
                hashes.remove(1);
                blocks.remove(1);
            }
            Self::Swapped => {
                hashes.swap(0, 1);
                blocks.swap(0, 1);
            }
            Self::Repeated => {
                hashes.extend(hashes.last().copied());
                blocks.extend(blocks.last().cloned());
            }
            Self::ContentMissing => {
                blocks.pop();
            }
            Self::ForeignRemoved => {
                Arc::make_mut(&mut page.removed_chain_block_hashes).push(Hash::from_bytes([0xf0; 32]));
            }
        }
    }
}
