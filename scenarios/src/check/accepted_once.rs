//! Property: on the followed chain each transaction is accepted once, and each block tells those that it accepts in the order
//! of their positions.
//!
//! Moment: every added block. What a reorg removes may be accepted again above its fork. Finds a deposit that is credited
//! twice, as when a block comes back with its effects not undone, or a page is applied twice. That the transactions are the
//! right ones is the part of `truth`; here no oracle is asked. False for a while: never.

use bridge::{BlockAdded, L1Event, Reorg};
use kaspa_hashes::Hash;
use rustc_hash::FxHashMap;

use super::{Checker, Context};
use crate::plan::Plan;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct AcceptedOnce {
    /// The index of the chain block that accepts each transaction of the path.
    accepted_at: FxHashMap<Hash, u64>,
}

impl Checker for AcceptedOnce {
    fn new(_: &Plan, _: usize) -> Self {
        Self::default()
    }

    fn name(&self) -> &'static str {
        "accepted-once"
    }

    fn meaning(&self) -> &'static str {
        "each transaction is accepted once on the followed chain, in the order of positions"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        match event {
            L1Event::BlockAdded(added) => self.check_added(added),
            L1Event::Reorg(reorg) => {
                self.forget_above(reorg, context);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl AcceptedOnce {
    fn check_added(&mut self, added: &BlockAdded) -> Result<(), String> {
        let block = added.block;
        let mut last = None;
        for transaction in &added.accepted {
            if last.is_some_and(|last| transaction.acceptance_index <= last) {
                return Err(format!(
                    "transaction {} of block {} has position {}, after position {}",
                    transaction.id,
                    block.hash,
                    transaction.acceptance_index,
                    last.unwrap_or_default()
                ));
            }
            last = Some(transaction.acceptance_index);
            if let Some(before) = self.accepted_at.insert(transaction.id, block.index) {
                return Err(format!(
                    "transaction {} is accepted by the block of index {}, and was accepted by that of index {before}",
                    transaction.id, block.index
                ));
            }
        }
        Ok(())
    }

    fn forget_above(&mut self, reorg: &Reorg, context: Context<'_>) {
        let kept = usize::try_from(reorg.fork.index).unwrap_or(usize::MAX);
        for block in context.replica.blocks().get(kept..).unwrap_or_default() {
            for id in &block.accepted_ids {
                self.accepted_at.remove(id);
            }
        }
    }
}
