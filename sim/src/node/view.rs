//! What one node knows: a part of the shared DAG, and what follows from it.
//!
//! Invariants: a block with a body has a header; `tips` are the blocks with bodies whose known children have none; the
//! sink is the heaviest tip that finality allows ([`sink`](super::sink)); the selected chain reaches from the
//! retention root, or what was one until deletion is done, to the sink.
//!
//! A node that is not in sync takes headers alone ([`sync`](super::sync)); what it gets meanwhile has no body until it
//! catches up.

use super::block_set::BlockSet;
use super::orphans::Orphans;
use super::pruning::Pruning;
use super::selected_chain::{ChainChange, SelectedChain};
use super::sync::Progress;
use super::virtual_parents::{self, Limits};
use crate::block_store::BlockStore;
use crate::dag::{BlockId, Dag, Ghostdag};
use crate::params::ParameterSet;
use crate::random::Streams;

/// What a node has of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockStatus {
    /// Its header: the body was not downloaded yet, or was deleted.
    HeaderOnly,
    /// Header and body.
    Full,
}

/// What the arrival of blocks did to a node: also when the sink did not move, because the node announces that too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkChange {
    /// Blocks that left the selected chain, tip first.
    pub removed: Vec<BlockId>,
    /// Blocks that joined the selected chain, oldest first.
    pub added: Vec<BlockId>,
    /// Blue score of the sink afterwards.
    pub sink_blue_score: u64,
    /// The blocks whose bodies were processed since the change before, in the order in which they were.
    pub blocks: Vec<BlockId>,
}

/// What a node's consensus rules depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) limits: Limits,
    pub(super) finality_depth: u64,
    pub(super) pruning_depth: u64,
    pub(super) difficulty_window_size: u64,
}

/// One node's view.
pub struct NodeView {
    number: usize,
    streams: Streams,
    pub(super) rules: Rules,
    pub(super) headers: BlockSet,
    pub(super) bodies: BlockSet,
    pub(super) header_tip: BlockId,
    pub(super) tips: Vec<BlockId>,
    pub(super) chain: SelectedChain,
    pub(super) orphans: Orphans,
    pub(super) pruning: Pruning,
    pub(super) progress: Progress,
    /// No header below it, above the pruning point, lacks its body.
    pub(super) lowest_pending: BlockId,
    /// Bodies processed ever: what a draw of this moment is keyed by.
    processed: u64,
    /// GHOSTDAG of the virtual, until the tips change.
    pub(super) virtual_block: Option<Ghostdag>,
}

/// The tips of a moment, for a virtual that is asked for later.
pub(super) struct Moment {
    tips: Vec<BlockId>,
    processed: u64,
}

impl NodeView {
    /// A node that knows genesis alone. `number` keys its random choices.
    pub fn new(number: usize, parameters: &ParameterSet, streams: Streams, dag: &Dag) -> Self {
        let mut known = BlockSet::default();
        known.insert(BlockId::GENESIS);
        Self {
            number,
            streams,
            rules: Rules {
                limits: Limits {
                    max_parents: parameters.max_block_parents,
                    mergeset_size_limit: parameters.mergeset_size_limit,
                    merge_depth: parameters.merge_depth,
                },
                finality_depth: parameters.finality_depth,
                pruning_depth: parameters.pruning_depth,
                difficulty_window_size: parameters.difficulty_window_size,
            },
            headers: known.clone(),
            bodies: known,
            header_tip: BlockId::GENESIS,
            tips: vec![BlockId::GENESIS],
            chain: SelectedChain::new(dag, BlockId::GENESIS),
            orphans: Orphans::default(),
            pruning: Pruning::default(),
            progress: Progress::InSync,
            lowest_pending: BlockId::GENESIS,
            processed: 0,
            virtual_block: None,
        }
    }

    /// The node's number in its network.
    pub fn number(&self) -> usize {
        self.number
    }

    /// What the node has of the block; `None` if it never saw the block, holds it as an orphan, or deleted it.
    pub fn status(&self, block: BlockId) -> Option<BlockStatus> {
        if self.bodies.contains(block) {
            Some(BlockStatus::Full)
        } else {
            self.headers.contains(block).then_some(BlockStatus::HeaderOnly)
        }
    }

    /// Whether the node has the block's body. An orphan does not count.
    pub fn knows(&self, block: BlockId) -> bool {
        self.bodies.contains(block)
    }

    /// Number of blocks with bodies, genesis included.
    pub fn known_count(&self) -> usize {
        self.bodies.len()
    }

    /// The blocks that reached the node and were not deleted: those with headers, then those that wait for a parent.
    pub(crate) fn received_blocks(&self) -> Vec<BlockId> {
        self.headers.iter().chain(self.orphans.blocks()).collect()
    }

    /// Heap memory in bytes, about.
    pub fn heap_bytes(&self) -> usize {
        let ids = self.tips.capacity() + self.chain.capacity() + 2 * self.orphans.len();
        ids * size_of::<BlockId>() + self.headers.heap_bytes() + self.bodies.heap_bytes()
    }

    /// Number of blocks that wait for a parent.
    pub fn orphan_count(&self) -> usize {
        self.orphans.len()
    }

    /// Blocks with bodies whose children, if any, have none; in no particular order.
    pub fn tips(&self) -> &[BlockId] {
        &self.tips
    }

    /// The tip of the selected chain.
    pub fn sink(&self) -> BlockId {
        self.chain.tip()
    }

    /// The header with the largest (blue work, hash): the sink, unless bodies are missing or finality forbids it.
    pub fn header_tip(&self) -> BlockId {
        self.header_tip
    }

    /// The selected chain.
    pub fn selected_chain(&self) -> &SelectedChain {
        &self.chain
    }

    /// The blocks of the selected chain, lowest retained first.
    pub fn chain(&self) -> &[BlockId] {
        self.chain.blocks()
    }

    /// Whether the block is on the selected chain of the sink, at or above the lowest retained block.
    pub fn is_chain_block(&self, dag: &Dag, block: BlockId) -> bool {
        self.chain.contains(dag, block)
    }

    /// GHOSTDAG of the virtual block, whose parents are the tips that the node would merge now. Computed when it is
    /// asked for the first time after an arrival; that somebody asks changes no later choice.
    pub fn virtual_block(&mut self, dag: &mut Dag) -> &Ghostdag {
        let ghostdag = self.take_virtual_block(dag);
        self.virtual_block.insert(ghostdag)
    }

    /// As [`NodeView::virtual_block`], for a block that is mined now and replaces the virtual.
    pub(crate) fn take_virtual_block(&mut self, dag: &mut Dag) -> Ghostdag {
        self.virtual_block.take().unwrap_or_else(|| self.compute_virtual(dag, &self.tips, self.processed))
    }

    /// Blocks arrive together. `None` if none of them is new and complete; otherwise the node has resolved its virtual
    /// once, for these blocks and all orphans that they release. A node that is not in sync takes the headers.
    pub fn receive(&mut self, store: &mut BlockStore, blocks: &[BlockId]) -> Option<SinkChange> {
        if self.progress != Progress::InSync {
            blocks.iter().for_each(|&block| self.receive_header(store.dag(), block));
            return None;
        }
        let before = self.moment();
        let mut processed = Vec::new();
        for &block in blocks {
            self.receive_body(store.dag(), block, &mut processed);
        }
        (!processed.is_empty()).then(|| self.resolve(store, &before, processed))
    }

    /// The path from `low`, which has the lowest retained chain block on its chain, to the sink: blocks that are not on the
    /// selected chain, from `low` down, and the height of the first chain block after the point where `low` leaves the chain.
    ///
    /// Source: `kaspa-consensus`, `DagTraversalManager::calculate_chain_path`.
    pub fn path_from(&self, dag: &Dag, low: BlockId) -> (Vec<BlockId>, u64) {
        let mut removed = Vec::new();
        let mut fork = low;
        while !self.chain.contains(dag, fork) {
            removed.push(fork);
            match dag.selected_parent(fork) {
                Some(parent) => fork = parent,
                None => break,
            }
        }
        (removed, dag.height(fork) + 1)
    }

    pub(super) fn receive_header(&mut self, dag: &Dag, block: BlockId) {
        let mut arrived = vec![block];
        while let Some(block) = arrived.pop() {
            if self.headers.contains(block) || self.keep_as_orphan(dag, block) {
                continue;
            }
            self.add_header(dag, block);
            arrived.extend(self.orphans.release(block));
        }
    }

    fn receive_body(&mut self, dag: &Dag, block: BlockId, processed: &mut Vec<BlockId>) {
        if self.bodies.contains(block) || self.keep_as_orphan(dag, block) {
            return;
        }
        self.add_body(dag, block, processed);
        if self.orphans.len() == 0 {
            return;
        }
        let mut arrived = vec![block];
        while let Some(parent) = arrived.pop() {
            for orphan in self.orphans.release(parent) {
                // It may wait for another parent now.
                if !self.bodies.contains(orphan) && !self.keep_as_orphan(dag, orphan) {
                    self.add_body(dag, orphan, processed);
                    arrived.push(orphan);
                }
            }
        }
    }

    /// Whether the node takes such a block at all: what is not above the pruning point it refuses.
    ///
    /// Source: `kaspa-consensus`, `header_processor::pre_pow_validation` (`check_pruning_violation`).
    pub(crate) fn is_above_pruning_point(&self, dag: &Dag, block: BlockId) -> bool {
        let point = self.pruning.point;
        point == BlockId::GENESIS || dag.is_dag_ancestor(point, block)
    }

    /// Whether the block cannot be added yet, or never.
    fn keep_as_orphan(&mut self, dag: &Dag, block: BlockId) -> bool {
        if !self.is_above_pruning_point(dag, block) {
            return true;
        }
        let known = if self.progress == Progress::InSync { &self.bodies } else { &self.headers };
        let missing = dag.parents(block).iter().copied().find(|&parent| !known.contains(parent));
        if let Some(missing) = missing {
            self.orphans.keep(missing, block);
        }
        missing.is_some()
    }

    pub(super) fn add_header(&mut self, dag: &Dag, block: BlockId) {
        if self.headers.insert(block) {
            self.lowest_pending = self.lowest_pending.min(block);
        }
        if dag.compare(block, self.header_tip).is_gt() {
            self.header_tip = block;
        }
    }

    pub(super) fn add_body(&mut self, dag: &Dag, block: BlockId, processed: &mut Vec<BlockId>) {
        self.add_header(dag, block);
        self.bodies.insert(block);
        self.processed += 1;
        let parents = dag.parents(block);
        self.tips.retain(|tip| !parents.contains(tip));
        self.tips.push(block);
        processed.push(block);
    }

    /// What the virtual of now depends on.
    pub(super) fn moment(&self) -> Moment {
        Moment { tips: self.tips.clone(), processed: self.processed }
    }

    /// Resolves the virtual after these blocks were processed.
    pub(super) fn resolve(&mut self, store: &mut BlockStore, before: &Moment, blocks: Vec<BlockId>) -> SinkChange {
        let sink = self.search_sink(store, before);
        self.virtual_block = None;
        let dag = store.dag();
        let ChainChange { removed, added } = self.chain.move_to(dag, sink);
        self.advance_pruning_point(store);
        SinkChange { removed, added, sink_blue_score: store.dag().blue_score(sink), blocks }
    }

    /// GHOSTDAG of the virtual of an earlier moment, while the sink is still what it was then.
    pub(super) fn virtual_at(&self, dag: &mut Dag, moment: &Moment) -> Ghostdag {
        self.compute_virtual(dag, &moment.tips, moment.processed)
    }

    fn compute_virtual(&self, dag: &mut Dag, tips: &[BlockId], processed: u64) -> Ghostdag {
        let sink = self.sink();
        let candidates = self.merge_candidates(dag, sink, tips);
        // Keyed by what the node has received, not drawn in sequence: followers may ask for the virtual, and the L1
        // must not depend on them.
        let moment = (self.number as u64) << 40 | processed;
        let stream = || self.streams.stream("virtual-parents", moment);
        virtual_parents::pick(dag, sink, candidates, &self.rules.limits, stream)
    }
}
