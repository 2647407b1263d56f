//! What one event does to the store: a block is executed, blocks are rolled back, a root becomes final.

use std::collections::BTreeMap;

use bridge::{BlockAdded, ChainRef, L1Event, Reorg, Window};
use kaspa_hashes::Hash;

use crate::{
    error::{ApplyError, StoreError},
    execute::{Block, Rules, execute},
    machine::{Applied, ReceiptRetention},
    store::{
        Writer,
        tables::{ChainEntry, UndoRecord},
    },
    tree::StateTree,
};

/// Notes the block on which everything builds.
pub fn begin(writer: &mut Writer<'_>, anchor: ChainRef, state_root: Hash) -> Result<(), StoreError> {
    writer.put_chain_entry(&ChainEntry { block: anchor, state_root })
}

/// Follows one event.
///
/// # Errors
/// An event that does not follow the last one, or the store's.
pub fn event(
    event: &L1Event,
    rules: &Rules,
    retention: ReceiptRetention,
    writer: &mut Writer<'_>,
    tree: &mut StateTree,
    window: &mut Window,
    applied: &mut Applied,
) -> Result<(), ApplyError> {
    window.apply(event).map_err(Box::new)?;
    match event {
        L1Event::BlockAdded(added) => add(added, rules, writer, tree, applied)?,
        L1Event::Reorg(reorg) => roll_back(reorg, writer, tree, applied)?,
        L1Event::Finalized { block, .. } => finalize(block.index, retention, writer)?,
        _ => {}
    }
    Ok(())
}

fn add(
    added: &BlockAdded,
    rules: &Rules,
    writer: &mut Writer<'_>,
    tree: &mut StateTree,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    let block = Block {
        hash: added.block.hash,
        index: added.block.index,
        blue_score: added.block.blue_score,
        daa_score: added.daa_score,
        timestamp_ms: added.timestamp_ms,
    };
    let effects = execute(rules, writer, &block, &added.accepted)?;
    for (id, change) in &effects.changes {
        writer.put_account(id, change.after.as_ref())?;
    }
    tree.update(effects.changes.iter().map(|(id, change)| (*id, change.after.as_ref())));
    for receipt in &effects.receipts {
        writer.put_receipt(receipt)?;
    }
    let before = effects.changes.into_iter().map(|(id, change)| (id, change.before)).collect();
    writer.put_undo(block.index, &UndoRecord { before })?;
    writer.put_chain_entry(&ChainEntry { block: added.block, state_root: tree.root() })?;
    applied.blocks_added += 1;
    applied.receipts.extend(effects.receipts);
    Ok(())
}

/// Takes back the blocks above the fork, newest first.
fn roll_back(
    reorg: &Reorg,
    writer: &mut Writer<'_>,
    tree: &mut StateTree,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    let mut restored = BTreeMap::new();
    for index in (reorg.fork.index..reorg.old_tip.index).rev().map(|below| below + 1) {
        // The oldest of the records that name an account is the last to be seen, and counts.
        restored.extend(writer.take_block(index)?.before);
        applied.blocks_removed += 1;
    }
    for (id, account) in &restored {
        writer.put_account(id, account.as_ref())?;
    }
    tree.update(restored.iter().map(|(id, account)| (*id, account.as_ref())));
    let expected = writer.chain_entry(reorg.fork.index)?.map(|entry| entry.state_root);
    if expected != Some(tree.root()) {
        let what = format!("undoing down to index {} does not lead to the state root that was there", reorg.fork.index);
        return Err(StoreError::Damaged { what });
    }
    Ok(())
}

fn finalize(root: u64, retention: ReceiptRetention, writer: &mut Writer<'_>) -> Result<(), StoreError> {
    writer.finalize(root)?;
    let ReceiptRetention::BlocksBelowRoot(kept) = retention else { return Ok(()) };
    match root.checked_sub(kept).and_then(|lowest_kept| lowest_kept.checked_sub(1)) {
        Some(last) => writer.drop_receipts(0..=last),
        None => Ok(()),
    }
}
