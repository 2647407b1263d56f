//! Property: the state machine takes every batch of its bridge and opens after every end of its process, unless its disk
//! fails. At rest it is where it would be if nothing had ever gone wrong: one that is fed the same chain, taken from raw blocks
//! and without any reorg, restart or disk fault, has the same state root, the same accounts and the same receipts.
//!
//! Moment: the first part is looked at where the process runs, the second at rest. Finds what a rollback or a crash leaves
//! behind: an account of an orphaned block, a receipt too much, a block executed twice or not at all. It executes with the
//! same code: what is wrong every time is found by `settlement`. False for a while: all the time before.

use bridge::{AcceptedTransaction, BlockAdded, ChainRef, L1Event};
use sim::{block_store::BlockStore, disk::Disk, random::Streams};
use state::{MOST_BATCH_BLOCKS, Machine, MachineConfig, StoreError};

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
        let (found, expected) = (machine.receipts().map_err(untold)?, straight.receipts().map_err(untold)?);
        compare("receipts", &found, &expected)?;
        let (found, expected) = (machine.accounts().map_err(untold)?, straight.accounts().map_err(untold)?);
        compare("accounts", &found, &expected)?;
        if machine.state_root() != straight.state_root() {
            return Err(format!(
                "the state root is {}, a straight replay gives {}",
                machine.state_root(),
                straight.state_root()
            ));
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

/// A machine that was fed nothing but the chain on which the oracle stands, and told at the end what is final: so it drops
/// the receipts that it need not keep.
fn replayed(config: &MachineConfig, context: Context<'_>) -> Result<Machine, String> {
    // A disk without faults draws nothing.
    let disk = Disk::new(Streams::new(0).stream("replay", 0));
    let machine = Machine::open_on(disk.open(), config.clone());
    let mut machine = machine.map_err(|error| format!("a new store cannot be made: {error}"))?;
    let (path, store) = (context.oracle.path(), context.network.store());
    let anchor = ChainRef { hash: store.dag().hash(path[0].id), index: 0, blue_score: path[0].blue_score };
    let blocks = (1..).zip(path.iter().zip(&path[1..]));
    let mut events: Vec<L1Event> = blocks.map(|(index, (parent, block))| added(index, parent, block, store)).collect();
    let finalized = context.replica.finalized.map(|block| L1Event::Finalized { sequence: events.len() as u64 + 1, block });
    events.extend(finalized);
    for batch in events.chunks(MOST_BATCH_BLOCKS) {
        machine.apply(Some(anchor), batch).map_err(|error| format!("the chain cannot be replayed: {error}"))?;
    }
    Ok(machine)
}

/// What a bridge tells of a chain block whose index is also its number.
fn added(index: u64, parent: &ChainBlock, block: &ChainBlock, store: &BlockStore) -> L1Event {
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
    L1Event::BlockAdded(BlockAdded {
        sequence: index,
        block: ChainRef { hash: dag.hash(block.id), index, blue_score: block.blue_score },
        parent: dag.hash(parent.id),
        daa_score: dag.daa_score(block.id),
        timestamp_ms: store.timestamp(block.id),
        accepted: accepted.collect(),
        verified: true,
    })
}
