//! All patches into the sources, each behind its switch, so that one build serves for all.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use crate::{
    error::PlantedError,
    patch::{Edit, Patch},
};

/// The crate that has the switches in any case.
const FIRST_CRATE: &str = "bridge";

/// Names the patch that is switched on; without it none is.
pub const SWITCH_VARIABLE: &str = "DAGSTORM_PLANTED_BUG";

/// The sources that differ from the original, by path relative to the workspace. `source` gives the original of a path.
///
/// # Errors
/// An edit whose text is not in its file exactly once, two edits of the same text, or what `source` fails with.
pub fn plant<'a>(
    patches: impl IntoIterator<Item = &'a Patch>,
    mut source: impl FnMut(&str) -> Result<String, PlantedError>,
) -> Result<BTreeMap<String, String>, PlantedError> {
    let mut by_file: BTreeMap<String, Vec<(&Patch, &Edit)>> = BTreeMap::new();
    let mut crates = BTreeSet::from([FIRST_CRATE]);
    for patch in patches {
        for edit in &patch.edits {
            by_file.entry(edit.file.clone()).or_default().push((patch, edit));
            crates.extend(edit.file.split('/').next());
        }
    }
    let mut planted = BTreeMap::new();
    for name in &crates {
        by_file.entry(root_module(name)).or_default();
        planted.insert(switch_module(name), switches());
    }
    for (file, edits) in by_file {
        let mut text = edited(&source(&file)?, &edits)?;
        if crates.iter().any(|name| file == root_module(name)) {
            text.push_str("\nmod planted;\n");
        }
        planted.insert(file, text);
    }
    Ok(planted)
}

/// The root module of a crate, which gets one line more.
fn root_module(name: &str) -> String {
    format!("{name}/src/lib.rs")
}

/// The module of the switches in a crate.
fn switch_module(name: &str) -> String {
    format!("{name}/src/planted.rs")
}

/// `original` with all edits made. Each is looked for in the original, so that none depends on another.
fn edited(original: &str, edits: &[(&Patch, &Edit)]) -> Result<String, PlantedError> {
    let mut placed = edits
        .iter()
        .map(|(patch, edit)| Ok((place(original, patch, edit)?, *patch, *edit)))
        .collect::<Result<Vec<(Range<usize>, &Patch, &Edit)>, PlantedError>>()?;
    placed.sort_by_key(|(range, ..)| range.start);
    let mut text = String::with_capacity(original.len());
    let mut copied = 0;
    let mut last: Option<(&Patch, &Edit)> = None;
    for (range, patch, edit) in placed {
        if let Some((first, first_edit)) = last
            && range.start < copied
        {
            return Err(PlantedError::Overlap {
                path: first.path.clone(),
                line: first_edit.line,
                other_path: patch.path.clone(),
                other_line: edit.line,
                file: edit.file.clone(),
            });
        }
        text.push_str(&original[copied..range.start]);
        text.push_str(&edit.replace);
        (copied, last) = (range.end, Some((patch, edit)));
    }
    text.push_str(&original[copied..]);
    Ok(text)
}

/// Where the edit's text stands.
fn place(original: &str, patch: &Patch, edit: &Edit) -> Result<Range<usize>, PlantedError> {
    let mut found = original.match_indices(&edit.find);
    match (found.next(), found.count()) {
        (Some((start, text)), 0) => Ok(start..start + text.len()),
        (first, more) => Err(PlantedError::BugFile {
            path: patch.path.clone(),
            line: edit.line,
            message: format!(
                "the text must be in {} exactly once, it is there {} times",
                edit.file,
                usize::from(first.is_some()) + more
            ),
        }),
    }
}

/// The module that tells which patch is switched on.
fn switches() -> String {
    format!(
        r#"//! Which planted bug is switched on: the one that the environment names when it is first asked for.

use std::sync::OnceLock;

/// Whether the bug of this name is on.
#[allow(dead_code)]
pub(crate) fn is(name: &str) -> bool {{
    static BUG: OnceLock<Option<String>> = OnceLock::new();
    BUG.get_or_init(|| std::env::var("{SWITCH_VARIABLE}").ok()).as_deref() == Some(name)
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn patch(name: &str, find: &str, replace: &str) -> Patch {
        let file = "bridge/src/chain.rs".to_owned();
        let edit = Edit { line: 7, file, find: find.to_owned(), replace: replace.to_owned() };
        let path = PathBuf::from(format!("{name}.toml"));
        Patch { path, name: name.to_owned(), meaning: String::new(), edits: vec![edit] }
    }

    fn plant_into(original: &str, patches: &[Patch]) -> Result<BTreeMap<String, String>, PlantedError> {
        plant(patches, |file| {
            Ok(if file.ends_with("/lib.rs") { "//! Root.\n".to_owned() } else { original.to_owned() })
        })
    }

    #[test]
    fn given_several_bugs_in_one_file_when_planted_then_all_edits_are_made_in_any_order() {
        let patches =
            [patch("one", "three", "3"), patch("two", "one", "1, one and a half"), patch("three", ", two,", ";")];
        let planted = plant_into("one, two, three", &patches).expect("they fit");
        assert_eq!(planted["bridge/src/chain.rs"], "1, one and a half; 3");
        assert_eq!(planted["bridge/src/lib.rs"], "//! Root.\n\nmod planted;\n");
        assert!(planted["bridge/src/planted.rs"].contains(SWITCH_VARIABLE));
        assert!(!planted.contains_key("state/src/planted.rs"), "a crate without edits stays as it is");
    }

    #[test]
    fn given_an_edit_of_another_crate_when_planted_then_that_one_has_switches_too() {
        let mut other = patch("one", "find", "x");
        other.edits[0].file = "state/src/apply.rs".to_owned();
        let planted = plant_into("find", &[other]).expect("it fits");
        assert_eq!(planted["state/src/apply.rs"], "x");
        for name in ["bridge", "state"] {
            assert_eq!(planted[&format!("{name}/src/lib.rs")], "//! Root.\n\nmod planted;\n");
            assert!(planted[&format!("{name}/src/planted.rs")].contains(SWITCH_VARIABLE));
        }
    }

    #[test]
    fn given_what_one_edit_inserts_when_another_looks_for_it_then_only_the_original_counts() {
        let patches = [patch("one", "a", "b"), patch("two", "b", "c")];
        assert_eq!(plant_into("a b", &patches).expect("they fit")["bridge/src/chain.rs"], "b c");
    }

    #[test]
    fn given_a_text_that_is_not_there_once_when_planted_then_refused_with_file_line_and_count() {
        for (original, count) in [("nothing", 0), ("find find", 2), ("find find find", 3)] {
            let error = plant_into(original, &[patch("one", "find", "x")]).expect_err("it does not fit");
            let text = error.to_string();
            assert!(text.starts_with("one.toml:7: ") && text.contains(&format!("{count} times")), "{text}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn given_two_edits_of_the_same_text_when_planted_then_both_files_are_named() {
        let patches = [patch("one", "b c", "x"), patch("two", "a b", "y")];
        let text = plant_into("a b c", &patches).expect_err("they overlap").to_string();
        assert!(text.contains("one.toml:7") && text.contains("two.toml:7") && text.contains("chain.rs"), "{text}");
        let touching = [patch("one", "b", "x"), patch("two", "a ", "y")];
        assert_eq!(plant_into("a b", &touching).expect("they only touch")["bridge/src/chain.rs"], "yx");
    }
}
