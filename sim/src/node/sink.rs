//! Which tip becomes the sink, and which others the virtual may merge.
//!
//! Source: `kaspa-consensus` 2.1.0, `pipeline::virtual_processor::processor` (`resolve_virtual`, `sink_search_algorithm`,
//! `virtual_finality_point`) and `processes::block_depth`. The node computes the finality point of its virtual at every
//! arrival. Here the same is decided without it wherever the blue score of the sink, which bounds that of the virtual, is
//! enough; the virtual is computed only for a fork within one mergeset of the finality depth.

use super::view::{Moment, NodeView};
use crate::block_store::BlockStore;
use crate::dag::{BlockId, Dag};

impl NodeView {
    /// The heaviest block in the past of the tips, tips included, whose chain has the finality point of the virtual of
    /// `before`. The sink is still the one of that moment.
    pub(super) fn search_sink(&self, store: &mut BlockStore, before: &Moment) -> BlockId {
        let (old, dag) = (self.sink(), store.dag());
        let heaviest = self.tips.iter().copied().max_by(|&a, &b| dag.compare(a, b)).unwrap_or(old);
        if heaviest == old || self.keeps_finality(store, before, heaviest) {
            return heaviest;
        }
        let point = self.lowest_finality_point(store.dag());
        // Invariant: no candidate is in the past of another.
        let mut candidates = self.tips.clone();
        candidates.retain(|&tip| store.dag().is_dag_ancestor(point, tip));
        loop {
            let dag = store.dag();
            let heaviest = (0..candidates.len()).max_by(|&a, &b| dag.compare(candidates[a], candidates[b]));
            // The old sink is a candidate or in the past of one, and keeps finality: something is always left.
            let Some(position) = heaviest else { return old };
            let candidate = candidates.swap_remove(position);
            if self.keeps_finality(store, before, candidate) {
                return candidate;
            }
            let dag = store.dag();
            for &parent in dag.parents(candidate) {
                if dag.is_dag_ancestor(point, parent)
                    && !candidates.iter().any(|&other| dag.is_dag_ancestor(parent, other))
                {
                    candidates.push(parent);
                }
            }
        }
    }

    /// The blocks that a virtual on `sink` may merge, largest (blue work, hash) first: what the search for the sink left
    /// over, above the merge depth root.
    pub(super) fn merge_candidates(&self, dag: &Dag, sink: BlockId, tips: &[BlockId]) -> Vec<BlockId> {
        if tips == [sink] {
            return Vec::new();
        }
        let point = self.lowest_finality_point(dag);
        let mut candidates: Vec<BlockId> =
            tips.iter().copied().filter(|&tip| tip != sink && dag.is_dag_ancestor(point, tip)).collect();
        // A tip that finality forbids is replaced by its parents, as in the search.
        while let Some(position) = candidates.iter().position(|&candidate| dag.compare(candidate, sink).is_gt()) {
            let refused = candidates.swap_remove(position);
            for &parent in dag.parents(refused) {
                let mut others = candidates.iter().copied().chain([sink]);
                if dag.is_dag_ancestor(point, parent) && !others.any(|other| dag.is_dag_ancestor(parent, other)) {
                    candidates.push(parent);
                }
            }
        }
        // The sink may have been reached below such a tip, and a candidate may then be above it no more.
        candidates.retain(|&candidate| !dag.is_dag_ancestor(candidate, sink) && !dag.is_dag_ancestor(sink, candidate));
        let merge_root_score = dag.blue_score(sink).checked_sub(self.rules.limits.merge_depth);
        if let Some(root) = merge_root_score.and_then(|score| self.chain.below_blue_score(dag, score)) {
            candidates.retain(|&candidate| dag.blue_work(candidate) >= dag.blue_work(root));
        }
        candidates.sort_unstable_by(|&a, &b| dag.compare(b, a));
        candidates
    }

    /// A lower bound of the finality point: that of a virtual with the least blue score that one on this sink can have. The
    /// pruning point where it would be below.
    pub(super) fn lowest_finality_point(&self, dag: &Dag) -> BlockId {
        let least = (dag.blue_score(self.sink()) + 1).checked_sub(self.rules.finality_depth);
        let point = least.and_then(|score| self.chain.below_blue_score(dag, score));
        let pruning_point = self.pruning_point();
        point.map_or(pruning_point, |point| point.max(pruning_point))
    }

    /// Whether the finality point of the virtual of `before` is on the chain of `candidate`.
    fn keeps_finality(&self, store: &mut BlockStore, before: &Moment, candidate: BlockId) -> bool {
        let dag = store.dag();
        let sink = self.sink();
        // A fork that was dropped is below everything that the node keeps.
        let Some(fork) = dag.fork_point(candidate, sink) else { return false };
        if fork == sink {
            return true;
        }
        if dag.height(fork) < dag.height(self.pruning_point()) {
            return false;
        }
        // The fork is below the finality point exactly if the chain block above it has a blue score below that of the
        // virtual less the depth.
        let Some(above) = self.chain.get(dag.height(fork) + 1) else { return false };
        let limit = dag.blue_score(above) + self.rules.finality_depth;
        let least = dag.blue_score(sink) + 1;
        let most = dag.blue_score(sink) + self.rules.limits.mergeset_size_limit as u64;
        if limit < least {
            false
        } else if limit >= most {
            true
        } else {
            limit >= self.virtual_at(store.dag_mut(), before).blue_score()
        }
    }
}
