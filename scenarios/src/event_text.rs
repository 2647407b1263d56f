//! Bridge events as single lines: for the trace, where every detail must count, and for people.

use bridge::{BlockAdded, L1Event, Reorg};

/// One line that differs whenever the event differs in anything that a consumer could use.
pub fn line(event: &L1Event) -> String {
    match event {
        L1Event::BlockAdded(added) => block_added(added),
        L1Event::CatchingUp { tip_blue_score, sink_blue_score } => {
            format!("CatchingUp from blue score {tip_blue_score} to {sink_blue_score}")
        }
        L1Event::Connected { session, node, server_version, network } => {
            format!("Connected session {session} {node} version {server_version} {network}")
        }
        L1Event::Disconnected { session, reason, retry_in } => {
            format!("Disconnected session {session}: {reason}; retry in {retry_in:?}")
        }
        L1Event::Fatal(fatal) => format!("Fatal {fatal}"),
        L1Event::Finalized { sequence, block } => {
            format!("Finalized {sequence}: {} index {} blue score {}", block.hash, block.index, block.blue_score)
        }
        L1Event::NodeRejected { node, reason, retry_in } => {
            format!("NodeRejected {node}: {reason}; retry in {retry_in:?}")
        }
        L1Event::Reorg(reorg) => self::reorg(reorg),
        L1Event::Synced { tip } => format!("Synced at {} index {}", tip.hash, tip.index),
        L1Event::Unreachable { node, reason, retry_in } => {
            format!("Unreachable {node}: {reason}; retry in {retry_in:?}")
        }
        other => format!("{other:?}"),
    }
}

/// What a transaction takes besides its payload.
const FIELDS_BYTES: usize = 64;

fn block_added(added: &BlockAdded) -> String {
    // In one piece: hashing what is written out costs a quarter of hashing it field by field.
    let bytes = added.accepted.iter().map(|transaction| FIELDS_BYTES + transaction.payload.len()).sum();
    let mut accepted = Vec::with_capacity(bytes);
    for transaction in &added.accepted {
        accepted.extend(transaction.id.as_bytes());
        accepted.extend(transaction.acceptance_index.to_le_bytes());
        accepted.extend(transaction.subnetwork_id);
        accepted.extend((transaction.payload.len() as u64).to_le_bytes());
        accepted.extend(&transaction.payload);
    }
    format!(
        "BlockAdded {}: {} index {} blue score {} DAA score {} time {} parent {} verified {} accepts {} ({})",
        added.sequence,
        added.block.hash,
        added.block.index,
        added.block.blue_score,
        added.daa_score,
        added.timestamp_ms,
        added.parent,
        added.verified,
        added.accepted.len(),
        short_hash(&accepted),
    )
}

fn reorg(reorg: &Reorg) -> String {
    let removed: Vec<u8> = reorg.removed.iter().flat_map(|hash| hash.as_bytes()).collect();
    format!(
        "Reorg {}: from {} index {} back to {} index {}, removes {} ({})",
        reorg.sequence,
        reorg.old_tip.hash,
        reorg.old_tip.index,
        reorg.fork.hash,
        reorg.fork.index,
        reorg.removed.len(),
        short_hash(&removed),
    )
}

/// The first 16 hexadecimal digits of the hash.
fn short_hash(bytes: &[u8]) -> String {
    let mut digits = blake3::hash(bytes).to_hex().to_string();
    digits.truncate(16);
    digits
}
