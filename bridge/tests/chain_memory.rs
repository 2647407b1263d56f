//! What a follower keeps in memory: at most 128 bytes for a chain block, however it came to hold so many.

// A global allocator cannot be written without unsafe code; this one only counts and passes on to the system's.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::Duration,
};

use bridge::{
    Config, PUBLIC_NETWORK_FINALITY_DEPTH, StartAt,
    follower::{Follower, Input, Output},
    wire::{Network, Operation, Request, encode},
};
use kaspa_consensus_core::header::{CompressedParents, Header};
use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use kaspa_rpc_core::{
    GetBlockDagInfoResponse, GetBlockResponse, GetServerInfoResponse, RpcBlock, RpcChainBlockAcceptedTransactions,
    SubscribeResponse,
};

/// The promise.
const BYTES_PER_BLOCK: i64 = 128;

/// What does not depend on the number of blocks: session, queue of outputs, chunks at both ends of the chain.
const CONSTANT_BYTES: i64 = 64 << 10;

/// Besides, while a page of one block is read: its frame and what is made of it.
const PAGE_BYTES: i64 = 16 << 10;

/// One chunk of records more or less, as the ends of the window move, and what one page leaves in the session.
const CHUNK_BYTES: i64 = 20 << 10;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

fn grown(bytes: usize) {
    let live = LIVE.get() + bytes as i64;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

fn shrunk(bytes: usize) {
    LIVE.set(LIVE.get() - bytes as i64);
}

// SAFETY: every call goes unchanged to the system's allocator; counting touches constant-initialised cells.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrunk(layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    // Old and new may both be there while the one is copied into the other.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        grown(new_size);
        shrunk(layout.size());
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A follower in front of a node that makes up its chain block by block and remembers nothing but hashes.
struct Scene {
    follower: Follower,
    now: Duration,
    tip: Header,
    /// Blue work of the next block, never used twice.
    next_work: u64,
    /// Hashes from the anchor to the tip.
    chain: Vec<Hash>,
    /// Session, request and the question that the follower waits for.
    asked: Option<(u64, u64, Request)>,
    /// Live bytes of the thread without the follower.
    without_follower: i64,
}

impl Scene {
    /// A follower that has its anchor and asks for the first page.
    fn new(most_blocks: usize) -> Self {
        let mut config = Config::new(Network::SIMNET, ["ws://127.0.0.1:17510"]).expect("the address is well formed");
        config.start = StartAt::PruningPoint;
        config.finality_depth = Some(PUBLIC_NETWORK_FINALITY_DEPTH);
        config.poll_interval = Duration::from_millis(1);
        let anchor = header(None, 1, 1);
        let mut chain = Vec::with_capacity(most_blocks);
        chain.push(anchor.hash);
        let without_follower = LIVE.get();
        let follower = Follower::new(config).expect("the settings are complete");
        let mut scene =
            Self { follower, now: Duration::ZERO, tip: anchor, next_work: 2, chain, asked: None, without_follower };
        scene.input(Input::Tick);
        scene.input(Input::Connected { session: 1 });
        while scene.waits_for() != Some(Operation::GetVirtualChainFromBlockV2) {
            let (session, id, request) = scene.asked.take().expect("a question is open");
            let bytes = scene.introduction(id, &request);
            scene.input(Input::Frame { session, bytes: bytes.into() });
        }
        scene
    }

    /// The follower's next page removes `removed` blocks and adds `added` new ones.
    fn page(&mut self, removed: usize, added: usize) {
        let fork = self.chain.len() - removed;
        let score = self.tip.blue_score - removed as u64;
        let removed: Vec<Hash> = self.chain.drain(fork..).rev().collect();
        let mut blocks = Vec::with_capacity(added);
        for number in 1..=added as u64 {
            self.tip = header(self.chain.last().copied(), score + number, self.next_work);
            self.next_work += 1;
            self.chain.push(self.tip.hash);
            blocks.push(encode::chain_block(&RpcChainBlockAcceptedTransactions {
                chain_block_header: self.tip.clone().into(),
                accepted_transactions: Vec::new(),
            }));
        }
        while self.waits_for() != Some(Operation::GetVirtualChainFromBlockV2) {
            self.now += Duration::from_millis(1);
            self.input(Input::Tick);
        }
        let (session, id, _) = self.asked.take().expect("a page was asked for");
        let bytes =
            encode::chain_page(id, &removed, &self.chain[self.chain.len() - added..], blocks.iter().map(Vec::as_slice));
        drop((removed, blocks));
        self.input(Input::Frame { session, bytes: bytes.into() });
        assert_eq!(self.follower.tip().map(|tip| tip.hash), self.chain.last().copied());
    }

    /// Adds blocks in pages so short that the queue of outputs, which keeps room for the longest page, stays small.
    fn grow(&mut self, blocks: usize) {
        for _ in 0..blocks / 100 {
            self.page(0, 100);
            self.assert_within_promise();
        }
    }

    fn input(&mut self, input: Input) {
        self.follower.handle(input, self.now);
        let mut sequence = None;
        while let Some(output) = self.follower.poll_output() {
            match output {
                Output::Send { session, bytes, .. } => {
                    let (id, request) = Request::parse(&bytes).expect("the follower writes well-formed requests");
                    self.asked = Some((session, id, request));
                }
                Output::Event(event) => sequence = event.sequence().or(sequence),
                Output::Close { .. } | Output::Finished => panic!("the session ended: {output:?}"),
                Output::Connect { .. } | Output::WakeAt(_) => {}
            }
        }
        if let Some(sequence) = sequence {
            self.input(Input::Ack { sequence });
        }
    }

    fn waits_for(&self) -> Option<Operation> {
        self.asked.as_ref().map(|(_, _, request)| request.operation())
    }

    /// Answers to what is asked before the first page.
    fn introduction(&self, id: u64, request: &Request) -> Vec<u8> {
        let operation = request.operation();
        let hash = self.tip.hash;
        match request {
            Request::GetServerInfo => encode::reply(
                id,
                operation,
                &GetServerInfoResponse {
                    rpc_api_version: 1,
                    rpc_api_revision: 0,
                    server_version: "2.1.0".to_owned(),
                    network_id: Network::SIMNET.into(),
                    has_utxo_index: false,
                    is_synced: true,
                    virtual_daa_score: 1,
                },
            ),
            Request::Subscribe(_) => encode::reply(id, operation, &SubscribeResponse::new(1)),
            Request::GetBlockDagInfo => encode::reply(
                id,
                operation,
                &GetBlockDagInfoResponse {
                    network: Network::SIMNET.into(),
                    block_count: 1,
                    header_count: 1,
                    tip_hashes: vec![hash],
                    difficulty: 1.0,
                    past_median_time: 1,
                    virtual_parent_hashes: vec![hash],
                    pruning_point_hash: hash,
                    virtual_daa_score: 1,
                    sink: hash,
                },
            ),
            Request::GetBlock { .. } => {
                let block = RpcBlock { header: (&self.tip).into(), transactions: Vec::new(), verbose_data: None };
                encode::reply(id, operation, &GetBlockResponse { block })
            }
            other => panic!("{other:?} before the first page"),
        }
    }

    /// Blocks that the follower holds, root and tip included.
    fn held(&self) -> i64 {
        let (root, tip) = (self.follower.root().expect("a root"), self.follower.tip().expect("a tip"));
        i64::try_from(tip.index - root.index + 1).expect("few blocks")
    }

    fn bytes(&self) -> i64 {
        LIVE.get() - self.without_follower
    }

    fn assert_within_promise(&self) {
        let (held, bytes) = (self.held(), self.bytes());
        assert!(bytes <= BYTES_PER_BLOCK * held + CONSTANT_BYTES, "{bytes} bytes for {held} blocks");
    }

    /// Also the most that was in use at any moment since the last call.
    fn assert_peak_within_promise(&self) {
        self.assert_within_promise();
        let (held, bytes) = (self.held(), PEAK.get() - self.without_follower);
        assert!(
            bytes <= BYTES_PER_BLOCK * held + CONSTANT_BYTES + PAGE_BYTES,
            "{bytes} bytes at most for {held} blocks"
        );
        PEAK.set(LIVE.get());
    }
}

fn header(parent: Option<Hash>, score: u64, work: u64) -> Header {
    let parents: Vec<Vec<Hash>> = parent.map(|parent| vec![vec![parent]]).into_iter().flatten().collect();
    Header::new_finalized(
        1,
        CompressedParents::try_from(parents).expect("one level is few"),
        Hash::from_u64_word(1),
        Hash::from_u64_word(2),
        Hash::from_u64_word(3),
        1_700_000_000_000 + work,
        0x207f_ffff,
        work,
        score,
        Uint192::from_u64(work),
        score,
        Hash::from_u64_word(4),
    )
}

#[test]
fn given_the_counting_allocator_when_memory_comes_and_goes_then_live_and_peak_are_right() {
    let before = LIVE.get();
    let mut bytes = Vec::<u8>::with_capacity(1_000);
    PEAK.set(LIVE.get());
    bytes.reserve_exact(3_000);
    assert_eq!((LIVE.get() - before, PEAK.get() - before), (3_000, 4_000));
    drop(bytes);
    assert_eq!(LIVE.get(), before);
}

#[test]
fn given_mainnet_finality_when_a_chain_grows_block_by_block_and_moves_on_then_a_block_never_takes_more_than_128_bytes()
{
    let window = i64::try_from(PUBLIC_NETWORK_FINALITY_DEPTH).expect("12 hours of blocks");
    let mut scene = Scene::new(480_000);
    PEAK.set(LIVE.get());
    while scene.held() < window {
        scene.page(0, 1);
        scene.assert_peak_within_promise();
    }
    while scene.follower.root().is_some_and(|root| root.index < 20_000) {
        scene.page(0, 1);
        scene.assert_peak_within_promise();
        assert!(scene.held() <= window + 1);
    }
    println!("{} bytes for each of {} blocks", scene.bytes() as f64 / scene.held() as f64, scene.held());
}

#[test]
fn given_a_huge_window_when_it_is_rolled_back_then_the_memory_goes_with_the_blocks() {
    let mut scene = Scene::new(480_000);
    scene.grow(400_000);
    while scene.held() > 10 {
        let depth = usize::try_from(scene.held() * 2 / 5).expect("few blocks");
        scene.page(depth, 1);
        scene.assert_within_promise();
    }
    scene.grow(30_000);
}

#[test]
fn given_a_window_of_constant_size_when_it_moves_on_then_it_takes_no_more_memory_than_before() {
    let mut scene = Scene::new(480_000);
    scene.grow(440_000);
    assert_eq!(scene.held(), 432_001);
    scene.page(0, 1);
    let before = scene.bytes();
    (0..2_000).for_each(|_| {
        scene.page(0, 1);
        assert!((scene.bytes() - before).abs() <= CHUNK_BYTES, "{before} bytes became {}", scene.bytes());
    });
}
