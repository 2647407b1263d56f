//! The disk of a state machine, and what happens in time to it and to the process that has it open.
//!
//! Faults that wait for an operation are known by the count at which they strike, so that it is certain afterwards which of
//! them ended a process. Everything ends with the storm: what waits is disarmed, room is given, operations take no time.

use std::{collections::VecDeque, io, time::Duration};

use sim::{
    disk::{Disk, DiskCounters, DiskLatency, Fault, Moment, Trigger, Unsynced},
    random::Stream,
};

use crate::plan::{PlannedDiskFault, PlannedDiskTrouble, PlannedState};

/// Writes that a full disk refuses before a process gives up; no process writes on after the first error.
const REFUSED_WRITES: u64 = 4;

/// A disk with its planned troubles.
pub(super) struct DiskFaults {
    disk: Disk,
    /// By time, then by place in the plan.
    schedule: VecDeque<(Duration, Due)>,
    waiting: Vec<Waiting>,
    /// The fault that fills the disk at present.
    full: Option<PlannedDiskFault>,
}

/// What is due at a time.
#[derive(Clone, Copy, Debug)]
enum Due {
    Strike(PlannedDiskFault),
    Room(PlannedDiskFault),
    EndOfStorm,
}

/// A fault that waits for its operation.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    fault: PlannedDiskFault,
    kind: Kind,
    /// The count of such operations with which it has struck.
    at_count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sync,
    Write,
}

impl DiskFaults {
    /// A new disk; what is left to chance comes from `stream`.
    pub(super) fn new(planned: &PlannedState, storm: Duration, stream: Stream) -> Self {
        let disk = Disk::new(stream);
        disk.set_latency(DiskLatency {
            write: Duration::from_micros(planned.write_latency_us),
            sync: Duration::from_micros(planned.sync_latency_us),
            ..DiskLatency::default()
        });
        let mut schedule = vec![(storm, Due::EndOfStorm)];
        for fault in &planned.faults {
            let at = Duration::from_millis(fault.at_ms);
            // The end of the storm ends all faults, also those that begin at the same instant.
            if at < storm {
                schedule.push((at, Due::Strike(*fault)));
            }
            if let PlannedDiskTrouble::FullDisk { for_ms } = fault.what {
                schedule.push((at.saturating_add(Duration::from_millis(for_ms)), Due::Room(*fault)));
            }
        }
        schedule.sort_by_key(|(at, _)| *at);
        Self { disk, schedule: schedule.into(), waiting: Vec::new(), full: None }
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// When something is due next.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.schedule.front().map(|(at, _)| *at)
    }

    /// Does what is due now. The fault that ended whatever process ran, if one did, or asks it to end: a failure of power
    /// rather than a kill, and a kill rather than what asks.
    pub(super) fn advance(&mut self, now: Duration) -> Option<PlannedDiskFault> {
        let mut ended = None;
        while let Some((_, due)) = self.schedule.pop_front_if(|(at, _)| *at <= now) {
            match due {
                Due::Strike(fault) if fault.what == PlannedDiskTrouble::Crash => {
                    self.disk.crash(Unsynced::Drawn);
                    ended = Some(fault);
                }
                Due::Strike(fault) if fault.what == PlannedDiskTrouble::Kill => {
                    // What a power failure at the same instant has taken is gone: a kill brings nothing back.
                    self.disk.kill();
                    ended = ended.filter(|by: &PlannedDiskFault| by.what == PlannedDiskTrouble::Crash).or(Some(fault));
                }
                Due::Strike(fault) if fault.what == PlannedDiskTrouble::ShutDown => {
                    ended.get_or_insert(fault);
                }
                Due::Strike(fault) => self.strike(fault),
                Due::Room(fault) if self.full == Some(fault) => {
                    self.full = None;
                    self.disk.set_capacity_bytes(u64::MAX);
                    self.disk.disarm();
                    self.waiting.iter().for_each(|waiting| self.arm(waiting));
                }
                Due::Room(_) => {}
                Due::EndOfStorm => {
                    self.full = None;
                    self.waiting.clear();
                    self.schedule.clear();
                    self.disk.disarm();
                    self.disk.set_capacity_bytes(u64::MAX);
                    self.disk.set_latency(DiskLatency::default());
                }
            }
        }
        ended
    }

    /// The faults that have struck since this was asked last, one that fills the disk as long as it does.
    pub(super) fn take_struck(&mut self) -> Vec<PlannedDiskFault> {
        let counters = self.disk.counters();
        let has_struck = |waiting: &Waiting| count(waiting.kind, &counters) >= waiting.at_count;
        let mut struck: Vec<_> =
            self.waiting.iter().filter(|waiting| has_struck(waiting)).map(|waiting| waiting.fault).collect();
        self.waiting.retain(|waiting| !has_struck(waiting));
        struck.extend(self.full);
        struck
    }

    /// To be called before a process opens the disk: one that is full refuses the writes of every process.
    pub(super) fn before_opening(&self) {
        if self.full.is_some() {
            self.refuse_writes();
        }
    }

    fn strike(&mut self, fault: PlannedDiskFault) {
        let (kind, operation) = match fault.what {
            PlannedDiskTrouble::Crash | PlannedDiskTrouble::Kill | PlannedDiskTrouble::ShutDown => return,
            PlannedDiskTrouble::CrashAfterSync(operation)
            | PlannedDiskTrouble::CrashInSync(operation)
            | PlannedDiskTrouble::SyncError(operation) => (Kind::Sync, operation),
            PlannedDiskTrouble::CrashInWrite(operation) | PlannedDiskTrouble::WriteError(operation) => {
                (Kind::Write, operation)
            }
            PlannedDiskTrouble::FullDisk { .. } => {
                self.full = Some(fault);
                self.disk.set_capacity_bytes(0);
                self.refuse_writes();
                return;
            }
        };
        let at_count = count(kind, &self.disk.counters()).saturating_add(u64::from(operation));
        let waiting = Waiting { fault, kind, at_count };
        self.arm(&waiting);
        self.waiting.push(waiting);
    }

    fn arm(&self, waiting: &Waiting) {
        let left = waiting.at_count.saturating_sub(count(waiting.kind, &self.disk.counters()));
        let trigger = match waiting.kind {
            Kind::Sync => Trigger::Sync(left),
            Kind::Write => Trigger::Write(left),
        };
        let fault = match waiting.fault.what {
            PlannedDiskTrouble::SyncError(_) | PlannedDiskTrouble::WriteError(_) => {
                Fault::Error { kind: io::ErrorKind::Other, unsynced: Unsynced::Drawn }
            }
            PlannedDiskTrouble::CrashAfterSync(_) => Fault::Crash { moment: Moment::During, unsynced: Unsynced::Kept },
            _ => Fault::Crash { moment: Moment::During, unsynced: Unsynced::Drawn },
        };
        self.disk.arm(trigger, fault);
    }

    /// The capacity alone keeps a file from growing; where every write takes new room, none succeeds.
    fn refuse_writes(&self) {
        for write in 1..=REFUSED_WRITES {
            let fault = Fault::Error { kind: io::ErrorKind::StorageFull, unsynced: Unsynced::Lost };
            self.disk.arm(Trigger::Write(write), fault);
        }
    }
}

fn count(kind: Kind, counters: &DiskCounters) -> u64 {
    match kind {
        Kind::Sync => counters.syncs,
        Kind::Write => counters.writes + counters.set_lens,
    }
}
