//! Property of a whole run: bridges that follow one L1 agree, whatever happened to each. What one of them has as final is on
//! the same chain as what any other has. At rest those whose nodes agree, and which began at the same block, have the
//! same chain with the same accepted transactions and the same finalized block, and their state machines the same root.
//!
//! Moment: the newest finalized block of every bridge, every few seconds of the storm and at its end; and at rest, when each
//! bridge was found right by itself. Finds what is right for each alone and wrong for a customer of both: a state root that
//! depends on the way to the chain, on restarts or on the size of batches. False for a while: never. If nodes of one L1 have
//! final blocks on different chains, as after a division longer than finality, their bridges must disagree too.

use std::fmt;

use bridge::ChainRef;
use kaspa_hashes::Hash;
use sim::{block_store::BlockStore, dag::BlockId, world::SinkMoved};

use super::{Breach, Failure};
use crate::{
    consumer::{Replica, ReplicaBlock},
    oracle::{fork, outcome::confirmed},
    plan::{Plan, PlannedBridge},
};

/// Name of the property.
pub const NAME: &str = "twins";

/// The property, in one sentence.
pub const MEANING: &str = "bridges that follow one L1 agree on what is final, and at rest on everything";

/// Where the consumer of one bridge stands when a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndState {
    /// Number of the bridge.
    pub bridge: usize,
    /// Confirmations that the bridge waits for.
    pub confirmations: u64,
    /// The consumer has the sink of the node that its bridge prefers, or the highest block that has enough confirmations there.
    pub has_arrived: bool,
    /// The block below the first; `None` if there is no block. Who connects later may be given a later one.
    pub anchor: Option<Hash>,
    /// The newest block; `None` at the anchor.
    pub tip: Option<ChainRef>,
    /// Hash over all chain blocks above the anchor, each with what it accepts, in order.
    pub chain: Hash,
    /// The last finalized block; `None` if there is none, and of a bridge that waits for confirmations: it may have had a higher
    /// tip before, below which a higher block is final.
    pub finalized: Option<ChainRef>,
    /// Root of the tree over all accounts, if there is a state machine.
    pub state_root: Option<Hash>,
}

impl EndState {
    /// Where bridge number `bridge` stands with this chain, if what it gets of its node's chain ends at `sink`.
    pub fn new(
        bridge: usize,
        replica: &Replica,
        confirmations: u64,
        sink: Option<Hash>,
        state_root: Option<Hash>,
    ) -> Self {
        Self {
            bridge,
            confirmations,
            has_arrived: sink.is_some() && replica.tip().map(|tip| tip.hash) == sink,
            anchor: replica.anchor.filter(|_| !replica.blocks().is_empty()),
            tip: replica.tip(),
            chain: digest(replica.blocks()),
            finalized: replica.finalized.filter(|_| confirmations == 0),
            state_root,
        }
    }
}

impl fmt::Display for EndState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |f: &mut fmt::Formatter<'_>, block: Option<ChainRef>| match block {
            Some(ChainRef { hash, index, .. }) => write!(f, "{hash} (index {index})"),
            None => write!(f, "none"),
        };
        write!(f, "tip ")?;
        place(f, self.tip)?;
        write!(f, ", chain {}, finalized ", self.chain)?;
        place(f, self.finalized)?;
        match self.state_root {
            Some(root) => write!(f, ", state root {root}"),
            None => Ok(()),
        }
    }
}

fn digest(blocks: &[ReplicaBlock]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for ReplicaBlock { block, accepted_ids } in blocks {
        hasher.update(&block.hash.as_bytes());
        hasher.update(&block.blue_score.to_le_bytes());
        hasher.update(&(accepted_ids.len() as u64).to_le_bytes());
        for id in accepted_ids {
            hasher.update(&id.as_bytes());
        }
    }
    Hash::from_bytes(*hasher.finalize().as_bytes())
}

/// What all bridges of a run have in common.
#[derive(Debug, Default)]
pub struct Twins {
    /// The highest finalized block of any bridge, and whose it is.
    highest: Option<(usize, BlockId)>,
    /// The nodes do not agree on what is final: nobody can.
    is_divided: bool,
}

impl Twins {
    /// Looks at the next finalized block of bridge number `bridge`. A block that no DAG has is for others to find.
    ///
    /// # Errors
    /// Whose finalized block is on another chain.
    pub fn on_finalized(
        &mut self,
        bridge: usize,
        block: ChainRef,
        plan: &Plan,
        store: &BlockStore,
        sinks: &[SinkMoved],
    ) -> Result<(), String> {
        if self.is_divided || plan.bridges.len() < 2 {
            return Ok(());
        }
        let Some(id) = store.dag().id(&block.hash) else { return Ok(()) };
        let Some((other, highest)) = self.highest else {
            self.highest = Some((bridge, id));
            return Ok(());
        };
        let common = fork(store, id, highest);
        if common == id {
            return Ok(());
        }
        if common == highest {
            self.highest = Some((bridge, id));
            return Ok(());
        }
        let is_true = |bridge: usize, block| was_final(plan, bridge, block, store, sinks);
        if is_true(bridge, id) && is_true(other, highest) {
            self.is_divided = true;
            return Ok(());
        }
        let highest = store.dag().hash(highest);
        Err(format!("{block:?} is finalized, and for bridge {other} {highest}, which is on another chain"))
    }

    /// Compares the bridges of a run that is over, as far as they arrived: those that came from the same anchor to the same
    /// sink must have the same in between.
    ///
    /// # Errors
    /// Two that differ.
    pub fn at_rest(&self, end_states: &[EndState]) -> Result<(), String> {
        let arrived = || end_states.iter().filter(|end_state| end_state.has_arrived);
        for (position, end_state) in arrived().enumerate() {
            for other in arrived().take(position) {
                let place = |end_state: &EndState| {
                    (end_state.confirmations == 0, end_state.anchor, end_state.tip.map(|tip| tip.hash))
                };
                if place(end_state) != place(other) {
                    continue;
                }
                let has = |end_state: &EndState| (end_state.tip, end_state.chain, end_state.finalized);
                let roots_differ = match (end_state.state_root, other.state_root) {
                    (Some(root), Some(other)) => root != other,
                    _ => false,
                };
                if has(end_state) != has(other) || roots_differ {
                    return Err(format!(
                        "bridges {} and {} came from the same anchor to the same sink and differ: {other}; {end_state}",
                        other.bridge, end_state.bridge
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The property, broken; `bridge` is the one that showed it, if one did.
pub fn failure(bridge: Option<usize>, at: std::time::Duration, message: String) -> Failure {
    Failure { property: NAME, meaning: MEANING, breach: Breach::Safety, bridge, at, message }
}

/// Whether a node of the bridge ever held a sink with which the block was final for the bridge.
fn was_final(plan: &Plan, bridge: usize, block: BlockId, store: &BlockStore, sinks: &[SinkMoved]) -> bool {
    let PlannedBridge { nodes, confirmations, .. } = &plan.bridges[bridge];
    let blue_score = |block: BlockId| store.dag().blue_score(block);
    let deepest = blue_score(block).saturating_add(plan.parameters.finality_depth);
    let followed = sinks.iter().filter(|moved| nodes.contains(&moved.node) && blue_score(moved.sink) >= deepest);
    let mut tips = followed.map(|moved| confirmed(store, moved.sink, *confirmations));
    tips.any(|tip| blue_score(tip) >= deepest && fork(store, tip, block) == block)
}
