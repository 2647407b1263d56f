//! What a state machine and its process did in a run.

use kaspa_hashes::Hash;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sim::block_store::BlockStore;
use state::{
    Machine,
    programs::{charging, delivery, insurance},
    transaction::Transaction,
};

use crate::oracle::economy::Books;

/// What a state machine and its process did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineFigures {
    /// Transactions of the final chain that were applied.
    pub applied: u64,
    /// Transactions of the final chain that were rejected.
    pub rejected: u64,
    /// Of those applied, how many settle a delivery that was made: they confirm it, and its drone pays for energy or its
    /// insurer gets the payout back.
    pub settled_confirmed: u64,
    /// Of those applied, how many settle a delivery whose time is over: they end it, and its insurance pays.
    pub settled_expired: u64,
    /// Chain blocks that were rolled back.
    pub rolled_back: u64,
    /// Failures of power.
    pub crashes: u64,
    /// Times that the process was killed.
    pub kills: u64,
    /// Times that the process came back.
    pub restarts: u64,
    /// Times that an error of the disk kept the process from storing or from opening its store.
    pub disk_errors: u64,
    /// Root of the tree over all accounts, at the end.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub state_root: Hash,
}

impl MachineFigures {
    /// Adds the counts of another run; a sum has no state root.
    pub fn add(&mut self, other: &Self) {
        *self = Self {
            applied: self.applied + other.applied,
            rejected: self.rejected + other.rejected,
            settled_confirmed: self.settled_confirmed + other.settled_confirmed,
            settled_expired: self.settled_expired + other.settled_expired,
            rolled_back: self.rolled_back + other.rolled_back,
            crashes: self.crashes + other.crashes,
            kills: self.kills + other.kills,
            restarts: self.restarts + other.restarts,
            disk_errors: self.disk_errors + other.disk_errors,
            state_root: Hash::default(),
        };
    }

    /// Counts what became of the transactions of the machine's chain: by the books at its tip, with which its receipts were
    /// compared, since it need not keep all of them.
    pub(crate) fn count(&mut self, machine: &Machine, books: &Books, store: &BlockStore) {
        self.state_root = machine.state_root();
        for entry in books.pages().iter().flat_map(|page| &page.entries) {
            if !entry.applied {
                self.rejected += 1;
                continue;
            }
            self.applied += 1;
            let payload = &store.transaction_fields(entry.transaction).payload;
            if let Some(Ok((transaction, _))) = Transaction::decode(payload) {
                let settled = Settled::of(&transaction);
                self.settled_confirmed += u64::from(settled == Some(Settled::Confirmed));
                self.settled_expired += u64::from(settled == Some(Settled::Expired));
            }
        }
    }
}

fn as_text<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(hash)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| de::Error::custom("the hash is not 64 hex digits"))
}

/// How a transaction ends a delivery, with what hangs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Confirmed,
    Expired,
}

impl Settled {
    fn of(transaction: &Transaction) -> Option<Self> {
        let (mut confirms, mut expires, mut charges, mut releases, mut claims) = (false, false, false, false, false);
        for call in &transaction.calls {
            match call.program {
                charging::CHARGING => {
                    charges |= matches!(borsh::from_slice(&call.input), Ok(charging::Input::Charge { .. }));
                }
                delivery::DELIVERY => match borsh::from_slice(&call.input) {
                    Ok(delivery::Input::Confirm { .. }) => confirms = true,
                    Ok(delivery::Input::Expire { .. }) => expires = true,
                    _ => {}
                },
                insurance::INSURANCE => match borsh::from_slice(&call.input) {
                    Ok(insurance::Input::Release { .. }) => releases = true,
                    Ok(insurance::Input::Claim { .. }) => claims = true,
                    _ => {}
                },
                _ => {}
            }
        }
        match () {
            () if confirms && (charges || releases) => Some(Self::Confirmed),
            () if expires && claims => Some(Self::Expired),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use state::{authorization::Key, programs::Name};

    use super::*;

    #[test]
    fn given_what_happens_to_a_delivery_when_counted_then_only_an_end_with_what_hangs_on_it_settles() {
        let (name, key) = (Name([1; 32]), Key([2; 32]));
        let terms = insurance::JobTerms { job: name, customer: key, carrier: key, deadline_daa_score: 9 };
        let post = || delivery::post(name, key, key, 1, 9);
        let insure = || insurance::insure(name, key, key, terms, 1, 1);
        let confirm = || delivery::confirm(name, key);
        let charge = || charging::charge(name, key, key, 1, 1);
        let release = || insurance::release(name, key, name);
        let expire = || delivery::expire(name, key);
        let claim = || insurance::claim(name, key, name);
        for (steps, expected) in [
            (vec![post(), insure()], None),
            (vec![confirm()], None),
            (vec![confirm(), charge()], Some(Settled::Confirmed)),
            (vec![confirm(), release()], Some(Settled::Confirmed)),
            (vec![confirm(), charge(), release()], Some(Settled::Confirmed)),
            (vec![charge(), release()], None),
            (vec![expire()], None),
            (vec![expire(), claim()], Some(Settled::Expired)),
            (vec![expire(), release()], None),
            (vec![claim()], None),
        ] {
            assert_eq!(Settled::of(&Transaction::of([], steps.clone())), expected, "{steps:?}");
        }
    }
}
