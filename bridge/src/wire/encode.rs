//! The server's side: frames that a simulated node sends.
//!
//! A reply of GetVirtualChainFromBlockV2 is assembled from blocks that were encoded once and are shared between
//! replies; the bytes are those of encoding the whole response at once.

use borsh::BorshSerialize;
use kaspa_hashes::{HASH_SIZE, Hash};
use kaspa_rpc_core::{Notification, RpcChainBlockAcceptedTransactions, api::ops::RpcApiOps};
use workflow_serializer::{payload::ser::Payload, serializer::Serializer};

use super::{FrameKind, Operation, ServerHeader, reader::LENGTH_SIZE};

/// Tags of `Result` in Borsh.
const RESULT_ERROR: u8 = 0;
const RESULT_OK: u8 = 1;

/// Tag of `ServerError::Text`. Source: `workflow-rpc` 0.18, `error.rs`.
const SERVER_ERROR_TEXT: u8 = 13;

/// The frame that answers request `id` with one of `kaspa-rpc-core`'s responses, which must be that of the operation.
///
/// # Panics
/// If the response refuses to be written: of the node's responses only one whose difficulty is not a number does.
pub fn reply(id: u64, operation: Operation, response: &impl Serializer) -> Vec<u8> {
    let mut frame = reply_header(id, operation);
    frame.push(RESULT_OK);
    Payload(response).serialize(&mut frame).expect("a Vec takes every byte, and no difficulty is NaN");
    frame
}

/// The frame that answers request `id` with an error of the method, `text` being the node's bare text.
pub fn remote_error(id: u64, operation: Operation, text: &str) -> Vec<u8> {
    let mut frame = reply_header(id, operation);
    frame.extend([RESULT_ERROR, SERVER_ERROR_TEXT]);
    frame.extend(length(text.len()).to_le_bytes());
    frame.extend(text.as_bytes());
    frame
}

/// The frame of a notification.
///
/// # Panics
/// As [`reply`], for a block whose difficulty is not a number.
pub fn notification(notification: &Notification) -> Vec<u8> {
    use kaspa_notify::notification::Notification as _;

    let operation = RpcApiOps::from(notification.event_type()) as u8;
    let mut frame = header(ServerHeader { id: None, kind: FrameKind::Notification, operation: Some(operation) });
    Payload(notification).serialize(&mut frame).expect("a Vec takes every byte, and no difficulty is NaN");
    frame
}

/// One block of a [`chain_page`], to be encoded once and used in any number of pages.
pub fn chain_block(block: &RpcChainBlockAcceptedTransactions) -> Vec<u8> {
    let mut bytes = Vec::new();
    block.serialize(&mut bytes).expect("a Vec takes every byte, and no chain block has a field that can refuse");
    bytes
}

/// The frame that answers GetVirtualChainFromBlockV2 under `id`, with blocks made by [`chain_block`].
pub fn chain_page<'b>(
    id: u64,
    removed: &[Hash],
    added: &[Hash],
    blocks: impl IntoIterator<Item = &'b [u8], IntoIter: Clone>,
) -> Vec<u8> {
    const VERSION: u16 = 1;
    let blocks = blocks.into_iter();
    let (count, block_bytes) = blocks.clone().fold((0, 0), |(count, bytes), block| (count + 1, bytes + block.len()));
    let blocks_size = LENGTH_SIZE + count * LENGTH_SIZE + block_bytes;
    let hashes_size = 2 * LENGTH_SIZE + (removed.len() + added.len()) * HASH_SIZE;
    let body_size = size_of_val(&VERSION) + hashes_size + LENGTH_SIZE + blocks_size;

    let mut frame = reply_header(id, Operation::GetVirtualChainFromBlockV2);
    frame.reserve(1 + LENGTH_SIZE + body_size);
    frame.push(RESULT_OK);
    frame.extend(length(body_size).to_le_bytes());
    frame.extend(VERSION.to_le_bytes());
    for hashes in [removed, added] {
        frame.extend(length(hashes.len()).to_le_bytes());
        for hash in hashes {
            frame.extend(hash.as_slice());
        }
    }
    frame.extend(length(blocks_size).to_le_bytes());
    frame.extend(length(count).to_le_bytes());
    for block in blocks {
        frame.extend(length(block.len()).to_le_bytes());
        frame.extend(block);
    }
    frame
}

fn reply_header(id: u64, operation: Operation) -> Vec<u8> {
    header(ServerHeader { id: Some(id), kind: FrameKind::Success, operation: Some(operation.code()) })
}

fn header(header: ServerHeader) -> Vec<u8> {
    let mut frame = Vec::with_capacity(64);
    BorshSerialize::serialize(&header, &mut frame).expect("a Vec takes every byte, and a header has only integers");
    frame
}

/// A length field. A frame of 4 GiB cannot be expressed; its length is capped, and every reader refuses it.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
