//! The pruning point that stands in a header.
//!
//! A chain block that begins a new finality period (blue score divided by the finality depth, rounded down, above that
//! of its selected parent) is a pruning sample. Every block knows the newest sample of its past chain; the pruning point
//! of a block is the newest of these, going back from sample to sample, that is a pruning depth below it.
//!
//! Source: `kaspa-consensus`, `processes::pruning::PruningPointManager` (`expected_header_pruning_point`,
//! `is_pruning_sample`): the finality depth is the sampling interval there too. Samples are few; they outlive their
//! blocks, because headers go on naming them.

use kaspa_hashes::Hash;

use super::shelves::Shelves;
use crate::dag::BlockId;
use crate::params::ParameterSet;

/// Numbers of the samples that a block refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Points {
    /// The newest sample on the block's chain, the block included.
    newest_sample: u32,
    pruning_point: u32,
}

impl Points {
    pub(super) const GENESIS: Self = Self { newest_sample: 0, pruning_point: 0 };

    /// The lowest sample that this block, or one above it, needs: pruning points never go back along a chain.
    pub(super) fn lowest(self) -> u32 {
        self.pruning_point
    }
}

/// A chain block that may become a pruning point.
struct Sample {
    block: BlockId,
    hash: Hash,
    blue_score: u64,
    /// The newest sample below it.
    previous: u32,
}

/// All samples, on whatever chain.
pub(super) struct PruningPoints {
    finality_depth: u64,
    pruning_depth: u64,
    /// How many samples a pruning depth spans at most.
    most_steps: u64,
    samples: Shelves<Sample>,
}

impl PruningPoints {
    pub(super) fn new(parameters: &ParameterSet, genesis: Hash) -> Self {
        // Depths of zero are refused by every parameter set.
        let finality_depth = parameters.finality_depth.max(1);
        let mut samples = Shelves::default();
        samples.push(Sample { block: BlockId::GENESIS, hash: genesis, blue_score: 0, previous: 0 });
        Self {
            finality_depth,
            pruning_depth: parameters.pruning_depth,
            most_steps: parameters.pruning_depth.div_ceil(finality_depth),
            samples,
        }
    }

    /// What a block of this blue score refers to, less itself; `parent` are the points of its selected parent.
    pub(super) fn of(&self, parent: Points, parent_blue_score: u64, blue_score: u64) -> Points {
        let is_sample = self.is_sample(parent_blue_score, blue_score);
        let mut current = parent.newest_sample;
        let mut steps = 1;
        // Genesis ends the walk: it is the pruning point of its children.
        while current != parent.pruning_point
            && self.samples.get(current).blue_score + self.pruning_depth > blue_score
            && !(is_sample && steps == self.most_steps)
        {
            current = self.samples.get(current).previous;
            steps += 1;
        }
        Points { newest_sample: parent.newest_sample, pruning_point: current }
    }

    /// Whether a block begins a finality period.
    pub(super) fn is_sample(&self, parent_blue_score: u64, blue_score: u64) -> bool {
        parent_blue_score / self.finality_depth < blue_score / self.finality_depth
    }

    /// Makes a sample of the block that has these points.
    pub(super) fn add(&mut self, points: Points, block: BlockId, hash: Hash, blue_score: u64) -> Points {
        let newest_sample = self.samples.push(Sample { block, hash, blue_score, previous: points.newest_sample });
        Points { newest_sample, ..points }
    }

    pub(super) fn has_room(&self) -> bool {
        self.samples.has_room_for(1)
    }

    pub(super) fn pruning_point(&self, points: Points) -> BlockId {
        self.samples.get(points.pruning_point).block
    }

    pub(super) fn pruning_point_hash(&self, points: Points) -> Hash {
        self.samples.get(points.pruning_point).hash
    }

    /// The newest sample on the chain of `block`, itself excluded; genesis for genesis.
    pub(super) fn sample_below(&self, points: Points, block: BlockId) -> BlockId {
        let newest = self.samples.get(points.newest_sample);
        if newest.block == block { self.samples.get(newest.previous).block } else { newest.block }
    }

    /// Forgets the samples with lower numbers.
    pub(super) fn drop_below(&mut self, lowest: u32) {
        self.samples.drop_below(lowest);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.samples.heap_bytes()
    }
}
