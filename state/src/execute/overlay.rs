//! The accounts as a block and its transactions leave them, over a state that is only read.
//!
//! Invariants: a slot keeps what the state had before the block; the undo list holds, for each slot that the present
//! transaction wrote, what was there before the transaction, once.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    mem,
};

use super::{Accounts, Change};
use crate::account::{Account, AccountId, ProgramId};

/// The accounts that transactions of one block named.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    slots: Vec<Slot>,
    /// Ordered, because strangers choose the ids: they could make those that a fast hash puts into one place.
    by_id: BTreeMap<AccountId, SlotNumber>,
    undo: Vec<(SlotNumber, Now)>,
    /// Number of the present transaction, from 1: slots begin as not written by it.
    transaction: u64,
}

/// Where an overlay has an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotNumber(usize);

#[derive(Debug)]
struct Slot {
    id: AccountId,
    before_block: Option<Account>,
    now: Now,
    /// The transaction that wrote the slot last.
    written_by: u64,
    /// Version that the account gets if the transaction `written_by` changes it.
    next_version: u64,
}

#[derive(Debug)]
enum Now {
    AsBeforeBlock,
    Is(Option<Account>),
}

impl Slot {
    fn account<'a>(&'a self, now: &'a Now) -> Option<&'a Account> {
        match now {
            Now::AsBeforeBlock => self.before_block.as_ref(),
            Now::Is(account) => account.as_ref(),
        }
    }
}

impl Overlay {
    /// Nothing is read yet.
    pub(super) fn new() -> Self {
        Self { transaction: 1, ..Self::default() }
    }

    /// Reads the account if no transaction of the block did before.
    pub(super) fn load<A: Accounts>(&mut self, accounts: &A, id: &AccountId) -> Result<SlotNumber, A::Error> {
        match self.by_id.entry(*id) {
            Entry::Occupied(entry) => Ok(*entry.get()),
            Entry::Vacant(entry) => {
                let before_block = accounts.account(id)?;
                let number = SlotNumber(self.slots.len());
                self.slots.push(Slot {
                    id: *id,
                    before_block,
                    now: Now::AsBeforeBlock,
                    written_by: 0,
                    next_version: 0,
                });
                Ok(*entry.insert(number))
            }
        }
    }

    /// The account as the transactions left it so far.
    pub(crate) fn account(&self, number: SlotNumber) -> Option<&Account> {
        // Slots are never taken away, so that a number that was given out stays good.
        let slot = &self.slots[number.0];
        slot.account(&slot.now)
    }

    /// Writes data into the account; `None` removes it.
    pub(crate) fn write(&mut self, number: SlotNumber, program: ProgramId, data: Option<Vec<u8>>) {
        let slot = &mut self.slots[number.0];
        let is_first_write = slot.written_by != self.transaction;
        if is_first_write {
            slot.written_by = self.transaction;
            slot.next_version = slot.account(&slot.now).map_or(1, |account| account.version.saturating_add(1));
        }
        let now = Now::Is(data.map(|data| Account { program, version: slot.next_version, data }));
        let old = mem::replace(&mut slot.now, now);
        if is_first_write {
            self.undo.push((number, old));
        }
    }

    /// The present transaction happened. An account that it wrote and left with the same data did not change: it keeps its
    /// version.
    pub(super) fn commit(&mut self) {
        for (number, old) in self.undo.drain(..) {
            let slot = &mut self.slots[number.0];
            let is_same = match (slot.account(&old), slot.account(&slot.now)) {
                (Some(old), Some(new)) => old.data == new.data,
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if is_same {
                slot.now = old;
            }
        }
        self.transaction += 1;
    }

    /// The present transaction did not happen.
    pub(super) fn roll_back(&mut self) {
        for (number, old) in self.undo.drain(..) {
            self.slots[number.0].now = old;
        }
        self.transaction += 1;
    }

    /// What the block changed.
    pub(super) fn into_changes(self) -> BTreeMap<AccountId, Change> {
        let change = |slot: Slot| match slot.now {
            Now::Is(after) if after != slot.before_block => {
                Some((slot.id, Change { before: slot.before_block, after }))
            }
            Now::Is(_) | Now::AsBeforeBlock => None,
        };
        self.slots.into_iter().filter_map(change).collect()
    }
}
