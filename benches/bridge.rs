//! What following costs: catch-up from bytes to events, the steady state per chain block, and memory per chain block.
//!
//! | id | one iteration |
//! |---|---|
//! | `bridge::catch_up/reader=follower` | a longest page (2,480 merged blocks of 10 transactions) from its bytes to owned events |
//! | `bridge::catch_up/reader=kaspa-rpc-core` | the same bytes to `kaspa-rpc-core`'s response, without any check |
//! | `bridge::follow/transactions=N` | one chain block: its notification, the reply with N transactions, the acknowledgement |
//!
//! The ratio of the two readers, and the bytes per chain block of a chain as long as mainnet's finality, go to standard
//! error.

#[path = "bridge/pages.rs"]
mod pages;
#[path = "bridge/scene.rs"]
mod scene;

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use bridge::{L1Event, PUBLIC_NETWORK_FINALITY_DEPTH, wire::encode};
use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dagstorm_benches::allocator::{Counting, Meter};
use kaspa_consensus_core::header::Header;
use kaspa_rpc_core::{GetVirtualChainFromBlockV2Response, Notification, VirtualChainChangedNotification};
use workflow_serializer::serializer::Serializable;

use self::{
    pages::{Chain, Shape},
    scene::Scene,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How much faster than `kaspa-rpc-core` the follower must be.
const REQUIRED_RATIO: f64 = 3.0;

/// Rounds of the comparison.
const ROUNDS: usize = 11;

/// Bytes before the response in a reply: id, kind, operation and result.
const REPLY_HEADER: usize = 13;

/// Chain blocks that are made ready at a time.
const BATCH: u64 = 256;

/// Time between two chain blocks; it only must be shorter than the poll interval.
const BLOCK_INTERVAL: Duration = Duration::from_millis(300);

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
        let blocks = chain.longest_page();
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
    group.sample_size(20).measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_secs(1));
    // Which ones the command line asks for.
    let mut measured = [false; 2];
    group.bench_function(BenchmarkId::from_parameter("reader=follower"), |bencher| {
        measured[0] = true;
        bencher.iter_batched(|| page.follower(), |scene| page.follow(black_box(scene)), BatchSize::PerIteration);
    });
    group.sample_size(10).measurement_time(Duration::from_secs(6));
    group.bench_function(BenchmarkId::from_parameter("reader=kaspa-rpc-core"), |bencher| {
        measured[1] = true;
        bencher.iter_with_large_drop(|| black_box(&page).decode());
    });
    group.finish();
    if measured == [true; 2] {
        compare(&page);
    }
}

/// Times both readers by turns, so that both meet the same machine.
fn compare(page: &LongestPage) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let scene = page.follower();
        ours.push(timed(|| page.follow(scene)));
        theirs.push(timed(|| page.decode()));
    }
    let (ours, theirs) = (fastest(&ours), fastest(&theirs));
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    eprintln!("bridge::catch_up: follower {ours:.2?}, kaspa-rpc-core {theirs:.2?} a page: {ratio:.1} times as fast");
    assert!(ratio >= REQUIRED_RATIO, "the follower must be {REQUIRED_RATIO} times as fast as kaspa-rpc-core");
}

/// The time of `work`, without that of dropping what it made.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let made = black_box(work());
    let time = start.elapsed();
    drop(made);
    time
}

/// What is slower met something else that runs on the machine.
fn fastest(times: &[Duration]) -> Duration {
    times.iter().copied().min().unwrap_or_default()
}

/// A synced follower whose chain is as long as finality lets it become, and the chain that it follows.
struct SteadyState {
    chain: Chain,
    scene: Scene,
    /// Id of the follower's next request.
    next_id: u64,
}

/// The frames of one chain block.
struct Arrival {
    notification: Bytes,
    reply: Bytes,
}

impl SteadyState {
    /// Also prints what its memory is.
    fn measured() -> Self {
        let meter = Meter::start();
        let steady = Self::new();
        let held = steady.held_blocks();
        eprintln!("bridge: {:.1} bytes for each of {held} chain blocks", meter.bytes() as f64 / held as f64);
        steady
    }

    fn new() -> Self {
        let mut chain = Chain::new();
        let mut scene = Scene::new(chain.tip(), chain.tip());
        let mut events = Vec::new();
        while chain.tip().blue_score < PUBLIC_NETWORK_FINALITY_DEPTH + 1_000 {
            let blocks: Vec<_> = (0..100).map(|_| chain.extend(Shape::Slim, 1, 0)).collect();
            let id = scene.asked.take().expect("after a page that moved the chain the next is asked for");
            scene.frame(pages::frame(id, &blocks).into(), &mut events);
            scene.acknowledge(&mut events);
            events.clear();
        }
        // Nothing was announced, so only an empty page is the end.
        let id = scene.asked.take().expect("after a page that moved the chain the next is asked for");
        scene.frame(pages::frame(id, &[]).into(), &mut events);
        assert_eq!(scene.asked, None, "the follower is synced");
        Self { chain, scene, next_id: id + 1 }
    }

    fn held_blocks(&self) -> u64 {
        let (root, tip) = (self.scene.follower.root(), self.scene.follower.tip());
        tip.zip(root).map_or(0, |(tip, root)| tip.index - root.index + 1)
    }

    fn arrivals(&mut self, count: u64, transactions: u64) -> Vec<Arrival> {
        let ids = self.next_id..self.next_id + count;
        self.next_id = ids.end;
        ids.map(|id| {
            let block = self.chain.extend(Shape::Mainnet, 3, transactions);
            let notification = Notification::VirtualChainChanged(VirtualChainChangedNotification {
                removed_chain_block_hashes: Arc::default(),
                added_chain_block_hashes: Arc::new(vec![block.hash]),
                accepted_transaction_ids: Arc::default(),
            });
            Arrival {
                notification: encode::notification(&notification).into(),
                reply: pages::frame(id, &[block]).into(),
            }
        })
        .collect()
    }

    /// One request a chain block, or the replies do not fit.
    fn follow(&mut self, arrivals: Vec<Arrival>, events: &mut Vec<L1Event>) {
        for Arrival { notification, reply } in arrivals {
            self.scene.now += BLOCK_INTERVAL;
            self.scene.frame(notification, events);
            self.scene.frame(reply, events);
            self.scene.acknowledge(events);
        }
    }

    /// The time of `count` chain blocks, without that of making them ready.
    fn time(&mut self, count: u64, transactions: u64) -> Duration {
        let (mut total, mut left) = (Duration::ZERO, count);
        while left > 0 {
            let batch = left.min(BATCH);
            let arrivals = self.arrivals(batch, transactions);
            let mut events = Vec::with_capacity(4 * BATCH as usize);
            total += timed(|| self.follow(arrivals, &mut events));
            assert_eq!(self.scene.tip(), Some(self.chain.tip().hash));
            left -= batch;
        }
        total
    }
}

fn follow(criterion: &mut Criterion) {
    let mut steady = None;
    let mut group = criterion.benchmark_group("bridge::follow");
    group.throughput(Throughput::Elements(1));
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_secs(1));
    for transactions in [0, 10] {
        let id = BenchmarkId::from_parameter(format_args!("transactions={transactions}"));
        group.bench_function(id, |bencher| {
            let steady = steady.get_or_insert_with(SteadyState::measured);
            bencher.iter_custom(|count| steady.time(count, transactions));
        });
    }
    group.finish();
}

criterion_group!(benches, catch_up, follow);
criterion_main!(benches);
