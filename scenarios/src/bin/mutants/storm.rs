//! The storm over what the tests missed: each mutant alone in a copy of the present workspace, and runs of it until one fails.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::{
    error::{self, MutantsError},
    output::{self, Tone},
    record::{Entry, Outcome, Record},
    sample::Mutant,
    steps::cargo,
};

/// Name of the step.
pub const NAME: &str = "storm";

/// The scenario that draws everything.
const SCENARIO: &str = "swarm";

/// Exit code of runs some of which were vacuous, and none worse.
const VACUOUS: i32 = 13;

/// How often it is looked whether a process has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How the storm is run.
#[derive(Debug)]
pub struct Storm {
    /// The copy of the workspace.
    pub tree: PathBuf,
    /// Where it is built.
    pub target: PathBuf,
    /// Where runs leave what they print and the plans that failed.
    pub output: PathBuf,
    /// Seeds of `swarm`, and then of every scenario, from 1.
    pub seeds: u64,
    /// Longest time on the wall clock for all runs of one mutant.
    pub longest: Duration,
}

/// How the runs of one build ended.
enum End {
    Passed,
    Failed(String),
    Hung,
}

impl Storm {
    /// Judges all mutants that are open.
    ///
    /// # Errors
    /// A storm that fails without a mutant, or a copy that cannot be built or run.
    pub fn run(&self, mutants: &[Mutant], record: &mut Record) -> Result<(), MutantsError> {
        let is_due = |mutant: &&Mutant| record.is_open(&mutant.name) && record.said(&mutant.name, NAME).is_none();
        let due: Vec<&Mutant> = mutants.iter().filter(is_due).collect();
        if due.is_empty() {
            return Ok(());
        }
        self.control()?;
        for mutant in due {
            let entry = self.judge(mutant)?;
            output::line(Tone::Good, "Storm", &format!("{:?} {}", entry.outcome, entry.name));
            record.add(entry)?;
        }
        Ok(())
    }

    fn control(&self) -> Result<(), MutantsError> {
        let control = |message: String| Err(MutantsError::Control { message });
        if let Some(message) = self.build()? {
            return control(format!("does not build: {message}"));
        }
        match self.storm()? {
            End::Passed => Ok(()),
            End::Failed(message) => control(format!("fails: {message}")),
            End::Hung => control(format!("does not end within {:?}", self.longest)),
        }
    }

    /// The source is as it was afterwards.
    fn judge(&self, mutant: &Mutant) -> Result<Entry, MutantsError> {
        let path = self.tree.join(&mutant.file);
        let original = error::read(&path)?;
        let entry = |outcome, detail| Entry { name: mutant.name.clone(), step: NAME.to_owned(), outcome, detail };
        let mutated = match mutant.applied(&original) {
            Ok(mutated) => mutated,
            Err(misfit) => {
                output::error(&misfit.to_string());
                return Ok(entry(Outcome::Missed, misfit.to_string()));
            }
        };
        error::write(&path, &mutated)?;
        let judged = self.judge_build();
        error::write(&path, &original)?;
        let (outcome, detail) = judged?;
        Ok(entry(outcome, detail))
    }

    fn judge_build(&self) -> Result<(Outcome, String), MutantsError> {
        if let Some(message) = self.build()? {
            return Ok((Outcome::Unviable, message));
        }
        Ok(match self.storm()? {
            End::Passed => (Outcome::Missed, String::new()),
            End::Failed(message) => (Outcome::Caught, message),
            End::Hung => (Outcome::TimedOut, String::new()),
        })
    }

    /// Builds the copy; what the compiler said if it fails.
    fn build(&self) -> Result<Option<String>, MutantsError> {
        let build = cargo()
            .current_dir(&self.tree)
            .args(["build", "--release", "--offline", "--quiet", "--package", "scenarios", "--bin", "dagstorm"])
            .arg("--target-dir")
            .arg(&self.target)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| MutantsError::Start { program: "cargo".to_owned(), source })?;
        let printed = String::from_utf8_lossy(&build.stderr);
        Ok((!build.status.success()).then(|| printed.lines().take(3).collect::<Vec<_>>().join(" ")))
    }

    fn storm(&self) -> Result<End, MutantsError> {
        for scenario in [Some(SCENARIO), None] {
            let end = self.runs(scenario)?;
            if !matches!(end, End::Passed) {
                return Ok(end);
            }
        }
        Ok(End::Passed)
    }

    /// Runs one scenario, or all. The process is gone afterwards.
    #[expect(clippy::disallowed_methods, reason = "how long a process may take, outside every run")]
    fn runs(&self, scenario: Option<&str>) -> Result<End, MutantsError> {
        let printed = self.output.join("runs.jsonl");
        error::write(&printed, "")?;
        let failed = |source| MutantsError::Write { path: printed.clone(), source };
        let file = File::options().write(true).open(&printed).map_err(failed)?;
        let mut command = Command::new(self.target.join("release/dagstorm"));
        command.arg("run").args(scenario).args(["--seeds", &format!("1..{}", self.seeds + 1)]);
        command.args(["--json", "--jobs", "1"]).arg("--save-dir").arg(self.output.join("failures"));
        command.stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
        let started = Instant::now();
        let start = |source| MutantsError::Start { program: "dagstorm".to_owned(), source };
        let mut child = command.spawn().map_err(start)?;
        loop {
            if let Some(status) = child.try_wait().map_err(start)? {
                let passed = status.success() || status.code() == Some(VACUOUS);
                return Ok(if passed {
                    End::Passed
                } else {
                    End::Failed(first_failure(&printed, &status.to_string()))
                });
            }
            if started.elapsed() > self.longest {
                let _ = child.kill();
                child.wait().map_err(start)?;
                return Ok(End::Hung);
            }
            thread::sleep(LOOK_AGAIN);
        }
    }
}

/// What `dagstorm run --json` prints of a run.
#[derive(Deserialize)]
struct Run {
    scenario: String,
    seed: u64,
    verdict: String,
    #[serde(default)]
    explanation: String,
}

/// The first run that failed, or how the process ended.
fn first_failure(printed: &Path, status: &str) -> String {
    let mut text = String::new();
    if let Ok(mut file) = fs::File::open(printed) {
        // What cannot be read tells nothing, and the exit code has told that something failed.
        let _ = file.read_to_string(&mut text);
    }
    let mut runs = text.lines().filter_map(|line| serde_json::from_str::<Run>(line).ok());
    let failed = runs.find(|run| !["pass", "vacuous"].contains(&run.verdict.as_str()));
    failed.map_or_else(
        || status.to_owned(),
        |run| format!("{} seed {}: {}: {}", run.scenario, run.seed, run.verdict, run.explanation),
    )
}
