//! The stories of the bug classes, run against the copy: all of them with every handling in place, then each alone without
//! what handles its class.
//!
//! A trial is trusted only if the copy passes all stories while nothing is removed.

use std::{
    collections::BTreeSet,
    io::Read,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{error::PlantedError, handling::Handling, plant::SWITCH_VARIABLE};

/// Exit code of a test program some of whose tests failed (`libtest`).
const FAILED: i32 = 101;

/// Most of what a program printed that is told of it.
const TOLD_LINES: usize = 40;

/// How stories are run.
#[derive(Debug)]
pub struct Trial {
    /// The copy's test program.
    pub binary: PathBuf,
    /// Longest time on the wall clock for one story, and for all of them together.
    pub longest_run: Duration,
}

/// How a story went without its handling.
#[derive(Debug)]
pub struct Verdict {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
}

/// How a story ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The program came to an end that no failed assertion explains.
    Died(ExitStatus),
    /// It failed, at this place.
    Failed(String),
    /// It did not end in time, and was ended. That, too, is a failure that everybody sees.
    Hung,
    /// It passed: it does not show what it is there for.
    Passed,
}

impl Outcome {
    /// Whether the removal was noticed.
    pub fn is_found(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Hung)
    }
}

impl Trial {
    /// Runs all stories with nothing removed and returns their number.
    ///
    /// # Errors
    /// A handling whose story is not among them, or a story that fails.
    pub fn control(&self, handlings: &[Handling]) -> Result<usize, PlantedError> {
        let (listed, _) = self.run(None, &["--list", "--format", "terse"])?;
        let stories: BTreeSet<&str> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
        if let Some(handling) = handlings.iter().find(|handling| !stories.contains(handling.test.as_str())) {
            let (path, test) = (handling.patch.path.clone(), handling.test.clone());
            return Err(PlantedError::NoStory { path, test });
        }
        let (printed, status) = self.run(None, &[])?;
        match status {
            Some(status) if status.success() => Ok(stories.len()),
            Some(_) => Err(PlantedError::Stories { message: format!("they fail:\n{}", end_of(&printed)) }),
            None => {
                let message = format!("they do not end within {:?}", self.longest_run);
                Err(PlantedError::Stories { message })
            }
        }
    }

    /// Runs the story of a handling without it.
    ///
    /// # Errors
    /// A copy that cannot be run.
    #[expect(clippy::disallowed_methods, reason = "how long a story took, outside every run")]
    pub fn without(&self, handling: &Handling) -> Result<Verdict, PlantedError> {
        let started = Instant::now();
        let (printed, status) = self.run(Some(handling), &["--exact", &handling.test])?;
        let outcome = match status {
            None => Outcome::Hung,
            Some(status) if status.success() => Outcome::Passed,
            Some(status) if status.code() == Some(FAILED) => Outcome::Failed(place(&printed)),
            Some(status) => Outcome::Died(status),
        };
        Ok(Verdict { outcome, seconds: started.elapsed().as_secs_f64() })
    }

    /// What the program printed, and how it ended; `None` if it had to be ended. The process is gone afterwards.
    fn run(
        &self,
        handling: Option<&Handling>,
        arguments: &[&str],
    ) -> Result<(String, Option<ExitStatus>), PlantedError> {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env("RUST_BACKTRACE", "0");
        // Panics are in what is printed; what else is written to standard error belongs to no test.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        match handling {
            Some(handling) => command.env(SWITCH_VARIABLE, &handling.patch.name),
            None => command.env_remove(SWITCH_VARIABLE),
        };
        let failed = |source| PlantedError::Start { program: self.binary.display().to_string(), source };
        let mut child = command.spawn().map_err(failed)?;
        let output = child.stdout.take();
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            scope.spawn(move || {
                let mut bytes = Vec::new();
                let read = output.map_or(Ok(0), |mut output| output.read_to_end(&mut bytes));
                // Nobody listens any more after a hang.
                let _ = sender.send(read.map(|_| bytes));
            });
            // The thread ends with the process's output.
            let received = receiver.recv_timeout(self.longest_run);
            if received.is_err() {
                let _ = child.kill();
            }
            let unclear = |error| PlantedError::Runs { message: format!("no end of it: {error}") };
            let status = child.wait().map_err(unclear)?;
            match received {
                Ok(Ok(bytes)) => Ok((String::from_utf8_lossy(&bytes).into_owned(), Some(status))),
                Ok(Err(error)) => Err(PlantedError::Runs { message: format!("its output ends: {error}") }),
                Err(_) => Ok((String::new(), None)),
            }
        })
    }
}

/// Where a test panicked: `... panicked at FILE:LINE:COLUMN:`, the file by its name.
fn place(printed: &str) -> String {
    let place = printed.lines().find_map(|line| line.split_once(" panicked at "));
    let place = place.map_or("an unknown place", |(_, place)| place.trim_end_matches(':'));
    place.rsplit('/').next().unwrap_or(place).to_owned()
}

/// The last lines.
fn end_of(printed: &str) -> String {
    let lines: Vec<&str> = printed.lines().collect();
    lines[lines.len().saturating_sub(TOLD_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_what_a_failed_test_prints_when_read_then_the_place_of_its_panic() {
        let printed = "\nrunning 1 test\n---- a::b stdout ----\n\nthread 'a::b' (12) panicked at \
                       bridge/tests/bug_classes/../support/pair.rs:300:9:\nassertion failed\n";
        assert_eq!(place(printed), "pair.rs:300:9");
        assert_eq!(place("nothing"), "an unknown place");
    }

    #[test]
    fn given_outcomes_when_asked_then_a_failure_and_a_hang_are_found() {
        assert!(Outcome::Failed(String::new()).is_found() && Outcome::Hung.is_found());
        assert!(!Outcome::Passed.is_found() && !Outcome::Died(ExitStatus::default()).is_found());
    }

    #[test]
    fn given_a_long_print_when_told_then_its_last_lines() {
        let printed: String = (0..100).map(|line| format!("{line}\n")).collect();
        assert!(end_of(&printed).starts_with("60\n") && end_of(&printed).ends_with("\n99"));
        assert_eq!(end_of("short"), "short");
    }
}
