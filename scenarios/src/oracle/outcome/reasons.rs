//! Whether the reasons for which a bridge ended were true of its nodes.

use bridge::RejectReason;
use kaspa_hashes::Hash;
use sim::{block_store::BlockStore, dag::BlockId, network::Network, world::SinkMoved};

use super::{Followed, followed::is_at_home};
use crate::{
    fault::{AskedOperation, Fault, PlannedStranger, StrangerKind},
    oracle::{blue_score, fork, weight},
    plan::Plan,
};

/// What is untrue of the reason for which bridge number `bridge`, which has that chain, gave up `node`. `sinks` is every move of
/// the sinks of followed nodes so far: what was true at any moment at which the node was ahead of the bridge is true, as the
/// bridge had the same chain when it asked.
pub fn untrue(
    plan: &Plan,
    bridge: usize,
    network: &Network,
    sinks: &[SinkMoved],
    has: Followed,
    node: u32,
    reason: &RejectReason,
) -> Option<String> {
    let is_old = |stranger: &PlannedStranger| stranger.node == node && stranger.kind == StrangerKind::TooOld;
    let is_too_old = plan.topology.strangers.iter().any(is_old);
    let held = || sinks.iter().filter(|moved| moved.node == node).map(|moved| moved.sink);
    match reason {
        RejectReason::WrongNetwork { .. } if !is_at_home(plan, bridge, node) => None,
        RejectReason::WrongNetwork { .. } => Some(format!("node {node} is on the same network")),
        // Faults that drop the connection at pages, and at nothing else, look the same if they do so often enough.
        RejectReason::OperationUnknown { .. } if is_too_old || may_look_too_old(plan, bridge) => None,
        RejectReason::OperationUnknown { .. } => Some(format!("node {node} knows every request")),
        RejectReason::Conflicting { root } => untrue_conflict(plan, network.store(), held(), has, *root),
        RejectReason::Pruned { root, pruning_point } => {
            untrue_pruning(network, held(), node, has.tip, *root, *pruning_point)
        }
        reason => Some(format!("of node {node} it says that {reason}, which may pass")),
    }
}

/// How often a node must drop the connection at the smallest page before the bridge is sure that it does not know the request.
const DROPS_OF_TOO_OLD: u32 = 3;

/// Whether faults of the bridge can make a node seem not to know the request for pages.
pub fn may_look_too_old(plan: &Plan, bridge: usize) -> bool {
    let of_bridge = plan.faults.iter().filter(|fault| fault.bridge as usize == bridge);
    of_bridge.fold(0_u32, |drops, fault| drops.saturating_add(page_drops(&fault.what))) >= DROPS_OF_TOO_OLD
}

/// Requests for pages at which the fault drops the connection.
pub fn page_drops(fault: &Fault) -> u32 {
    let (operation, times) = match fault {
        Fault::UnknownOperation(fault) => (fault.operation, fault.times),
        Fault::KillerRequest(fault) => (fault.operation, fault.times),
        _ => return 0,
    };
    if operation == AskedOperation::Page { times.saturating_add(1) } else { 0 }
}

/// A block that is final for the bridge must have been missing from a heavier chain of the node.
fn untrue_conflict(
    plan: &Plan,
    store: &BlockStore,
    mut held: impl Iterator<Item = BlockId>,
    has: Followed,
    root: Hash,
) -> Option<String> {
    let Some(lost) = store.dag().id(&root) else { return Some(format!("{root} does not exist")) };
    if fork(store, has.tip, lost) != lost {
        return Some(format!("{root} is not on the bridge's chain"));
    }
    let depth = blue_score(store, has.tip) - blue_score(store, lost);
    if depth < plan.parameters.finality_depth && blue_score(store, lost) > blue_score(store, has.root) {
        return Some(format!("{root} is not final for the bridge: it is {depth} below its tip"));
    }
    let left = |sink: BlockId| weight(store, sink) > weight(store, has.tip) && fork(store, sink, lost) != lost;
    (!held.any(left)).then(|| format!("no chain of the node was heavier and without {root}"))
}

/// The pruning point must have been one of the node's, above the bridge's root, and not on the bridge's chain.
fn untrue_pruning(
    network: &Network,
    held: impl Iterator<Item = BlockId>,
    node: u32,
    tip: BlockId,
    root: Hash,
    pruning_point: Hash,
) -> Option<String> {
    let store = network.store();
    let (Some(root), Some(point)) = (store.dag().id(&root), store.dag().id(&pruning_point)) else {
        return Some(format!("{root} or {pruning_point} does not exist"));
    };
    let is_above = |sink: BlockId| fork(store, point, sink) == point;
    if !is_above(network.node(node as usize).pruning_point()) && !held.into_iter().any(is_above) {
        return Some(format!("{pruning_point} was no pruning point of node {node}"));
    }
    if blue_score(store, root) >= blue_score(store, point) {
        return Some(format!("the root is not below the pruning point {pruning_point}"));
    }
    (fork(store, tip, point) == point).then(|| format!("the pruning point {pruning_point} is on the bridge's chain"))
}
