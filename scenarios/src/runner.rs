//! Outside the simulation: threads, CPU time, repetition. The only part of the crate that touches the machine.

use std::{
    any::Any,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use kaspa_hashes::Hash;
use rustix::time::{ClockId, clock_gettime};
use sim::trace::Entry;

use crate::{
    plan::Plan,
    report::{Figures, RunReport, Verdict},
    run::{self, EventTap, Outcome, Untouched},
    scenario::Scenario,
};

/// One run to do.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The scenario.
    pub scenario: Scenario,
    /// The seed.
    pub seed: u64,
    /// Simulated seconds of storm.
    pub seconds: u64,
    /// Do it twice and compare.
    pub check: bool,
}

impl Job {
    /// Does the job.
    pub fn run(&self) -> RunReport {
        let expand = || self.scenario.plan(self.seed, self.seconds);
        let Traced { mut report, trace } = run_on_fresh_thread(expand(), self.check, Box::new(Untouched));
        if self.check {
            let second = run_on_fresh_thread(expand(), true, Box::new(Untouched));
            if let Some(difference) = first_difference(&trace, &second.trace) {
                report.verdict = Verdict::Nondeterminism(difference);
            }
        }
        report
    }
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
    let (sender, receiver) = mpsc::channel();
    let report = run_with_listener(plan, keep_trace.then_some(sender), tap);
    Traced { report, trace: receiver.into_iter().collect() }
}

/// As [`run_on_fresh_thread`], but everything that happens goes to `trace_to` as it happens; what was sent before a
/// panic is not lost.
pub fn run_with_listener(plan: Plan, trace_to: Option<mpsc::Sender<Entry>>, tap: Box<dyn EventTap>) -> RunReport {
    let (scenario, seed, plan_digest) = (plan.scenario.clone(), plan.seed.0, plan.digest());
    #[expect(clippy::disallowed_methods, reason = "every simulation needs a fresh thread")]
    let worker = thread::spawn(move || {
        let before = thread_cpu_seconds();
        let outcome = run::run(plan, trace_to, tap);
        (outcome, thread_cpu_seconds() - before)
    });
    let (outcome, cpu_seconds) = worker.join().unwrap_or_else(|panic| (panicked(panic.as_ref()), 0.0));
    let Outcome { verdict, hash, simulated, figures } = outcome;
    RunReport { scenario, seed, plan_digest, verdict, hash, sim_seconds: simulated.as_secs_f64(), cpu_seconds, figures }
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
        simulated: std::time::Duration::ZERO,
        figures: Figures::default(),
    }
}

/// CPU time of this thread. A raw system call: inside the process, libc's is the simulation's.
fn thread_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sim::trace::Record;

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
}
