//! Reads from the store, in the state of one moment.

use std::fmt;

use bridge::{ChainRef, Checkpoint};
use kaspa_hashes::Hash;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableError};

use super::tables::{ACCOUNTS, CHAIN, ChainEntry, META, PLACES, RECEIPTS, StoredReceipt, UNDO, decode, meta};
use crate::{
    account::{Account, AccountId},
    error::StoreError,
    receipt::Receipt,
};

/// How many accounts are in memory at once when all are read.
const ACCOUNTS_AT_ONCE: usize = 4_096;

/// What is in a store at one moment. It stays as it is while the machine goes on; the database keeps the pages that it needs
/// until it is dropped. Opening one costs as much as some dozen look-ups.
pub struct View {
    /// `None` in a store that was never written.
    tables: Option<Tables>,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

struct Tables {
    meta: ReadOnlyTable<&'static str, &'static [u8]>,
    accounts: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
    undo: ReadOnlyTable<u64, &'static [u8]>,
    chain: ReadOnlyTable<u64, &'static [u8; 72]>,
    receipts: ReadOnlyTable<(u64, u32), &'static [u8]>,
    places: ReadOnlyTable<&'static [u8; 32], (u64, u32)>,
}

impl View {
    pub(super) fn new(transaction: &ReadTransaction) -> Result<Self, StoreError> {
        let meta = match transaction.open_table(META) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(Self { tables: None }),
            table => table.map_err(StoreError::of)?,
        };
        let tables = Tables {
            meta,
            accounts: transaction.open_table(ACCOUNTS).map_err(StoreError::of)?,
            undo: transaction.open_table(UNDO).map_err(StoreError::of)?,
            chain: transaction.open_table(CHAIN).map_err(StoreError::of)?,
            receipts: transaction.open_table(RECEIPTS).map_err(StoreError::of)?,
            places: transaction.open_table(PLACES).map_err(StoreError::of)?,
        };
        Ok(Self { tables: Some(tables) })
    }

    /// Whether the store was ever written.
    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_none()
    }

    pub(crate) fn network(&self) -> Result<Option<String>, StoreError> {
        Ok(self.meta(meta::NETWORK)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub(crate) fn genesis(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.meta(meta::GENESIS)
    }

    /// Root of the tree over all accounts; `None` in a store that was never written.
    ///
    /// # Errors
    /// The store's.
    pub fn state_root(&self) -> Result<Option<Hash>, StoreError> {
        let bytes = self.meta(meta::STATE_ROOT)?;
        let root = bytes.map(|bytes| Hash::try_from_slice(&bytes)).transpose();
        root.map_err(|_| StoreError::Damaged { what: "the state root is no hash".to_owned() })
    }

    pub(crate) fn checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        let checkpoint = self.meta(meta::CHECKPOINT)?.map(|bytes| Checkpoint::decode(&bytes)).transpose();
        checkpoint.map_err(|error| StoreError::Damaged { what: error.to_string() })
    }

    /// The account of that id.
    ///
    /// # Errors
    /// The store's.
    pub fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let Some(tables) = &self.tables else { return Ok(None) };
        let value = tables.accounts.get(id.as_bytes()).map_err(StoreError::of)?;
        value.map(|value| decode("accounts", value.value())).transpose()
    }

    /// The state root after the chain block of that index, from the finalized root to the tip.
    ///
    /// # Errors
    /// The store's.
    pub fn state_root_at(&self, index: u64) -> Result<Option<Hash>, StoreError> {
        Ok(self.chain_entry(index)?.map(|entry| entry.state_root))
    }

    /// All accounts, ordered by id.
    ///
    /// # Errors
    /// The store's.
    pub fn accounts(&self) -> Result<Vec<(AccountId, Account)>, StoreError> {
        let mut accounts = Vec::new();
        self.visit_accounts(|chunk| accounts.append(chunk))?;
        Ok(accounts)
    }

    /// Shows all accounts, ordered by id, some thousand at a time.
    pub(crate) fn visit_accounts(
        &self,
        mut visit: impl FnMut(&mut Vec<(AccountId, Account)>),
    ) -> Result<(), StoreError> {
        let Some(tables) = &self.tables else { return Ok(()) };
        let mut chunk = Vec::new();
        for entry in tables.accounts.iter().map_err(StoreError::of)? {
            let (id, value) = entry.map_err(StoreError::of)?;
            chunk.push((AccountId::from_bytes(*id.value()), decode("accounts", value.value())?));
            if chunk.len() == ACCOUNTS_AT_ONCE {
                visit(&mut chunk);
                chunk.clear();
            }
        }
        visit(&mut chunk);
        Ok(())
    }

    pub(crate) fn chain_entry(&self, index: u64) -> Result<Option<ChainEntry>, StoreError> {
        let Some(tables) = &self.tables else { return Ok(None) };
        let value = tables.chain.get(index).map_err(StoreError::of)?;
        Ok(value.map(|value| ChainEntry::decode(index, value.value())))
    }

    /// The chain blocks that the store knows, lowest first.
    pub(crate) fn chain(&self) -> Result<Vec<ChainRef>, StoreError> {
        let Some(tables) = &self.tables else { return Ok(Vec::new()) };
        let mut blocks = Vec::new();
        for entry in tables.chain.iter().map_err(StoreError::of)? {
            let (index, value) = entry.map_err(StoreError::of)?;
            blocks.push(ChainEntry::decode(index.value(), value.value()).block);
        }
        Ok(blocks)
    }

    /// What became of a transaction on the present chain.
    ///
    /// # Errors
    /// The store's.
    pub fn receipt(&self, transaction: &Hash) -> Result<Option<Receipt>, StoreError> {
        let Some(tables) = &self.tables else { return Ok(None) };
        let Some(place) = tables.places.get(&transaction.as_bytes()).map_err(StoreError::of)? else { return Ok(None) };
        let place = place.value();
        let value = tables.receipts.get(place).map_err(StoreError::of)?;
        let value = value.ok_or_else(|| StoreError::Damaged { what: format!("{transaction} has no receipt") })?;
        let receipt = decode::<StoredReceipt>("receipts", value.value())?.at(place);
        if receipt.transaction != *transaction {
            return Err(StoreError::Damaged {
                what: format!("the receipt of {transaction} is of another transaction"),
            });
        }
        Ok(Some(receipt))
    }

    /// All receipts, in order of acceptance.
    ///
    /// # Errors
    /// The store's.
    pub fn receipts(&self) -> Result<Vec<Receipt>, StoreError> {
        let Some(tables) = &self.tables else { return Ok(Vec::new()) };
        let mut receipts = Vec::new();
        for entry in tables.receipts.iter().map_err(StoreError::of)? {
            let (place, value) = entry.map_err(StoreError::of)?;
            receipts.push(decode::<StoredReceipt>("receipts", value.value())?.at(place.value()));
        }
        Ok(receipts)
    }

    /// Indices of the chain blocks that can be undone, lowest first.
    ///
    /// # Errors
    /// The store's.
    pub fn undo_indices(&self) -> Result<Vec<u64>, StoreError> {
        let Some(tables) = &self.tables else { return Ok(Vec::new()) };
        let entries = tables.undo.iter().map_err(StoreError::of)?;
        entries.map(|entry| Ok(entry.map_err(StoreError::of)?.0.value())).collect()
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(tables) = &self.tables else { return Ok(None) };
        Ok(tables.meta.get(name).map_err(StoreError::of)?.map(|value| value.value().to_vec()))
    }
}
