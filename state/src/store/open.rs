//! Opens a store, and tells apart what can be wrong with it.

use std::{
    fs::OpenOptions,
    io,
    ops::{Bound, Range},
    path::Path,
};

use redb::{BackendError, Database, DatabaseError, StorageBackend, StorageError, backends::FileBackend};

use super::{
    Store,
    tables::{LAYOUT_VERSION, META, meta},
};
use crate::error::{OpenError, StoreError};

/// Length of the header of a database; its making writes nothing behind it. The magic at its start is written last.
/// Source of these: redb, `tree_store/page_store/header.rs`.
const HEADER_LENGTH: usize = 320;
const MAGIC: Range<usize> = 0..9;
const PAGE_SIZE: Range<usize> = 12..16;

/// A database whose making was cut off is not longer.
const MOST_UNFINISHED_BYTES: u64 = 64 << 20;

/// The whole of a file.
const WHOLE: (Bound<u64>, Bound<u64>) = (Bound::Unbounded, Bound::Unbounded);

impl Store {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn open_file(path: &Path, cache_bytes: usize) -> Result<Self, OpenError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let backend = FileBackend::new(file.map_err(|error| of_path(&error))?).map_err(of_database)?;
        Self::open(backend, cache_bytes)
    }

    /// Opens a database on any storage, or makes it. Every page is checked against its checksum: a damaged file is told as
    /// such here, and not found later.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn open(storage: impl StorageBackend, cache_bytes: usize) -> Result<Self, OpenError> {
        clear_unfinished(&storage)?;
        let mut builder = Database::builder();
        let builder = builder.set_cache_size(cache_bytes).set_check_integrity_on_open(true);
        let database = builder.create_with_backend(storage).map_err(of_database)?;
        let store = Self { database };
        store.check_layout()?;
        Ok(store)
    }

    /// A database without tables is a store that was never written.
    fn check_layout(&self) -> Result<(), OpenError> {
        use redb::{ReadableDatabase, TableError};
        let transaction = self.database.begin_read().map_err(StoreError::of)?;
        let table = match transaction.open_table(META) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => {
                let has_tables = transaction.list_tables().map_err(StoreError::of)?.next().is_some()
                    || transaction.list_multimap_tables().map_err(StoreError::of)?.next().is_some();
                return if has_tables { Err(OpenError::NotAStore) } else { Ok(()) };
            }
            Err(TableError::Storage(error)) => return Err(StoreError::of(error).into()),
            Err(_) => return Err(OpenError::NotAStore),
        };
        let layout = table.get(meta::LAYOUT).map_err(StoreError::of)?.ok_or(OpenError::NotAStore)?;
        let version: [u8; 4] = layout.value().try_into().map_err(|_| OpenError::NotAStore)?;
        match u32::from_le_bytes(version) {
            LAYOUT_VERSION => Ok(()),
            // There never was an older one.
            found if found < LAYOUT_VERSION => Err(OpenError::NotAStore),
            found => Err(OpenError::NewerVersion { found, known: LAYOUT_VERSION }),
        }
    }
}

/// If the making of a database was cut off before its first durable write, what is left has a length and nothing else; redb
/// takes it for a foreign file. It is emptied, and made anew. A file with anything but zeros is left alone, unless that is the
/// header of such a database and nothing else.
fn clear_unfinished(storage: &impl StorageBackend) -> Result<(), OpenError> {
    let io = |error: io::Error| StoreError::of_io(&error);
    let is_locked = match storage.try_lock_range(WHOLE.0, WHOLE.1) {
        Ok(true) => true,
        Ok(false) => return Err(OpenError::InUse),
        Err(BackendError::Unsupported) => false,
        Err(error) => return Err(io(error.into()).into()),
    };
    if is_unfinished(storage).map_err(io)? {
        storage.set_len(0).and_then(|()| storage.sync_data()).map_err(io)?;
    }
    if is_locked {
        storage.unlock_range(WHOLE.0, WHOLE.1).map_err(|error| io(error.into()))?;
    }
    Ok(())
}

fn is_unfinished(storage: &impl StorageBackend) -> io::Result<bool> {
    let length = storage.len()?;
    if length == 0 || length > MOST_UNFINISHED_BYTES {
        return Ok(false);
    }
    // What was cut off may also be what makes the file long.
    let mut header = [0; HEADER_LENGTH];
    let there = usize::try_from(length).unwrap_or(usize::MAX).min(HEADER_LENGTH);
    storage.read(0, &mut header[..there])?;
    let is_page_size = header[PAGE_SIZE] == 4_096_u32.to_le_bytes();
    if header[MAGIC] != [0; 9] || !(is_page_size || header == [0; HEADER_LENGTH]) {
        return Ok(false);
    }
    let mut at = HEADER_LENGTH as u64;
    let mut chunk = vec![0; 1 << 16];
    while at < length {
        let count = usize::try_from(length - at).unwrap_or(usize::MAX).min(chunk.len());
        storage.read(at, &mut chunk[..count])?;
        if chunk[..count].iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        at += count as u64;
    }
    Ok(true)
}

fn of_database(error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => OpenError::InUse,
        DatabaseError::UpgradeRequired(_) => OpenError::NotAStore,
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            OpenError::NotAStore
        }
        error => StoreError::of(error).into(),
    }
}

fn of_path(error: &io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::InvalidFilename => OpenError::Path { message: error.to_string() },
        _ => StoreError::of_io(error).into(),
    }
}
