//! What one node knows: a subset of the shared DAG, and what follows from it.
//!
//! Invariants: known blocks are closed under parents; `tips` are the known blocks without known children; the sink is
//! the tip with the largest (blue work, hash); `chain[h]` is the block of height h on the sink's selected chain.

use rustc_hash::FxHashMap;

use super::virtual_parents::{self, Limits};
use crate::dag::{BlockId, Dag, Ghostdag};
use crate::params::ParameterSet;
use crate::random::Streams;

/// What the arrival of a block did to a node: also when the sink did not move, because the node announces that too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkChange {
    /// Blocks that left the selected chain, tip first.
    pub removed: Vec<BlockId>,
    /// Blocks that joined the selected chain, oldest first.
    pub added: Vec<BlockId>,
    /// Blue score of the sink afterwards.
    pub sink_blue_score: u64,
    /// How many blocks became known: one, and the orphans that waited for it.
    pub accepted_blocks: usize,
}

/// One node's view.
pub struct NodeView {
    number: usize,
    streams: Streams,
    limits: Limits,
    /// One bit for each block id.
    known: Vec<u64>,
    known_count: usize,
    tips: Vec<BlockId>,
    chain: Vec<BlockId>,
    /// Blocks that wait, under the first of their parents that is unknown.
    orphans: FxHashMap<BlockId, Vec<BlockId>>,
    orphan_count: usize,
    /// GHOSTDAG of the virtual, until the tips change.
    virtual_block: Option<Ghostdag>,
}

impl NodeView {
    /// A node that knows genesis alone. `number` keys its random choices.
    pub fn new(number: usize, parameters: &ParameterSet, streams: Streams) -> Self {
        Self {
            number,
            streams,
            limits: Limits {
                max_parents: parameters.max_block_parents,
                mergeset_size_limit: parameters.mergeset_size_limit,
            },
            known: vec![1],
            known_count: 1,
            tips: vec![BlockId::GENESIS],
            chain: vec![BlockId::GENESIS],
            orphans: FxHashMap::default(),
            orphan_count: 0,
            virtual_block: None,
        }
    }

    /// The node's number in its network.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Whether the node has the block. An orphan does not count.
    pub fn knows(&self, block: BlockId) -> bool {
        self.known.get(block.index() / 64).is_some_and(|word| word >> (block.index() % 64) & 1 == 1)
    }

    /// Number of known blocks, genesis included.
    pub fn known_count(&self) -> usize {
        self.known_count
    }

    /// Number of blocks that wait for a parent.
    pub fn orphan_count(&self) -> usize {
        self.orphan_count
    }

    /// Known blocks without known children, in no particular order.
    pub fn tips(&self) -> &[BlockId] {
        &self.tips
    }

    /// The tip with the largest (blue work, hash).
    pub fn sink(&self) -> BlockId {
        self.chain.last().copied().unwrap_or(BlockId::GENESIS)
    }

    /// The selected chain from genesis to the sink, indexed by height.
    pub fn chain(&self) -> &[BlockId] {
        &self.chain
    }

    /// Whether the block is on the selected chain of the sink.
    pub fn is_chain_block(&self, dag: &Dag, block: BlockId) -> bool {
        self.chain.get(dag.height(block) as usize) == Some(&block)
    }

    /// GHOSTDAG of the virtual block, whose parents are the tips that the node would merge now. Computed when it is
    /// asked for the first time after an arrival; that somebody asks changes no later choice.
    pub fn virtual_block(&mut self, dag: &mut Dag) -> &Ghostdag {
        let ghostdag = match self.virtual_block.take() {
            Some(ghostdag) => ghostdag,
            None => self.compute_virtual(dag),
        };
        self.virtual_block.insert(ghostdag)
    }

    /// As [`NodeView::virtual_block`], for a block that is mined now and replaces the virtual.
    pub(crate) fn take_virtual_block(&mut self, dag: &mut Dag) -> Ghostdag {
        self.virtual_block.take().unwrap_or_else(|| self.compute_virtual(dag))
    }

    /// A block arrives. `None` if it waits for a parent or is known already; otherwise the node has resolved its
    /// virtual once, for this block and all orphans that it releases.
    pub fn receive(&mut self, dag: &Dag, block: BlockId) -> Option<SinkChange> {
        if self.knows(block) || self.keep_as_orphan(dag, block) {
            return None;
        }
        let known_before = self.known_count;
        let mut sink = self.sink();
        self.add(dag, block, &mut sink);
        if self.orphan_count > 0 {
            self.release_orphans(dag, block, &mut sink);
        }
        self.virtual_block = None;
        let (removed, added) = self.move_sink(dag, sink);
        let sink_blue_score = dag.blue_score(sink);
        Some(SinkChange { removed, added, sink_blue_score, accepted_blocks: self.known_count - known_before })
    }

    /// The path from `low` to the sink: blocks that are not on the selected chain, from `low` down, and the height of
    /// the first chain block after the point where `low` leaves the chain.
    ///
    /// Source: `kaspa-consensus`, `DagTraversalManager::calculate_chain_path`.
    pub fn path_from(&self, dag: &Dag, low: BlockId) -> (Vec<BlockId>, usize) {
        let mut removed = Vec::new();
        let mut fork = low;
        while !self.is_chain_block(dag, fork) {
            removed.push(fork);
            // Genesis is on every chain, and every other block has a selected parent.
            fork = dag.selected_parent(fork).unwrap_or(BlockId::GENESIS);
        }
        (removed, dag.height(fork) as usize + 1)
    }

    fn keep_as_orphan(&mut self, dag: &Dag, block: BlockId) -> bool {
        let missing = dag.parents(block).iter().copied().find(|&parent| !self.knows(parent));
        if let Some(missing) = missing {
            self.orphans.entry(missing).or_default().push(block);
            self.orphan_count += 1;
        }
        missing.is_some()
    }

    fn release_orphans(&mut self, dag: &Dag, block: BlockId, sink: &mut BlockId) {
        let mut arrived = vec![block];
        while let Some(parent) = arrived.pop() {
            for orphan in self.orphans.remove(&parent).unwrap_or_default() {
                self.orphan_count -= 1;
                // It may wait for another parent now.
                if !self.knows(orphan) && !self.keep_as_orphan(dag, orphan) {
                    self.add(dag, orphan, sink);
                    arrived.push(orphan);
                }
            }
        }
    }

    fn add(&mut self, dag: &Dag, block: BlockId, sink: &mut BlockId) {
        let word = block.index() / 64;
        if self.known.len() <= word {
            self.known.resize(word + 1, 0);
        }
        self.known[word] |= 1 << (block.index() % 64);
        self.known_count += 1;
        let parents = dag.parents(block);
        self.tips.retain(|tip| !parents.contains(tip));
        self.tips.push(block);
        if dag.compare(block, *sink).is_gt() {
            *sink = block;
        }
    }

    fn move_sink(&mut self, dag: &Dag, sink: BlockId) -> (Vec<BlockId>, Vec<BlockId>) {
        let mut added = Vec::new();
        let mut fork = sink;
        while !self.is_chain_block(dag, fork) {
            added.push(fork);
            fork = dag.selected_parent(fork).unwrap_or(BlockId::GENESIS);
        }
        added.reverse();
        let kept = dag.height(fork) as usize + 1;
        let removed = self.chain.drain(kept..).rev().collect();
        self.chain.extend_from_slice(&added);
        (removed, added)
    }

    fn compute_virtual(&self, dag: &mut Dag) -> Ghostdag {
        let sink = self.sink();
        let mut candidates: Vec<BlockId> = self.tips.iter().copied().filter(|&tip| tip != sink).collect();
        candidates.sort_unstable_by(|&a, &b| dag.compare(b, a));
        // Keyed by what the node has received, not drawn in sequence: followers may ask for the virtual, and the L1
        // must not depend on them.
        let moment = (self.number as u64) << 40 | self.known_count as u64;
        let stream = || self.streams.stream("virtual-parents", moment);
        let parents = virtual_parents::pick(dag, sink, candidates, &self.limits, stream);
        dag.preview(&parents).expect("tips, and blocks that replaced all candidates above them, are a known antichain")
    }
}
