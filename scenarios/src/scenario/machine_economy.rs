//! A machine economy on a state machine whose disk fails and whose process dies, while the chain below it is reorganised.

use sim::{
    random::{Stream, Streams},
    workload::WorkloadConfig,
};

use super::draw::{self, from, operation};
use crate::{
    economy::EconomyConfig,
    plan::{Plan, PlannedConsumer, PlannedDiskFault, PlannedDiskTrouble, PlannedState},
    report::Figures,
};

/// Transactions in 1,000 blocks.
const TRANSACTIONS_PER_THOUSAND_BLOCKS: u32 = 1_000;

/// Most transactions in a block.
const MOST_TRANSACTIONS: u32 = 6;

/// Time that a disk takes, in microseconds: the least and the width of what is drawn. A commit has a few writes and two
/// syncs; with the slowest disk it takes as long as two blocks at 10 a second.
const WRITE_LATENCY_US: (u64, u64) = (100, 1_900);
const SYNC_LATENCY_US: (u64, u64) = (2_000, 58_000);

/// Shortest time, and the width of the time, from the end of a process to the start of the next.
const RESTART_AFTER_MS: (u64, u64) = (100, 4_900);

/// How long the bridge waits for anything. With the usual times a few silent connections in a row could keep it from
/// following for the whole run.
const PATIENCE_MS: u64 = 4_000;

/// Simulated time for each disk fault: several strike in a run of usual length.
const DISK_FAULT_MS: u64 = 12_000;

/// Writes and syncs of about two commits: a fault strikes in the next one, or in the one after it.
const WRITES: u64 = 12;
const SYNCS: u64 = 4;

/// Receipts are kept up to so many chain blocks below the finalized root, where they are not kept for ever; a run of usual
/// length has about 150 chain blocks below it.
const MOST_BLOCKS_WITH_RECEIPTS: u64 = 60;

/// Adds what the scenario is about to an empty plan.
pub(super) fn expand(plan: &mut Plan, streams: &Streams) {
    plan.workload = WorkloadConfig::mixed(TRANSACTIONS_PER_THOUSAND_BLOCKS, MOST_TRANSACTIONS);
    plan.economy = Some(EconomyConfig::default());
    plan.topology.cuts = draw::cuts(streams, plan.storm_ms, &plan.parameters);
    let mut stream = streams.stream("machine economy", 0);
    match stream.below(3) {
        0 => plan.faults = draw::faults(streams, plan.storm_ms),
        1 => plan.faults = draw::disconnects(streams, plan.storm_ms),
        _ => {}
    }
    let state = PlannedState {
        write_latency_us: from(WRITE_LATENCY_US, &mut stream),
        sync_latency_us: from(SYNC_LATENCY_US, &mut stream),
        commit_interval_ms: 0,
        receipts_below_root: stream.chance(1, 2).then(|| stream.below(MOST_BLOCKS_WITH_RECEIPTS)),
        faults: disk_faults(streams, plan),
    };
    for bridge in &mut plan.bridges {
        (bridge.request_timeout_ms, bridge.silence_timeout_ms) = (PATIENCE_MS, PATIENCE_MS);
        (bridge.connect_timeout_ms, bridge.backoff_max_ms) = (PATIENCE_MS, PATIENCE_MS);
        bridge.consumer = PlannedConsumer { state: Some(state.clone()), ..PlannedConsumer::default() };
    }
}

/// The gates that the run did not pass.
pub(super) fn missed_gates(plan: &Plan, figures: &Figures) -> Vec<String> {
    let machine = figures.machine.unwrap_or_default();
    // What waits for an operation may wait in vain.
    let certain = |fault: &PlannedDiskFault| fault.what == PlannedDiskTrouble::Crash && fault.at_ms < plan.storm_ms;
    let mut states = plan.bridges.iter().filter_map(|bridge| bridge.consumer.state.as_ref());
    let crashes = u64::from(states.any(|state| state.faults.iter().any(certain)));
    let gates = [
        ("deliveries settled as confirmed", machine.settled_confirmed, 1),
        ("deliveries settled as expired", machine.settled_expired, 1),
        ("transactions applied", machine.applied, 50),
        ("transactions rejected", machine.rejected, 1),
        ("blocks rolled back by the state machine", machine.rolled_back, 1),
        ("failures of power", machine.crashes, crashes),
        ("restarts of the process", machine.restarts, crashes),
        ("finalized blocks", figures.finalized, 1),
    ];
    let missed = gates.into_iter().filter(|(_, reached, least)| reached < least);
    missed.map(|(name, reached, least)| format!("{name}: {reached}, at least {least} needed")).collect()
}

/// One in each share of the storm. The first is a failure of power, so that every run has one.
fn disk_faults(streams: &Streams, plan: &Plan) -> Vec<PlannedDiskFault> {
    let count = (plan.storm_ms / DISK_FAULT_MS).max(2);
    let share_ms = (plan.storm_ms / count).max(1);
    let mut faults = Vec::new();
    for number in 0..count {
        // Keyed by number: another fault more or less shifts none of these draws.
        let mut stream = streams.stream("disk fault", number);
        let what = if number == 0 { PlannedDiskTrouble::Crash } else { trouble(&mut stream) };
        let restart_after_ms = from(RESTART_AFTER_MS, &mut stream);
        let at_ms = share_ms * number + stream.below(share_ms);
        faults.push(PlannedDiskFault { at_ms, restart_after_ms, what });
        if what == PlannedDiskTrouble::Crash && stream.chance(1, 2) {
            // It waits while the process is down and strikes when the next opens the store.
            let what = PlannedDiskTrouble::CrashInWrite(operation(&mut stream, WRITES / 4));
            faults.push(PlannedDiskFault { at_ms: at_ms + 1, restart_after_ms, what });
        }
    }
    faults
}

fn trouble(stream: &mut Stream) -> PlannedDiskTrouble {
    match stream.below(10) {
        0 | 1 => PlannedDiskTrouble::Crash,
        2 | 3 => PlannedDiskTrouble::CrashInWrite(operation(stream, WRITES)),
        4 => PlannedDiskTrouble::CrashInSync(operation(stream, SYNCS)),
        5 => PlannedDiskTrouble::CrashAfterSync(operation(stream, SYNCS)),
        6 => PlannedDiskTrouble::WriteError(operation(stream, WRITES)),
        7 => PlannedDiskTrouble::SyncError(operation(stream, SYNCS)),
        8 => PlannedDiskTrouble::Kill,
        _ => PlannedDiskTrouble::FullDisk { for_ms: 500 + stream.below(7_500) },
    }
}
