//! What the documents name is there: each path of this workspace, and each link that stays in it. What git is told to ignore
//! is not: it may be here, but is in no clone.

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
    let links = links.filter(|link| !link.contains("://")).map(|link| link.split('#').next().unwrap_or(link));
    let paths = words.chain(links).map(|path| path.trim_end_matches('.'));
    paths.filter(|path| !path.is_empty() && !MADE_BY_RUNS.iter().any(|made| path.starts_with(made))).collect()
}

/// The paths that git is told to ignore, as far as they are named without wildcards.
fn ignored(gitignore: &str) -> Vec<&str> {
    let rooted = gitignore.lines().filter_map(|line| line.trim_end_matches('/').strip_prefix('/'));
    rooted.filter(|path| !path.contains('*')).collect()
}

fn missing<'a>(text: &'a str, ignored: &[&str]) -> Vec<&'a str> {
    let is_ignored = |path: &str| ignored.iter().any(|ignored| Path::new(path).starts_with(ignored));
    named(text).into_iter().filter(|path| is_ignored(path) || !root().join(path).exists()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the workspace")
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn given_the_documents_when_they_name_a_file_then_it_is_there() {
    let gitignore = read(".gitignore");
    for document in DOCUMENTS {
        let text = read(document);
        assert!(!named(&text).is_empty(), "{document} names nothing, so nothing was looked at");
        assert_eq!(missing(&text, &ignored(&gitignore)), Vec::<&str>::new(), "{document} names what is in no clone");
    }
}

#[test]
fn given_a_text_when_it_names_what_is_not_there_then_just_that_is_found() {
    let text = "Run `fuzz/run 5`, then fuzz/nothing. See [one](tests/documents.rs), [two](NOTHING.md), \
                [three](https://example.com/fuzz), [four](#below), [five](README.md#more); \
                finds are in fuzz/finds/frame, and bridge/src/lib.rs is ignored.";
    let gitignore = "# a remark\n/bridge/src/\n/fuzz/r*\nsim\n";
    assert_eq!(missing(text, &ignored(gitignore)), ["fuzz/nothing", "bridge/src/lib.rs", "NOTHING.md"]);
}
