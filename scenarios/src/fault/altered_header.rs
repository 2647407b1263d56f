//! A header says something else than its block's, in a page at Full verbosity or in an answer about one block: its hash is another
//! then. No honest node sends one.

use kaspa_hashes::Hash;
use kaspa_rpc_core::RpcOptionalHeader;
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
pub struct AlteredHeader {
    /// What it says otherwise.
    pub field: HeaderField,
    /// Which block of a page, counted from 0; the last if there are fewer.
    pub block: u32,
}

impl Drawn for AlteredHeader {
    fn draw(stream: &mut Stream) -> Self {
        Self {
            field: HeaderField::ALL[stream.below(HeaderField::ALL.len() as u64) as usize],
            block: stream.below(4) as u32,
        }
    }
}

impl FaultKind for AlteredHeader {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        page::is_full(message)
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        page::changed(message, |page| {
            page.change_block(self.block as usize, |block| self.field.alter(&mut block.chain_block_header))
        })
    }
}

/// A field of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named as in `RpcOptionalHeader`")]
pub enum HeaderField {
    Hash,
    Timestamp,
    Nonce,
    DaaScore,
    BlueScore,
    BlueWork,
    AcceptedIdMerkleRoot,
    PruningPoint,
}

impl HeaderField {
    const ALL: [Self; 8] = [
        Self::Hash,
        Self::Timestamp,
        Self::Nonce,
        Self::DaaScore,
        Self::BlueScore,
        Self::BlueWork,
        Self::AcceptedIdMerkleRoot,
        Self::PruningPoint,
    ];

    fn alter(self, header: &mut RpcOptionalHeader) -> bool {
        let next = |number: &mut u64| *number = number.wrapping_add(1);
        let other = |hash: &mut Hash| *hash = Hash::from_bytes([0xf0; 32]);
        match self {
            Self::Hash => header.hash.as_mut().map(other),
            Self::Timestamp => header.timestamp.as_mut().map(next),
            Self::Nonce => header.nonce.as_mut().map(next),
            Self::DaaScore => header.daa_score.as_mut().map(next),
            Self::BlueScore => header.blue_score.as_mut().map(next),
            Self::BlueWork => header.blue_work.as_mut().map(|work| *work = *work + 1),
            Self::AcceptedIdMerkleRoot => header.accepted_id_merkle_root.as_mut().map(other),
            Self::PruningPoint => header.pruning_point.as_mut().map(other),
        }
        .is_some()
    }
}
