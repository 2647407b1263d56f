//! Copies of the workspace: mutants are never made in the workspace itself.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::error::MutantsError;

/// Directories that no build needs.
const LEFT_OUT: [&str; 3] = ["target", ".git", "mutants.out"];

/// Brings `to` up to date with the workspace in `from`. Only files whose content changed are written, so that Cargo builds only
/// what changed; files that are in `to` alone stay.
///
/// # Errors
/// What cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<(), MutantsError> {
    let failed = |source| MutantsError::Read { path: from.to_owned(), source };
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().map_err(failed)?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            copy_file(&entry.path(), &target).map_err(|source| MutantsError::Write { path: target, source })?;
        }
    }
    Ok(())
}

fn copy_file(from: &PathBuf, to: &PathBuf) -> io::Result<()> {
    let bytes = fs::read(from)?;
    if fs::read(to).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    fs::create_dir_all(to.parent().unwrap_or(Path::new("")))?;
    fs::write(to, bytes)
}
