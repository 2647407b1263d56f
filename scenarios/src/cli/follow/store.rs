//! The file in which a checkpoint outlives the process.
//!
//! Invariants: whatever happens, the file has a whole checkpoint or does not exist; it has the newest one when `save` has
//! returned; one process at a time has it open.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use bridge::{Checkpoint, CheckpointError, wire::Network};
use thiserror::Error;

/// Bytes looked at: more than any checkpoint has, little enough for a file that never ends.
const MOST_BYTES: u64 = 64 * 1_024;

/// A checkpoint file that belongs to this process.
#[derive(Debug)]
pub struct Store {
    /// As the user names it.
    name: PathBuf,
    /// Where it is, links resolved: two names of one file have one lock.
    path: PathBuf,
    temporary: PathBuf,
    directory: File,
    /// The lock goes with the handle.
    _lock: File,
}

impl Store {
    /// Takes the file, which need not exist yet, for this process. The lock is on a file beside it, `.lock` appended, as the
    /// file itself is replaced at every save; that one stays.
    ///
    /// # Errors
    /// A path that can hold no file, or another process that has it.
    pub fn open(name: &Path) -> Result<Self, StoreError> {
        let failed = |error| StoreError::Unusable { name: name.to_owned(), error };
        let path = resolved(name).map_err(failed)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = File::open(parent).map_err(failed)?;
        let lock = File::options().create(true).write(true).truncate(false).open(beside(&path, ".lock"));
        let lock = lock.map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::Locked { name: name.to_owned() },
            TryLockError::Error(error) => failed(error),
        })?;
        let temporary = beside(&path, ".new");
        Ok(Self { name: name.to_owned(), path, temporary, directory, _lock: lock })
    }

    /// The checkpoint of an earlier process; `None` if there was none.
    ///
    /// # Errors
    /// A file that is no checkpoint or of another network.
    pub fn load(&self, network: Network) -> Result<Option<Checkpoint>, StoreError> {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::Unusable { name: self.name.clone(), error }),
        }
        let checkpoint = Checkpoint::decode(&bytes)
            .map_err(|error| StoreError::NoCheckpoint { name: self.name.clone(), error: Box::new(error) })?;
        if checkpoint.network() != network {
            let (name, found) = (self.name.clone(), checkpoint.network());
            return Err(StoreError::OtherNetwork { name, found, network });
        }
        Ok(Some(checkpoint))
    }

    /// Replaces the checkpoint; it is on the disk when this returns.
    ///
    /// # Errors
    /// The system's; the file has the earlier checkpoint then.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        self.replace(&checkpoint.encode()).map_err(|error| StoreError::NotSaved { name: self.name.clone(), error })
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(&self.temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        // The new name is on the disk when the directory is.
        self.directory.sync_all()
    }
}

fn resolved(name: &Path) -> io::Result<PathBuf> {
    let file_name = || name.file_name().ok_or(io::Error::from(io::ErrorKind::IsADirectory));
    match fs::canonicalize(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = name.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok(fs::canonicalize(parent)?.join(file_name()?))
        }
        Ok(path) if path.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        other => other,
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// Why a store cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process.
    #[error("the store '{}' is in use by another process: end that one, or give each its own --store", .name.display())]
    Locked {
        /// The file.
        name: PathBuf,
    },
    /// Other bytes.
    #[error("the store '{}' cannot be read: {error}; name the right file, or delete it to begin anew", .name.display())]
    NoCheckpoint {
        /// The file.
        name: PathBuf,
        /// What is wrong with it.
        error: Box<CheckpointError>,
    },
    /// Disk full, no permission.
    #[error("cannot store the checkpoint in '{}': {error}; what was printed since the last one comes again", .name.display())]
    NotSaved {
        /// The file.
        name: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// A checkpoint of another chain.
    #[error("the store '{}' is of {found}, but --network is {network}: each network needs its own store", .name.display())]
    OtherNetwork {
        /// The file.
        name: PathBuf,
        /// Network of the checkpoint.
        found: Network,
        /// Network on the command line.
        network: Network,
    },
    /// No such directory, no permission, a directory.
    #[error("the store '{}' cannot be used: {error}; --store needs a file in a directory where files can be made", .name.display())]
    Unusable {
        /// The file.
        name: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}
