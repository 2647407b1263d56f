//! Recognises points of transactions that exclude each other: on one chain an output is spent once.

use std::collections::BTreeMap;

use bridge::L1Event;
use sim::{
    acceptance::{OutpointIndex, TransactionIndex},
    block_store::BlockStore,
    dag::BlockId,
};

use super::{Coverage, Point};
use crate::check::Context;

/// Spends kept at least, however few are not final.
const FEW: usize = 64;

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Spends {
    /// The last spender of each output that was delivered, also if its block was removed since. Those that are final are
    /// dropped whenever the map has doubled.
    last: BTreeMap<OutpointIndex, Spend>,
    /// Size of the map after final spends were dropped last.
    kept: usize,
}

#[derive(Clone, Copy, Debug)]
struct Spend {
    by: TransactionIndex,
    /// The chain block that accepts the spender.
    in_block: BlockId,
}

impl Spends {
    pub(super) fn on_event(&mut self, event: &L1Event, context: Context<'_>, coverage: &mut Coverage) {
        let store = context.network.store();
        match event {
            L1Event::BlockAdded(added) => {
                let tip = context.oracle.tip();
                // The oracle does not stand on a block that no DAG has.
                if store.dag().hash(tip.id) == added.block.hash {
                    for transaction in &tip.accepted {
                        self.on_accepted(*transaction, tip.id, store, coverage);
                    }
                    let merged = store.dag().mergeset(tip.id).map(|merged| store.transactions_of(merged).len());
                    let offered: usize = merged.map(|with_coinbase| with_coinbase.saturating_sub(1)).sum();
                    // One coinbase is accepted, the selected parent's.
                    if offered + 1 > tip.accepted.len() {
                        self.look_at_left_out(tip.id, store, coverage);
                    }
                }
            }
            L1Event::Finalized { block, .. } if self.last.len() >= 2 * self.kept.max(FEW) => {
                self.last.retain(|_, spend| store.dag().blue_score(spend.in_block) > block.blue_score);
                self.kept = self.last.len();
            }
            _ => {}
        }
    }

    /// What spent the same before was accepted by a block that is gone: a chain spends an output once.
    fn on_accepted(&mut self, by: TransactionIndex, in_block: BlockId, store: &BlockStore, coverage: &mut Coverage) {
        let (mut moves, mut replaces) = (false, false);
        for input in store.acceptance().inputs(by) {
            if let Some(before) = self.last.insert(*input, Spend { by, in_block }) {
                moves |= before.by == by && before.in_block != in_block;
                replaces |= before.by != by;
            }
        }
        if moves {
            coverage.hit(Point::TransactionMoves);
        }
        if replaces {
            coverage.hit(Point::RivalReplaces);
        }
    }

    fn look_at_left_out(&self, block: BlockId, store: &BlockStore, coverage: &mut Coverage) {
        let dag = store.dag();
        for merged in dag.mergeset(block) {
            for transaction in store.transactions_of(merged) {
                // A coinbase has none.
                let inputs = store.acceptance().inputs(transaction);
                let spends = inputs.iter().filter_map(|input| self.last.get(input));
                // A spend of a removed branch leaves nothing out.
                let mut holding = spends.filter(|spend| dag.is_chain_ancestor(spend.in_block, block));
                match holding.find(|spend| spend.by != transaction || spend.in_block != block) {
                    Some(spend) if spend.by == transaction => coverage.hit(Point::RepeatLeftOut),
                    Some(_) => coverage.hit(Point::DoubleSpendLeftOut),
                    None => {}
                }
            }
        }
    }
}
