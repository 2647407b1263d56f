//! What following costs: catch-up from bytes to events, the steady state per chain block, and memory per chain block.
//!
//! | id | one iteration |
//! |---|---|
//! | `bridge::catch_up/reader=follower` | a longest page (2,480 merged blocks of 10 transactions) from its bytes to owned events |
//! | `bridge::catch_up/reader=kaspa-rpc-core` | the same bytes to `kaspa-rpc-core`'s response, without any check |
//! | `bridge::catch_up/chain_blocks=100000` | no iteration: from nothing to so many chain blocks through longest pages, run once |
//! | `bridge::follow/transactions=N` | one chain block: its notification, the reply with N transactions, the acknowledgement |
//! | `bridge::follow/reorg=N` | N chain blocks of 10 transactions taken back for N + 1: notification, reply, acknowledgement |
//!
//! The ratio of the two readers, what the long catch-up cost, and the bytes per chain block of a chain as long as mainnet's
//! finality go to standard error. CPU time, but for the two readers' own ids.

#[path = "bridge/long.rs"]
mod long;
#[path = "bridge/pages.rs"]
mod pages;
#[path = "bridge/scene.rs"]
mod scene;
#[path = "bridge/steady.rs"]
mod steady;

use std::{hint::black_box, time::Duration};

use bridge::L1Event;
use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use dagstorm_benches::{allocator::Counting, arguments::Arguments, clock::timed};
use kaspa_consensus_core::header::Header;
use kaspa_rpc_core::GetVirtualChainFromBlockV2Response;
use workflow_serializer::serializer::Serializable;

use self::{pages::Chain, scene::Scene, steady::SteadyState};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How much faster than `kaspa-rpc-core` the follower must be.
const REQUIRED_RATIO: f64 = 3.0;

/// Rounds of the comparison.
const ROUNDS: usize = 11;

/// Bytes before the response in a reply: id, kind, operation and result.
const REPLY_HEADER: usize = 13;

/// Transactions in each merged block of the page.
const TRANSACTIONS: u64 = 10;

/// Length of the long catch-up, and one that is enough to see that the bench works.
const CHAIN_BLOCKS: u64 = 100_000;
const TEST_CHAIN_BLOCKS: u64 = 2_000;

/// A longest page as the answer to the first request for one.
struct LongestPage {
    anchor: Header,
    sink: Header,
    frame: Bytes,
    chain_blocks: usize,
}

impl LongestPage {
    fn new() -> Self {
        let mut chain = Chain::new();
        let anchor = chain.tip().clone();
        let blocks = chain.longest_page(TRANSACTIONS);
        let sink = chain.tip().clone();
        let id = Scene::new(&anchor, &sink).asked.expect("a page was asked for");
        Self { frame: pages::frame(id, &blocks).into(), chain_blocks: blocks.len(), anchor, sink }
    }

    fn follower(&self) -> Scene {
        Scene::new(&self.anchor, &self.sink)
    }

    fn follow(&self, mut scene: Scene) -> (Scene, Vec<L1Event>) {
        let mut events = Vec::new();
        scene.frame(self.frame.clone(), &mut events);
        (scene, events)
    }

    fn decode(&self) -> GetVirtualChainFromBlockV2Response {
        let body = self.frame.get(REPLY_HEADER..).expect("a reply has a header");
        let response: Serializable<GetVirtualChainFromBlockV2Response> =
            borsh::from_slice(body).expect("the page was written by the same crate");
        response.0
    }

    /// Both readers find the same transactions.
    fn check(&self) {
        let (scene, events) = self.follow(self.follower());
        assert_eq!(scene.tip(), Some(self.sink.hash));
        let ours = events.iter().flat_map(|event| match event {
            L1Event::BlockAdded(added) => added.accepted.as_slice(),
            _ => &[],
        });
        let response = self.decode();
        let theirs = response.chain_block_accepted_transactions.iter().flat_map(|block| &block.accepted_transactions);
        let ids: Vec<_> = theirs.map(|transaction| transaction.verbose_data.as_ref()?.transaction_id).collect();
        assert!(ours.map(|transaction| Some(transaction.id)).eq(ids.iter().copied()));
        eprintln!("page: {} bytes, {} chain blocks, {} transactions", self.frame.len(), self.chain_blocks, ids.len());
    }
}

fn catch_up(criterion: &mut Criterion) {
    let page = LongestPage::new();
    page.check();
    let mut group = criterion.benchmark_group("bridge::catch_up");
    group.throughput(Throughput::Bytes(page.frame.len() as u64));
    group.sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    // Which ones the command line asks for.
    let mut measured = [false; 2];
    group.bench_function(BenchmarkId::from_parameter("reader=follower"), |bencher| {
        measured[0] = true;
        bencher.iter_batched(|| page.follower(), |scene| page.follow(black_box(scene)), BatchSize::PerIteration);
    });
    group.sample_size(10).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(3));
    group.bench_function(BenchmarkId::from_parameter("reader=kaspa-rpc-core"), |bencher| {
        measured[1] = true;
        bencher.iter_with_large_drop(|| black_box(&page).decode());
    });
    group.finish();
    if measured == [true; 2] && Arguments::read().measures() {
        compare(&page);
    }
}

/// Times both readers by turns, so that both meet the same machine; the fastest of each counts.
fn compare(page: &LongestPage) {
    let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let scene = page.follower();
        ours = ours.min(timed(|| page.follow(scene)).0);
        theirs = theirs.min(timed(|| page.decode()).0);
    }
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    eprintln!("bridge::catch_up: follower {ours:.2?}, kaspa-rpc-core {theirs:.2?} a page: {ratio:.1} times as fast");
    assert!(ratio >= REQUIRED_RATIO, "the follower must be {REQUIRED_RATIO} times as fast as kaspa-rpc-core");
}

fn long_catch_up(_: &mut Criterion) {
    let id = format!("bridge::catch_up/chain_blocks={CHAIN_BLOCKS}");
    let arguments = Arguments::read();
    if arguments.runs(&id) {
        long::run(&id, if arguments.measures() { CHAIN_BLOCKS } else { TEST_CHAIN_BLOCKS });
    }
}

fn follow(criterion: &mut Criterion) {
    let mut steady = None;
    let mut group = criterion.benchmark_group("bridge::follow");
    group.throughput(Throughput::Elements(1));
    group.sample_size(50).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    for transactions in [0, 10] {
        let id = BenchmarkId::from_parameter(format_args!("transactions={transactions}"));
        group.bench_function(id, |bencher| {
            let steady = steady.get_or_insert_with(SteadyState::measured);
            bencher.iter_custom(|count| steady.time_blocks(count, transactions));
        });
    }
    // Criterion plans by the time on the wall of its warm-up, which contains making reorgs ready: so do these times, whereas what
    // is measured does not.
    group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(100));
    for (depth, seconds) in [(10, 1), (100, 1), (1_000, 4)] {
        group.throughput(Throughput::Elements(depth)).measurement_time(Duration::from_secs(seconds));
        group.bench_function(BenchmarkId::from_parameter(format_args!("reorg={depth}")), |bencher| {
            let steady = steady.get_or_insert_with(SteadyState::measured);
            bencher.iter_custom(|count| steady.time_reorgs(count, depth));
        });
    }
    group.finish();
}

criterion_group!(benches, catch_up, long_catch_up, follow);
criterion_main!(benches);
