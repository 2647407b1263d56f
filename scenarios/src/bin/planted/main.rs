//! `planted`: shows that the storm finds real bugs. It plants known bugs into a copy of the bridge, switches one on at
//! a time, and runs the storm until a property breaks.
//!
//! | module | room for |
//! |---|---|
//! | `bug` | a bug as a file |
//! | `plant` | all bugs into the bridge's sources, each behind its switch |
//! | `workspace` | the copy on disk, and its build |
//! | `hunt` | runs of the copy, until a property breaks or patience ends |
//! | `report` | rows and JSON |
//!
//! The bridge that ships has no trace of this: no feature, no hook, no `cfg`. To add a bug, add a file to
//! `scenarios/planted/`.

mod bug;
mod error;
mod hunt;
/// The words of the `dagstorm` command, so that both look alike.
#[path = "../../cli/output.rs"]
#[allow(dead_code, reason = "dagstorm says more")]
mod output;
mod plant;
mod report;
mod workspace;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;

use self::{bug::Bug, error::PlantedError, hunt::Hunter, output::Tone, report::Progress};

/// Exit code if a bug was missed.
const MISSED: u8 = 1;

/// Plant known bugs into a copy of the bridge, one at a time, and show that the storm finds each.
#[derive(Parser)]
#[command(name = "planted", after_help = AFTER_HELP)]
struct Arguments {
    /// Hunt this bug only; may be given several times.
    #[arg(long, value_name = "NAME")]
    bug: Vec<String>,
    /// List the bugs; nothing is built or run.
    #[arg(long, conflicts_with_all = ["bug", "json"])]
    list: bool,
    /// CPU seconds of runs after which a bug counts as missed.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    budget_seconds: u64,
    /// Seconds on the wall clock after which a single run counts as hung and is ended.
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    hang_seconds: u64,
    /// Where the bugs are [default: scenarios/planted of the workspace].
    #[arg(long, value_name = "DIR")]
    bugs: Option<PathBuf>,
    /// Print one JSON object a line for each bug.
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Examples:
  cargo run --release -p scenarios --bin planted              plant, build, and hunt every bug
  cargo run --release -p scenarios --bin planted -- --list    what the bugs are, and which property finds each
  cargo run --release -p scenarios --bin planted -- --bug waits-for-ever --budget-seconds 10

A bug is found when a run breaks one of the properties that its file names. Another property does not count: a bug that
is found by accident is a bug in a checker. The same run without the bug must pass.

Exit codes: 0 every bug was found, 1 a bug was missed, 2 usage or a bug file that is wrong, 3 the copy cannot be made,
built or run, or does not do what the original does.";

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::error(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<u8, PlantedError> {
    let root = workspace_root();
    let directory = arguments.bugs.clone().unwrap_or_else(|| root.join("scenarios/planted"));
    let bugs = bug::read_all(&directory)?;
    let wanted = wanted(&bugs, &arguments.bug, &directory)?;
    // All bugs are planted even if one is hunted: one build serves for all, and one that does not fit is told at once.
    let planted = plant::plant(&bugs, |file| error::read(&root.join(file)))?;
    if arguments.list {
        report::list(&bugs);
        return Ok(0);
    }
    let target = target_directory()?;
    let place = target.join("planted");
    let _lock = lock(&place)?;
    let copy = place.join("workspace");
    workspace::copy(&root, &copy, planted)?;
    if !arguments.json {
        output::line(
            Tone::Good,
            "Planted",
            &format!("{} in {}", report::count(bugs.len() as u64, "bug"), copy.display()),
        );
    }
    let hunter = Hunter {
        binary: workspace::build(&root, &copy, &target)?,
        save_directory: place.join("failures"),
        budget_seconds: arguments.budget_seconds as f64,
        longest_run: Duration::from_secs(arguments.hang_seconds),
    };
    let runs = hunter.control()?;
    if !arguments.json {
        output::line(Tone::Good, "Control", &format!("{runs} runs without a bug pass and do what the original does"));
    }
    hunt_all(&hunter, &wanted, arguments.json)
}

fn hunt_all(hunter: &Hunter, bugs: &[&Bug], json: bool) -> Result<u8, PlantedError> {
    let name_width = bugs.iter().map(|bug| bug.name.len()).max().unwrap_or_default();
    let mut summary = report::Summary::start();
    for bug in bugs {
        let progress = Progress::start(&bug.name);
        let hunt = hunter.hunt(bug, |hunt| progress.show(hunt))?;
        progress.end();
        if json {
            output::plain(&report::json(bug, &hunt));
        } else {
            report::print(bug, &hunt, name_width);
        }
        summary.add(&hunt);
    }
    if !json {
        summary.print();
    }
    Ok(if summary.all_found() { 0 } else { MISSED })
}

/// The bugs asked for, in the order of their files; all if none is named.
fn wanted<'a>(bugs: &'a [Bug], names: &[String], directory: &Path) -> Result<Vec<&'a Bug>, PlantedError> {
    if let Some(name) = names.iter().find(|name| bugs.iter().all(|bug| bug.name != **name)) {
        return Err(PlantedError::UnknownBug { name: name.clone(), directory: directory.to_owned() });
    }
    Ok(bugs.iter().filter(|bug| names.is_empty() || names.contains(&bug.name)).collect())
}

/// The workspace that this program was built from.
fn workspace_root() -> PathBuf {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR"));
    scenarios.parent().unwrap_or(scenarios).to_owned()
}

/// The target directory that this program was built into: it stands in `<target>/<profile>/`. With the same directory
/// the copy's build finds every dependency built.
fn target_directory() -> Result<PathBuf, PlantedError> {
    let program = std::env::current_exe().map_err(|error| PlantedError::NoTarget { message: error.to_string() })?;
    let target = program.parent().and_then(Path::parent).map(Path::to_owned);
    target.ok_or_else(|| PlantedError::NoTarget { message: format!("{} is in no directory", program.display()) })
}

/// Waits until no other process works on the copy; holds it until the value is dropped.
fn lock(place: &Path) -> Result<File, PlantedError> {
    let path = place.join("lock");
    let failed = |source| PlantedError::Write { path: path.clone(), source };
    fs::create_dir_all(place).map_err(failed)?;
    let file = File::create(&path).map_err(failed)?;
    if file.try_lock().is_err() {
        output::error(&format!("another process works on {}: waiting for it", place.display()));
        file.lock().map_err(failed)?;
    }
    Ok(file)
}
