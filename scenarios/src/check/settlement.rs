//! Property: the state machine is what the chain says. After every stored batch each account that the batch wrote is as the
//! oracle's books have it at the machine's tip, each transaction of its blocks has the receipt that it must have, and no
//! transaction that left the chain has one. At rest all accounts and all receipts are those of the books, the supply is what
//! it was in the beginning, every escrow has what it is for, the state root is that of the accounts, and exactly the blocks
//! above the finalized root can be undone. A process that is back stands at the last block delivered, with what a batch
//! that nobody was told to be stored did to accounts and receipts.
//!
//! Moment: every stored batch, every restart, and at rest. Finds a rollback that forgets an account, a transaction that
//! happened in part, a block that counts twice after a crash, receipts of orphaned blocks, a root that went its own way.
//! False for a while: never.
//!
//! Nothing counts of the block below the first one that is told, where the bridge begins.

mod held;

use std::collections::BTreeSet;

use bridge::{ChainRef, L1Event};
use kaspa_hashes::Hash;
use sim::{acceptance::TransactionIndex, block_store::BlockStore, dag::BlockId, random::Streams};
use state::{
    Account, AccountId, Machine, View,
    receipt::{Outcome, Receipt},
};

use super::{Checker, Context, Restart, Stored};
use crate::{
    consumer::Replica,
    economy,
    oracle::{
        self,
        economy::{Books, Entry, Opening, Place, Value},
    },
    plan::Plan,
};

pub use self::held::Held;

/// See the module documentation.
pub struct Settlement {
    opening: Opening,
    /// Nothing before the first block.
    books: Option<Books>,
    /// The block below the first.
    anchor: BlockId,
    /// Transactions of the blocks that the books added or removed since the last comparison.
    moved: BTreeSet<TransactionIndex>,
    /// The blocks to which stored events led, since the last batch that was told to be stored.
    way: Vec<Hash>,
}

impl Checker for Settlement {
    fn new(plan: &Plan, _: usize) -> Self {
        let streams = Streams::new(plan.seed.0);
        let opening = plan.economy.as_ref().map(|config| economy::opening(config, streams));
        Self::beginning_with(opening.unwrap_or_default())
    }

    fn name(&self) -> &'static str {
        "settlement"
    }

    fn meaning(&self) -> &'static str {
        "the state machine's accounts and receipts are those that follow from the chain, and no money is made or lost"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        if context.machine.is_some() {
            self.way.extend(match event {
                L1Event::BlockAdded(added) => Some(added.block.hash),
                L1Event::Reorg(reorg) => Some(reorg.fork.hash),
                _ => None,
            });
        }
        Ok(())
    }

    fn on_stored(&mut self, stored: &Stored<'_>, context: Context<'_>) -> Result<(), String> {
        let Some(machine) = context.machine else { return Ok(()) };
        let store = context.network.store();
        self.begin(context.replica, store)?;
        self.way.clear();
        let mut receipts = stored.applied.receipts.iter();
        for (number, event) in stored.events.iter().enumerate() {
            let later = stored.events.get(number + 1..).unwrap_or_default();
            self.follow(event, later, store, &mut receipts)?;
        }
        if let Some(receipt) = receipts.next() {
            return Err(format!("a receipt was told that belongs to no block of the batch: {receipt:?}"));
        }
        self.compare_moved(machine, store)
    }

    fn on_restart(&mut self, _: Restart, context: Context<'_>) -> Result<(), String> {
        let Some(machine) = context.machine else { return Ok(()) };
        let Some(window) = machine.window() else { return Ok(()) };
        let store = context.network.store();
        self.begin(context.replica, store)?;
        // These are of a batch that is stored and was not told to be.
        for hash in std::mem::take(&mut self.way) {
            self.move_to(on_chain(&hash, store)?, store)?;
        }
        self.stand_at(window.tip(), context.replica, store)?;
        self.compare_moved(machine, store)
    }

    fn at_rest(&mut self, context: Context<'_>) -> Result<(), String> {
        let Some(machine) = context.machine else { return Ok(()) };
        self.compare_all(&Held::of(machine)?, context.replica, context.network.store())
    }

    fn books(&self) -> Option<&Books> {
        self.books.as_ref()
    }
}

impl Settlement {
    /// The checker of an economy that began with these accounts.
    pub fn beginning_with(opening: Opening) -> Self {
        Self {
            opening,
            books: None,
            anchor: BlockId::GENESIS,
            moved: BTreeSet::new(),
            way: Vec::new(),
        }
    }

    /// Compares everything; `replica` is where the bridge's events lead.
    ///
    /// # Errors
    /// What was found and what should have been.
    pub fn compare_all(&mut self, held: &Held, replica: &Replica, store: &BlockStore) -> Result<(), String> {
        self.begin(replica, store)?;
        if let Some((_, tip)) = held.ends {
            self.stand_at(tip, replica, store)?;
        }
        held.compare(self.books(store), replica, store)
    }

    /// The books begin where the bridge does.
    fn begin(&mut self, replica: &Replica, store: &BlockStore) -> Result<(), String> {
        if let (None, Some(anchor)) = (&self.books, &replica.anchor) {
            self.anchor = on_chain(anchor, store)?;
        }
        Ok(())
    }

    /// Moves the books with an event. The receipts of an added block are the next ones, unless a later event of the batch
    /// removes it again: such a block is not executed.
    fn follow<'a>(
        &mut self,
        event: &L1Event,
        later: &[L1Event],
        store: &BlockStore,
        receipts: &mut impl Iterator<Item = &'a Receipt>,
    ) -> Result<(), String> {
        match event {
            L1Event::BlockAdded(added) => {
                let block = on_chain(&added.block.hash, store)?;
                let books = self.move_to(block, store)?;
                let index = books.pages().len() as u64 - 1;
                if index != added.block.index {
                    return Err(format!("{block} has index {}, it is number {index} of its chain", added.block.index));
                }
                let removes = |event: &L1Event| matches!(event, L1Event::Reorg(reorg) if reorg.fork.index < index);
                if later.iter().any(removes) {
                    return Ok(());
                }
                let entries = books.pages().last().map_or(&[][..], |page| &page.entries);
                entries.iter().try_for_each(|entry| {
                    let due = Due::new(entry, index, store);
                    due.compare(receipts.next())
                })
            }
            L1Event::Reorg(reorg) => {
                self.move_to(on_chain(&reorg.fork.hash, store)?, store)?;
                Ok(())
            }
            L1Event::Finalized { block, .. } => {
                self.books(store).close(usize::try_from(block.index).unwrap_or(usize::MAX));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Moves the books to the machine's tip, which must be the block delivered last.
    fn stand_at(&mut self, tip: ChainRef, replica: &Replica, store: &BlockStore) -> Result<(), String> {
        if let Some(delivered) = replica.tip().filter(|delivered| delivered.hash != tip.hash) {
            return Err(format!("the machine stands at {}, {} was delivered last", tip.hash, delivered.hash));
        }
        self.move_to(on_chain(&tip.hash, store)?, store)?;
        Ok(())
    }

    /// Moves the books, and remembers the transactions of all blocks on the way there.
    fn move_to(&mut self, block: BlockId, store: &BlockStore) -> Result<&Books, String> {
        let Self { opening, books, moved, anchor, .. } = self;
        let books = books.get_or_insert_with(|| Books::new(opening, store, *anchor));
        let from = books.pages().last().map_or(*anchor, |page| page.block);
        let fork = oracle::fork(store, from, block);
        let mut note_above_fork = |books: &Books| {
            let above = books.pages().iter().rev().take_while(|page| page.block != fork);
            moved.extend(above.flat_map(|page| &page.entries).map(|entry| entry.transaction));
        };
        note_above_fork(books);
        books.go_to(store, block).map_err(|error| error.to_string())?;
        note_above_fork(books);
        Ok(books)
    }

    fn books(&mut self, store: &BlockStore) -> &mut Books {
        self.books.get_or_insert_with(|| Books::new(&self.opening, store, self.anchor))
    }

    /// Compares what changed since the last time.
    fn compare_moved(&mut self, machine: &Machine, store: &BlockStore) -> Result<(), String> {
        let moved = std::mem::take(&mut self.moved);
        let Some(books) = &mut self.books else { return Ok(()) };
        let view = machine.view().map_err(|error| error.to_string())?;
        for place in books.take_touched() {
            let id = AccountId::from_bytes(books.id(&place));
            let found = view.account(&id).map_err(|error| error.to_string())?;
            compare_data(&place, books.get(&place), found.as_ref())?;
        }
        let root = machine.window().map_or(0, |window| window.root().index);
        moved.into_iter().try_for_each(|transaction| compare_receipt(transaction, books, store, &view, root))
    }
}

fn on_chain(hash: &Hash, store: &BlockStore) -> Result<BlockId, String> {
    store.dag().id(hash).ok_or_else(|| format!("block {hash} is on no chain"))
}

/// The receipt that a transaction must have.
struct Due {
    transaction: Hash,
    index: u64,
    acceptance_index: u32,
    applied: bool,
}

impl Due {
    fn new(entry: &Entry, index: u64, store: &BlockStore) -> Self {
        let Entry { transaction, acceptance_index, applied } = *entry;
        Self { transaction: store.transaction_id(transaction), index, acceptance_index, applied }
    }

    fn compare(&self, found: Option<&Receipt>) -> Result<(), String> {
        let Self { transaction, index, acceptance_index, applied } = *self;
        let is_due = found.is_some_and(|found| {
            (found.transaction, found.index, found.acceptance_index) == (transaction, index, acceptance_index)
                && (found.outcome == Outcome::Applied) == applied
        });
        if is_due {
            return Ok(());
        }
        let fate = if applied { "applied" } else { "rejected" };
        Err(format!(
            "transaction {acceptance_index} of chain block {index}, {transaction}, must be {fate}; its receipt is {found:?}"
        ))
    }
}

fn compare_data(place: &Place, due: Option<&Value>, found: Option<&Account>) -> Result<(), String> {
    let value = found.and_then(|account| place.read(&account.data));
    let owner = found.map_or(place.program(), |account| account.program.0);
    if value.as_ref() == due && found.is_some() == due.is_some() && owner == place.program() {
        return Ok(());
    }
    match found {
        Some(account) if value.is_none() => {
            Err(format!("{place:?} must be {due:?} and has data that means nothing: {account:?}"))
        }
        _ => Err(format!("{place:?} must be {due:?} and is {value:?}, of program {owner}")),
    }
}

/// The machine's receipt of one transaction, wherever that stands now. Of blocks up to `root` it may be dropped.
fn compare_receipt(
    transaction: TransactionIndex,
    books: &Books,
    store: &BlockStore,
    view: &View,
    root: u64,
) -> Result<(), String> {
    let id = store.transaction_id(transaction);
    let found = view.receipt(&id).map_err(|error| error.to_string())?;
    let page = books.page_of(transaction).and_then(|index| Some((index as u64, books.pages().get(index)?)));
    let entry = page.and_then(|(index, page)| {
        let entry = page.entries.iter().find(|entry| entry.transaction == transaction)?;
        Some(Due::new(entry, index, store))
    });
    match entry {
        Some(due) if due.index <= root && found.is_none() => Ok(()),
        Some(due) => due.compare(found.as_ref()),
        None => match &found {
            // The L1 may have one transaction in two blocks, of which a chain accepts one: the receipt is the other's then.
            Some(receipt) if is_of_twin(receipt, id, books, store) => Ok(()),
            Some(receipt) => Err(format!("transaction {id} left the chain and has a receipt: {receipt:?}")),
            None => Ok(()),
        },
    }
}

/// Whether the receipt is due to a transaction of this id that stands where the receipt says.
fn is_of_twin(receipt: &Receipt, id: Hash, books: &Books, store: &BlockStore) -> bool {
    let page = usize::try_from(receipt.index).ok().and_then(|index| books.pages().get(index));
    let mut entries = page.into_iter().flat_map(|page| &page.entries);
    entries.any(|entry| {
        store.transaction_id(entry.transaction) == id
            && Due::new(entry, receipt.index, store).compare(Some(receipt)).is_ok()
    })
}
