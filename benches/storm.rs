//! The whole storm in simulated seconds for each second of CPU time, from a quiet network to one beyond mainnet's rate.
//!
//! | id | what is run |
//! |---|---|
//! | `scenarios::storm/blocks_per_second=B,transactions=T` | storms at B blocks a second, T transactions in a block on average |
//!
//! A storm is a swarm with its faults, as `dagstorm run swarm` runs it, with the same allocator: eight miners, 0.4 s mean delay,
//! one bridge, a state machine on a simulated disk, every property checked. Its profile is `Default` for 0 transactions in a block
//! and `Loaded` from 10 on; the parameters are the set `storm` scaled to the block rate, and the load is that of the id instead of
//! the profile's. Not all cells are the same otherwise: a storm has 600 simulated seconds, and the bridge waits 4 s for a reply,
//! but at 100 transactions in a block it is 300 s and 10 s, for want of memory and because of the length of pages. The table
//! states both for each cell.
//!
//! A run is far too long for Criterion's samples: every id is run once for each of [`SEEDS`], and its figure is all simulated
//! time over all CPU time. A filter on the command line selects ids that contain it.

use std::{ffi::c_long, process::ExitCode, sync::Arc};

use dagstorm_benches::arguments::Arguments;
use libmimalloc_sys::{mi_option_set, mi_option_t};
use scenarios::{
    plan::Plan,
    report::{RunReport, Verdict},
    runner,
    scenario::{Profile, Request, Scenario},
};
use sim::{params::ParameterSet, workload::WorkloadConfig};

/// That of the `dagstorm` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay`: milliseconds after which free memory goes back to the system. Source: `mimalloc.h`, version 2.
const PURGE_DELAY_MS: mi_option_t = 15;

const BLOCKS_PER_SECOND: [u64; 3] = [1, 10, 25];

const TRANSACTIONS: [u32; 3] = [0, 10, 100];

/// One seed may be cheap by luck.
const SEEDS: [u64; 2] = [1, 2];

/// Simulated seconds of storm.
const SECONDS: u64 = 600;

/// The same where blocks are as full as they get here: a run keeps all history for its checks, some 5 kB a transaction.
const FULL_BLOCKS_SECONDS: u64 = 300;

/// A storm long enough to see that the bench works.
const TEST_SECONDS: u64 = 5;

const MEAN_DELAY_MS: u64 = 400;

/// How long the bridge waits for a reply where blocks are as full as they get here: at 25 of them a second the smallest page that
/// it can ask for has 48 MB after an outage, for which the simulated line of 100 Mbit/s needs the 4 s that it waits in both
/// profiles.
const PATIENCE_MS: u64 = 10_000;

fn main() -> ExitCode {
    keep_free_memory();
    let arguments = Arguments::read();
    let cells = BLOCKS_PER_SECOND.into_iter().flat_map(|rate| TRANSACTIONS.map(|transactions| (rate, transactions)));
    let cells = cells.map(|(blocks_per_second, transactions)| Cell { blocks_per_second, transactions });
    let (mut measured, mut is_sound) = (Vec::new(), true);
    for cell in cells.filter(|cell| arguments.runs(&cell.id())) {
        let (seeds, seconds): (&[u64], _) =
            if arguments.measures() { (&SEEDS, cell.seconds()) } else { (&SEEDS[..1], TEST_SECONDS) };
        match cell.measure(seeds, seconds) {
            Ok(speed) => measured.push((cell, speed)),
            Err(complaint) => {
                is_sound = false;
                eprintln!("{}: {complaint}", cell.id());
            }
        }
    }
    if arguments.measures() {
        print_table(&measured);
    }
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// As the `dagstorm` command does.
fn keep_free_memory() {
    const NEVER: c_long = -1;
    #[allow(unsafe_code, reason = "the allocator has no other interface for it")]
    // SAFETY: it sets a number.
    unsafe {
        mi_option_set(PURGE_DELAY_MS, NEVER);
    }
}

/// One block rate with one load.
#[derive(Clone, Copy)]
struct Cell {
    blocks_per_second: u64,
    /// Mean number in a block.
    transactions: u32,
}

/// What the storms of a cell came to.
#[derive(Clone, Copy, Default)]
struct Speed {
    /// How long the bridge waited for a reply.
    request_timeout_ms: u64,
    sim_seconds: f64,
    cpu_seconds: f64,
    blocks: u64,
    chain_blocks: u64,
    applied: u64,
    faults: u64,
}

impl Cell {
    fn id(self) -> String {
        let Self { blocks_per_second, transactions } = self;
        format!("scenarios::storm/blocks_per_second={blocks_per_second},transactions={transactions}")
    }

    fn has_full_blocks(self) -> bool {
        self.transactions >= 100
    }

    /// Simulated seconds of its storms.
    fn seconds(self) -> u64 {
        if self.has_full_blocks() { FULL_BLOCKS_SECONDS } else { SECONDS }
    }

    fn measure(self, seeds: &[u64], seconds: u64) -> Result<Speed, String> {
        let mut speed = Speed::default();
        for &seed in seeds {
            let plan = self.plan(seed, seconds);
            speed.request_timeout_ms =
                plan.bridges.iter().map(|bridge| bridge.request_timeout_ms).max().unwrap_or_default();
            let report = runner::run_plan(&plan, false);
            // What a storm of a few seconds must see is not asked.
            match &report.verdict {
                Verdict::Pass => {}
                Verdict::Vacuous(_) if seconds < self.seconds() => {}
                verdict => return Err(format!("seed {seed}: {verdict:?}")),
            }
            speed.add(&report);
        }
        println!("{}: {speed}", self.id());
        Ok(speed)
    }

    /// The plan that the seed expands to, with the mean delay and the load of this cell.
    fn plan(self, seed: u64, seconds: u64) -> Plan {
        let parameters = parameters(self.blocks_per_second);
        // They differ in what the transactions are about, and in their number, which is set below.
        let profile = if self.transactions < 10 { Profile::Default } else { Profile::Loaded };
        let request =
            Request { seconds: Some(seconds), parameters: Some(Arc::new(parameters)), profile, ..Request::new(seed) };
        let mut plan = Scenario::Swarm.expand(&request).expect("the parameters can be used, and any length");
        plan.topology.mean_delay_ms = MEAN_DELAY_MS;
        plan.workload = WorkloadConfig::mixed(1_000 * self.transactions, 4 * self.transactions);
        if self.has_full_blocks() {
            plan.bridges.iter_mut().for_each(|bridge| bridge.request_timeout_ms = PATIENCE_MS);
        }
        plan.check().expect("only values within their bounds were changed");
        plan
    }
}

/// The set `storm` for another block rate: depths as long in time, but no shallower in blocks; k, and with it parents and
/// mergeset, for as many blocks as appear in the same delay, but no smaller than a swarm draws.
fn parameters(blocks_per_second: u64) -> ParameterSet {
    let storm = ParameterSet::storm();
    let scaled = |at_storm_rate: u64| at_storm_rate * blocks_per_second / storm.blocks_per_second;
    let k = scaled(u64::from(storm.ghostdag_k)).max(4);
    let mut set = ParameterSet {
        name: format!("storm at {blocks_per_second} blocks a second"),
        blocks_per_second,
        ghostdag_k: k as u16,
        // The bounds are those of `kaspa_consensus_core::config::bps::Bps::max_block_parents`.
        max_block_parents: k.clamp(10, 16) as usize,
        mergeset_size_limit: 2 * k as usize,
        merge_depth: scaled(storm.merge_depth).max(storm.merge_depth),
        finality_depth: scaled(storm.finality_depth).max(storm.finality_depth),
        ..storm
    };
    set.pruning_depth = set.least_pruning_depth();
    set
}

impl Speed {
    fn add(&mut self, report: &RunReport) {
        self.sim_seconds += report.sim_seconds;
        self.cpu_seconds += report.cpu_seconds;
        self.blocks += report.figures.blocks;
        self.chain_blocks += report.figures.chain_blocks;
        self.applied += report.figures.machine.map_or(0, |machine| machine.applied + machine.rejected);
        self.faults += report.figures.faults;
    }

    fn ratio(self) -> f64 {
        self.sim_seconds / self.cpu_seconds
    }

    /// Its text in the table, for storms of so many seconds.
    fn figure(self, seconds: u64) -> String {
        format!("{:.0} ({seconds}, {:.1})", self.ratio(), self.request_timeout_ms as f64 / 1_000.0)
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sim_seconds, cpu_seconds, blocks, chain_blocks, applied, faults, .. } = self;
        write!(
            f,
            "{:.0} simulated seconds a CPU second ({sim_seconds:.0} in {cpu_seconds:.2} s; {blocks} blocks, {chain_blocks} of \
             them in the chain, {applied} transactions executed, {faults} faults)",
            self.ratio()
        )
    }
}

fn print_table(measured: &[(Cell, Speed)]) {
    if measured.is_empty() {
        return;
    }
    eprintln!(
        "scenarios::storm: simulated seconds a CPU second, by transactions in a block; beside it the simulated seconds of"
    );
    eprintln!("each storm and the seconds that the bridge waits for a reply");
    let columns: String = TRANSACTIONS.iter().map(|transactions| format!("{transactions:>20}")).collect();
    eprintln!("{:<16}{columns}", "blocks a second");
    for rate in BLOCKS_PER_SECOND {
        let figure = |transactions| {
            let found =
                measured.iter().find(|(cell, _)| cell.blocks_per_second == rate && cell.transactions == transactions);
            found.map_or_else(|| "-".to_owned(), |(cell, speed)| speed.figure(cell.seconds()))
        };
        let row: String = TRANSACTIONS.iter().map(|&transactions| format!("{:>20}", figure(transactions))).collect();
        eprintln!("{rate:<16}{row}");
    }
}
