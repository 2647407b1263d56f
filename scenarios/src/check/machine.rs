//! Property: the state machine takes every batch of its bridge and opens after every end of its process, unless its disk
//! fails. At rest it is where it would be if nothing had ever gone wrong: the same chain, taken from raw blocks and executed
//! from genesis on without any reorg, restart, batch or store, leads to the same accounts, receipts and state root.
//!
//! Moment: the first part is looked at where the process runs, the second at rest. Finds what a rollback or a crash leaves
//! behind: an account of an orphaned block, a receipt too much, a block executed twice or not at all. It executes with the
//! same code: what is wrong every time is found by `settlement`. False for a while: all the time before.

use std::{collections::BTreeMap, sync::Arc};

use bridge::AcceptedTransaction;
use sim::{block_store::BlockStore, dag::BlockId, disk::Disk, random::Streams};
use state::{
    Account, AccountId, Machine, MachineConfig, ReceiptRetention, StoreError,
    execute::{Block, Rules, execute},
    receipt::Receipt,
    tree::StateTree,
};

use super::{Checker, Context};
use crate::{oracle::ChainBlock, plan::Plan};

/// Name of the property.
pub const NAME: &str = "machine";

/// The property, in one sentence.
pub const MEANING: &str =
    "the state machine takes what its bridge tells, opens after every crash, and ends where a straight replay leads";

/// See the module documentation.
#[derive(Debug)]
pub struct StateMachine {
    /// What the state machine is made from, if there is one.
    config: Option<MachineConfig>,
}

impl Checker for StateMachine {
    fn new(plan: &Plan, bridge: usize) -> Self {
        Self { config: plan.bridges[bridge].consumer.state.as_ref().map(|_| plan.machine_of(bridge)) }
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn meaning(&self) -> &'static str {
        MEANING
    }

    fn at_rest(&mut self, context: Context<'_>) -> Result<(), String> {
        let (Some(config), Some(machine)) = (&self.config, context.machine) else { return Ok(()) };
        let straight = replayed(config, context)?;
        let untold = |error: StoreError| format!("the store cannot tell what it has: {error}");
        compare("receipts", &machine.receipts().map_err(untold)?, &straight.receipts)?;
        let expected: Vec<_> = straight.accounts.into_iter().collect();
        compare("accounts", &machine.accounts().map_err(untold)?, &expected)?;
        let mut tree = StateTree::default();
        tree.update(expected.iter().map(|(id, account)| (*id, Some(account))));
        let (found, expected) = (machine.state_root(), tree.root());
        if found != expected {
            return Err(format!("the state root is {found}, a straight replay gives {expected}"));
        }
        Ok(())
    }
}

fn compare<T: PartialEq>(what: &str, found: &[T], expected: &[T]) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let first = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
    let (found, expected) = (found.len(), expected.len());
    Err(format!("there are {found} {what}, a straight replay gives {expected}; they differ from number {first} on"))
}

/// Where the chain on which the oracle stands leads by execution alone.
struct Straight {
    accounts: BTreeMap<AccountId, Account>,
    /// But those that need not be kept.
    receipts: Vec<Receipt>,
}

fn replayed(config: &MachineConfig, context: Context<'_>) -> Result<Straight, String> {
    // A disk without faults draws nothing.
    let disk = Disk::new(Streams::new(0).stream("replay", 0));
    let machine = Machine::open_on(disk.open(), config.clone());
    let machine = machine.map_err(|error| format!("a new store cannot be made: {error}"))?;
    let accounts = machine.accounts().map_err(|error| format!("a new store cannot tell its accounts: {error}"))?;
    let mut straight = Straight { accounts: accounts.into_iter().collect(), receipts: Vec::new() };
    let rules = Rules {
        programs: config.programs.clone(),
        authorization: Arc::clone(&config.authorization),
        genesis: machine.genesis_id(),
    };
    let (path, store) = (context.oracle.path(), context.network.store());
    let anchor = context.replica.anchor.and_then(|anchor| store.dag().id(&anchor)).unwrap_or(BlockId::GENESIS);
    let height = path.iter().position(|block| block.id == anchor).ok_or("the anchor is not on the chain")?;
    for (index, block) in (1..).zip(path.iter().skip(height + 1)) {
        let (block, accepted) = accepted_by(index, block, store);
        let Ok(effects) = execute(&rules, &straight.accounts, &block, &accepted);
        for (id, change) in effects.changes {
            match change.after {
                Some(account) => straight.accounts.insert(id, account),
                None => straight.accounts.remove(&id),
            };
        }
        straight.receipts.extend(effects.receipts);
    }
    if let (ReceiptRetention::BlocksBelowRoot(kept), Some(root)) = (config.receipts, context.replica.finalized) {
        straight.receipts.retain(|receipt| receipt.index >= root.index.saturating_sub(kept));
    }
    Ok(straight)
}

/// The chain block with this index, and what it accepts.
fn accepted_by(index: u64, block: &ChainBlock, store: &BlockStore) -> (Block, Vec<AcceptedTransaction>) {
    let dag = store.dag();
    let accepted = (0_u32..).zip(&block.accepted).map(|(position, transaction)| {
        let fields = store.transaction_fields(*transaction);
        AcceptedTransaction {
            id: store.transaction_id(*transaction),
            acceptance_index: position,
            subnetwork_id: fields.subnetwork_id.into_bytes(),
            payload: fields.payload.clone(),
        }
    });
    let accepted = accepted.collect();
    let block = Block {
        hash: dag.hash(block.id),
        index,
        blue_score: block.blue_score,
        daa_score: dag.daa_score(block.id),
        timestamp_ms: store.timestamp(block.id),
    };
    (block, accepted)
}
