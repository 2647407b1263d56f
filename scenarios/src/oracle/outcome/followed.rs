//! What must become of a bridge at rest that has a given chain: from that chain, the chains of its nodes, and what they still
//! serve.
//!
//! What a bridge had followed when the L1 came to rest depends on when faults struck, which nobody can tell beforehand. But it
//! has told its consumer, and other checkers saw to it that every word of that was true. From there on nothing is left to
//! chance: a node leads on from what the bridge has, or is behind it, or has left it.

use bridge::ChainRef;
use sim::{block_store::BlockStore, dag::BlockId, network::Network};

use super::{End, Expected, destination};
use crate::{
    consumer::Replica,
    fault::{PlannedStranger, StrangerKind},
    oracle::{blue_score, fork, heaviest_allowed, weight},
    plan::{Plan, SIMULATED_NETWORK},
};

/// The network on which a stranger of that kind says that it is.
const OTHER_NETWORK: &str = "testnet-10";

/// What a bridge has told its consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The newest block of its chain.
    pub tip: BlockId,
    /// The newest final one.
    pub root: BlockId,
}

impl Followed {
    /// What a consumer was told. One that was told nothing is at the anchor.
    pub fn of(replica: &Replica, store: &BlockStore) -> Self {
        let id = |block: Option<ChainRef>| block.and_then(|block| store.dag().id(&block.hash));
        let anchor = replica.anchor.and_then(|anchor| store.dag().id(&anchor)).unwrap_or(BlockId::GENESIS);
        Self { tip: id(replica.tip()).unwrap_or(anchor), root: id(replica.finalized).unwrap_or(anchor) }
    }
}

/// What one node is to a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    /// The bridge has what it serves: its sink is the bridge's tip, or too near above that for the confirmations.
    Reached,
    /// It serves a heavier chain with all that is final.
    Leads,
    /// Its chain is not heavier.
    Behind,
    /// It has what the bridge needs only if the bridge asks for the right block.
    MayHavePruned,
    /// It cannot be followed for this reason.
    Left(End),
}

/// The sink that the bridge must be at, or where it would be if it could, and what must become of it. One that must wait is to be
/// where it is.
pub(super) fn judge(plan: &Plan, bridge: usize, network: &Network, sinks: &[BlockId], has: Followed) -> Judgement {
    let planned = &plan.bridges[bridge];
    let mut judged: Vec<(Node, BlockId)> = Vec::new();
    for (&node, &held) in planned.nodes.iter().zip(sinks) {
        let sink = heaviest_allowed(network, node as usize, held, plan.parameters.finality_depth);
        let stranger = plan.topology.strangers.iter().find(|stranger| stranger.node == node);
        let what = match stranger.map(|stranger| stranger.kind) {
            _ if !is_at_home(plan, bridge, node) => Node::Left(End::WrongNetwork),
            Some(StrangerKind::TooOld) => Node::Left(End::TooOld),
            Some(StrangerKind::OtherNetwork | StrangerKind::Unsynced) | None => {
                of_node(network, node as usize, sink, has, planned.confirmations)
            }
        };
        judged.push((what, destination(network.store(), has.tip, sink, planned.confirmations)));
    }
    let first = |wanted: Node| judged.iter().find(|(what, _)| *what == wanted).map(|(_, sink)| *sink);
    if let Some(sink) = first(Node::Reached).or_else(|| first(Node::Leads)) {
        return Judgement { sink, expected: Expected::Converges };
    }
    let sink = judged.first().map_or(has.tip, |(_, sink)| *sink);
    let ends = judged.iter().filter_map(|(what, _)| if let Node::Left(end) = what { Some(*end) } else { None });
    let end = ends.reduce(|a, b| if a == b { a } else { End::Several });
    let expected = if first(Node::MayHavePruned).is_some() {
        let why = "its tip is gone from a node that has pruned nearly all that it has in common with it".to_owned();
        Expected::Either {
            end: end.map_or(End::Pruned, |end| if end == End::Pruned { end } else { End::Several }),
            why,
        }
    } else if first(Node::Behind).is_some() {
        // What it has must be whole and true up to where it is.
        return Judgement { sink: has.tip, expected: Expected::Waits };
    } else {
        // A bridge has at least one node.
        Expected::Ends(end.unwrap_or(End::Several))
    };
    Judgement { sink, expected }
}

/// Whether the node says that it is on the network for which the bridge is configured.
pub(super) fn is_at_home(plan: &Plan, bridge: usize, node: u32) -> bool {
    let is_other = |stranger: &PlannedStranger| stranger.node == node && stranger.kind == StrangerKind::OtherNetwork;
    let told = if plan.topology.strangers.iter().any(is_other) { OTHER_NETWORK } else { SIMULATED_NETWORK };
    plan.bridges[bridge].network == told
}

/// See [`judge`].
pub(super) struct Judgement {
    pub(super) sink: BlockId,
    pub(super) expected: Expected,
}

/// What a node with this sink is to a bridge.
fn of_node(network: &Network, node: usize, sink: BlockId, has: Followed, confirmations: u64) -> Node {
    let (store, view) = (network.store(), network.node(node));
    let Followed { tip, root } = has;
    if destination(store, tip, sink, confirmations) == tip {
        return Node::Reached;
    }
    if weight(store, sink) <= weight(store, tip) {
        return Node::Behind;
    }
    let score = |block: BlockId| blue_score(store, block);
    let point = score(view.pruning_point());
    let common = score(fork(store, tip, sink));
    if common < point {
        // Nothing of what the bridge has is above the pruning point.
        return Node::Left(if common < score(root) { End::Conflicting } else { End::Pruned });
    }
    if common < score(root) {
        return Node::Left(End::Conflicting);
    }
    // The node tells where its chain leaves any block that it knows, and the root is always asked for.
    match view.status(tip).is_some() || score(root) >= point {
        true => Node::Leads,
        false => Node::MayHavePruned,
    }
}
