//! Property: every added block is what the DAG says it is, also if it leaves the chain again later: it exists, its parent
//! is its selected parent, scores and timestamp are those of its header, and it accepts exactly the transactions that it
//! accepts, in order, with their payloads, subnetworks and positions. A block that was not verified is followed by others
//! of its page, of which the last was.
//!
//! Moment: every added block. Finds lost, swapped, repeated and damaged transactions and fields, as when transactions of
//! two merged blocks are collected by a map without order. False for a while: never.

use bridge::{AcceptedTransaction, BlockAdded, L1Event};
use kaspa_hashes::Hash;
use sim::{block_store::BlockStore, dag::BlockId};

use super::{Checker, Context, Restart};
use crate::{oracle, plan::Plan};

/// See the module documentation.
#[derive(Debug)]
pub struct Truth {
    /// The last event, if it was a block that was not verified.
    unverified: Option<Hash>,
}

impl Checker for Truth {
    fn new(_: &Plan, _: usize) -> Self {
        Self { unverified: None }
    }

    fn name(&self) -> &'static str {
        "truth"
    }

    fn meaning(&self) -> &'static str {
        "every delivered block is what the DAG says, with exactly the transactions that it accepts"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        let before = self.unverified.take();
        let L1Event::BlockAdded(added) = event else {
            return before.map_or(Ok(()), |hash| {
                Err(format!("block {hash} was not verified, and no block follows it that was"))
            });
        };
        self.unverified = (!added.verified).then_some(added.block.hash);
        let store = context.network.store();
        let Some(id) = store.dag().id(&added.block.hash) else {
            return Err(format!("block {} is on no chain of this L1", added.block.hash));
        };
        check_header(added, store, id)?;
        let truth = context
            .oracle
            .tip()
            .accepted
            .iter()
            .map(|index| (store.transaction_id(*index), store.transaction_fields(*index)));
        if added.accepted.len() != truth.len() {
            let (found, truth) = (added.accepted.len(), truth.len());
            return Err(format!("block {} accepts {truth} transactions, {found} were delivered", added.block.hash));
        }
        for (position, (found, (id, truth))) in (0_u32..).zip(added.accepted.iter().zip(truth)) {
            let expected = AcceptedTransaction {
                id,
                acceptance_index: position,
                subnetwork_id: truth.subnetwork_id.into_bytes(),
                payload: truth.payload.clone(),
            };
            if *found != expected {
                return Err(format!(
                    "transaction {position} of block {} was delivered as {found:?}, it is {expected:?}",
                    added.block.hash
                ));
            }
        }
        Ok(())
    }

    fn on_restart(&mut self, _: Restart, _: Context<'_>) -> Result<(), String> {
        // The page may have been cut by the end of the process.
        self.unverified = None;
        Ok(())
    }
}

fn check_header(added: &BlockAdded, store: &BlockStore, id: BlockId) -> Result<(), String> {
    let dag = store.dag();
    let selected_parent = oracle::selected_parent(store, id).map(|parent| store.dag().hash(parent));
    let found = (Some(added.parent), added.block.blue_score, added.daa_score, added.timestamp_ms);
    let truth = (selected_parent, dag.blue_score(id), dag.daa_score(id), store.timestamp(id));
    if found != truth {
        return Err(format!(
            "block {}: (parent, blue score, DAA score, timestamp) was delivered as {found:?}, it is {truth:?}",
            added.block.hash
        ));
    }
    Ok(())
}
