//! Runs of the copy, until a property breaks or patience ends.
//!
//! A run is trusted only if the copy without a bug does the same as the original: for the first seeds of every scenario
//! this is compared by the hash over everything that happened, and a run that found a bug must pass without it.

use std::{
    io::{self, BufRead, BufReader, Read},
    ops::Range,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use scenarios::{
    runner,
    scenario::{Request, Scenario},
};
use serde::Deserialize;

use crate::{bug::Bug, error::PlantedError, plant::SWITCH_VARIABLE};

/// Seeds of every scenario that are compared with the original.
const CONTROL_SEEDS: Range<u64> = 1..4;

/// Seeds of the first range; each further one has twice as many.
const FIRST_SEEDS: u64 = 4;

/// Exit code of a copy some of whose runs were vacuous, and none worse.
const VACUOUS: i32 = 13;

/// Word of a run in which everything held.
const PASS: &str = "pass";

/// Word of a run that panicked; it stands for the property that nothing does.
pub const PANIC: &str = "panic";

/// How bugs are hunted.
#[derive(Debug)]
pub struct Hunter {
    /// The copy's binary.
    pub binary: PathBuf,
    /// Where the copy keeps the plans of failed runs.
    pub save_directory: PathBuf,
    /// CPU time of runs after which a bug is given up.
    pub budget_seconds: f64,
    /// Longest time on the wall clock from one finished run to the next.
    pub longest_run: Duration,
}

/// How a hunt went.
#[derive(Debug, Default)]
pub struct Hunt {
    /// Runs up to the one that found the bug.
    pub runs: u64,
    /// CPU time of these runs.
    pub cpu_seconds: f64,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a hunt ended.
#[derive(Debug, Default)]
pub enum Outcome {
    /// The copy itself came to an end that no run explains.
    Died(ExitStatus),
    /// A property that may find the bug broke.
    Found(Finding),
    /// Another property broke.
    FoundByAnother(Finding),
    /// A run did not end.
    Hung,
    /// Nothing broke.
    #[default]
    Missed,
}

/// The run that broke a property.
#[derive(Debug)]
pub struct Finding {
    /// Its scenario.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// The property.
    pub property: String,
    /// What was seen.
    pub explanation: String,
}

impl Hunter {
    /// Compares the copy without a bug with the original and returns the number of runs.
    ///
    /// # Errors
    /// The first run of the copy that fails or is not the original's.
    pub fn control(&self) -> Result<u64, PlantedError> {
        let mut runs = 0;
        let mut first_difference = None;
        let end = self.run(None, None, CONTROL_SEEDS, |run| {
            runs += 1;
            first_difference = difference(run).map(|message| (run.scenario.clone(), run.seed, message));
            first_difference.is_none()
        })?;
        if let Some((scenario, seed, message)) = first_difference {
            return Err(PlantedError::NotFaithful { scenario, seed, message });
        }
        let expected = (CONTROL_SEEDS.end - CONTROL_SEEDS.start) * Scenario::ALL.len() as u64;
        if runs != expected {
            return Err(PlantedError::Runs {
                message: format!("{runs} of {expected} runs without a bug, then {end:?}"),
            });
        }
        Ok(runs)
    }

    /// Hunts one bug through growing ranges of seeds; `on_run` is told after every run.
    ///
    /// # Errors
    /// A copy that cannot be run or understood, or that fails in the same run without the bug.
    pub fn hunt(&self, bug: &Bug, on_run: impl Fn(&Hunt)) -> Result<Hunt, PlantedError> {
        let mut hunt = Hunt::default();
        let mut seeds = 1..1 + FIRST_SEEDS;
        while hunt.cpu_seconds < self.budget_seconds {
            let mut finding = None;
            let end = self.run(Some(bug), bug.scenario.as_deref(), seeds.clone(), |run| {
                hunt.runs += 1;
                hunt.cpu_seconds += run.cpu_seconds;
                on_run(&hunt);
                finding = run.finding();
                finding.is_none() && hunt.cpu_seconds < self.budget_seconds
            })?;
            if let Some(finding) = finding {
                self.check_without_bug(&finding)?;
                let is_expected = bug.found_by.contains(&finding.property);
                hunt.outcome = if is_expected { Outcome::Found(finding) } else { Outcome::FoundByAnother(finding) };
                break;
            }
            match end {
                End::Hung => {
                    hunt.outcome = Outcome::Hung;
                    break;
                }
                // Vacuous runs show nothing, and are no failure of the copy.
                End::Exited(status) if !status.success() && status.code() != Some(VACUOUS) => {
                    hunt.outcome = Outcome::Died(status);
                    break;
                }
                End::Exited(_) | End::Stopped => {}
            }
            let count = seeds.end - seeds.start;
            seeds = seeds.end..seeds.end + 2 * count;
        }
        Ok(hunt)
    }

    fn check_without_bug(&self, finding: &Finding) -> Result<(), PlantedError> {
        let mut message = Some("it does not come to its end".to_owned());
        self.run(None, Some(&finding.scenario), finding.seed..finding.seed + 1, |run| {
            message = (run.verdict != PASS).then(|| format!("it fails: {}", run.explanation));
            true
        })?;
        let (scenario, seed) = (finding.scenario.clone(), finding.seed);
        message.map_or(Ok(()), |message| Err(PlantedError::NotFaithful { scenario, seed, message }))
    }

    /// Runs the copy until it ends, hangs, or `wants_more` says no to a run. The process is gone afterwards.
    fn run(
        &self,
        bug: Option<&Bug>,
        scenario: Option<&str>,
        seeds: Range<u64>,
        mut wants_more: impl FnMut(&Run) -> bool,
    ) -> Result<End, PlantedError> {
        let mut child = self.start(bug, scenario, &seeds)?;
        let output = child.stdout.take();
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            scope.spawn(move || send_lines(output, &sender));
            let end = self.listen(&receiver, &mut wants_more);
            // The thread ends with the process's output.
            if !matches!(end, Ok(None)) {
                let _ = child.kill();
            }
            let status = child.wait();
            let status = status.map_err(|error| PlantedError::Runs { message: format!("no end of it: {error}") })?;
            Ok(end?.unwrap_or(End::Exited(status)))
        })
    }

    /// Takes in finished runs; `None` if the process says no more.
    fn listen(
        &self,
        lines: &Receiver<io::Result<String>>,
        wants_more: &mut impl FnMut(&Run) -> bool,
    ) -> Result<Option<End>, PlantedError> {
        loop {
            let line = match lines.recv_timeout(self.longest_run) {
                Ok(Ok(line)) => line,
                Ok(Err(error)) => return Err(PlantedError::Runs { message: format!("its output ends: {error}") }),
                Err(RecvTimeoutError::Timeout) => return Ok(Some(End::Hung)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            };
            let run: Run = serde_json::from_str(&line)
                .map_err(|error| PlantedError::Runs { message: format!("{error} in '{line}'") })?;
            if !wants_more(&run) {
                return Ok(Some(End::Stopped));
            }
        }
    }

    fn start(&self, bug: Option<&Bug>, scenario: Option<&str>, seeds: &Range<u64>) -> Result<Child, PlantedError> {
        let mut command = Command::new(&self.binary);
        command.arg("run").args(scenario).arg("--seeds").arg(format!("{}..{}", seeds.start, seeds.end));
        command.args(["--json", "--jobs", "1"]).arg("--save-dir").arg(&self.save_directory);
        // Panics of a bug are in its runs' verdicts; of a copy without a bug nothing may be lost.
        let errors = if bug.is_some() { Stdio::null() } else { Stdio::inherit() };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        match bug {
            Some(bug) => command.env(SWITCH_VARIABLE, &bug.patch.name),
            None => command.env_remove(SWITCH_VARIABLE),
        };
        command.spawn().map_err(|source| PlantedError::Start { program: self.binary.display().to_string(), source })
    }
}

/// How a process ended.
#[derive(Debug)]
enum End {
    /// By itself.
    Exited(ExitStatus),
    /// It was ended, as no run came to an end for too long.
    Hung,
    /// It was ended, as no more runs were wanted.
    Stopped,
}

/// What the copy prints of a run.
#[derive(Debug, Deserialize)]
struct Run {
    scenario: String,
    seed: u64,
    verdict: String,
    #[serde(default)]
    explanation: String,
    hash: String,
    cpu_seconds: f64,
}

impl Run {
    /// The property that broke in this run. A vacuous run shows nothing, neither a bug nor that there is none.
    fn finding(&self) -> Option<Finding> {
        let shows_nothing = [PASS, "vacuous"].contains(&self.verdict.as_str());
        (!shows_nothing).then(|| Finding {
            scenario: self.scenario.clone(),
            seed: self.seed,
            property: property(&self.verdict, &self.explanation).to_owned(),
            explanation: self.explanation.clone(),
        })
    }
}

/// The name of the property, which stands before the explanation of a safety or liveness verdict. Other verdicts have
/// their own word.
fn property<'a>(verdict: &'a str, explanation: &'a str) -> &'a str {
    let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let name = explanation.split_once(": ").map(|(name, _)| name).filter(is_name);
    name.filter(|_| ["safety", "liveness"].contains(&verdict)).unwrap_or(verdict)
}

/// What differs between a run of the copy and the same run of the code that this program was built with.
fn difference(copy: &Run) -> Option<String> {
    if copy.verdict != PASS {
        return Some(format!("it fails: {}", copy.explanation));
    }
    let Some(scenario) = Scenario::by_name(&copy.scenario) else {
        return Some("the original has no such scenario".to_owned());
    };
    let plan = match scenario.expand(&Request::new(copy.seed)) {
        Ok(plan) => plan,
        Err(error) => return Some(format!("the original has no such plan: {error}")),
    };
    let original = runner::run_plan(&plan, false);
    let hash = original.hash.to_string();
    (hash != copy.hash).then(|| {
        format!("its hash is {}, the original's {hash}; was a source changed after this program was built?", copy.hash)
    })
}

fn send_lines(output: Option<impl Read>, lines: &mpsc::Sender<io::Result<String>>) {
    let Some(output) = output else { return };
    for line in BufReader::new(output).lines() {
        let is_last = line.is_err();
        if lines.send(line).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_explanations_when_the_property_is_read_then_it_is_the_name_before_the_colon() {
        assert_eq!(property("safety", "bounded-queue: 5,000 events wait: too many"), "bounded-queue");
        assert_eq!(property("liveness", "convergence: still at 7"), "convergence");
        assert_eq!(property("liveness", "stall: deadlock after 3 s: no task is ready"), "stall");
        assert_eq!(property("liveness", "Nothing moves: no task is ready"), "liveness");
        assert_eq!(property("panic", "overflow: in add"), PANIC);
        assert_eq!(property("nondeterminism", ""), "nondeterminism");
    }

    #[test]
    fn given_the_line_of_a_run_when_read_then_only_a_broken_property_is_a_finding() {
        let run = |verdict: &str, rest: &str| {
            let line = format!(
                r#"{{"scenario":"reorg","seed":7,"plan":"x","verdict":"{verdict}","hash":"y","cpu_seconds":0.5,"new":1{rest}}}"#
            );
            serde_json::from_str::<Run>(&line).expect("the line is good")
        };
        assert!(run("pass", "").finding().is_none());
        assert!(run("vacuous", r#","explanation":"gates missed: reorgs""#).finding().is_none());
        let finding = run("safety", r#","explanation":"path: odd""#).finding().expect("a property broke");
        assert_eq!((finding.scenario.as_str(), finding.seed, finding.property.as_str()), ("reorg", 7, "path"));
        assert!(serde_json::from_str::<Run>("{}").is_err());
    }
}
