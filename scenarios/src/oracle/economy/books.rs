//! The books of the economy, moved along a selected chain.
//!
//! Invariants: `pages` is a selected chain from the anchor; the accounts are those after its last block; every page that
//! was not closed can be taken back.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};
use sim::{acceptance::TransactionIndex, block_store::BlockStore, dag::BlockId};
use thiserror::Error;

use super::{
    Opening,
    accounts::{Accounts, Before, Sums},
    payload::Payload,
    record::{Holder, JobState, Place, PolicyState, Value},
    rules,
};
use crate::oracle::{blue_score, selected_parent};

/// The economy at one place on the chain. Used with one store only, which may grow in between and must forget nothing.
pub struct Books {
    accounts: Accounts,
    supply: u128,
    pages: Vec<Page>,
    /// Pages up to this index cannot be taken back.
    closed: usize,
    /// For each transaction of a page, the index of the page.
    of_transaction: FxHashMap<TransactionIndex, usize>,
    touched: FxHashSet<Place>,
}

/// What a chain block did to the economy.
#[derive(Debug)]
pub struct Page {
    /// The chain block.
    pub block: BlockId,
    /// What became of each transaction that was meant for the economy, in order of acceptance.
    pub entries: Vec<Entry>,
    blue_score: u64,
    before: Vec<Before>,
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The transaction.
    pub transaction: TransactionIndex,
    /// Its position among what its chain block accepts.
    pub acceptance_index: u32,
    /// It happened as a whole; otherwise it changed nothing.
    pub applied: bool,
}

/// Why the books cannot be moved, or are wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BooksError {
    /// The block is not above the anchor.
    #[error("{block} is not above the anchor {anchor} of the books")]
    NotAbove {
        /// The block.
        block: BlockId,
        /// The anchor.
        anchor: BlockId,
    },
    /// The block would undo what is closed.
    #[error("{block} leaves the chain below {closed}, up to which the books are closed")]
    Closed {
        /// The block.
        block: BlockId,
        /// The highest closed block.
        closed: BlockId,
    },
    /// The sums do not fit together. So it is also when somebody pays into an escrow without the program that keeps it, which
    /// the programs allow and the economy never does.
    #[error("after {block} the supply is {supply} and the sums are {sums:?}")]
    Unbalanced {
        /// The block.
        block: BlockId,
        /// What the balances must add up to.
        supply: u128,
        /// What was found.
        sums: Sums,
    },
}

impl Books {
    /// The books at the anchor, a chain block of which nothing counts that it accepts.
    pub fn new(opening: &Opening, store: &BlockStore, anchor: BlockId) -> Self {
        let mut accounts = Accounts::default();
        for (place, value) in &opening.accounts {
            accounts.put(*place, Some(value.clone()));
        }
        accounts.take_log();
        let page =
            Page { block: anchor, entries: Vec::new(), blue_score: blue_score(store, anchor), before: Vec::new() };
        Self {
            supply: accounts.sums().balances,
            accounts,
            pages: vec![page],
            closed: 0,
            of_transaction: FxHashMap::default(),
            touched: FxHashSet::default(),
        }
    }

    /// Goes back to the fork and forward to `block`. Costs what lies between.
    ///
    /// # Errors
    /// A block that cannot be reached, or sums that do not fit together: supply, escrows against what they are for. The books
    /// stay where they are in the first case.
    pub fn go_to(&mut self, store: &BlockStore, block: BlockId) -> Result<(), BooksError> {
        let anchor = self.pages[0].block;
        let mut ahead = Vec::new();
        let mut below = block;
        let fork = loop {
            if let Some(index) = self.index_of(store, below) {
                break index;
            }
            ahead.push(below);
            below = selected_parent(store, below).ok_or(BooksError::NotAbove { block, anchor })?;
        };
        if fork < self.closed {
            return Err(BooksError::Closed { block, closed: self.pages[self.closed].block });
        }
        for page in self.pages.drain(fork + 1..).rev() {
            for entry in page.entries {
                self.of_transaction.remove(&entry.transaction);
            }
            self.touched.extend(page.before.iter().map(|before| before.place));
            self.accounts.undo(page.before);
        }
        ahead.into_iter().rev().try_for_each(|block| self.step_to(store, block))
    }

    /// The blocks up to that index of [`Self::pages`] are never gone back from: what is needed for that is dropped.
    pub fn close(&mut self, index: usize) {
        let last = index.min(self.pages.len() - 1);
        for page in self.pages.iter_mut().take(last + 1).skip(self.closed) {
            page.before = Vec::new();
        }
        self.closed = self.closed.max(last);
    }

    /// The chain from the anchor, which did nothing, to the present block.
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// Index of the page on which the transaction stands.
    pub fn page_of(&self, transaction: TransactionIndex) -> Option<usize> {
        self.of_transaction.get(&transaction).copied()
    }

    /// What is in an account.
    pub fn get(&self, place: &Place) -> Option<&Value> {
        self.accounts.get(place)
    }

    /// Where a state machine keeps the account.
    pub fn id(&mut self, place: &Place) -> [u8; 32] {
        self.accounts.id(place)
    }

    /// All accounts, ordered by place.
    pub fn accounts(&self) -> impl Iterator<Item = (&Place, &Value)> {
        self.accounts.sorted().into_iter()
    }

    /// What all balances add up to.
    pub fn supply(&self) -> u128 {
        self.supply
    }

    /// The accounts written since the last call, on whatever branch, and those that transactions would have written which
    /// did not happen.
    pub fn take_touched(&mut self) -> BTreeSet<Place> {
        self.touched.drain().collect()
    }

    /// Looks whether each single escrow has what it is for, and nothing is in escrow for nothing.
    ///
    /// # Errors
    /// The first escrow that has not.
    pub fn check_escrows(&self) -> Result<(), String> {
        let held = |holder: Holder| match self.get(&Place::Balance(holder)) {
            Some(Value::Amount(amount)) => *amount,
            _ => 0,
        };
        let mut escrows = 0;
        for (place, value) in self.accounts() {
            let (name, due) = match (place, value) {
                (Place::Job(name), Value::Job(job)) => {
                    (*name, if job.state == JobState::Open { job.reward } else { 0 })
                }
                (Place::Policy(name), Value::Policy(policy)) => {
                    (*name, if policy.state == PolicyState::Active { policy.payout } else { 0 })
                }
                _ => continue,
            };
            let held = held(Holder::Escrow { program: place.program(), name });
            if held != due {
                return Err(format!("{held} are in escrow for {place:?}, {due} are due"));
            }
            escrows += usize::from(due > 0);
        }
        let found = self.accounts().filter(|(place, _)| matches!(place, Place::Balance(Holder::Escrow { .. }))).count();
        if found == escrows { Ok(()) } else { Err(format!("there are {found} escrows, {escrows} are for something")) }
    }

    /// The index of a block's page.
    fn index_of(&self, store: &BlockStore, block: BlockId) -> Option<usize> {
        let score = blue_score(store, block);
        let index = self.pages.binary_search_by_key(&score, |page| page.blue_score).ok()?;
        (self.pages[index].block == block).then_some(index)
    }

    fn step_to(&mut self, store: &BlockStore, block: BlockId) -> Result<(), BooksError> {
        let daa_score = store.dag().daa_score(block);
        let mut entries = Vec::new();
        for (acceptance_index, accepted) in (0..).zip(store.accepted_by(block)) {
            let transaction = accepted.transaction;
            // The payload of a coinbase begins with a blue score, which only after one and a half billion blocks is the
            // magic.
            if transaction.coinbase_of().is_some() {
                continue;
            }
            let applied = match Payload::read(&store.transaction_fields(transaction).payload) {
                Payload::Foreign => continue,
                Payload::Nonsense => false,
                Payload::Order(order) => match rules::carry_out(&mut self.accounts, &order, daa_score) {
                    Ok(()) => true,
                    Err(spared) => {
                        self.touched.extend(spared);
                        false
                    }
                },
            };
            self.of_transaction.insert(transaction, self.pages.len());
            entries.push(Entry { transaction, acceptance_index, applied });
        }
        let before = self.accounts.take_log();
        self.touched.extend(before.iter().map(|before| before.place));
        self.pages.push(Page { block, entries, blue_score: blue_score(store, block), before });
        let sums = self.accounts.sums();
        let is_balanced = sums.balances == self.supply
            && sums.held_for_jobs == sums.open_rewards
            && sums.held_for_policies == sums.active_payouts;
        if is_balanced { Ok(()) } else { Err(BooksError::Unbalanced { block, supply: self.supply, sums }) }
    }
}
