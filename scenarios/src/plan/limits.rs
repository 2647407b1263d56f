//! How long the times of a plan may be, and how long a bridge may keep blocks back. Simulated time costs little where nothing
//! happens, but the liveness bound grows with every one of these times, and a run lasts as long: with a week in a plan it would
//! seem to hang.

use super::{
    Plan, PlanError, PlannedBridge, PlannedCut, PlannedDiskFault, PlannedDiskTrouble, PlannedHeal, PlannedLatency,
    PlannedLink, PlannedOutage, PlannedOutageKind,
};

/// Longest delay, latency, transition and interval of a bridge, and longest time from the end of the storm to the start or the
/// end of a cut or outage, in milliseconds: an hour.
pub const LONGEST_MS: u64 = 3_600_000;

/// Shortest time from the end of a process to the start of the next, in milliseconds: less than any supervisor takes. While
/// nothing can be stored, a run tries again after each such pause, with none for ever at one instant.
pub const SHORTEST_RESTART_MS: u64 = 100;

/// Longest time that a disk takes for one operation, in microseconds: a minute.
pub const SLOWEST_DISK_US: u64 = 60_000_000;

/// Part of the finality depth that the confirmations of a bridge may be at most. What is final for a bridge is that much deeper
/// below the sink than what is final for its node, and must be far from what nodes prune.
const CONFIRMATIONS_PART: u64 = 4;

impl Plan {
    /// Checks how long bridges keep blocks back.
    pub(super) fn check_confirmations(&self) -> Result<(), PlanError> {
        let most = self.parameters.finality_depth / CONFIRMATIONS_PART;
        let too_many = self.bridges.iter().enumerate().find(|(_, bridge)| bridge.confirmations > most);
        too_many.map_or(Ok(()), |(number, bridge)| {
            Err(PlanError::TooManyConfirmations { bridge: number, confirmations: bridge.confirmations, most })
        })
    }

    /// Checks every time that could keep a run from ending; the storm itself may last as long as the L1 allows.
    pub(super) fn check_times(&self) -> Result<(), PlanError> {
        at_most("topology.mean_delay_ms".to_owned(), self.topology.mean_delay_ms, LONGEST_MS)?;
        at_most("topology.client_latency_ms".to_owned(), self.topology.client_latency_ms, LONGEST_MS)?;
        // A cut may lie behind the storm: those of a very short one do.
        let latest_ms = self.storm_ms.saturating_add(LONGEST_MS);
        for (number, cut) in self.topology.cuts.iter().enumerate() {
            check_cut(number, cut, latest_ms)?;
        }
        self.topology.links.iter().enumerate().try_for_each(|(number, link)| check_link(number, link))?;
        for (number, outage) in self.topology.outages.iter().enumerate() {
            check_outage(number, outage, latest_ms)?;
        }
        self.bridges.iter().enumerate().try_for_each(|(number, bridge)| {
            check_bridge(number, bridge)?;
            check_stops(number, bridge, latest_ms)?;
            check_disk(number, bridge, latest_ms)
        })
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

fn check_link(number: usize, link: &PlannedLink) -> Result<(), PlanError> {
    let (field, longest_ms) = match link.latency {
        PlannedLatency::ConstantMs(delay_ms) => ("constant_ms", delay_ms),
        PlannedLatency::MeanMs(mean_ms) => ("mean_ms", mean_ms),
        PlannedLatency::Uniform { most_ms, .. } => ("uniform.most_ms", most_ms),
    };
    at_most(format!("topology.links[{number}].latency.{field}"), longest_ms, LONGEST_MS)
}

fn check_outage(number: usize, outage: &PlannedOutage, latest_ms: u64) -> Result<(), PlanError> {
    at_most(format!("topology.outages[{number}].at_ms"), outage.at_ms, latest_ms)?;
    let (field, value_ms, most_ms) = match outage.kind {
        PlannedOutageKind::BodiesLag { until_ms } => ("bodies_lag.until_ms", until_ms, latest_ms),
        PlannedOutageKind::Withholding { until_ms } => ("withholding.until_ms", until_ms, latest_ms),
        PlannedOutageKind::Restart { until_ms } => ("restart.until_ms", until_ms, latest_ms),
        PlannedOutageKind::Resync { transition_ms, .. } => ("resync.transition_ms", transition_ms, LONGEST_MS),
    };
    at_most(format!("topology.outages[{number}].kind.{field}"), value_ms, most_ms)
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

fn check_stops(number: usize, bridge: &PlannedBridge, latest_ms: u64) -> Result<(), PlanError> {
    for (position, stop) in bridge.consumer.stops.iter().enumerate() {
        let path = format!("bridges[{number}].consumer.stops[{position}]");
        at_most(format!("{path}.at_ms"), stop.at_ms, latest_ms)?;
        at_most(format!("{path}.for_ms"), stop.for_ms, LONGEST_MS)?;
    }
    Ok(())
}

fn check_disk(number: usize, bridge: &PlannedBridge, latest_ms: u64) -> Result<(), PlanError> {
    let Some(state) = &bridge.consumer.state else { return Ok(()) };
    let path = format!("bridges[{number}].consumer.state");
    at_most(format!("{path}.commit_interval_ms"), state.commit_interval_ms, LONGEST_MS)?;
    let latencies = [("write_latency_us", state.write_latency_us), ("sync_latency_us", state.sync_latency_us)];
    if let Some((field, value_us)) = latencies.into_iter().find(|(_, value_us)| *value_us > SLOWEST_DISK_US) {
        return Err(PlanError::TooSlow { field: format!("{path}.{field}"), value_us, most_us: SLOWEST_DISK_US });
    }
    for (position, fault) in state.faults.iter().enumerate() {
        let PlannedDiskFault { at_ms, restart_after_ms, what } = *fault;
        at_most(format!("{path}.faults[{position}].at_ms"), at_ms, latest_ms)?;
        let field = format!("{path}.faults[{position}].restart_after_ms");
        if restart_after_ms < SHORTEST_RESTART_MS {
            return Err(PlanError::TooSoon { field, value_ms: restart_after_ms, least_ms: SHORTEST_RESTART_MS });
        }
        at_most(field, restart_after_ms, LONGEST_MS)?;
        if let PlannedDiskTrouble::FullDisk { for_ms } = what {
            at_most(format!("{path}.faults[{position}].what.full_disk.for_ms"), for_ms, LONGEST_MS)?;
        }
    }
    Ok(())
}

fn at_most(field: String, value_ms: u64, most_ms: u64) -> Result<(), PlanError> {
    if value_ms > most_ms { Err(PlanError::TooLong { field, value_ms, most_ms }) } else { Ok(()) }
}
