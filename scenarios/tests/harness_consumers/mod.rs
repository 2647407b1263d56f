//! A consumer as people write them, right or with one of the bugs that they write.

use std::{collections::BTreeMap, time::SystemTime};

use bridge::{ChainRef, Checkpoint, L1Event};
use kaspa_hashes::Hash;
use scenarios::harness::{Consumer, crash_point};

/// What is wrong with a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Nothing.
    None,
    /// Nothing: it keeps the window of its checkpoint itself.
    KeepsItsWindow,
    /// It does not take back what a block that left the chain had added.
    ForgetsRollbacks,
    /// It keeps when a block came, by the system's clock.
    ReadsTheClock,
    /// It numbers transactions in the order of a map that has none.
    TrustsMapOrder,
    /// The checkpoint is stored first, its effects in a second transaction.
    ChecksBeforeItStores,
    /// The effects are stored first, the checkpoint in a second transaction.
    StoresBeforeItChecks,
    /// What it has not committed yet it never commits.
    NeverFlushes,
    /// Something that it needs is in memory alone.
    RemembersOnly,
    /// It keeps the window of its checkpoint itself, and forgets that it rolls back.
    KeepsAStaleWindow,
    /// Its store is deleted when it starts.
    ForgetsItsStore,
    /// It panics at the hundredth event.
    Panics,
}

/// What survives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    /// Payload bytes by the index of the chain block that accepts them.
    bytes: BTreeMap<u64, u64>,
    /// Their sum.
    total: u64,
    /// Numbers of transactions.
    numbers: Vec<Hash>,
    came_at_s: u64,
    checkpoint: Option<Checkpoint>,
    /// From root to tip.
    window: Vec<ChainRef>,
}

/// Counts payload bytes.
pub struct Ledger {
    bug: Bug,
    store: Store,
    /// The newest block's bytes, for those who ask often.
    newest: Option<u64>,
    /// What the store is to be.
    next: Store,
    events: u64,
}

impl Ledger {
    pub fn new(bug: Bug) -> Self {
        Self::on(bug, Store::default())
    }

    fn on(bug: Bug, store: Store) -> Self {
        Self { bug, next: store.clone(), store, newest: None, events: 0 }
    }

    fn add(&mut self, added: &bridge::BlockAdded) {
        let bytes = added.accepted.iter().map(|transaction| transaction.payload.len() as u64).sum();
        self.next.bytes.insert(added.block.index, bytes);
        self.next.total += bytes;
        self.newest = Some(bytes);
        if self.bug == Bug::ReadsTheClock {
            #[expect(clippy::disallowed_methods, reason = "the bug")]
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970");
            self.next.came_at_s = now.as_secs();
        }
        if self.bug == Bug::TrustsMapOrder && self.next.numbers.len() < 20 {
            #[expect(clippy::disallowed_types, reason = "the bug")]
            let ids: std::collections::HashSet<Hash> = added.accepted.iter().map(|accepted| accepted.id).collect();
            self.next.numbers.extend(ids);
        }
    }

    fn cut_back_to(&mut self, index: u64) {
        let removed = self.next.bytes.split_off(&(index + 1));
        self.newest = self.next.bytes.values().next_back().copied();
        if self.bug != Bug::ForgetsRollbacks {
            self.next.total -= removed.into_values().sum::<u64>();
        }
    }

    /// Follows the chain from root to tip as far as its bug allows.
    fn keep_window(&mut self, event: &L1Event, after: &Checkpoint) {
        let window = &mut self.next.window;
        if window.is_empty() {
            window.push(after.root());
        }
        match event {
            L1Event::BlockAdded(added) => window.push(added.block),
            L1Event::Reorg(reorg) if self.bug != Bug::KeepsAStaleWindow => {
                window.retain(|block| block.index <= reorg.fork.index);
            }
            L1Event::Finalized { block, .. } => window.retain(|kept| kept.index >= block.index),
            _ => {}
        }
    }

    fn commit(&mut self) {
        crash_point();
        match self.bug {
            Bug::ChecksBeforeItStores => {
                self.store.checkpoint = self.next.checkpoint.clone();
                crash_point();
            }
            Bug::StoresBeforeItChecks => {
                self.store = Store { checkpoint: self.store.checkpoint.take(), ..self.next.clone() };
                crash_point();
            }
            _ => {}
        }
        self.store = self.next.clone();
        crash_point();
    }
}

impl Consumer for Ledger {
    type Digest = (u64, Vec<Hash>, u64, Option<u64>);

    fn on_event(&mut self, event: &L1Event, after: &Checkpoint) {
        self.events += 1;
        if self.bug == Bug::Panics && self.events == 100 {
            panic!("the hundredth event");
        }
        match event {
            L1Event::BlockAdded(added) => self.add(added),
            L1Event::Reorg(reorg) => self.cut_back_to(reorg.fork.index),
            _ => {}
        }
        self.keep_window(event, after);
        self.next.checkpoint = Some(after.clone());
        if self.bug != Bug::NeverFlushes || self.events.is_multiple_of(7) {
            self.commit();
        }
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        self.store.checkpoint.clone()
    }

    fn window(&self) -> Option<Vec<ChainRef>> {
        let keeps = matches!(self.bug, Bug::KeepsItsWindow | Bug::KeepsAStaleWindow);
        keeps.then(|| self.store.window.clone())
    }

    fn restart(self) -> Self {
        let newest = self.store.bytes.values().next_back().copied();
        match self.bug {
            Bug::ForgetsItsStore => Self::new(self.bug),
            Bug::RemembersOnly => Self::on(self.bug, self.store),
            _ => Self { newest, ..Self::on(self.bug, self.store) },
        }
    }

    fn digest(&self) -> Self::Digest {
        (self.store.total, self.store.numbers.clone(), self.store.came_at_s, self.newest)
    }
}
