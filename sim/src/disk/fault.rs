//! Faults that wait for their operation.

use std::io;

use super::operation::Unsynced;

/// When a fault comes, counted from the moment when it is armed: 1 is the next operation of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The n-th operation that writes: write, new length or sync.
    Operation(u64),
    /// The n-th write or new length.
    Write(u64),
    /// The n-th sync.
    Sync(u64),
    /// The n-th read.
    Read(u64),
}

/// What happens to the operation that meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power fails. Every operation of the handle fails from now on.
    Crash {
        /// Whether the operation was begun. A sync that was begun has written what survives of the pending operations.
        moment: Moment,
        /// What becomes of pending operations.
        unsynced: Unsynced,
    },
    /// The operation fails. Of a write that fails, any part may have happened, which is then pending. After a
    /// sync that fails, pending operations are durable or not, and forgotten: no later sync writes them, although reads
    /// see them until the disk is opened anew (as Linux does since its fsync reports each error once).
    Error {
        /// Kind of the error.
        kind: io::ErrorKind,
        /// What becomes of the operation, or, in a sync, of the pending ones.
        unsynced: Unsynced,
    },
}

/// Where in an operation the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before its first effect.
    Before,
    /// When its effects can be there, in whole or in part.
    During,
}

/// Operations counted apart by those who wait for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Write,
    Sync,
    Read,
}

/// Faults that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Armed {
    faults: Vec<(Trigger, Fault)>,
}

impl Armed {
    pub(super) fn arm(&mut self, trigger: Trigger, fault: Fault) {
        self.faults.push((trigger, fault));
    }

    pub(super) fn clear(&mut self) {
        self.faults.clear();
    }

    /// Counts one operation, and takes the fault that was waiting for it. Where several were, the one armed first.
    pub(super) fn next(&mut self, kind: Kind) -> Option<Fault> {
        let mut due = None;
        self.faults.retain_mut(|(trigger, fault)| {
            let left = match (trigger, kind) {
                (Trigger::Operation(left), Kind::Write | Kind::Sync)
                | (Trigger::Write(left), Kind::Write)
                | (Trigger::Sync(left), Kind::Sync)
                | (Trigger::Read(left), Kind::Read) => left,
                _ => return true,
            };
            *left = left.saturating_sub(1);
            if *left == 0 {
                due.get_or_insert(*fault);
            }
            *left > 0
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_armed_faults_when_operations_are_counted_then_each_meets_its_own() {
        let error = |kind| Fault::Error { kind, unsynced: Unsynced::Lost };
        let mut armed = Armed::default();
        armed.arm(Trigger::Operation(3), error(io::ErrorKind::StorageFull));
        armed.arm(Trigger::Sync(2), error(io::ErrorKind::Other));
        armed.arm(Trigger::Read(1), error(io::ErrorKind::TimedOut));
        armed.arm(Trigger::Write(3), error(io::ErrorKind::WriteZero));
        let order = [Kind::Write, Kind::Sync, Kind::Read, Kind::Write, Kind::Sync, Kind::Write, Kind::Write];
        let met: Vec<Option<Fault>> = order.into_iter().map(|kind| armed.next(kind)).collect();
        let expected = [
            None,
            None,
            Some(error(io::ErrorKind::TimedOut)),
            Some(error(io::ErrorKind::StorageFull)),
            Some(error(io::ErrorKind::Other)),
            Some(error(io::ErrorKind::WriteZero)),
            None,
        ];
        assert_eq!(met, expected);
    }
}
