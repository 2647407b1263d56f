//! Standard output as lines that last.
//!
//! Invariants: if it is a regular file, what was printed is on the disk when `sync` has returned, and the first line does
//! not go on where an earlier process was cut off in the middle of one, as far as the file can be read.

use std::{
    fs::File,
    io::{self, Write},
    os::{
        fd::AsFd,
        unix::fs::{FileExt, MetadataExt},
    },
};

/// A way to the file behind standard output that asks anew for permission to read: `>>` opens for writing alone.
const STDOUT_AGAIN: &str = "/dev/stdout";

/// Standard output.
pub struct Lines {
    /// The same open file, if it is a regular one; a pipe or terminal keeps nothing.
    file: Option<File>,
    /// Whether what is there ends within a line.
    ends_within_line: bool,
}

impl Lines {
    /// Looks at what standard output is.
    ///
    /// # Errors
    /// The system's, if it does not tell.
    pub fn of_stdout() -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let file = if file.metadata()?.is_file() { Some(file) } else { None };
        let ends_within_line = file.as_ref().and_then(last_byte).is_some_and(|byte| byte != b'\n');
        Ok(Self { file, ends_within_line })
    }

    /// Writes whole lines, each with its line feed.
    ///
    /// # Errors
    /// The system's; the last line that was written may be cut off then.
    pub fn print(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.ends_within_line {
            out.write_all(b"\n")?;
            self.ends_within_line = false;
        }
        out.write_all(lines)?;
        out.flush()
    }

    /// Returns when a power cut cannot take back what was printed. Of a pipe or terminal nothing is known beyond the write.
    ///
    /// # Errors
    /// The system's: what was printed may be lost.
    pub fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }
}

/// `None` for an empty file and for one that cannot be read.
fn last_byte(file: &File) -> Option<u8> {
    let known = file.metadata().ok()?;
    let position = known.len().checked_sub(1)?;
    let is_same =
        |other: &File| other.metadata().is_ok_and(|found| (found.dev(), found.ino()) == (known.dev(), known.ino()));
    let byte_of = |file: &File| {
        let mut byte = [0];
        file.read_exact_at(&mut byte, position).ok().map(|()| byte[0])
    };
    byte_of(file).or_else(|| File::open(STDOUT_AGAIN).ok().filter(is_same).and_then(|again| byte_of(&again)))
}
