//! What a failed run tells: one card that fits on a screen, from what broke to the commands that show it again.
//!
//! A card has at most [`MOST_LINES`] lines. Text is at most [`WIDTH`] columns wide and ends with `...` where it was cut; a
//! command is never cut, since it is there to be copied. Text from outside (a node's error, a panic) is shown without line
//! breaks and control characters.

pub(crate) mod text;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use sim::trace::{Entry, Record};

pub(crate) use self::text::for_shell;
use self::text::{cut, one_line, short_hashes, shortened, wrapped};
use crate::{
    plan::Plan,
    report::{RunReport, Verdict},
    runner::Ending,
    shrink::Size,
};

/// Most lines of a card.
pub const MOST_LINES: usize = 25;

/// Columns of a card; only a command may need more.
pub const WIDTH: usize = 120;

/// Most events shown before the failure.
pub const MOST_EVENTS: usize = 8;

/// Where kept plans are run by the tests, seen from the project's folder.
const REGRESSIONS: &str = "scenarios/regressions/";

/// Column of labels, right-aligned as the verbs of the command line are.
const LABEL_WIDTH: usize = 12;

/// Lines for a property and its meaning.
const PROPERTY_LINES: usize = 2;

/// Lines for what was seen.
const SEEN_LINES: usize = 6;

// The heading, "when", "plan", a remark about the second run, and five lines of commands, or four and what became smaller.
const _: () = assert!(1 + PROPERTY_LINES + SEEN_LINES + 2 + MOST_EVENTS + 1 + 5 <= MOST_LINES);

/// Where a run came from, and so what shows it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A plan file. What its seed would expand to is not known to be the same.
    File(PathBuf),
    /// The seed of a scenario.
    Seed {
        /// What was asked for besides.
        asked: Asked,
        /// Where its plan is.
        plan: KeptPlan,
    },
}

/// What was asked of a scenario besides its seed, as options of the command line; shown with a blank before each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Name of the profile.
    pub profile: Option<String>,
    /// Name or file of the parameter set.
    pub params: Option<String>,
    /// Depth of the reorg.
    pub depth: Option<u64>,
    /// Simulated seconds of storm.
    pub seconds: Option<u64>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(profile) = &self.profile {
            write!(f, " --profile {profile}")?;
        }
        if let Some(params) = &self.params {
            write!(f, " --params {}", for_shell(Path::new(params)))?;
        }
        if let Some(depth) = self.depth {
            write!(f, " --depth {depth}")?;
        }
        self.seconds.map_or(Ok(()), |seconds| write!(f, " --seconds {seconds}"))
    }
}

/// The plan of a run that was started from a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptPlan {
    /// It was written to this file.
    At(PathBuf),
    /// It could not be written.
    Lost,
    /// Nobody asked for it to be kept.
    NotAsked,
}

impl Origin {
    /// The file with the run's plan, if there is one.
    pub fn plan_file(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Seed { plan: KeptPlan::At(path), .. } => Some(path),
            Self::Seed { .. } => None,
        }
    }

    /// The command that shows the failure of `report` again: with everything that happens, or, if two runs differed, how.
    pub fn replay_command(&self, report: &RunReport) -> String {
        match (self, self.plan_file()) {
            (Self::Seed { asked, .. }, _) if matches!(report.verdict, Verdict::Nondeterminism(_)) => {
                format!("dagstorm run {} --check", seed_arguments(report, asked))
            }
            (_, Some(path)) => format!("dagstorm replay {}", for_shell(path)),
            (Self::Seed { asked, .. }, None) => format!("dagstorm replay {}", seed_arguments(report, asked)),
            (Self::File(path), None) => format!("dagstorm replay {}", for_shell(path)),
        }
    }
}

/// Whether a record belongs on a card: what a bridge told, what was done to it, what broke. New kinds of records do.
pub fn is_notable(record: &Record) -> bool {
    !matches!(
        record,
        Record::BlockArrived { .. }
            | Record::BlockMined { .. }
            | Record::BlocksProcessed { .. }
            | Record::DeliveryHeld { .. }
            | Record::FrameFromNode { .. }
            | Record::FrameToNode { .. }
            | Record::Stored { .. }
    )
}

/// A failed run, told.
#[derive(Clone, Debug)]
pub struct Card {
    report: RunReport,
    property: &'static str,
    meaning: &'static str,
    seen: String,
    when: String,
    plan: String,
    /// Whether it is worth trying to make the plan smaller.
    can_be_shrunk: bool,
    /// What became smaller, if the plan was shrunk just now.
    shrunk: Option<String>,
    events: Vec<Entry>,
    /// How the run ended the second time, if otherwise.
    second_run: Option<String>,
    origin: Origin,
}

impl Card {
    /// The card of a run of `plan`; `None` if it passed. `ending` is the end of a second run of the same plan.
    pub fn new(report: &RunReport, plan: &Plan, origin: Origin, ending: Option<Ending>) -> Option<Self> {
        let (property, meaning) = report.verdict.property()?;
        let differs = |ending: &Ending| ending.report.verdict != report.verdict || ending.report.hash != report.hash;
        let second_run = ending.as_ref().filter(|ending| differs(ending)).map(|ending| {
            let Ending { report, .. } = ending;
            format!("are of a second run that ended otherwise ({}, hash {})", report.verdict.word(), short_hash(report))
        });
        Some(Self {
            report: report.clone(),
            property,
            meaning,
            seen: seen(&report.verdict),
            when: when(report, ending.as_ref().and_then(|ending| ending.last_at)),
            plan: kind_of_plan(plan),
            // One without gates was shrunk before.
            can_be_shrunk: plan.gates && !matches!(report.verdict, Verdict::Vacuous(_)),
            shrunk: None,
            events: ending.map_or_else(Vec::new, |ending| ending.last),
            second_run,
            origin,
        })
    }

    /// The card of a plan that was shrunk from another, whose size was `before`.
    pub fn shrunk_from(self, before: &Size, after: &Size) -> Self {
        Self { can_be_shrunk: false, shrunk: Some(before.to_words(after)), ..self }
    }

    /// The card, line by line.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.story();
        self.push_commands(&mut lines);
        lines
    }

    /// The card without the commands at its end.
    pub(crate) fn story(&self) -> Vec<String> {
        let mut lines = vec![labelled(&self.verb(), &self.heading())];
        push_text(&mut lines, "Property", &format!("{}: {}", self.property, self.meaning), PROPERTY_LINES);
        push_text(&mut lines, "Seen", &self.seen, SEEN_LINES);
        push_text(&mut lines, "When", &self.when, 1);
        let not_shrunk = if self.can_be_shrunk { "; not shrunk" } else { "" };
        push_text(&mut lines, "Plan", &format!("{}{not_shrunk}", self.plan), 1);
        if let Some(shrunk) = &self.shrunk {
            push_text(&mut lines, "Shrunk", shrunk, 1);
        }
        if let Some(second_run) = &self.second_run {
            push_text(&mut lines, "Last events", second_run, 1);
        }
        let events = &self.events[self.events.len().saturating_sub(MOST_EVENTS)..];
        for (position, Entry { at, record }) in events.iter().enumerate() {
            let label = if position == 0 && self.second_run.is_none() { "Last events" } else { "" };
            let text = format!("{:>12.6} s  {}", at.as_secs_f64(), short_hashes(&one_line(&record.to_string())));
            lines.push(labelled(label, &cut(&text, WIDTH - LABEL_WIDTH - 1)));
        }
        lines
    }

    /// The failure in one line, for those that get no card.
    pub fn line(&self) -> String {
        let replay = self.origin.replay_command(&self.report);
        labelled(&self.verb(), &format!("{}, {}: {replay}", self.heading(), self.property))
    }

    fn verb(&self) -> String {
        self.report.verdict.word().to_uppercase()
    }

    fn heading(&self) -> String {
        let RunReport { scenario, seed, plan_digest, .. } = &self.report;
        let plan = shortened(&plan_digest.to_string(), 8);
        format!("{scenario} seed {seed}, plan {plan}, hash {}", short_hash(&self.report))
    }

    fn push_commands(&self, lines: &mut Vec<String>) {
        let replay = self.origin.replay_command(&self.report);
        let is_of_seed = match &self.origin {
            Origin::File(_) => None,
            Origin::Seed { asked, plan } => Some((asked, plan)),
        };
        let differed = matches!(self.report.verdict, Verdict::Nondeterminism(_));
        if differed || self.origin.plan_file().is_some() {
            lines.push(labelled(if differed { "Compare" } else { "Replay" }, &replay));
        }
        if let Some(path) = self.origin.plan_file().filter(|_| self.can_be_shrunk) {
            lines.push(labelled("Shrink", &format!("dagstorm shrink {}", for_shell(path))));
        }
        if let Some((asked, plan)) = is_of_seed {
            if !differed {
                let run = format!("dagstorm run {}", seed_arguments(&self.report, asked));
                lines.push(labelled("Run its seed", &run));
            }
            if *plan == KeptPlan::Lost {
                lines.push(labelled("Not kept", "the plan could not be saved"));
            }
        }
        if let Some(path) = self.origin.plan_file() {
            lines.push(labelled("Keep it", "as a regression, which the tests run first from then on:"));
            lines.push(labelled("", &format!("cp {} {REGRESSIONS}", for_shell(path))));
        }
    }
}

/// What was seen and what should have been.
fn seen(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass => String::new(),
        Verdict::Safety(failure) | Verdict::Liveness(failure) => failure.message.clone(),
        Verdict::Nondeterminism(text) | Verdict::Panic(text) => text.clone(),
        Verdict::Vacuous(missed) => format!("gates missed: {}", missed.join("; ")),
    }
}

fn when(report: &RunReport, last_at: Option<Duration>) -> String {
    let after = |seconds: f64| format!("after {seconds:.6} s of simulated time");
    match &report.verdict {
        Verdict::Safety(failure) | Verdict::Liveness(failure) => {
            let bridge = failure.bridge.map_or_else(String::new, |bridge| format!(", bridge {bridge}"));
            format!("{}{bridge}", after(failure.at.as_secs_f64()))
        }
        Verdict::Panic(_) => match last_at {
            Some(at) => format!("{}, when the last record was made", after(at.as_secs_f64())),
            None => "after the last record".to_owned(),
        },
        Verdict::Pass | Verdict::Nondeterminism(_) | Verdict::Vacuous(_) => {
            format!("at the end of the run, {}", after(report.sim_seconds))
        }
    }
}

fn kind_of_plan(plan: &Plan) -> String {
    format!("{} s of storm, {}", plan.storm().as_secs_f64(), Size::of(plan))
}

fn seed_arguments(report: &RunReport, asked: &Asked) -> String {
    format!("{} --seed {}{asked}", report.scenario, report.seed)
}

fn short_hash(report: &RunReport) -> String {
    shortened(&report.hash.to_string(), 16)
}

/// A line of a card.
pub(crate) fn labelled(label: &str, text: &str) -> String {
    format!("{label:>LABEL_WIDTH$} {text}")
}

fn push_text(lines: &mut Vec<String>, label: &str, text: &str, most_lines: usize) {
    for (position, line) in wrapped(&one_line(text), WIDTH - LABEL_WIDTH - 1, most_lines).iter().enumerate() {
        lines.push(labelled(if position == 0 { label } else { "" }, line));
    }
}
