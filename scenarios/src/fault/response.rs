//! A node's response taken out of its frame, to be changed and put back. The bytes are our own node's, so they are read with
//! `kaspa-rpc-core`.

use std::time::Duration;

use borsh::BorshDeserialize;
use bridge::wire::{Operation, ServerFrame, encode};
use sim::world::interposer::{Message, MessageFate, MessageKind, Parcel};
use workflow_serializer::{
    prelude::Deserializer,
    serializer::{Serializable, Serializer},
};

/// Bytes before a response: the reply's header, which is an optional id, the kind and an optional operation, then the tag of
/// the result.
const HEADER: usize = 1 + 8 + 1 + 1 + 1;

/// The tag of a result that is a response.
const RESPONSE: u8 = 1;

/// What becomes of the message if `change` is done to its response: it passes as it is if it is no response to `operation`,
/// or `change` finds nothing to do and says false.
pub(super) fn changed<T: Serializer + Deserializer + Send + Sync + 'static>(
    message: &Message<'_>,
    operation: Operation,
    change: impl FnOnce(&mut T) -> bool,
) -> MessageFate {
    let Some((id, mut response)) = read::<T>(message, operation) else { return MessageFate::Pass };
    if !change(&mut response) {
        return MessageFate::Pass;
    }
    MessageFate::Replace(vec![Parcel { after: Duration::ZERO, bytes: encode::reply(id, operation, &response) }])
}

/// The response, with the id of the request that it answers; `None` if the message is no response to `operation`.
fn read<T: Serializer + Deserializer + Send + Sync + 'static>(
    message: &Message<'_>,
    operation: Operation,
) -> Option<(u64, T)> {
    let MessageKind::Reply { id, operation: Some(found) } = message.kind else { return None };
    if found != operation || message.bytes.get(HEADER) != Some(&RESPONSE) {
        return None;
    }
    // Another fault may have damaged the message before, and the node's own decoder takes every length in it for true: with one
    // of 2^40 the process would end.
    let Ok(ServerFrame::Reply(frame)) = ServerFrame::parse(message.bytes) else { return None };
    frame.decode(operation).ok()?.ok()?;
    let mut body = message.bytes.get(HEADER + 1..)?;
    let Serializable(response) = <Serializable<T> as BorshDeserialize>::deserialize(&mut body).ok()?;
    Some((id, response))
}
