//! A database over the simulated disk: errors, a full disk, a disk that may not be written, rot, handles of the dead.

mod disk_support;

use std::{io, time::Duration};

use disk_support::{Content, Script, content, disk, open};
use redb::StorageBackend;
use sim::disk::{Disk, DiskCounters, DiskLatency, Fault, Moment, Trigger, Unsynced};

/// Runs commits until one fails; how many were confirmed, and why it ended.
fn commit_all(disk: &Disk, script: &Script, from: usize) -> (usize, Option<redb::Error>) {
    let database = match open(disk.open()) {
        Ok(database) => database,
        Err(error) => return (from, Some(error)),
    };
    for number in from..script.len() {
        if let Err(error) = script.commit(&database, number) {
            return (number, Some(error));
        }
    }
    (script.len(), None)
}

/// How many commits are in the database, of those that it can have.
fn found(disk: &Disk, contents: &[Content], confirmed: usize) -> usize {
    let found = content(&open(disk.open()).unwrap()).unwrap();
    let most = contents.len().min(confirmed + 2);
    (confirmed..most).find(|&count| contents[count] == found).expect("every confirmed commit and none in part")
}

/// What making a database costs, and a whole run.
fn costs(script: &Script) -> (DiskCounters, DiskCounters) {
    let disk = disk("count");
    let database = open(disk.open()).unwrap();
    let made = disk.counters();
    (0..script.len()).for_each(|number| script.commit(&database, number).unwrap());
    let all = disk.counters();
    (made, all)
}

#[test]
fn given_an_error_at_every_operation_when_met_then_nothing_confirmed_is_lost_and_the_database_goes_on_reopened() {
    let script = Script::drawn(11, 8);
    let contents = script.contents();
    let (made, all) = costs(&script);
    let writes = made.writes + made.set_lens + 1..=all.writes + all.set_lens;
    let syncs = made.syncs + 1..=all.syncs;
    let triggers: Vec<Trigger> = writes.map(Trigger::Write).chain(syncs.map(Trigger::Sync)).collect();
    let mut told = 0;
    for unsynced in [Unsynced::Kept, Unsynced::Lost, Unsynced::Drawn] {
        for &trigger in &triggers {
            let disk = disk("errors");
            disk.arm(trigger, Fault::Error { kind: io::ErrorKind::Other, unsynced });
            let (confirmed, error) = commit_all(&disk, &script, 0);
            // redb evicts pages early where its cache is small, and tries again when that fails.
            assert!(error.is_some() || matches!(trigger, Trigger::Write(_)), "{trigger:?} was swallowed");
            told += usize::from(error.is_some());
            // Power fails as well: what a failed sync forgot is gone then.
            disk.crash(Unsynced::Lost);
            let next = found(&disk, &contents, confirmed);
            let (done, error) = commit_all(&disk, &script, next);
            assert!(done == script.len() && error.is_none(), "{unsynced:?} {trigger:?}: {error:?}");
            assert_eq!(found(&disk, &contents, script.len()), script.len());
        }
    }
    assert!(told > 3 * triggers.len() * 4 / 5, "{told} errors told");
}

#[test]
fn given_a_full_disk_when_met_then_it_is_told_and_lifting_it_helps() {
    let script = Script::drawn(12, 8);
    let contents = script.contents();
    let disk = disk("full");
    disk.set_capacity_bytes(2 << 20);
    let (confirmed, error) = commit_all(&disk, &script, 0);
    let error = error.expect("a large value does not fit");
    assert!(matches!(&error, redb::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull), "{error}");
    assert!(confirmed > 0 && confirmed < script.len());
    let next = found(&disk, &contents, confirmed);
    assert!(commit_all(&disk, &script, next).1.is_some(), "the disk is still full");
    disk.set_capacity_bytes(1 << 30);
    let next = found(&disk, &contents, confirmed);
    let (done, error) = commit_all(&disk, &script, next);
    assert!(done == script.len() && error.is_none(), "{error:?}");
}

#[test]
fn given_a_disk_that_may_not_be_written_when_opened_or_written_then_it_is_told() {
    let script = Script::drawn(13, 2);
    let disk = disk("read only");
    let database = open(disk.open()).unwrap();
    script.commit(&database, 0).unwrap();
    disk.set_read_only(true);
    let error = script.commit(&database, 1).unwrap_err();
    assert!(matches!(&error, redb::Error::Io(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem), "{error}");
    drop(database);
    disk.set_read_only(false);
    assert_eq!(found(&disk, &script.contents(), 1), 1);
}

#[test]
fn given_a_handle_of_an_earlier_epoch_when_used_then_every_operation_fails_and_changes_nothing() {
    let disk = disk("stale");
    let first = disk.open();
    first.write(0, &[1; 100]).unwrap();
    let second = disk.open();
    let mut bytes = [0; 4];
    second.read(0, &mut bytes).unwrap();
    assert_eq!(bytes, [1; 4], "what the first one wrote is in the system's memory");
    let all_fail = |handle: &sim::disk::DiskHandle| {
        assert!(handle.len().is_err() && handle.read(0, &mut [0]).is_err() && handle.write(0, &[2]).is_err());
        assert!(handle.set_len(0).is_err() && handle.sync_data().is_err());
    };
    all_fail(&first);
    disk.crash(Unsynced::Lost);
    all_fail(&second);
    assert!(disk.has_crashed());
    let third = disk.open();
    assert!(!disk.has_crashed());
    assert_eq!(third.len().unwrap(), 0, "nothing was synced");
    third.write(0, &[3]).unwrap();
    disk.kill();
    assert!(disk.has_crashed());
    all_fail(&third);
    assert_eq!(disk.open().len().unwrap(), 1, "a killed process leaves its writes to the system");
}

#[test]
fn given_a_failed_sync_when_the_next_one_succeeds_then_the_writes_before_it_stay_forgotten() {
    let disk = disk("forgotten");
    let handle = disk.open();
    handle.write(0, &[1; 512]).unwrap();
    disk.arm(Trigger::Sync(1), Fault::Error { kind: io::ErrorKind::Other, unsynced: Unsynced::Lost });
    assert!(handle.sync_data().is_err());
    handle.write(512, &[2; 512]).unwrap();
    handle.sync_data().unwrap();
    let mut bytes = [9; 1_024];
    handle.read(0, &mut bytes).unwrap();
    assert_eq!(bytes, [[1; 512], [2; 512]].concat()[..], "reads see them until the disk is opened anew");
    let mut bytes = [9; 1_024];
    disk.open().read(0, &mut bytes).unwrap();
    assert_eq!(bytes, [[0; 512], [2; 512]].concat()[..]);
}

#[test]
fn given_a_crash_in_a_write_when_it_is_kept_or_before_it_then_the_write_is_there_or_not() {
    for (moment, unsynced, expected) in [
        (Moment::Before, Unsynced::Kept, 512),
        (Moment::During, Unsynced::Kept, 1_024),
        (Moment::During, Unsynced::Lost, 0),
    ] {
        let disk = disk("moments");
        let handle = disk.open();
        disk.arm(Trigger::Write(2), Fault::Crash { moment, unsynced });
        handle.write(0, &[1; 512]).unwrap();
        assert!(handle.write(512, &[1; 512]).is_err());
        assert_eq!(disk.durable().len(), expected, "{moment:?} {unsynced:?}");
    }
}

#[test]
fn given_rot_when_read_then_the_bit_is_another_and_behind_the_end_nothing_happens() {
    let disk = disk("rot");
    let handle = disk.open();
    handle.write(0, &[0; 64]).unwrap();
    handle.sync_data().unwrap();
    handle.write(8, &[7; 8]).unwrap();
    disk.flip_bit(5, 3);
    disk.flip_bit(64, 0);
    let mut byte = [0];
    handle.read(5, &mut byte).unwrap();
    assert_eq!(byte, [8]);
    disk.truncate(10);
    handle.sync_data().unwrap();
    assert_eq!(disk.durable().len(), 16, "the pending write ends there");
    assert!(handle.read(10, &mut [0; 7]).is_err());
}

#[test]
fn given_a_latency_when_operations_are_done_then_their_time_is_owed_once() {
    let disk = disk("latency");
    disk.set_latency(DiskLatency {
        write: Duration::from_micros(10),
        written_byte: Duration::from_nanos(2),
        sync: Duration::from_millis(3),
        read: Duration::from_micros(1),
        read_byte: Duration::from_nanos(1),
    });
    let handle = disk.open();
    handle.set_len(1_000).unwrap();
    handle.write(0, &[1; 1_000]).unwrap();
    handle.sync_data().unwrap();
    handle.read(0, &mut [0; 100]).unwrap();
    assert_eq!(disk.take_latency(), Duration::from_nanos(2 * 10_000 + 2_000 + 3_000_000 + 1_000 + 100));
    assert_eq!(disk.take_latency(), Duration::ZERO);
    let counters = disk.counters();
    assert_eq!((counters.operations(), counters.written_bytes, counters.reads), (3, 1_000, 1));
}

#[test]
fn given_a_length_that_no_disk_has_when_asked_for_then_the_disk_is_full() {
    let disk = disk("huge");
    let handle = disk.open();
    assert_eq!(handle.set_len(u64::MAX).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(handle.write(u64::MAX - 1, &[0; 9]).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(handle.read(u64::MAX - 1, &mut [0; 9]).is_err());
}
