//! `dagstorm soak`: many seeds for a long time, each job in a process of its own.
//!
//! A process that dies or hangs takes one run with it: that run is a failure like any other, with its seed and its plan,
//! and the soak goes on with the next seed in a new process.

mod clock;
mod help;
mod job;
mod lost;
mod process;
mod progress;
mod protocol;
mod shard;
mod span;
mod work;
mod worker;

use std::{
    ffi::OsString,
    num::{NonZeroU64, NonZeroUsize},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
};

use clap::{ArgGroup, Args};
use scenarios::{
    report::VerdictKind,
    scenario::{Request, Scenario},
};
use tokio::runtime::{Builder, Runtime};

pub use self::worker::{WorkerArguments, work};
use self::{
    job::{Job, News},
    lost::LostRuns,
    process::Finished,
    progress::{Goal, Progress},
    shard::Shard,
    span::Span,
    work::Work,
};
use super::{
    ScenarioName, Seeds,
    asked::AskedArguments,
    available_jobs,
    failures::{Failures, Printed},
    follow::stop,
    output::{self, Tone},
    run::SAVE_DIR,
    summary::Summary,
    usage,
};

/// Runs from which on a soak must have reached every coverage point.
const GATE_RUNS: u64 = 200;

/// Exit code if nothing failed but a process could not be started.
const CANNOT_START: u8 = 1;

/// What `dagstorm soak` is told.
#[derive(Args)]
#[command(after_help = help::AFTER_HELP)]
#[command(group = ArgGroup::new("length").args(["for_time", "seeds"]).required(true))]
pub struct SoakArguments {
    /// Scenario to run (see `dagstorm list`); that of --profile if none is named, and all without one.
    scenario: Option<ScenarioName>,
    /// Begin runs for so long: 30s, 10m, 2h, 1d. Runs that have begun come to their end.
    #[arg(long = "for", value_name = "TIME")]
    for_time: Option<Span>,
    /// A range of seeds, as in Rust: `1..10001` ends with 10000, `1..=10000` too.
    #[arg(long, value_name = "A..B")]
    seeds: Option<Seeds>,
    /// With --for: the first seed. Two soaks with the same first seed do the same runs.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "seeds")]
    start_seed: u64,
    /// Of the seeds only each N-th, beginning with the I-th: 1/8, 2/8, ... 8/8 do together what one soak would.
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE)]
    shard: Shard,
    #[command(flatten)]
    asked: AskedArguments,
    /// Run every seed twice and compare everything that happened.
    #[arg(long)]
    check: bool,
    /// Processes at the same time [default: one for each core].
    #[arg(long, default_value_t = available_jobs(), hide_default_value = true)]
    jobs: NonZeroUsize,
    /// Wall-clock time after which a run counts as hung and is killed.
    #[arg(long, value_name = "TIME", default_value = "2m")]
    timeout: Span,
    /// Failures after which no run is begun.
    #[arg(long, value_name = "N", default_value = "100")]
    max_failures: NonZeroU64,
    /// Where the plans of failed runs are kept.
    #[arg(long, default_value = SAVE_DIR)]
    save_dir: PathBuf,
    /// Print one JSON object a line for each run, and one with the summary.
    #[arg(long)]
    json: bool,
}

pub fn soak(arguments: &SoakArguments) -> u8 {
    let (scenarios, request) = match what_to_run(arguments) {
        Ok(what) => what,
        Err(sentence) => return usage(&sentence),
    };
    let runtime = match Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return cannot_start(&error.to_string()),
    };
    let soak = Soak::new(arguments, scenarios, request);
    if let Err(error) = end_on_signal(&runtime, &soak.work) {
        return cannot_start(&error.to_string());
    }
    let code = soak.run();
    // Without waiting: it waits for a signal.
    runtime.shutdown_background();
    code
}

fn what_to_run(arguments: &SoakArguments) -> Result<(Vec<Scenario>, Request), String> {
    let scenarios = arguments.asked.scenarios(arguments.scenario.as_ref().map(|named| named.0))?;
    let request = arguments.asked.request()?;
    scenarios.iter().try_for_each(|scenario| scenario.check(&request)).map_err(|error| error.to_string())?;
    Ok((scenarios, request))
}

fn cannot_start(why: &str) -> u8 {
    output::error(&format!("cannot start: {why}"));
    CANNOT_START
}

/// The first Ctrl-C or SIGTERM ends the work, the second the process, and with it at once all others.
fn end_on_signal(runtime: &Runtime, work: &Arc<Work>) -> std::io::Result<()> {
    let _inside = runtime.enter();
    let mut stop = stop::listen(runtime)?;
    let work = Arc::clone(work);
    runtime.spawn(async move {
        stop.asked().await;
        work.end();
    });
    Ok(())
}

struct Soak<'a> {
    arguments: &'a SoakArguments,
    scenarios: Vec<Scenario>,
    request: Request,
    work: Arc<Work>,
    goal: Goal,
}

impl<'a> Soak<'a> {
    fn new(arguments: &'a SoakArguments, scenarios: Vec<Scenario>, request: Request) -> Self {
        let shard = arguments.shard;
        let (seeds, deadline, goal) = match (&arguments.seeds, arguments.for_time) {
            (Some(seeds), _) => {
                let runs = shard.size(&seeds.0).saturating_mul(scenarios.len() as u64);
                (seeds.0.clone(), None, Goal::Runs(runs))
            }
            (None, time) => {
                let time = time.map_or_else(Default::default, |time| time.0);
                (arguments.start_seed..=u64::MAX, Some(clock::now() + time), Goal::Time(time))
            }
        };
        let work = Arc::new(Work::new(scenarios.clone(), shard.of(seeds), deadline, arguments.max_failures));
        Self { arguments, scenarios, request, work, goal }
    }

    fn run(&self) -> u8 {
        let arguments = self.arguments;
        let asked = arguments.asked.asked();
        let failures = Failures::new(&arguments.save_dir, self.request.clone(), asked.clone());
        let lost_runs =
            LostRuns { request: &self.request, asked: &asked, failures: &failures, timeout: arguments.timeout };
        let worker_arguments = self.worker_arguments();
        let has_cards_left = AtomicBool::new(true);
        let wants_card = || !arguments.json && has_cards_left.load(Ordering::Relaxed);
        let job =
            Job { work: &self.work, arguments: &worker_arguments, lost_runs: &lost_runs, wants_card: &wants_card };
        self.tell_beginning();
        thread::scope(|scope| {
            let (sender, news) = mpsc::channel();
            for _ in 0..arguments.jobs.get() {
                let (sender, job) = (sender.clone(), &job);
                scope.spawn(move || job.run(&sender));
            }
            drop(sender);
            self.listen(&news, &has_cards_left)
        })
    }

    /// What a process is started with.
    fn worker_arguments(&self) -> Vec<OsString> {
        let arguments = self.arguments;
        let mut all: Vec<OsString> = vec!["soak-worker".into()];
        all.extend(arguments.asked.to_arguments().into_iter().map(OsString::from));
        if arguments.check {
            all.push("--check".into());
        }
        let mut save_dir = OsString::from("--save-dir=");
        save_dir.push(&arguments.save_dir);
        all.push(save_dir);
        all
    }

    fn tell_beginning(&self) {
        let SoakArguments { jobs, shard, start_seed, .. } = self.arguments;
        let what = match self.goal {
            Goal::Runs(runs) => format!("{runs} runs"),
            Goal::Time(time) => format!("{} of runs from seed {start_seed} on", Span(time)),
        };
        let scenarios = match self.scenarios.as_slice() {
            [one] => format!("scenario {}", one.name()),
            several => format!("{} scenarios", several.len()),
        };
        let part = if *shard == Shard::WHOLE { String::new() } else { format!(", shard {shard}") };
        let text = format!("{what}{part}: {scenarios}, {jobs} processes at a time");
        if self.arguments.json {
            output::status(Tone::Good, "Starting", &text);
        } else {
            output::line(Tone::Good, "Starting", &text);
        }
    }

    /// Until all jobs are over. The exit code.
    fn listen(&self, news: &Receiver<News>, has_cards_left: &AtomicBool) -> u8 {
        let mut summary = Summary::start();
        let mut progress = Progress::start(self.goal);
        let mut printed = Printed::default();
        let mut all_started = true;
        loop {
            match news.recv_timeout(progress.patience()) {
                Ok(News::Finished(finished)) => {
                    summary.add(&finished.line);
                    progress.suspend(|| self.print(&finished, &mut printed));
                    has_cards_left.store(printed.has_cards_left(), Ordering::Relaxed);
                }
                Ok(News::EnoughFailures) => {
                    let text = "no further run is begun: there are --max-failures failures";
                    progress.suspend(|| output::status(Tone::Bad, "Stopping", text));
                }
                Ok(News::Complaint(line)) => progress.suspend(|| output::complaint(&line)),
                Ok(News::CannotStart(error)) => {
                    all_started = false;
                    progress.suspend(|| output::error(&format!("cannot start a process for runs: {error}")));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            progress.show(&summary);
        }
        progress.finish();
        self.conclude(&summary, all_started)
    }

    fn print(&self, finished: &Finished, printed: &mut Printed) {
        let Finished { line, told } = finished;
        if self.arguments.json {
            output::plain(&line.to_json());
        } else if let Some(told) = told {
            printed.print(told);
        }
    }

    fn conclude(&self, summary: &Summary, all_started: bool) -> u8 {
        let no_gate = self.no_coverage_gate(summary.runs());
        let by_verdicts = if no_gate.is_some() { summary.exit_code() } else { summary.exit_code_with_coverage() };
        let (stopped, runs_asked) = match self.goal {
            Goal::Runs(asked) => (summary.runs() < asked, Some(asked)),
            Goal::Time(_) => (self.work.is_over(), None),
        };
        // Whoever asked for these seeds counts on all of them.
        let misses_seeds = stopped && runs_asked.is_some();
        let code = match by_verdicts {
            0 if !all_started => CANNOT_START,
            0 if summary.runs() == 0 || misses_seeds => VerdictKind::Vacuous.exit_code(),
            code => code,
        };
        if self.arguments.json {
            output::plain(&summary.to_json(code, no_gate.is_none(), stopped, runs_asked));
            return code;
        }
        if stopped {
            output::line(Tone::Bad, "Stopped", "before all was done; runs that had begun came to their end");
        }
        if summary.runs() == 0 {
            output::line(Tone::Bad, "Vacuous", "no run was done: no time, or no seed for this shard");
            return code;
        }
        summary.print();
        if let Some(asked) = runs_asked.filter(|_| misses_seeds) {
            let text = format!("not all seeds were run: {} of {asked} runs", summary.runs());
            output::line(Tone::Bad, "Missed", &text);
        }
        summary.print_coverage(no_gate.as_deref());
        if no_gate.is_none() {
            summary.print_missed_points();
        }
        code
    }

    /// Why a coverage point that was missed is no failure; `None` if it is one.
    fn no_coverage_gate(&self, runs: u64) -> Option<String> {
        if !matches!(self.scenarios.as_slice(), [Scenario::Swarm] | [_, _, ..]) {
            return Some("one scenario other than swarm does not reach all".to_owned());
        }
        if self.arguments.asked.first().is_some() {
            return Some("runs were made otherwise than by seed alone".to_owned());
        }
        (runs < GATE_RUNS).then(|| format!("that takes at least {GATE_RUNS} runs"))
    }
}
