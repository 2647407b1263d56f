//! The `planted` command as a user meets it, up to the build of the copy, which takes too long for a test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const GOOD: &str = r#"
name = "odd"
meaning = "It is odd."
really_happened = "project #1"
found_by = ["path"]

[[edits]]
file = "bridge/src/chain/mod.rs"
find = "impl ChainView {"
replace = 'impl ChainView { fn is_odd() -> bool { crate::planted::is("odd") }'
"#;

fn planted(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_planted")).args(arguments).output().expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the command prints UTF-8")
}

/// A directory with these bug files.
fn bugs(directory: &str, files: &[(&str, &str)]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(directory);
    fs::create_dir_all(&path).expect("the scratch folder is writable");
    for (name, content) in files {
        fs::write(path.join(name), content).expect("the scratch folder is writable");
    }
    path
}

fn list(directory: &Path) -> Output {
    planted(&["--list", "--bugs", directory.to_str().expect("scratch paths are UTF-8")])
}

/// What is said of bug files that are refused.
fn refused(directory: &str, files: &[(&str, &str)]) -> String {
    let output = list(&bugs(directory, files));
    let error = text(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{error}");
    error
}

#[test]
fn given_the_bugs_of_this_project_when_listed_then_each_fits_the_present_bridge_and_tells_its_source() {
    let output = planted(&["--list"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (listed, directory) = (text(&output.stdout), Path::new(env!("CARGO_MANIFEST_DIR")).join("planted"));
    let files = fs::read_dir(directory).expect("the directory is there").map(|file| file.expect("it can be read"));
    let mut names: Vec<String> =
        files.map(|file| file.path().file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    names.sort();
    let heads: Vec<&str> = listed.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(heads, names);
    assert_eq!(listed.matches("    really happened: ").count(), names.len());
}

#[test]
fn given_good_bug_files_and_others_when_listed_then_the_bugs_come_by_name_and_the_others_are_left_alone() {
    let other_text = "\"pub(crate) struct ChainView {\"";
    let even = GOOD.replace("odd", "even").replace("\"impl ChainView {\"", other_text);
    let directory = bugs("planted_good", &[("odd.toml", GOOD), ("even.toml", &even), ("README.md", "no bug")]);
    let output = list(&directory);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let listed = text(&output.stdout);
    let heads: Vec<&str> = listed.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(heads, ["even", "odd"]);
}

#[test]
fn given_an_unknown_field_when_read_then_file_line_and_field_are_named() {
    let error = refused("planted_field", &[("odd.toml", &GOOD.replace("found_by", "found_bye"))]);
    assert!(error.contains("odd.toml:5: ") && error.contains("found_bye"), "{error}");
}

#[test]
fn given_a_text_that_the_bridge_does_not_have_once_when_planted_then_file_line_and_count_are_named() {
    let error = refused("planted_gone", &[("odd.toml", &GOOD.replace("\"impl ChainView {\"", "\"never there\""))]);
    assert!(error.contains("odd.toml:9: ") && error.contains("0 times"), "{error}");
    let error = refused("planted_twice", &[("odd.toml", &GOOD.replace("\"impl ChainView {\"", "\"pub(crate) fn\""))]);
    assert!(error.contains("odd.toml:9: ") && error.contains("exactly once"), "{error}");
}

#[test]
fn given_two_bugs_that_change_the_same_text_when_planted_then_both_files_are_named() {
    let error = refused("planted_overlap", &[("odd.toml", GOOD), ("even.toml", &GOOD.replace("odd", "even"))]);
    assert!(error.contains("odd.toml:9") && error.contains("even.toml:9"), "{error}");
}

#[test]
fn given_a_file_outside_the_bridge_when_read_then_refused() {
    let error = refused("planted_outside", &[("odd.toml", &GOOD.replace("bridge/src/chain/mod.rs", "sim/src/lib.rs"))]);
    assert!(error.contains("odd.toml:8: ") && error.contains("sim/src/lib.rs"), "{error}");
}

#[test]
fn given_a_property_that_there_is_not_when_read_then_refused_with_file_line_and_what_there_is() {
    let wrong = GOOD.replace("[\"path\"]", "[\n    \"path\",\n    \"pth\",\n]");
    let error = refused("planted_property", &[("odd.toml", &wrong)]);
    assert!(error.contains("odd.toml:7: ") && error.contains("'pth'") && error.contains("convergence, "), "{error}");
    let all = "[\"path\", \"matches-node\", \"progress\", \"panic\"]";
    let output = list(&bugs("planted_properties", &[("odd.toml", &GOOD.replace("[\"path\"]", all))]));
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn given_a_directory_without_a_bug_when_hunted_or_listed_then_a_usage_error_names_it() {
    let error = refused("planted_none", &[("README.md", "no bug")]);
    assert!(error.contains("planted_none has no bug"), "{error}");
    let directory = bugs("planted_none", &[]);
    for rest in [&[][..], &["--bug", "odd"]] {
        let directory = directory.to_str().expect("scratch paths are UTF-8");
        let output = planted(&[&["--bugs", directory], rest].concat());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{}", text(&output.stderr));
    }
}

#[test]
fn given_an_unknown_bug_or_option_when_asked_then_a_usage_error_before_anything_is_built() {
    let output = planted(&["--bug", "no-such-bug"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no-such-bug"), "{}", text(&output.stderr));
    assert_eq!(planted(&["--no-such-option"]).status.code(), Some(2));
    assert_eq!(planted(&["--budget-seconds", "0"]).status.code(), Some(2));
}

#[test]
fn given_help_when_asked_then_it_has_examples_and_exit_codes() {
    let output = planted(&["--help"]);
    assert!(output.status.success());
    let help = text(&output.stdout);
    assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{help}");
}
