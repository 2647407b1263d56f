//! `dagstorm run`, and plain `dagstorm`.

use std::{io::IsTerminal, num::NonZeroUsize, ops::RangeInclusive, path::Path};

use indicatif::{ProgressBar, ProgressStyle};
use scenarios::{
    card::Asked,
    report::{self, VerdictKind},
    runner::{self, Job},
    scenario::{DEFAULT_SECONDS, Request, RequestError, Scenario},
};

use super::{
    RunArguments, available_jobs,
    failures::Failures,
    output::{self, Tone},
    summary::{self, Summary},
    usage,
};

/// Where the plans of failed runs are kept unless told otherwise.
pub const SAVE_DIR: &str = "failures";

/// Seeds of every scenario in the short storm.
const STORM_SEEDS: RangeInclusive<u64> = 1..=40;

pub fn run(arguments: &RunArguments) -> u8 {
    let (request, jobs) = match request_and_jobs(arguments) {
        Ok(request_and_jobs) => request_and_jobs,
        Err(sentence) => return usage(&sentence),
    };
    let mut failures = Failures::new(&arguments.save_dir, request, arguments.asked.asked());
    if arguments.json {
        return run_json(&jobs, arguments, &failures);
    }
    let mut summary = Summary::start();
    runner::run_all(&jobs, arguments.jobs.get(), |report| {
        let origin = failures.keep_plan(&report);
        let line = report.to_line(&origin);
        match line.verdict {
            VerdictKind::Pass => summary::print_run(&line),
            _ => failures.print(&report, &origin),
        }
        summary.add(&line);
    });
    if jobs.len() > 1 {
        summary.print();
        summary.print_coverage(Some("only plain dagstorm and soak ask for all"));
    }
    summary.exit_code()
}

fn request_and_jobs(arguments: &RunArguments) -> Result<(Request, Vec<Job>), String> {
    let scenarios = arguments.asked.scenarios(arguments.scenario.as_ref().map(|named| named.0))?;
    let seeds = arguments.seeds.as_ref().map_or(arguments.seed..=arguments.seed, |seeds| seeds.0.clone());
    let request = arguments.asked.request()?;
    let jobs = jobs(&scenarios, seeds, &request, arguments.check).map_err(|error| error.to_string())?;
    Ok((request, jobs))
}

/// One line for each run and nothing else on standard output.
fn run_json(jobs: &[Job], arguments: &RunArguments, failures: &Failures) -> u8 {
    let mut verdicts = Vec::with_capacity(jobs.len());
    runner::run_all(jobs, arguments.jobs.get(), |report| {
        let origin = failures.keep_plan(&report);
        output::plain(&report.to_line(&origin).to_json());
        verdicts.push(report.verdict.kind());
    });
    report::exit_code(verdicts.into_iter())
}

/// A short storm over all scenarios; only failures are told one by one. It must have reached every coverage point.
pub fn storm() -> u8 {
    let request = Request::new(0);
    let jobs =
        jobs(&Scenario::ALL, STORM_SEEDS, &request, false).expect("every scenario runs without being asked more");
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
    let mut failures = Failures::new(Path::new(SAVE_DIR), request, Asked::default());
    runner::run_all(&jobs, threads.get(), |report| {
        progress.inc(1);
        let origin = failures.keep_plan(&report);
        let line = report.to_line(&origin);
        if line.verdict != VerdictKind::Pass {
            progress.suspend(|| failures.print(&report, &origin));
        }
        summary.add(&line);
    });
    progress.finish_and_clear();
    summary.print();
    summary.print_coverage(None);
    summary.print_missed_points();
    summary.exit_code_with_coverage()
}

fn jobs(
    scenarios: &[Scenario],
    seeds: RangeInclusive<u64>,
    request: &Request,
    check: bool,
) -> Result<Vec<Job>, RequestError> {
    let of_seed = |scenario, seed| Job::new(scenario, Request { seed, ..request.clone() }, check);
    let of_scenario = |scenario: &Scenario| {
        let scenario = *scenario;
        seeds.clone().map(move |seed| of_seed(scenario, seed))
    };
    scenarios.iter().flat_map(of_scenario).collect()
}

fn progress_bar(runs: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("     Running [{bar:40}] {pos}/{len} runs, {eta} left");
    ProgressBar::new(runs).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
