//! What can be wrong with a store.

use std::io;

use bridge::{CheckpointError, WindowError, wire::Network};
use thiserror::Error;

use crate::genesis::GenesisError;

/// Why the store cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk is full. Everything before the present batch is stored.
    #[error("the disk is full: free space and start again; everything acknowledged is stored")]
    DiskFull,
    /// The store may not be written.
    #[error("the store may not be written: {message}; give this process the right to write it")]
    ReadOnly {
        /// The system's words.
        message: String,
    },
    /// The disk failed.
    #[error("the disk failed: {message}; everything acknowledged is stored as far as the disk keeps it")]
    Disk {
        /// The system's words.
        message: String,
    },
    /// The database cannot do what it was asked for.
    #[error("the database cannot go on: {message}; everything acknowledged is stored")]
    Database {
        /// The database's words.
        message: String,
    },
    /// The store has bytes that the state machine never wrote.
    #[error("the store is damaged ({what}): restore it from a copy, or delete it and follow anew")]
    Damaged {
        /// What was found.
        what: String,
    },
    /// An earlier error; open the store anew.
    #[error("the store was closed after an earlier error: open it anew")]
    Closed,
}

impl StoreError {
    /// What an error of the database means.
    pub(crate) fn of(error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::Io(error) => Self::of_io(&error),
            redb::Error::PreviousIo | redb::Error::DatabaseClosed | redb::Error::TransactionPoisoned => Self::Closed,
            // What a thread left that panicked while it held the database.
            redb::Error::LockPoisoned(_) => Self::Closed,
            error @ (redb::Error::Corrupted(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TypeDefinitionChanged { .. }) => Self::Damaged { what: error.to_string() },
            error => Self::Database { message: error.to_string() },
        }
    }

    /// What an error of the disk means.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        let message = error.to_string();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::DiskFull,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { message },
            // A read beyond the end: the file is shorter than its header says.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Self::Damaged { what: message },
            _ => Self::Disk { message },
        }
    }
}

/// Why a store cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The genesis cannot be.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// Another process has it.
    #[error("the store is in use by another process: end that one, or give each its own")]
    InUse,
    /// The path leads to no file.
    #[error("no file can be made there: {message}; name a file in a folder that exists")]
    Path {
        /// The system's words.
        message: String,
    },
    /// No store, but something else.
    #[error("the file is no store of a state machine: name another")]
    NotAStore,
    /// A newer version made it.
    #[error(
        "the store has layout version {found}, this program knows {known}: use the program that made it, or a newer one"
    )]
    NewerVersion {
        /// Version found.
        found: u32,
        /// The version that is known.
        known: u32,
    },
    /// It follows another network.
    #[error("the store is of {found}, not of {wanted}: each network needs its own store")]
    OtherNetwork {
        /// Network of the store.
        found: String,
        /// Network asked for.
        wanted: Network,
    },
    /// It has another genesis, other programs, or other rules.
    #[error("the store belongs to a state machine with another genesis or other programs: use those, or another store")]
    OtherMachine,
}

/// Why events were not applied.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Events that do not follow one another.
    #[error("the events do not follow one another: {0}")]
    Window(#[from] Box<WindowError>),
    /// Events that make no checkpoint.
    #[error("the events make no checkpoint: {0}")]
    Checkpoint(#[from] Box<CheckpointError>),
    /// The first event came without the block on which it builds.
    #[error("the block on which the first event builds is not known")]
    NoAnchor,
}
