//! A chain page lacks a header field that a node always fills.

use bridge::wire::Header;
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
pub struct ElidedField {
    /// Which header field, counted as in `RpcOptionalHeader`.
    pub field: u8,
    /// Which block of the page, counted from 0; the last if there are fewer.
    pub block: u32,
}

impl Drawn for ElidedField {
    fn draw(stream: &mut Stream) -> Self {
        Self { field: stream.below(13) as u8, block: stream.below(4) as u32 }
    }
}

impl FaultKind for ElidedField {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        let Some(page) = page::counts(message).filter(|counts| counts.added > 0).and_then(|_| page::read(message)) else {
            return false;
        };
        let mut blocks = page.blocks();
        let last = blocks.len().saturating_sub(1);
        blocks.nth((self.block as usize).min(last)).is_some_and(|block| is_there(&block.header, self.field))
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        page::changed(message, |page| {
            page.change_block(self.block as usize, |block| leave_out(&mut block.chain_block_header, self.field))
        })
    }
}

fn is_there(header: &Header<'_>, field: u8) -> bool {
    match field {
        0 => header.hash.is_some(),
        1 => header.version.is_some(),
        2 => header.parents.is_some(),
        3 => header.hash_merkle_root.is_some(),
        4 => header.accepted_id_merkle_root.is_some(),
        5 => header.utxo_commitment.is_some(),
        6 => header.timestamp_ms.is_some(),
        7 => header.bits.is_some(),
        8 => header.nonce.is_some(),
        9 => header.daa_score.is_some(),
        10 => header.blue_work.is_some(),
        11 => header.blue_score.is_some(),
        _ => header.pruning_point.is_some(),
    }
}

/// Whether the field was there.
fn leave_out(header: &mut RpcOptionalHeader, field: u8) -> bool {
    match field {
        0 => header.hash.take().is_some(),
        1 => header.version.take().is_some(),
        2 => header.parents_by_level.take().is_some(),
        3 => header.hash_merkle_root.take().is_some(),
        4 => header.accepted_id_merkle_root.take().is_some(),
        5 => header.utxo_commitment.take().is_some(),
        6 => header.timestamp.take().is_some(),
        7 => header.bits.take().is_some(),
        8 => header.nonce.take().is_some(),
        9 => header.daa_score.take().is_some(),
        10 => header.blue_work.take().is_some(),
        11 => header.blue_score.take().is_some(),
        _ => header.pruning_point.take().is_some(),
    }
}
