//! The life of one process: batch after batch, until it dies or the stream is over.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use state::{Batch, Consumer};

use super::{End, Life, Moment, Supervisor};
use crate::{plan::PlannedDiskFault, run::Step};

/// What a process that waits for events gets.
enum Next {
    Asked,
    Batch(Batch),
    CutOff(PlannedDiskFault),
    StreamOver,
}

impl Supervisor {
    /// Batch after batch.
    pub(super) async fn live(&mut self, life: &mut Life) -> End {
        if let Some(by) = self.sleep_latency().await {
            return self.cut_off(Moment::Waiting, by);
        }
        loop {
            let batch = match self.next(&mut life.consumer).await {
                Next::Asked => return End::Asked,
                Next::StreamOver => return End::StreamOver,
                Next::CutOff(by) => return self.cut_off(Moment::Waiting, by),
                Next::Batch(batch) => batch,
            };
            self.look_at_taken(&batch, life.consumer.machine());
            if let Some(end) = self.handle(batch, &mut life.consumer).await {
                return end;
            }
        }
    }

    /// Stores a batch and acknowledges it; the end, if the process did not outlive that.
    async fn handle(&mut self, batch: Batch, consumer: &mut Consumer) -> Option<End> {
        for step in self.tap.steps(batch.events()) {
            match step {
                Step::Acknowledge => self.acknowledge(&batch, consumer),
                Step::Store => {
                    match consumer.store(&batch) {
                        Ok(applied) => self.look_at_stored(&batch, &applied, consumer),
                        Err(error) => return Some(self.end_in_storing(&error, batch)),
                    }
                    self.has_ended |= batch.fatal().is_some();
                    if !self.has_ended
                        && let Some(by) = self.sleep_latency().await
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

    /// Waits for events, for what happens to the disk, and for the end of the run.
    async fn next(&mut self, consumer: &mut Consumer) -> Next {
        loop {
            // Who was told that nothing more comes has nothing left to lose, and is not started again.
            let due_at = self.faults.next_at().filter(|_| !self.has_ended);
            let due = due_at.map(|at| self.world.executor().sleep_until(at));
            let mut due = pin!(due);
            let mut batch = pin!(consumer.next_batch());
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
            match next.await {
                Some(next) => return next,
                None => {
                    if let Some(by) = self.faults.advance(self.now()) {
                        return Next::CutOff(by);
                    }
                }
            }
        }
    }

    /// Waits until `until`, or until something ends whatever process runs.
    pub(super) async fn wait(&mut self, until: Duration) -> Option<PlannedDiskFault> {
        loop {
            let next_at = self.faults.next_at().map_or(until, |at| at.min(until));
            self.world.executor().sleep_until(next_at).await;
            if let Some(by) = self.faults.advance(self.now()) {
                return Some(by);
            }
            if self.now() >= until {
                return None;
            }
        }
    }

    /// Waits as long as the disk takes; from the end of the storm on it takes no time.
    async fn sleep_latency(&mut self) -> Option<PlannedDiskFault> {
        let owed = self.faults.disk().take_latency();
        let (now, storm) = (self.now(), self.plan.storm());
        if owed.is_zero() || now >= storm {
            return None;
        }
        self.wait(now.saturating_add(owed).min(storm)).await
    }
}
