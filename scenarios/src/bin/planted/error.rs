//! Why bugs cannot be planted or hunted. That a bug is missed is a result, not an error.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use thiserror::Error;

/// Exit code for a command or a bug file that makes no sense.
const USAGE: u8 = 2;

/// Exit code if there is no copy that can be trusted.
const NO_COPY: u8 = 3;

/// What went wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlantedError {
    /// Cargo did not build the copy.
    #[error("the copy in {} does not build ({status}); the bugs are the likely cause", .copy.display())]
    Build {
        /// Where it is.
        copy: PathBuf,
        /// How Cargo ended.
        status: ExitStatus,
    },
    /// A bug file says something that makes no sense.
    #[error("{}:{line}: {message}", .path.display())]
    BugFile {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A program cannot be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Its name.
        program: String,
        /// The system's words.
        source: io::Error,
    },
    /// A manifest of the workspace is not what was expected.
    #[error("cannot adapt the manifest {}: {message}", .path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// There is nothing to hunt.
    #[error("{} has no bug: no file in it ends in .toml", .directory.display())]
    NoBug {
        /// Where bugs were looked for.
        directory: PathBuf,
    },
    /// A handling names a story that there is not.
    #[error("{}: no story is named '{test}'", .path.display())]
    NoStory {
        /// The handling's file.
        path: PathBuf,
        /// What it names.
        test: String,
    },
    /// The place for the copy cannot be told.
    #[error("cannot find the target directory: {message}")]
    NoTarget {
        /// Why.
        message: String,
    },
    /// The copy does something else than the original although no bug is switched on.
    #[error("the copy without a bug is not faithful: {scenario} seed {seed}: {message}")]
    NotFaithful {
        /// The scenario of the run that differs.
        scenario: String,
        /// Its seed.
        seed: u64,
        /// What differs.
        message: String,
    },
    /// The stories fail although nothing is removed.
    #[error("the copy with every handling in place does not pass the stories: {message}")]
    Stories {
        /// What they printed.
        message: String,
    },
    /// Two edits want the same text.
    #[error(
        "{}:{line} and {}:{other_line} change the same text of {file}: narrow one of them",
        .path.display(), .other_path.display()
    )]
    Overlap {
        /// The bug file whose text begins first.
        path: PathBuf,
        /// Line of its `find`.
        line: usize,
        /// The other bug file.
        other_path: PathBuf,
        /// Line of its `find`.
        other_line: usize,
        /// The source file.
        file: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A program printed what cannot be understood, or nothing.
    #[error("cannot understand the copy: {message}")]
    Runs {
        /// What it did.
        message: String,
    },
    /// No file has this bug.
    #[error("no bug in {} is named '{name}'; --list shows all", .directory.display())]
    UnknownBug {
        /// The name.
        name: String,
        /// Where bugs were looked for.
        directory: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

impl PlantedError {
    /// Exit code of the command.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::BugFile { .. }
            | Self::NoBug { .. }
            | Self::NoStory { .. }
            | Self::Overlap { .. }
            | Self::UnknownBug { .. } => USAGE,
            _ => NO_COPY,
        }
    }
}

/// Reads a text file.
///
/// # Errors
/// The file with the system's words.
pub fn read(path: &Path) -> Result<String, PlantedError> {
    fs::read_to_string(path).map_err(|source| PlantedError::Read { path: path.to_owned(), source })
}
