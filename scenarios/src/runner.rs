//! Outside the simulation: threads, CPU time, repetition. The only part of the crate that touches the machine.

use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use kaspa_hashes::Hash;
use rustix::time::{ClockId, clock_gettime};
use sim::trace::{Entry, Record};

use crate::{
    coverage::Coverage,
    plan::Plan,
    report::{Figures, RunReport, Verdict},
    run::{self, EventTap, Outcome, Untouched, seat::Subject},
    scenario::{Request, RequestError, Scenario},
};

/// One run to do. Invariant: the scenario has a plan for the request.
#[derive(Clone, Debug)]
pub struct Job {
    scenario: Scenario,
    request: Request,
    check: bool,
}

impl Job {
    /// A run of what is asked of the scenario; with `check` it is done twice and compared.
    ///
    /// # Errors
    /// The scenario has no such plan.
    pub fn new(scenario: Scenario, request: Request, check: bool) -> Result<Self, RequestError> {
        scenario.check(&request)?;
        Ok(Self { scenario, request, check })
    }

    /// Does the job.
    pub fn run(&self) -> RunReport {
        run_plan(&self.plan(), self.check)
    }

    /// What its seed expands to.
    pub fn plan(&self) -> Plan {
        self.scenario.expand(&self.request).expect("the request was checked when the job was made")
    }
}

/// Runs `plan`; with `check` twice, and it is a failure if the second run differs in anything.
pub fn run_plan(plan: &Plan, check: bool) -> RunReport {
    run_plan_with(plan, check, &|| run::own(Box::new(Untouched)))
}

/// As [`run_plan`], of whatever sits on the seats; `make` is called for each run.
pub(crate) fn run_plan_with(plan: &Plan, check: bool, make: &dyn Fn() -> Box<dyn Subject>) -> RunReport {
    let Traced { mut report, trace } = run_subject(plan.clone(), check, make());
    if check {
        let second = run_subject(plan.clone(), true, make());
        if let Some(difference) = first_difference(&trace, &second.trace) {
            report.verdict = Verdict::Nondeterminism(difference);
        }
    }
    report
}

/// A run with everything that happened in it.
#[derive(Debug)]
pub struct Traced {
    /// The report.
    pub report: RunReport,
    /// All that happened, if it was kept.
    pub trace: Vec<Entry>,
}

/// Runs `plan` on a thread of its own and turns a panic into a verdict.
pub fn run_on_fresh_thread(plan: Plan, keep_trace: bool, tap: Box<dyn EventTap>) -> Traced {
    run_subject(plan, keep_trace, run::own(tap))
}

/// As [`run_on_fresh_thread`], of whatever sits on the seats.
pub(crate) fn run_subject(plan: Plan, keep_trace: bool, subject: Box<dyn Subject>) -> Traced {
    // Collected when the run is over: a listener that is woken for every entry costs more than the run.
    let (sender, receiver) = mpsc::channel();
    let report = run_alone(plan, keep_trace.then_some(sender), subject);
    let trace = receiver.into_iter().collect();
    Traced { report, trace }
}

/// As [`run_on_fresh_thread`], but `on_entry` gets everything that happens as it happens, also what comes before a panic.
pub fn run_and_listen(plan: Plan, tap: Box<dyn EventTap>, on_entry: impl FnMut(Entry)) -> RunReport {
    listen_to_subject(plan, run::own(tap), on_entry)
}

fn listen_to_subject(plan: Plan, subject: Box<dyn Subject>, mut on_entry: impl FnMut(Entry)) -> RunReport {
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        let run = scope.spawn(|| run_alone(plan, Some(sender), subject));
        receiver.into_iter().for_each(&mut on_entry);
        run.join().expect("a panic inside the run is a verdict")
    })
}

/// Runs `plan` on a thread of its own, with all that is left of it.
pub fn run_for_outcome(plan: Plan, tap: Box<dyn EventTap>) -> Outcome {
    outcome_and_cpu(plan, None, run::own(tap)).0
}

/// Runs on a fresh thread and waits for it.
fn run_alone(plan: Plan, trace_to: Option<mpsc::Sender<Entry>>, subject: Box<dyn Subject>) -> RunReport {
    let (scenario, seed, plan_digest) = (plan.scenario.clone(), plan.seed.0, plan.digest());
    let (outcome, cpu_seconds) = outcome_and_cpu(plan, trace_to, subject);
    let Outcome { verdict, hash, simulated, figures, coverage, end_states: _ } = outcome;
    let sim_seconds = simulated.as_secs_f64();
    RunReport { scenario, seed, plan_digest, verdict, hash, sim_seconds, cpu_seconds, figures, coverage }
}

fn outcome_and_cpu(plan: Plan, trace_to: Option<mpsc::Sender<Entry>>, subject: Box<dyn Subject>) -> (Outcome, f64) {
    #[expect(clippy::disallowed_methods, reason = "every simulation needs a fresh thread")]
    let worker = thread::spawn(move || {
        let before = thread_cpu_seconds();
        // Caught here, so that the time of a run that panics is known too. Nothing of the run is used afterwards.
        let outcome = catch_unwind(AssertUnwindSafe(|| run::run_with(plan, trace_to, subject)));
        (outcome.unwrap_or_else(|panic| panicked(panic.as_ref())), thread_cpu_seconds() - before)
    });
    worker.join().unwrap_or_else(|panic| (panicked(panic.as_ref()), 0.0))
}

/// The end of a run.
#[derive(Debug)]
pub struct Ending {
    /// The report.
    pub report: RunReport,
    /// The last records of those asked for, oldest first; the first broken property is the last of them.
    pub last: Vec<Entry>,
    /// Simulated time of the last record of any kind; `None` if there was none.
    pub last_at: Option<Duration>,
}

/// As [`run_on_fresh_thread`], but of everything that happens only the last `most` records for which `is_wanted` holds are
/// kept, also if the run panics. A run is deterministic: how one ended that nobody listened to is seen by running it again.
pub fn run_for_ending(plan: Plan, tap: Box<dyn EventTap>, most: usize, is_wanted: fn(&Record) -> bool) -> Ending {
    ending_of_subject(plan, run::own(tap), (most, is_wanted), |_| {})
}

/// As [`run_for_ending`], of whatever sits on the seats; `on_entry` is shown everything that happens.
pub(crate) fn ending_of_subject(
    plan: Plan,
    subject: Box<dyn Subject>,
    (most, is_wanted): (usize, fn(&Record) -> bool),
    mut on_entry: impl FnMut(&Entry),
) -> Ending {
    let mut last = Last { most, entries: VecDeque::new(), is_complete: false };
    let mut last_at = None;
    let report = listen_to_subject(plan, subject, |entry| {
        on_entry(&entry);
        last_at = Some(entry.at);
        if is_wanted(&entry.record) {
            last.push(entry);
        }
    });
    Ending { report, last: last.entries.into(), last_at }
}

/// Keeps the last entries up to the first broken property: what a bridge tells in the same instant after it is no part of
/// what led there.
struct Last {
    most: usize,
    entries: VecDeque<Entry>,
    is_complete: bool,
}

impl Last {
    fn push(&mut self, entry: Entry) {
        if self.is_complete || self.most == 0 {
            return;
        }
        self.is_complete = matches!(entry.record, Record::PropertyBroken { .. });
        if self.entries.len() == self.most {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }
}

/// Does `jobs` on `threads` threads and hands the reports over in the order of the jobs, each as soon as all before it
/// are there.
pub fn run_all(jobs: &[Job], threads: usize, mut on_report: impl FnMut(RunReport)) {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((at, job)) = take(jobs, next) {
                    if sender.send((at, job.run())).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting: Vec<Option<RunReport>> = jobs.iter().map(|_| None).collect();
        let mut due = 0;
        for (at, report) in receiver {
            waiting[at] = Some(report);
            while let Some(report) = waiting.get_mut(due).and_then(Option::take) {
                on_report(report);
                due += 1;
            }
        }
    });
}

fn take<'a>(jobs: &'a [Job], next: &AtomicUsize) -> Option<(usize, &'a Job)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    jobs.get(at).map(|job| (at, job))
}

/// Where two runs of one seed part, told by what each did there.
fn first_difference(first: &[Entry], second: &[Entry]) -> Option<String> {
    let tell = |entry: Option<&Entry>| entry.map_or_else(|| "nothing more".to_owned(), |entry| entry.to_string());
    let position = first.iter().zip(second).position(|(first, second)| first != second);
    let position = position.or((first.len() != second.len()).then(|| first.len().min(second.len())))?;
    Some(format!(
        "the runs part at record {position}: first run {}; second run {}",
        tell(first.get(position)).trim(),
        tell(second.get(position)).trim()
    ))
}

fn panicked(panic: &(dyn Any + Send)) -> Outcome {
    let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Outcome {
        verdict: Verdict::Panic(message.unwrap_or("a panic without a message").to_owned()),
        hash: Hash::default(),
        simulated: Duration::ZERO,
        figures: Figures::default(),
        coverage: Coverage::default(),
        end_states: Vec::new(),
    }
}

/// CPU time of this thread. A raw system call: inside the process, libc's is the simulation's.
fn thread_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(cut: u32) -> Entry {
        Entry { at: Duration::from_secs(1), record: Record::CutBegan { cut } }
    }

    #[test]
    fn given_two_traces_that_part_when_compared_then_both_sides_are_named() {
        let difference = first_difference(&[entry(1), entry(2)], &[entry(1), entry(3)]).expect("they differ");
        assert!(difference.contains("record 1") && difference.contains("cut 2") && difference.contains("cut 3"));
        let shorter = first_difference(&[entry(1)], &[entry(1), entry(2)]).expect("one is longer");
        assert!(shorter.contains("nothing more"), "{shorter}");
        assert_eq!(first_difference(&[entry(1)], &[entry(1)]), None);
    }

    #[test]
    fn given_a_run_that_panics_when_listened_to_then_it_is_over_and_what_came_before_is_there() {
        struct Panics;
        impl EventTap for Panics {
            fn pass(&mut self, _: bridge::L1Event) -> Vec<bridge::L1Event> {
                panic!("planted panic");
            }
        }
        let plan = Scenario::Steady.plan(1, 10);
        let traced = run_on_fresh_thread(plan.clone(), true, Box::new(Panics));
        assert_eq!(traced.report.verdict, Verdict::Panic("planted panic".into()));
        let is_event = |record: &Record| matches!(record, Record::BridgeEvent { .. });
        assert!(traced.trace.last().is_some_and(|entry| is_event(&entry.record)), "{:?}", traced.trace.last());
        let ending = run_for_ending(plan, Box::new(Panics), 8, is_event);
        assert_eq!(ending.last.last(), traced.trace.last());
        assert_eq!(ending.last_at, traced.trace.last().map(|entry| entry.at));
    }

    #[test]
    fn given_many_records_when_kept_then_the_last_ones_up_to_the_broken_property() {
        let broken =
            Entry { at: Duration::from_secs(1), record: Record::PropertyBroken { client: 0, text: "x".into() } };
        let kept = |most: usize, entries: &[Entry]| {
            let mut last = Last { most, entries: VecDeque::new(), is_complete: false };
            entries.iter().for_each(|entry| last.push(entry.clone()));
            Vec::from(last.entries)
        };
        assert_eq!(kept(2, &[entry(1), entry(2), entry(3)]), [entry(2), entry(3)]);
        assert_eq!(kept(2, &[entry(1), entry(2), broken.clone(), entry(3), broken.clone()]), [entry(2), broken]);
        assert_eq!(kept(0, &[entry(1)]), []);
    }
}
