//! What happens to single nodes: bodies that lag, blocks that are withheld, syncs from nothing, deletion of what was pruned.
//! What happens to a node whose process is down waits until it is back ([`restart`](super::restart)).

use std::time::Duration;

use super::{Event, Network, StepKind, restart::Absence};
use crate::dag::BlockId;
use crate::gossip::Delivery;
use crate::node::{Progress, SinkChange};

/// Bodies that a node processes between two resolutions of its virtual while it catches up, and the time between two.
const CATCH_UP_BLOCKS: usize = 100;
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(50);

/// How long a node waits that is to sync from one that is not in sync itself.
const PEER_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Shortest and mean further time from the move of a pruning point to the deletion of what is below.
const DELETION_LEAST: Duration = Duration::from_secs(2);
const DELETION_MEAN: Duration = Duration::from_secs(8);

/// Something that happens to one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// The node.
    pub node: usize,
    /// When it begins.
    pub at: Duration,
    /// What happens.
    pub kind: OutageKind,
}

/// What happens to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutageKind {
    /// The node gets headers and no bodies, then all missing bodies in bulk.
    BodiesLag {
        /// When the bodies come.
        until: Duration,
    },
    /// The node sends no block that it finds, then all of them at once.
    Withholding {
        /// When it sends them.
        until: Duration,
    },
    /// The node's data is replaced by what another node has: headers first, bodies later. If that node has pruned nothing
    /// yet, the node begins anew at genesis, after a restart that ends its connections. Otherwise it is reset to that
    /// node's pruning point while it runs, as a node is that was away for too long. It waits until the other is in sync.
    Resync {
        /// The other node.
        from: usize,
        /// How long the node's consensus is transitional, if it is reset.
        transition: Duration,
    },
    /// The node's process ends and is started again with its data. Meanwhile its connections are gone, attempts to connect are
    /// refused, and it finds and hears nothing; afterwards it gets from its peers what it missed.
    Restart {
        /// When it is back.
        until: Duration,
    },
}

/// A node's part in what an [`Outage`] does.
#[derive(Debug)]
pub(super) struct NodeState {
    /// Until then the node is busy with what arrived before.
    pub(super) busy_until: Duration,
    pub(super) inbox: Vec<Delivery>,
    /// Blocks that the node keeps to itself, if it does.
    withheld: Option<Vec<BlockId>>,
    withheld_until: Duration,
    bodies_lag_until: Duration,
    /// Where the node syncs from.
    pub(super) peer: Option<usize>,
    /// How often the node's data was replaced: what was planned in an earlier life happens no more.
    life: u32,
    catch_up_is_due: bool,
    deletion_is_scheduled: bool,
    deletions: u64,
    pub(super) absence: Absence,
}

impl NodeState {
    pub(super) fn new() -> Self {
        Self {
            busy_until: Duration::ZERO,
            inbox: Vec::new(),
            withheld: None,
            withheld_until: Duration::ZERO,
            bodies_lag_until: Duration::ZERO,
            peer: None,
            life: 0,
            catch_up_is_due: false,
            deletion_is_scheduled: false,
            deletions: 0,
            absence: Absence::default(),
        }
    }
}

impl Network {
    pub(super) fn begin_outage(&mut self, number: usize) -> StepKind {
        let Outage { node, kind, .. } = self.outages[number];
        let state = &mut self.states[node];
        match kind {
            OutageKind::BodiesLag { until } => {
                state.bodies_lag_until = state.bodies_lag_until.max(until);
                self.nodes[node].fall_behind();
                self.schedule(until.max(self.now), Event::EndOutage(number));
                StepKind::BodiesLag { node }
            }
            OutageKind::Withholding { until } => {
                state.withheld_until = state.withheld_until.max(until);
                state.withheld.get_or_insert_default();
                self.schedule(until.max(self.now), Event::EndOutage(number));
                StepKind::WithholdingBegan { node }
            }
            OutageKind::Resync { from, .. } if !self.can_serve_peers(from) => {
                self.schedule(self.now + PEER_RETRY_INTERVAL, Event::BeginOutage(number));
                StepKind::NothingToDo { node }
            }
            OutageKind::Resync { from, transition } => self.begin_resync(node, from, transition),
            OutageKind::Restart { until } => self.go_down(node, until, number),
        }
    }

    /// Overlapping outages of one kind end with the last of them.
    pub(super) fn end_outage(&mut self, number: usize) -> StepKind {
        let Outage { node, kind, .. } = self.outages[number];
        let state = &mut self.states[node];
        match kind {
            OutageKind::Withholding { .. } if state.withheld_until <= self.now => {
                let blocks = state.withheld.take().unwrap_or_default();
                blocks.iter().for_each(|&block| self.send_to_all(node, block));
                StepKind::WithholdingEnded { node, released: blocks.len() }
            }
            OutageKind::BodiesLag { .. }
                if state.bodies_lag_until <= self.now && self.nodes[node].progress() == Progress::HeadersOnly =>
            {
                self.nodes[node].begin_catching_up();
                self.schedule_catch_up(node);
                StepKind::CatchingUp { node }
            }
            OutageKind::Restart { .. } => self.come_back(node),
            _ => StepKind::NothingToDo { node },
        }
    }

    /// Whether the node keeps the block that it found.
    pub(super) fn withholds(&mut self, node: usize, block: BlockId) -> bool {
        let withheld = self.states[node].withheld.as_mut();
        withheld.map(|blocks| blocks.push(block)).is_some()
    }

    pub(super) fn end_transition(&mut self, node: usize, life: u32) -> StepKind {
        if self.states[node].life != life {
            return StepKind::NothingToDo { node };
        }
        self.nodes[node].end_transition(self.store.dag());
        self.schedule_catch_up(node);
        StepKind::TransitionEnded { node }
    }

    /// Processes the next bodies of a node that catches up.
    pub(super) fn catch_up(&mut self, node: usize, life: u32) -> (StepKind, Option<SinkChange>) {
        if self.states[node].life != life || self.nodes[node].progress() != Progress::CatchingUp {
            return (StepKind::NothingToDo { node }, None);
        }
        self.states[node].catch_up_is_due = false;
        let change = self.nodes[node].catch_up(&mut self.store, CATCH_UP_BLOCKS);
        if change.is_some() {
            self.schedule_catch_up(node);
            return (StepKind::BodiesProcessed { node }, change);
        }
        if let Some(back_at) = self.states[node].peer.and_then(|peer| self.down_until(peer)) {
            let life = self.states[node].life;
            self.states[node].catch_up_is_due = true;
            self.schedule(back_at, Event::CatchUp { node, life });
            return (StepKind::NothingToDo { node }, None);
        }
        // What came to the other node in the meantime.
        if let Some(peer) = self.states[node].peer.take() {
            self.nodes[node].fall_behind();
            self.take_headers(node, peer);
            self.nodes[node].begin_catching_up();
            self.schedule_catch_up(node);
            return (StepKind::CatchingUp { node }, None);
        }
        (StepKind::InSync { node }, None)
    }

    /// Sees to it that what a node pruned is deleted some time later.
    pub(super) fn schedule_deletion(&mut self, node: usize) {
        let state = &mut self.states[node];
        if !self.nodes[node].deletion_is_due() || state.deletion_is_scheduled {
            return;
        }
        state.deletion_is_scheduled = true;
        state.deletions += 1;
        let life = state.life;
        let mut stream = self.streams.stream("deletion", (node as u64) << 40 | state.deletions);
        let at = self.now + DELETION_LEAST + stream.exponential(DELETION_MEAN);
        self.schedule(at, Event::Delete { node, life });
    }

    pub(super) fn delete(&mut self, node: usize, life: u32) -> StepKind {
        if self.states[node].life != life {
            return StepKind::NothingToDo { node };
        }
        self.states[node].deletion_is_scheduled = false;
        self.nodes[node].delete_pruned(&self.store);
        self.schedule_deletion(node);
        StepKind::Deleted { node }
    }

    pub(super) fn begin_resync(&mut self, node: usize, from: usize, transition: Duration) -> StepKind {
        let state = &mut self.states[node];
        state.life += 1;
        (state.catch_up_is_due, state.deletion_is_scheduled) = (false, false);
        state.peer = Some(from);
        let (inbox, life) = (std::mem::take(&mut state.inbox), state.life);
        let mut had = self.nodes[node].received_blocks();
        had.extend(inbox.into_iter().map(|delivery| delivery.block));
        let is_pruned = self.nodes[from].pruning_point() != BlockId::GENESIS;
        let what = if is_pruned {
            self.import_proof(node, from);
            self.schedule(self.now + transition, Event::EndTransition { node, life });
            StepKind::Reset { node }
        } else {
            self.nodes[node].lose_data(self.store.dag());
            self.take_headers(node, from);
            self.nodes[node].begin_catching_up();
            self.schedule_catch_up(node);
            StepKind::Wiped { node }
        };
        self.send_again(node, from, had);
        what
    }

    /// What the node had and the other node has not is sent to it once more, as soon as that node can send to it: it may have
    /// been on its way there, or held by a cut.
    fn send_again(&mut self, node: usize, from: usize, had: Vec<BlockId>) {
        for block in had {
            let dag = self.store.dag();
            let is_lost = self.nodes[node].status(block).is_none() && self.nodes[from].status(block).is_none();
            if is_lost && dag.contains(block) && self.nodes[node].is_above_pruning_point(dag, block) {
                let delivery = Delivery { from, to: node, block };
                if self.gossip.hold(delivery).is_none() {
                    let at = self.now + self.gossip.delay_after_cut(&delivery);
                    self.schedule(at, Event::Deliver(delivery));
                }
            }
        }
    }

    fn import_proof(&mut self, node: usize, from: usize) {
        // A node does not sync from itself: that was checked, here and below.
        if let Ok([view, peer]) = self.nodes.get_disjoint_mut([node, from]) {
            view.import_proof(self.store.dag(), peer);
        }
    }

    pub(super) fn take_headers(&mut self, node: usize, from: usize) {
        if let Ok([view, peer]) = self.nodes.get_disjoint_mut([node, from]) {
            view.take_headers(self.store.dag(), peer);
        }
    }

    pub(super) fn schedule_catch_up(&mut self, node: usize) {
        let state = &mut self.states[node];
        if !std::mem::replace(&mut state.catch_up_is_due, true) {
            let life = state.life;
            self.schedule(self.now + CATCH_UP_INTERVAL, Event::CatchUp { node, life });
        }
    }
}
