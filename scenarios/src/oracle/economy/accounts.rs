//! The accounts at one place on the chain, the sums over them, and the way back.
//!
//! Invariant: undoing what was written since a mark restores accounts and sums as they were at that mark.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::record::{DELIVERY, Holder, INSURANCE, JobState, Place, PolicyState, Value};

/// All accounts.
#[derive(Default)]
pub(super) struct Accounts {
    values: FxHashMap<Place, Value>,
    /// What was there before each write, oldest first.
    log: Vec<Before>,
    sums: Sums,
    /// Of each place that was asked for: an id is a hash, and most are asked for many times.
    ids: FxHashMap<Place, [u8; 32]>,
}

/// What was in an account before it was written.
#[derive(Clone, Debug)]
pub(super) struct Before {
    pub(super) place: Place,
    pub(super) value: Option<Value>,
}

/// Sums over all accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// All balances.
    pub balances: u128,
    /// Balances in escrow for deliveries.
    pub held_for_jobs: u128,
    /// Rewards of open deliveries.
    pub open_rewards: u128,
    /// Balances in escrow for insurances.
    pub held_for_policies: u128,
    /// Payouts of active insurances.
    pub active_payouts: u128,
}

impl Accounts {
    /// What is there.
    pub(super) fn get(&self, place: &Place) -> Option<&Value> {
        self.values.get(place)
    }

    /// [`Place::id`].
    pub(super) fn id(&mut self, place: &Place) -> [u8; 32] {
        *self.ids.entry(*place).or_insert_with(|| place.id())
    }

    /// Everything, ordered by place.
    pub(super) fn sorted(&self) -> BTreeMap<&Place, &Value> {
        self.values.iter().collect()
    }

    /// Sums over everything.
    pub(super) fn sums(&self) -> Sums {
        self.sums
    }

    /// Writes, and remembers what was there.
    pub(super) fn put(&mut self, place: Place, value: Option<Value>) {
        let before = self.replace(place, value);
        self.log.push(before);
    }

    /// The present moment.
    pub(super) fn mark(&self) -> usize {
        self.log.len()
    }

    /// Undoes everything since a mark, and tells what was written since then.
    pub(super) fn undo_to(&mut self, mark: usize) -> Vec<Place> {
        let log = self.log.split_off(mark.min(self.log.len()));
        let written = log.iter().map(|before| before.place).collect();
        self.undo(log);
        written
    }

    /// Takes out what is remembered, oldest first: it can be undone with [`Self::undo`] only.
    pub(super) fn take_log(&mut self) -> Vec<Before> {
        std::mem::take(&mut self.log)
    }

    /// Undoes what was taken out before.
    pub(super) fn undo(&mut self, log: Vec<Before>) {
        for Before { place, value } in log.into_iter().rev() {
            self.replace(place, value);
        }
    }

    fn replace(&mut self, place: Place, value: Option<Value>) -> Before {
        self.sums.add(&place, value.as_ref());
        let before = match value {
            Some(value) => self.values.insert(place, value),
            None => self.values.remove(&place),
        };
        self.sums.remove(&place, before.as_ref());
        Before { place, value: before }
    }
}

impl Sums {
    fn add(&mut self, place: &Place, value: Option<&Value>) {
        self.each(place, value, |sum, amount| *sum += amount);
    }

    fn remove(&mut self, place: &Place, value: Option<&Value>) {
        self.each(place, value, |sum, amount| *sum -= amount);
    }

    /// The sums to which the value in that place counts, and with how much.
    fn each(&mut self, place: &Place, value: Option<&Value>, mut act: impl FnMut(&mut u128, u128)) {
        match (place, value) {
            (Place::Balance(holder), Some(Value::Amount(amount))) => {
                act(&mut self.balances, u128::from(*amount));
                match holder {
                    Holder::Escrow { program: DELIVERY, .. } => act(&mut self.held_for_jobs, u128::from(*amount)),
                    Holder::Escrow { program: INSURANCE, .. } => act(&mut self.held_for_policies, u128::from(*amount)),
                    _ => {}
                }
            }
            (_, Some(Value::Job(job))) if job.state == JobState::Open => {
                act(&mut self.open_rewards, u128::from(job.reward));
            }
            (_, Some(Value::Policy(policy))) if policy.state == PolicyState::Active => {
                act(&mut self.active_payouts, u128::from(policy.payout));
            }
            _ => {}
        }
    }
}
