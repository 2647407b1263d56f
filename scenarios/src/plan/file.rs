//! Plans in files. The only part of the plan that touches the machine; it is over before a run begins.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{MOST_BYTES, Plan, PlanError, PlanFileError, error::line_at};

impl Plan {
    /// Reads the plan in the file at `path`. No more than [`MOST_BYTES`] are kept of it, however long it is: it may be a
    /// device without an end.
    ///
    /// # Errors
    /// The file, and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, PlanFileError> {
        let bytes = read_start(path).map_err(|error| PlanFileError::Read { path: path.to_owned(), error })?;
        parse_bytes(&bytes).map_err(|error| PlanFileError::Plan { path: path.to_owned(), error: Box::new(error) })
    }
}

/// The file's bytes, or, if it is too large, [`MOST_BYTES`] of them and one more, which shows that there is more.
pub(crate) fn read_start(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse_bytes(bytes: &[u8]) -> Result<Plan, PlanError> {
    // Before the text is looked at: the limit may have cut a character.
    if bytes.len() > MOST_BYTES {
        return Err(PlanError::TooLarge);
    }
    let text = str::from_utf8(bytes).map_err(|error| PlanError::Format {
        line: line_at(bytes, error.valid_up_to()),
        message: "this is not UTF-8".to_owned(),
    })?;
    Plan::parse(text)
}
