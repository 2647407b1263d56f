//! A run that failed: its plan and its log are kept, and a card tells what broke and how to see it again.

use std::{
    fmt,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    thread,
};

use super::storm::PLAN_VARIABLE;
use crate::{
    card::{self, Asked, Card, KeptPlan, Origin, labelled},
    plan::Plan,
    report::{RunReport, Verdict},
    run::seat::Subject,
    runner,
};

/// A run that failed.
#[derive(Clone, Debug)]
pub struct FailedRun {
    report: RunReport,
    plan: Plan,
    kept: Kept,
    card: Vec<String>,
}

/// What was kept of a run, or why nothing could be.
#[derive(Clone, Debug)]
enum Kept {
    /// The plan; beside it the log, if there is one.
    At {
        plan: PathBuf,
        log: Option<PathBuf>,
    },
    Lost {
        why: String,
    },
}

impl FailedRun {
    /// Keeps the plan in `folder`, runs it once more with `subject` for its end and its log, and writes the card.
    pub(super) fn explain(report: &RunReport, plan: Plan, folder: &Path, subject: Box<dyn Subject>) -> Self {
        let mut kept = Kept::new(report, &plan, folder);
        let mut log = kept.create_log();
        let wanted = (card::MOST_EVENTS, card::is_notable as fn(&_) -> bool);
        let ending = runner::ending_of_subject(plan.clone(), subject, wanted, |entry| {
            // That a log cannot be written is no failure of what is stormed: it only saves a replay.
            if let Some(file) = &mut log
                && writeln!(file, "{entry}").is_err()
            {
                log = None;
            }
        });
        if log.is_none_or(|mut file| file.flush().is_err()) {
            kept.forget_log();
        }
        // Where two runs differ, the end of a third explains nothing.
        let ending = (!matches!(report.verdict, Verdict::Nondeterminism(_))).then_some(ending);
        let origin = Origin::Seed { asked: Asked::default(), plan: KeptPlan::NotAsked };
        let mut card = Card::new(report, &plan, origin, ending).map(|card| card.story()).unwrap_or_default();
        kept.push_commands(&mut card);
        Self { report: report.clone(), plan, kept, card }
    }

    /// How it ended, and its figures.
    pub fn report(&self) -> &RunReport {
        &self.report
    }

    /// Name of the property that was broken.
    pub fn property(&self) -> &'static str {
        self.report.verdict.property().map_or("", |(name, _)| name)
    }

    /// What it was made from.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The file in which the plan is kept, unless it could not be written.
    pub fn plan_file(&self) -> Option<&Path> {
        match &self.kept {
            Kept::At { plan, .. } => Some(plan),
            Kept::Lost { .. } => None,
        }
    }

    /// The file with everything that happened in it.
    pub fn log_file(&self) -> Option<&Path> {
        match &self.kept {
            Kept::At { log, .. } => log.as_deref(),
            Kept::Lost { .. } => None,
        }
    }
}

/// The card: what broke, the last that happened, what shows it again.
impl fmt::Display for FailedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.card.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Kept {
    fn new(report: &RunReport, plan: &Plan, folder: &Path) -> Self {
        let digest = &report.plan_digest.to_string()[..8];
        let name = format!("{}-{}-{digest}.toml", report.scenario, report.seed);
        let keep = || -> io::Result<PathBuf> {
            fs::create_dir_all(folder)?;
            // Tests and the shell from which a replay is started have different folders.
            let path = fs::canonicalize(folder)?.join(name);
            fs::write(&path, plan.to_text())?;
            Ok(path)
        };
        match keep() {
            Ok(plan) => Self::At { plan, log: None },
            Err(error) => Self::Lost { why: format!("{}: {error}", folder.display()) },
        }
    }

    fn create_log(&mut self) -> Option<BufWriter<File>> {
        let Self::At { plan, log } = self else { return None };
        let path = plan.with_extension("log");
        let file = File::create(&path).ok()?;
        *log = Some(path);
        Some(BufWriter::new(file))
    }

    fn forget_log(&mut self) {
        if let Self::At { log, .. } = self {
            *log = None;
        }
    }

    fn push_commands(&self, card: &mut Vec<String>) {
        match self {
            Self::At { plan, log } => {
                // The harness of `cargo test` names the thread of a test after it.
                let here = thread::current();
                let test =
                    here.name().filter(|name| *name != "main").map_or_else(String::new, |name| format!(" {name}"));
                // In quotes, which a shell and Rust understand.
                let path = format!("{:?}", plan.display().to_string());
                card.push(labelled("Replay", &format!("{PLAN_VARIABLE}={path} cargo test{test}")));
                card.push(labelled("or in code", &format!(".plan({path})")));
                if let Some(log) = log {
                    card.push(labelled("Log", &log.display().to_string()));
                }
            }
            Self::Lost { why } => card.push(labelled("Not kept", &format!("the plan cannot be saved at {why}"))),
        }
    }
}
