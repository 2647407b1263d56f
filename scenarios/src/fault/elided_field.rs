//! A chain page lacks a header field that a node always fills.

use std::{sync::Arc, time::Duration};

use borsh::BorshDeserialize;
use bridge::wire::{Operation, encode};
use kaspa_rpc_core::GetVirtualChainFromBlockV2Response;
use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, MessageKind, Parcel},
        link::LinkControl,
    },
};
use workflow_serializer::serializer::Serializable;

use super::{Drawn, FaultKind, Moment};

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

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        match elide(message, self.block as usize, self.field) {
            Some(bytes) => MessageFate::Replace(vec![Parcel { after: Duration::ZERO, bytes }]),
            None => MessageFate::Pass,
        }
    }
}

/// The chain page with field number `field` of the header of block number `block` left out; `None` if the message is
/// no page with blocks.
fn elide(message: &Message<'_>, block: usize, field: u8) -> Option<Vec<u8>> {
    const HEADER: usize = 1 + 8 + 1 + 1 + 1;
    let MessageKind::Reply { id, operation: Some(operation @ Operation::GetVirtualChainFromBlockV2) } = message.kind
    else {
        return None;
    };
    // The bytes are our own node's: reply header, result tag, then the response in its envelope.
    let mut body = message.bytes.get(HEADER + 1..)?;
    let page = <Serializable<GetVirtualChainFromBlockV2Response> as BorshDeserialize>::deserialize(&mut body);
    let Serializable(mut page) = page.ok()?;
    let blocks = Arc::make_mut(&mut page.chain_block_accepted_transactions);
    let last = blocks.len().checked_sub(1)?;
    let header = &mut blocks[block.min(last)].chain_block_header;
    match field {
        0 => header.hash = None,
        1 => header.version = None,
        2 => header.parents_by_level = None,
        3 => header.hash_merkle_root = None,
        4 => header.accepted_id_merkle_root = None,
        5 => header.utxo_commitment = None,
        6 => header.timestamp = None,
        7 => header.bits = None,
        8 => header.nonce = None,
        9 => header.daa_score = None,
        10 => header.blue_work = None,
        11 => header.blue_score = None,
        _ => header.pruning_point = None,
    }
    Some(encode::reply(id, operation, &page))
}
