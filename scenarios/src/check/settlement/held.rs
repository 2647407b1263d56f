//! What a state machine holds at rest, put next to the books: all accounts, the supply, every escrow, all receipts, the state
//! root, what can be undone.
//!
//! It is data, so that a test can hold what no state machine would.

use bridge::ChainRef;
use kaspa_hashes::Hash;
use sim::block_store::BlockStore;
use state::{Account, AccountId, Machine, StoreError, receipt::Receipt};

use super::{Due, compare_data};
use crate::{
    consumer::Replica,
    oracle::economy::{Books, Place, Value},
};

/// All that is looked at of a state machine at rest.
#[derive(Clone, Debug)]
pub struct Held {
    /// All accounts, in any order.
    pub accounts: Vec<(AccountId, Account)>,
    /// All receipts, in order of acceptance.
    pub receipts: Vec<Receipt>,
    /// The state root that the machine goes on from.
    pub state_root: Hash,
    /// That of the accounts in the store.
    pub rebuilt_state_root: Hash,
    /// Indices of the chain blocks that can be undone, lowest first.
    pub undo_indices: Vec<u64>,
    /// Finalized root and tip; `None` before the first event.
    pub ends: Option<(ChainRef, ChainRef)>,
}

impl Held {
    /// What that machine holds.
    ///
    /// # Errors
    /// What its store cannot tell.
    pub fn of(machine: &Machine) -> Result<Self, String> {
        let untold = |error: StoreError| format!("the store cannot tell what it has: {error}");
        Ok(Self {
            accounts: machine.accounts().map_err(untold)?,
            receipts: machine.receipts().map_err(untold)?,
            state_root: machine.state_root(),
            rebuilt_state_root: machine.rebuilt_state_root().map_err(untold)?,
            undo_indices: machine.undo_indices().map_err(untold)?,
            ends: machine.window().map(|window| (window.root(), window.tip())),
        })
    }

    /// Compares everything with the books, which stand at the machine's tip.
    pub(super) fn compare(&self, books: &Books, replica: &Replica, store: &BlockStore) -> Result<(), String> {
        self.compare_accounts(books)?;
        books.check_escrows()?;
        self.compare_receipts(books, store)?;
        self.compare_roots()?;
        self.check_undo(replica)
    }

    fn compare_accounts(&self, books: &Books) -> Result<(), String> {
        let mut found: Vec<_> = self.accounts.iter().map(|(id, account)| (id, account)).collect();
        found.sort_unstable_by_key(|(id, _)| *id);
        let account = |id: &AccountId| {
            let position = found.binary_search_by_key(&id, |(id, _)| *id).ok()?;
            found.get(position).map(|(_, account)| *account)
        };
        let mut supply = 0_u128;
        for (place, due) in books.accounts() {
            let account = account(&AccountId::from_bytes(place.id()));
            compare_data(place, Some(due), account)?;
            let value = account.and_then(|account| place.read(&account.data));
            if let (Place::Balance(_), Some(Value::Amount(amount))) = (place, value) {
                supply += u128::from(amount);
            }
        }
        let due = books.accounts().count();
        if found.len() != due {
            return Err(format!("the machine has {} accounts, there must be {due}", found.len()));
        }
        if supply != books.supply() {
            return Err(format!("the balances add up to {supply}, the supply is {}", books.supply()));
        }
        Ok(())
    }

    /// The machine has the receipts of all blocks above its root, and of whole blocks below it.
    fn compare_receipts(&self, books: &Books, store: &BlockStore) -> Result<(), String> {
        let above_root = self.ends.map_or(1, |(root, _)| root.index + 1);
        let lowest = self.receipts.first().map_or(above_root, |receipt| receipt.index.min(above_root));
        let pages = (0..).zip(books.pages()).filter(|(index, _)| *index >= lowest);
        let due = pages.flat_map(|(index, page)| page.entries.iter().map(move |entry| Due::new(entry, index, store)));
        let mut found = self.receipts.iter();
        for due in due {
            due.compare(found.next())?;
        }
        found.next().map_or(Ok(()), |receipt| Err(format!("a receipt belongs to no block of the chain: {receipt:?}")))
    }

    fn compare_roots(&self) -> Result<(), String> {
        let Held { state_root, rebuilt_state_root, .. } = self;
        if state_root == rebuilt_state_root {
            Ok(())
        } else {
            Err(format!("the state root is {state_root}, that of the accounts is {rebuilt_state_root}"))
        }
    }

    fn check_undo(&self, replica: &Replica) -> Result<(), String> {
        let Some((root, tip)) = self.ends else { return Ok(()) };
        if let Some(finalized) = replica.finalized.filter(|finalized| *finalized != root) {
            return Err(format!("the machine's root is {root:?}, final is {finalized:?}"));
        }
        let due: Vec<u64> = (root.index + 1..=tip.index).collect();
        if self.undo_indices == due {
            return Ok(());
        }
        let ends = |indices: &[u64]| format!("{} from {:?} to {:?}", indices.len(), indices.first(), indices.last());
        Err(format!("blocks that can be undone: {}; there must be {}", ends(&self.undo_indices), ends(&due)))
    }
}
