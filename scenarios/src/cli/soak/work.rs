//! What is left to do in a soak, taken by its jobs one run at a time.

use std::{
    num::NonZeroU64,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use scenarios::scenario::Scenario;

use super::clock;

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    pub scenario: Scenario,
    pub seed: u64,
}

/// The runs that nobody has taken yet: every scenario with a seed, then the next seed.
pub struct Work {
    tasks: Mutex<Box<dyn Iterator<Item = Task> + Send>>,
    deadline: Option<Instant>,
    failures_left: AtomicU64,
    is_over: AtomicBool,
}

impl Work {
    /// Every scenario with each of `seeds`, as long as runs begin before `deadline` and fewer than `max_failures` failed.
    pub fn new(
        scenarios: Vec<Scenario>,
        seeds: impl Iterator<Item = u64> + Send + 'static,
        deadline: Option<Instant>,
        max_failures: NonZeroU64,
    ) -> Self {
        let of_seed = move |seed| scenarios.clone().into_iter().map(move |scenario| Task { scenario, seed });
        Self {
            tasks: Mutex::new(Box::new(seeds.flat_map(of_seed))),
            deadline,
            failures_left: AtomicU64::new(max_failures.get()),
            is_over: AtomicBool::new(false),
        }
    }

    /// The next run; `None` if there is none, time is up, or the work was ended.
    pub fn take(&self) -> Option<Task> {
        if self.is_over() || self.deadline.is_some_and(|deadline| clock::now() >= deadline) {
            return None;
        }
        // A thread that panicked inside `next` is about to end the whole process.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    /// A run failed. True if nothing more is taken because of it.
    pub fn note_failure(&self) -> bool {
        let is_last = self.failures_left.fetch_sub(1, Ordering::Relaxed) == 1;
        if is_last {
            self.end();
        }
        is_last
    }

    /// Nothing more is taken.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether it was ended before it was done.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn given_two_scenarios_when_taken_then_both_have_a_seed_before_the_next_seed() {
        let work = Work::new(vec![Scenario::Steady, Scenario::Reorg], 4..=5, None, NonZeroU64::MAX);
        let taken: Vec<(&str, u64)> =
            std::iter::from_fn(|| work.take()).map(|task| (task.scenario.name(), task.seed)).collect();
        assert_eq!(taken, [("steady", 4), ("reorg", 4), ("steady", 5), ("reorg", 5)]);
    }

    #[test]
    fn given_work_without_end_when_ended_or_out_of_time_then_nothing_more_is_taken() {
        let work = |deadline, max_failures| {
            Work::new(
                vec![Scenario::Steady],
                1..=u64::MAX,
                deadline,
                NonZeroU64::new(max_failures).expect("it is above 0"),
            )
        };
        let ended = work(None, 9);
        assert!(ended.take().is_some());
        ended.end();
        assert_eq!(ended.take(), None);
        let failed = work(None, 2);
        assert!(!failed.note_failure() && failed.take().is_some());
        assert!(failed.note_failure() && failed.take().is_none());
        // A job may have had a run under way.
        assert!(!failed.note_failure() && failed.take().is_none());
        let past = clock::now().checked_sub(Duration::from_millis(1)).expect("the clock has run for longer");
        assert_eq!(work(Some(past), 9).take(), None);
    }
}
