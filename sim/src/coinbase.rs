//! Coinbase transactions: which miner is rewarded for what.
//!
//! Source: `kaspa-consensus`, `processes::coinbase::CoinbaseManager` (outputs, payload layout, transaction version). The
//! subsidy is constant; every merged block but genesis is rewarded, also outside the DAA window.

use kaspa_consensus_core::constants::TX_VERSION_TOCCATA;
use kaspa_consensus_core::subnets::SUBNETWORK_ID_COINBASE;
use kaspa_consensus_core::tx::{ScriptPublicKey, ScriptVec, Transaction, TransactionOutput};

use crate::dag::BlockId;
use crate::random::Streams;

/// Sompi that mining earns in a second. Source: `kaspa-consensus-core`, `Bps::pre_deflationary_phase_base_subsidy`.
const SUBSIDY_PER_SECOND: u64 = 50_000_000_000;

/// A pay-to-public-key script of an owner. The key is random bytes, not a point of the curve: nothing is ever signed.
///
/// Source: `kaspa-txscript`, `standard::pay_to_address_script`: push 32 bytes, the key, check signature.
pub(crate) fn owner_script(streams: Streams, owner: &'static str, number: u64) -> ScriptPublicKey {
    let mut script = [0; 34];
    script[0] = 0x20;
    script[1..33].copy_from_slice(&streams.key(owner, number));
    script[33] = 0xac;
    ScriptPublicKey::new(0, ScriptVec::from_slice(&script))
}

/// Builds coinbases and remembers the miners' scripts.
pub(crate) struct Coinbases {
    streams: Streams,
    subsidy: u64,
    /// Script of each miner, as far as they have mined.
    scripts: Vec<ScriptPublicKey>,
}

/// The block that a coinbase belongs to.
pub(crate) struct Rewarding<'a> {
    pub(crate) miner: usize,
    /// Unique in the run, which makes the coinbase's id unique.
    pub(crate) number: u64,
    pub(crate) blue_score: u64,
    /// Selected parent first, then the others in consensus order.
    pub(crate) mergeset_blues: &'a [BlockId],
}

/// A mergeset block as the coinbase sees it.
pub(crate) struct Merged {
    pub(crate) block: BlockId,
    /// The node that mined it; `None` for genesis.
    pub(crate) miner: Option<usize>,
    /// Fees of those of its transactions that are accepted.
    pub(crate) fees: u64,
}

impl Coinbases {
    pub(crate) fn new(streams: Streams, blocks_per_second: u64) -> Self {
        Self { streams, subsidy: SUBSIDY_PER_SECOND / blocks_per_second.max(1), scripts: Vec::new() }
    }

    /// To be told of a miner before its first coinbase.
    pub(crate) fn add_miner(&mut self, miner: usize) {
        while self.scripts.len() <= miner {
            let script = owner_script(self.streams, "miner-key", self.scripts.len() as u64);
            self.scripts.push(script);
        }
    }

    /// The coinbase of a block with this mergeset, which is in consensus order. Its id is not filled in. Panics for a
    /// miner not told of.
    pub(crate) fn build(&self, block: &Rewarding<'_>, mergeset: impl Iterator<Item = Merged>) -> Transaction {
        let mut blues = block.mergeset_blues.iter().peekable();
        let mut outputs = Vec::with_capacity(block.mergeset_blues.len() + 1);
        let mut red_reward = 0;
        // Blues are listed in the same order as in the mergeset; each pays its own miner. Reds pay the merging miner.
        for merged in mergeset {
            let is_blue = blues.next_if(|&&blue| blue == merged.block).is_some();
            let Some(merged_miner) = merged.miner else { continue };
            let reward = self.subsidy + merged.fees;
            if is_blue {
                outputs.push(TransactionOutput::new(reward, self.scripts[merged_miner].clone()));
            } else {
                red_reward += reward;
            }
        }
        let script = &self.scripts[block.miner];
        if red_reward > 0 {
            outputs.push(TransactionOutput::new(red_reward, script.clone()));
        }
        let payload = self.payload(block, script);
        Transaction::new_non_finalized(TX_VERSION_TOCCATA, Vec::new(), outputs, 0, SUBNETWORK_ID_COINBASE, 0, payload)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.scripts.capacity() * size_of::<ScriptPublicKey>()
    }

    fn payload(&self, block: &Rewarding<'_>, script: &ScriptPublicKey) -> Vec<u8> {
        let mut payload = Vec::with_capacity(19 + script.script().len() + 16);
        payload.extend_from_slice(&block.blue_score.to_le_bytes());
        payload.extend_from_slice(&self.subsidy.to_le_bytes());
        payload.extend_from_slice(&script.version().to_le_bytes());
        payload.push(script.script().len() as u8);
        payload.extend_from_slice(script.script());
        // Extra data: the miner's number and the block's.
        payload.extend_from_slice(&(block.miner as u64).to_le_bytes());
        payload.extend_from_slice(&block.number.to_le_bytes());
        payload
    }
}
