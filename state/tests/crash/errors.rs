//! Errors of the disk at every operation, and a disk that fills up.

use std::io;

use sim::disk::{Disk, Fault, Image, Operation, Trigger, Unsynced};
use state::{ApplyError, OpenError, StoreError};

use crate::{
    BATCHES, CATCH_UP, GROWING, POLICIES, SINGLE, SMALL_CACHE,
    run::{Honesty, Observation, Stop, disk, expected, judge, live, record},
    script::{Script, Shape},
};

/// The store's error in what stopped a run.
fn store_error(stop: &Stop) -> &StoreError {
    match stop {
        Stop::Open(OpenError::Store(error)) | Stop::Apply(ApplyError::Store(error)) | Stop::Close(error) => error,
        stop => panic!("not an error of the store: {stop:?}"),
    }
}

fn is_of_kind(error: &StoreError, kind: io::ErrorKind) -> bool {
    match kind {
        io::ErrorKind::StorageFull => matches!(error, StoreError::DiskFull),
        io::ErrorKind::PermissionDenied => matches!(error, StoreError::ReadOnly { .. }),
        _ => matches!(error, StoreError::Disk { .. }),
    }
}

/// The run must go on from what is on the disk: after a loss of power that takes everything unsynced, and after a mere
/// restart of the process.
fn goes_on(script: &Script, expected: &[Observation], acknowledged: usize, disk: &Disk, what: &str) {
    let after_power = crate::run::disk("power", disk.durable());
    for (storage, how) in [(after_power.open(), "power lost"), (disk.open(), "process restarted")] {
        let judged = judge(script, expected, acknowledged, storage);
        assert!(judged.is_ok(), "{what}, {how}: {judged:?}");
    }
}

/// Lets every write, every new length and every sync of a run fail, each in a run of its own. How many errors there were
/// that somebody could hear, and how many were told.
fn errors_of(shape: Shape, kind: io::ErrorKind, unsynced: Unsynced) -> (usize, usize) {
    let script = Script::drawn(shape);
    let expected = expected(&script);
    let run = record(&script, Honesty::Honest);
    let recording = &run.recording;
    let (mut writes, mut syncs, mut told) = (0, 0, 0);
    for operation in recording.operations() {
        let trigger = match operation {
            Operation::Sync => {
                syncs += 1;
                Trigger::Sync(syncs)
            }
            _ => {
                writes += 1;
                Trigger::Write(writes)
            }
        };
        let disk = disk("errors", Image::default());
        disk.arm(trigger, Fault::Error { kind, unsynced });
        let (acknowledged, stop) = live(&script, &disk);
        if let Some(stop) = &stop {
            assert!(is_of_kind(store_error(stop), kind), "{trigger:?}: {stop:?}");
            told += 1;
        }
        goes_on(&script, &expected, acknowledged, &disk, &format!("{kind:?} {unsynced:?} {trigger:?} {stop:?}"));
    }
    (recording.operations().len() - run.unheard, told)
}

#[test]
fn given_an_error_at_every_write_and_sync_when_met_then_it_is_told_and_the_next_process_goes_on() {
    let kinds = [io::ErrorKind::Other, io::ErrorKind::StorageFull, io::ErrorKind::PermissionDenied];
    let cases = kinds.map(|kind| (BATCHES, kind)).into_iter().chain([(CATCH_UP, io::ErrorKind::Other)]);
    let mut all = 0;
    for ((shape, kind), unsynced) in cases.zip(POLICIES.into_iter().cycle()) {
        let (errors, told) = errors_of(shape, kind, unsynced);
        assert_eq!(told, errors, "{kind:?} {unsynced:?}");
        all += errors;
    }
    println!("{all} errors, all told");
    assert!(all > 1_000, "{all} errors");
}

#[test]
fn given_little_memory_and_an_error_at_every_operation_when_met_then_nothing_is_lost() {
    let (errors, told) = errors_of(SMALL_CACHE, io::ErrorKind::StorageFull, Unsynced::Drawn);
    println!("{errors} errors, {told} told");
    // redb writes pages early where it lacks memory, and tries again where that fails.
    assert!(told > errors / 3, "{told} of {errors} told");
}

#[test]
fn given_a_disk_that_fills_up_at_any_step_of_growth_when_room_is_made_then_the_next_process_goes_on() {
    let mut full = 0;
    for shape in [SINGLE, GROWING] {
        let script = Script::drawn(shape);
        let expected = expected(&script);
        let recording = record(&script, Honesty::Honest).recording;
        for capacity_bytes in capacities(recording.operations()) {
            let disk = disk("full", Image::default());
            disk.set_capacity_bytes(capacity_bytes);
            let (acknowledged, stop) = live(&script, &disk);
            let stop = stop.expect("the run needs more room");
            assert!(matches!(store_error(&stop), StoreError::DiskFull), "{capacity_bytes}: {stop:?}");
            full += 1;
            let still = live(&script, &disk).1;
            assert!(still.is_some(), "{capacity_bytes}: it goes on without room");
            disk.set_capacity_bytes(1 << 30);
            goes_on(&script, &expected, acknowledged, &disk, &format!("{capacity_bytes} bytes"));
        }
    }
    println!("{full} full disks");
    assert!(full > 4, "{full} full disks");
}

/// Just too little for each length that the file takes on its way up.
fn capacities(operations: &[Operation]) -> Vec<u64> {
    let mut lengths: Vec<u64> = operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::SetLen { len } => Some(*len),
            _ => None,
        })
        .filter(|&len| len > 0)
        .collect();
    lengths.sort_unstable();
    lengths.dedup();
    lengths.into_iter().map(|len| len - 1).collect()
}
