//! `dagstorm run`, and plain `dagstorm`.

use std::{
    collections::BTreeMap,
    fs,
    io::IsTerminal,
    num::NonZeroUsize,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Instant,
};

use indicatif::{ProgressBar, ProgressStyle};
use scenarios::{
    report::{self, RunReport, Verdict},
    runner::{self, Job},
    scenario::{DEFAULT_SECONDS, Scenario},
};

use super::{
    Profile, RunArguments, available_jobs,
    output::{self, Tone},
};

/// Where the plans of failed runs are kept unless told otherwise.
pub const SAVE_DIR: &str = "failures";

/// Seeds of every scenario in the short storm.
const STORM_SEEDS: RangeInclusive<u64> = 1..=24;

pub fn run(arguments: &RunArguments) -> u8 {
    let Profile::Chain = arguments.profile;
    let scenarios = match &arguments.scenario {
        Some(scenario) => vec![scenario.0],
        None => Scenario::ALL.to_vec(),
    };
    let seeds = arguments.seeds.as_ref().map_or(arguments.seed..=arguments.seed, |seeds| seeds.0.clone());
    let seconds = arguments.seconds;
    let jobs = jobs(&scenarios, seeds, seconds, arguments.check);
    if arguments.json {
        let mut verdicts = Vec::with_capacity(jobs.len());
        runner::run_all(&jobs, arguments.jobs.get(), |report| {
            output::plain(&report.to_json());
            save_failure(&report, seconds, &arguments.save_dir);
            verdicts.push(report.verdict);
        });
        return report::exit_code(verdicts.iter());
    }
    let mut summary = Summary::start();
    runner::run_all(&jobs, arguments.jobs.get(), |report| {
        let saved = save_failure(&report, seconds, &arguments.save_dir);
        print_report(&report, &replay_command(&report, seconds, saved.as_deref()));
        summary.add(report);
    });
    if jobs.len() > 1 {
        summary.print();
    }
    summary.exit_code()
}

/// A short storm over all scenarios; only failures get a line of their own.
pub fn storm() -> u8 {
    let jobs = jobs(&Scenario::ALL, STORM_SEEDS, DEFAULT_SECONDS, false);
    let threads: NonZeroUsize = available_jobs();
    output::line(
        Tone::Good,
        "Starting",
        &format!(
            "{} runs of {DEFAULT_SECONDS} simulated seconds: {} scenarios, seeds {STORM_SEEDS:?}, {threads} at a time",
            jobs.len(),
            Scenario::ALL.len(),
        ),
    );
    let progress = progress_bar(jobs.len() as u64);
    let mut summary = Summary::start();
    runner::run_all(&jobs, threads.get(), |report| {
        progress.inc(1);
        if report.verdict != Verdict::Pass {
            let saved = save_failure(&report, DEFAULT_SECONDS, Path::new(SAVE_DIR));
            let again = replay_command(&report, DEFAULT_SECONDS, saved.as_deref());
            progress.suspend(|| print_report(&report, &again));
        }
        summary.add(report);
    });
    progress.finish_and_clear();
    summary.print();
    summary.exit_code()
}

/// One line for a run and, if it failed, what was broken and how to see it again.
pub fn print_report(report: &RunReport, replay: &str) {
    let (name, seed, figures) = (report.scenario.as_str(), report.seed, &report.figures);
    let (tone, verb) = match &report.verdict {
        Verdict::Pass => (Tone::Good, "PASS".to_owned()),
        verdict => (Tone::Bad, verdict.word().to_uppercase()),
    };
    let text = format!(
        "[{:>7.3}s] {name} seed {seed}, plan {}: {} blocks, {} chain blocks, {} reorgs (deepest {}), {} disconnects, \
         hash {}",
        report.cpu_seconds,
        &report.plan_digest.to_string()[..8],
        figures.blocks,
        figures.chain_blocks,
        figures.reorgs,
        figures.max_reorg_depth,
        figures.disconnects,
        &report.hash.to_string()[..16],
    );
    output::line(tone, &verb, &text);
    if let Some(explanation) = report.verdict.explanation() {
        output::line(Tone::Bad, "", &explanation);
        output::line(Tone::Bad, "", &format!("see it again: {replay}"));
    }
}

/// The command that shows the run of a report again.
pub fn replay_command(report: &RunReport, seconds: u64, saved: Option<&Path>) -> String {
    let (name, seed) = (report.scenario.as_str(), report.seed);
    let seconds = if seconds == DEFAULT_SECONDS { String::new() } else { format!(" --seconds {seconds}") };
    match (&report.verdict, saved) {
        (Verdict::Nondeterminism(_), _) => format!("dagstorm run {name} --seed {seed}{seconds} --check"),
        (_, Some(plan)) => format!("dagstorm replay {}", for_shell(&plan.to_string_lossy())),
        (_, None) => format!("dagstorm replay {name} --seed {seed}{seconds}"),
    }
}

/// A word that a shell takes as one.
fn for_shell(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Keeps the plan of a failed run, which outlives changes of what its seed means. That it cannot be kept is told, and
/// changes nothing else.
fn save_failure(report: &RunReport, seconds: u64, directory: &Path) -> Option<PathBuf> {
    let scenario = Scenario::by_name(&report.scenario).filter(|_| report.verdict != Verdict::Pass)?;
    let plan = scenario.plan(report.seed, seconds);
    let digest = &report.plan_digest.to_string()[..8];
    let path = directory.join(format!("{}-{}-{digest}.toml", report.scenario, report.seed));
    match fs::create_dir_all(directory).and_then(|()| fs::write(&path, plan.to_text())) {
        Ok(()) => Some(path),
        Err(error) => {
            output::error(&format!("cannot keep the plan of the failed run at {}: {error}", path.display()));
            None
        }
    }
}

fn jobs(scenarios: &[Scenario], seeds: RangeInclusive<u64>, seconds: u64, check: bool) -> Vec<Job> {
    let of_scenario = |scenario: Scenario| seeds.clone().map(move |seed| Job { scenario, seed, seconds, check });
    scenarios.iter().copied().flat_map(of_scenario).collect()
}

fn progress_bar(runs: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("     Running [{bar:40}] {pos}/{len} runs, {eta} left");
    ProgressBar::new(runs).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Sums over the runs of one scenario.
#[derive(Default)]
struct Row {
    runs: u64,
    passed: u64,
    sim_seconds: f64,
    cpu_seconds: f64,
    blocks: u64,
    chain_blocks: u64,
    reorgs: u64,
    max_reorg_depth: u64,
    disconnects: u64,
}

struct Summary {
    started: Instant,
    rows: BTreeMap<String, Row>,
    verdicts: Vec<Verdict>,
}

impl Summary {
    #[expect(clippy::disallowed_methods, reason = "how long the user waited, outside every run")]
    fn start() -> Self {
        Self { started: Instant::now(), rows: BTreeMap::new(), verdicts: Vec::new() }
    }

    fn add(&mut self, report: RunReport) {
        let row = self.rows.entry(report.scenario.clone()).or_default();
        let figures = &report.figures;
        row.runs += 1;
        row.passed += u64::from(report.verdict == Verdict::Pass);
        row.sim_seconds += report.sim_seconds;
        row.cpu_seconds += report.cpu_seconds;
        row.blocks += figures.blocks;
        row.chain_blocks += figures.chain_blocks;
        row.reorgs += figures.reorgs;
        row.max_reorg_depth = row.max_reorg_depth.max(figures.max_reorg_depth);
        row.disconnects += figures.disconnects;
        self.verdicts.push(report.verdict);
    }

    fn exit_code(&self) -> u8 {
        report::exit_code(self.verdicts.iter())
    }

    fn print(&self) {
        output::plain("");
        output::plain(&format!(
            "{:12} {:>6} {:>6} {:>9} {:>8} {:>12} {:>7} {:>7} {:>11} {:>14}",
            "scenario",
            "runs",
            "passed",
            "simulated",
            "blocks",
            "chain blocks",
            "reorgs",
            "deepest",
            "disconnects",
            "sim s / CPU s"
        ));
        for (name, row) in &self.rows {
            output::plain(&format!(
                "{name:12} {:>6} {:>6} {:>8.0}s {:>8} {:>12} {:>7} {:>7} {:>11} {:>14.0}",
                row.runs,
                row.passed,
                row.sim_seconds,
                row.blocks,
                row.chain_blocks,
                row.reorgs,
                row.max_reorg_depth,
                row.disconnects,
                row.sim_seconds / row.cpu_seconds,
            ));
        }
        output::plain("");
        let simulated: f64 = self.rows.values().map(|row| row.sim_seconds).sum();
        let passed = self.verdicts.iter().filter(|verdict| **verdict == Verdict::Pass).count();
        let failed = self.verdicts.len() - passed;
        let tone = if failed == 0 { Tone::Good } else { Tone::Bad };
        let text = format!(
            "[{:>7.3}s] {} runs: {passed} passed, {failed} failed; {simulated:.0} simulated seconds",
            self.started.elapsed().as_secs_f64(),
            self.verdicts.len(),
        );
        output::line(tone, "Summary", &text);
    }
}
