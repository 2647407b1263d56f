//! A gate that is not timing: instructions of the hot paths, counted under valgrind, against a committed baseline.
//!
//! | path | what is counted |
//! |---|---|
//! | `sim::dag::insert` | the reference DAG k18-plain into an empty one |
//! | `sim::node::answer` | a node writes a V2 page at Full verbosity for the first time |
//! | `bridge::wire::walk` | such a page from its bytes through every item that our reader lends; no hash, no follower |
//! | `bridge::catch_up` | the same page from its bytes to events |
//! | `bridge::follow` | 100 chain blocks in the steady state: notification, reply, acknowledgement |
//! | `state::execute` | 100 transfers in memory, no signature checked; no root, no commit |
//! | `state::apply` | 50 chain blocks of transfers, each with its execution, root and commit |
//! | `scenarios::run` | a whole storm: `steady`, 60 simulated seconds |
//!
//! More than 5 % above the baseline fails; more than 5 % below it fails too, or the gain could be lost again unseen. The
//! program starts itself under valgrind once for each path, and takes no count but that of one call of one function. A count
//! in the file that belongs to no path fails as well.

mod baseline;
mod callgrind;
mod hot_path;
#[path = "../l1/shape.rs"]
#[allow(dead_code, reason = "another bench measures more shapes")]
mod l1_shape;
/// The words of the `dagstorm` command, so that both look alike.
#[path = "../../scenarios/src/cli/output.rs"]
#[allow(dead_code, reason = "dagstorm says more")]
mod output;
#[path = "../bridge/pages.rs"]
#[allow(dead_code, reason = "another bench measures the longest page")]
mod pages;
mod profile;
#[path = "../bridge/scene.rs"]
#[allow(dead_code, reason = "another bench measures memory")]
mod scene;
#[path = "../state/scene.rs"]
#[allow(dead_code, reason = "another bench measures all programs")]
mod state_scene;
#[path = "../wire/walk.rs"]
#[allow(dead_code, reason = "another bench hashes headers")]
mod wire_walk;
mod work;

use std::{collections::BTreeMap, hint::black_box, io, path::Path, process::ExitCode};

use clap::Parser;
use thiserror::Error;

use self::{
    baseline::{Baseline, BaselineError, Judgement, TOLERANCE_PERCENT, Tools},
    callgrind::{CallgrindError, Counting},
    hot_path::HotPath,
    output::Tone,
    work::{Check, Work},
};

/// Exit codes: a gate failed; nothing could be counted or compared. Clap's is 2 as well.
const FAILED: u8 = 1;
const UNUSABLE: u8 = 2;

/// The committed file.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.toml");

const UPDATE_COMMAND: &str = "cargo run --release -p dagstorm-instructions -- --update";

const AFTER_HELP: &str = "\
Examples:
  cargo run --release -p dagstorm-instructions                                count and compare all
  cargo run --release -p dagstorm-instructions -- --path bridge::follow       only this one
  cargo run --release -p dagstorm-instructions -- --update                    write the baseline

Needs valgrind. The baseline is benches/instructions/baseline.toml; it names what it was made with.

Exit codes: 0 all counts are within 5 % of the baseline, 1 one is not, 2 usage, or nothing can be counted.";

/// Count the instructions of the hot paths and compare them with the baseline.
#[derive(Parser)]
#[command(name = "instructions", after_help = AFTER_HELP)]
struct Arguments {
    /// Count this path only; may be given several times.
    #[arg(long, value_name = "NAME", value_parser = path_named, conflicts_with = "update")]
    path: Vec<HotPath>,
    /// Write the baseline instead of comparing with it.
    #[arg(long)]
    update: bool,
    /// Run this path in this process, for valgrind to count.
    #[arg(long, value_name = "NAME", value_parser = path_named, hide = true)]
    measure: Option<HotPath>,
}

/// Why the gate cannot tell.
#[derive(Debug, Error)]
#[non_exhaustive]
enum GateError {
    #[error(transparent)]
    Callgrind(#[from] CallgrindError),
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    #[error("cannot make a folder with this program in it: {0}")]
    Folder(#[from] io::Error),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if cfg!(debug_assertions) {
        output::error("instructions are only counted with optimisation and without assertions; build with --release");
        return ExitCode::from(UNUSABLE);
    }
    if let Some(path) = arguments.measure {
        work::run(path, counted_region);
        return ExitCode::SUCCESS;
    }
    let done = if arguments.update { update() } else { compare(&arguments.path) };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            output::error(&error.to_string());
            ExitCode::from(UNUSABLE)
        }
    }
}

/// What callgrind counts, found by this name ([`profile::COUNTED`]).
#[inline(never)]
fn counted_region(work: Work) -> Check {
    // Not the last thing that happens here, or the call would be a jump that leaves the function.
    black_box(work())
}

fn path_named(name: &str) -> Result<HotPath, String> {
    HotPath::by_name(name).ok_or_else(|| {
        let names: Vec<_> = HotPath::ALL.into_iter().map(HotPath::name).collect();
        format!("the paths are {}", names.join(", "))
    })
}

fn update() -> Result<bool, GateError> {
    let made_with = callgrind::tools()?;
    let mut instructions = BTreeMap::new();
    for (path, count) in count(&HotPath::ALL)? {
        output::line(Tone::Good, "Counted", &format!("{:18} {:>13} instructions", path.name(), grouped(count)));
        instructions.insert(path.name().to_owned(), count);
    }
    Baseline { made_with, instructions }.write(Path::new(BASELINE), UPDATE_COMMAND)?;
    output::line(Tone::Good, "Updated", "benches/instructions/baseline.toml");
    Ok(true)
}

/// Whether every count is where it must be.
fn compare(asked: &[HotPath]) -> Result<bool, GateError> {
    let baseline = Baseline::read(Path::new(BASELINE))?;
    let tools = callgrind::tools()?;
    let wanted = |path: &HotPath| asked.is_empty() || asked.contains(path);
    let paths: Vec<_> = HotPath::ALL.into_iter().filter(wanted).collect();
    let mut failures = Vec::new();
    if asked.is_empty() {
        let left_over = baseline.left_over(&HotPath::ALL.map(HotPath::name));
        failures.extend(left_over.into_iter().map(sentence_of_left_over));
    }
    for (path, count) in count(&paths)? {
        let judgement = baseline.judge(path.name(), count);
        show(path, count, baseline.instructions.get(path.name()).copied(), judgement);
        failures.extend(sentence(path, judgement));
    }
    if failures.is_empty() {
        return Ok(true);
    }
    for failure in &failures {
        output::error(failure);
    }
    if tools != baseline.made_with {
        output::complaint(&other_tools(&baseline.made_with, &tools));
    }
    Ok(false)
}

/// All at once, because each is a process of its own; in the order given, each path once. If one fails, all end.
fn count(paths: &[HotPath]) -> Result<Vec<(HotPath, u64)>, GateError> {
    let folder = tempfile::Builder::new().prefix("dagstorm-instructions-").tempdir()?;
    callgrind::copy_program(folder.path())?;
    let start = |&path: &HotPath| Ok((path, Counting::start(path.name(), ["--measure", path.name()], folder.path())?));
    let started: Vec<(HotPath, Counting)> = paths.iter().map(start).collect::<Result<_, CallgrindError>>()?;
    let finished = started.into_iter().map(|(path, counting)| Ok((path, counting.finish()?)));
    finished.collect()
}

fn show(path: HotPath, count: u64, baseline: Option<u64>, judgement: Judgement) {
    let (tone, verb) = match judgement {
        Judgement::Kept => (Tone::Good, "Kept"),
        Judgement::Slower => (Tone::Bad, "Slower"),
        Judgement::Faster => (Tone::Bad, "Faster"),
        Judgement::Unknown => (Tone::Bad, "Unknown"),
    };
    let against = baseline.map_or_else(String::new, |baseline| {
        let percent = (count as f64 / baseline as f64 - 1.0) * 100.0;
        format!(", baseline {:>13}, {percent:+.2} %", grouped(baseline))
    });
    output::line(tone, verb, &format!("{:18} {:>13} instructions{against}", path.name(), grouped(count)));
}

/// Why this count fails the gate.
fn sentence(path: HotPath, judgement: Judgement) -> Option<String> {
    let name = path.name();
    match judgement {
        Judgement::Kept => None,
        Judgement::Slower => Some(format!(
            "{name} takes over {TOLERANCE_PERCENT} % more instructions than its baseline; if that is meant: {UPDATE_COMMAND}"
        )),
        Judgement::Faster => Some(format!(
            "{name} takes over {TOLERANCE_PERCENT} % fewer instructions than its baseline; update the baseline, so that the \
             gain is kept: {UPDATE_COMMAND}"
        )),
        Judgement::Unknown => Some(format!("{name} has no baseline; make one: {UPDATE_COMMAND}")),
    }
}

fn sentence_of_left_over(name: &str) -> String {
    format!("{name} is in the baseline, but there is no such path; take it out: {UPDATE_COMMAND}")
}

fn other_tools(then: &Tools, now: &Tools) -> String {
    format!(
        "note: the baseline was made with other tools, which alone can move counts\n  then {then}\n  now  {now}\n  if \
         nothing else has changed: {UPDATE_COMMAND}"
    )
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
