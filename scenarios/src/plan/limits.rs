//! How long the times of a plan may be. Simulated time costs little where nothing happens, but the liveness bound grows with
//! every one of these times, and a run lasts as long: with a week in a plan it would seem to hang.

use super::{Plan, PlanError, PlannedBridge, PlannedCut, PlannedHeal};

/// Longest mean delay, latency and interval of a bridge, and longest time from the end of the storm to the start or the end of a
/// cut, in milliseconds: an hour.
pub const LONGEST_MS: u64 = 3_600_000;

impl Plan {
    /// Checks every time that could keep a run from ending; the storm itself may last as long as the L1 allows.
    pub(super) fn check_times(&self) -> Result<(), PlanError> {
        at_most("topology.mean_delay_ms".to_owned(), self.topology.mean_delay_ms, LONGEST_MS)?;
        at_most("topology.client_latency_ms".to_owned(), self.topology.client_latency_ms, LONGEST_MS)?;
        // A cut may lie behind the storm: those of a very short one do.
        let latest_ms = self.storm_ms.saturating_add(LONGEST_MS);
        for (number, cut) in self.topology.cuts.iter().enumerate() {
            check_cut(number, cut, latest_ms)?;
        }
        self.bridges.iter().enumerate().try_for_each(|(number, bridge)| check_bridge(number, bridge))
    }
}

fn check_cut(number: usize, cut: &PlannedCut, latest_ms: u64) -> Result<(), PlanError> {
    at_most(format!("topology.cuts[{number}].at_ms"), cut.at_ms, latest_ms)?;
    match cut.heal {
        PlannedHeal::AtMs(at_ms) => at_most(format!("topology.cuts[{number}].heal.at_ms"), at_ms, latest_ms),
        // Healed at the end of the storm at the latest.
        PlannedHeal::WhenChainGrew { .. } => Ok(()),
    }
}

fn check_bridge(number: usize, bridge: &PlannedBridge) -> Result<(), PlanError> {
    let intervals = [
        ("poll_interval_ms", bridge.poll_interval_ms),
        ("connect_timeout_ms", bridge.connect_timeout_ms),
        ("request_timeout_ms", bridge.request_timeout_ms),
        ("silence_timeout_ms", bridge.silence_timeout_ms),
        ("backoff_min_ms", bridge.backoff_min_ms),
        ("backoff_max_ms", bridge.backoff_max_ms),
    ];
    intervals
        .into_iter()
        .try_for_each(|(field, value_ms)| at_most(format!("bridges[{number}].{field}"), value_ms, LONGEST_MS))
}

fn at_most(field: String, value_ms: u64, most_ms: u64) -> Result<(), PlanError> {
    if value_ms > most_ms { Err(PlanError::TooLong { field, value_ms, most_ms }) } else { Ok(()) }
}
