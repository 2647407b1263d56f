//! Events that no bridge tells: a typed error, and the store stays where it was.

mod support;

use bridge::{BlockAdded, ChainRef, L1Event, Reorg};
use kaspa_hashes::Hash;
use sim::disk::Disk;
use state::{ApplyError, Machine, ReceiptRetention, StoreError};

const ANCHOR: ChainRef = ChainRef { hash: Hash::from_bytes([1; 32]), index: 0, blue_score: 0 };

fn block(number: u8) -> ChainRef {
    ChainRef { hash: Hash::from_bytes([10 + number; 32]), index: u64::from(number), blue_score: u64::from(number) }
}

fn added(sequence: u64, block: ChainRef, parent: Hash) -> L1Event {
    let (daa_score, timestamp_ms) = (block.blue_score, 0);
    L1Event::BlockAdded(BlockAdded {
        sequence,
        block,
        parent,
        daa_score,
        timestamp_ms,
        accepted: Vec::new(),
        verified: true,
    })
}

fn reorg(sequence: u64, fork: ChainRef, old_tip: ChainRef) -> L1Event {
    L1Event::Reorg(Reorg { sequence, fork, old_tip, removed: Vec::new(), removed_known: false })
}

fn machine(disk: &Disk) -> Machine {
    Machine::open_on(disk.open(), support::config(ReceiptRetention::Forever)).expect("the disk has no faults")
}

/// A store with two blocks.
fn stored() -> Disk {
    let disk = support::empty_disk();
    let events = [added(1, block(1), ANCHOR.hash), added(2, block(2), block(1).hash)];
    machine(&disk).apply(Some(ANCHOR), &events).expect("they follow one another");
    disk
}

#[test]
fn given_events_that_do_not_follow_when_applied_then_an_error_and_nothing_of_the_batch_is_stored() {
    let first = added(3, block(3), block(2).hash);
    let last = |sequence| ChainRef { index: u64::MAX, ..block(sequence) };
    let wrong = [
        added(5, block(4), block(3).hash),
        added(4, block(4), block(2).hash),
        added(4, last(4), block(3).hash),
        reorg(4, block(1), block(2)),
        reorg(4, block(4), block(3)),
        reorg(4, last(1), block(3)),
        L1Event::Finalized { sequence: 4, block: block(7) },
    ];
    for event in wrong {
        let disk = stored();
        let before = machine(&disk).checkpoint().cloned();
        let mut machine_now = machine(&disk);
        let error = machine_now.apply(None, &[first.clone(), event.clone()]).expect_err("it does not follow");
        assert!(matches!(error, ApplyError::Window(_)), "{event:?}: {error}");
        let error =
            machine_now.apply(None, std::slice::from_ref(&first)).expect_err("memory may be ahead of the store");
        assert!(matches!(error, ApplyError::Store(StoreError::Closed)), "{event:?}: {error}");
        drop(machine_now);
        let mut opened = machine(&disk);
        assert_eq!(opened.checkpoint().cloned(), before, "{event:?}");
        opened.apply(None, std::slice::from_ref(&first)).expect("it follows the last one stored");
    }
}

#[test]
fn given_no_anchor_or_one_at_the_end_of_numbers_when_applied_then_an_error() {
    let disk = support::empty_disk();
    let error = machine(&disk).apply(None, &[added(1, block(1), ANCHOR.hash)]).expect_err("nothing to build on");
    assert!(matches!(error, ApplyError::NoAnchor), "{error}");
    let end = ChainRef { index: u64::MAX, blue_score: u64::MAX, ..ANCHOR };
    for event in [reorg(1, end, end), added(1, block(1), end.hash), L1Event::Finalized { sequence: 1, block: end }] {
        let error = machine(&disk).apply(Some(end), &[event]).expect_err("no bridge has such an anchor");
        assert!(matches!(error, ApplyError::Window(_) | ApplyError::Checkpoint(_)), "{error}");
        assert_eq!(machine(&disk).checkpoint(), None);
    }
}

#[test]
fn given_only_events_of_the_connection_when_applied_then_nothing_happens() {
    let disk = stored();
    let mut machine_now = machine(&disk);
    let before = machine_now.checkpoint().cloned();
    let applied = machine_now.apply(None, &[L1Event::Synced { tip: block(2) }]).expect("it changes nothing");
    assert_eq!((applied, machine_now.checkpoint().cloned()), (state::Applied::default(), before));
}
