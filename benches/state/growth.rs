//! The length of the database over a long run: finalization keeps it flat.

use std::path::Path;

use state::Machine;

use crate::scene::{self, Chain, FINALITY_BLOCKS, KEPT_RECEIPT_BLOCKS};

/// Blocks of the run.
const BLOCKS: u64 = 200_000;

/// Transactions in each.
const TRANSACTIONS: u64 = 2;

/// Who sends them.
const HOLDERS: u64 = 1_000;

/// Blocks that are stored together.
const BATCH: u64 = 50;

/// By how much lengths after the first tenth may differ, in percent.
const TOLERANCE_PERCENT: u64 = 5;

/// Runs, prints the length of the file at each tenth, and checks it.
pub fn measure() {
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let path = folder.path().join("store");
    let mut machine = Machine::open(&path, scene::config(HOLDERS)).expect("the file can be made");
    let mut chain = Chain::new(HOLDERS);
    let mut lengths = Vec::new();
    eprintln!(
        "state: {BLOCKS} blocks of {TRANSACTIONS} transactions, finality {FINALITY_BLOCKS} blocks, receipts of \
         {KEPT_RECEIPT_BLOCKS} blocks below\n   blocks  bytes of file"
    );
    while chain.tip_index() < BLOCKS {
        let events = chain.batch(BATCH, TRANSACTIONS);
        machine.apply(Some(chain.anchor()), &events).expect("the disk has no faults");
        if chain.tip_index().is_multiple_of(BLOCKS / 10) {
            let length = length(&path);
            eprintln!("{:>9}  {length:>13}", chain.tip_index());
            lengths.push(length);
        }
    }
    machine.close().expect("the disk has no faults");
    eprintln!("   closed  {:>13}", length(&path));
    let (Some(least), Some(most)) = (lengths.iter().min(), lengths.iter().max()) else { return };
    assert!(most - least <= least * TOLERANCE_PERCENT / 100, "the database grows: {lengths:?}");
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).expect("the file is there").len()
}
