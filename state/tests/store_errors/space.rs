//! Disks that are full, that may not be written, or that fail: what was acknowledged stays, and once the disk is mended
//! the machine goes on where it stood.

use std::io;

use sim::disk::{Disk, Fault, Trigger, Unsynced};
use state::{ApplyError, Machine};

use super::history::{self, Contents, History};
use crate::support::chain::Chain;

const FULL: &str = "the disk is full: free space and start again; everything acknowledged is stored";
const CLOSED: &str = "the store was closed after an earlier error: open it anew";
const READ_ONLY: &str = "the store may not be written: ";
const FAILED: &str = "the disk failed: ";

/// Batches of a run.
const BATCHES: u64 = 16;

/// How a run goes on: the same batches whatever happened in between.
type Feed = fn(&mut Machine, &mut Chain, u64) -> Result<(), ApplyError>;

/// Feeds batches until one is refused, and returns the number of that one with its error and what was acknowledged before.
fn feed_until_refused(
    feed: Feed,
    machine: &mut Machine,
    chain: &mut Chain,
    from: u64,
) -> Option<(u64, ApplyError, Contents)> {
    let mut acknowledged = Contents::of(machine).expect("it was just opened");
    for batch in from..BATCHES {
        if let Err(error) = feed(machine, chain, batch) {
            let again = feed(machine, chain, batch).expect_err("a machine that failed takes no more");
            assert_eq!(again.to_string(), CLOSED);
            return Some((batch, error, acknowledged));
        }
        acknowledged = Contents::of(machine).expect("what was just written can be read");
    }
    None
}

/// Goes on with the run on a mended disk: everything acknowledged is there, and in the end all is as without the trouble.
/// A batch that was not acknowledged may be stored or not.
fn resume(feed: Feed, disk: &Disk, chain: &mut Chain, batch: u64, acknowledged: &Contents, undisturbed: &History) {
    let mut machine = Machine::open_on(disk.open(), history::config()).expect("the disk is mended");
    let found = Contents::of(&machine).expect("the disk is mended");
    let mut next = batch;
    if &found != acknowledged {
        // Then it is exactly the batch that failed.
        assert_eq!(
            found,
            undisturbed.acknowledged[batch as usize + 1],
            "neither the batch before nor the batch itself"
        );
        let mut straight = Machine::open_on(history::disk_with(&[]).open(), history::config()).expect("no faults");
        *chain = Chain::new();
        (0..=batch).for_each(|batch| feed(&mut straight, chain, batch).expect("no faults"));
        next += 1;
    }
    let refused = feed_until_refused(feed, &mut machine, chain, next);
    assert!(refused.is_none(), "{refused:?}");
    assert_eq!(&Contents::of(&machine).expect("the disk is mended"), undisturbed.newest());
}

#[test]
fn given_a_disk_that_fills_up_when_applied_then_it_says_so_and_goes_on_when_there_is_space() {
    let undisturbed = History::growing(BATCHES);
    let last = 2 * undisturbed.bytes.len() as u64;
    let mut refusals = std::collections::BTreeSet::new();
    for capacity_bytes in (100_000..last).step_by(150_000) {
        let disk = history::disk_with(&[]);
        disk.set_capacity_bytes(capacity_bytes);
        let mut machine = match Machine::open_on(disk.open(), history::config()) {
            Ok(machine) => machine,
            Err(error) => {
                assert_eq!(error.to_string(), FULL);
                continue;
            }
        };
        let mut chain = Chain::new();
        let Some((batch, error, acknowledged)) = feed_until_refused(history::feed_growing, &mut machine, &mut chain, 0)
        else {
            continue;
        };
        assert_eq!(error.to_string(), FULL);
        refusals.insert(batch);
        drop(machine);
        // It can be opened and read while there is no space, or says that there is none.
        match Machine::open_on(disk.open(), history::config()) {
            Ok(machine) => assert_eq!(Contents::of(&machine).expect("reading needs no space"), acknowledged),
            Err(error) => assert_eq!(error.to_string(), FULL),
        }
        disk.set_capacity_bytes(sim::disk::MOST_IMAGE_BYTES);
        resume(history::feed_growing, &disk, &mut chain, batch, &acknowledged, &undisturbed);
    }
    assert!(!refusals.is_empty());
}

#[test]
fn given_any_write_refused_for_want_of_space_when_applied_then_nothing_acknowledged_is_lost() {
    each_operation_fails(io::ErrorKind::StorageFull, FULL, Trigger::Operation);
}

#[test]
fn given_any_write_refused_for_want_of_rights_when_applied_then_nothing_acknowledged_is_lost() {
    each_operation_fails(io::ErrorKind::ReadOnlyFilesystem, READ_ONLY, Trigger::Operation);
}

#[test]
fn given_any_write_or_sync_that_fails_when_applied_then_nothing_acknowledged_is_lost() {
    each_operation_fails(io::ErrorKind::Other, FAILED, Trigger::Operation);
}

#[test]
fn given_any_read_that_fails_when_opened_then_an_error_and_nothing_is_lost() {
    let history = History::new(6);
    let mut failures = 0;
    for number in 1..10_000 {
        let disk = history::disk_with(&history.bytes);
        disk.arm(Trigger::Read(number), Fault::Error { kind: io::ErrorKind::Other, unsynced: Unsynced::Lost });
        let opened = Machine::open_on(disk.open(), history::config());
        let Err(error) = opened else { break };
        failures += 1;
        assert!(error.to_string().starts_with(FAILED), "read {number}: {error}");
        let machine = Machine::open_on(disk.open(), history::config()).expect("the disk is mended");
        assert_eq!(&Contents::of(&machine).expect("the disk is mended"), history.newest());
    }
    assert!(failures > 5, "{failures}");
}

/// Lets each operation of a run fail once, in each way that an operation can fail.
fn each_operation_fails(kind: io::ErrorKind, text: &str, trigger: impl Fn(u64) -> Trigger) {
    let before = History::new(BATCHES - 3);
    let undisturbed = History::new(BATCHES);
    let mut failures = 0;
    for unsynced in [Unsynced::Kept, Unsynced::Lost, Unsynced::Drawn] {
        for number in 1.. {
            let disk = history::disk_with(&before.bytes);
            let mut chain = before.chain.clone();
            let mut machine = Machine::open_on(disk.open(), history::config()).expect("the disk has no faults");
            disk.arm(trigger(number), Fault::Error { kind, unsynced });
            let refused = feed_until_refused(history::feed, &mut machine, &mut chain, BATCHES - 3);
            let Some((batch, error, acknowledged)) = refused else { break };
            failures += 1;
            assert!(error.to_string().starts_with(text), "operation {number}: {error}");
            drop(machine);
            resume(history::feed, &disk, &mut chain, batch, &acknowledged, &undisturbed);
        }
    }
    assert!(failures > 30, "{failures}");
}

#[test]
fn given_a_disk_that_may_not_be_written_when_opened_then_it_says_so_and_is_left_alone() {
    let history = History::new(6);
    for bytes in [&history.bytes[..], &[]] {
        let disk = history::disk_with(bytes);
        disk.set_read_only(true);
        let error = Machine::open_on(disk.open(), history::config()).expect_err("a machine must be able to write");
        assert!(error.to_string().starts_with(READ_ONLY), "{error}");
        assert!(history::bytes_of(&disk) == bytes);
    }
}
