//! The life of one process: batch after batch, until it dies, has ended as it was asked, or the stream is over.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use state::{Batch, Consumer};

use super::{End, Leaving, Life, Moment, Supervisor};
use crate::{
    plan::{LONGEST_SHUTDOWN_MS, PlannedDiskFault, PlannedDiskTrouble},
    run::Step,
};

/// Longest time from the moment in which a bridge is asked to end to the end of its stream.
const LONGEST_SHUTDOWN: Duration = Duration::from_millis(LONGEST_SHUTDOWN_MS);

/// What a process that waits for events gets.
enum Next {
    Asked,
    Batch(Batch),
    CutOff(PlannedDiskFault),
    /// It was asked to end and has not.
    Overdue,
    StreamOver,
}

impl Supervisor {
    /// Batch after batch.
    pub(super) async fn live(&mut self, life: &mut Life) -> End {
        if let Some(by) = self.sleep_latency(life).await {
            return self.cut_off(Moment::Waiting, by);
        }
        loop {
            let mut waits_from = self.now();
            let batch = match self.next(life, &mut waits_from).await {
                Next::Asked => return End::Asked,
                Next::StreamOver => return self.end_of_stream(life, waits_from),
                Next::CutOff(by) => return self.cut_off(Moment::Waiting, by),
                Next::Overdue => return self.end_too_late(life),
                Next::Batch(batch) => batch,
            };
            self.look_at_taken(&batch, life.consumer.machine());
            if let Some(end) = self.handle(batch, life).await {
                return end;
            }
        }
    }

    /// Stores a batch and acknowledges it; the end, if the process did not outlive that.
    async fn handle(&mut self, batch: Batch, life: &mut Life) -> Option<End> {
        for step in self.tap.steps(batch.events()) {
            match step {
                Step::Acknowledge => self.acknowledge(&batch, &mut life.consumer),
                Step::Store => {
                    match life.consumer.store(&batch) {
                        Ok(applied) => self.look_at_stored(&batch, &applied, &life.consumer),
                        Err(error) => return Some(self.end_in_storing(&error, batch)),
                    }
                    self.has_ended |= batch.fatal().is_some();
                    if !self.has_ended
                        && let Some(by) = self.sleep_latency(life).await
                    {
                        let moment = if batch.sequence().is_some() { Moment::Stored } else { Moment::Waiting };
                        return Some(self.cut_off(moment, by));
                    }
                }
            }
        }
        None
    }

    fn acknowledge(&self, batch: &Batch, consumer: &mut Consumer) {
        let Some(sequence) = batch.sequence() else { return };
        self.look_at_acknowledged(sequence, consumer);
        if let Err(error) = consumer.acknowledge(batch) {
            self.fail(format!("the bridge does not take an acknowledgement: {error}"));
        }
    }

    /// Nothing more comes: because the bridge said so, or because it was asked to end, and then in time. `waits_from` is when
    /// the process had taken everything before.
    fn end_of_stream(&self, life: &Life, waits_from: Duration) -> End {
        let Some(Leaving { by, .. }) = life.leaving.filter(|_| !self.has_ended) else { return End::StreamOver };
        if self.overdue_at(life, waits_from).is_some_and(|at| self.now() >= at) {
            return self.end_too_late(life);
        }
        End::Left(by)
    }

    fn end_too_late(&self, life: &Life) -> End {
        let asked_at = life.leaving.map(|leaving| leaving.asked_at).unwrap_or_default();
        self.fail(format!(
            "the bridge that was asked to end at {asked_at:?} has not ended in time at {:?}",
            self.now()
        ));
        End::Wrong
    }

    /// Waits for events, for what happens to the disk, and for the end of the run. A stop of the consumer moves `waits_from` to
    /// its end.
    async fn next(&mut self, life: &mut Life, waits_from: &mut Duration) -> Next {
        loop {
            // Who was told that nothing more comes has nothing left to lose, and is not started again.
            let may_be_hit = !self.has_ended;
            if let Some(until) = self.stopped_until().filter(|_| may_be_hit) {
                match self.wait(until, life).await {
                    Some(by) => return Next::CutOff(by),
                    None => {
                        *waits_from = self.now();
                        continue;
                    }
                }
            }
            let stops_at = self.consumer.stops_at(self.now());
            let overdue_at = self.overdue_at(life, *waits_from);
            if may_be_hit && overdue_at.is_some_and(|at| self.now() >= at) {
                return Next::Overdue;
            }
            let due_at = self.faults.next_at().into_iter().chain(stops_at).chain(overdue_at);
            let due_at = due_at.min().filter(|_| may_be_hit);
            match self.event_or_due(life, due_at).await {
                Some(next) => return next,
                None => {
                    if let Some(by) = self.strike(life) {
                        return Next::CutOff(by);
                    }
                }
            }
        }
    }

    /// Waits for events and for the end of the run, until `due_at` at the latest.
    async fn event_or_due(&self, life: &mut Life, due_at: Option<Duration>) -> Option<Next> {
        let executor = self.world.executor();
        let Life { consumer, commit_at, .. } = life;
        let commit_at = &*commit_at;
        let mut due = pin!(due_at.map(|at| executor.sleep_until(at)));
        let mut batch = pin!(consumer.gather(|| {
            // What keeps the process from gathering for a while does not make the interval longer.
            let at = commit_at.get().unwrap_or_else(|| executor.now().saturating_add(self.commit_interval));
            commit_at.set(Some(at));
            let at = at.min(self.plan.storm()).max(executor.now());
            let is_over = at == executor.now();
            async move {
                if !is_over {
                    executor.sleep_until(at).await;
                }
            }
        }));
        let examiner = Rc::clone(&self.examiner);
        let next = poll_fn(|context| {
            {
                let mut examiner = examiner.borrow_mut();
                if examiner.wants_process {
                    return Poll::Ready(Some(Next::Asked));
                }
                examiner.process_waker = Some(context.waker().clone());
            }
            if let Some(due) = due.as_mut().as_pin_mut()
                && due.poll(context).is_ready()
            {
                return Poll::Ready(None);
            }
            let batch = batch.as_mut().poll(context);
            batch.map(|batch| Some(batch.map_or(Next::StreamOver, Next::Batch)))
        });
        let next = next.await;
        if next.is_some() {
            commit_at.set(None);
        }
        next
    }

    /// Waits until `until`, or until something ends the process.
    async fn wait(&mut self, until: Duration, life: &mut Life) -> Option<PlannedDiskFault> {
        loop {
            self.wait_for_fault(until).await;
            if let Some(by) = self.strike(life) {
                return Some(by);
            }
            if self.now() >= until {
                return None;
            }
        }
    }

    /// Waits until `until`, or until something is due before.
    pub(super) async fn wait_for_fault(&self, until: Duration) {
        let next_at = self.faults.next_at().map_or(until, |at| at.min(until));
        self.world.executor().sleep_until(next_at).await;
    }

    /// Does what is due now; the fault that ended the process, if one did. One that is asked to end goes on until it has.
    fn strike(&mut self, life: &mut Life) -> Option<PlannedDiskFault> {
        let by = self.faults.advance(self.now())?;
        if by.what != PlannedDiskTrouble::ShutDown {
            return Some(by);
        }
        if life.leaving.is_none() && !self.has_ended {
            self.tell("is asked to end".to_owned());
            life.consumer.bridge().shutdown();
            life.leaving = Some(Leaving { asked_at: self.now(), by });
            self.examiner.borrow_mut().is_up = false;
        }
        None
    }

    /// The end of the present stop of the consumer, if it is in one. All end with the storm.
    fn stopped_until(&self) -> Option<Duration> {
        let (now, storm) = (self.now(), self.plan.storm());
        self.consumer.stopped_until(now).map(|until| until.min(storm)).filter(|until| *until > now)
    }

    /// Waits as long as the disk takes; from the end of the storm on it takes no time.
    async fn sleep_latency(&mut self, life: &mut Life) -> Option<PlannedDiskFault> {
        let owed = self.faults.disk().take_latency();
        let (now, storm) = (self.now(), self.plan.storm());
        if owed.is_zero() || now >= storm {
            return None;
        }
        self.wait(now.saturating_add(owed).min(storm), life).await
    }

    /// When it is too late for the end for which the process was asked, if it was. `waits_from` is when it had taken
    /// everything before, and a stop was over; from then on it may gather events for a while.
    fn overdue_at(&self, life: &Life, waits_from: Duration) -> Option<Duration> {
        let Leaving { asked_at, .. } = life.leaving?;
        let in_time = asked_at.saturating_add(LONGEST_SHUTDOWN).max(waits_from.saturating_add(self.commit_interval));
        Some(in_time.saturating_add(Duration::from_nanos(1)))
    }
}
