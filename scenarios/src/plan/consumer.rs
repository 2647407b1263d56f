//! What stands behind a bridge in a plan: how a consumer stores, and what happens to its disk and its process.

use std::{ops::Range, time::Duration};

use serde::{Deserialize, Serialize};

use super::PlanError;

/// Longest time that the bridge of a process that is asked to end takes, in milliseconds: the usual
/// [`shutdown_timeout`](bridge::Config::shutdown_timeout).
pub const LONGEST_SHUTDOWN_MS: u64 = 1_000;

/// A consumer of a bridge's events. Like every disturbance its slowness ends with the storm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedConsumer {
    /// How long it takes to store one numbered event, if it has no state machine.
    pub store_ms: u64,
    /// Most numbered events that it stores before it acknowledges; it does so earlier if no more wait. 1 with a state
    /// machine, which acknowledges each batch that it has stored.
    pub acknowledge_every: u64,
    /// When it takes no events at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<PlannedStop>,
    /// The state machine that it feeds; `None` if it only looks at the events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PlannedState>,
}

/// A time in which a consumer takes no events: a long pause of its process, or a neighbour that has the processor. It ends with
/// the storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedStop {
    /// When it begins. What the consumer is storing then is stored.
    pub at_ms: u64,
    /// How long.
    pub for_ms: u64,
}

/// A state machine on a simulated disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedState {
    /// How long the disk takes for a write, in microseconds. From the end of the storm on it takes no time.
    pub write_latency_us: u64,
    /// How long it takes to make what was written durable, in microseconds.
    pub sync_latency_us: u64,
    /// How long events wait, from the first of a batch on, for others to be stored with; no longer than the storm lasts. 0: a
    /// batch is what is there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub commit_interval_ms: u64,
    /// Receipts are kept until their chain block is more than so many chain blocks below the finalized root; for ever if
    /// `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipts_below_root: Option<u64>,
    /// What happens to the disk and to the process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<PlannedDiskFault>,
}

/// Something that happens to a disk and ends a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedDiskFault {
    /// When it happens, or from when on it waits for its operation. What has not happened by the end of the storm does not.
    pub at_ms: u64,
    /// Time from the end of the process to the start of the next; also between attempts while nothing can be stored. At
    /// least [`SHORTEST_RESTART_MS`](super::SHORTEST_RESTART_MS).
    pub restart_after_ms: u64,
    /// What happens.
    pub what: PlannedDiskTrouble,
}

/// What happens to a disk, or to the process that has it open. Operations are counted from 1, beginning with the first after the fault's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum PlannedDiskTrouble {
    /// The power fails at once: of what was not synced each write is kept, lost or torn.
    Crash,
    /// The power fails when that sync has made everything durable, and before the process knows.
    CrashAfterSync(u32),
    /// The power fails in that sync.
    CrashInSync(u32),
    /// The power fails in that write; changes of the file's length are counted too.
    CrashInWrite(u32),
    /// That write fails, and the process ends.
    WriteError(u32),
    /// That sync fails, and the process ends.
    SyncError(u32),
    /// Nothing can be added until the disk is given room again, at the end of the storm at the latest.
    FullDisk {
        /// How long.
        for_ms: u64,
    },
    /// The process dies at once and can tell nobody, not even its disk; the power is there, and nothing written is lost. If
    /// none runs, nothing happens.
    Kill,
    /// The process is asked to end in good order, whatever it is waiting for: it shuts its bridge down, stores what that still
    /// tells, and closes its store. If none runs, nothing happens.
    ShutDown,
}

impl Default for PlannedConsumer {
    fn default() -> Self {
        Self { store_ms: 0, acknowledge_every: 1, stops: Vec::new(), state: None }
    }
}

impl PlannedConsumer {
    /// Whether it takes every event as soon as it is there. One that writes to a disk does not.
    pub fn is_prompt(&self) -> bool {
        self.store_ms == 0 && self.stops.is_empty() && self.state.is_none()
    }

    /// The end of the stop in which it is at `now`, if it is in one: where several overlap, it may be in another then.
    pub fn stopped_until(&self, now: Duration) -> Option<Duration> {
        self.stops.iter().map(PlannedStop::times).filter(|times| times.contains(&now)).map(|times| times.end).max()
    }

    /// When the next stop begins after `now`.
    pub fn stops_at(&self, now: Duration) -> Option<Duration> {
        self.stops.iter().map(|stop| stop.times().start).filter(|start| *start > now).min()
    }

    /// Checks what the format alone cannot, but for times; `bridge` is the number of the consumer's bridge.
    pub(super) fn check(&self, bridge: usize) -> Result<(), PlanError> {
        if self.acknowledge_every == 0 {
            return Err(PlanError::NeverAcknowledges { bridge });
        }
        let Some(state) = &self.state else { return Ok(()) };
        if self.store_ms != 0 {
            return Err(PlanError::StoresTwice { bridge });
        }
        if self.acknowledge_every != 1 {
            return Err(PlanError::AcknowledgesBatches { bridge, value: self.acknowledge_every });
        }
        let strikes_in = |what| match what {
            PlannedDiskTrouble::CrashAfterSync(operation)
            | PlannedDiskTrouble::CrashInSync(operation)
            | PlannedDiskTrouble::CrashInWrite(operation)
            | PlannedDiskTrouble::WriteError(operation)
            | PlannedDiskTrouble::SyncError(operation) => Some(operation),
            PlannedDiskTrouble::Crash
            | PlannedDiskTrouble::FullDisk { .. }
            | PlannedDiskTrouble::Kill
            | PlannedDiskTrouble::ShutDown => None,
        };
        match state.faults.iter().position(|fault| strikes_in(fault.what) == Some(0)) {
            Some(fault) => Err(PlanError::OperationZero { bridge, fault }),
            None => Ok(()),
        }
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl PlannedStop {
    fn times(&self) -> Range<Duration> {
        let at = Duration::from_millis(self.at_ms);
        at..at.saturating_add(Duration::from_millis(self.for_ms))
    }
}

impl PlannedState {
    /// Longest time from a fault that ends a process to the next process, in milliseconds. One that is asked to end takes its
    /// time first.
    pub fn longest_restart_ms(&self) -> u64 {
        let longest = |fault: &PlannedDiskFault| match fault.what {
            PlannedDiskTrouble::ShutDown => fault.restart_after_ms.saturating_add(LONGEST_SHUTDOWN_MS),
            _ => fault.restart_after_ms,
        };
        self.faults.iter().map(longest).max().unwrap_or(0)
    }
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}
