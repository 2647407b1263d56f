//! The captured frames: of every kind of message from a node the longest.
//!
//! Kinds are those that the bridge reads, and the notification of an added block, which it passes over.

use std::collections::BTreeMap;

use bridge::wire::{ChainPage, Notification, Operation, Reply, ServerFrame};
use serde::Deserialize;

const CAPTURES: [&str; 3] = [
    include_str!("../../tests/vectors/wrpc/kaspad-2.1.0-simnet.jsonl"),
    include_str!("../../tests/vectors/wrpc/kaspad-2.1.0-simnet-calls.jsonl"),
    include_str!("../../tests/vectors/wrpc/kaspad-2.1.0-simnet-node-reset.jsonl"),
];

/// `RpcApiOps::BlockAddedNotification` of `kaspa-rpc-core`.
const BLOCK_ADDED: u8 = 60;

/// What the captures have, in the order of their names.
const KINDS: [&str; 17] = [
    "block-added",
    "page-full",
    "page-high",
    "page-low",
    "page-none",
    "pruning-point-utxo-set-override",
    "reply-GetBlock",
    "reply-GetBlockDagInfo",
    "reply-GetServerInfo",
    "reply-GetSink",
    "reply-Ping",
    "reply-Subscribe",
    "reply-Unsubscribe",
    "reply-error",
    "sink-blue-score-changed",
    "virtual-chain-changed",
    "virtual-daa-score-changed",
];

/// A frame from a node.
pub struct Captured {
    /// What it is.
    pub kind: String,
    /// Number of the operation in its header.
    pub operation: u8,
    /// The WebSocket message.
    pub frame: Vec<u8>,
}

#[derive(Deserialize)]
struct Record<'a> {
    dir: &'a str,
    hex: &'a str,
}

/// The longest frame of each kind, in the order of their names.
pub fn longest() -> Vec<Captured> {
    let mut longest: BTreeMap<String, Captured> = BTreeMap::new();
    for line in CAPTURES.iter().flat_map(|capture| capture.lines()) {
        let record: Record<'_> = serde_json::from_str(line).expect("a capture has one record a line");
        if record.dir != "s2c" {
            continue;
        }
        let frame = hex::decode(record.hex).expect("a record's bytes are hexadecimal");
        let Some((kind, operation)) = kind(&frame) else { continue };
        if longest.get(&kind).is_none_or(|known| known.frame.len() < frame.len()) {
            longest.insert(kind.clone(), Captured { kind, operation, frame });
        }
    }
    assert!(longest.keys().eq(KINDS), "the captures have other kinds: {:?}", longest.keys());
    longest.into_values().collect()
}

/// Name and operation of a frame; `None` for answers to questions that the bridge never asks, and for pages without a block. A
/// frame that the bridge should read and cannot is a panic.
fn kind(frame: &[u8]) -> Option<(String, u8)> {
    let (kind, operation) =
        match ServerFrame::parse(frame).expect("the bridge reads the header of every frame of a node") {
            ServerFrame::Notification(notification) => {
                let kind = match notification {
                    Notification::VirtualChainChanged(_) => "virtual-chain-changed",
                    Notification::SinkBlueScoreChanged { .. } => "sink-blue-score-changed",
                    Notification::VirtualDaaScoreChanged { .. } => "virtual-daa-score-changed",
                    Notification::PruningPointUtxoSetOverride => "pruning-point-utxo-set-override",
                    Notification::Other { operation: BLOCK_ADDED } => "block-added",
                    other => panic!("nobody asked for such a notification: {other:?}"),
                };
                (kind.to_owned(), notification.operation())
            }
            ServerFrame::Reply(frame) => {
                let operation = frame.operation.expect("a node of the captures dispatched every request");
                let operation = Operation::try_from(operation).ok()?;
                let reply = frame.decode(operation);
                let kind = match reply.unwrap_or_else(|error| panic!("the bridge cannot read {operation:?}: {error}")) {
                    Ok(Reply::ChainPage(page)) => format!("page-{}", verbosity(&page)?),
                    Ok(_) => format!("reply-{operation:?}"),
                    Err(_) => "reply-error".to_owned(),
                };
                (kind, operation.code())
            }
        };
    Some((kind, operation))
}

/// The verbosity at which a page was asked; `None` if it has no block that tells.
fn verbosity(page: &ChainPage<'_>) -> Option<&'static str> {
    let header = page.blocks().next()?.header;
    Some(match (header.pruning_point, header.parents, header.blue_score) {
        (Some(_), _, _) => "full",
        (_, Some(_), _) => "high",
        (_, _, Some(_)) => "low",
        _ => "none",
    })
}
