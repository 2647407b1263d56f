//! What stands behind the bridges, and what happens to disks and processes.

use sim::random::{Stream, Streams};

use super::{
    super::draw::{from, operation},
    usual_storms,
    weather::{Kind, Weather},
};
use crate::plan::{Plan, PlannedConsumer, PlannedDiskFault, PlannedDiskTrouble, PlannedState, PlannedStop};

/// Time that a disk takes, in microseconds: the least and the width of what is drawn.
const WRITE_LATENCY_US: (u64, u64) = (50, 1_950);
const SYNC_LATENCY_US: (u64, u64) = (500, 60_000);

/// Time from the end of a process to the start of the next: the least and the width of what is drawn.
const RESTART_AFTER_MS: (u64, u64) = (100, 5_000);

/// The same where the process is down for long.
const LONG_RESTART_MS: (u64, u64) = (10_000, 40_000);

/// Writes and syncs among which a disk fault waits for its own.
const WRITES: u64 = 14;
const SYNCS: u64 = 5;

/// Longest time that a consumer stops, in milliseconds.
const LONGEST_STOP_MS: u64 = 30_000;

/// Chain blocks below the root up to which receipts are kept, at most.
const MOST_BLOCKS_WITH_RECEIPTS: u64 = 60;

/// Adds a consumer to each bridge.
pub(super) fn draw(plan: &mut Plan, streams: &Streams, weather: &Weather) {
    let storm_ms = plan.storm_ms;
    for (number, bridge) in (0..).zip(&mut plan.bridges) {
        let mut stream = streams.stream("swarm consumer", number);
        bridge.consumer = if stream.chance(1, 2) {
            PlannedConsumer { state: Some(state(streams, number, storm_ms, weather)), ..PlannedConsumer::default() }
        } else if weather.has(Kind::SlowConsumers) {
            let (store_ms, acknowledge_every) = (1 + stream.below(600), 1 + stream.below(16));
            PlannedConsumer { store_ms, acknowledge_every, ..PlannedConsumer::default() }
        } else {
            PlannedConsumer::default()
        };
        if weather.has(Kind::Stops) {
            bridge.consumer.stops = stops(streams, number, storm_ms, weather);
        }
    }
}

fn stops(streams: &Streams, bridge: u64, storm_ms: u64, weather: &Weather) -> Vec<PlannedStop> {
    let storms = usual_storms(storm_ms);
    let count = streams.stream("swarm stops", bridge).below(2 * weather.wildness * storms + 1);
    let longest_ms = (storm_ms / storms / 4).min(LONGEST_STOP_MS);
    let stop = |number: u64| {
        let mut stream = streams.stream("swarm stop", bridge << 32 | number);
        PlannedStop { at_ms: stream.below(storm_ms), for_ms: 200 + stream.below(longest_ms) }
    };
    (0..count).map(stop).collect()
}

fn state(streams: &Streams, bridge: u64, storm_ms: u64, weather: &Weather) -> PlannedState {
    let faults = |storms| up_to(4 * weather.wildness * storms, streams, bridge, storm_ms);
    let mut stream = streams.stream("swarm state", bridge);
    PlannedState {
        write_latency_us: from(WRITE_LATENCY_US, &mut stream),
        sync_latency_us: from(SYNC_LATENCY_US, &mut stream),
        commit_interval_ms: if stream.chance(1, 2) { stream.below(1_000) } else { 0 },
        receipts_below_root: stream.chance(1, 2).then(|| stream.below(MOST_BLOCKS_WITH_RECEIPTS)),
        faults: if weather.has(Kind::Disks) { faults(usual_storms(storm_ms)) } else { Vec::new() },
    }
}

/// Faults of the disk and ends of the process of one bridge, as many as in a usual storm whatever its length.
pub(super) fn disk_faults(streams: &Streams, bridge: u64, storm_ms: u64, weather: &Weather) -> Vec<PlannedDiskFault> {
    up_to(4 * weather.wildness, streams, bridge, storm_ms)
}

/// At least one fault, and up to so many, each with another that strikes the next process one time in four.
fn up_to(most: u64, streams: &Streams, bridge: u64, storm_ms: u64) -> Vec<PlannedDiskFault> {
    let count = 1 + streams.stream("swarm disk", bridge).below(most);
    let mut faults = Vec::new();
    for number in 0..count {
        let mut stream = streams.stream("swarm disk fault", bridge << 32 | number);
        let at_ms = stream.below(storm_ms);
        let what = trouble(&mut stream);
        let down = if stream.chance(1, 6) { LONG_RESTART_MS } else { RESTART_AFTER_MS };
        let restart_after_ms = from(down, &mut stream);
        faults.push(PlannedDiskFault { at_ms, restart_after_ms, what });
        if stream.chance(1, 4) {
            // It strikes when the next process opens the store.
            let what = PlannedDiskTrouble::CrashInWrite(operation(&mut stream, WRITES / 2));
            faults.push(PlannedDiskFault { at_ms: at_ms + 1, restart_after_ms, what });
        }
    }
    faults
}

fn trouble(stream: &mut Stream) -> PlannedDiskTrouble {
    match stream.below(12) {
        0 | 1 => PlannedDiskTrouble::Crash,
        2 | 3 => PlannedDiskTrouble::CrashInWrite(operation(stream, WRITES)),
        4 => PlannedDiskTrouble::CrashInSync(operation(stream, SYNCS)),
        5 => PlannedDiskTrouble::CrashAfterSync(operation(stream, SYNCS)),
        6 => PlannedDiskTrouble::WriteError(operation(stream, WRITES)),
        7 => PlannedDiskTrouble::SyncError(operation(stream, SYNCS)),
        8 | 9 => PlannedDiskTrouble::Kill,
        10 => PlannedDiskTrouble::ShutDown,
        _ => PlannedDiskTrouble::FullDisk { for_ms: 300 + stream.below(8_000) },
    }
}
