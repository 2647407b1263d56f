//! The same frames through `kaspa-rpc-core`, in the steps of a client of rusty-kaspa: the frame's header, then the
//! response or the error that was sent instead of it.
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

/// Values that are kept until the clock stands, so that dropping them is not timed.
const KEPT: u64 = 64;

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
        _ => timed(count, || decode::<Serializable<Notification>>(black_box(frame))),
    }
}

fn replies<T: SerializerT + DeserializerT>(frame: &[u8], count: u64) -> Duration {
    timed(count, || decode::<Result<Serializable<T>, ServerError>>(black_box(frame)))
}

fn decode<T: BorshDeserialize>(mut frame: &[u8]) -> T {
    let header: Header = BorshDeserialize::deserialize(&mut frame).expect("a captured frame has a header");
    black_box(header);
    T::try_from_slice(frame).expect("kaspa-rpc-core reads what a node sent")
}

/// The time of so many calls, without that of dropping what they make.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn timed<T>(count: u64, mut work: impl FnMut() -> T) -> Duration {
    let mut made = Vec::with_capacity(KEPT as usize);
    let (mut total, mut left) = (Duration::ZERO, count);
    while left > 0 {
        let calls = left.min(KEPT);
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
