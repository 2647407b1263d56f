//! The truth about selected chains and acceptance, computed from raw blocks by code that the simulated L1 does not use.
//!
//! A checker that asked the simulator what is true would agree with every mistake of the simulator. This room takes
//! from the shared store only what stands in the blocks: parents, blue score and blue work of headers, the transactions
//! in each block, their inputs and outputs. It searches pasts instead of asking for reachability, and keeps a set of
//! unspent outputs instead of asking which block accepts a spender. Of the DAG it uses the names, hash to
//! id and back, and the fields that it keeps for the headers.
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
//! | [`heaviest_known`] | the heaviest block of a node |
//! | [`economy`] | who owns what and what became of each transaction of the machine economy |
//! | [`heaviest_allowed`] | the sink that a node should have: it keeps what is final |
//!
//! # Panics
//! Ids must come from the store that they are used with; block and node numbers from elsewhere panic.

pub mod economy;
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

/// The heaviest of the blocks that the node knows and whose selected chain has the node's finality point: its sink. The
/// finality point is the highest chain block that is `finality_depth` below the sink `held`, the node's own word; what counts
/// is that nothing heavier is left aside without that reason.
///
/// Source: `kaspa-consensus`, `BlockDepthManager::calc_finality_point` and `VirtualStateProcessor::sink_search_algorithm`. There
/// the depth is counted from the virtual block, whose blue score is above the sink's by what it merges. A heavier block that
/// forks off between the points of the least and of the largest virtual is allowed or not: there the node's word counts.
pub fn heaviest_allowed(network: &Network, node: usize, held: BlockId, finality_depth: u64) -> BlockId {
    let heaviest = heaviest_known(network, node);
    if heaviest == held {
        return held;
    }
    let allowed = heaviest_above(network, node, held, finality_depth);
    let most_merged = network.store().parameters().mergeset_size_limit;
    let of_largest_virtual = finality_depth.saturating_sub(most_merged as u64 + 1);
    if allowed != held && heaviest_above(network, node, held, of_largest_virtual) == held {
        return held;
    }
    allowed
}

/// The heaviest block that the node knows above the highest block of the chain of `held` that is so deep below it.
fn heaviest_above(network: &Network, node: usize, held: BlockId, depth: u64) -> BlockId {
    let (store, view) = (network.store(), network.node(node));
    let sink_score = blue_score(store, held);
    let mut finality_point = held;
    while sink_score - blue_score(store, finality_point) < depth
        && let Some(parent) = selected_parent(store, finality_point)
    {
        finality_point = parent;
    }
    // Parents come before their children in the order of ids.
    let mut is_above = vec![false; store.block_count()];
    is_above[finality_point.index()] = true;
    for block in all_blocks(store).skip(finality_point.index() + 1) {
        is_above[block.index()] = selected_parent(store, block).is_some_and(|parent| is_above[parent.index()]);
    }
    let allowed = all_blocks(store).filter(|&block| is_above[block.index()] && view.knows(block));
    allowed.max_by_key(|&block| weight(store, block)).unwrap_or(held)
}

/// Whether `block` decides against `other`.
pub fn is_heavier(store: &BlockStore, block: BlockId, other: BlockId) -> bool {
    weight(store, block) > weight(store, other)
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
    (store.dag().blue_work(block), store.dag().hash(block))
}

fn blue_score(store: &BlockStore, block: BlockId) -> u64 {
    store.dag().blue_score(block)
}

/// The parents of level 0, as the header names them.
fn parents(store: &BlockStore, block: BlockId) -> impl Iterator<Item = BlockId> + '_ {
    store.dag().parents(block).iter().copied()
}

fn all_blocks(store: &BlockStore) -> impl Iterator<Item = BlockId> + use<> {
    // The store gives out 32-bit ids and refuses a block when they are used up.
    (0..store.block_count() as u32).map(BlockId)
}
