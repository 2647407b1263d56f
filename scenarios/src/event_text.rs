//! Bridge events as single lines: for the trace, where every detail must count, and for people.

use bridge::{BlockAdded, L1Event, Reorg};
use kaspa_hashes::Hash;

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

fn block_added(added: &BlockAdded) -> String {
    let mut hasher = blake3::Hasher::new();
    for transaction in &added.accepted {
        hasher.update(&transaction.id.as_bytes());
        hasher.update(&transaction.acceptance_index.to_le_bytes());
        hasher.update(&transaction.subnetwork_id);
        hasher.update(&(transaction.payload.len() as u64).to_le_bytes());
        hasher.update(&transaction.payload);
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
        &hasher.finalize().to_hex()[..16],
    )
}

fn reorg(reorg: &Reorg) -> String {
    let mut hasher = blake3::Hasher::new();
    let removed = |hasher: &mut blake3::Hasher, hash: &Hash| {
        hasher.update(&hash.as_bytes());
    };
    reorg.removed.iter().for_each(|hash| removed(&mut hasher, hash));
    format!(
        "Reorg {}: from {} index {} back to {} index {}, removes {} ({})",
        reorg.sequence,
        reorg.old_tip.hash,
        reorg.old_tip.index,
        reorg.fork.hash,
        reorg.fork.index,
        reorg.removed.len(),
        &hasher.finalize().to_hex()[..16],
    )
}
