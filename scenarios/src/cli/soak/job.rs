//! One job of a soak: takes runs and has them done, one after another, by a process of its own.

use std::{ffi::OsString, io, sync::mpsc::Sender, thread};

use scenarios::report::VerdictKind;

use super::{
    lost::LostRuns,
    process::{Finished, Process},
    protocol::Order,
    work::{Task, Work},
};

/// Runs after which a process is replaced, so that nothing that one leaves behind is there for all others.
const RUNS_PER_PROCESS: u32 = 100;

/// What a job tells.
pub enum News {
    /// A run is over.
    Finished(Box<Finished>),
    /// So many runs failed that no further one is begun.
    EnoughFailures,
    /// A process said something that is no answer.
    Complaint(String),
    /// A process could not be started; the job is over.
    CannotStart(io::Error),
}

pub struct Job<'a> {
    pub work: &'a Work,
    /// Of each process.
    pub arguments: &'a [OsString],
    pub lost_runs: &'a LostRuns<'a>,
    /// Whether the next failure gets a card.
    pub wants_card: &'a (dyn Fn() -> bool + Sync),
}

impl Job<'_> {
    /// Until there is no more work, or nobody listens.
    pub fn run(&self, news: &Sender<News>) {
        while let Some(first) = self.work.take() {
            if let Err(error) = thread::scope(|scope| self.run_some(first, news, scope)) {
                // Nobody listens to a soak that is over.
                let _ = news.send(News::CannotStart(error));
                return;
            }
        }
    }

    /// As many runs as one process does, or until it is lost.
    fn run_some<'scope>(
        &self,
        first: Task,
        news: &Sender<News>,
        scope: &'scope thread::Scope<'scope, '_>,
    ) -> io::Result<()> {
        let mut process = Process::start(self.arguments, self.lost_runs.timeout.0, scope)?;
        let mut next = Some(first);
        let mut left = RUNS_PER_PROCESS;
        while let Some(task) = next {
            let order = Order { task, wants_card: (self.wants_card)() };
            let on_complaint = |line| drop(news.send(News::Complaint(line)));
            let finished = match process.ask(order, on_complaint) {
                Ok(finished) => finished,
                Err(lost) => {
                    self.tell(self.lost_runs.tell(task, lost), news);
                    return Ok(());
                }
            };
            let is_heard = self.tell(finished, news);
            left -= 1;
            let goes_on = is_heard && left > 0 && process.is_alive();
            next = if goes_on { self.work.take() } else { None };
        }
        process.end();
        Ok(())
    }

    /// False if nobody listens any more.
    fn tell(&self, finished: Finished, news: &Sender<News>) -> bool {
        let failed = finished.line.verdict != VerdictKind::Pass;
        let ends_all = failed && self.work.note_failure();
        let is_heard = news.send(News::Finished(Box::new(finished))).is_ok();
        is_heard && (!ends_all || news.send(News::EnoughFailures).is_ok())
    }
}
