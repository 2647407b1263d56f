//! What the documents name is there: each path of this workspace, and each link that stays in it.

use std::{fs, path::Path};

const DOCUMENTS: [&str; 3] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];
const FOLDERS: [&str; 9] =
    [".cargo/", ".ci/", "benches/", "bridge/", "fuzz/", "scenarios/", "sim/", "state/", "tests/"];
/// What runs leave there, so that a fresh clone does not have it.
const MADE_BY_RUNS: [&str; 2] = ["fuzz/artifacts/", "fuzz/finds/"];

fn is_part_of_path(character: char) -> bool {
    character.is_ascii_alphanumeric() || "/._-".contains(character)
}

/// The paths below the workspace's folders that stand in a text, and the targets of its links that are no addresses.
fn named(text: &str) -> Vec<&str> {
    let words = text.split(|character| !is_part_of_path(character));
    let words = words.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)));
    let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
    let links = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
    let paths = words.chain(links).map(|path| path.trim_end_matches('.'));
    paths.filter(|path| !MADE_BY_RUNS.iter().any(|made| path.starts_with(made))).collect()
}

fn missing<'a>(root: &Path, text: &'a str) -> Vec<&'a str> {
    named(text).into_iter().filter(|path| !root.join(path).exists()).collect()
}

#[test]
fn given_the_documents_when_they_name_a_file_then_it_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the workspace");
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).expect("the document is there");
        assert!(!named(&text).is_empty(), "{document} names nothing, so nothing was looked at");
        assert_eq!(missing(root, &text), Vec::<&str>::new(), "{document} names what is not there");
    }
}

#[test]
fn given_a_text_when_it_names_what_is_not_there_then_just_that_is_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the workspace");
    let text = "Run `fuzz/run 5`, then fuzz/nothing. See [one](tests/documents.rs), [two](NOTHING.md), \
                [three](https://example.com/fuzz), [four](#below); finds are in fuzz/finds/frame.";
    assert_eq!(missing(root, text), ["fuzz/nothing", "NOTHING.md"]);
}
