//! The store in which the state machine, and where the events ended, outlive the process.
//!
//! The state crate opens it and keeps every other process out; this room tells apart what a path can be before that.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use state::{Machine, MachineConfig, OpenError};
use thiserror::Error;

/// With these bytes begins a file that has a checkpoint and nothing else. Source: `bridge::Checkpoint::encode`.
const CHECKPOINT_MAGIC: &[u8; 4] = b"L1CP";

/// Opens the store, or makes it if there is no such file.
///
/// # Errors
/// A path that can hold no store, a file that is none, or one that this process cannot have or must not go on with. What
/// is stored in it stays as it was.
pub fn open(name: &Path, config: MachineConfig) -> Result<Machine, UnopenedError> {
    look_at(name)?;
    Machine::open(name, config).map_err(|error| UnopenedError::Store { name: name.to_owned(), error: Box::new(error) })
}

fn look_at(name: &Path) -> Result<(), UnopenedError> {
    match fs::metadata(name) {
        Ok(found) if found.is_file() => {}
        // What cannot be made is told when it is to be made.
        Ok(found) if found.is_dir() => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(_) => return Err(UnopenedError::NotAFile { name: name.to_owned() }),
        Err(error) => return Err(UnopenedError::Unusable { name: name.to_owned(), error }),
    }
    let mut start = [0; CHECKPOINT_MAGIC.len()];
    // What cannot be read is told when it is opened for good.
    let is_read = File::open(name).and_then(|mut file| file.read_exact(&mut start)).is_ok();
    if is_read && start == *CHECKPOINT_MAGIC {
        return Err(UnopenedError::CheckpointAlone { name: name.to_owned() });
    }
    Ok(())
}

/// Why there is no store to go on with.
#[derive(Debug, Error)]
pub enum UnopenedError {
    /// A checkpoint without a state machine.
    #[error(
        "'{}' has a checkpoint alone, without the state of a state machine: name another file for --store and follow anew",
        .name.display()
    )]
    CheckpointAlone {
        /// The file.
        name: PathBuf,
    },
    /// A device, a pipe, a socket.
    #[error("cannot open '{}': it is no regular file, and --store needs one", .name.display())]
    NotAFile {
        /// The path.
        name: PathBuf,
    },
    /// The state machine does not take it.
    #[error("cannot open '{}': {error}", .name.display())]
    Store {
        /// The file.
        name: PathBuf,
        /// What the state crate says.
        error: Box<OpenError>,
    },
    /// No directory on the way, no permission, no name for a file.
    #[error("cannot open '{}': {error}; --store needs a file in a folder where files can be made", .name.display())]
    Unusable {
        /// The path.
        name: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}

impl UnopenedError {
    /// Whether the store belongs to a state machine that is made from other things.
    pub fn is_other_machine(&self) -> bool {
        matches!(self, Self::Store { error, .. } if matches!(**error, OpenError::OtherMachine))
    }
}
