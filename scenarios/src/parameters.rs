//! Parameter sets, by name or from a file. The file is TOML with the fields of [`ParameterSet`], all but `unchecked` needed.
//!
//! The only part besides plans that reads a file; it is over before a run begins.

use std::{
    io,
    path::{Path, PathBuf},
};

use sim::params::{ParameterError, ParameterSet, WrittenParameters};
use thiserror::Error;

use crate::plan::{
    MOST_BYTES,
    error::{line_at, message_at},
    file::read_start,
};

/// Why a parameter set cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParametersError {
    /// The file is no parameter set.
    #[error("{}: line {line}: {message}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Neither a name nor a file.
    #[error("no parameter set is named '{name}' (there are {}), and there is no such file", ParameterSet::NAMES.join(", "))]
    Neither {
        /// What was asked for.
        name: String,
    },
    /// The file cannot be read.
    #[error("{}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// The file is too large.
    #[error("{}: the file has more than {MOST_BYTES} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The values cannot be used.
    #[error("{}: {error}", .path.display())]
    Values {
        /// The file.
        path: PathBuf,
        /// The first that is wrong.
        error: ParameterError,
    },
}

/// The built-in set of this name, or else the set in the file of this name, checked.
///
/// # Errors
/// What is wrong with the file, or that there is neither.
pub fn find(set_or_file: &str) -> Result<ParameterSet, ParametersError> {
    match ParameterSet::by_name(set_or_file) {
        Ok(set) => Ok(set),
        Err(_) => read(Path::new(set_or_file)),
    }
}

fn read(path: &Path) -> Result<ParameterSet, ParametersError> {
    let bytes = read_start(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ParametersError::Neither { name: path.to_string_lossy().into_owned() },
        _ => ParametersError::Read { path: path.to_owned(), error },
    })?;
    // Before the text is looked at: the limit may have cut a character.
    if bytes.len() > MOST_BYTES {
        return Err(ParametersError::TooLarge { path: path.to_owned() });
    }
    let format = |line, message| ParametersError::Format { path: path.to_owned(), line, message };
    let text = str::from_utf8(&bytes)
        .map_err(|error| format(line_at(&bytes, error.valid_up_to()), "this is not UTF-8".to_owned()))?;
    let written: WrittenParameters = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        format(line_at(&bytes, offset), message_at(text, offset, error.message()))
    })?;
    let set = ParameterSet::try_from(written).and_then(|set| set.check().map(|()| set));
    set.map_err(|error| ParametersError::Values { path: path.to_owned(), error })
}
