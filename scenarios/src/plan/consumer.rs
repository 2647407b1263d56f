//! What stands behind a bridge in a plan: how a consumer stores, and what happens to its disk and its process.

use serde::{Deserialize, Serialize};

use super::PlanError;

/// A consumer of a bridge's events. Like every disturbance its slowness ends with the storm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedConsumer {
    /// How long it takes to store one numbered event, if it has no state machine.
    pub store_ms: u64,
    /// Most numbered events that it stores before it acknowledges; it does so earlier if no more wait. 1 with a state
    /// machine, which acknowledges each batch that it has stored.
    pub acknowledge_every: u64,
    /// The state machine that it feeds; `None` if it only looks at the events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PlannedState>,
}

/// A state machine on a simulated disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedState {
    /// How long the disk takes for a write, in microseconds. From the end of the storm on it takes no time.
    pub write_latency_us: u64,
    /// How long it takes to make what was written durable, in microseconds.
    pub sync_latency_us: u64,
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
}

impl Default for PlannedConsumer {
    fn default() -> Self {
        Self { store_ms: 0, acknowledge_every: 1, state: None }
    }
}

impl PlannedConsumer {
    /// Whether it takes every event as soon as it is there. One that writes to a disk does not.
    pub fn is_prompt(&self) -> bool {
        self.store_ms == 0 && self.state.is_none()
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
            PlannedDiskTrouble::Crash | PlannedDiskTrouble::FullDisk { .. } | PlannedDiskTrouble::Kill => None,
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

impl PlannedState {
    /// Longest pause before a process comes back.
    pub fn longest_restart_ms(&self) -> u64 {
        self.faults.iter().map(|fault| fault.restart_after_ms).max().unwrap_or(0)
    }
}
