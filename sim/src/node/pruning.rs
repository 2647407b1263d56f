//! How a node's pruning point advances, and what it deletes.
//!
//! The pruning point moves with the sink, and the retention root at once with it; the data below is deleted later,
//! in the background, and meanwhile the pruning point stays where it is. Deletion keeps whole blocks in the pruning
//! point's future and anticone, headers alone of a stretch below it (DAA windows and the pruning proof) and of genesis, and
//! forgets everything else.
//!
//! Source: `kaspa-consensus` 2.1.0, `pipeline::pruning_processor::processor` (`advance_pruning_point_if_possible`, `prune`),
//! `processes::pruning` (`next_pruning_points`), `processes::pruning_proof` (trusted data). Proofs of higher levels are not
//! modelled, but for genesis, which every proof ends with.

use super::sync::Progress;
use super::view::NodeView;
use crate::block_store::BlockStore;
use crate::dag::{BlockId, Dag};

/// Headers that a pruning proof has of level 0, in blocks below the pruning point: twice `pruning_proof_m`.
///
/// Source: `kaspa-consensus-core`, `config::params`.
const PROOF_HEADERS: u64 = 2 * 1_000;

/// Where a node's data begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pruning {
    pub(super) point: BlockId,
    pub(super) retention_root: BlockId,
    pub(super) deletion_is_due: bool,
}

impl Default for Pruning {
    fn default() -> Self {
        Self { point: BlockId::GENESIS, retention_root: BlockId::GENESIS, deletion_is_due: false }
    }
}

impl NodeView {
    /// The pruning point.
    pub fn pruning_point(&self) -> BlockId {
        self.pruning.point
    }

    /// The lowest block from which the node serves its chain.
    pub fn retention_root(&self) -> BlockId {
        self.pruning.retention_root
    }

    /// Whether the node still has what is below its retention root.
    pub fn deletion_is_due(&self) -> bool {
        self.pruning.deletion_is_due
    }

    /// Whether the node has GHOSTDAG data of a block of which it has the header. Of genesis, the end of every pruning proof,
    /// the header alone is kept.
    pub fn has_ghostdag(&self, block: BlockId) -> bool {
        block != BlockId::GENESIS || self.bodies.contains(block)
    }

    /// The lowest block that the node has anything of, but for genesis when all around it is deleted.
    pub(crate) fn lowest_known(&self) -> BlockId {
        let genesis_alone = !self.bodies.contains(BlockId::GENESIS);
        let skipped = if genesis_alone { BlockId(1) } else { BlockId::GENESIS };
        self.headers.iter_from(skipped).next().unwrap_or(BlockId::GENESIS)
    }

    /// Forgets what the DAG has no more: orphans, and the header of genesis.
    pub(crate) fn forget_dropped(&mut self, dag: &Dag) {
        if !dag.contains(BlockId::GENESIS) {
            self.headers.remove(BlockId::GENESIS);
            self.headers.shrink();
        }
        self.orphans.retain(|block| dag.contains(block));
    }

    /// Moves the pruning point to that of the sink's header, unless what is below the present one is not deleted yet.
    pub(super) fn advance_pruning_point(&mut self, store: &BlockStore) {
        if self.pruning.deletion_is_due || self.progress == Progress::Transitional {
            return;
        }
        let (dag, sink, point) = (store.dag(), self.sink(), self.pruning.point);
        if dag.blue_score(sink) < dag.blue_score(point) + self.rules.pruning_depth {
            return;
        }
        let next = store.pruning_point(sink);
        if next > point {
            self.pruning = Pruning { point: next, retention_root: next, deletion_is_due: true };
        }
    }

    /// Deletes what is below the retention root, and lets the pruning point move on.
    pub(crate) fn delete_pruned(&mut self, store: &BlockStore) {
        let dag = store.dag();
        let root = self.pruning.retention_root;
        self.tips.retain(|&tip| dag.is_dag_ancestor(root, tip));
        let kept: Vec<(BlockId, Kept)> = self.headers.iter().map(|block| (block, self.kept(dag, block))).collect();
        for (block, kept) in kept {
            if kept != Kept::Whole {
                self.bodies.remove(block);
            }
            if kept == Kept::Nothing {
                self.headers.remove(block);
            }
        }
        self.orphans.retain(|block| dag.contains(block) && dag.is_dag_ancestor(root, block));
        self.headers.shrink();
        self.bodies.shrink();
        self.chain.forget_below(dag, root);
        if !self.headers.contains(self.header_tip) {
            self.header_tip = self.heaviest_header(dag);
        }
        self.virtual_block = None;
        self.pruning.deletion_is_due = false;
        self.advance_pruning_point(store);
    }

    pub(super) fn heaviest_header(&self, dag: &Dag) -> BlockId {
        let headers = self.headers.iter().filter(|&block| block >= self.pruning.point);
        headers.max_by(|&a, &b| dag.compare(a, b)).unwrap_or(self.pruning.point)
    }

    /// What a node with this pruning point keeps of a block.
    pub(super) fn kept(&self, dag: &Dag, block: BlockId) -> Kept {
        let root = self.pruning.retention_root;
        if dag.is_dag_ancestor(root, block) {
            return Kept::Whole;
        }
        if dag.is_dag_ancestor(block, root) {
            let depth = self.rules.difficulty_window_size.max(PROOF_HEADERS);
            let is_near = dag.blue_score(block) + depth >= dag.blue_score(root);
            return if is_near || block == BlockId::GENESIS { Kept::Header } else { Kept::Nothing };
        }
        // In the anticone: whole, if anything that the virtual may be built on has merged it.
        let is_merged = self.tips.iter().any(|&tip| dag.is_dag_ancestor(block, tip));
        if is_merged { Kept::Whole } else { Kept::Nothing }
    }
}

/// What is kept of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Nothing,
    Header,
    Whole,
}
