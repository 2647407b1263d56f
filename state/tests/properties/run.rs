//! One machine, the chain that it follows, and what happens to both.

use std::collections::BTreeMap;

use bridge::{AcceptedTransaction, BlockAdded, L1Event};
use kaspa_hashes::Hash;
use sim::disk::{Disk, Unsynced};
use state::{
    Machine, MachineConfig, ReceiptRetention,
    receipt::{Outcome, Receipt},
};

use super::laws::{Expectation, Law, Observation, broken};
use crate::support::{
    self,
    actors::{self, Order},
    chain::Chain,
};

/// What happens to the chain.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A block that accepts some of the transactions that reorgs orphaned, and new ones.
    Add { readmitted: usize, orders: Vec<Order> },
    /// Blocks that hold little, for long batches.
    AddMany { blocks: u8, order: Order },
    /// The chain is cut back by this part, in 16ths of what is not final, at least one block.
    Reorg { sixteenths: u64 },
    /// The branch that was cut off last comes back, the very same blocks.
    Return,
    /// The root moves up by this part, in 16ths of what is not final, at least one block.
    Finalize { sixteenths: u64 },
}

/// How a machine ends before it is opened anew.
#[derive(Clone, Copy, Debug)]
pub enum Restart {
    /// In good order.
    Closed,
    /// Dropped: the database closes by itself.
    Dropped,
    /// The process dies: nothing is closed.
    Killed,
    /// The power fails: what was not synced is lost.
    PowerLost,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// Events that are stored together.
    Batch(Vec<Happening>),
    /// The machine ends and is opened anew.
    Restart(Restart),
}

/// How often something was seen that a test must have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    pub applied: u64,
    pub rejected: u64,
    pub blocks_removed: u64,
    pub blocks_returned: u64,
    pub reorgs_to_the_root: u64,
    pub readmitted: u64,
    pub receipts_dropped: u64,
    pub restarts: u64,
    pub longest_batch: u64,
    /// Batches with blocks, a reorg and a finalization.
    pub mixed_batches: u64,
}

/// One machine and the chain that it follows.
pub struct Run {
    disk: Disk,
    config: MachineConfig,
    machine: Option<Machine>,
    chain: Chain,
    /// Transactions that no block of the chain accepts, oldest first.
    orphaned: Vec<AcceptedTransaction>,
    cut_off: Vec<BlockAdded>,
    transactions: Vec<Hash>,
    earlier: BTreeMap<Hash, (Option<Hash>, Vec<Receipt>)>,
    nonce: u64,
    pub sightings: Sightings,
}

impl Run {
    /// A machine on an empty disk.
    pub fn new(receipts: ReceiptRetention) -> Self {
        let (disk, config) = (support::empty_disk(), support::config(receipts));
        let machine = Machine::open_on(disk.open(), config.clone()).expect("the disk has no faults");
        Self {
            disk,
            config,
            machine: Some(machine),
            chain: Chain::new(),
            orphaned: Vec::new(),
            cut_off: Vec::new(),
            transactions: Vec::new(),
            earlier: BTreeMap::new(),
            nonce: 1,
            sightings: Sightings::default(),
        }
    }

    /// Does the step, and tells which laws are broken after it.
    pub fn step(&mut self, step: &Step) -> Vec<Law> {
        match step {
            Step::Batch(happenings) => self.batch(happenings),
            Step::Restart(restart) => self.restart(*restart),
        }
        self.broken()
    }

    /// Which laws are broken now.
    pub fn broken(&mut self) -> Vec<Law> {
        if self.machine().checkpoint().is_none() {
            return Vec::new();
        }
        let seen = self.observe();
        let broken = broken(&seen, &self.expect());
        for (hash, result) in seen.results() {
            self.earlier.entry(hash).or_insert(result);
        }
        broken
    }

    pub fn observe(&self) -> Observation {
        Observation::of(self.machine(), &self.transactions).expect("the disk has no faults")
    }

    pub fn expect(&self) -> Expectation {
        Expectation::of(&self.chain, &self.config, &self.earlier)
    }

    fn machine(&self) -> &Machine {
        self.machine.as_ref().expect("it is only away during a restart")
    }

    fn restart(&mut self, restart: Restart) {
        let machine = self.machine.take().expect("it is only away during a restart");
        match restart {
            Restart::Closed => machine.close().expect("the disk has no faults"),
            Restart::Dropped => drop(machine),
            Restart::Killed => {
                self.disk.kill();
                drop(machine);
            }
            Restart::PowerLost => {
                self.disk.crash(Unsynced::Lost);
                drop(machine);
            }
        }
        let machine = Machine::open_on(self.disk.open(), self.config.clone());
        self.machine = Some(machine.expect("what a machine leaves behind can be opened"));
        self.sightings.restarts += 1;
    }

    fn batch(&mut self, happenings: &[Happening]) {
        let events: Vec<L1Event> = happenings.iter().flat_map(|happening| self.events(happening)).collect();
        let machine = self.machine.as_mut().expect("it is only away during a restart");
        let receipts_before = machine.receipts().expect("the disk has no faults").len() as u64;
        let applied = machine.apply(Some(self.chain.anchor()), &events).expect("the events follow one another");

        let added = events.iter().filter(|event| matches!(event, L1Event::BlockAdded(_))).count() as u64;
        let removed = events.iter().map(|event| match event {
            L1Event::Reorg(reorg) => reorg.old_tip.index - reorg.fork.index,
            _ => 0,
        });
        let skipped = applied.blocks_skipped;
        assert_eq!((applied.blocks_added + skipped, applied.blocks_removed + skipped), (added, removed.sum()));
        let is_finalized = events.iter().any(|event| matches!(event, L1Event::Finalized { .. }));

        let seen = &mut self.sightings;
        let good = applied.receipts.iter().filter(|receipt| receipt.outcome == Outcome::Applied).count() as u64;
        seen.applied += good;
        seen.rejected += applied.receipts.len() as u64 - good;
        seen.blocks_removed += applied.blocks_removed;
        seen.longest_batch = seen.longest_batch.max(added);
        seen.mixed_batches += u64::from(added > 0 && applied.blocks_removed > 0 && is_finalized);
        let receipts_after = machine.receipts().expect("the disk has no faults").len() as u64;
        let was_dropped =
            applied.blocks_removed == 0 && receipts_after < receipts_before + applied.receipts.len() as u64;
        seen.receipts_dropped += u64::from(was_dropped);
    }

    fn events(&mut self, happening: &Happening) -> Vec<L1Event> {
        let (root, tip) = (self.chain.root().index, self.chain.tip().index);
        let part = |sixteenths: u64| (((tip - root) * sixteenths) / 16).max(1);
        match happening {
            Happening::Add { readmitted, orders } => vec![self.add(*readmitted, orders)],
            Happening::AddMany { blocks, order } => {
                (0..*blocks).map(|_| self.add(0, std::slice::from_ref(order))).collect()
            }
            Happening::Reorg { .. } | Happening::Finalize { .. } if tip == root => Vec::new(),
            Happening::Reorg { sixteenths } => vec![self.cut(tip - part(*sixteenths))],
            Happening::Return => self.bring_back(),
            Happening::Finalize { sixteenths } => vec![self.chain.finalize(root + part(*sixteenths))],
        }
    }

    fn add(&mut self, readmitted: usize, orders: &[Order]) -> L1Event {
        let readmitted = readmitted.min(self.orphaned.len());
        self.sightings.readmitted += readmitted as u64;
        // The newest first: not in the order in which they were accepted before.
        let mut accepted: Vec<AcceptedTransaction> = (0..readmitted).filter_map(|_| self.orphaned.pop()).collect();
        let index = self.chain.tip().index + 1;
        for order in orders {
            self.nonce += 1;
            let transaction = self.chain.transaction(actors::payload(order, index, self.nonce));
            self.transactions.push(transaction.id);
            accepted.push(transaction);
        }
        self.chain.add(accepted)
    }

    fn cut(&mut self, fork_index: u64) -> L1Event {
        let (event, removed) = self.chain.cut(fork_index);
        self.sightings.reorgs_to_the_root += u64::from(fork_index == self.chain.root().index);
        self.orphaned.extend(removed.iter().flat_map(|added| added.accepted.iter().cloned()));
        self.cut_off = removed;
        event
    }

    fn bring_back(&mut self) -> Vec<L1Event> {
        let Some(first) = self.cut_off.first() else { return Vec::new() };
        let (fork_index, fork) = (first.block.index - 1, first.parent);
        let is_on_chain = (self.chain.root().index..=self.chain.tip().index).contains(&fork_index)
            && self.chain.at(fork_index).hash == fork;
        if !is_on_chain {
            return Vec::new();
        }
        let returning = std::mem::take(&mut self.cut_off);
        let is_above = self.chain.tip().index > fork_index;
        let mut events: Vec<L1Event> = is_above.then(|| self.cut(fork_index)).into_iter().collect();
        for added in returning {
            self.sightings.blocks_returned += 1;
            self.orphaned.retain(|orphan| added.accepted.iter().all(|accepted| accepted.id != orphan.id));
            events.push(self.chain.add_again(added));
        }
        events
    }
}
