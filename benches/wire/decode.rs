//! The same frames through `kaspa-rpc-core`, in the steps of a client of rusty-kaspa: the frame's header, then the
//! response or the error that was sent instead of it.
//!
//! What is made is dropped off the clock, a few values at a time: not one by one, because reading the clock costs as much as a
//! small frame, and not all at the end, because then each value would lie in memory that the process never used before, whose
//! first touch costs more than decoding. A client that drops a response before the next comes gets warm memory, too.
//!
//! Source: `workflow-rpc` 0.18, `client::protocol::borsh::BorshProtocol`, `messages::borsh::BorshServerMessageHeader`,
//! `error::ServerError`. Its types are written out here, because the crate brings a network stack with it.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use borsh::BorshDeserialize;
use kaspa_rpc_core::{
    GetBlockDagInfoResponse, GetBlockResponse, GetServerInfoResponse, GetSinkResponse,
    GetVirtualChainFromBlockV2Response, Notification, PingResponse, SubscribeResponse, UnsubscribeResponse,
    api::ops::RpcApiOps,
};
use workflow_serializer::serializer::{DeserializerT, Serializable, SerializerT};

/// Values that are kept at most until the clock stands, so that dropping them is not timed.
const MOST_KEPT: u64 = 64;

/// Bytes of the frames of the values that are kept at most; a longer frame is decoded once at a time.
const MOST_KEPT_BYTES: u64 = 32 * 1_024;

/// Id, kind and operation.
type Header = (Option<u64>, u8, Option<RpcApiOps>);

/// Tag and text of the only error that a node sends.
type ServerError = (u8, String);

/// The time of decoding a frame of this operation so many times. The captured frames are sound, so that one that is not
/// decoded is a panic.
pub fn time(operation: u8, frame: &[u8], count: u64) -> Duration {
    match operation {
        3 => replies::<SubscribeResponse>(frame, count),
        4 => replies::<UnsubscribeResponse>(frame, count),
        110 => replies::<PingResponse>(frame, count),
        114 => replies::<GetServerInfoResponse>(frame, count),
        120 => replies::<GetSinkResponse>(frame, count),
        126 => replies::<GetBlockResponse>(frame, count),
        131 => replies::<GetBlockDagInfoResponse>(frame, count),
        151 => replies::<GetVirtualChainFromBlockV2Response>(frame, count),
        _ => timed(count, kept(frame), || decode::<Serializable<Notification>>(black_box(frame))),
    }
}

fn replies<T: SerializerT + DeserializerT>(frame: &[u8], count: u64) -> Duration {
    timed(count, kept(frame), || decode::<Result<Serializable<T>, ServerError>>(black_box(frame)))
}

fn decode<T: BorshDeserialize>(mut frame: &[u8]) -> T {
    let header: Header = BorshDeserialize::deserialize(&mut frame).expect("a captured frame has a header");
    black_box(header);
    T::try_from_slice(frame).expect("kaspa-rpc-core reads what a node sent")
}

/// How many values of this frame are kept at a time.
fn kept(frame: &[u8]) -> u64 {
    (MOST_KEPT_BYTES / frame.len().max(1) as u64).clamp(1, MOST_KEPT)
}

/// The time of so many calls, without that of dropping what they make, of which `kept` are alive at a time.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn timed<T>(count: u64, kept: u64, mut work: impl FnMut() -> T) -> Duration {
    let mut made = Vec::with_capacity(kept as usize);
    let (mut total, mut left) = (Duration::ZERO, count);
    while left > 0 {
        let calls = left.min(kept);
        let start = Instant::now();
        for _ in 0..calls {
            made.push(work());
        }
        black_box(&made);
        total += start.elapsed();
        made.clear();
        left -= calls;
    }
    total
}
