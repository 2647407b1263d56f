//! A bug as a file: what a follower with it does wrong, which real bug it mirrors, which properties may find it, and
//! the edits that plant it.
//!
//! Invariants of every [`Bug`]: its name is its file's; it has edits, all of them to the bridge's sources; at least one
//! asks its own switch, and none asks another's.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use scenarios::{
    check,
    scenario::{DEFAULT_SECONDS, Scenario},
};
use serde::Deserialize;
use toml::Spanned;

use crate::{
    error::{self, PlantedError},
    hunt::PANIC,
};

/// What bugs may edit.
const SOURCES: &str = "bridge/src/";

/// The start of a switch, up to the bug's name.
const SWITCH: &str = "crate::planted::is(\"";

/// The property that the run itself watches, besides those of the checkers (`scenarios::run`).
const PROGRESS: &str = "progress";

/// A bug that can be planted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bug {
    /// The file that describes it.
    pub path: PathBuf,
    /// The file's name without its ending.
    pub name: String,
    /// What a follower with it does wrong, in one sentence.
    pub meaning: String,
    /// The real bug that it mirrors.
    pub really_happened: String,
    /// Properties that may find it.
    pub found_by: Vec<String>,
    /// The scenario to hunt it with; all if there is none.
    pub scenario: Option<String>,
    /// The edits that plant it.
    pub edits: Vec<Edit>,
}

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Line of `find` in the bug's file, from 1.
    pub line: usize,
    /// The source file, relative to the workspace.
    pub file: String,
    /// What is replaced; occurs once in the file.
    pub find: String,
    /// What stands there instead.
    pub replace: String,
}

/// Reads all bugs of a directory, sorted by name.
///
/// # Errors
/// The first file that cannot be read or makes no sense, with the line; or that there is none, as a hunt for nothing would
/// find all of it.
pub fn read_all(directory: &Path) -> Result<Vec<Bug>, PlantedError> {
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

/// Reads the bug of `text`, the content of `path`.
///
/// # Errors
/// What makes no sense in it, with the line.
pub fn parse(path: &Path, text: &str) -> Result<Bug, PlantedError> {
    let wrong =
        |at: usize, message: String| PlantedError::BugFile { path: path.to_owned(), line: line_of(text, at), message };
    let form: Form = toml::from_str(text)
        .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    let expected = path.file_stem().unwrap_or_default().to_string_lossy();
    if *form.name.get_ref() != expected || !is_kebab(&expected) {
        let message = format!("the name must be the file's, '{expected}', in lower case with hyphens");
        return Err(wrong(form.name.span().start, message));
    }
    if form.found_by.get_ref().is_empty() {
        return Err(wrong(form.found_by.span().start, "no property may find it".to_owned()));
    }
    check_properties(form.found_by.get_ref()).map_err(|(at, message)| wrong(at, message))?;
    if let Some(scenario) = &form.scenario
        && Scenario::by_name(scenario.get_ref()).is_none()
    {
        let message = format!("no scenario is named '{}'", scenario.get_ref());
        return Err(wrong(scenario.span().start, message));
    }
    let own_switch = format!("{SWITCH}{expected}\")");
    for edit in &form.edits {
        check_edit(edit, &own_switch).map_err(|(at, message)| wrong(at, message))?;
    }
    if !form.edits.iter().any(|edit| edit.replace.get_ref().contains(&own_switch)) {
        return Err(wrong(form.name.span().start, format!("no edit asks {own_switch}: it could not be switched on")));
    }
    let edit = |edit: EditForm| Edit {
        line: line_of(text, edit.find.span().start),
        file: edit.file.into_inner(),
        find: edit.find.into_inner(),
        replace: edit.replace.into_inner(),
    };
    Ok(Bug {
        path: path.to_owned(),
        name: form.name.into_inner(),
        meaning: form.meaning,
        really_happened: form.really_happened,
        found_by: form.found_by.into_inner().into_iter().map(Spanned::into_inner).collect(),
        scenario: form.scenario.map(Spanned::into_inner),
        edits: form.edits.into_iter().map(edit).collect(),
    })
}

/// A bug's file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: Spanned<String>,
    meaning: String,
    really_happened: String,
    found_by: Spanned<Vec<Spanned<String>>>,
    scenario: Option<Spanned<String>>,
    edits: Vec<EditForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditForm {
    file: Spanned<String>,
    find: Spanned<String>,
    replace: Spanned<String>,
}

/// The place in the text of a property that no run can break, and what there is instead.
fn check_properties(names: &[Spanned<String>]) -> Result<(), (usize, String)> {
    let known = properties();
    match names.iter().find(|name| !known.contains(&name.get_ref().as_str())) {
        Some(name) => {
            let message = format!("no property is named '{}'; there are {}", name.get_ref(), known.join(", "));
            Err((name.span().start, message))
        }
        None => Ok(()),
    }
}

/// What a finding can say that broke: the checkers' properties, that simulated time goes on, that nothing panics.
fn properties() -> Vec<&'static str> {
    // Every plan has the same checkers.
    let plan = Scenario::Steady.plan(0, DEFAULT_SECONDS);
    let checkers = check::all(&plan, 0);
    checkers.iter().map(|checker| checker.name()).chain([PROGRESS, PANIC]).collect()
}

/// The place in the text and what is wrong there.
fn check_edit(edit: &EditForm, own_switch: &str) -> Result<(), (usize, String)> {
    let file = edit.file.get_ref();
    let is_source = file.strip_prefix(SOURCES).is_some_and(|rest| rest.split('/').all(|part| part != ".."));
    if !is_source || !file.ends_with(".rs") {
        return Err((edit.file.span().start, format!("'{file}' is no source file below {SOURCES}")));
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

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"name = "odd"
meaning = "It is odd."
really_happened = "project #1"
found_by = ["path"]
scenario = "steady"

[[edits]]
file = "bridge/src/chain.rs"
find = "a"
replace = 'if crate::planted::is("odd") { b } else { a }'
"#;

    fn refused(from: &str, to: &str) -> (usize, String) {
        assert!(GOOD.contains(from), "the good file has no '{from}'");
        match parse(Path::new("bugs/odd.toml"), &GOOD.replacen(from, to, 1)) {
            Err(PlantedError::BugFile { path, line, message }) => {
                assert_eq!(path, Path::new("bugs/odd.toml"));
                (line, message)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn given_a_bug_file_when_read_then_everything_in_it_is_there() {
        let bug = parse(Path::new("bugs/odd.toml"), GOOD).expect("the file is good");
        assert_eq!((bug.name.as_str(), bug.scenario.as_deref()), ("odd", Some("steady")));
        assert_eq!((bug.edits.len(), bug.edits[0].line, bug.edits[0].find.as_str()), (1, 9, "a"));
        assert_eq!(bug.found_by, ["path"]);
    }

    #[test]
    fn given_an_unknown_field_when_read_then_it_is_named_with_its_line() {
        let (line, message) = refused("scenario = ", "scenery = ");
        assert!(line == 5 && message.contains("scenery"), "{line}: {message}");
        let (line, message) = refused("find = ", "seek = 1\nfind = ");
        assert!(line == 9 && message.contains("seek"), "{line}: {message}");
    }

    #[test]
    fn given_a_file_that_makes_no_sense_when_read_then_refused_with_its_line() {
        for (from, to, line) in [
            ("name = \"odd\"", "name = \"even\"", 1),
            ("found_by = [\"path\"]", "found_by = []", 4),
            ("found_by = [\"path\"]", "found_by = [\"path\",\n\"pth\"]", 5),
            ("\"steady\"", "\"stormy\"", 5),
            ("bridge/src/chain.rs", "sim/src/lib.rs", 8),
            ("bridge/src/chain.rs", "bridge/src/../Cargo.toml", 8),
            ("bridge/src/chain.rs", "bridge/src/../../sim/src/lib.rs", 8),
            ("find = \"a\"", "find = \"\"", 9),
            ("is(\"odd\")", "is(\"even\")", 10),
            ("if crate::planted::is(\"odd\") { b } else { a }", "b", 1),
            ("meaning = \"It is odd.\"\n", "", 1),
        ] {
            assert_eq!(refused(from, to).0, line, "{to}");
        }
    }
}
