//! One simulated day of mainnet in one run: seconds, memory, and whether a block costs more the more there are.

use std::time::Duration;

use dagstorm_benches::allocator::Meter;
use dagstorm_benches::clock::thread_cpu_time;

use super::shape::{self, Shape};

/// Blocks from one mark to the next.
const STEP: usize = 1_000;

/// Marks around a point between which the cost of a block is taken.
const WINDOW: usize = 10;

/// Where the cost of a block is stated, besides the end of the day.
const POINTS: [usize; 2] = [10_000, 100_000];

/// How many times the cost at the first point a block may cost later: more than the noise of a shared machine.
const MOST_GROWTH: f64 = 1.5;

/// What the whole day may take: 1 GiB.
const MOST_BYTES: u64 = 1 << 30;

/// How far the run was at some number of blocks.
#[derive(Clone, Copy)]
struct Mark {
    blocks: usize,
    time: Duration,
    /// All that the network holds.
    bytes: i64,
}

/// Runs so much simulated time and prints what it cost. Returns a sentence for each limit that was passed.
pub fn run(length: Duration) -> Vec<String> {
    let meter = Meter::start();
    let start = thread_cpu_time();
    let mut network = shape::network(&Shape::empty_blocks(length));
    let mut marks = Vec::with_capacity(1_000);
    let mut blocks = 0;
    loop {
        marks.push(Mark { blocks, time: thread_cpu_time() - start, bytes: meter.bytes() });
        let mined = shape::mine(&mut network, STEP);
        blocks += mined;
        if mined < STEP {
            break;
        }
    }
    let time = thread_cpu_time() - start;
    let peak = meter.peak_bytes().unsigned_abs();
    let resident = most_resident_bytes();
    eprintln!(
        "l1::day: {:.0} simulated seconds, {blocks} blocks in {:.1} s of CPU time, {:.2} us a block",
        network.now().as_secs_f64(),
        time.as_secs_f64(),
        time.as_secs_f64() * 1e6 / blocks as f64,
    );
    eprintln!(
        "l1::day: at most {} MiB in use, {} bytes a block; the process had at most {} MiB resident",
        peak >> 20,
        peak / blocks.max(1) as u64,
        resident.map_or("unknown".to_owned(), |bytes| (bytes >> 20).to_string()),
    );
    let mut complaints = compare(&marks);
    let most = peak.max(resident.unwrap_or(0));
    if most > MOST_BYTES {
        complaints.push(format!("a simulated day took {most} bytes of memory, it may take {MOST_BYTES}"));
    }
    complaints
}

/// Prints the cost at each point and its ratio to that at the first.
fn compare(marks: &[Mark]) -> Vec<String> {
    let last = marks.len().saturating_sub(1);
    let points = POINTS.map(|point| point / STEP + WINDOW / 2);
    let mut first = None;
    let mut complaints = Vec::new();
    for end in points.into_iter().filter(|&end| end < last).chain([last]) {
        let Some(start) = end.checked_sub(WINDOW) else { continue };
        let (from, to) = (marks[start], marks[end]);
        let cost_us = (to.time - from.time).as_secs_f64() * 1e6 / (to.blocks - from.blocks) as f64;
        let growth = cost_us / *first.get_or_insert(cost_us);
        eprintln!(
            "l1::day: {cost_us:.2} us a block from block {} to {}, {growth:.2} times the first; {} bytes a block in use",
            from.blocks,
            to.blocks,
            to.bytes / to.blocks as i64,
        );
        if growth > MOST_GROWTH {
            complaints.push(format!(
                "after {} blocks a block costs {growth:.2} times as much as at the first point, it may cost {MOST_GROWTH} times",
                from.blocks,
            ));
        }
    }
    complaints
}

/// The largest resident size of the process so far, where the system tells it.
fn most_resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}
