//! `dagstorm shrink`: a smaller plan that fails in the same way, as a plan file and as a test.

use std::{
    fs,
    io::IsTerminal,
    num::NonZeroUsize,
    panic,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use scenarios::{
    card::{self, Card, Origin},
    plan::Plan,
    report::{RunReport, Verdict},
    run::Untouched,
    runner,
    shrink::{self, Progress, Settings, Shrunk, Size},
};
use serde::Serialize;

use super::{
    available_jobs, failures,
    output::{self, Tone},
    usage,
};

#[derive(Args)]
#[command(after_help = "\
Examples:
  dagstorm shrink failures/swarm-17-2d00f43a.toml
  dagstorm shrink failures/swarm-17-2d00f43a.toml --budget 600 --output small.toml

What is left out or made simpler: disturbances of every sort, bridges, nodes, transactions, the end of the storm, settings,
moments. A smaller plan counts if its run breaks the same property; it is never exchanged for another failure. The result is
written next to the plan as NAME.shrunk.toml, and as NAME.shrunk.rs a test that runs it.

Exit codes: 0 the smaller plan is written, or the plan is as small as can be; 2 its run passes, or usage.")]
pub struct ShrinkArguments {
    /// The plan of a run that fails.
    plan: PathBuf,
    /// Where the smaller plan goes; the test goes next to it [default: NAME.shrunk.toml next to the plan].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// CPU seconds of runs after which it stops with what it has; the runs that show whether two of this plan differ are not
    /// counted.
    #[arg(long, value_name = "SECONDS", default_value_t = shrink::DEFAULT_BUDGET.as_secs())]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    budget: u64,
    /// Runs at the same time.
    #[arg(long, default_value_t = available_jobs())]
    jobs: NonZeroUsize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The line of `--json`.
#[derive(Serialize)]
struct JsonLine<'a> {
    scenario: &'a str,
    seed: u64,
    verdict: &'a str,
    property: &'a str,
    explanation: Option<String>,
    before: Size,
    after: Size,
    disturbances_before: usize,
    disturbances_after: usize,
    is_minimal: bool,
    runs: u64,
    cpu_seconds: f64,
    plan: String,
    saved_plan: String,
    saved_test: String,
    replay: String,
}

pub fn shrink(arguments: &ShrinkArguments) -> u8 {
    let ShrinkArguments { plan: path, budget, jobs, .. } = arguments;
    let plan = match Plan::read(path) {
        Ok(plan) => plan,
        Err(error) => return usage(&error.to_string()),
    };
    let settings = Settings { budget: Duration::from_secs(*budget), jobs: *jobs };
    let progress = progress_bar();
    let shrunk = without_words_of_panics(|| {
        // Only two runs of one plan can differ: if they do not here, one run of each smaller plan is enough.
        let check = matches!(runner::run_plan(&plan, true).verdict, Verdict::Nondeterminism(_));
        let run = |plan: &Plan| runner::run_plan(plan, check);
        shrink::shrink(&plan, &run, settings, &mut |now| show(&progress, now))
    });
    progress.finish_and_clear();
    let shrunk = match shrunk {
        Ok(shrunk) => shrunk,
        Err(error) => return usage(&format!("{}: {error}", path.display())),
    };
    let files = match Files::write(&shrunk, arguments) {
        Ok(files) => files,
        Err(sentence) => return usage(&sentence),
    };
    if arguments.json {
        output::plain(&json(&shrunk, &files));
    } else {
        print(&shrunk, files);
    }
    0
}

/// Where the result was written.
struct Files {
    plan: PathBuf,
    test: PathBuf,
}

impl Files {
    fn write(shrunk: &Shrunk, arguments: &ShrinkArguments) -> Result<Self, String> {
        let plan = arguments.output.clone().unwrap_or_else(|| arguments.plan.with_extension("shrunk.toml"));
        let test = plan.with_extension("rs");
        if test == plan {
            return Err(format!("{} is where the test goes: the plan needs another name", plan.display()));
        }
        let name = plan.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        write(&plan, &shrink::plan_file(shrunk, &name))?;
        write(&test, &shrink::test_file(shrunk, &name))?;
        Ok(Self { plan, test })
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn print(shrunk: &Shrunk, files: Files) {
    let Shrunk { plan, report, before, after, runs, spent, is_minimal } = shrunk;
    let plural = if *runs == 1 { "" } else { "s" };
    let effort = format!("{runs} run{plural}, {:.1} s of CPU time", spent.as_secs_f64());
    let end = if *is_minimal { "nothing more can be left out" } else { "stopped at the budget" };
    output::line(Tone::Good, "Shrunk", &format!("{effort}: {end}"));
    output::line(Tone::Good, "Test", &files.test.display().to_string());
    output::plain("");
    failures::print_card(card_of(report, plan, files.plan).map(|card| card.shrunk_from(before, after)).as_ref());
}

/// The card of the smaller plan.
fn card_of(report: &RunReport, plan: &Plan, path: PathBuf) -> Option<Card> {
    let has_an_ending = !matches!(report.verdict, Verdict::Nondeterminism(_));
    let run_again = || runner::run_for_ending(plan.clone(), Box::new(Untouched), card::MOST_EVENTS, card::is_notable);
    let ending = without_words_of_panics(|| has_an_ending.then(run_again));
    Card::new(report, plan, Origin::File(path), ending)
}

fn json(shrunk: &Shrunk, files: &Files) -> String {
    let Shrunk { plan, report, before, after, runs, spent, is_minimal } = shrunk;
    let line = JsonLine {
        scenario: &report.scenario,
        seed: report.seed,
        verdict: report.verdict.word(),
        property: report.verdict.property().unwrap_or_default().0,
        explanation: report.verdict.explanation(),
        before: *before,
        after: *after,
        disturbances_before: before.disturbances(),
        disturbances_after: after.disturbances(),
        is_minimal: *is_minimal,
        runs: *runs,
        cpu_seconds: spent.as_secs_f64(),
        plan: plan.digest().to_string(),
        saved_plan: files.plan.to_string_lossy().into_owned(),
        saved_test: files.test.to_string_lossy().into_owned(),
        replay: Origin::File(files.plan.clone()).replay_command(report),
    };
    serde_json::to_string(&line).expect("numbers and text always serialize")
}

/// Runs that panic are verdicts here, hundreds of them if a panic is what is shrunk: only the main thread's own are told.
fn without_words_of_panics<T>(what: impl FnOnce() -> T) -> T {
    let usual = panic::take_hook();
    let main = thread::current().id();
    panic::set_hook(Box::new(move |panic| {
        if thread::current().id() == main {
            output::error(&panic.to_string());
        }
    }));
    let result = what();
    panic::set_hook(usual);
    result
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("   Shrinking {msg}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

fn show(progress: &ProgressBar, now: &Progress) {
    let Progress { pass, runs, spent, size } = now;
    let seconds = size.storm_ms as f64 / 1_000.0;
    progress.set_message(format!(
        "{seconds} s of storm, {size}; {pass}, {runs} runs, {:.1} s of CPU time",
        spent.as_secs_f64()
    ));
}
