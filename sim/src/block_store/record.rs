//! What the store keeps of a block besides the DAG: what cannot be computed again cheaply.

use std::time::Duration;

use kaspa_hashes::Hash;

use super::pruning_points::Points;

/// Stands for the miner of genesis, which has none.
const NOBODY: u32 = u32::MAX;

/// A block. Ranges end where those of the next block start.
pub(super) struct Record {
    pub(super) coinbase_id: Hash,
    /// As `kaspa_consensus_core::hashing::tx::hash` makes it.
    pub(super) coinbase_hash: Hash,
    mined_at_ns: u64,
    pub(super) points: Points,
    miner: u32,
    pub(super) own_start: u32,
    pub(super) accepted_start: u32,
    pub(super) children_start: u32,
    pub(super) newest_child: Option<u32>,
}

impl Record {
    pub(super) fn genesis(coinbase_id: Hash, coinbase_hash: Hash) -> Self {
        Self {
            coinbase_id,
            coinbase_hash,
            mined_at_ns: 0,
            points: Points::GENESIS,
            miner: NOBODY,
            own_start: 0,
            accepted_start: 0,
            children_start: 0,
            newest_child: None,
        }
    }

    /// A block without transactions of its own, children, and entries in the lists. Miners have small numbers, and no
    /// simulation lasts centuries.
    pub(super) fn new(coinbase_id: Hash, coinbase_hash: Hash, points: Points, miner: usize, at: Duration) -> Self {
        let mined_at_ns = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        let miner = u32::try_from(miner).unwrap_or(NOBODY);
        Self { mined_at_ns, points, miner, ..Self::genesis(coinbase_id, coinbase_hash) }
    }

    /// The node that mined it; `None` for genesis.
    pub(super) fn miner(&self) -> Option<usize> {
        (self.miner != NOBODY).then_some(self.miner as usize)
    }

    pub(super) fn mined_at(&self) -> Duration {
        Duration::from_nanos(self.mined_at_ns)
    }
}
