//! A node that is not in sync: headers first, bodies later.
//!
//! A node falls behind when its bodies come slower than its headers, loses its data and syncs anew from another node, or is
//! reset to that node's pruning point by a pruning proof: then its sink is that point, its consensus is transitional until the
//! set of unspent outputs has come, and nothing is told of what left its chain.
//!
//! Source: `kaspa-p2p-flows` 2.1.0, `ibd::flow`; `kaspa-consensus` 2.1.0, `consensus::Consensus` (`import_pruning_points`,
//! `import_pruning_point_utxo_set`, `is_consensus_in_transitional_ibd_state`); the order of what a follower sees was
//! recorded from a node.

use super::block_set::BlockSet;
use super::pruning::{Kept, Pruning};
use super::selected_chain::SelectedChain;
use super::view::{NodeView, SinkChange};
use crate::block_store::BlockStore;
use crate::dag::{BlockId, Dag};

/// How far a node's data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It has the body of every block of which it has the header, above its pruning point.
    InSync,
    /// Headers come, bodies do not.
    HeadersOnly,
    /// It was reset to a pruning point whose unspent outputs it does not have yet.
    Transitional,
    /// Bodies come in bulk.
    CatchingUp,
}

/// Above every id that a DAG gives out.
const NONE_PENDING: BlockId = BlockId(u32::MAX);

impl NodeView {
    /// How far the node's data is.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Whether the node's consensus is in the state in which it answers no question about its chain.
    pub fn is_transitional(&self) -> bool {
        self.progress == Progress::Transitional
    }

    /// From now on headers come and bodies do not.
    pub(crate) fn fall_behind(&mut self) {
        if self.progress == Progress::InSync {
            self.progress = Progress::HeadersOnly;
            self.lowest_pending = NONE_PENDING;
        }
    }

    /// From now on bodies come again, in bulk.
    pub(crate) fn begin_catching_up(&mut self) {
        if self.progress == Progress::HeadersOnly {
            self.progress = Progress::CatchingUp;
        }
    }

    /// Processes the bodies of the next blocks that have none, at most so many, and resolves the virtual once. `None` if all
    /// have one: the node is in sync then.
    pub(crate) fn catch_up(&mut self, store: &mut BlockStore, most: usize) -> Option<SinkChange> {
        let pending = self.take_pending(store.dag(), most);
        if pending.is_empty() {
            self.progress = Progress::InSync;
            return None;
        }
        let before = self.moment();
        let mut processed = Vec::with_capacity(pending.len());
        for block in pending {
            self.add_body(store.dag(), block, &mut processed);
        }
        Some(self.resolve(store, &before, processed))
    }

    /// The node's data is lost: it has genesis alone, and takes headers.
    pub(crate) fn lose_data(&mut self, dag: &Dag) {
        self.restart_from(dag, BlockId::GENESIS);
        self.headers.insert(BlockId::GENESIS);
        self.bodies.insert(BlockId::GENESIS);
        self.progress = Progress::HeadersOnly;
    }

    /// Takes the headers that `peer` has above the pruning point.
    pub(crate) fn take_headers(&mut self, dag: &Dag, peer: &Self) {
        // Lowest first: parents before children.
        for block in peer.headers.iter_from(self.pruning.point) {
            self.receive_header(dag, block);
        }
    }

    /// The node is reset to the pruning point of `peer`, with the headers that a pruning proof and the headers above have.
    pub(crate) fn import_proof(&mut self, dag: &Dag, peer: &Self) {
        self.restart_from(dag, peer.pruning_point());
        let window = dag.blue_score(self.pruning.point).saturating_sub(self.rules.difficulty_window_size);
        for block in peer.headers.iter() {
            // Of what comes with the proof alone, a node tells nobody that it has it.
            let is_trusted = match peer.kept(dag, block) {
                Kept::Whole => true,
                Kept::Header => block != BlockId::GENESIS && dag.blue_score(block) >= window,
                Kept::Nothing => false,
            };
            if is_trusted {
                self.headers.insert(block);
            }
        }
        self.header_tip = self.heaviest_header(dag);
        self.lowest_pending = self.pruning.point;
        self.progress = Progress::Transitional;
    }

    /// The unspent outputs of the pruning point have come, and the bodies around it.
    pub(crate) fn end_transition(&mut self, dag: &Dag) {
        let point = self.pruning.point;
        let is_beside = |block: &BlockId| !dag.is_dag_ancestor(point, *block) && !dag.is_dag_ancestor(*block, point);
        let beside: Vec<BlockId> = self.headers.iter().filter(is_beside).collect();
        for block in beside.into_iter().chain([point]) {
            self.bodies.insert(block);
        }
        self.progress = Progress::CatchingUp;
    }

    fn restart_from(&mut self, dag: &Dag, root: BlockId) {
        self.headers = BlockSet::default();
        self.bodies = BlockSet::default();
        self.orphans.clear();
        self.header_tip = root;
        self.tips = vec![root];
        self.chain = SelectedChain::new(dag, root);
        self.pruning = Pruning { point: root, retention_root: root, deletion_is_due: false };
        self.virtual_block = None;
        self.lowest_pending = NONE_PENDING;
    }

    /// Takes headers above the pruning point without bodies, lowest first: parents before children.
    fn take_pending(&mut self, dag: &Dag, most: usize) -> Vec<BlockId> {
        let point = self.pruning.point;
        let headers = self.headers.iter_from(self.lowest_pending).filter(|&block| !self.bodies.contains(block));
        let pending: Vec<BlockId> = headers.filter(|&block| dag.is_dag_ancestor(point, block)).take(most).collect();
        // All others are above the last of these.
        self.lowest_pending = pending.last().copied().unwrap_or(NONE_PENDING);
        pending
    }
}
