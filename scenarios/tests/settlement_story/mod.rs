//! A bridge's events on an L1 with a deep reorg, a machine that follows them, and the checker of settlements.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
    time::Duration,
};

use bridge::{BlockAdded, ChainRef, L1Event, Reorg};
use kaspa_hashes::Hash;
use scenarios::{
    check::{
        Checker, Context, Restart, Stored,
        settlement::{Held, Settlement},
    },
    consumer::Replica,
    oracle::{self, Walk},
    plan::Plan,
    scenario::Scenario,
};
use sim::{block_store::BlockStore, dag::BlockId, disk::Disk, network::Network, random::Streams, world::Counters};
use state::{Applied, Machine, MachineConfig};

use crate::economy_support::accepted;

const SECONDS: u64 = 40;

/// Chain blocks that are stored together.
const BATCH: usize = 7;

/// A bridge's events on the scenario's L1: up one branch, back to the fork, up the other, with everything finalized in time.
pub struct Story {
    pub plan: Plan,
    pub network: Network,
    pub anchor: ChainRef,
    pub batches: Vec<Vec<L1Event>>,
}

impl Story {
    pub fn new() -> Self {
        let plan = Scenario::MachineEconomy.plan(1, SECONDS);
        let payloads = plan.payloads().expect("the scenario has an economy");
        let mut network = Network::with_payloads(plan.network(), payloads).expect("the scenario's network is possible");
        let mut branch = None;
        while let Some(step) = network.step().expect("a short run never fills the store") {
            match &step.resolved {
                Some((0, change)) if change.removed.len() > 10 => branch = branch.or(change.removed.first().copied()),
                _ => {}
            }
        }
        let store = network.store();
        let left = branch.expect("the scenario has deep reorgs");
        let right = network.node(0).sink();
        let fork = oracle::fork(store, left, right);
        let (left_tip, right_tip) = (chain(store, left), chain(store, right));
        let fork_index = left_tip.iter().position(|block| *block == fork).expect("the fork is on both chains");
        let mut events = Events::new(store, plan.parameters.finality_depth);
        left_tip[1..].iter().for_each(|block| events.add(*block));
        events.back_to(fork_index);
        right_tip[fork_index + 1..].iter().for_each(|block| events.add(*block));
        let batches = events.events.chunks(BATCH).map(<[L1Event]>::to_vec).collect();
        let anchor = reference(store, BlockId::GENESIS, 0);
        Self { plan, network, anchor, batches }
    }

    /// What the checker finds in a machine of that configuration. `tell` may change what the machine is told, and `hear`
    /// what it says that it did.
    pub fn check(
        &self,
        config: MachineConfig,
        tell: impl FnMut(&mut Vec<L1Event>),
        hear: impl FnMut(&mut Applied),
    ) -> Result<(), String> {
        let mut followed = Followed::new(self, config);
        followed.all(tell, hear)?;
        followed.rest()
    }

    pub fn check_config(&self, change: impl FnOnce(&mut MachineConfig)) -> Result<(), String> {
        let mut config = self.plan.machine();
        change(&mut config);
        self.check(config, |_| {}, |_| {})
    }

    /// Number of the batch with the reorg.
    pub fn reorg_batch(&self) -> usize {
        let has_reorg = |events: &Vec<L1Event>| events.iter().any(|event| matches!(event, L1Event::Reorg(_)));
        self.batches.iter().position(has_reorg).expect("there is one")
    }

    /// The transactions of the economy that only the first branch has.
    pub fn left_behind(&self) -> BTreeSet<Hash> {
        let (mut added_at, mut left) = (BTreeMap::new(), BTreeSet::new());
        for event in self.batches.iter().flatten() {
            match event {
                L1Event::BlockAdded(added) => {
                    let ours = added.accepted.iter().filter(|accepted| accepted.payload.starts_with(b"DSTX"));
                    added_at.extend(ours.map(|accepted| (accepted.id, added.block.index)));
                    added.accepted.iter().for_each(|accepted| _ = left.remove(&accepted.id));
                }
                L1Event::Reorg(reorg) => {
                    let above = added_at.iter().filter(|(_, index)| **index > reorg.fork.index);
                    left.extend(above.map(|(id, _)| *id));
                }
                _ => {}
            }
        }
        assert!(!left.is_empty(), "the branches differ");
        left
    }

    fn context<'a>(&'a self, replica: &'a Replica, machine: &'a Machine) -> Context<'a> {
        // The checker has books of its own.
        static ELSEWHERE: LazyLock<Walk> = LazyLock::new(Walk::new);
        Context {
            replica,
            oracle: &ELSEWHERE,
            rest: None,
            network: &self.network,
            sinks: &[],
            answers: &[],
            bridge: &self.plan.bridges[0],
            counters: Counters::default(),
            machine: Some(machine),
            waiting: 0,
            stream_over: false,
            now: Duration::from_secs(SECONDS),
        }
    }
}

/// A machine that follows the story, and the checker that looks at it.
pub struct Followed<'a> {
    story: &'a Story,
    pub machine: Machine,
    pub checker: Settlement,
    pub replica: Replica,
}

impl<'a> Followed<'a> {
    pub fn new(story: &'a Story, config: MachineConfig) -> Self {
        let disk = Disk::new(Streams::new(1).stream("disk", 0));
        let machine = Machine::open_on(disk.open(), config).expect("the disk is empty");
        Self { story, machine, checker: Settlement::new(&story.plan, 0), replica: Replica::default() }
    }

    /// Batch after batch. `tell` may change what the machine is told, and `hear` what it says that it did.
    pub fn all(
        &mut self,
        mut tell: impl FnMut(&mut Vec<L1Event>),
        mut hear: impl FnMut(&mut Applied),
    ) -> Result<(), String> {
        for number in 0..self.story.batches.len() {
            let mut applied = self.store(number, &mut tell);
            hear(&mut applied);
            self.look(number, &applied)?;
        }
        Ok(())
    }

    /// The machine takes a batch, and nobody is told yet.
    pub fn store(&mut self, number: usize, tell: impl FnOnce(&mut Vec<L1Event>)) -> Applied {
        let events = &self.story.batches[number];
        let mut told = events.clone();
        tell(&mut told);
        events.iter().for_each(|event| self.replica.apply(event));
        self.machine.apply(Some(self.story.anchor), &told).expect("the events follow one another")
    }

    /// The checker is told of a batch.
    pub fn look(&mut self, number: usize, applied: &Applied) -> Result<(), String> {
        let stored = Stored { events: &self.story.batches[number], applied };
        let context = self.story.context(&self.replica, &self.machine);
        self.checker.on_stored(&stored, context).map_err(|error| format!("stored: {error}"))
    }

    /// The process is back, and this batch turns out to be stored.
    pub fn restart(&mut self, number: usize) -> Result<(), String> {
        for event in &self.story.batches[number] {
            let context = self.story.context(&self.replica, &self.machine);
            self.checker.on_event(event, context).map_err(|error| format!("event: {error}"))?;
        }
        let restart = Restart { stored: 0, forgotten: 0 };
        let context = self.story.context(&self.replica, &self.machine);
        self.checker.on_restart(restart, context).map_err(|error| format!("restart: {error}"))
    }

    pub fn rest(&mut self) -> Result<(), String> {
        let context = self.story.context(&self.replica, &self.machine);
        self.checker.at_rest(context).map_err(|error| format!("at rest: {error}"))
    }

    /// What the checker finds at rest in what the machine holds with that change.
    pub fn rest_with(&mut self, change: impl FnOnce(&mut Held)) -> Result<(), String> {
        let mut held = Held::of(&self.machine).expect("the store can be read");
        change(&mut held);
        self.checker.compare_all(&held, &self.replica, self.story.network.store())
    }
}

/// Makes the events of a bridge.
struct Events<'a> {
    store: &'a BlockStore,
    finality_depth: u64,
    path: Vec<BlockId>,
    root: usize,
    events: Vec<L1Event>,
}

impl<'a> Events<'a> {
    fn new(store: &'a BlockStore, finality_depth: u64) -> Self {
        Self { store, finality_depth, path: vec![BlockId::GENESIS], root: 0, events: Vec::new() }
    }

    fn next_sequence(&self) -> u64 {
        self.events.len() as u64 + 1
    }

    fn add(&mut self, block: BlockId) {
        let parent = self.path[self.path.len() - 1];
        self.events.push(L1Event::BlockAdded(BlockAdded {
            sequence: self.next_sequence(),
            block: reference(self.store, block, self.path.len()),
            parent: self.store.dag().hash(parent),
            daa_score: self.store.dag().daa_score(block),
            timestamp_ms: self.store.timestamp(block),
            accepted: accepted(self.store, block),
            verified: true,
        }));
        self.path.push(block);
        let score = |block: BlockId| self.store.dag().blue_score(block);
        let highest = score(block).checked_sub(self.finality_depth);
        let last = self.path.iter().rposition(|below| highest.is_some_and(|highest| score(*below) <= highest));
        if let Some(root) = last.filter(|root| *root > self.root) {
            self.root = root;
            let block = reference(self.store, self.path[root], root);
            self.events.push(L1Event::Finalized { sequence: self.next_sequence(), block });
        }
    }

    fn back_to(&mut self, index: usize) {
        let at = |index: usize| reference(self.store, self.path[index], index);
        let tip = self.path.len() - 1;
        let removed = (index + 1..=tip).rev().map(|index| at(index).hash).collect();
        let reorg =
            Reorg { sequence: self.next_sequence(), fork: at(index), old_tip: at(tip), removed, removed_known: true };
        self.events.push(L1Event::Reorg(reorg));
        self.path.truncate(index + 1);
    }
}

/// The selected chain from genesis to the block.
fn chain(store: &BlockStore, block: BlockId) -> Vec<BlockId> {
    let mut chain: Vec<_> =
        std::iter::successors(Some(block), |block| oracle::selected_parent(store, *block)).collect();
    chain.reverse();
    chain
}

fn reference(store: &BlockStore, block: BlockId, index: usize) -> ChainRef {
    ChainRef { hash: store.dag().hash(block), index: index as u64, blue_score: store.dag().blue_score(block) }
}

/// The finding begins with when it was found, and names what.
#[track_caller]
pub fn assert_found(outcome: Result<(), String>, when: &str, what: &str) {
    let message = outcome.expect_err("the checker must find it");
    assert!(message.starts_with(when) && message.contains(what), "{message}");
}
