//! The reference's GHOSTDAG beside ours, on the same DAGs in the same process.
//!
//! The reference is `kaspa_consensus::processes::ghostdag::protocol::GhostdagManager` with the services that a node gives
//! it, over the reference's own stores in memory: caches that never miss. Only its `ghostdag()` is timed: not the
//! reachability tree, nor any insertion, which ours does too in the time that is compared. Each result of the reference must
//! be that of the file.

use std::{sync::Arc, time::Duration};

use dagstorm_benches::clock::{fastest, thread_cpu_time};
use kaspa_consensus::model::{
    services::{reachability::MTReachabilityService, relations::MTRelationsService},
    stores::{
        ghostdag::{GhostdagData, GhostdagStore, MemoryGhostdagStore},
        headers::{CompactHeaderData, HeaderStoreReader, HeaderWithBlockLevel},
        reachability::MemoryReachabilityStore,
        relations::MemoryRelationsStore,
    },
};
use kaspa_consensus::processes::{
    ghostdag::{ordering::SortableBlock, protocol::GhostdagManager},
    reachability::inquirer,
    relations::{self, RelationsStoreExtensions},
};
use kaspa_consensus_core::{
    BlockHashMap,
    blockhash::{BlockHashes, ORIGIN},
    header::Header as KaspaHeader,
};
use kaspa_database::prelude::StoreResult;
use kaspa_hashes::Hash;
use parking_lot::RwLock;
use serde::Deserialize;

use super::{Header, Meta, build};

/// How many times as fast as the reference's GHOSTDAG ours must be.
pub const REQUIRED_RATIO: f64 = 5.0;

/// Rounds of which the fastest counts.
const ROUNDS: usize = 15;

/// The results in a file; blocks are numbers, genesis is 0.
#[derive(Deserialize)]
struct Results {
    blocks: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    blue_score: u64,
    blue_work: String,
    selected_parent: usize,
    mergeset_blues: Vec<usize>,
    mergeset_reds: Vec<usize>,
}

/// Times both, prints the ratio and returns it.
pub fn compare(name: &str, bytes: &[u8], meta: &Meta, headers: &[Header]) -> f64 {
    let results: Results = serde_json::from_slice(bytes).expect("reference files are well-formed");
    assert_eq!(results.blocks.len(), headers.len(), "{name}: each block has a result");
    let hashes: Vec<Hash> =
        std::iter::once(meta.genesis.hash).chain(headers.iter().map(|header| header.hash)).collect();
    let parents: Vec<Vec<Hash>> =
        headers.iter().map(|header| header.parents.iter().map(|parent| hashes[parent.index()]).collect()).collect();
    let mut reference = Reference::new(meta);
    let mut while_growing = Duration::ZERO;
    for ((header, parents), expected) in headers.iter().zip(&parents).zip(&results.blocks) {
        let start = thread_cpu_time();
        let data = reference.manager.ghostdag(parents);
        while_growing += thread_cpu_time() - start;
        check(name, header.hash, &data, expected, &hashes);
        reference.insert(header, parents, data);
    }
    // Once more over the finished DAG, without the clock between blocks.
    let all = || parents.iter().map(|parents| reference.manager.ghostdag(parents).blue_score).max();
    let theirs = fastest(ROUNDS, all).min(while_growing);
    let ours = fastest(ROUNDS, || build(meta, headers));
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    let microseconds = |time: Duration| time.as_secs_f64() * 1e6 / headers.len() as f64;
    println!(
        "{name}: insertion {:.2} us a block, ghostdag() of the reference alone {:.2} us ({:.2} us while the DAG grows): \
         {ratio:.1} times as fast",
        microseconds(ours),
        microseconds(theirs),
        microseconds(while_growing),
    );
    ratio
}

/// The manager and the stores that it reads.
struct Reference {
    manager: GhostdagManager<
        MemoryGhostdagStore,
        MTRelationsService<MemoryRelationsStore>,
        MTReachabilityService<MemoryReachabilityStore>,
        Bits,
    >,
    ghostdag: Arc<MemoryGhostdagStore>,
    bits: Arc<Bits>,
    relations: Arc<RwLock<MemoryRelationsStore>>,
    reachability: Arc<RwLock<MemoryReachabilityStore>>,
    header_tip: SortableBlock,
}

impl Reference {
    /// Genesis and what stands below it. Source: `kaspa_consensus::pipeline::header_processor` (`init`, `process_genesis`).
    #[expect(clippy::arc_with_non_send_sync, reason = "the manager takes its store in an `Arc`; there is one thread")]
    fn new(meta: &Meta) -> Self {
        let ghostdag = Arc::new(MemoryGhostdagStore::new());
        let bits = Arc::new(Bits::default());
        let relations = Arc::new(RwLock::new(MemoryRelationsStore::new()));
        let reachability = Arc::new(RwLock::new(MemoryReachabilityStore::new()));
        let manager = GhostdagManager::new(
            meta.genesis.hash,
            meta.k,
            ghostdag.clone(),
            MTRelationsService::new(relations.clone()),
            bits.clone(),
            MTReachabilityService::new(reachability.clone()),
        );
        relations::init(&mut *relations.write());
        inquirer::init(&mut *reachability.write()).expect("the store is empty");
        ghostdag.insert(ORIGIN, manager.origin_ghostdag_data()).expect("the store is empty");
        let genesis = Header { hash: meta.genesis.hash, parents: Vec::new(), bits: meta.genesis.bits };
        let data = manager.genesis_ghostdag_data();
        let header_tip = SortableBlock::new(ORIGIN, 0.into());
        let mut reference = Self { manager, ghostdag, bits, relations, reachability, header_tip };
        reference.insert(&genesis, &[ORIGIN], data);
        reference
    }

    /// What the node's header processor keeps of a header, as far as GHOSTDAG reads it.
    fn insert(&mut self, header: &Header, parents: &[Hash], data: GhostdagData) {
        let mut reachability = self.reachability.write();
        let mut mergeset = data.unordered_mergeset_without_selected_parent();
        inquirer::add_block(&mut *reachability, header.hash, data.selected_parent, &mut mergeset)
            .expect("the block is new and all it merges is known");
        drop(mergeset);
        let tip = SortableBlock::new(header.hash, data.blue_work);
        if tip > self.header_tip {
            inquirer::hint_virtual_selected_parent(&mut *reachability, header.hash).expect("the block was just added");
            self.header_tip = tip;
        }
        self.bits.0.write().insert(header.hash, header.bits);
        self.relations.write().insert(header.hash, BlockHashes::new(parents.to_vec())).expect("the block is new");
        self.ghostdag.insert(header.hash, Arc::new(data)).expect("the block is new");
    }
}

/// All of a header that GHOSTDAG reads.
#[derive(Default)]
struct Bits(RwLock<BlockHashMap<u32>>);

impl Bits {
    fn unread() -> ! {
        panic!("GHOSTDAG reads nothing of a header but its bits")
    }
}

impl HeaderStoreReader for Bits {
    fn get_bits(&self, hash: Hash) -> StoreResult<u32> {
        Ok(self.0.read().get(&hash).copied().expect("GHOSTDAG asks for blocks of its DAG"))
    }

    fn get_daa_score(&self, _: Hash) -> StoreResult<u64> {
        Self::unread()
    }

    fn get_blue_score(&self, _: Hash) -> StoreResult<u64> {
        Self::unread()
    }

    fn get_timestamp(&self, _: Hash) -> StoreResult<u64> {
        Self::unread()
    }

    fn get_header(&self, _: Hash) -> StoreResult<Arc<KaspaHeader>> {
        Self::unread()
    }

    fn get_header_with_block_level(&self, _: Hash) -> StoreResult<HeaderWithBlockLevel> {
        Self::unread()
    }

    fn get_compact_header_data(&self, _: Hash) -> StoreResult<CompactHeaderData> {
        Self::unread()
    }
}

fn check(name: &str, hash: Hash, data: &GhostdagData, expected: &Expected, hashes: &[Hash]) {
    let named = |numbers: &[usize]| -> Vec<Hash> { numbers.iter().map(|&number| hashes[number]).collect() };
    assert_eq!(data.blue_score, expected.blue_score, "{name}: blue score of {hash}");
    assert_eq!(format!("{:x}", data.blue_work), expected.blue_work, "{name}: blue work of {hash}");
    assert_eq!(data.selected_parent, hashes[expected.selected_parent], "{name}: selected parent of {hash}");
    assert_eq!(*data.mergeset_blues, named(&expected.mergeset_blues), "{name}: blues of {hash}");
    assert_eq!(*data.mergeset_reds, named(&expected.mergeset_reds), "{name}: reds of {hash}");
}
