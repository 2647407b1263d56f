//! Runs of candidates: many at a time, none twice, within the budget.
//!
//! Of several candidates the first in their order that fails is taken, whichever run is over first: so the result does not
//! depend on how many run at a time. Runs after the first that fails may be in vain; their ends are kept for later.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use kaspa_hashes::Hash;

use super::{Progress, SameFailure, Settings, Size};
use crate::{plan::Plan, report::RunReport};

/// The budget is spent, and not everything is known that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BudgetSpent;

/// The smallest plan so far and everything that was learnt.
pub(super) struct Search<'a> {
    plan: Plan,
    digest: Hash,
    report: RunReport,
    failure: SameFailure,
    run: &'a (dyn Fn(&Plan) -> RunReport + Sync),
    settings: Settings,
    on_progress: &'a mut dyn FnMut(&Progress),
    /// The ends of runs that failed in the same way; `None` for plans that did not, or cannot be run.
    known: BTreeMap<Hash, Option<RunReport>>,
    pass: &'static str,
    runs: u64,
    spent: Duration,
}

/// A plan to try.
struct Candidate {
    /// Its place in the order of candidates.
    position: usize,
    digest: Hash,
    plan: Plan,
}

/// What became of a candidate.
struct Tried {
    /// Its place among those that had to be tried.
    at: usize,
    /// The end of its run; `None` if it cannot be run.
    report: Option<RunReport>,
}

impl<'a> Search<'a> {
    /// Begins at a plan whose run ended with `report`.
    pub(super) fn new(
        plan: Plan,
        report: RunReport,
        failure: SameFailure,
        run: &'a (dyn Fn(&Plan) -> RunReport + Sync),
        settings: Settings,
        on_progress: &'a mut dyn FnMut(&Progress),
    ) -> Self {
        let (digest, spent) = (plan.digest(), cpu_time(&report));
        let known = BTreeMap::new();
        Self { plan, digest, report, failure, run, settings, on_progress, known, pass: "", runs: 1, spent }
    }

    /// The smallest plan so far.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its run.
    pub(super) fn report(&self) -> &RunReport {
        &self.report
    }

    /// A pass begins.
    pub(super) fn begin(&mut self, pass: &'static str) {
        self.pass = pass;
        self.tell();
    }

    /// The smallest plan, its run, the number of runs and their CPU time.
    pub(super) fn into_result(self) -> (Plan, RunReport, u64, Duration) {
        (self.plan, self.report, self.runs, self.spent)
    }

    /// Goes on with the first of the candidates whose run fails in the same way, and returns its place; `None` if none does.
    /// What is no other plan than the present one is no candidate.
    pub(super) fn take_first(&mut self, candidates: Vec<Plan>) -> Result<Option<usize>, BudgetSpent> {
        let mut untried = Vec::new();
        let mut found = None;
        for (position, plan) in candidates.into_iter().enumerate() {
            let digest = plan.digest();
            match self.known.get(&digest) {
                _ if digest == self.digest => {}
                Some(None) => {}
                Some(Some(report)) => {
                    found = Some((Candidate { position, digest, plan }, report.clone()));
                    break;
                }
                None => untried.push(Candidate { position, digest, plan }),
            }
        }
        let are_all_tried = self.try_all(&untried);
        let is_found = |candidate: &Candidate| self.known.get(&candidate.digest).cloned().flatten();
        let first = untried.into_iter().find_map(|candidate| is_found(&candidate).map(|report| (candidate, report)));
        match first.or(found.filter(|_| are_all_tried)) {
            Some((Candidate { position, digest, plan }, report)) => {
                debug_assert!(Size::of(&plan).is_at_most(&Size::of(&self.plan)), "a pass made the plan larger");
                (self.plan, self.digest, self.report) = (plan, digest, report);
                self.tell();
                Ok(Some(position))
            }
            None if are_all_tried => Ok(None),
            None => Err(BudgetSpent),
        }
    }

    /// Runs candidates in order until one fails in the same way; returns whether the budget allowed all runs up to there.
    fn try_all(&mut self, candidates: &[Candidate]) -> bool {
        let (run, failure, budget) = (self.run, &self.failure, micros(self.settings.budget));
        let (next, first_found) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        let spent = AtomicU64::new(micros(self.spent));
        let try_next = || {
            let at = next.fetch_add(1, Ordering::SeqCst);
            let candidate = candidates.get(at)?;
            if at > first_found.load(Ordering::SeqCst) || spent.load(Ordering::SeqCst) >= budget {
                return None;
            }
            let report = candidate.plan.check().is_ok().then(|| run(&candidate.plan));
            if let Some(report) = &report {
                spent.fetch_add(micros(cpu_time(report)), Ordering::SeqCst);
                if failure.is(&report.verdict) {
                    first_found.fetch_min(at, Ordering::SeqCst);
                }
            }
            Some(Tried { at, report })
        };
        let (sender, receiver) = mpsc::channel();
        let mut are_tried = vec![false; candidates.len()];
        let mut first = candidates.len();
        thread::scope(|scope| {
            for _ in 0..self.settings.jobs.min(NonZeroUsize::new(candidates.len()).unwrap_or(NonZeroUsize::MIN)).get() {
                let (sender, try_next) = (sender.clone(), &try_next);
                scope.spawn(move || {
                    while let Some(tried) = try_next() {
                        if sender.send(tried).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for Tried { at, report } in receiver {
                are_tried[at] = true;
                self.runs += u64::from(report.is_some());
                self.spent += report.as_ref().map_or(Duration::ZERO, cpu_time);
                let report = report.filter(|report| self.failure.is(&report.verdict));
                first = if report.is_some() { first.min(at) } else { first };
                self.known.insert(candidates[at].digest, report);
                let progress = progress(self.pass, self.runs, self.spent, &self.plan);
                (self.on_progress)(&progress);
            }
        });
        are_tried[..first].iter().all(|is_tried| *is_tried)
    }

    fn tell(&mut self) {
        let progress = progress(self.pass, self.runs, self.spent, &self.plan);
        (self.on_progress)(&progress);
    }
}

fn progress(pass: &'static str, runs: u64, spent: Duration, plan: &Plan) -> Progress {
    Progress { pass, runs, spent, size: Size::of(plan) }
}

fn cpu_time(report: &RunReport) -> Duration {
    Duration::try_from_secs_f64(report.cpu_seconds).unwrap_or_default()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
