//! The length of the database does not depend on how long a machine has run: finalization takes away what nobody asks for.

mod support;

use state::{Machine, ReceiptRetention};

use self::support::{actors, chain::Chain};

/// Blocks of the run.
const BLOCKS: u64 = 20_000;

/// Blocks that are stored together.
const BATCH: u64 = 50;

/// Blocks that can be undone.
const FINALITY_BLOCKS: u64 = 200;

/// By how much lengths after the first tenth may differ, in percent.
const TOLERANCE_PERCENT: u64 = 5;

/// Runs and returns the length of the file at each tenth.
fn lengths(receipts: ReceiptRetention, is_finalized: bool) -> Vec<u64> {
    let disk = support::empty_disk();
    let rich = [(actors::key(0), u64::MAX)];
    let mut machine = Machine::open_on(disk.open(), support::config_with(receipts, rich)).expect("no faults");
    let mut chain = Chain::new();
    let mut lengths = Vec::new();
    while chain.tip().index < BLOCKS {
        let mut events = Vec::new();
        for _ in 0..BATCH {
            let nonce = chain.tip().index + 1;
            let payee = actors::key(1 + (nonce % 100) as u8);
            let payloads = [actors::transfer(actors::key(0), payee, 1, nonce)];
            let accepted = payloads.map(|payload| chain.transaction(payload)).into();
            events.push(chain.add(accepted));
        }
        if is_finalized && chain.tip().index > FINALITY_BLOCKS {
            events.push(chain.finalize(chain.tip().index - FINALITY_BLOCKS));
        }
        machine.apply(Some(chain.anchor()), &events).expect("the events follow one another");
        if chain.tip().index.is_multiple_of(BLOCKS / 10) {
            lengths.push(disk.durable().len());
        }
    }
    lengths
}

#[test]
fn given_a_long_run_when_blocks_become_final_then_the_database_stays_as_it_is() {
    let lengths = lengths(ReceiptRetention::BlocksBelowRoot(FINALITY_BLOCKS), true);
    let (least, most) = (lengths.iter().min().expect("ten"), lengths.iter().max().expect("ten"));
    assert!(most - least <= least * TOLERANCE_PERCENT / 100, "{lengths:?}");
}

#[test]
fn given_a_long_run_when_nothing_becomes_final_then_the_database_grows() {
    let lengths = lengths(ReceiptRetention::BlocksBelowRoot(FINALITY_BLOCKS), false);
    assert!(lengths[9] > 2 * lengths[0], "the other test could not fail: {lengths:?}");
}
