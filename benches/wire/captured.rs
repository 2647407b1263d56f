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
    longest.into_values().collect()
}

/// Name and operation of a frame; `None` for answers to questions that the bridge never asks.
fn kind(frame: &[u8]) -> Option<(String, u8)> {
    let (kind, operation) = match ServerFrame::parse(frame).ok()? {
        ServerFrame::Notification(notification) => {
            let kind = match notification {
                Notification::VirtualChainChanged(_) => "virtual-chain-changed",
                Notification::SinkBlueScoreChanged { .. } => "sink-blue-score-changed",
                Notification::VirtualDaaScoreChanged { .. } => "virtual-daa-score-changed",
                Notification::PruningPointUtxoSetOverride => "pruning-point-utxo-set-override",
                _ => "block-added",
            };
            (kind.to_owned(), notification.operation())
        }
        ServerFrame::Reply(frame) => {
            let operation = Operation::try_from(frame.operation?).ok()?;
            let kind = match frame.decode(operation).ok()? {
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
