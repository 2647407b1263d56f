//! The counts that are kept: their file, what they were made with, and when a new count breaks with them.
//!
//! Invariant: a count is compared in whole numbers, so that the same counts give the same verdict everywhere.

use std::{collections::BTreeMap, fmt, fs, io, path::Path};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How far a count may be from its baseline, in percent of the baseline.
pub const TOLERANCE_PERCENT: u64 = 5;

/// First line of the file.
const HEADING: &str = "# Instructions of each hot path. Made and updated by:";

/// Versions that decide how many instructions the same source takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    /// The compiler, with its commit.
    pub rustc: String,
    /// The triple that it builds for.
    pub target: String,
    /// The C library, whose `malloc` and `memcpy` are counted too.
    pub c_library: String,
    /// Valgrind, which decides what the program is told of the processor.
    pub valgrind: String,
    /// The widest vectors among those that libraries choose code by.
    pub vectors: String,
}

impl fmt::Display for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rustc, target, c_library, valgrind, vectors } = self;
        write!(f, "rustc {rustc}, {target}, {c_library}, {valgrind}, {vectors}")
    }
}

/// The committed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// What the counts were made with.
    pub made_with: Tools,
    /// Instructions by name of the path.
    pub instructions: BTreeMap<String, u64>,
}

/// Why the file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// It cannot be read.
    #[error("cannot read the baseline {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is not what is written by an update.
    #[error("the baseline {path} is malformed: {source}")]
    Malformed {
        /// The file.
        path: String,
        /// Why.
        source: Box<toml::de::Error>,
    },
    /// It cannot be put into TOML: a count is beyond 2^63.
    #[error("the counts do not fit into a baseline: {0}")]
    Unwritable(#[from] Box<toml::ser::Error>),
    /// It cannot be written.
    #[error("cannot write the baseline {path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl Baseline {
    /// Reads the file.
    ///
    /// # Errors
    /// It is missing or malformed.
    pub fn read(path: &Path) -> Result<Self, BaselineError> {
        let shown = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|source| BaselineError::Read { path: shown.clone(), source })?;
        Self::parse(&text).map_err(|source| BaselineError::Malformed { path: shown, source: Box::new(source) })
    }

    /// Writes the file; `command` is what its heading names.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path, command: &str) -> Result<(), BaselineError> {
        let text = self.text(command)?;
        fs::write(path, text).map_err(|source| BaselineError::Write { path: path.display().to_string(), source })
    }

    /// What is written.
    ///
    /// # Errors
    /// A count is too large for TOML.
    pub fn text(&self, command: &str) -> Result<String, BaselineError> {
        let body = toml::to_string(self).map_err(Box::new)?;
        Ok(format!("{HEADING}\n# {command}\n\n{body}"))
    }

    /// Reads what is written.
    ///
    /// # Errors
    /// It is malformed.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// What a new count of this path means.
    pub fn judge(&self, path: &str, count: u64) -> Judgement {
        match self.instructions.get(path) {
            None => Judgement::Unknown,
            Some(&baseline) => judge(baseline, count),
        }
    }

    /// The names in the file that are none of these paths: nothing is compared with their counts.
    pub fn left_over(&self, paths: &[&str]) -> Vec<&str> {
        self.instructions.keys().map(String::as_str).filter(|name| !paths.contains(name)).collect()
    }
}

/// What a count means against its baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It is within the tolerance.
    Kept,
    /// The path takes more instructions than allowed.
    Slower,
    /// The path takes so few that the baseline no longer guards it.
    Faster,
    /// The path has no baseline.
    Unknown,
}

/// Both bounds belong to what is kept. Without overflow: a count in 64 bits times a hundred fits into 128.
fn judge(baseline: u64, count: u64) -> Judgement {
    let (distance, allowed) =
        (u128::from(count.abs_diff(baseline)) * 100, u128::from(baseline) * u128::from(TOLERANCE_PERCENT));
    match (distance <= allowed, count > baseline) {
        (true, _) => Judgement::Kept,
        (false, true) => Judgement::Slower,
        (false, false) => Judgement::Faster,
    }
}
