//! Changes the store within one transaction of the database.

use std::ops::RangeInclusive;

use bridge::Checkpoint;
use kaspa_hashes::Hash;
use redb::{ReadableTable, Table, WriteTransaction};

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

/// The tables, open for writing.
pub struct Writer<'t> {
    meta: Table<'t, &'static str, &'static [u8]>,
    accounts: Table<'t, &'static [u8; 32], &'static [u8]>,
    undo: Table<'t, u64, &'static [u8]>,
    chain: Table<'t, u64, &'static [u8; 72]>,
    receipts: Table<'t, (u64, u32), &'static [u8]>,
    places: Table<'t, &'static [u8; 32], (u64, u32)>,
}

impl Accounts for Writer<'_> {
    type Error = StoreError;

    fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
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

    pub fn put_account(&mut self, id: &AccountId, account: Option<&Account>) -> Result<(), StoreError> {
        match account {
            Some(account) => self.accounts.insert(id.as_bytes(), encode(account).as_slice()).map_err(StoreError::of)?,
            None => self.accounts.remove(id.as_bytes()).map_err(StoreError::of)?,
        };
        Ok(())
    }

    pub fn put_undo(&mut self, index: u64, undo: &UndoRecord) -> Result<(), StoreError> {
        self.undo.insert(index, encode(undo).as_slice()).map_err(StoreError::of)?;
        Ok(())
    }

    pub fn put_chain_entry(&mut self, entry: &ChainEntry) -> Result<(), StoreError> {
        self.chain.insert(entry.block.index, &entry.encode()).map_err(StoreError::of)?;
        Ok(())
    }

    pub fn chain_entry(&self, index: u64) -> Result<Option<ChainEntry>, StoreError> {
        let value = self.chain.get(index).map_err(StoreError::of)?;
        Ok(value.map(|value| ChainEntry::decode(index, value.value())))
    }

    pub fn put_receipt(&mut self, receipt: &Receipt) -> Result<(), StoreError> {
        let place = (receipt.index, receipt.acceptance_index);
        let value = encode(&StoredReceipt::of(receipt));
        self.receipts.insert(place, value.as_slice()).map_err(StoreError::of)?;
        self.places.insert(&receipt.transaction.as_bytes(), place).map_err(StoreError::of)?;
        Ok(())
    }

    /// Takes the undo record, the receipts and the reference of a chain block out of the store.
    pub fn take_block(&mut self, index: u64) -> Result<UndoRecord, StoreError> {
        let missing = || StoreError::Damaged { what: format!("the undo record of index {index} is missing") };
        let undo = {
            let value = self.undo.remove(index).map_err(StoreError::of)?.ok_or_else(missing)?;
            decode("undo", value.value())?
        };
        self.chain.remove(index).map_err(StoreError::of)?;
        self.drop_receipts(index..=index)?;
        Ok(undo)
    }

    /// Blocks up to `root` are not undone any more, and blocks below it are not asked for.
    pub fn finalize(&mut self, root: u64) -> Result<(), StoreError> {
        self.undo.retain_in(..=root, |_, _| false).map_err(StoreError::of)?;
        self.chain.retain_in(..root, |_, _| false).map_err(StoreError::of)
    }

    /// Takes the receipts of chain blocks with these indices out of the store.
    pub fn drop_receipts(&mut self, indices: RangeInclusive<u64>) -> Result<(), StoreError> {
        let places = (*indices.start(), 0)..=(*indices.end(), u32::MAX);
        loop {
            let mut dropped = Vec::new();
            for entry in self.receipts.range(places.clone()).map_err(StoreError::of)?.take(RECEIPTS_AT_ONCE) {
                let (place, value) = entry.map_err(StoreError::of)?;
                let receipt = decode::<StoredReceipt>("receipts", value.value())?.at(place.value());
                dropped.push((place.value(), receipt.transaction.as_bytes()));
            }
            for (place, transaction) in &dropped {
                self.receipts.remove(place).map_err(StoreError::of)?;
                let is_there =
                    self.places.get(transaction).map_err(StoreError::of)?.map(|at| at.value()) == Some(*place);
                if is_there {
                    self.places.remove(transaction).map_err(StoreError::of)?;
                }
            }
            if dropped.len() < RECEIPTS_AT_ONCE {
                return Ok(());
            }
        }
    }

    fn put_meta(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.meta.insert(name, value).map_err(StoreError::of)?;
        Ok(())
    }
}
