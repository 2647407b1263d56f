//! Catching up with a node over a real socket: the whole bridge against the loop that one would write instead.
//!
//! The two are compared by `cargo bench -p dagstorm-benches --features client --bench loopback`; without the feature, as in a
//! bare `cargo bench`, only the bridge is timed.
//!
//! | id | one iteration |
//! |---|---|
//! | `bridge::loopback/client=bridge` | `L1Bridge::start` to `Synced`, every event taken and acknowledged |
//! | `bridge::loopback/client=kaspa-wrpc-client,verbosity=V` | the same blocks by `get_virtual_chain_from_block_v2` until a page is empty |
//!
//! The node is simulated, at rest, and serves wRPC over TCP on loopback from its own thread; both clients have the other
//! thread, a tokio runtime on it, and collect hash, ids and payloads of the same blocks. The feature is for the second, because
//! it builds `kaspa-wrpc-client`. A table by turns goes to standard error: time on the wall, CPU time of the client's thread
//! and of the node's. The bridge does more: it checks who the node is, subscribes, hashes every header and compares it with the
//! block before. The node's time at Low says nothing of a real node, see `loopback/server.rs`.

#[path = "loopback/clients.rs"]
mod clients;
#[path = "loopback/server.rs"]
mod server;

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use dagstorm_benches::{arguments::Arguments, clock::thread_cpu_time};
use tokio::runtime::{Builder, Runtime};

use self::{
    clients::{Block, Client},
    server::{Served, Server},
};

/// Simulated time of mining: some three thousand chain blocks.
const MINING: Duration = Duration::from_secs(1_000);

/// Enough to see that the bench works.
const TEST_MINING: Duration = Duration::from_secs(30);

/// Rounds of the comparison.
const ROUNDS: usize = 9;

/// What one catch-up cost.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    /// CPU time of the client's thread.
    cpu: Duration,
    served: Served,
}

fn main() {
    let arguments = Arguments::read();
    let server = Server::start(if arguments.measures() { MINING } else { TEST_MINING });
    let blocks = check(&server);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("bridge::loopback");
    group.throughput(Throughput::Elements(blocks as u64));
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
    let mut measured = Vec::new();
    for &client in Client::ALL {
        group.bench_function(BenchmarkId::from_parameter(client.name()), |bencher| {
            if !measured.contains(&client) {
                measured.push(client);
            }
            bencher.iter_custom(|count| (0..count).map(|_| catch_up(client, &server).0.wall).sum());
        });
    }
    group.finish();
    criterion.final_summary();
    if arguments.measures() {
        compare(&measured, &server, blocks);
    }
}

/// All clients find the same blocks, those that the node has; how many. Nothing that a node encodes once is encoded later.
fn check(server: &Server) -> usize {
    let mut found = Client::ALL.iter().map(|&client| catch_up(client, server).1);
    let ours = found.next().expect("there is at least one client");
    assert_eq!(ours.last().map(|block| block.hash), Some(server.sink));
    for theirs in found {
        assert!(theirs == ours, "the clients found other blocks");
    }
    let transactions: usize = ours.iter().map(|block| block.accepted.len()).sum();
    let payloads: usize = ours.iter().flat_map(|block| &block.accepted).map(|(_, payload)| payload.len()).sum();
    eprintln!(
        "bridge::loopback: {} chain blocks, {transactions} transactions with {payloads} bytes of payload",
        ours.len()
    );
    ours.len()
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn catch_up(client: Client, server: &Server) -> (Cost, Vec<Block>) {
    let runtime = runtime();
    let (start, cpu_before) = (Instant::now(), thread_cpu_time());
    let blocks = runtime.block_on(client.catch_up(server.address));
    let (wall, cpu) = (start.elapsed(), thread_cpu_time() - cpu_before);
    // With it every task of the client, and with that the connection.
    drop(runtime);
    (Cost { wall, cpu, served: server.session() }, blocks)
}

/// All on this thread, so that its CPU time is the client's.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("the system has threads and sockets")
}

/// By turns, so that all meet the same machine. What is slower met something else that runs on it.
fn compare(clients: &[Client], server: &Server, blocks: usize) {
    let rounds: Vec<Vec<Cost>> =
        (0..ROUNDS).map(|_| clients.iter().map(|&client| catch_up(client, server).0).collect()).collect();
    eprintln!("bridge::loopback: {blocks} chain blocks, fastest of {ROUNDS} by turns");
    eprintln!("{:<42} {:>9} {:>9} {:>9} {:>7} {:>7}", "", "wall ms", "client ms", "node ms", "kB", "replies");
    let mut client_ms = Vec::new();
    for (number, client) in clients.iter().enumerate() {
        let costs = || rounds.iter().filter_map(|round| round.get(number));
        let least_ms =
            |part: fn(&Cost) -> Duration| costs().map(part).min().unwrap_or_default().as_secs_f64() * 1_000.0;
        let Some(Cost { served, .. }) = costs().next() else { continue };
        let [wall, cpu, node] =
            [least_ms(|cost| cost.wall), least_ms(|cost| cost.cpu), least_ms(|cost| cost.served.cpu)];
        let Served { bytes, replies, .. } = served;
        eprintln!("{:<42} {wall:>9.1} {cpu:>9.1} {node:>9.1} {:>7} {replies:>7}", client.name(), bytes / 1_000);
        client_ms.push((client, wall, cpu));
    }
    if let Some(((Client::Bridge, wall, cpu), others)) = client_ms.split_first() {
        for (client, their_wall, their_cpu) in others {
            let (wall_ratio, cpu_ratio) = (their_wall / wall, their_cpu / cpu);
            eprintln!(
                "{}: {wall_ratio:.1} times as long as the bridge, {cpu_ratio:.1} times its CPU time",
                client.name()
            );
        }
    }
}
