//! Answers of one node to requests, from its view at that moment.
//!
//! | file | room for |
//! |---|---|
//! | `chain.rs` | pages of the virtual chain, V1 and V2 |
//! | `block.rs` | blocks, and lists of blocks |
//! | `info.rs` | the small answers about node and DAG |
//! | `refusal.rs` | errors of methods, and their texts |
//!
//! The model node is one of simnet that runs with `--unsaferpc` and without `--utxoindex`, which decides what it
//! refuses. A method that it does not model is answered by an error that says so and names the method: whoever meets
//! it learns more from that than from a closed connection, and the connection goes on.
//!
//! Source of order of checks, limits and texts: rusty-kaspa 2.1.0, `kaspa-rpc-service`, `service::RpcCoreService`, and
//! `kaspa-consensus`, `consensus::Consensus`.

mod block;
mod chain;
mod info;
mod refusal;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bridge::wire::{FrameKind, Operation, ServerHeader, encode};
use kaspa_rpc_core::{AddPeerResponse, PingResponse, SubscribeResponse, UnsubscribeResponse};

pub(super) use block::rpc_block;
pub use chain::PAGE_MERGESETS;

use self::refusal::Refusal;
use super::NodeView;
use super::request::{BadRequest, NodeRequest};
use crate::block_store::BlockStore;

/// The number that every connection is told when it subscribes; the node counts its connections, and no client uses it.
const CONNECTION_NUMBER: u64 = 1;

/// What the encoder of the bridge is told instead of an operation that the bridge does not have.
const STAND_IN: Operation = Operation::Ping;

/// Where the operation is in a reply: after the tag and number of the id, the kind, and a tag.
const OPERATION_AT: usize = 1 + 8 + 1 + 1;

/// Variants of `ServerError` in Borsh that say that dispatch failed. Source: `workflow-rpc` 0.18, `error.rs`.
const NO_SUCH_METHOD: u8 = 3;
const RESPONSE_SERIALIZATION: u8 = 9;

/// What the node does about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Sends this frame.
    Reply(Vec<u8>),
    /// Closes the connection without a word, as it does for an operation that it does not know.
    DropConnection,
}

/// The answer at simulated time `now` to a request frame as it came from the wire.
///
/// The node closes the connection at a header that it cannot read and at an operation that it does not know. If it
/// knows the operation and cannot use it, it reports that dispatch failed: an unreadable content is, because of how the
/// real server converts its errors, a response that could not be serialized.
pub fn answer_frame(view: &mut NodeView, store: &mut BlockStore, now: Duration, frame: &[u8]) -> Answer {
    match NodeRequest::parse(frame) {
        Ok((id, request)) => answer(view, store, now, id, request),
        Err(BadRequest::NoMethod { id, .. }) => dispatch_error(id, NO_SUCH_METHOD),
        Err(BadRequest::Body { id, .. }) => dispatch_error(id, RESPONSE_SERIALIZATION),
        Err(BadRequest::Header(_)) => Answer::DropConnection,
    }
}

/// The answer at simulated time `now` to request `id`. Subscriptions are confirmed; the connection keeps them.
pub fn answer(
    view: &mut NodeView,
    store: &mut BlockStore,
    now: Duration,
    id: u64,
    request: impl Into<NodeRequest>,
) -> Answer {
    let request = request.into();
    let mut frame = match respond(view, store, now, id, &request) {
        Ok(frame) => frame,
        Err(refusal) => encode::remote_error(id, STAND_IN, &refusal.to_string()),
    };
    if let Some(operation) = frame.get_mut(OPERATION_AT) {
        *operation = request.operation() as u8;
    }
    Answer::Reply(frame)
}

/// The reply, but for its operation.
fn respond(
    view: &mut NodeView,
    store: &mut BlockStore,
    now: Duration,
    id: u64,
    request: &NodeRequest,
) -> Result<Vec<u8>, Refusal> {
    Ok(match *request {
        NodeRequest::Subscribe(_) => encode::reply(id, STAND_IN, &SubscribeResponse::new(CONNECTION_NUMBER)),
        NodeRequest::Unsubscribe(_) => encode::reply(id, STAND_IN, &UnsubscribeResponse {}),
        NodeRequest::Ping => encode::reply(id, STAND_IN, &PingResponse {}),
        // Who is connected to whom is the network's to say.
        NodeRequest::AddPeer => encode::reply(id, STAND_IN, &AddPeerResponse {}),
        NodeRequest::GetServerInfo => encode::reply(id, STAND_IN, &info::server_info(view, store, now)),
        NodeRequest::GetSyncStatus => encode::reply(id, STAND_IN, &info::sync_status(view, store, now)),
        NodeRequest::GetInfo => encode::reply(id, STAND_IN, &info::info(view, store, now)),
        NodeRequest::GetCurrentNetwork => encode::reply(id, STAND_IN, &info::current_network()),
        NodeRequest::GetSink => encode::reply(id, STAND_IN, &info::sink(view, store)),
        NodeRequest::GetSinkBlueScore => encode::reply(id, STAND_IN, &info::sink_blue_score(view, store)),
        NodeRequest::GetBlockCount => encode::reply(id, STAND_IN, &info::block_count(view, store)),
        NodeRequest::GetBlockDagInfo => encode::reply(id, STAND_IN, &info::block_dag_info(view, store)),
        NodeRequest::GetBlock { hash, include_transactions } => {
            encode::reply(id, STAND_IN, &block::block(view, store, &hash, include_transactions)?)
        }
        NodeRequest::GetBlocks { low_hash, include_blocks, include_transactions } => {
            let wanted = block::Wanted::new(include_blocks, include_transactions)?;
            encode::reply(id, STAND_IN, &block::blocks(view, store, low_hash, wanted)?)
        }
        NodeRequest::GetVirtualChainFromBlock {
            start_hash,
            include_accepted_transaction_ids,
            min_confirmation_count,
        } => {
            let path = chain::path(view, store, &start_hash, min_confirmation_count.unwrap_or(0))?;
            encode::reply(id, STAND_IN, &chain::page_v1(store, path, include_accepted_transaction_ids))
        }
        NodeRequest::GetVirtualChainFromBlockV2 { start_hash, verbosity, min_confirmation_count } => {
            let path = chain::path(view, store, &start_hash, min_confirmation_count.unwrap_or(0))?;
            chain::page_v2(store, id, path, verbosity)
        }
        NodeRequest::Other(operation) => return Err(Refusal::of_method(operation)),
    })
}

fn dispatch_error(id: u64, error: u8) -> Answer {
    let header = ServerHeader { id: Some(id), kind: FrameKind::Error, operation: None };
    let mut frame = borsh::to_vec(&header).unwrap_or_default();
    frame.push(error);
    Answer::Reply(frame)
}
