//! The removal of what handles a bug class, as a file: which class, what a follower does without it, and the story of the
//! class, which must fail then.
//!
//! Invariants of every [`Handling`]: those of its [`Patch`]; its class is a capital letter and a number; its test names a
//! module and a function.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::{
    error::PlantedError,
    patch::{EditForm, Patch, Source},
};

/// A handling that can be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handling {
    /// Its name, what a follower without it does wrong, and the edits that remove it.
    pub patch: Patch,
    /// The bug class that it handles, such as `B1`.
    pub class: String,
    /// The story that fails without it, by its path in the test target, such as `switching::given_...`.
    pub test: String,
}

/// Reads the handling of `text`, the content of `path`.
///
/// # Errors
/// What makes no sense in it, with the line.
pub fn parse(path: &Path, text: &str) -> Result<Handling, PlantedError> {
    let source = Source { path, text };
    let form: Form = source.form()?;
    let patch = source.patch(&form.name, form.meaning, form.edits)?;
    let (class, test) = (form.class.get_ref(), form.test.get_ref());
    if !is_class(class) {
        let message = format!("'{class}' is no class: a capital letter and a number");
        return Err(source.wrong(form.class.span().start, message));
    }
    if !is_test(test) {
        let message = format!("'{test}' is no story: a module, '::', and the name of a function");
        return Err(source.wrong(form.test.span().start, message));
    }
    Ok(Handling { patch, class: class.clone(), test: test.clone() })
}

/// A handling's file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: Spanned<String>,
    class: Spanned<String>,
    meaning: String,
    test: Spanned<String>,
    edits: Vec<EditForm>,
}

/// Whether this can be the name of a class: a capital letter and a number.
pub fn is_class(class: &str) -> bool {
    class.split_at_checked(1).is_some_and(|(letter, number)| {
        letter.bytes().all(|byte| byte.is_ascii_uppercase()) && number.parse::<u8>().is_ok_and(|number| number > 0)
    })
}

fn is_test(test: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    test.split_once("::").is_some_and(|(module, function)| is_name(module) && is_name(function))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"name = "odd"
class = "B12"
meaning = "It is odd."
test = "switching::given_this_when_that_then_odd"

[[edits]]
file = "bridge/src/page.rs"
find = "a"
replace = 'if crate::planted::is("odd") { b } else { a }'
"#;

    #[test]
    fn given_a_file_when_read_then_class_and_story_are_there() {
        let handling = parse(Path::new("handling/odd.toml"), GOOD).expect("the file is good");
        assert_eq!((handling.class.as_str(), handling.patch.name.as_str()), ("B12", "odd"));
        assert_eq!(handling.test, "switching::given_this_when_that_then_odd");
        assert_eq!(handling.patch.edits.len(), 1);
    }

    #[test]
    fn given_a_file_that_makes_no_sense_when_read_then_refused_with_its_line() {
        for (from, to, line) in [
            ("name = \"odd\"", "name = \"even\"", 1),
            ("\"B12\"", "\"12\"", 2),
            ("\"B12\"", "\"B0\"", 2),
            ("\"B12\"", "\"\"", 2),
            ("switching::", "", 4),
            ("switching::given_this_when_that_then_odd", "switching::", 4),
            ("bridge/src/page.rs", "sim/src/lib.rs", 7),
            ("is(\"odd\")", "is(\"even\")", 9),
            ("class = ", "clas = ", 2),
        ] {
            assert!(GOOD.contains(from), "the good file has no '{from}'");
            match parse(Path::new("handling/odd.toml"), &GOOD.replacen(from, to, 1)) {
                Err(PlantedError::BugFile { line: found, .. }) => assert_eq!(found, line, "{to}"),
                other => panic!("{to}: {other:?}"),
            }
        }
    }
}
