//! Storms over a consumer of one's own: an index of which chain block accepts which transaction.
//!
//! `cargo run --release -p scenarios --example indexer` runs ten storms in which anything may go wrong, or as many as its
//! argument says, and tells what came of them. In a project the storm is a test:
//!
//! ```text
//! #[test]
//! fn given_any_storm_when_indexed_then_the_index_is_that_of_the_final_chain() {
//!     Storm::of_consumer(Indexer::default).scenario(Scenario::Swarm).seeds(1..51).assert_passes();
//! }
//! ```
//!
//! The index is in a database, here a small one in memory, whose transactions happen as a whole or not at all. What changes
//! waits in memory until there is enough for a transaction, or no more events wait.

use std::{collections::BTreeMap, process::ExitCode};

use bridge::{Checkpoint, L1Event};
use kaspa_hashes::Hash;
use scenarios::{
    harness::{Consumer, Storm, crash_point},
    scenario::Scenario,
};

/// Events that are committed together.
const BATCH: usize = 16;

/// What survives a process.
#[derive(Default)]
struct Database {
    /// Transactions by the index of the chain block that accepts them.
    accepted: BTreeMap<u64, Vec<Hash>>,
    /// Index of the chain block that accepts a transaction.
    accepted_in: BTreeMap<Hash, u64>,
    checkpoint: Option<Checkpoint>,
}

/// A change that waits for its transaction.
enum Change {
    Add { index: u64, accepted: Vec<Hash> },
    CutBackTo { index: u64 },
}

impl Database {
    /// Changes and checkpoint become durable together. Before and after this a process may die, but not in it.
    fn commit(&mut self, changes: Vec<Change>, checkpoint: Checkpoint) {
        crash_point();
        for change in changes {
            match change {
                Change::Add { index, accepted } => {
                    self.accepted_in.extend(accepted.iter().map(|id| (*id, index)));
                    self.accepted.insert(index, accepted);
                }
                Change::CutBackTo { index } => {
                    for id in self.accepted.split_off(&(index + 1)).into_values().flatten() {
                        self.accepted_in.remove(&id);
                    }
                }
            }
        }
        self.checkpoint = Some(checkpoint);
        crash_point();
    }
}

/// The consumer: the database and what waits for it.
#[derive(Default)]
pub struct Indexer {
    database: Database,
    waiting: Vec<Change>,
    /// Where it stands with what waits.
    after: Option<Checkpoint>,
}

impl Indexer {
    fn commit(&mut self) {
        if let Some(after) = self.after.take() {
            self.database.commit(std::mem::take(&mut self.waiting), after);
        }
    }
}

impl Consumer for Indexer {
    type Digest = BTreeMap<Hash, u64>;

    fn on_event(&mut self, event: &L1Event, after: &Checkpoint) {
        match event {
            L1Event::BlockAdded(added) => {
                let accepted = added.accepted.iter().map(|transaction| transaction.id).collect();
                self.waiting.push(Change::Add { index: added.block.index, accepted });
            }
            L1Event::Reorg(reorg) => self.waiting.push(Change::CutBackTo { index: reorg.fork.index }),
            _ => {}
        }
        self.after = Some(after.clone());
        if self.waiting.len() >= BATCH {
            self.commit();
        }
    }

    fn on_idle(&mut self) {
        self.commit();
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        self.database.checkpoint.clone()
    }

    fn restart(self) -> Self {
        Self { database: self.database, ..Self::default() }
    }

    fn digest(&self) -> Self::Digest {
        self.database.accepted_in.clone()
    }
}

fn main() -> ExitCode {
    let count = std::env::args().nth(1).map_or(Ok(10), |count| count.parse::<u64>());
    let Ok(count) = count else {
        eprintln!("usage: indexer [NUMBER OF STORMS]");
        return ExitCode::from(2);
    };
    let storm = Storm::of_consumer(Indexer::default).scenario(Scenario::Swarm).seeds(1..count.saturating_add(1));
    let sweep = match storm.run() {
        Ok(sweep) => sweep,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    for report in sweep.runs() {
        let (figures, verdict) = (&report.figures, report.verdict.word());
        println!("seed {}: {verdict}, {} blocks, {} reorgs", report.seed, figures.blocks_added, figures.reorgs);
    }
    match sweep.failed() {
        None => ExitCode::SUCCESS,
        Some(failed) => {
            println!("\n{failed}");
            ExitCode::FAILURE
        }
    }
}
