//! Changes the store within one transaction of the database.
//!
//! What is put or taken waits in memory until the end of the transaction: a batch names most accounts and many receipts more
//! than once, and the database is given each key once, and in order.

use std::collections::BTreeMap;

use bridge::Checkpoint;
use kaspa_hashes::Hash;
use redb::{Key, ReadableTable, Table, Value, WriteTransaction};

use super::tables::{
    ACCOUNTS, CHAIN, ChainEntry, LAYOUT_VERSION, META, PLACES, RECEIPTS, StoredReceipt, UNDO, UndoRecord, decode,
    encode, meta,
};
use crate::{
    account::{Account, AccountId},
    error::StoreError,
    execute::Accounts,
    receipt::Receipt,
};

/// How many receipts are in memory at once when they are dropped.
const RECEIPTS_AT_ONCE: usize = 1_024;

/// The tables, open for writing, and what is to be written; `None` removes.
pub struct Writer<'t> {
    meta: Table<'t, &'static str, &'static [u8]>,
    accounts: Table<'t, &'static [u8; 32], &'static [u8]>,
    undo: Table<'t, u64, &'static [u8]>,
    chain: Table<'t, u64, &'static [u8; 72]>,
    receipts: Table<'t, (u64, u32), &'static [u8]>,
    places: Table<'t, &'static [u8; 32], (u64, u32)>,
    new_accounts: BTreeMap<AccountId, Option<Account>>,
    new_undo: BTreeMap<u64, Option<Vec<u8>>>,
    new_chain: BTreeMap<u64, Option<[u8; 72]>>,
    new_receipts: BTreeMap<(u64, u32), Option<Vec<u8>>>,
    new_places: BTreeMap<[u8; 32], Option<(u64, u32)>>,
    /// The new root, and the lowest index whose receipts stay.
    finalized: Option<(u64, u64)>,
}

impl Accounts for Writer<'_> {
    type Error = StoreError;

    fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        if let Some(account) = self.new_accounts.get(id) {
            return Ok(account.clone());
        }
        let value = self.accounts.get(id.as_bytes()).map_err(StoreError::of)?;
        value.map(|value| decode("accounts", value.value())).transpose()
    }
}

impl<'t> Writer<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            meta: transaction.open_table(META).map_err(StoreError::of)?,
            accounts: transaction.open_table(ACCOUNTS).map_err(StoreError::of)?,
            undo: transaction.open_table(UNDO).map_err(StoreError::of)?,
            chain: transaction.open_table(CHAIN).map_err(StoreError::of)?,
            receipts: transaction.open_table(RECEIPTS).map_err(StoreError::of)?,
            places: transaction.open_table(PLACES).map_err(StoreError::of)?,
            new_accounts: BTreeMap::new(),
            new_undo: BTreeMap::new(),
            new_chain: BTreeMap::new(),
            new_receipts: BTreeMap::new(),
            new_places: BTreeMap::new(),
            finalized: None,
        })
    }

    /// What a store has before the first event, its accounts excepted.
    pub fn begin(&mut self, network: &str, genesis: &[u8; 32], state_root: Hash) -> Result<(), StoreError> {
        self.put_meta(meta::LAYOUT, &LAYOUT_VERSION.to_le_bytes())?;
        self.put_meta(meta::NETWORK, network.as_bytes())?;
        self.put_meta(meta::GENESIS, genesis)?;
        self.put_meta(meta::STATE_ROOT, &state_root.as_bytes())
    }

    /// Where the store stands at the end of a batch.
    pub fn set_position(&mut self, checkpoint: &Checkpoint, state_root: Hash) -> Result<(), StoreError> {
        self.put_meta(meta::CHECKPOINT, &checkpoint.encode())?;
        self.put_meta(meta::STATE_ROOT, &state_root.as_bytes())
    }

    pub fn put_account(&mut self, id: &AccountId, account: Option<Account>) {
        self.new_accounts.insert(*id, account);
    }

    pub fn put_undo(&mut self, index: u64, undo: &UndoRecord) {
        self.new_undo.insert(index, Some(encode(undo)));
    }

    pub fn put_chain_entry(&mut self, entry: &ChainEntry) {
        self.new_chain.insert(entry.block.index, Some(entry.encode()));
    }

    pub fn chain_entry(&self, index: u64) -> Result<Option<ChainEntry>, StoreError> {
        if let Some(entry) = self.new_chain.get(&index) {
            return Ok(entry.map(|bytes| ChainEntry::decode(index, &bytes)));
        }
        let value = self.chain.get(index).map_err(StoreError::of)?;
        Ok(value.map(|value| ChainEntry::decode(index, value.value())))
    }

    pub fn put_receipt(&mut self, receipt: &Receipt) {
        let place = (receipt.index, receipt.acceptance_index);
        self.new_receipts.insert(place, Some(encode(&StoredReceipt::of(receipt))));
        self.new_places.insert(receipt.transaction.as_bytes(), Some(place));
    }

    /// Takes the undo record, the receipts and the reference of a chain block of an earlier transaction out of the store.
    pub fn take_block(&mut self, index: u64) -> Result<UndoRecord, StoreError> {
        let missing = || StoreError::Damaged { what: format!("the undo record of index {index} is missing") };
        let undo = {
            let value = self.undo.get(index).map_err(StoreError::of)?.ok_or_else(missing)?;
            decode("undo", value.value())?
        };
        self.new_undo.insert(index, None);
        self.new_chain.insert(index, None);
        for entry in self.receipts.range((index, 0)..=(index, u32::MAX)).map_err(StoreError::of)? {
            let (place, value) = entry.map_err(StoreError::of)?;
            let place = place.value();
            let transaction = transaction_of(place, value.value())?;
            self.new_receipts.insert(place, None);
            let at = match self.new_places.get(&transaction) {
                Some(at) => *at,
                None => self.places.get(&transaction).map_err(StoreError::of)?.map(|at| at.value()),
            };
            if at == Some(place) {
                self.new_places.insert(transaction, None);
            }
        }
        Ok(undo)
    }

    /// Blocks up to `root` are not undone any more, and blocks below it are not asked for; receipts of blocks below
    /// `lowest_kept` are dropped.
    pub fn finalize(&mut self, root: u64, lowest_kept: u64) {
        self.finalized = Some((root, lowest_kept));
    }

    /// Gives the database what waits.
    pub(super) fn flush(mut self) -> Result<(), StoreError> {
        if let Some((root, _)) = self.finalized {
            // What is not needed any more need not be written first.
            self.new_undo.retain(|index, _| *index > root);
            self.new_chain.retain(|index, _| *index >= root);
        }
        for (id, account) in &self.new_accounts {
            write(&mut self.accounts, id.as_bytes(), account.as_ref().map(encode).as_deref())?;
        }
        for (index, undo) in &self.new_undo {
            write(&mut self.undo, *index, undo.as_deref())?;
        }
        for (index, entry) in &self.new_chain {
            write(&mut self.chain, *index, entry.as_ref())?;
        }
        for (place, receipt) in &self.new_receipts {
            write(&mut self.receipts, *place, receipt.as_deref())?;
        }
        for (transaction, place) in &self.new_places {
            write(&mut self.places, transaction, *place)?;
        }
        let Some((root, lowest_kept)) = self.finalized else { return Ok(()) };
        self.undo.retain_in(..=root, |_, _| false).map_err(StoreError::of)?;
        self.chain.retain_in(..root, |_, _| false).map_err(StoreError::of)?;
        self.drop_receipts_below(lowest_kept)
    }

    /// Takes the receipts of chain blocks below an index out of the database.
    fn drop_receipts_below(&mut self, index: u64) -> Result<(), StoreError> {
        loop {
            let mut dropped = Vec::new();
            for entry in self.receipts.range(..(index, 0)).map_err(StoreError::of)?.take(RECEIPTS_AT_ONCE) {
                let (place, value) = entry.map_err(StoreError::of)?;
                let place = place.value();
                dropped.push((place, transaction_of(place, value.value())?));
            }
            let (Some((last, _)), count) = (dropped.last().copied(), dropped.len()) else { return Ok(()) };
            self.receipts.retain_in(..=last, |_, _| false).map_err(StoreError::of)?;
            dropped.sort_unstable_by_key(|(_, transaction)| *transaction);
            for (place, transaction) in &dropped {
                let removed = self.places.remove(transaction).map_err(StoreError::of)?.map(|at| at.value());
                // A later block accepted it again.
                if let Some(other) = removed.filter(|removed| removed != place) {
                    self.places.insert(transaction, other).map_err(StoreError::of)?;
                }
            }
            if count < RECEIPTS_AT_ONCE {
                return Ok(());
            }
        }
    }

    fn put_meta(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.meta.insert(name, value).map_err(StoreError::of)?;
        Ok(())
    }
}

fn transaction_of(place: (u64, u32), receipt: &[u8]) -> Result<[u8; 32], StoreError> {
    Ok(decode::<StoredReceipt>("receipts", receipt)?.at(place).transaction.as_bytes())
}

/// Sets one value; `None` removes it.
fn write<'k, 'v, K: Key + 'static, V: Value + 'static>(
    table: &mut Table<'_, K, V>,
    key: K::SelfType<'k>,
    value: Option<V::SelfType<'v>>,
) -> Result<(), StoreError> {
    match value {
        Some(value) => drop(table.insert(key, value).map_err(StoreError::of)?),
        None => drop(table.remove(key).map_err(StoreError::of)?),
    }
    Ok(())
}
