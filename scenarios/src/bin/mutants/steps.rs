//! The fast tests, in steps: those that catch most come first, and only what they miss goes on to the next.
//!
//! A step is one call of `cargo mutants`, which works in the copy itself, so that every build is incremental. What it has
//! written is taken in before and after, so that a step that was interrupted loses nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

use crate::{
    error::MutantsError,
    record::{Entry, Outcome, Record},
    sample::{Mutant, parse_list},
};

/// The sources that are mutated: wire, follower, chain view, checkpoint.
const SOURCES: [&str; 5] = [
    "bridge/src/wire/**",
    "bridge/src/follower/**",
    "bridge/src/chain/**",
    "bridge/src/checkpoint.rs",
    "bridge/src/window.rs",
];

/// The crate that they are of.
const PACKAGE: &str = "bridge";

/// Tests that are run together.
#[derive(Debug)]
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// The sources for whose mutants it is, by the start of their path.
    pub sources: &'static [&'static str],
    /// The crate that has the tests.
    package: &'static str,
    /// What `cargo test` is told to build.
    targets: &'static [&'static str],
    /// What the tests are told: which to run, which to leave out.
    choice: &'static [&'static str],
}

const WIRE: &[&str] = &["bridge/src/wire/"];
const REST: &[&str] =
    &["bridge/src/follower/", "bridge/src/chain/", "bridge/src/checkpoint.rs", "bridge/src/window.rs"];

/// Leaves out tests that take longer than half a second: long catch-ups, and laws that are tried on many inputs.
#[rustfmt::skip]
const WITHOUT_SLOW: &[&str] = &[
    "--skip", "given_any_history",
    "--skip", "given_any_operations",
    "--skip", "given_blocks_faster",
    "--skip", "given_connections_that_end",
    "--skip", "given_hashes_ground",
    "--skip", "given_many_pages",
    "--skip", "given_pages",
];

/// All steps, in their order. Tests that open sockets or wait on a real clock are in none.
#[rustfmt::skip]
pub const STEPS: [Step; 6] = [
    Step {
        name: "unit tests and hostile frames",
        sources: WIRE,
        package: PACKAGE,
        targets: &["--lib", "--test", "wire_hostile", "--test", "captured_session"],
        choice: WITHOUT_SLOW,
    },
    Step {
        name: "unit tests and scripted nodes",
        sources: REST,
        package: PACKAGE,
        targets: &["--lib", "--test", "follower", "--test", "checkpoint"],
        choice: WITHOUT_SLOW,
    },
    Step {
        name: "stories of bug classes",
        sources: &["bridge/src/"],
        package: PACKAGE,
        targets: &["--test", "bug_classes", "--test", "checkpoint_bridge", "--test", "follower", "--test", "wire_allocation"],
        choice: WITHOUT_SLOW,
    },
    Step {
        name: "frames of a real node",
        sources: WIRE,
        package: "dagstorm-tests",
        targets: &["--test", "frames"],
        choice: &[],
    },
    Step {
        name: "laws of the chain view",
        sources: &["bridge/src/chain/"],
        package: PACKAGE,
        targets: &["--lib"],
        choice: &["chain::"],
    },
    Step {
        name: "laws of the follower and long catch-ups",
        sources: REST,
        package: PACKAGE,
        targets: &["--test", "follower"],
        choice: &["given_any_history", "given_pages", "given_connections_that_end", "given_many_pages", "given_blocks_faster"],
    },
];

/// The copy in which mutants are made, and where `cargo mutants` writes what it found.
#[derive(Debug)]
pub struct Bench {
    /// The copy of the workspace.
    pub tree: PathBuf,
    /// Where it is built.
    pub target: PathBuf,
    /// Where `cargo mutants` writes.
    pub output: PathBuf,
    /// Longest time for one mutant's tests, and for its build.
    pub timeout_seconds: u64,
}

impl Bench {
    /// Whether the tool is there.
    ///
    /// # Errors
    /// How to install it.
    pub fn check_tool() -> Result<(), MutantsError> {
        let status = cargo().args(["mutants", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.ok().filter(|status| status.success()).map(|_| ()).ok_or(MutantsError::NoTool)
    }

    /// All mutants of the sources.
    ///
    /// # Errors
    /// `cargo mutants` fails, or prints no list.
    pub fn all_mutants(&self) -> Result<Vec<Mutant>, MutantsError> {
        let mut command = cargo();
        command.current_dir(&self.tree).args(["mutants", "--list", "--json", "--package", PACKAGE]);
        command.args(SOURCES.iter().flat_map(|source| ["--file", source]));
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|source| MutantsError::Start { program: "cargo mutants".to_owned(), source })?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(MutantsError::Program { program: "cargo mutants".to_owned(), status: output.status, message });
        }
        parse_list(&String::from_utf8_lossy(&output.stdout))
    }

    /// Judges those of `mutants` that are open and for which the step is.
    ///
    /// # Errors
    /// `cargo mutants` ends without an outcome for every mutant.
    pub fn run(&self, step: &Step, mutants: &[Mutant], record: &mut Record) -> Result<(), MutantsError> {
        self.harvest(step, record)?;
        let is_for = |mutant: &&Mutant| step.sources.iter().any(|source| mutant.file.starts_with(source));
        let is_due = |mutant: &&Mutant| record.is_open(&mutant.name) && record.said(&mutant.name, step.name).is_none();
        let due: Vec<&Mutant> = mutants.iter().filter(is_for).filter(is_due).collect();
        if due.is_empty() {
            return Ok(());
        }
        let output = self.output_of(step);
        fs::create_dir_all(&output).map_err(|source| MutantsError::Write { path: output, source })?;
        let status = self
            .command(step, &due)
            .status()
            .map_err(|source| MutantsError::Start { program: "cargo mutants".to_owned(), source })?;
        self.harvest(step, record)?;
        match due.iter().find(|mutant| record.said(&mutant.name, step.name).is_none()) {
            Some(mutant) => {
                let message = format!("no outcome for '{}'", mutant.name);
                Err(MutantsError::Program { program: "cargo mutants".to_owned(), status, message })
            }
            None => Ok(()),
        }
    }

    fn command(&self, step: &Step, mutants: &[&Mutant]) -> Command {
        let mut command = cargo();
        command.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.target).stdin(Stdio::null());
        // Most of the time goes into builds, and the tests are short.
        command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
        // Nothing is written beside the tests that fail.
        command.env("INSTA_UPDATE", "no").env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true");
        command.args(["mutants", "--in-place", "--baseline", "skip", "--package", PACKAGE, "--colors", "never"]);
        command.args(SOURCES.iter().flat_map(|source| ["--file", source]));
        command.args(["--test-package", step.package, "--timeout"]).arg(self.timeout_seconds.to_string());
        command.arg("--build-timeout").arg((2 * self.timeout_seconds).to_string());
        command.arg("--output").arg(self.output_of(step));
        for mutant in mutants {
            command.arg("--re").arg(format!("^{}$", escaped(&mutant.name)));
        }
        // Arguments of Cargo are for the build as well, which else would build every test of the crate.
        command.arg("--cargo-arg=--offline").args(step.targets.iter().map(|target| format!("--cargo-arg={target}")));
        command.args(["--", "--"]).args(step.choice);
        command
    }

    /// Takes in what `cargo mutants` has written of a step.
    fn harvest(&self, step: &Step, record: &mut Record) -> Result<(), MutantsError> {
        let path = self.output_of(step).join("mutants.out/outcomes.json");
        let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
        for entry in entries(step, &path, &text)? {
            record.add(entry)?;
        }
        Ok(())
    }

    fn output_of(&self, step: &Step) -> PathBuf {
        self.output.join(step.name.replace(' ', "-"))
    }
}

/// Cargo.
pub fn cargo() -> Command {
    Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
}

/// What `outcomes.json` says.
#[derive(Deserialize)]
struct Outcomes {
    outcomes: Vec<OutcomeForm>,
}

#[derive(Deserialize)]
struct OutcomeForm {
    scenario: serde_json::Value,
    summary: String,
}

fn entries(step: &Step, path: &Path, text: &str) -> Result<Vec<Entry>, MutantsError> {
    let wrong = |message| MutantsError::Output { what: path.display().to_string(), message };
    let outcomes: Outcomes = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let mut entries = Vec::new();
    for form in outcomes.outcomes {
        let Some(name) = form.scenario.pointer("/Mutant/name").and_then(|name| name.as_str()) else { continue };
        let outcome = match form.summary.as_str() {
            "CaughtMutant" => Outcome::Caught,
            "MissedMutant" => Outcome::Missed,
            "Timeout" => Outcome::TimedOut,
            "Unviable" => Outcome::Unviable,
            other => return Err(wrong(format!("'{other}' is no outcome of a mutant"))),
        };
        entries.push(Entry { name: name.to_owned(), step: step.name.to_owned(), outcome, detail: String::new() });
    }
    Ok(entries)
}

/// A text as a regular expression that matches just it.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() * 2);
    for letter in text.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_what_the_tool_wrote_when_read_then_the_outcome_of_every_mutant_and_nothing_else() {
        let written = r#"{"outcomes":[{"scenario":"Baseline","summary":"Success","phase_results":[]},
            {"scenario":{"Mutant":{"name":"a.rs:1:2: replace < with >"}},"summary":"CaughtMutant"},
            {"scenario":{"Mutant":{"name":"b"}},"summary":"Timeout"}],"total_mutants":2}"#;
        let found = entries(&STEPS[1], Path::new("outcomes.json"), written).expect("it is good");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].outcome), ("a.rs:1:2: replace < with >", Outcome::Caught));
        assert_eq!((found[1].outcome, found[1].step.as_str()), (Outcome::TimedOut, STEPS[1].name));
        let odd = written.replace("\"Timeout\"", "\"Odd\"");
        assert!(entries(&STEPS[1], Path::new("outcomes.json"), &odd).is_err());
    }

    #[test]
    fn given_a_name_when_escaped_then_what_has_a_meaning_in_expressions_is_marked_and_nothing_else() {
        assert_eq!(
            escaped("a.rs:1:2: replace f -> (u8, &T) with *x < y"),
            r"a\.rs:1:2: replace f \-> \(u8, \&T\) with \*x < y"
        );
    }

    #[test]
    fn given_any_source_that_is_mutated_then_some_step_is_for_it() {
        for source in SOURCES {
            let source = source.trim_end_matches("**");
            assert!(STEPS.iter().any(|step| step.sources.contains(&source)), "{source}");
        }
    }
}
