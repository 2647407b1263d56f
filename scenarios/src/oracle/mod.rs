//! The truth about selected chains and acceptance, computed from raw blocks by code that the simulated L1 does not use.
//!
//! A checker that asked the simulator what is true would agree with every mistake of the simulator. This room takes
//! from the shared store only what stands in the blocks: parents, blue score and blue work of headers, the transactions
//! in each block, their inputs and outputs. It searches pasts instead of asking for reachability, and keeps a set of
//! unspent outputs instead of asking which block accepts a spender. Of the DAG it uses the names alone: hash to id and
//! back.
//!
//! Two things are taken on trust. Blue score and blue work are those of the headers: `dagstorm verify ghostdag`
//! compares the code that computes them with blocks of the reference. Which blocks a node knows is the node's own word.
//!
//! | item | what is true |
//! |---|---|
//! | [`Walk`] | a selected chain and what each of its blocks accepts |
//! | [`selected_parent`] | the block below, on the selected chain |
//! | [`fork`] | where two selected chains part |
//! | [`outcome`] | how a bridge must end |
//! | [`heaviest_known`] | the sink that a node should have |
//!
//! # Panics
//! Ids must come from the store that they are used with; block and node numbers from elsewhere panic.

pub mod outcome;
mod utxo;
mod walk;

use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use sim::{block_store::BlockStore, dag::BlockId, network::Network};

pub use walk::{ChainBlock, Walk};

/// The parent with the largest (blue work, hash); `None` for genesis.
///
/// Source: `kaspa-consensus`, `processes::ghostdag::protocol::GhostdagManager::find_selected_parent`.
pub fn selected_parent(store: &BlockStore, block: BlockId) -> Option<BlockId> {
    parents(store, block).max_by_key(|&parent| weight(store, parent))
}

/// The block with the largest (blue work, hash) among those that the node knows: its sink, as long as nothing else
/// (finality, pruning) forbids that block. Looks at every block of the store.
pub fn heaviest_known(network: &Network, node: usize) -> BlockId {
    let (store, view) = (network.store(), network.node(node));
    let known = all_blocks(store).filter(|&block| view.knows(block));
    known.max_by_key(|&block| weight(store, block)).unwrap_or(BlockId::GENESIS)
}

/// The highest block that is on the selected chains of both. Costs a step for each block between it and `a` or `b`.
pub fn fork(store: &BlockStore, a: BlockId, b: BlockId) -> BlockId {
    let (mut a, mut b) = (a, b);
    while a != b {
        // Blue scores rise along a selected chain: the block with the higher one is not on the chain of the other.
        // Genesis is on every chain and has the lowest: it is never stepped from.
        let higher = if blue_score(store, a) >= blue_score(store, b) { &mut a } else { &mut b };
        *higher = selected_parent(store, *higher).unwrap_or(BlockId::GENESIS);
    }
    a
}

/// What decides between two blocks: blue work first, then the hash, compared as bytes from the first.
///
/// Source: `kaspa-consensus`, `processes::ghostdag::ordering::SortableBlock`.
fn weight(store: &BlockStore, block: BlockId) -> (Uint192, Hash) {
    let header = &store.block(block).header;
    (header.blue_work, header.hash)
}

fn blue_score(store: &BlockStore, block: BlockId) -> u64 {
    store.block(block).header.blue_score
}

/// The parents of level 0, as the header names them.
fn parents(store: &BlockStore, block: BlockId) -> impl Iterator<Item = BlockId> + '_ {
    let hashes = store.block(block).header.direct_parents().iter();
    hashes.map(|hash| store.dag().id(hash).expect("the store refuses a block before its parents"))
}

fn all_blocks(store: &BlockStore) -> impl Iterator<Item = BlockId> + use<> {
    // The store gives out 32-bit ids and refuses a block when they are used up.
    (0..store.block_count() as u32).map(BlockId)
}
