//! Crashes and errors of the disk at every operation of scripted runs.
//!
//! A run is recorded once; the disk after a crash at each of its operations is computed from the recording. Each such disk
//! is opened, must hold what the acknowledged batches lead to (or one batch more), and goes on to the state, receipts, root,
//! window and undo records of a run in memory that nothing interrupts.

mod crashes;
mod errors;
mod rot;
mod run;
mod script;

use sim::disk::Unsynced;
use state::ReceiptRetention;

use script::Shape;

const POLICIES: [Unsynced; 3] = [Unsynced::Kept, Unsynced::Lost, Unsynced::Drawn];

/// Each event is a batch of its own.
const SINGLE: Shape = Shape {
    seed: 1,
    steps: 60,
    most_batch: 1,
    most_transactions: 4,
    bystanders: 0,
    receipts: ReceiptRetention::Forever,
    cache_bytes: 1 << 20,
    restart_after: 17,
};

/// Several events share a batch, with reorgs and roots in the middle of them; receipts are dropped early.
const BATCHES: Shape =
    Shape { seed: 2, steps: 90, most_batch: 8, receipts: ReceiptRetention::BlocksBelowRoot(2), ..SINGLE };

/// Batches as after a long pause.
const CATCH_UP: Shape = Shape { seed: 3, steps: 140, most_batch: 60, restart_after: 3, ..SINGLE };

/// The database runs out of memory in the middle of its transactions, and writes pages early.
const SMALL_CACHE: Shape = Shape {
    seed: 4,
    steps: 30,
    most_batch: 12,
    most_transactions: 6,
    bystanders: 150,
    cache_bytes: 16 << 10,
    restart_after: 4,
    ..SINGLE
};

/// The file grows while it is written.
const GROWING: Shape =
    Shape { seed: 5, steps: 70, most_batch: 20, most_transactions: 12, restart_after: 100, ..SINGLE };
