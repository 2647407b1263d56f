//! What it costs to read a frame of a node, kind by kind, by our reader and by `kaspa-rpc-core`.
//!
//! | id | one iteration |
//! |---|---|
//! | `bridge::wire::walk/message=M,reader=bridge` | from the frame's bytes through every item that our reader lends |
//! | `bridge::wire::walk/message=M,reader=bridge-and-hash` | the same, and the hash of every complete header |
//! | `bridge::wire::walk/message=M,reader=kaspa-rpc-core` | from the same bytes to the response that a client of rusty-kaspa gets |
//!
//! Each message is the longest captured frame of its kind, header of the frame included. Both readers go over all bytes
//! that they need, and what they make differs: our reader checks each length and lends hashes, numbers and payloads in
//! place, but only counts inputs, outputs and the transactions of a block, whose envelopes it skips; `kaspa-rpc-core`
//! makes owned values of everything, in memory that it allocates. Giving that memory back is not in its time. Neither
//! hashes a header; `bridge-and-hash` does what the bridge does before it believes one. Of the notification of an added
//! block our reader wants nothing but to know that it is one.
//!
//! A table of all of them goes to standard error. Wall time, the median of the samples after the warm-up.

#[path = "wire/captured.rs"]
mod captured;
#[path = "wire/decode.rs"]
mod decode;
#[path = "wire/walk.rs"]
mod walk;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, Throughput};
use dagstorm_benches::{arguments::Arguments, comparison::Comparison};

use self::{captured::Captured, walk::Headers};

const OURS: &str = "bridge";
const WITH_HASH: &str = "bridge-and-hash";
const THEIRS: &str = "kaspa-rpc-core";

fn main() {
    let mut criterion = Criterion::default().nresamples(10_000).configure_from_args();
    let mut comparison = Comparison::new(["message", "reader"], &[OURS, THEIRS, WITH_HASH]);
    let mut group = criterion.benchmark_group("bridge::wire::walk");
    group.sample_size(20).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(300));
    for message in captured::longest() {
        check(&message);
        group.throughput(Throughput::Bytes(message.frame.len() as u64));
        let row = format!("{}, {} bytes", message.kind, message.frame.len());
        let mut bench = |reader: &'static str, time: &dyn Fn(u64) -> Duration| {
            let id = BenchmarkId::from_parameter(format_args!("message={},reader={reader}", message.kind));
            group.bench_function(id, |bencher| {
                bencher.iter_custom(|count| {
                    let time = time(count);
                    comparison.note(&row, reader, count, time);
                    time
                });
            });
        };
        bench(OURS, &|count| timed(count, || walk::frame(black_box(&message.frame), Headers::Lent)));
        bench(THEIRS, &|count| decode::time(message.operation, &message.frame, count));
        if walk::has_complete_header(&message.frame) {
            bench(WITH_HASH, &|count| timed(count, || walk::frame(black_box(&message.frame), Headers::Hashed)));
        }
    }
    group.finish();
    criterion.final_summary();
    if Arguments::read().measures() {
        comparison.print();
    }
}

/// The frame is sound for both readers.
fn check(message: &Captured) {
    let lent = walk::frame(&message.frame, Headers::Lent);
    assert!(lent.is_ok(), "our reader refuses {}: {lent:?}", message.kind);
    decode::time(message.operation, &message.frame, 1);
}

/// The time of so many calls.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn timed<T>(count: u64, mut work: impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        black_box(work());
    }
    start.elapsed()
}
