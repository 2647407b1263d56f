//! A bug as a file: what a follower with it does wrong, which real bug it mirrors, which properties may find it, and
//! the edits that plant it.

use std::path::Path;

use scenarios::{
    check,
    run::STALL,
    scenario::{DEFAULT_SECONDS, Scenario},
};
use serde::Deserialize;
use toml::Spanned;

use crate::{
    error::PlantedError,
    handling,
    hunt::PANIC,
    patch::{EditForm, Patch, Source},
};

/// A bug that can be planted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bug {
    /// Its name, its meaning and its edits.
    pub patch: Patch,
    /// The real bug that it mirrors.
    pub really_happened: String,
    /// The class of bugs that it is one of, such as `B1`: those of the stories (`bridge/tests/bug_classes`). Some are of none.
    pub class: Option<String>,
    /// Properties that may find it.
    pub found_by: Vec<String>,
    /// The scenario to hunt it with; all if there is none.
    pub scenario: Option<String>,
}

/// Reads the bug of `text`, the content of `path`.
///
/// # Errors
/// What makes no sense in it, with the line.
pub fn parse(path: &Path, text: &str) -> Result<Bug, PlantedError> {
    let source = Source { path, text };
    let form: Form = source.form()?;
    let patch = source.patch(&form.name, form.meaning, form.edits)?;
    if let Some(class) = form.class.as_ref().filter(|class| !handling::is_class(class.get_ref())) {
        let message = format!("'{}' is no class: a capital letter and a number", class.get_ref());
        return Err(source.wrong(class.span().start, message));
    }
    if form.found_by.get_ref().is_empty() {
        return Err(source.wrong(form.found_by.span().start, "no property may find it".to_owned()));
    }
    check_properties(form.found_by.get_ref()).map_err(|(at, message)| source.wrong(at, message))?;
    if let Some(scenario) = &form.scenario
        && Scenario::by_name(scenario.get_ref()).is_none()
    {
        let message = format!("no scenario is named '{}'", scenario.get_ref());
        return Err(source.wrong(scenario.span().start, message));
    }
    Ok(Bug {
        patch,
        really_happened: form.really_happened,
        class: form.class.map(Spanned::into_inner),
        found_by: form.found_by.into_inner().into_iter().map(Spanned::into_inner).collect(),
        scenario: form.scenario.map(Spanned::into_inner),
    })
}

/// A bug's file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: Spanned<String>,
    class: Option<Spanned<String>>,
    meaning: String,
    really_happened: String,
    found_by: Spanned<Vec<Spanned<String>>>,
    scenario: Option<Spanned<String>>,
    edits: Vec<EditForm>,
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
    checkers.iter().map(|checker| checker.name()).chain([STALL, PANIC]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"name = "odd"
class = "B12"
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
        assert_eq!((bug.patch.name.as_str(), bug.scenario.as_deref()), ("odd", Some("steady")));
        assert_eq!((bug.patch.edits.len(), bug.patch.edits[0].line, bug.patch.edits[0].find.as_str()), (1, 10, "a"));
        assert_eq!((bug.class.as_deref(), bug.found_by.as_slice()), (Some("B12"), &["path".to_owned()][..]));
        let without = GOOD.replacen("class = \"B12\"\n", "", 1);
        assert_eq!(parse(Path::new("bugs/odd.toml"), &without).expect("it is of no class").class, None);
    }

    #[test]
    fn given_the_properties_when_named_then_no_two_have_the_same_name() {
        let mut names = properties();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{names:?}");
    }

    #[test]
    fn given_an_unknown_field_when_read_then_it_is_named_with_its_line() {
        let (line, message) = refused("scenario = ", "scenery = ");
        assert!(line == 6 && message.contains("scenery"), "{line}: {message}");
        let (line, message) = refused("find = ", "seek = 1\nfind = ");
        assert!(line == 10 && message.contains("seek"), "{line}: {message}");
    }

    #[test]
    fn given_a_file_that_makes_no_sense_when_read_then_refused_with_its_line() {
        for (from, to, line) in [
            ("name = \"odd\"", "name = \"even\"", 1),
            ("\"B12\"", "\"12\"", 2),
            ("found_by = [\"path\"]", "found_by = []", 5),
            ("found_by = [\"path\"]", "found_by = [\"path\",\n\"pth\"]", 6),
            ("\"steady\"", "\"stormy\"", 6),
            ("bridge/src/chain.rs", "sim/src/lib.rs", 9),
            ("bridge/src/chain.rs", "bridge/src/../Cargo.toml", 9),
            ("bridge/src/chain.rs", "bridge/src/../../sim/src/lib.rs", 9),
            ("find = \"a\"", "find = \"\"", 10),
            ("is(\"odd\")", "is(\"even\")", 11),
            ("if crate::planted::is(\"odd\") { b } else { a }", "b", 1),
            ("meaning = \"It is odd.\"\n", "", 1),
        ] {
            assert_eq!(refused(from, to).0, line, "{to}");
        }
    }
}
