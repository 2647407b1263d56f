//! What runs amounted to: a line for each, a table for all, and the coverage points.

mod text;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use scenarios::{
    coverage::{Coverage, Point},
    report::{self, Figures, RunLine, VerdictKind},
};
use serde::Serialize;

use super::output::{self, Tone};

/// One line for a run that passed.
pub fn print_run(line: &RunLine) {
    output::line(Tone::Good, "PASS", &text::run(line));
}

/// Sums over runs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sums {
    runs: u64,
    passed: u64,
    sim_seconds: f64,
    cpu_seconds: f64,
    #[serde(flatten)]
    figures: Figures,
}

/// A run that took more CPU time than every other.
#[derive(Clone, Debug, Serialize)]
pub struct Slowest {
    scenario: String,
    seed: u64,
    sim_seconds: f64,
    cpu_seconds: f64,
}

/// Sums over the runs of a command.
pub struct Summary {
    started: Instant,
    rows: BTreeMap<String, Sums>,
    verdicts: BTreeMap<VerdictKind, u64>,
    properties: BTreeMap<String, u64>,
    coverage: Coverage,
    slowest: Option<Slowest>,
}

/// The last object of a soak's JSON lines. Fields are added and never change their meaning.
#[derive(Serialize)]
struct JsonSummary<'a> {
    exit_code: u8,
    wall_seconds: f64,
    stopped: bool,
    runs_asked: Option<u64>,
    #[serde(flatten)]
    all: Sums,
    sim_seconds_per_cpu_second: f64,
    verdicts: BTreeMap<&'static str, u64>,
    failures_by_property: &'a BTreeMap<String, u64>,
    slowest: Option<&'a Slowest>,
    scenarios: &'a BTreeMap<String, Sums>,
    coverage: &'a Coverage,
    coverage_missed: Vec<&'static str>,
    coverage_gate: bool,
}

impl Sums {
    fn add(&mut self, line: &RunLine) {
        self.runs += 1;
        self.passed += u64::from(line.verdict == VerdictKind::Pass);
        self.sim_seconds += line.sim_seconds;
        self.cpu_seconds += line.cpu_seconds;
        self.figures.add(&line.figures);
    }

    /// Simulated seconds per CPU second; 0 before anything was measured.
    fn ratio(&self) -> f64 {
        if self.cpu_seconds > 0.0 { self.sim_seconds / self.cpu_seconds } else { 0.0 }
    }
}

impl Summary {
    /// From now on.
    #[expect(clippy::disallowed_methods, reason = "how long the user waited, outside every run")]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            rows: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            properties: BTreeMap::new(),
            coverage: Coverage::default(),
            slowest: None,
        }
    }

    /// Adds a run.
    pub fn add(&mut self, line: &RunLine) {
        self.rows.entry(line.scenario.clone()).or_default().add(line);
        *self.verdicts.entry(line.verdict).or_default() += 1;
        if let Some(property) = &line.property {
            *self.properties.entry(property.clone()).or_default() += 1;
        }
        self.coverage.add(&line.coverage);
        if self.slowest.as_ref().is_none_or(|slowest| slowest.cpu_seconds < line.cpu_seconds) {
            let RunLine { sim_seconds, cpu_seconds, seed, .. } = *line;
            self.slowest = Some(Slowest { scenario: line.scenario.clone(), seed, sim_seconds, cpu_seconds });
        }
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Runs done.
    pub fn runs(&self) -> u64 {
        self.verdicts.values().sum()
    }

    /// Runs done that did not pass.
    pub fn failed(&self) -> u64 {
        self.runs() - self.verdicts.get(&VerdictKind::Pass).copied().unwrap_or(0)
    }

    /// By the gravest verdict.
    pub fn exit_code(&self) -> u8 {
        report::exit_code(self.verdicts.keys().copied())
    }

    /// The same, and 13 if a coverage point was missed and nothing is graver.
    pub fn exit_code_with_coverage(&self) -> u8 {
        match self.exit_code() {
            0 if !self.coverage.missed().is_empty() => VerdictKind::Vacuous.exit_code(),
            code => code,
        }
    }

    /// How far the runs are, for a line that is seen while they go on.
    pub fn progress(&self) -> String {
        let all = self.all();
        let reached = Point::ALL.len() - self.coverage.missed().len();
        text::progress(&all, self.elapsed(), reached, self.failed())
    }

    /// How many coverage points the runs reached; `no_gate` says why it does not matter if some were missed.
    pub fn print_coverage(&self, no_gate: Option<&str>) {
        let (missed, all) = (self.coverage.missed().len(), Point::ALL.len());
        let tone = if missed == 0 || no_gate.is_some() { Tone::Good } else { Tone::Bad };
        let no_gate = no_gate.filter(|_| missed > 0).map_or_else(String::new, |why| format!(" (no failure: {why})"));
        output::line(tone, "Coverage", &format!("{} of {all} points reached{no_gate}", all - missed));
    }

    /// Each coverage point that no run reached.
    pub fn print_missed_points(&self) {
        for point in self.coverage.missed() {
            output::line(Tone::Bad, "Missed", &format!("{}: {}", point.name(), point.meaning()));
        }
    }

    /// The table of scenarios, what happened in the runs, and the line with the totals.
    pub fn print(&self) {
        output::plain("");
        text::table(&self.rows).iter().for_each(|line| output::plain(line));
        output::plain("");
        let all = self.all();
        for (verb, text) in text::happenings(&all.figures) {
            output::line(Tone::Good, verb, &text);
        }
        if let Some(slowest) = self.slowest.as_ref().filter(|_| self.runs() > 1) {
            output::line(Tone::Good, "Slowest", &text::slowest(slowest));
        }
        for (property, count) in &self.properties {
            output::line(Tone::Bad, "Failed", &format!("{property}: {count} of {} runs", self.runs()));
        }
        let tone = if self.failed() == 0 { Tone::Good } else { Tone::Bad };
        output::line(tone, "Summary", &text::total(&all, self.elapsed()));
    }

    /// `{"summary": {...}}` in one line. `coverage_gate` tells whether a missed coverage point counts as a failure, `stopped`
    /// whether something is left to do; `runs_asked` is `None` if it was not runs but a time that was asked for.
    pub fn to_json(&self, exit_code: u8, coverage_gate: bool, stopped: bool, runs_asked: Option<u64>) -> String {
        let all = self.all();
        let summary = JsonSummary {
            exit_code,
            wall_seconds: self.elapsed().as_secs_f64(),
            stopped,
            runs_asked,
            sim_seconds_per_cpu_second: all.ratio(),
            all,
            verdicts: self.verdicts.iter().map(|(verdict, count)| (verdict.word(), *count)).collect(),
            failures_by_property: &self.properties,
            slowest: self.slowest.as_ref(),
            scenarios: &self.rows,
            coverage: &self.coverage,
            coverage_missed: self.coverage.missed().into_iter().map(Point::name).collect(),
            coverage_gate,
        };
        serde_json::json!({ "summary": summary }).to_string()
    }

    fn all(&self) -> Sums {
        let mut all = Sums::default();
        for row in self.rows.values() {
            all.runs += row.runs;
            all.passed += row.passed;
            all.sim_seconds += row.sim_seconds;
            all.cpu_seconds += row.cpu_seconds;
            all.figures.add(&row.figures);
        }
        all
    }
}
