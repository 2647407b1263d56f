//! What becomes of blocks that no node has any more.

use super::{History, Network};
use crate::dag::BlockId;

impl Network {
    /// Drops the blocks that no node has and no answer can need, once all nodes have deleted more than the time before.
    ///
    /// What is still on its way to a node does not count: such a block is older than what every node keeps, and would be
    /// refused.
    pub(super) fn drop_history(&mut self) {
        if self.history == History::Kept {
            return;
        }
        let dag = self.store.dag();
        let roots = self.nodes.iter().map(|view| view.selected_chain().root());
        let common = roots.map(Some).reduce(|a, b| dag.fork_point(a?, b?)).flatten();
        let Some(root) = common.filter(|&root| root > self.history_root) else { return };
        self.history_root = root;
        let first = self.nodes.iter().map(|view| view.lowest_known()).min().unwrap_or(BlockId::GENESIS);
        let blocks = (first.0..dag.len() as u32).map(BlockId);
        let visible = blocks.filter(|&block| self.nodes.iter().any(|view| view.status(block).is_some()));
        let lowest = self.store.lowest_needed(visible);
        self.store.drop_below(lowest, root, self.workload.recent());
        for node in &mut self.nodes {
            node.forget_dropped(self.store.dag());
        }
    }
}
