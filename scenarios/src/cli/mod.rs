//! The command line: what can be asked, and where it is answered.

mod asked;
mod failures;
mod follow;
mod list;
mod output;
mod replay;
mod run;
mod shrink;
mod soak;
mod summary;
mod verify;

use std::{num::NonZeroUsize, ops::RangeInclusive, path::PathBuf, process::ExitCode, str::FromStr, thread};

use clap::{Args, Parser, Subcommand};
use scenarios::scenario::Scenario;

use self::asked::AskedArguments;

/// Exit code for a command that makes no sense.
const USAGE: u8 = 2;

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let code = match cli.command.unwrap_or(Command::Storm) {
        Command::Storm => run::storm(),
        Command::Run(arguments) => run::run(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::List(arguments) => list::list(&arguments),
        Command::Show(arguments) => replay::show(&arguments),
        Command::Shrink(arguments) => shrink::shrink(&arguments),
        Command::Soak(arguments) => soak::soak(&arguments),
        Command::SoakWorker(arguments) => soak::work(&arguments),
        Command::Follow(arguments) => follow::follow(&arguments),
        Command::Verify { what: Verify::Ghostdag { files } } => verify::ghostdag(&files),
        Command::Verify { what: Verify::Frames { files } } => verify::frames(&files),
    };
    ExitCode::from(code)
}

/// A deterministic storm for software that follows the Kaspa L1.
///
/// Without a command: a short storm over all scenarios, with a summary.
#[derive(Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
Examples:
  dagstorm                                  a short storm over all scenarios
  dagstorm run reorg --seed 7               one run
  dagstorm run --seeds 1..201 --check       200 seeds of every scenario, each run twice
  dagstorm replay reorg --seed 7            the same run, with everything that happens in it
  dagstorm soak --for 10m                   a storm of ten minutes, one process for each core
  dagstorm follow --url ws://127.0.0.1:17110 --network mainnet --from tip
                                            the chain of a real node, from now on

Exit codes: 0 pass, 1 verify found differences or no records, follow could not print or store, or
soak could not start a process, 2 usage, 10 safety, 11 liveness, 12 nondeterminism, 13 vacuous,
20 follow found no node that can be followed, 101 panic. Several failures: the first of 101, 10,
12, 11, 13. The short storm over all scenarios and a soak of 200 runs of all scenarios or of swarm
also end with 13 if they missed a coverage point.";

#[derive(Subcommand)]
enum Command {
    #[command(hide = true, name = "storm")]
    Storm,
    /// Run scenarios.
    Run(RunArguments),
    /// Run one plan or seed and print everything that happens.
    Replay(ReplayArguments),
    /// List the scenarios, or the coverage points.
    List(ListArguments),
    /// Print the plan of a seed.
    Show(ShowArguments),
    /// Make a smaller plan that fails in the same way.
    Shrink(shrink::ShrinkArguments),
    /// Run seeds for a long time, one process a job, and keep the plans of those that fail.
    Soak(soak::SoakArguments),
    #[command(hide = true)]
    SoakWorker(soak::WorkerArguments),
    /// Follow a real node and print its chain as events.
    Follow(follow::FollowArguments),
    /// Compare reference data with our code.
    Verify {
        #[command(subcommand)]
        what: Verify,
    },
}

#[derive(Subcommand)]
enum Verify {
    /// GHOSTDAG results of the reference implementation, JSON.
    Ghostdag {
        /// Files to compare.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// wRPC frames captured from a node, one JSON object a line.
    Frames {
        /// Files to compare.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  dagstorm run                              every scenario with seed 1
  dagstorm run steady --seconds 600 --json  one long run, as JSON
  dagstorm run --profile default --seeds 1..11
                                            ten runs of the mixture by which speed is measured
  dagstorm run reorg --seeds 1..201 --check seeds 1 to 200, each run twice and compared
  dagstorm run deep-reorg --params deep --depth 1000
                                            a reorg of a thousand chain blocks")]
struct RunArguments {
    /// Scenario to run (see `dagstorm list`); that of --profile if none is named, and all without one.
    scenario: Option<ScenarioName>,
    /// One seed.
    #[arg(long, default_value_t = 1, conflicts_with = "seeds")]
    seed: u64,
    /// A range of seeds, as in Rust: `1..201` ends with 200, `1..=200` too.
    #[arg(long)]
    seeds: Option<Seeds>,
    #[command(flatten)]
    asked: AskedArguments,
    /// Run every seed twice and compare everything that happened.
    #[arg(long)]
    check: bool,
    /// Runs at the same time.
    #[arg(long, default_value_t = available_jobs())]
    jobs: NonZeroUsize,
    /// Where the plans of failed runs are kept.
    #[arg(long, default_value = run::SAVE_DIR)]
    save_dir: PathBuf,
    /// Print one JSON object a line for each run.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  dagstorm replay disconnect --seed 3 | grep -v receives
  dagstorm show reorg --seed 7 > plan.toml; dagstorm replay plan.toml")]
struct ReplayArguments {
    /// A plan file, or a scenario (see `dagstorm list`), which needs --seed; all other options are for a scenario.
    what: Option<String>,
    /// Seed of the run.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    asked: AskedArguments,
}

#[derive(Args)]
struct ListArguments {
    /// List the states that a storm over all scenarios must have reached instead.
    #[arg(long)]
    coverage: bool,
}

#[derive(Args)]
#[command(after_help = "Example:\n  dagstorm show disconnect --seed 3 > plan.toml")]
struct ShowArguments {
    /// Scenario (see `dagstorm list`); that of --profile if none is named.
    scenario: Option<ScenarioName>,
    /// Seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    asked: AskedArguments,
}

#[derive(Clone)]
struct ScenarioName(Scenario);

impl FromStr for ScenarioName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Scenario::ALL.map(Scenario::name).join(", ");
        Scenario::by_name(name).map(Self).ok_or_else(|| format!("no scenario has this name; there are {}", names()))
    }
}

/// Most seeds of one command.
const MOST_SEEDS: u64 = 1_000_000;

#[derive(Clone)]
struct Seeds(RangeInclusive<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| format!("'{text}' is not a number"));
        let (first, last) = text.split_once("..").ok_or("expected FIRST..END")?;
        let first = number(first)?;
        let last = match last.strip_prefix('=') {
            Some(last) => Some(number(last)?),
            None => number(last)?.checked_sub(1),
        };
        match last {
            Some(last) if last < first => Err("the range is empty".to_owned()),
            Some(last) if last - first >= MOST_SEEDS => Err(format!("the range has more than {MOST_SEEDS} seeds")),
            Some(last) => Ok(Self(first..=last)),
            None => Err("the range is empty".to_owned()),
        }
    }
}

/// Says what is wrong with a command.
fn usage(message: &str) -> u8 {
    output::error(message);
    USAGE
}

fn available_jobs() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
