//! How a process ends: what is to blame, what is excused, what is lost with it.

use std::time::Duration;

use bridge::L1Event;
use state::{ApplyError, Batch, OpenError, StoreError};

use super::{Death, End, Life, Lost, Moment, Supervisor};
use crate::{
    coverage::Point,
    plan::{PlannedDiskFault, PlannedDiskTrouble},
};

impl Supervisor {
    /// The power failed under a process that did not write, or the process was killed.
    pub(super) fn cut_off(&self, moment: Moment, by: PlannedDiskFault) -> End {
        let why = match moment {
            Moment::Stored => "between storing and acknowledging",
            Moment::Storing => "in storing",
            Moment::Waiting => "waiting for events",
        };
        let what = if by.what == PlannedDiskTrouble::Kill { "it is killed" } else { "the power fails" };
        self.tell(format!("dies {why}: {what}"));
        End::Died(Death { moment, cut_off_by: Some(by), disk_error: false, in_doubt: None })
    }

    /// A batch cannot be stored.
    pub(super) fn end_in_storing(&self, error: &ApplyError, batch: Batch) -> End {
        self.tell(format!("dies in storing: {error}"));
        match error {
            ApplyError::Store(error) if is_of_disk(error) => {
                let disk_error = !self.faults.disk().has_crashed();
                End::Died(Death { moment: Moment::Storing, cut_off_by: None, disk_error, in_doubt: Some(batch) })
            }
            error => {
                self.fail(format!("a batch is not taken: {error}"));
                End::Wrong
            }
        }
    }

    /// Ends what is left of a process; the pause until the next, or `None` if nothing excuses its death.
    pub(super) fn bury(&mut self, life: Life, death: Death) -> Option<Duration> {
        let Life { consumer, driver, .. } = life;
        // A bridge that is told to stop would say goodbye; a dead one does not.
        driver.kill();
        self.lost = Lost { waiting: consumer.waiting(), in_doubt: death.in_doubt };
        drop(consumer);
        let was_killed = death.cut_off_by.is_some_and(|by| by.what == PlannedDiskTrouble::Kill);
        // To the disk a killed process is one that reaches it no more, as after a failure of power.
        let has_crashed = self.faults.disk().has_crashed() && !was_killed;
        let struck: Vec<_> = death.cut_off_by.into_iter().chain(self.faults.take_struck()).collect();
        let points = struck.iter().filter_map(|fault| point(fault.what, death.moment));
        points.for_each(|point| self.examiner.borrow_mut().hit(point));
        self.count(|figures| {
            figures.crashes += u64::from(has_crashed);
            figures.kills += u64::from(was_killed);
            figures.disk_errors += u64::from(death.disk_error);
        });
        self.pause_after(&struck, "storing")
    }

    /// A process that was asked to end has taken and stored everything that its bridge told, and closes its store; the pause
    /// until the next, or `None` if it left what nothing excuses.
    pub(super) fn leave(&mut self, life: Life, by: PlannedDiskFault) -> Option<Duration> {
        let Life { consumer, driver, .. } = life;
        driver.kill();
        if consumer.waiting() > 0 {
            self.fail(format!("the stream is over, and {} events wait to be taken", consumer.waiting()));
            return None;
        }
        let closed = consumer.into_machine().close();
        let has_crashed = self.faults.disk().has_crashed();
        let mut struck = self.faults.take_struck();
        if let Err(error) = &closed {
            self.tell(format!("cannot close its store: {error}"));
            if struck.is_empty() || !is_of_disk(error) {
                self.fail(format!("the store cannot be closed: {error}"));
                return None;
            }
        }
        self.tell("has ended as it was asked".to_owned());
        self.examiner.borrow_mut().hit(Point::EndsInOrder);
        self.count(|figures| {
            figures.crashes += u64::from(has_crashed);
            figures.disk_errors += u64::from(closed.is_err() && !has_crashed);
        });
        struck.push(by);
        self.pause_after(&struck, "ending")
    }

    /// The pause until a store that could not be opened is tried again; `None` if nothing excuses the error.
    pub(super) fn excuse_of_opening(&mut self, error: &OpenError) -> Option<Duration> {
        self.tell(format!("cannot open its store: {error}"));
        if !matches!(error, OpenError::Store(error) if is_of_disk(error)) {
            self.fail(format!("the store cannot be opened: {error}"));
            return None;
        }
        let has_crashed = self.faults.disk().has_crashed();
        self.count(|figures| {
            figures.crashes += u64::from(has_crashed);
            figures.disk_errors += u64::from(!has_crashed);
        });
        let struck = self.faults.take_struck();
        if has_crashed {
            self.examiner.borrow_mut().hit(Point::CrashInOpening);
        }
        self.pause_after(&struck, "opening the store")
    }

    fn pause_after(&self, struck: &[PlannedDiskFault], doing: &str) -> Option<Duration> {
        let Some(pause_ms) = struck.iter().map(|fault| fault.restart_after_ms).max() else {
            self.fail(format!("the process died in {doing} although nothing happened to its disk"));
            return None;
        };
        Some(Duration::from_millis(pause_ms))
    }
}

/// Numbered events.
pub(super) fn numbered(events: &[L1Event]) -> u64 {
    events.iter().filter(|event| event.sequence().is_some()).count() as u64
}

/// Whether a disk fault can be the cause.
fn is_of_disk(error: &StoreError) -> bool {
    matches!(error, StoreError::Disk { .. } | StoreError::DiskFull | StoreError::ReadOnly { .. })
}

/// The coverage point of a trouble that ended a process.
fn point(trouble: PlannedDiskTrouble, moment: Moment) -> Option<Point> {
    Some(match (trouble, moment) {
        (PlannedDiskTrouble::Crash, Moment::Stored) => Point::CrashBeforeAcknowledgement,
        (PlannedDiskTrouble::CrashAfterSync(_) | PlannedDiskTrouble::CrashInSync(_), Moment::Storing) => {
            Point::CrashInSync
        }
        (PlannedDiskTrouble::CrashInWrite(_), Moment::Storing) => Point::CrashInWrite,
        (PlannedDiskTrouble::FullDisk { .. }, Moment::Storing) => Point::FullDisk,
        (PlannedDiskTrouble::Kill, _) => Point::ProcessKilled,
        (PlannedDiskTrouble::SyncError(_), Moment::Storing) => Point::SyncError,
        (PlannedDiskTrouble::WriteError(_), Moment::Storing) => Point::WriteError,
        _ => return None,
    })
}
