//! Events as lines for people: a verb and what it is about. Transactions are counted; `--json` has them.

use std::{io::IsTerminal, time::Duration};

use bridge::{BlockAdded, ChainRef, DisconnectReason, L1Event, Reorg};

use super::super::output::{Tone, verb_line};

/// Appends the line of an event as it is to be written to `to`, with its line feed.
pub fn write_line(out: &mut Vec<u8>, to: &impl IsTerminal, event: &L1Event) {
    let (tone, verb, text) = line(event);
    out.extend(verb_line(to, tone, verb, &text).into_bytes());
    out.push(b'\n');
}

fn line(event: &L1Event) -> (Tone, &'static str, String) {
    match event {
        L1Event::BlockAdded(added) => (Tone::Good, "Added", block_added(added)),
        L1Event::CatchingUp { tip_blue_score, sink_blue_score } => {
            (Tone::Good, "Catching up", format!("from blue score {tip_blue_score} to {sink_blue_score}"))
        }
        L1Event::Connected { session, node, server_version, network } => {
            (Tone::Good, "Connected", format!("to {node}, version {server_version} on {network}, session {session}"))
        }
        L1Event::Disconnected { session, reason: reason @ DisconnectReason::Shutdown, .. } => {
            (Tone::Good, "Disconnected", format!("session {session}: {reason}"))
        }
        L1Event::Disconnected { session, reason, retry_in } => {
            (Tone::Bad, "Disconnected", format!("session {session}: {reason}{}", next(*retry_in)))
        }
        L1Event::Fatal(fatal) => (Tone::Bad, "Fatal", fatal.to_string()),
        L1Event::Finalized { sequence, block } => (Tone::Good, "Finalized", format!("{sequence}: {}", place(block))),
        L1Event::NodeRejected { node, reason, retry_in } => {
            (Tone::Bad, "Rejected", format!("{node}: {reason}{}", next(*retry_in)))
        }
        L1Event::Reorg(reorg) => (Tone::Bad, "Reorg", reorged(reorg)),
        L1Event::Synced { tip } => (Tone::Good, "Synced", format!("at {}", place(tip))),
        L1Event::Unreachable { node, reason, retry_in } => {
            (Tone::Bad, "Unreachable", format!("{node}: {reason}{}", next(Some(*retry_in))))
        }
        other => (Tone::Good, "Event", format!("{other:?}")),
    }
}

fn block_added(added: &BlockAdded) -> String {
    let (count, verified) = (added.accepted.len(), if added.verified { "" } else { ", not verified" });
    let transactions = if count == 1 { "transaction" } else { "transactions" };
    format!("{}: {}, accepts {count} {transactions}{verified}", added.sequence, place(&added.block))
}

fn reorged(reorg: &Reorg) -> String {
    // The hashes may be unknown, the number never is.
    let removed = reorg.old_tip.index.saturating_sub(reorg.fork.index);
    let blocks = if removed == 1 { "block" } else { "blocks" };
    format!("{}: removes {removed} {blocks}, back to {}", reorg.sequence, place(&reorg.fork))
}

fn place(block: &ChainRef) -> String {
    format!("{} index {}, blue score {}", block.hash, block.index, block.blue_score)
}

fn next(retry_in: Option<Duration>) -> String {
    retry_in.map(|pause| format!("; next attempt in {} ms", pause.as_millis())).unwrap_or_default()
}
