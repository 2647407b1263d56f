//! The hand-over of events from the client's task to the consumer: our queue beside channels that are often used for it.
//!
//! | id | one iteration |
//! |---|---|
//! | `bridge::queue/case=burst,channel=C` | 1,000 events in, then 1,000 out, on one thread: a page of the chain |
//! | `bridge::queue/case=ping,channel=C` | an event there and back between two tasks of one thread, each of which waits for it: a block |
//! | `bridge::queue/case=threads,channel=C` | 20,000 events from a thread to another, which takes them meanwhile: catching up |
//!
//! All pass the same events of added blocks, which are moved, never copied or dropped. A bounded channel has room for as
//! many as the bridge lets wait by default. Ours has no bound of its own; the client obeys one by stopping to fetch, for
//! which each event's sequence number is noted, and the consumer is woken at every event. Those costs are in its times.
//! crossbeam's receiver blocks its thread, so that tasks cannot wait at it and it has no `ping`. In `threads` the producer is a
//! thread, not a task: where a bounded channel is full it blocks there, with tokio's by `blocking_send`, and not in an `await`
//! as a task's would. The thread and the runtime of the consumer are up before the clock starts.
//!
//! The queue is private to its crate. What is measured is the same file, compiled into this bench: neither an
//! interface nor another feature of the crate is needed for it, and the compiler sees as much of it as in its place.
//!
//! A table of the times of one event goes to standard error. Wall time, the median of the samples after the warm-up.

#[path = "queue/channels.rs"]
mod channels;
#[path = "../bridge/src/queue.rs"]
#[expect(dead_code, reason = "the signals of the other direction are not measured")]
mod queue;

/// Where the queue's file looks for its events.
mod event {
    pub(crate) use bridge::{ChainRef, L1Event};
}

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use bridge::{BlockAdded, ChainRef, L1Event};
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use dagstorm_benches::{arguments::Arguments, comparison::Comparison};
use kaspa_hashes::Hash;

use self::channels::{Awaited, Channel, Crossbeam, Ours, TokioBounded, TokioUnbounded};

/// Events of a burst.
const BURST: u64 = 1_000;

/// Events from thread to thread.
const STREAM: u64 = 20_000;

const BURST_CASE: &str = "burst";
const PING_CASE: &str = "ping";
const THREADS_CASE: &str = "threads";

fn main() {
    let mut criterion = Criterion::default().nresamples(10_000).configure_from_args();
    let columns =
        [Ours::NAME, TokioUnbounded::NAME, TokioBounded::NAME, Crossbeam::<false>::NAME, Crossbeam::<true>::NAME];
    let mut table = Comparison::new(["an event, case", "channel"], &columns);
    let mut group = criterion.benchmark_group("bridge::queue");
    group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));

    bench::<Ours>(&mut group, &mut table, BURST_CASE, BURST, burst::<Ours>);
    bench::<TokioUnbounded>(&mut group, &mut table, BURST_CASE, BURST, burst::<TokioUnbounded>);
    bench::<TokioBounded>(&mut group, &mut table, BURST_CASE, BURST, burst::<TokioBounded>);
    bench::<Crossbeam<false>>(&mut group, &mut table, BURST_CASE, BURST, burst::<Crossbeam<false>>);
    bench::<Crossbeam<true>>(&mut group, &mut table, BURST_CASE, BURST, burst::<Crossbeam<true>>);

    bench::<Ours>(&mut group, &mut table, PING_CASE, 2, ping::<Ours>);
    bench::<TokioUnbounded>(&mut group, &mut table, PING_CASE, 2, ping::<TokioUnbounded>);
    bench::<TokioBounded>(&mut group, &mut table, PING_CASE, 2, ping::<TokioBounded>);

    bench::<Ours>(&mut group, &mut table, THREADS_CASE, STREAM, stream::<Ours>);
    bench::<TokioUnbounded>(&mut group, &mut table, THREADS_CASE, STREAM, stream::<TokioUnbounded>);
    bench::<TokioBounded>(&mut group, &mut table, THREADS_CASE, STREAM, stream::<TokioBounded>);
    bench::<Crossbeam<false>>(&mut group, &mut table, THREADS_CASE, STREAM, stream::<Crossbeam<false>>);
    bench::<Crossbeam<true>>(&mut group, &mut table, THREADS_CASE, STREAM, stream::<Crossbeam<true>>);

    group.finish();
    criterion.final_summary();
    if Arguments::read().measures() {
        table.print();
    }
}

/// One cell: `events` are handed over in one iteration.
fn bench<C: Channel>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    table: &mut Comparison,
    case: &'static str,
    events: u64,
    time: fn(u64) -> Duration,
) {
    group.throughput(Throughput::Elements(events));
    group.bench_function(BenchmarkId::from_parameter(format_args!("case={case},channel={}", C::NAME)), |bencher| {
        bencher.iter_custom(|count| {
            let time = time(count);
            table.note(case, C::NAME, count * events, time);
            time
        });
    });
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn burst<C: Channel>(count: u64) -> Duration {
    let (producer, mut consumer) = C::new();
    let mut events = events(BURST);
    let start = Instant::now();
    for _ in 0..count {
        for event in events.drain(..) {
            C::push(&producer, event);
        }
        while let Some(event) = C::try_next(&mut consumer) {
            events.push(event);
        }
    }
    let time = start.elapsed();
    assert_eq!(black_box(events).len() as u64, BURST);
    time
}

/// Two tasks on one thread: a hand-over wakes the other task, and the one that handed over waits.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn ping<C: Awaited>(count: u64) -> Duration {
    let runtime = channels::runtime();
    let (there, mut arrived) = C::new();
    let (back, mut returned) = C::new();
    let mut event = events(1).pop();
    let start = Instant::now();
    let other = runtime.spawn(async move {
        for _ in 0..count {
            let event = C::next(&mut arrived).await;
            C::push(&back, event);
        }
    });
    let one = runtime.spawn(async move {
        for _ in 0..count {
            if let Some(event) = event.take() {
                C::push(&there, event);
            }
            event = Some(C::next(&mut returned).await);
        }
        event
    });
    let event = runtime.block_on(async { (one.await, other.await) });
    let time = start.elapsed();
    assert!(matches!(event, (Ok(Some(_)), Ok(()))), "the event came back");
    time
}

/// From the first event's leaving to the last one's arrival.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn stream<C: Channel>(count: u64) -> Duration {
    let runtime = channels::runtime();
    let mut events = events(STREAM);
    let rounds = (0..count).map(|_| {
        let (producer, mut consumer) = C::new();
        let leaving = std::mem::take(&mut events);
        let mut arrived = Vec::with_capacity(STREAM as usize);
        let time = thread::scope(|scope| {
            let producing = scope.spawn(move || {
                let start = Instant::now();
                for event in leaving {
                    C::push_waiting(&producer, event);
                }
                start
            });
            C::take(&runtime, &mut consumer, STREAM, &mut arrived);
            let end = Instant::now();
            end - producing.join().expect("handing over does not panic")
        });
        events = arrived;
        time
    });
    rounds.sum()
}

/// Events of added blocks without transactions, numbered from 1.
fn events(count: u64) -> Vec<L1Event> {
    let event = |number: u64| {
        L1Event::BlockAdded(BlockAdded {
            sequence: number,
            block: ChainRef { hash: Hash::from_u64_word(number), index: number, blue_score: 2 * number },
            parent: Hash::from_u64_word(number - 1),
            daa_score: 2 * number,
            timestamp_ms: 400 * number,
            accepted: Vec::new(),
            verified: true,
        })
    };
    (1..=count).map(event).collect()
}
