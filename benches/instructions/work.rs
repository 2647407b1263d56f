//! The hot paths, each with what it needs made ready, so that only the path itself is counted.
//!
//! Invariants: every input is a function of this source alone. Every path runs where hash maps of the standard library
//! have seeded keys. None reads a clock through the kernel's page of time, which valgrind does not map.

use std::{hint::black_box, time::Duration};

use bridge::{
    L1Event, PUBLIC_NETWORK_FINALITY_DEPTH,
    wire::{Request, Verbosity},
};
use bytes::Bytes;
use kaspa_hashes::Hash;
use scenarios::{
    report::Verdict,
    run::{self, Untouched},
    scenario::Scenario,
};
use serde::Deserialize;
use sim::{
    dag::{BlockId, Dag, GhostdagParams, Limits},
    disk::Disk,
    node::Answer,
    random::Streams,
    world::executor,
};
use state::Machine;

use super::{
    l1_shape,
    pages::{self, Chain, Shape},
    scene::Scene,
    state_scene,
};

/// Chain blocks of a catch-up page, those that follow one by one, and those that the state machine applies.
const PAGE_CHAIN_BLOCKS: u64 = 100;
const FOLLOWED_CHAIN_BLOCKS: u64 = 100;
const APPLIED_CHAIN_BLOCKS: u64 = 50;

/// Transactions in each of them: of a merged block, where there are those.
const TRANSACTIONS: u64 = 10;

/// Blocks mined before the node answers.
const MINED_BLOCKS: usize = 300;

/// Accounts with money in the state machine.
const HOLDERS: u64 = 1_000;

/// What happens between two chain blocks; it only must be shorter than the poll interval.
const BLOCK_INTERVAL: Duration = Duration::from_millis(300);

const STORM_SECONDS: u64 = 60;

/// A path whose instructions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HotPath {
    CatchUp,
    Follow,
    Insert,
    Answer,
    Apply,
    Storm,
}

/// What is counted; returns what then must hold.
pub type Work = Box<dyn FnOnce() -> Check>;

/// What must hold after the work.
pub type Check = Box<dyn FnOnce()>;

impl HotPath {
    /// All, in the order of the way from the network to the state.
    pub const ALL: [Self; 6] = [Self::Insert, Self::Answer, Self::CatchUp, Self::Follow, Self::Apply, Self::Storm];

    /// Its name on the command line and in the baseline.
    pub fn name(self) -> &'static str {
        match self {
            Self::CatchUp => "bridge::catch_up",
            Self::Follow => "bridge::follow",
            Self::Insert => "sim::dag::insert",
            Self::Answer => "sim::node::answer",
            Self::Apply => "state::apply",
            Self::Storm => "scenarios::run",
        }
    }

    /// The path of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|path| path.name() == name)
    }

    /// Makes the path ready and gives its work to `count`. Must be called once, on the process's first thread, which then
    /// has drawn no keys yet.
    pub fn run(self, count: impl FnOnce(Work) -> Check) {
        // The storm brings a simulation of its own.
        if self == Self::Storm {
            count(storm())();
            return;
        }
        let ran = executor::run(&Streams::new(1), |_| async { count(self.ready())() });
        ran.expect("the work waits for nothing");
    }

    fn ready(self) -> Work {
        match self {
            Self::CatchUp => catch_up(),
            Self::Follow => follow(),
            Self::Insert => insert(),
            Self::Answer => answer(),
            Self::Apply => apply(),
            Self::Storm => storm(),
        }
    }
}

/// A page as the answer to the first request for one, from bytes to events.
fn catch_up() -> Work {
    let mut chain = Chain::new();
    let anchor = chain.tip().clone();
    let turns = (0..PAGE_CHAIN_BLOCKS).map(|number| 2 + number % 2);
    let blocks: Vec<_> = turns.map(|merged| chain.extend(Shape::Mainnet, merged, merged * TRANSACTIONS)).collect();
    let sink = chain.tip().hash;
    let mut scene = Scene::new(&anchor, chain.tip());
    let frame: Bytes = pages::frame(asked(&mut scene), &blocks).into();
    Box::new(move || {
        let mut events = Vec::new();
        scene.frame(black_box(frame), &mut events);
        Box::new(move || assert_eq!((scene.tip(), added(&events)), (Some(sink), PAGE_CHAIN_BLOCKS)))
    })
}

/// One chain block after another: notification, reply, acknowledgement. The chain is as long as finality allows.
fn follow() -> Work {
    let mut chain = Chain::new();
    let mut scene = Scene::new(chain.tip(), chain.tip());
    let mut events = Vec::new();
    // Blocks that merge many, or this would take longer than all else.
    while chain.tip().blue_score < PUBLIC_NETWORK_FINALITY_DEPTH {
        let blocks: Vec<_> = (0..100).map(|_| chain.extend(Shape::Slim, 100, 0)).collect();
        let page = pages::frame(asked(&mut scene), &blocks);
        scene.frame(page.into(), &mut events);
        scene.acknowledge(&mut events);
    }
    // Nothing was announced, so only an empty page is the end.
    let last = asked(&mut scene);
    scene.frame(pages::frame(last, &[]).into(), &mut events);
    let arrivals: Vec<(Bytes, Bytes)> = (1..=FOLLOWED_CHAIN_BLOCKS)
        .map(|number| {
            let blocks = [chain.extend(Shape::Mainnet, 3, TRANSACTIONS)];
            (pages::notification(Vec::new(), &blocks).into(), pages::frame(last + number, &blocks).into())
        })
        .collect();
    let sink = chain.tip().hash;
    events.clear();
    Box::new(move || {
        for (notification, reply) in black_box(arrivals) {
            scene.now += BLOCK_INTERVAL;
            scene.frame(notification, &mut events);
            scene.frame(reply, &mut events);
            scene.acknowledge(&mut events);
        }
        Box::new(move || assert_eq!((scene.tip(), added(&events)), (Some(sink), FOLLOWED_CHAIN_BLOCKS)))
    })
}

fn asked(scene: &mut Scene) -> u64 {
    scene.asked.take().expect("after a page that moved the chain the next is asked for")
}

fn added(events: &[L1Event]) -> u64 {
    events.iter().filter(|event| matches!(event, L1Event::BlockAdded(_))).count() as u64
}

/// A reference DAG into an empty one.
fn insert() -> Work {
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
    let bytes = include_bytes!("../../tests/vectors/ghostdag/k18-plain.json");
    let File { meta, blocks } = serde_json::from_slice(bytes).expect("reference files are well-formed");
    let limits = Limits {
        max_block_parents: meta.max_block_parents,
        mergeset_size_limit: meta.mergeset_size_limit,
        ..Limits::NONE
    };
    let params = GhostdagParams { k: meta.k, difficulty_window_size: u64::MAX, genesis_daa_score: 0, limits };
    let headers: Vec<(Hash, Vec<BlockId>, u32)> = blocks
        .into_iter()
        .map(|block| (block.hash, block.parents.into_iter().map(BlockId).collect(), block.bits))
        .collect();
    Box::new(move || {
        let mut dag = Dag::new(params, meta.genesis.hash, meta.genesis.bits).expect("the genesis target is valid");
        for (hash, parents, bits) in black_box(&headers) {
            dag.insert(*hash, parents, *bits).expect("reference blocks are valid");
        }
        Box::new(move || assert_eq!(dag.len(), headers.len() + 1))
    })
}

/// A page of the whole chain at Full verbosity, none of whose entries was ever written.
fn answer() -> Work {
    let mut network = l1_shape::network(&l1_shape::Shape::simpa(Duration::from_secs(3_600)));
    assert_eq!(l1_shape::mine(&mut network, MINED_BLOCKS), MINED_BLOCKS);
    let start_hash = network.store().dag().hash(BlockId::GENESIS);
    let request =
        Request::GetVirtualChainFromBlockV2 { start_hash, verbosity: Verbosity::Full, min_confirmation_count: None };
    let transactions = network.store().transaction_count();
    Box::new(move || {
        let answer = network.answer(0, 1, black_box(&request));
        Box::new(move || match answer {
            // An accepted transaction takes about 600 bytes; few are not accepted yet.
            Answer::Reply(frame) => assert!(frame.len() > 300 * transactions, "{} bytes", frame.len()),
            Answer::DropConnection => panic!("the node must answer"),
        })
    })
}

/// Chain blocks of transfers one by one: execution, root, commit to a disk in memory, and the move of the root.
fn apply() -> Work {
    let disk = Disk::new(Streams::new(1).stream("disk", 0));
    let mut machine = Machine::open_on(disk.open(), state_scene::config(HOLDERS)).expect("the disk has no faults");
    let mut chain = state_scene::Chain::new(HOLDERS);
    // Until blocks become final.
    for _ in 0..11 {
        let events = chain.batch(state_scene::FINALITY_BLOCKS / 10, 1);
        machine.apply(Some(chain.anchor()), &events).expect("the disk has no faults");
    }
    let batches: Vec<_> = (0..APPLIED_CHAIN_BLOCKS).map(|_| chain.batch(1, TRANSACTIONS)).collect();
    let anchor = chain.anchor();
    Box::new(move || {
        let mut receipts = Vec::new();
        for events in black_box(&batches) {
            receipts.push(machine.apply(Some(anchor), events).expect("the disk has no faults").receipts);
        }
        Box::new(move || {
            let mut receipts = receipts.into_iter().flatten();
            assert!(receipts.all(|receipt| receipt.outcome == state::receipt::Outcome::Applied));
            assert_eq!(machine.window().map(|window| window.tip().index), Some(chain.tip_index()));
        })
    })
}

/// Scenario `steady`, from its plan to its verdict.
fn storm() -> Work {
    let plan = Scenario::Steady.plan(7, STORM_SECONDS);
    Box::new(move || {
        let outcome = run::run(black_box(plan), None, Box::new(Untouched));
        Box::new(move || assert!(matches!(outcome.verdict, Verdict::Pass), "{:?}", outcome.verdict))
    })
}
