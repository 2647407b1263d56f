//! A node whose process ends and is started again with its data.
//!
//! While it is down it finds nothing, hears nothing, refuses connections, and whatever else was planned for it waits. What
//! would have reached it is kept here, and so is what had reached it and was not processed: both are sent again. Blocks that
//! wait for a parent stay with it.
//!
//! Afterwards its peers bring it up to date, in one of three ways (`kaspa-p2p-flows` 2.1.0, `HandleRelayInvsFlow` and
//! `IbdFlow::determine_ibd_type`): block by block if little is missing, headers first and bodies in bulk if more is, and by a
//! reset to a peer's pruning point if the node does not have that block.

use std::time::Duration;

use super::{Event, Network, StepKind};
use crate::gossip::Delivery;
use crate::node::Progress;

/// Chain blocks, in powers of two at one block per second, within which a node fetches what it lacks block by block. Source:
/// `kaspa-p2p-flows` 2.1.0, `flow_context::BASELINE_ORPHAN_RESOLUTION_RANGE`; one more for each doubling of the block rate.
const BASELINE_RESOLUTION_RANGE: u32 = 5;

/// Shortest and mean further time for which a node is transitional that has to be reset when it is back.
const TRANSITION_LEAST: Duration = Duration::from_secs(1);
const TRANSITION_MEAN: Duration = Duration::from_secs(2);

/// Whether a node's process is down.
#[derive(Debug, Default)]
pub(super) struct Absence {
    /// What would have reached the node, while it is down.
    missed: Option<Vec<Delivery>>,
    until: Duration,
    /// How often it was.
    count: u64,
}

impl Network {
    /// Whether the node's process is down: it answers nobody.
    pub fn is_down(&self, node: usize) -> bool {
        self.states.get(node).is_some_and(|state| state.absence.missed.is_some())
    }

    /// When the node is back, if it is down.
    pub(super) fn down_until(&self, node: usize) -> Option<Duration> {
        self.is_down(node).then(|| self.states[node].absence.until.max(self.now))
    }

    /// Whether another node can sync from this one.
    pub(super) fn can_serve_peers(&self, node: usize) -> bool {
        self.nodes[node].progress() == Progress::InSync && !self.is_down(node)
    }

    /// Keeps what would reach a node that is down; true if it is.
    pub(super) fn misses(&mut self, delivery: Delivery) -> bool {
        let missed = self.states[delivery.to].absence.missed.as_mut();
        missed.map(|missed| missed.push(delivery)).is_some()
    }

    /// The time to which the event is put off, because the node that it concerns is down.
    pub(super) fn put_off_until(&self, event: Event) -> Option<Duration> {
        let node = match event {
            Event::EndTransition { node, .. }
            | Event::CatchUp { node, .. }
            | Event::Delete { node, .. }
            | Event::SyncAnew { node } => node,
            Event::BeginOutage(number) | Event::EndOutage(number) => match self.outages[number].kind {
                super::OutageKind::Restart { .. } => return None,
                _ => self.outages[number].node,
            },
            // Neither has anything to do while the node is down.
            Event::Mine { .. } | Event::Process { .. } => return None,
            Event::Deliver(_) | Event::BeginCut(_) | Event::HealCut(_) => return None,
        };
        self.down_until(node)
    }

    /// Ends the node's process. Overlapping absences end with the last of them.
    pub(super) fn go_down(&mut self, node: usize, until: Duration, outage: usize) -> StepKind {
        self.schedule(until.max(self.now), Event::EndOutage(outage));
        let state = &mut self.states[node];
        state.absence.until = state.absence.until.max(until);
        if state.absence.missed.is_some() {
            return StepKind::NothingToDo { node };
        }
        state.absence.count += 1;
        state.busy_until = self.now;
        state.absence.missed = Some(std::mem::take(&mut state.inbox));
        StepKind::Stopped { node }
    }

    /// Starts the node's process again, unless another absence goes on.
    pub(super) fn come_back(&mut self, node: usize) -> StepKind {
        let absence = &mut self.states[node].absence;
        if absence.until > self.now {
            return StepKind::NothingToDo { node };
        }
        let Some(missed) = absence.missed.take() else { return StepKind::NothingToDo { node } };
        match self.nearest_peer(node) {
            Some(peer) if self.needs_reset(node, peer) => {
                self.states[node].inbox = missed;
                self.schedule(self.now, Event::SyncAnew { node });
            }
            Some(peer) if self.lacks_many(node, peer) => {
                self.nodes[node].fall_behind();
                self.take_headers(node, peer);
                self.nodes[node].begin_catching_up();
                self.schedule_catch_up(node);
                self.send_missed(missed);
            }
            _ => self.send_missed(missed),
        }
        StepKind::Restarted { node }
    }

    /// Resets a node that was away for too long to its peer's pruning point.
    pub(super) fn sync_anew(&mut self, node: usize) -> StepKind {
        if let Some(peer) = self.nearest_peer(node).filter(|&peer| self.needs_reset(node, peer)) {
            let key = (node as u64) << 40 | self.states[node].absence.count;
            let mut stream = self.streams.stream("transition after a restart", key);
            let transition = TRANSITION_LEAST + stream.exponential(TRANSITION_MEAN);
            return self.begin_resync(node, peer, transition);
        }
        let missed = std::mem::take(&mut self.states[node].inbox);
        self.send_missed(missed);
        StepKind::NothingToDo { node }
    }

    /// The first other node that can serve this one and that no cut keeps from it; `None` if this one is not in sync, and has
    /// its own way to get there.
    fn nearest_peer(&self, node: usize) -> Option<usize> {
        if self.nodes[node].progress() != Progress::InSync {
            return None;
        }
        let hears = |peer: usize| peer != node && !self.gossip.are_apart(peer, node);
        (0..self.nodes.len()).find(|&peer| hears(peer) && self.can_serve_peers(peer))
    }

    /// Whether the peer has pruned what the node would need to go on from where it is.
    fn needs_reset(&self, node: usize, peer: usize) -> bool {
        !self.nodes[node].knows(self.nodes[peer].pruning_point())
    }

    /// Whether the peer's chain is so far ahead that the node asks for headers first.
    fn lacks_many(&self, node: usize, peer: usize) -> bool {
        let dag = self.store.dag();
        let (own, other) = (self.nodes[node].sink(), self.nodes[peer].sink());
        let fork = dag.fork_point(own, other).map_or(0, |fork| dag.height(fork));
        let range = BASELINE_RESOLUTION_RANGE + self.blocks_per_second.next_power_of_two().ilog2();
        dag.height(other).saturating_sub(fork) > 1 << range.min(32)
    }

    fn send_missed(&mut self, missed: Vec<Delivery>) {
        for delivery in missed {
            let at = self.now + self.gossip.delay_after_cut(&delivery);
            self.schedule(at, Event::Deliver(delivery));
        }
    }
}
