//! What the simulated L1 alone costs, without followers, on mainnet's parameters.
//!
//! | id | one iteration |
//! |---|---|
//! | `l1::blocks/transactions=N` | one block with N transactions on average, mined and brought to all nodes |
//! | `l1::day` | no iteration: a simulated day without transactions, run once |
//!
//! The day tells the cost of a block at 10,000, 100,000 and 864,000 blocks and the memory, and the process fails when that
//! is beyond its limits. The shape with ten transactions is the one for which the reference simulator's speed is known;
//! both go to standard error. A word on the command line selects ids that contain it.

#[path = "l1/day.rs"]
mod day;
#[path = "l1/shape.rs"]
mod shape;

use std::process::ExitCode;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use dagstorm_benches::allocator::Counting;
use dagstorm_benches::arguments::Arguments;
use dagstorm_benches::clock::timed;

use self::shape::Shape;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const DAY: Duration = Duration::from_secs(86_400);

/// A day long enough to see that the bench works.
const TEST_DAY: Duration = Duration::from_secs(60);

/// Blocks in one run of the reference simulator.
const SIMPA_BLOCKS: usize = 3_000;

/// Simulated seconds per second of simpa 2.1.0 for these blocks on a machine with two cores.
const SIMPA_SPEED: f64 = 5.7;

/// Blocks after which a network is replaced, so that all samples measure the same.
const RUN: usize = 10_000;

fn main() -> ExitCode {
    let arguments = Arguments::read();
    let mut complaints = Vec::new();
    // First, because the largest resident size is that of the process.
    if arguments.runs("l1::day") {
        complaints = day::run(if arguments.measures() { DAY } else { TEST_DAY });
    }
    let mut criterion = Criterion::default().configure_from_args();
    blocks(&mut criterion, &arguments);
    criterion.final_summary();
    for complaint in &complaints {
        eprintln!("l1::day: {complaint}");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn blocks(criterion: &mut Criterion, arguments: &Arguments) {
    let mut group = criterion.benchmark_group("l1::blocks");
    group.throughput(Throughput::Elements(1));
    group.sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    group.bench_function(BenchmarkId::from_parameter("transactions=0"), |bencher| {
        let shape = Shape::empty_blocks(DAY);
        bencher.iter_custom(|count| time(&shape, count));
    });
    let mut is_measured = false;
    group.bench_function(BenchmarkId::from_parameter("transactions=10"), |bencher| {
        is_measured = true;
        let shape = Shape::simpa(DAY);
        bencher.iter_custom(|count| time(&shape, count));
    });
    group.finish();
    if is_measured && arguments.measures() {
        compare_with_simpa();
    }
}

/// CPU time of so many blocks.
fn time(shape: &Shape, count: u64) -> Duration {
    let (mut total, mut left) = (Duration::ZERO, count as usize);
    while left > 0 {
        let blocks = left.min(RUN);
        let mut network = shape::network(shape);
        total += timed(|| shape::mine(&mut network, blocks)).0;
        left -= blocks;
    }
    total
}

fn compare_with_simpa() {
    let mut network = shape::network(&Shape::simpa(DAY));
    let (time, blocks) = timed(|| shape::mine(&mut network, SIMPA_BLOCKS));
    let speed = network.now().as_secs_f64() / time.as_secs_f64();
    eprintln!(
        "l1::blocks: {blocks} blocks, {} transactions in {time:.2?} of CPU time: {speed:.0} simulated seconds a second, \
         {:.0} times as fast as simpa ({SIMPA_SPEED})",
        network.store().transaction_count(),
        speed / SIMPA_SPEED,
    );
}
