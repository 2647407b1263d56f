//! Why mutants cannot be drawn or judged. That one survives is a result, not an error.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use thiserror::Error;

/// What went wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MutantsError {
    /// The storm does not build or does not pass although nothing is mutated.
    #[error("the storm without a mutant {message}")]
    Control {
        /// What it does.
        message: String,
    },
    /// The mutated text is not in the present source.
    #[error("'{name}' does not fit the present source: its text is there {times} times")]
    Misfit {
        /// The mutant.
        name: String,
        /// How often its text is there.
        times: usize,
    },
    /// There is nothing to report on.
    #[error("no sample is at {}: run without --report first", .place.display())]
    NoSample {
        /// Where one is looked for.
        place: PathBuf,
    },
    /// The tool that makes the mutants is missing.
    #[error("cargo-mutants is not installed: `cargo install cargo-mutants --locked` installs it")]
    NoTool,
    /// The place for the copies cannot be told.
    #[error("cannot find the target directory: {message}")]
    NoTarget {
        /// Why.
        message: String,
    },
    /// A sample that was drawn otherwise is in the way.
    #[error("{} has a sample of seed {seed} with {count} mutants: --fresh discards it and its results", .place.display())]
    OtherSample {
        /// Where it is.
        place: PathBuf,
        /// Its seed.
        seed: u64,
        /// Its size.
        count: usize,
    },
    /// A program printed or wrote what cannot be understood.
    #[error("cannot understand {what}: {message}")]
    Output {
        /// Whose words.
        what: String,
        /// What is wrong with them.
        message: String,
    },
    /// A program failed.
    #[error("{program} failed ({status}): {message}")]
    Program {
        /// Its name.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed.
        message: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A program cannot be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Its name.
        program: String,
        /// The system's words.
        source: io::Error,
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

/// Reads a text file.
///
/// # Errors
/// The file with the system's words.
pub fn read(path: &Path) -> Result<String, MutantsError> {
    fs::read_to_string(path).map_err(|source| MutantsError::Read { path: path.to_owned(), source })
}

/// Writes a text file, and the directories that it needs.
///
/// # Errors
/// The file with the system's words.
pub fn write(path: &Path, text: &str) -> Result<(), MutantsError> {
    let parent = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, text))
        .map_err(|source| MutantsError::Write { path: path.to_owned(), source })
}
