//! Frames decoded and encoded again: payloads by `kaspa-rpc-core`, headers by ours.
//!
//! Invariant: every list of a reply or notification was walked before its payload is decoded, and what has no walk is
//! refused. The danger is in lists of `workflow-serializer`, for which memory is reserved as their count says. Requests
//! have none, and Borsh's own lists grow as their items arrive.

use borsh::BorshSerialize;
use bridge::wire::{Reader, RequestHeader, ServerHeader, WireError};
use kaspa_hashes::HASH_SIZE;
use kaspa_notify::scope::Scope;
use kaspa_rpc_core::{
    AddPeerRequest, AddPeerResponse, GetBlockCountRequest, GetBlockCountResponse, GetBlockDagInfoRequest,
    GetBlockDagInfoResponse, GetBlockRequest, GetBlockResponse, GetBlocksRequest, GetBlocksResponse,
    GetCurrentNetworkRequest, GetCurrentNetworkResponse, GetHeadersRequest, GetHeadersResponse, GetInfoRequest,
    GetInfoResponse, GetServerInfoRequest, GetServerInfoResponse, GetSinkBlueScoreRequest, GetSinkBlueScoreResponse,
    GetSinkRequest, GetSinkResponse, GetSyncStatusRequest, GetSyncStatusResponse, GetVirtualChainFromBlockRequest,
    GetVirtualChainFromBlockResponse, GetVirtualChainFromBlockV2Request, GetVirtualChainFromBlockV2Response,
    Notification, PingRequest, PingResponse, SubscribeResponse, UnsubscribeResponse,
};
use workflow_serializer::serializer::{DeserializerT, Serializable, SerializerT};

/// A list item in an envelope takes at least its length field.
const LENGTH_SIZE: usize = 4;

/// Operation number of the BlockAdded notification.
const BLOCK_ADDED: u8 = 60;

/// Operation number of the UtxosChanged notification.
const UTXOS_CHANGED: u8 = 64;

/// The frame of a request, built anew from its decoded payload.
pub(super) fn request(header: RequestHeader, payload: &[u8]) -> Result<Vec<u8>, String> {
    let mut frame = encode(&header)?;
    frame.extend(match header.operation {
        3 | 4 => again::<Scope>(payload),
        110 => again::<PingRequest>(payload),
        114 => again::<GetServerInfoRequest>(payload),
        115 => again::<GetSyncStatusRequest>(payload),
        116 => again::<GetCurrentNetworkRequest>(payload),
        120 => again::<GetSinkRequest>(payload),
        124 => again::<AddPeerRequest>(payload),
        126 => again::<GetBlockRequest>(payload),
        128 => again::<GetVirtualChainFromBlockRequest>(payload),
        129 => again::<GetBlocksRequest>(payload),
        130 => again::<GetBlockCountRequest>(payload),
        131 => again::<GetBlockDagInfoRequest>(payload),
        134 => again::<GetHeadersRequest>(payload),
        138 => again::<GetSinkBlueScoreRequest>(payload),
        141 => again::<GetInfoRequest>(payload),
        151 => again::<GetVirtualChainFromBlockV2Request>(payload),
        operation => Err(format!("requests of operation {operation} are not verified")),
    }?);
    Ok(frame)
}

/// The frame of a reply, built anew. Payloads of kinds that the bridge reads have been read by it before.
pub(super) fn reply(header: ServerHeader, asked: u8, payload: &[u8]) -> Result<Vec<u8>, String> {
    let mut frame = encode(&header)?;
    match (header.operation, payload.split_first()) {
        (Some(_), Some((1, body))) => {
            check_reply_lengths(asked, body)?;
            frame.push(1);
            frame.extend(response(asked, body)?);
        }
        (Some(_), Some((0, error))) => {
            frame.push(0);
            frame.extend(text_error(error)?);
        }
        (None, _) => frame.extend(text_error(payload)?),
        _ => return Err(format!("reply {asked} is neither a response nor an error")),
    }
    Ok(frame)
}

/// The frame of a notification, built anew.
pub(super) fn notification(header: ServerHeader, operation: u8, payload: &[u8]) -> Result<Vec<u8>, String> {
    check_notification_lengths(operation, payload)?;
    let mut frame = encode(&header)?;
    frame.extend(again::<Notification>(payload)?);
    Ok(frame)
}

/// The value in the outermost envelope of a payload, as `kaspa-rpc-core` decodes it.
pub(super) fn decode<T: SerializerT + DeserializerT>(payload: &[u8]) -> Result<T, String> {
    borsh::from_slice::<Serializable<T>>(payload)
        .map(Serializable::into_inner)
        .map_err(|error| format!("kaspa-rpc-core refuses the payload: {error}"))
}

fn response(operation: u8, body: &[u8]) -> Result<Vec<u8>, String> {
    match operation {
        3 => again::<SubscribeResponse>(body),
        4 => again::<UnsubscribeResponse>(body),
        110 => again::<PingResponse>(body),
        114 => again::<GetServerInfoResponse>(body),
        115 => again::<GetSyncStatusResponse>(body),
        116 => again::<GetCurrentNetworkResponse>(body),
        120 => again::<GetSinkResponse>(body),
        124 => again::<AddPeerResponse>(body),
        126 => again::<GetBlockResponse>(body),
        128 => again::<GetVirtualChainFromBlockResponse>(body),
        129 => again::<GetBlocksResponse>(body),
        130 => again::<GetBlockCountResponse>(body),
        131 => again::<GetBlockDagInfoResponse>(body),
        134 => again::<GetHeadersResponse>(body),
        138 => again::<GetSinkBlueScoreResponse>(body),
        141 => again::<GetInfoResponse>(body),
        151 => again::<GetVirtualChainFromBlockV2Response>(body),
        operation => Err(format!("replies of operation {operation} are not verified")),
    }
}

fn again<T: SerializerT + DeserializerT>(payload: &[u8]) -> Result<Vec<u8>, String> {
    encode(&Serializable(decode::<T>(payload)?))
}

/// An error of a method: the tag of `ServerError::Text` and a text. Nodes send no other.
fn text_error(bytes: &[u8]) -> Result<Vec<u8>, String> {
    const TEXT: u8 = 13;
    let (tag, text): (u8, String) = borsh::from_slice(bytes).map_err(|error| format!("remote error: {error}"))?;
    if tag == TEXT { encode(&(tag, text)) } else { Err(format!("a remote error has the tag {tag}, not a text")) }
}

fn encode(value: &impl BorshSerialize) -> Result<Vec<u8>, String> {
    borsh::to_vec(value).map_err(|error| format!("the decoded value cannot be encoded: {error}"))
}

/// Walks the lists of a reply.
fn check_reply_lengths(operation: u8, payload: &[u8]) -> Result<(), String> {
    match operation {
        // Only fields and texts.
        3 | 4 | 110 | 114..=116 | 120 | 124 | 130 | 138 | 141 => Ok(()),
        // Read by the bridge, which walks all lists of these.
        131 | 151 => Ok(()),
        126 => last_body(payload).and_then(check_block_reply),
        128 => last_body(payload).and_then(check_chain_reply),
        129 => last_body(payload).and_then(check_blocks_reply),
        134 => last_body(payload).and_then(check_headers_reply),
        operation => return Err(format!("replies of operation {operation} are not verified")),
    }
    .map_err(|error| format!("reply {operation}: {error}"))
}

/// Walks the lists of a notification, whose operation and variant the bridge found to agree.
fn check_notification_lengths(operation: u8, payload: &[u8]) -> Result<(), String> {
    match operation {
        BLOCK_ADDED => notification_body(payload).and_then(|mut body| check_transactions(body.envelope("block")?)),
        // Read by the bridge, which walks all lists of it.
        61 => Ok(()),
        // Only fields, or nothing.
        62 | 63 | 65..=68 => Ok(()),
        UTXOS_CHANGED => notification_body(payload).and_then(check_utxos),
        operation => return Err(format!("notifications of operation {operation} are not verified")),
    }
    .map_err(|error| format!("notification {operation}: {error}"))
}

fn last_body(payload: &[u8]) -> Result<Reader<'_>, WireError> {
    let mut body = Reader::new(payload).last_envelope("reply")?;
    body.version_u16("reply")?;
    Ok(body)
}

fn notification_body(payload: &[u8]) -> Result<Reader<'_>, WireError> {
    let mut outer = Reader::new(payload).last_envelope("notification")?;
    outer.version_u16("notification")?;
    outer.u16("notification variant")?;
    let mut body = outer.envelope("notification body")?;
    body.version_u16("notification body")?;
    Ok(body)
}

fn check_utxos(mut body: Reader<'_>) -> Result<(), WireError> {
    body.envelope("added UTXOs")?.count("added UTXOs", LENGTH_SIZE)?;
    body.envelope("removed UTXOs")?.count("removed UTXOs", LENGTH_SIZE)?;
    Ok(())
}

fn check_block_reply(mut body: Reader<'_>) -> Result<(), WireError> {
    check_transactions(body.envelope("block")?)
}

fn check_chain_reply(mut body: Reader<'_>) -> Result<(), WireError> {
    body.hashes("removed chain blocks")?;
    body.hashes("added chain blocks")?;
    for _ in 0..body.count("accepted id lists", HASH_SIZE + LENGTH_SIZE)? {
        body.hash("accepting block hash")?;
        body.hashes("accepted transaction ids")?;
    }
    Ok(())
}

fn check_blocks_reply(mut body: Reader<'_>) -> Result<(), WireError> {
    body.hashes("block hashes")?;
    let mut blocks = body.envelope("blocks")?;
    for _ in 0..blocks.count("blocks", LENGTH_SIZE)? {
        check_transactions(blocks.envelope("block")?)?;
    }
    Ok(())
}

/// Headers in their Borsh form, without envelopes.
fn check_headers_reply(mut body: Reader<'_>) -> Result<(), WireError> {
    for _ in 0..body.count("headers", HASH_SIZE)? {
        body.hash("header hash")?;
        body.u16("header version")?;
        for _ in 0..body.count("parent levels", LENGTH_SIZE)? {
            body.hashes("parents of a level")?;
        }
        // Three roots, time, bits, nonce, DAA score, blue work, blue score, pruning point.
        body.take(3 * HASH_SIZE + 8 + 4 + 8 + 8 + 24 + 8 + HASH_SIZE, "header")?;
    }
    Ok(())
}

fn check_transactions(mut block: Reader<'_>) -> Result<(), WireError> {
    block.version_u16("block")?;
    block.envelope("block header")?;
    let mut transactions = block.envelope("transactions")?;
    for _ in 0..transactions.count("transactions", LENGTH_SIZE)? {
        let mut transaction = transactions.envelope("transaction")?;
        transaction.version_u16("transaction")?;
        transaction.u16("transaction version")?;
        transaction.envelope("inputs")?.count("inputs", LENGTH_SIZE)?;
        transaction.envelope("outputs")?.count("outputs", LENGTH_SIZE)?;
    }
    Ok(())
}
