//! Insertion into `sim::dag` on the reference DAGs, headers given: blocks per second for each file.
//!
//! One iteration inserts a whole file into an empty DAG, growth of all tables and the hash map included. The time is CPU
//! time.
//!
//! With the feature `reference` each file is also given to rusty-kaspa's GHOSTDAG, and the process fails where ours is not
//! the required times as fast. That builds RocksDB from source and needs a C++ compiler and libclang (Debian: `clang` and
//! `libclang-dev`).

#[cfg(feature = "reference")]
#[path = "ghostdag/reference.rs"]
mod reference;

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dagstorm_benches::{arguments::Arguments, clock::timed};
use kaspa_hashes::Hash;
use serde::Deserialize;
use sim::dag::{BlockId, Dag, GhostdagParams, Limits};

const FILES: [(&str, &[u8]); 5] = [
    ("k18-plain", include_bytes!("../tests/vectors/ghostdag/k18-plain.json")),
    ("k3-wide", include_bytes!("../tests/vectors/ghostdag/k3-wide.json")),
    ("k18-partition", include_bytes!("../tests/vectors/ghostdag/k18-partition.json")),
    ("k18-withhold", include_bytes!("../tests/vectors/ghostdag/k18-withhold.json")),
    ("k124-wide", include_bytes!("../tests/vectors/ghostdag/k124-wide.json")),
];

#[derive(Deserialize)]
struct File {
    meta: Meta,
    blocks: Vec<Block>,
}

#[derive(Deserialize)]
struct Meta {
    k: u16,
    mergeset_size_limit: usize,
    max_block_parents: usize,
    genesis: Genesis,
}

#[derive(Deserialize)]
struct Genesis {
    hash: Hash,
    bits: u32,
}

#[derive(Deserialize)]
struct Block {
    hash: Hash,
    parents: Vec<u32>,
    bits: u32,
}

struct Header {
    hash: Hash,
    parents: Vec<BlockId>,
    bits: u32,
}

fn insert(criterion: &mut Criterion) {
    let arguments = Arguments::read();
    let mut group = criterion.benchmark_group("sim::dag::insert");
    group.sample_size(30).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    for (name, bytes) in FILES {
        let file: File = serde_json::from_slice(bytes).expect("reference files are well-formed");
        let headers: Vec<Header> = file.blocks.iter().map(header).collect();
        let dag = build(&file.meta, &headers);
        println!(
            "{name}: {} blocks, {} lanes, {} bytes of memory a block",
            dag.len(),
            dag.lane_count(),
            dag.heap_bytes() / dag.len()
        );
        group.throughput(Throughput::Elements(headers.len() as u64));
        let mut is_measured = false;
        group.bench_function(BenchmarkId::from_parameter(format_args!("file={name}")), |bencher| {
            is_measured = true;
            bencher.iter_custom(|count| {
                let build = || drop(black_box(build(black_box(&file.meta), black_box(&headers))));
                timed(|| (0..count).for_each(|_| build())).0
            });
        });
        if is_measured && arguments.measures() {
            compare(name, bytes, &file.meta, &headers);
        }
    }
    group.finish();
}

#[cfg(feature = "reference")]
fn compare(name: &str, bytes: &[u8], meta: &Meta, headers: &[Header]) {
    let ratio = reference::compare(name, bytes, meta, headers);
    let required = reference::REQUIRED_RATIO;
    assert!(ratio >= required, "insertion must be {required} times as fast as the reference's GHOSTDAG alone");
}

#[cfg(not(feature = "reference"))]
fn compare(_: &str, _: &[u8], _: &Meta, _: &[Header]) {}

fn header(block: &Block) -> Header {
    let parents = block.parents.iter().copied().map(BlockId).collect();
    Header { hash: block.hash, parents, bits: block.bits }
}

fn build(meta: &Meta, headers: &[Header]) -> Dag {
    let limits = Limits {
        max_block_parents: meta.max_block_parents,
        mergeset_size_limit: meta.mergeset_size_limit,
        ..Limits::NONE
    };
    let params = GhostdagParams { k: meta.k, difficulty_window_size: u64::MAX, genesis_daa_score: 0, limits };
    let mut dag = Dag::new(params, meta.genesis.hash, meta.genesis.bits).expect("the genesis target is valid");
    for header in headers {
        dag.insert(header.hash, &header.parents, header.bits).expect("reference blocks are valid");
    }
    dag
}

criterion_group!(benches, insert);
criterion_main!(benches);
