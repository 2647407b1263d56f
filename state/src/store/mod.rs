//! The store: a redb database with the tables of `tables.rs`.
//!
//! Invariants: a transaction of the database leaves the store at the end of a batch of events; what it changed is durable
//! when [`Store::write`] has returned. If that failed, all of it is in the store or nothing: a disk may fail after the bytes
//! that count have reached it.

mod open;
mod reader;
pub mod tables;
mod writer;

use redb::{Database, ReadableDatabase};

pub use self::{reader::View, writer::Writer};
use crate::error::StoreError;

/// An open store.
#[derive(Debug)]
pub struct Store {
    database: Database,
}

impl Store {
    /// What is in the store now.
    ///
    /// # Errors
    /// The database's.
    pub fn view(&self) -> Result<View, StoreError> {
        View::new(&self.database.begin_read().map_err(StoreError::of)?)
    }

    /// Does `work` in one transaction of the database.
    ///
    /// # Errors
    /// Those of `work`, and nothing was changed; or of the database, and everything was changed or nothing.
    pub fn write<T, E: From<StoreError>>(&self, work: impl FnOnce(&mut Writer<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut transaction = self.database.begin_write().map_err(StoreError::of)?;
        // A commit in one phase is found by its checksum after a crash: a damaged one would pass for one that never ended, and
        // the store would go back behind what was acknowledged. It costs a second sync.
        transaction.set_two_phase_commit(true);
        let outcome = {
            let mut writer = Writer::new(&transaction)?;
            let outcome = work(&mut writer)?;
            writer.flush()?;
            outcome
        };
        transaction.commit().map_err(StoreError::of)?;
        Ok(outcome)
    }

    /// Closes the database in good order.
    ///
    /// # Errors
    /// The database's.
    pub fn close(self) -> Result<(), StoreError> {
        self.database.close().map_err(StoreError::of)
    }
}
