//! Kept plans pass, and a folder with one that does not is told.

mod support;

use std::{fs, path::PathBuf};

use scenarios::scenario::Scenario;

/// A folder with these files and nothing else.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("regressions").join(name);
    // Left from an earlier run, if there is one.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the scratch folder is writable");
    for (file, content) in files {
        fs::write(folder.join(file), content).expect("the scratch folder is writable");
    }
    folder
}

#[test]
fn given_the_kept_plans_when_run_then_all_pass() {
    support::regressions_pass_first();
}

#[test]
fn given_a_folder_with_bad_plans_when_run_then_each_is_named_in_order_with_its_line_or_verdict() {
    let vacuous = Scenario::Steady.plan(1, 2).to_text();
    let good = Scenario::Reorg.plan(7, 50).to_text();
    let wrong = "version = 1\nscenario = \"steady\"\nseeed = 7\n";
    let files = [
        ("c-wrong.toml", wrong),
        ("a-vacuous.toml", vacuous.as_str()),
        ("b-good.toml", &good),
        ("README.md", "no plan"),
    ];
    let problems = support::run_plans_of(&folder("bad", &files)).expect_err("two of them are bad");
    let lines: Vec<&str> = problems.lines().collect();
    assert_eq!(lines.len(), 2, "{problems}");
    assert!(lines[0].contains("a-vacuous.toml: vacuous: gates missed: "), "{problems}");
    assert!(lines[1].contains("c-wrong.toml: line 3: ") && lines[1].contains("seeed"), "{problems}");
}

#[test]
fn given_a_folder_without_plans_or_none_at_all_when_run_then_an_error_names_it() {
    let empty = folder("empty", &[("README.md", "no plan")]);
    let problem = support::run_plans_of(&empty).expect_err("there is nothing to run");
    assert!(problem.contains("empty: no plan is here"), "{problem}");
    let problem = support::run_plans_of(&empty.join("no-such-folder")).expect_err("there is no such folder");
    assert!(problem.contains("no-such-folder: "), "{problem}");
}
