//! `planted`: shows that the storm finds real bugs. It plants known bugs into a copy of bridge and state, switches one on at
//! a time, and runs the storm until a property breaks. With `--handling` it shows the same of the stories of the bug
//! classes: it removes what handles a class, one handling at a time, and runs the story that must fail then.
//!
//! | module | room for |
//! |---|---|
//! | `patch` | what every file has: a name, a meaning, edits |
//! | `bug`, `handling` | a bug as a file; the removal of a handling as a file |
//! | `plant` | all patches into the sources, each behind its switch |
//! | `workspace` | a copy on disk, and its build |
//! | `hunt`, `trial` | runs of the copy, until a property breaks or patience ends; the story of a handling without it |
//! | `report`, `trial_report` | rows and JSON |
//!
//! What ships has no trace of this: no feature, no hook, no `cfg`. To add a bug, add a file to
//! `scenarios/planted/`; to add the removal of a handling, one to `scenarios/planted/handling/`.

mod bug;
mod error;
mod handling;
mod hunt;
/// The words of the `dagstorm` command, so that both look alike.
#[path = "../../cli/output.rs"]
#[allow(dead_code, reason = "dagstorm says more")]
mod output;
mod patch;
mod plant;
mod report;
mod trial;
mod trial_report;
mod workspace;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;

use self::{
    bug::Bug, error::PlantedError, handling::Handling, hunt::Hunter, output::Tone, patch::Patch, report::Progress,
    trial::Trial, workspace::Purpose,
};

/// Exit code if a bug, or the removal of a handling, was missed.
const MISSED: u8 = 1;

/// Plant known bugs into a copy of bridge and state, one at a time, and show that the storm finds each.
#[derive(Parser)]
#[command(name = "planted", after_help = AFTER_HELP)]
struct Arguments {
    /// Remove what handles the bug classes instead, one handling at a time, and show that the story of its class fails.
    #[arg(long)]
    handling: bool,
    /// Hunt this bug, or remove this handling, only; may be given several times.
    #[arg(long, value_name = "NAME")]
    bug: Vec<String>,
    /// List the bugs or handlings; nothing is built or run.
    #[arg(long, conflicts_with_all = ["bug", "json"])]
    list: bool,
    /// CPU seconds of runs after which a bug counts as missed.
    #[arg(long, value_name = "N", default_value_t = 60, conflicts_with = "handling", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    budget_seconds: u64,
    /// Seconds on the wall clock after which a single run counts as hung and is ended.
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    hang_seconds: u64,
    /// Where they are [default: scenarios/planted of the workspace, or scenarios/planted/handling].
    #[arg(long, value_name = "DIR")]
    bugs: Option<PathBuf>,
    /// Print one JSON object a line for each bug or handling.
    #[arg(long)]
    json: bool,
    /// Print the hunts as a table in Markdown.
    #[arg(long, conflicts_with_all = ["handling", "json", "list"])]
    markdown: bool,
}

impl Arguments {
    /// Whether standard output is for people who watch.
    fn tells(&self) -> bool {
        !self.json && !self.markdown
    }
}

const AFTER_HELP: &str = "\
Examples:
  cargo run --release -p scenarios --bin planted              plant, build, and hunt every bug
  cargo run --release -p scenarios --bin planted -- --list    what the bugs are, and which property finds each
  cargo run --release -p scenarios --bin planted -- --bug waits-for-ever --budget-seconds 10
  cargo run --release -p scenarios --bin planted -- --markdown          the table of hunts, for a page
  cargo run --release -p scenarios --bin planted -- --handling          remove every handling, and run its story

A bug is found when a run breaks one of the properties that its file names. Another property does not count: a bug that
is found by accident is a bug in a checker. The same run without the bug must pass. The removal of a handling is found when
the story that its file names fails or does not end; with all handlings in place every story must pass.

Exit codes: 0 every bug or removal was found, 1 one was missed, 2 usage or a file that is wrong, 3 the copy cannot be
made, built or run, or does not do what the original does.";

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
    if arguments.handling { run_trials(arguments, &root) } else { run_hunts(arguments, &root) }
}

fn run_hunts(arguments: &Arguments, root: &Path) -> Result<u8, PlantedError> {
    let directory = arguments.bugs.clone().unwrap_or_else(|| root.join("scenarios/planted"));
    let bugs = patch::read_all(&directory, bug::parse)?;
    let wanted = wanted(&bugs, |bug| &bug.patch, &arguments.bug, &directory)?;
    // All bugs are planted even if one is hunted: one build serves for all, and one that does not fit is told at once.
    let planted = plant::plant(bugs.iter().map(|bug| &bug.patch), |file| error::read(&root.join(file)))?;
    if arguments.list {
        report::list(&bugs);
        return Ok(0);
    }
    let target = target_directory()?;
    let place = target.join("planted");
    let _lock = lock(&place)?;
    let copy = place.join("workspace");
    workspace::copy(Purpose::Storm, root, &copy, planted)?;
    if arguments.tells() {
        tell_planted(&report::count(bugs.len() as u64, "bug"), &copy);
    }
    let hunter = Hunter {
        binary: workspace::build(Purpose::Storm, root, &copy, &target)?,
        save_directory: place.join("failures"),
        budget_seconds: arguments.budget_seconds as f64,
        longest_run: Duration::from_secs(arguments.hang_seconds),
    };
    let runs = hunter.control()?;
    if arguments.tells() {
        output::line(Tone::Good, "Control", &format!("{runs} runs without a bug pass and do what the original does"));
    }
    hunt_all(&hunter, &wanted, arguments)
}

fn run_trials(arguments: &Arguments, root: &Path) -> Result<u8, PlantedError> {
    let directory = arguments.bugs.clone().unwrap_or_else(|| root.join("scenarios/planted/handling"));
    let mut handlings = patch::read_all(&directory, handling::parse)?;
    // By letter, then by number.
    handlings.sort_by_key(|handling| (handling.class[..1].to_owned(), handling.class.len(), handling.class.clone()));
    let wanted = wanted(&handlings, |handling| &handling.patch, &arguments.bug, &directory)?;
    let planted = plant::plant(handlings.iter().map(|handling| &handling.patch), |file| error::read(&root.join(file)))?;
    if arguments.list {
        trial_report::list(&handlings);
        return Ok(0);
    }
    let place = target_directory()?.join("planted/handling");
    let _lock = lock(&place)?;
    let copy = place.join("workspace");
    workspace::copy(Purpose::Stories, root, &copy, planted)?;
    if !arguments.json {
        tell_planted(&format!("removals of {}", report::count(handlings.len() as u64, "handling")), &copy);
    }
    let binary = workspace::build(Purpose::Stories, root, &copy, &place.join("target"))?;
    let trial = Trial { binary, longest_run: Duration::from_secs(arguments.hang_seconds) };
    let stories = trial.control(&handlings)?;
    if !arguments.json {
        output::line(Tone::Good, "Control", &format!("{stories} stories pass with every handling in place"));
    }
    try_all(&trial, &wanted, arguments.json)
}

fn tell_planted(what: &str, copy: &Path) {
    output::line(Tone::Good, "Planted", &format!("{what} in {}", copy.display()));
}

fn hunt_all(hunter: &Hunter, bugs: &[&Bug], arguments: &Arguments) -> Result<u8, PlantedError> {
    if arguments.markdown {
        output::plain(report::markdown_head());
    }
    let name_width = name_width(bugs.iter().map(|bug| &bug.patch));
    let mut summary = report::Summary::start();
    for bug in bugs {
        let progress = Progress::start(&bug.patch.name);
        let hunt = hunter.hunt(bug, |hunt| progress.show(hunt))?;
        progress.end();
        if arguments.json {
            output::plain(&report::json(bug, &hunt));
        } else if arguments.markdown {
            output::plain(&report::markdown_row(bug, &hunt));
        } else {
            report::print(bug, &hunt, name_width);
        }
        summary.add(&hunt);
    }
    if arguments.tells() {
        summary.print();
    }
    Ok(if summary.all_found() { 0 } else { MISSED })
}

fn try_all(trial: &Trial, handlings: &[&Handling], json: bool) -> Result<u8, PlantedError> {
    let name_width = name_width(handlings.iter().map(|handling| &handling.patch));
    let mut summary = trial_report::Summary::start();
    for handling in handlings {
        let progress = Progress::start(&handling.patch.name);
        let verdict = trial.without(handling)?;
        progress.end();
        if json {
            output::plain(&trial_report::json(handling, &verdict));
        } else {
            trial_report::print(handling, &verdict, name_width);
        }
        summary.add(&verdict);
    }
    if !json {
        summary.print();
    }
    Ok(if summary.all_found() { 0 } else { MISSED })
}

fn name_width<'a>(patches: impl Iterator<Item = &'a Patch>) -> usize {
    patches.map(|patch| patch.name.len()).max().unwrap_or_default()
}

/// Those asked for, in the order of all; all if none is named.
fn wanted<'a, T>(
    all: &'a [T],
    patch: impl Fn(&T) -> &Patch,
    names: &[String],
    directory: &Path,
) -> Result<Vec<&'a T>, PlantedError> {
    if let Some(name) = names.iter().find(|name| all.iter().all(|one| patch(one).name != **name)) {
        return Err(PlantedError::UnknownBug { name: name.clone(), directory: directory.to_owned() });
    }
    Ok(all.iter().filter(|one| names.is_empty() || names.contains(&patch(one).name)).collect())
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
