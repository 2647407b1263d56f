//! Cuts of the network: when they begin and end, and how deep the reorganisation is that follows.

use super::{Event, Network, StepKind};
use crate::dag::BlockId;
use crate::gossip::{Heal, LOSING_MARGIN_BLUE_SCORE};
use crate::node::SinkChange;

/// What is known of one cut.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CutState {
    /// Where in the queue the end of a cut is that waits for a chain to grow.
    latest_heal: Option<(std::time::Duration, u64)>,
    /// Height at which the chain of the watched node leaves those of the other side, once the cut has healed and until that
    /// node has left its side.
    fork_height: Option<u64>,
    /// Blocks that the watched node removed when it left its side of the fork.
    removed: Option<u64>,
}

impl Network {
    /// How many blocks the node that a cut watches removed from its selected chain when it left its side of the fork that the
    /// cut had made. `None` as long as it has not, and for a cut that heals at a given time.
    pub fn reorg_of_cut(&self, cut: usize) -> Option<u64> {
        self.cut_states.get(cut)?.removed
    }

    pub(super) fn begin_cut(&mut self, cut: usize) -> StepKind {
        self.gossip.begin(cut);
        match self.cuts[cut].heal {
            Heal::At(at) => {
                self.schedule(at, Event::HealCut(cut));
            }
            Heal::WhenChainGrew { node, .. } => {
                let at = self.mining_until.max(self.now);
                self.cut_states[cut].latest_heal = Some(self.schedule(at, Event::HealCut(cut)));
                self.heal_outgrown(node);
            }
        }
        StepKind::CutBegan { cut }
    }

    pub(super) fn heal_cut(&mut self, cut: usize) -> StepKind {
        self.cut_states[cut].latest_heal = None;
        if let Heal::WhenChainGrew { node, .. } = self.cuts[cut].heal {
            let fork = self.fork_with_other_side(cut, node);
            self.cut_states[cut].fork_height = fork.map(|fork| self.store.dag().height(fork));
        }
        let held = self.gossip.heal(cut);
        let released = held.len();
        for delivery in held {
            let at = self.now + self.gossip.delay_after_cut(&delivery);
            self.schedule(at, Event::Deliver(delivery));
        }
        StepKind::CutHealed { cut, released }
    }

    /// Moves the end of cuts that wait for this node's chain to now, once it has grown enough and has lost.
    pub(super) fn heal_outgrown(&mut self, node: usize) {
        if self.cuts.is_empty() {
            return;
        }
        for (cut, chain_blocks) in self.gossip.waiting_for(node) {
            if !self.has_lost(cut, node) || self.chain_blocks_apart(cut, node) < chain_blocks {
                continue;
            }
            // Taken once: until the event is processed the cut may be found outgrown again.
            if let Some(latest) = self.cut_states[cut].latest_heal.take() {
                self.queue.remove(&latest);
                self.schedule(self.now, Event::HealCut(cut));
            }
        }
    }

    /// Remembers the reorganisation that a healed cut was for.
    pub(super) fn note_reorg(&mut self, node: usize, change: &SinkChange) {
        let Some(&lowest_removed) = change.removed.last() else { return };
        let dag = self.store.dag();
        for (cut, state) in self.cuts.iter().zip(&mut self.cut_states) {
            let is_watched = matches!(cut.heal, Heal::WhenChainGrew { node: watched, .. } if watched == node);
            // The block above the fork leaves, and the fork stays.
            let leaves = |fork: u64| dag.height(lowest_removed) == fork + 1;
            if is_watched && state.fork_height.is_some_and(leaves) {
                state.fork_height = None;
                state.removed = Some(change.removed.len() as u64);
            }
        }
    }

    /// Whether every node on the other side of the cut has a sink so much heavier than the node's that blocks on the way
    /// cannot turn it. Blue score stands for blue work: bits are constant here.
    fn has_lost(&self, cut: usize, node: usize) -> bool {
        let dag = self.store.dag();
        let least = dag.blue_score(self.nodes[node].sink()) + LOSING_MARGIN_BLUE_SCORE;
        self.other_side(cut, node).all(|other| dag.blue_score(self.nodes[other].sink()) >= least)
    }

    /// By how many chain blocks the node's chain is above all that it has in common with the other side of the cut.
    fn chain_blocks_apart(&self, cut: usize, node: usize) -> u64 {
        let dag = self.store.dag();
        let fork = self.fork_with_other_side(cut, node);
        dag.height(self.nodes[node].sink()) - fork.map_or(0, |fork| dag.height(fork))
    }

    /// The highest block that the node's chain has in common with a chain on the other side of the cut.
    fn fork_with_other_side(&self, cut: usize, node: usize) -> Option<BlockId> {
        let dag = self.store.dag();
        let sink = self.nodes[node].sink();
        self.other_side(cut, node).filter_map(|other| dag.fork_point(sink, self.nodes[other].sink())).max()
    }

    fn other_side(&self, cut: usize, node: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(move |&other| self.gossip.divides(cut, node, other))
    }
}
