//! What every file of `scenarios/planted` has: a name, a meaning, and the edits that plant it.
//!
//! Invariants of every [`Patch`]: its name is its file's; it has edits, all of them to the sources of bridge and state; at
//! least one asks its own switch, and none asks another's.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use toml::Spanned;

use crate::error::{self, PlantedError};

/// What may be edited.
const SOURCES: [&str; 2] = ["bridge/src/", "state/src/"];

/// The start of a switch, up to the patch's name.
const SWITCH: &str = "crate::planted::is(\"";

/// Edits behind one switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The file that describes it.
    pub path: PathBuf,
    /// The file's name without its ending.
    pub name: String,
    /// What a follower with it does wrong, in one sentence.
    pub meaning: String,
    /// The edits that plant it.
    pub edits: Vec<Edit>,
}

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Line of `find` in the file, from 1.
    pub line: usize,
    /// The source file, relative to the workspace.
    pub file: String,
    /// What is replaced; occurs once in the file.
    pub find: String,
    /// What stands there instead.
    pub replace: String,
}

/// An edit as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditForm {
    file: Spanned<String>,
    find: Spanned<String>,
    replace: Spanned<String>,
}

/// Reads all files of a directory with `parse`, sorted by name.
///
/// # Errors
/// The first file that cannot be read or makes no sense, with the line; or that there is none, as what is sought among
/// nothing is always found.
pub fn read_all<T>(
    directory: &Path,
    parse: impl Fn(&Path, &str) -> Result<T, PlantedError>,
) -> Result<Vec<T>, PlantedError> {
    let failed = |source| PlantedError::Read { path: directory.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension() == Some(OsStr::new("toml")) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(PlantedError::NoBug { directory: directory.to_owned() });
    }
    paths.sort();
    paths.iter().map(|path| parse(path, &error::read(path)?)).collect()
}

/// One file while it is read: tells what is wrong with it by path and line.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// Its content.
    pub text: &'a str,
}

impl Source<'_> {
    /// The file in the form `T`.
    ///
    /// # Errors
    /// What does not fit the form.
    pub fn form<T: DeserializeOwned>(self) -> Result<T, PlantedError> {
        toml::from_str(self.text)
            .map_err(|error| self.wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))
    }

    /// What is wrong at a byte of the file.
    pub fn wrong(self, at: usize, message: String) -> PlantedError {
        PlantedError::BugFile { path: self.path.to_owned(), line: self.line_of(at), message }
    }

    /// Checks what every file has.
    ///
    /// # Errors
    /// A name that is not the file's, or edits that may not be made.
    pub fn patch(self, name: &Spanned<String>, meaning: String, edits: Vec<EditForm>) -> Result<Patch, PlantedError> {
        let expected = self.path.file_stem().unwrap_or_default().to_string_lossy();
        if *name.get_ref() != expected || !is_kebab(&expected) {
            let message = format!("the name must be the file's, '{expected}', in lower case with hyphens");
            return Err(self.wrong(name.span().start, message));
        }
        let own_switch = format!("{SWITCH}{expected}\")");
        for edit in &edits {
            check_edit(edit, &own_switch).map_err(|(at, message)| self.wrong(at, message))?;
        }
        if !edits.iter().any(|edit| edit.replace.get_ref().contains(&own_switch)) {
            let message = format!("no edit asks {own_switch}: it could not be switched on");
            return Err(self.wrong(name.span().start, message));
        }
        let edit = |edit: EditForm| Edit {
            line: self.line_of(edit.find.span().start),
            file: edit.file.into_inner(),
            find: edit.find.into_inner(),
            replace: edit.replace.into_inner(),
        };
        let edits = edits.into_iter().map(edit).collect();
        Ok(Patch { path: self.path.to_owned(), name: name.get_ref().clone(), meaning, edits })
    }

    fn line_of(self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }
}

/// The place in the text and what is wrong there.
fn check_edit(edit: &EditForm, own_switch: &str) -> Result<(), (usize, String)> {
    let file = edit.file.get_ref();
    let below = SOURCES.iter().find_map(|sources| file.strip_prefix(sources));
    let is_source = below.is_some_and(|rest| rest.split('/').all(|part| part != ".."));
    if !is_source || !file.ends_with(".rs") {
        return Err((edit.file.span().start, format!("'{file}' is no source file below {}", SOURCES.join(" or "))));
    }
    if edit.find.get_ref().is_empty() {
        return Err((edit.find.span().start, "nothing to find".to_owned()));
    }
    let replace = edit.replace.get_ref();
    if replace.matches(SWITCH).count() != replace.matches(own_switch).count() {
        return Err((edit.replace.span().start, format!("only {own_switch} may be asked here")));
    }
    Ok(())
}

fn is_kebab(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
