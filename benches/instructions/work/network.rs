//! The simulated network: its DAG, its nodes' answers, and a whole storm.

use std::{hint::black_box, time::Duration};

use bridge::wire::{Request, Verbosity};
use kaspa_hashes::Hash;
use scenarios::{
    report::Verdict,
    run::{self, Untouched},
    scenario::Scenario,
};
use serde::Deserialize;
use sim::{
    dag::{BlockId, Dag, GhostdagParams, Limits},
    node::Answer,
};

use super::{super::l1_shape, Work};

/// Blocks mined before the node answers.
const MINED_BLOCKS: usize = 300;

const STORM_SECONDS: u64 = 60;

/// A reference DAG into an empty one.
pub fn insert() -> Work {
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
    let bytes = include_bytes!("../../../tests/vectors/ghostdag/k18-plain.json");
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
pub fn answer() -> Work {
    let mut network = l1_shape::network(&l1_shape::Shape::simpa(Duration::from_secs(3_600)));
    assert_eq!(l1_shape::mine(&mut network, MINED_BLOCKS), MINED_BLOCKS);
    let start_hash = network.store().dag().hash(BlockId::GENESIS);
    let request =
        Request::GetVirtualChainFromBlockV2 { start_hash, verbosity: Verbosity::Full, min_confirmation_count: None };
    let transactions = network.store().transaction_count();
    Box::new(move || {
        let answer = network.answer(0, 1, black_box(&request));
        Box::new(move || {
            match answer {
                // An accepted transaction takes about 600 bytes; few are not accepted yet.
                Answer::Reply(frame) => assert!(frame.len() > 300 * transactions, "{} bytes", frame.len()),
                Answer::DropConnection => panic!("the node must answer"),
            }
            drop((network, request));
        })
    })
}

/// Scenario `steady`, from its plan to its verdict.
pub fn storm() -> Work {
    let plan = Scenario::Steady.plan(7, STORM_SECONDS);
    Box::new(move || {
        let outcome = run::run(black_box(plan), None, Box::new(Untouched));
        Box::new(move || assert!(matches!(outcome.verdict, Verdict::Pass), "{:?}", outcome.verdict))
    })
}
