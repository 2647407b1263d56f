//! What the model node's replies cost, and what `kaspa-rpc-core` takes to write the same bytes.
//!
//! | id | one iteration |
//! |---|---|
//! | `sim::node::reply/verbosity=V,writer=sim` | a page of 100 chain blocks, each of which accepts 10 transactions on average |
//! | `sim::node::reply/verbosity=full,writer=sim-first` | the same at Full verbosity when nobody has asked for these blocks |
//! | `sim::node::reply/verbosity=V,writer=kaspa-rpc-core` | the bytes of the same page from a response that is ready |
//! | `sim::node::reply/operation=O` | a small answer |
//!
//! The model node begins at a request, walks its selected chain and its store, and writes bytes; at Full verbosity it
//! copies what it wrote for earlier replies as long as it keeps it, which here is always, at the others it writes anew.
//! `kaspa-rpc-core`'s encoder gets the whole response in memory: no DAG, no store, no look-up of spent outputs is in its
//! time. The small answers are made of `kaspa-rpc-core`'s types by its encoder and have nothing beside them.
//!
//! A table of the pages goes to standard error. Wall time, the median of the samples after the warm-up.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use bridge::wire::{Operation, Request, Verbosity, encode};
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use dagstorm_benches::{arguments::Arguments, comparison::Comparison};
use kaspa_hashes::Hash;
use kaspa_rpc_core::GetVirtualChainFromBlockV2Response;
use sim::{
    network::{Network, NetworkConfig},
    node::Answer,
    params::ParameterSet,
    workload::WorkloadConfig,
};
use workflow_serializer::serializer::Serializable;

/// Chain blocks of the page.
const CHAIN_BLOCKS: usize = 100;

/// Thousandths of a transaction that a block has on average; one miner's blocks are all chain blocks.
const TRANSACTIONS: u32 = 10_000;

/// Bytes before the response in a reply: id, kind, operation and result.
const REPLY_HEADER: usize = 13;

const REQUEST_ID: u64 = 9;

const SIM: &str = "sim";
const SIM_FIRST: &str = "sim-first";
const THEIRS: &str = "kaspa-rpc-core";

const LEVELS: [(Verbosity, &str); 4] =
    [(Verbosity::None, "none"), (Verbosity::Low, "low"), (Verbosity::High, "high"), (Verbosity::Full, "full")];

/// A node, and the block from which the page begins.
struct Scene {
    network: Network,
    start_hash: Hash,
}

impl Scene {
    fn new() -> Self {
        let config = NetworkConfig {
            workload: WorkloadConfig::mixed(TRANSACTIONS, 100),
            ..NetworkConfig::new(1, ParameterSet::storm(), vec![1])
        };
        let mut network = Network::new(config).expect("the configuration is valid");
        // Genesis, blocks before the page whose outputs are spent in it, and the page.
        while network.node(0).chain().len() <= 2 * CHAIN_BLOCKS {
            network.step().expect("the store has room for more blocks").expect("ten minutes are mined");
        }
        let chain = network.node(0).chain();
        let start_hash = network.store().dag().hash(chain[chain.len() - 1 - CHAIN_BLOCKS]);
        Self { network, start_hash }
    }

    fn page(&mut self, verbosity: Verbosity) -> Vec<u8> {
        let start_hash = self.start_hash;
        self.answer(Request::GetVirtualChainFromBlockV2 { start_hash, verbosity, min_confirmation_count: None })
    }

    fn answer(&mut self, request: Request) -> Vec<u8> {
        match self.network.answer(0, REQUEST_ID, black_box(&request)) {
            Answer::Reply(frame) => frame,
            Answer::DropConnection => panic!("the node knows the request"),
        }
    }
}

fn main() {
    let mut criterion = Criterion::default().nresamples(10_000).configure_from_args();
    let mut table = Comparison::new(["a page of 100 chain blocks", "writer"], &[SIM, THEIRS, SIM_FIRST]);
    let mut group = criterion.benchmark_group("sim::node::reply");
    group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800));
    let mut scene = Scene::new();
    for (verbosity, level) in LEVELS {
        pages(&mut group, &mut table, &mut scene, verbosity, level);
    }
    group.throughput(Throughput::Elements(1));
    for (name, request) in [
        ("GetServerInfo", Request::GetServerInfo),
        ("GetSink", Request::GetSink),
        ("GetBlockDagInfo", Request::GetBlockDagInfo),
    ] {
        group.bench_function(BenchmarkId::from_parameter(format_args!("operation={name}")), |bencher| {
            bencher.iter(|| scene.answer(request));
        });
    }
    group.finish();
    criterion.final_summary();
    if Arguments::read().measures() {
        table.print();
    }
}

/// All cells of one verbosity.
fn pages(
    group: &mut BenchmarkGroup<'_, WallTime>,
    table: &mut Comparison,
    scene: &mut Scene,
    verbosity: Verbosity,
    level: &str,
) {
    let frame = scene.page(verbosity);
    let response = decode(&frame);
    let blocks = &response.chain_block_accepted_transactions;
    assert_eq!(blocks.len(), CHAIN_BLOCKS);
    assert!(encode_theirs(&response) == frame, "both write the same bytes");
    let transactions: usize = blocks.iter().map(|block| block.accepted_transactions.len()).sum();
    let row = format!("{level}, {transactions} transactions, {} bytes", frame.len());
    group.throughput(Throughput::Bytes(frame.len() as u64));
    let mut bench = |writer: &'static str, time: &mut dyn FnMut(u64) -> Duration| {
        let id = BenchmarkId::from_parameter(format_args!("verbosity={level},writer={writer}"));
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|count| {
                let time = time(count);
                table.note(&row, writer, count, time);
                time
            });
        });
    };
    bench(SIM, &mut |count| timed(count, || scene.page(verbosity)));
    bench(THEIRS, &mut |count| timed(count, || encode_theirs(black_box(&response))));
    if verbosity == Verbosity::Full {
        bench(SIM_FIRST, &mut time_first);
    }
}

/// A node whose blocks nobody has asked for has to be made for every iteration.
fn time_first(count: u64) -> Duration {
    let first = |_| {
        let mut scene = Scene::new();
        timed(1, || scene.page(Verbosity::Full))
    };
    (0..count).map(first).sum()
}

fn decode(frame: &[u8]) -> GetVirtualChainFromBlockV2Response {
    let body = frame.get(REPLY_HEADER..).expect("a reply has a header");
    let response: Serializable<GetVirtualChainFromBlockV2Response> =
        borsh::from_slice(body).expect("the model node writes what kaspa-rpc-core reads");
    response.0
}

fn encode_theirs(response: &GetVirtualChainFromBlockV2Response) -> Vec<u8> {
    encode::reply(REQUEST_ID, Operation::GetVirtualChainFromBlockV2, response)
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
