//! `mutants`: how much of the bridge could be wrong without anything noticing. It draws changes of wire, follower, chain view
//! and checkpoint by seed (`cargo mutants` makes them), runs the fast tests against each, and the storm against what these miss.
//!
//! | module | room for |
//! |---|---|
//! | `sample` | the mutants that there are, and those drawn |
//! | `copy` | copies of the workspace |
//! | `steps` | the fast tests, in steps |
//! | `storm` | runs of what the tests miss |
//! | `record`, `report` | what became of each; the table |
//!
//! It takes hours and may be interrupted at any time: the next call goes on where it was.

mod copy;
mod error;
/// The words of the `dagstorm` command, so that both look alike.
#[path = "../../cli/output.rs"]
#[allow(dead_code, reason = "dagstorm says more")]
mod output;
mod record;
mod report;
mod sample;
mod steps;
mod storm;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;

use self::{
    error::MutantsError,
    output::Tone,
    record::Record,
    report::Sums,
    sample::Sample,
    steps::{Bench, STEPS},
    storm::Storm,
};

/// Exit code if fewer are caught than asked for, or some are not settled.
const SURVIVORS: u8 = 1;

/// Exit code if the sample cannot be drawn or judged.
const FAILED: u8 = 3;

/// The sources as they were when the sample was drawn, below the place.
const ORIGINAL: &str = "original";

/// Draw mutants of the bridge by seed, and show how many of them the tests and the storm catch.
#[derive(Parser)]
#[command(name = "mutants", after_help = AFTER_HELP)]
struct Arguments {
    /// What the sample is drawn by.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Mutants in the sample.
    #[arg(long, value_name = "N", default_value_t = 150)]
    count: usize,
    /// Seeds of the storm for each mutant that the tests miss: of `swarm`, then of every scenario.
    #[arg(long, value_name = "N", default_value_t = 20)]
    storm_seeds: u64,
    /// Seconds on the wall clock for the tests of one mutant.
    #[arg(long, value_name = "N", default_value_t = 300)]
    timeout_seconds: u64,
    /// Percent of the mutants that compile which must be caught.
    #[arg(long, value_name = "N", default_value_t = 95, value_parser = clap::value_parser!(u16).range(0..=100))]
    aim: u16,
    /// Print what is known so far; nothing is built or run.
    #[arg(long)]
    report: bool,
    /// Discard the sample that was begun and its results.
    #[arg(long, conflicts_with = "report")]
    fresh: bool,
    /// Go on to the storm although some tests were not run.
    #[arg(long, conflicts_with = "report")]
    storm_only: bool,
    /// The workspace that is copied [default: the one that this program was built from].
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
    /// Where copies, builds and results are kept [default: mutants in the target directory].
    #[arg(long, value_name = "DIR")]
    place: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  cargo run --release -p scenarios --bin mutants               draw 150 mutants by seed 1, and judge them
  cargo run --release -p scenarios --bin mutants -- --report   what is known so far, while it runs or after it was interrupted
  cargo run --release -p scenarios --bin mutants -- --seed 2 --count 20 --fresh

The same call goes on where one was interrupted.

Exit codes: 0 enough are caught, 1 too few or some not settled, 2 usage, 3 the sample cannot be drawn or judged.";

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::error(&error.to_string());
            ExitCode::from(FAILED)
        }
    }
}

fn run(arguments: &Arguments) -> Result<u8, MutantsError> {
    let workspace = arguments.workspace.clone().unwrap_or_else(workspace_root);
    let place = arguments.place.clone().map_or_else(default_place, Ok)?;
    // Nothing but the report may look on while another process works there.
    let _lock = if arguments.report { None } else { Some(lock(&place)?) };
    if arguments.fresh {
        discard(&place)?;
    }
    let bench = Bench {
        tree: place.join("tests"),
        target: place.join("target"),
        output: place.join("outcomes"),
        timeout_seconds: arguments.timeout_seconds,
    };
    let sample = sample(arguments, &workspace, &place, &bench)?;
    let mut record = Record::open(place.join("outcomes.jsonl"))?;
    if !arguments.report {
        if !arguments.storm_only {
            for step in &STEPS {
                output::line(Tone::Good, "Testing", step.name);
                bench.run(step, &sample.mutants, &mut record)?;
            }
        }
        let storm = Storm {
            tree: place.join("storm"),
            target: bench.target.clone(),
            output: place.join("runs"),
            seeds: arguments.storm_seeds,
            longest: Duration::from_secs(arguments.timeout_seconds),
        };
        copy::copy(&workspace, &storm.tree)?;
        storm.run(&sample.mutants, &mut record)?;
    }
    let steps: Vec<&str> = STEPS.iter().map(|step| step.name).chain([storm::NAME]).collect();
    report::print(&sample, &record, &steps);
    let sums = Sums::of(&sample, &record, storm::NAME);
    let is_enough = sums.open == 0 && sums.kill_rate_per_mille() >= 10 * usize::from(arguments.aim);
    Ok(if is_enough { 0 } else { SURVIVORS })
}

/// The sample that was begun, or a new one from a new copy; none is drawn for a report.
fn sample(arguments: &Arguments, workspace: &Path, place: &Path, bench: &Bench) -> Result<Sample, MutantsError> {
    let path = place.join("sample.json");
    if let Some(sample) = Sample::load(&path)? {
        let (seed, count) = (sample.seed, sample.mutants.len());
        if !arguments.report && (seed != arguments.seed || count != arguments.count) {
            return Err(MutantsError::OtherSample { place: place.to_owned(), seed, count });
        }
        if !arguments.report {
            // What an interrupted call has left mutated is made whole again.
            copy::copy(&place.join(ORIGINAL), &bench.tree)?;
        }
        return Ok(sample);
    }
    if arguments.report {
        return Err(MutantsError::NoSample { place: place.to_owned() });
    }
    Bench::check_tool()?;
    copy::copy(workspace, &bench.tree)?;
    copy::copy(workspace, &place.join(ORIGINAL))?;
    let sample = Sample::draw(&bench.all_mutants()?, arguments.count, arguments.seed);
    sample.save(&path)?;
    Ok(sample)
}

/// Waits until no other process works there; holds the place until the value is dropped.
fn lock(place: &Path) -> Result<File, MutantsError> {
    let path = place.join("lock");
    let failed = |source| MutantsError::Write { path: path.clone(), source };
    fs::create_dir_all(place).map_err(failed)?;
    let file = File::create(&path).map_err(failed)?;
    if file.try_lock().is_err() {
        output::error(&format!("another process works on {}: waiting for it", place.display()));
        file.lock().map_err(failed)?;
    }
    Ok(file)
}

/// Removes what was found; copies and builds stay, as they are brought up to date.
fn discard(place: &Path) -> Result<(), MutantsError> {
    for name in ["sample.json", "outcomes.jsonl"] {
        remove(&place.join(name), |path| fs::remove_file(path))?;
    }
    for name in ["outcomes", ORIGINAL, "tests"] {
        remove(&place.join(name), |path| fs::remove_dir_all(path))?;
    }
    Ok(())
}

fn remove(path: &Path, removal: impl Fn(&Path) -> std::io::Result<()>) -> Result<(), MutantsError> {
    match removal(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(MutantsError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// The workspace that this program was built from.
fn workspace_root() -> PathBuf {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR"));
    scenarios.parent().unwrap_or(scenarios).to_owned()
}

/// This program stands in `<target>/<profile>/`.
fn default_place() -> Result<PathBuf, MutantsError> {
    let program = std::env::current_exe().map_err(|error| MutantsError::NoTarget { message: error.to_string() })?;
    let target = program.parent().and_then(Path::parent).map(|target| target.join("mutants"));
    target.ok_or_else(|| MutantsError::NoTarget { message: format!("{} is in no directory", program.display()) })
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    #[test]
    fn given_a_place_without_a_sample_when_a_report_is_asked_for_then_it_is_said_and_nothing_is_made() {
        let place = env::temp_dir().join(format!("dagstorm-mutants-{}", process::id()));
        let name = place.to_str().expect("the test's folder is named in UTF-8");
        // The workspace is not there either: to copy it would be another error.
        let arguments = Arguments::parse_from(["mutants", "--report", "--place", name, "--workspace", name]);
        let error = run(&arguments).expect_err("there is nothing to report on");
        assert_eq!(error.to_string(), format!("no sample is at {name}: run without --report first"));
        assert!(!place.exists());
    }
}
