//! How a bridge must end, from the plan and from what its nodes did.
//!
//! A bridge must converge unless it is configured for another network, or a node that it follows left a block that was
//! final for whoever had followed it: a reorganisation deeper than finality. Whether the bridge had followed it is certain
//! only if nothing was in its way. Where it is not, what the bridge told its consumer decides (`followed.rs`): both ends are
//! right only where even that leaves the question open. Of a bridge that has ended, each reason must have been true of its
//! node (`reasons.rs`).

mod confirmed;
mod followed;
mod reasons;

use std::{fmt, time::Duration};

use bridge::{FatalError, RejectReason};
use sim::{block_store::BlockStore, dag::BlockId, network::Network, world::SinkMoved};

pub use self::{
    confirmed::{confirmed, destination},
    followed::Followed,
    reasons::{page_drops, untrue},
};
use super::{heaviest_allowed, selected_parent};
use crate::plan::{Plan, PlannedBridge, PlannedOutageKind};

/// Round trips after which a bridge that nothing disturbs has what its node has: connection, handshake, who the node is,
/// subscriptions, where it stands, a page or two; generously.
const ROUND_TRIPS: u32 = 16;

/// Time for the nodes' work in the meantime, generously.
const SERVICE_TIME: Duration = Duration::from_secs(5);

/// The truth at the end of a run, for one bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The block that the bridge must have reached: the sink of the node that it prefers, unless it has that of another; of a
    /// bridge that waits for confirmations, the highest block that has them there. The bridge's own tip if it must wait there.
    pub sink: BlockId,
    /// How the bridge must end.
    pub expected: Expected,
    /// How often a followed node left a chain whose followers had a final block on it.
    pub finality_conflicts: u64,
    /// Blue score of the deepest branch that a followed node held, as far as it had enough confirmations for the bridge, and that
    /// is not on its chain in the end.
    pub deepest_lost_branch: u64,
}

/// How a bridge must end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// With the chain of its node.
    Converges,
    /// In a `Fatal` event of this kind.
    Ends(End),
    /// In one of the two ways.
    Either {
        /// The kind of the `Fatal` event, if there is one.
        end: End,
        /// Why both are right.
        why: String,
    },
    /// In neither way: all its nodes that it could follow are behind what it has, and may come back.
    Waits,
}

/// Why a bridge ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its nodes follow a chain without its finalized root.
    Conflicting,
    /// Its nodes have pruned all that it had in common with them.
    Pruned,
    /// Different things are true of its nodes, none of which waiting mends.
    Several,
    /// Its nodes do not know the request for pages.
    TooOld,
    /// Its nodes are on another network.
    WrongNetwork,
}

impl End {
    /// Whether the event says so of every node. A node that left what was final may also have pruned the fork; whether what is
    /// said of pruning is true is another question.
    pub fn is_told_by(self, fatal: &FatalError) -> bool {
        let is_this = |reason: &RejectReason| match self {
            Self::Conflicting => matches!(reason, RejectReason::Conflicting { .. } | RejectReason::Pruned { .. }),
            Self::Pruned => matches!(reason, RejectReason::Pruned { .. }),
            Self::Several => reason.is_terminal(),
            Self::TooOld => matches!(reason, RejectReason::OperationUnknown { .. }),
            Self::WrongNetwork => matches!(reason, RejectReason::WrongNetwork { .. }),
        };
        !fatal.nodes.is_empty() && fatal.nodes.iter().all(|(_, reason)| is_this(reason))
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conflicting => "its nodes left a block that is final for it",
            Self::Pruned => "its nodes have pruned all that it had in common with them",
            Self::Several => "none of its nodes can be followed, for different reasons",
            Self::TooOld => "its nodes are too old",
            Self::WrongNetwork => "its nodes are on another network",
        })
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Converges => write!(f, "it must arrive at its node's sink"),
            Self::Ends(end) => write!(f, "it must end because {end}"),
            Self::Either { end, why } => write!(f, "it must arrive at its node's sink or end because {end}: {why}"),
            Self::Waits => write!(f, "it must neither move nor end: its nodes are behind it"),
        }
    }
}

impl Rest {
    /// The truth for bridge number `bridge`. `sinks` is every move of the sinks of followed nodes, oldest first;
    /// `was_disturbed` tells whether a fault struck the bridge.
    pub fn new(plan: &Plan, bridge: usize, network: &Network, sinks: &[SinkMoved], was_disturbed: bool) -> Self {
        let planned = &plan.bridges[bridge];
        let mut held = sinks.iter().rev().filter(|moved| moved.node == planned.nodes[0]).map(|moved| moved.sink);
        let held = held.next().unwrap_or(BlockId::GENESIS);
        let finality_depth = plan.parameters.finality_depth;
        let sink = heaviest_allowed(network, planned.nodes[0] as usize, held, finality_depth);
        if planned.nodes.iter().all(|node| !followed::is_at_home(plan, bridge, *node)) {
            let expected = Expected::Ends(End::WrongNetwork);
            return Self { sink, expected, finality_conflicts: 0, deepest_lost_branch: 0 };
        }
        let lost = LostBranches::find(plan, planned, network.store(), sink, sinks);
        let sink = confirmed(network.store(), sink, planned.confirmations);
        let lag = undisturbed_lag(plan, bridge);
        let either = |why: String| Expected::Either { end: End::Conflicting, why };
        let expected = match lost {
            LostBranches { conflicts: 0, .. } if may_be_pruned(plan, bridge, network, was_disturbed) => {
                let why = "its nodes prune, and it may have been away or on another branch for that long".to_owned();
                Expected::Either { end: End::Pruned, why }
            }
            LostBranches { conflicts: 0, .. } => Expected::Converges,
            _ if was_disturbed => either("faults may have kept it from the block that was final".to_owned()),
            _ if !planned.consumer.is_prompt() => either("its consumer may have kept it from that block".to_owned()),
            LostBranches { longest: None, .. } => {
                either("only a node that it follows when the first fails had that block as final".to_owned())
            }
            _ if !is_always_at_hand(plan, planned) => {
                either("it may have followed another node, or none, when its node had that block as final".to_owned())
            }
            LostBranches { longest: Some(longest), .. } if longest < lag => {
                either(format!("its node had that block as final for {longest:?} only"))
            }
            LostBranches { .. } => Expected::Ends(End::Conflicting),
        };
        Self { sink, expected, finality_conflicts: lost.conflicts, deepest_lost_branch: lost.deepest }
    }

    /// Decides by what the bridge has told its consumer what the plan and the L1 alone leave open, and whether it can only wait:
    /// it must not leave what is final for it for a lighter chain, and its nodes may have been reset to one.
    #[must_use]
    pub fn with_followed(
        self,
        plan: &Plan,
        bridge: usize,
        network: &Network,
        sinks: &[SinkMoved],
        has: Followed,
    ) -> Self {
        let held = |node: &u32| {
            let mut moves = sinks.iter().rev().filter(|moved| moved.node == *node);
            moves.next().map_or(BlockId::GENESIS, |moved| moved.sink)
        };
        let held: Vec<BlockId> = plan.bridges[bridge].nodes.iter().map(held).collect();
        let judgement = followed::judge(plan, bridge, network, &held, has);
        match (&self.expected, &judgement.expected) {
            (Expected::Ends(End::Conflicting), Expected::Waits) => {}
            (Expected::Ends(_), _) => return self,
            _ => {}
        }
        Self { sink: judgement.sink, expected: judgement.expected, ..self }
    }
}

/// Whether nothing but a reset, which is announced, happens to the one node of the bridge.
fn is_always_at_hand(plan: &Plan, planned: &PlannedBridge) -> bool {
    let is_reset = |kind: PlannedOutageKind| matches!(kind, PlannedOutageKind::Resync { .. });
    let mut outages = plan.topology.outages.iter().filter(|outage| planned.nodes.contains(&outage.node));
    planned.nodes.len() == 1 && plan.topology.strangers.is_empty() && outages.all(|outage| is_reset(outage.kind))
}

/// Whether a node of the bridge has pruned, and anything may have kept the bridge from its chain until then.
fn may_be_pruned(plan: &Plan, bridge: usize, network: &Network, was_disturbed: bool) -> bool {
    let planned = &plan.bridges[bridge];
    let has_pruned = |&node: &u32| network.node(node as usize).pruning_point() != BlockId::GENESIS;
    let is_free = planned.consumer.is_prompt() && plan.topology.cuts.is_empty() && plan.topology.outages.is_empty();
    planned.nodes.iter().any(has_pruned) && (was_disturbed || !is_free)
}

/// Longest time after which a bridge that nothing disturbs has what its node has.
fn undisturbed_lag(plan: &Plan, bridge: usize) -> Duration {
    // A connection's latency is at most one and a half of the mean, each way.
    let round_trip = Duration::from_millis(plan.topology.client_latency_ms.saturating_mul(3));
    let poll = Duration::from_millis(plan.bridges[bridge].poll_interval_ms);
    round_trip.saturating_mul(ROUND_TRIPS).saturating_add(poll).saturating_add(SERVICE_TIME)
}

/// What the followed nodes held and left again.
struct LostBranches {
    /// How often a branch was left on which something was final.
    conflicts: u64,
    /// Longest time for which the preferred node, the only one that is certain to be followed, held such a branch.
    longest: Option<Duration>,
    /// Blue score of the deepest branch, final or not.
    deepest: u64,
}

impl LostBranches {
    fn find(plan: &Plan, planned: &PlannedBridge, store: &BlockStore, sink: BlockId, sinks: &[SinkMoved]) -> Self {
        let mut branches = Branches::new(store, sink);
        let mut lost = Self { conflicts: 0, longest: None, deepest: 0 };
        for (position, node) in planned.nodes.iter().enumerate() {
            let mut since = None;
            for moved in sinks.iter().filter(|moved| moved.node == *node) {
                // No follower was told more of the branch.
                let tip = confirmed(store, moved.sink, planned.confirmations);
                let depth = branches.depth_off(store, tip);
                lost.deepest = lost.deepest.max(depth.unwrap_or(0));
                match (since, depth.is_some_and(|depth| depth >= plan.parameters.finality_depth)) {
                    (None, true) => since = Some(moved.at),
                    (Some(began), false) => {
                        lost.conflicts += 1;
                        since = None;
                        lost.longest =
                            if position == 0 { lost.longest.max(Some(moved.at - began)) } else { lost.longest };
                    }
                    _ => {}
                }
            }
        }
        lost
    }
}

/// Where chains part from the final one, remembered for every block that was asked for.
struct Branches {
    /// For each block: the lowest block of its selected chain that is not on the final one.
    base: Vec<Base>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    Unknown,
    OnChain,
    Off(BlockId),
}

impl Branches {
    fn new(store: &BlockStore, sink: BlockId) -> Self {
        let mut base = vec![Base::Unknown; store.block_count()];
        let mut block = Some(sink);
        while let Some(on_chain) = block {
            base[on_chain.index()] = Base::OnChain;
            block = selected_parent(store, on_chain);
        }
        Self { base }
    }

    /// How far, in blue score, the tip `tip` is above the lowest block of its chain that is not on the final one; `None`
    /// if all of its chain is.
    fn depth_off(&mut self, store: &BlockStore, tip: BlockId) -> Option<u64> {
        let mut above = Vec::new();
        let mut block = tip;
        // Genesis is on every chain, so that this ends there at the latest.
        while self.base[block.index()] == Base::Unknown {
            above.push(block);
            block = selected_parent(store, block)?;
        }
        for block in above.into_iter().rev() {
            let parent = selected_parent(store, block)?;
            self.base[block.index()] = match self.base[parent.index()] {
                Base::Off(base) => Base::Off(base),
                Base::OnChain | Base::Unknown => Base::Off(block),
            };
        }
        let blue_score = |block: BlockId| store.dag().blue_score(block);
        match self.base[tip.index()] {
            Base::Off(base) => Some(blue_score(tip) - blue_score(base)),
            Base::OnChain | Base::Unknown => None,
        }
    }
}
