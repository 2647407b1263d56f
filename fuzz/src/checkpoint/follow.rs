//! What comes after a resume: a follower that talks to a node, and a window that follows events.

use std::time::Duration;

use bridge::{
    BlockAdded, ChainRef, Checkpoint, Config, L1Event, Reorg, Window,
    follower::{Follower, Input, Output},
    wire::{Request, encode},
};
use kaspa_consensus_core::header::{CompressedParents, Header};
use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use kaspa_rpc_core::{
    GetBlockDagInfoResponse, GetBlockResponse, GetServerInfoResponse, GetSinkResponse, RpcBlock, SubscribeResponse,
};

use super::step::Event;

/// Most requests that are answered: more than a session has before it follows or is given up.
const MOST_REQUESTS: usize = 40;

/// Starts a follower and lets it talk to a node that knows one block, its sink. True if it starts.
pub(super) fn resume(checkpoint: &Checkpoint, window: Option<&[ChainRef]>) -> bool {
    let mut config = Config::new(checkpoint.network(), ["ws://node:17510"]).expect("the address is well formed");
    config.finality_depth = Some(100);
    let mut follower = match Follower::resume(config, checkpoint, window) {
        Ok(follower) => follower,
        Err(error) => {
            assert!(window.is_some(), "a checkpoint that was decoded does not resume alone: {error}");
            return false;
        }
    };
    let mut root = checkpoint.root();
    let mut inputs = vec![Input::Tick];
    for _ in 0..MOST_REQUESTS {
        let Some(input) = inputs.pop() else { break };
        follower.handle(input, Duration::ZERO);
        while let Some(output) = follower.poll_output() {
            match output {
                Output::Connect { session, .. } => inputs.push(Input::Connected { session }),
                Output::Send { session, bytes, .. } => {
                    let (id, request) = Request::parse(&bytes).expect("the follower writes well-formed requests");
                    let bytes = answer(checkpoint, id, &request).into();
                    inputs.push(Input::Frame { session, bytes });
                }
                // It may have died between a block and what that made final.
                Output::Event(L1Event::Finalized { block, .. }) => root = block,
                Output::Event(event) => {
                    assert_eq!(event.sequence(), None, "the node has none of its blocks: {event:?}");
                }
                _ => {}
            }
        }
        if window.is_some() {
            assert_eq!(follower.tip(), Some(checkpoint.tip()));
            assert_eq!(follower.root(), Some(root));
        }
    }
    true
}

/// A node on another chain, of one block, and heavier than everything.
fn answer(checkpoint: &Checkpoint, id: u64, request: &Request) -> Vec<u8> {
    let operation = request.operation();
    let sink = sink();
    match request {
        Request::GetServerInfo => encode::reply(
            id,
            operation,
            &GetServerInfoResponse {
                rpc_api_version: 1,
                rpc_api_revision: 0,
                server_version: "2.1.0".to_owned(),
                network_id: checkpoint.network().into(),
                has_utxo_index: false,
                is_synced: true,
                virtual_daa_score: sink.daa_score,
            },
        ),
        Request::Subscribe(_) => encode::reply(id, operation, &SubscribeResponse::new(1)),
        Request::GetBlockDagInfo => encode::reply(
            id,
            operation,
            &GetBlockDagInfoResponse {
                network: checkpoint.network().into(),
                block_count: 1,
                header_count: 1,
                tip_hashes: vec![sink.hash],
                difficulty: 1.0,
                past_median_time: sink.timestamp,
                virtual_parent_hashes: vec![sink.hash],
                pruning_point_hash: sink.hash,
                virtual_daa_score: sink.daa_score,
                sink: sink.hash,
            },
        ),
        Request::GetSink => encode::reply(id, operation, &GetSinkResponse::new(sink.hash)),
        Request::GetBlock { hash, .. } if *hash == sink.hash => {
            let block = RpcBlock { header: (&sink).into(), transactions: Vec::new(), verbose_data: None };
            encode::reply(id, operation, &GetBlockResponse { block })
        }
        Request::GetBlock { hash, .. } | Request::GetVirtualChainFromBlockV2 { start_hash: hash, .. } => {
            encode::remote_error(id, operation, &format!("cannot find header {hash}"))
        }
        _ => encode::remote_error(id, operation, "Not implemented"),
    }
}

fn sink() -> Header {
    let zero = Hash::default();
    let parents = CompressedParents::try_from(vec![vec![zero]]).expect("one level is few");
    Header::new_finalized(1, parents, zero, zero, zero, 1, 0, 0, 1, Uint192::MAX, u64::MAX, zero)
}

/// Lets a window follow events that fit it more or less. What it refuses changes nothing.
pub(super) fn events(checkpoint: &Checkpoint, mut window: Window, events: impl Iterator<Item = Event>) {
    let network = checkpoint.network();
    for (number, event) in events.enumerate() {
        let before = window.clone();
        let event = made(event, &window, number as u64);
        if window.apply(&event).is_err() {
            assert_eq!(window, before, "a refused event changes the window: {event:?}");
            continue;
        }
        assert_eq!(Some(window.sequence()), event.sequence());
        // Beyond what any bridge reaches a checkpoint may be refused.
        let Ok(next) = window.checkpoint(network) else { continue };
        assert_eq!((next.root(), next.tip()), (window.root(), window.tip()));
        assert_eq!(Checkpoint::decode(&next.encode()).as_ref(), Ok(&next));
    }
}

fn made(event: Event, window: &Window, number: u64) -> L1Event {
    let sequence = window.sequence().saturating_add(1);
    let (root, tip) = (window.root(), window.tip());
    let at = |place: u16| {
        let length = window.blocks().len();
        window.blocks().nth(usize::from(place) % length.max(1)).unwrap_or(root)
    };
    let between = |index: u16, score: u8| ChainRef {
        hash: Hash::from_u64_word(0xbe00_0000 + u64::from(index)),
        index: root.index.saturating_add(u64::from(index)),
        blue_score: root.blue_score.saturating_add(u64::from(index)).saturating_add(u64::from(score)),
    };
    let reorg = |fork| Reorg { sequence, fork, old_tip: tip, removed: Vec::new(), removed_known: false };
    match event {
        Event::Added { rise } => {
            let block = ChainRef {
                hash: Hash::from_u64_word(0xadd0_0000 + number),
                index: tip.index.saturating_add(1),
                blue_score: tip.blue_score.saturating_add(u64::from(rise)),
            };
            let (parent, accepted) = (tip.hash, Vec::new());
            L1Event::BlockAdded(BlockAdded {
                sequence,
                block,
                parent,
                daa_score: 0,
                timestamp_ms: 0,
                accepted,
                verified: true,
            })
        }
        Event::Reorg { place } => L1Event::Reorg(reorg(at(place))),
        Event::ReorgBetween { index, score } => L1Event::Reorg(reorg(between(index, score))),
        Event::Finalized { place } => L1Event::Finalized { sequence, block: at(place) },
        Event::FinalizedBetween { index, score } => L1Event::Finalized { sequence, block: between(index, score) },
    }
}
