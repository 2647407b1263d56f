//! `dagstorm run`, and plain `dagstorm`.

use std::{io::IsTerminal, num::NonZeroUsize, ops::RangeInclusive, path::Path};

use indicatif::{ProgressBar, ProgressStyle};
use scenarios::{
    card::Asked,
    report::{self, Verdict},
    runner::{self, Job},
    scenario::{DEFAULT_SECONDS, Request, RequestError, Scenario},
};

use super::{
    Profile, RunArguments, available_jobs,
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
    let Profile::Chain = arguments.profile;
    let scenarios = match &arguments.scenario {
        Some(scenario) => vec![scenario.0],
        None => Scenario::ALL.to_vec(),
    };
    let seeds = arguments.seeds.as_ref().map_or(arguments.seed..=arguments.seed, |seeds| seeds.0.clone());
    let request = match arguments.asked.request() {
        Ok(request) => request,
        Err(error) => return usage(&error.to_string()),
    };
    let jobs = match jobs(&scenarios, seeds, &request, arguments.check) {
        Ok(jobs) => jobs,
        Err(error) => return usage(&error.to_string()),
    };
    let mut failures = Failures::new(&arguments.save_dir, request, arguments.asked.asked());
    if arguments.json {
        return run_json(&jobs, arguments, &failures);
    }
    let mut summary = Summary::start();
    runner::run_all(&jobs, arguments.jobs.get(), |report| {
        match report.verdict {
            Verdict::Pass => summary::print_run(&report),
            _ => failures.print(&report),
        }
        summary.add(report);
    });
    if jobs.len() > 1 {
        summary.print();
        summary.print_coverage();
    }
    summary.exit_code()
}

/// One line for each run and nothing else on standard output.
fn run_json(jobs: &[Job], arguments: &RunArguments, failures: &Failures) -> u8 {
    let mut verdicts = Vec::with_capacity(jobs.len());
    runner::run_all(jobs, arguments.jobs.get(), |report| {
        let origin = failures.keep_plan(&report);
        output::plain(&report.to_json(&origin));
        verdicts.push(report.verdict);
    });
    report::exit_code(verdicts.iter())
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
        if report.verdict != Verdict::Pass {
            progress.suspend(|| failures.print(&report));
        }
        summary.add(report);
    });
    progress.finish_and_clear();
    summary.print();
    summary.print_coverage();
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
