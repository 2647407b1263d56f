//! Random plans of DAGs: who sees what when it mines.

use proptest::prelude::*;
use sim::dag::Limits;

use crate::model::{BlockSet, Model};

/// Works 2, 4 and 6, so that equal blue works are common and hashes decide.
const SIMILAR_BITS: [u32; 3] = [0x207f_ffff, 0x203f_ffff, 0x202a_aaaa];
/// Works from 2 to more than 2^40.
const VARYING_BITS: [u32; 5] = [0x207f_ffff, 0x2000_ffff, 0x1e7f_ffff, 0x1d00_ffff, 0x1b01_0000];

/// What is special about a DAG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Everybody sees nearly everything.
    Plain,
    /// Two halves do not see each other for a while, again and again.
    Cut,
    /// One half hides its blocks for a while and sees the other's.
    Withheld,
    /// k from 0 to 3, or larger than the DAG.
    ExtremeK,
    /// Many blocks at a time.
    Wide,
    /// Blocks of very different work.
    VaryingBits,
}

impl Family {
    pub const ALL: [Self; 6] = [Self::Plain, Self::Cut, Self::Withheld, Self::ExtremeK, Self::Wide, Self::VaryingBits];
}

/// How one block is grown.
#[derive(Debug, Clone)]
pub struct Growth {
    pub hash_seed: u16,
    pub bits: u32,
    /// Which of the recent blocks that the miner may see it does see, newest first.
    seen: u16,
    /// Which half mines it.
    right_half: bool,
    reverse_parents: bool,
    /// For laws that need a choice of their own for each block.
    pub choice: u16,
}

/// Who does not see whom in every other phase of this many blocks.
#[derive(Debug, Clone, Copy)]
enum Split {
    None,
    Cut(usize),
    Withheld(usize),
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub k: u16,
    pub difficulty_window_size: u64,
    /// Narrow ones, for laws that want them.
    pub limits: Limits,
    split: Split,
    /// Number of newest blocks that nobody sees yet.
    delay: usize,
    pub growth: Vec<Growth>,
}

impl Plan {
    /// Parents of the next block of `model`: what its miner sees, without what is in the past of the rest.
    pub fn parents(&self, model: &Model) -> Vec<usize> {
        let number = model.blocks.len();
        let growth = &self.growth[number - 1];
        let visible = self.visible(number);
        let recent = visible.iter().rev().take(16).enumerate();
        let mut seen: BlockSet = recent.filter(|(place, _)| growth.seen >> place & 1 == 1).map(|(_, id)| id).collect();
        if seen.len() == 0 {
            seen.insert(visible.iter().next_back().unwrap_or(0));
        }
        let mut parents = model.maximal(seen);
        if growth.reverse_parents {
            parents.reverse();
        }
        parents
    }

    /// Blocks that the miner of a block may build on.
    fn visible(&self, number: usize) -> BlockSet {
        let is_right = |number: usize| self.growth[number - 1].right_half;
        let newest = number.saturating_sub(self.delay).max(1);
        let sees_of_this_phase = |other: usize| match self.split {
            Split::None => true,
            Split::Cut(_) => is_right(other) == is_right(number),
            Split::Withheld(_) => is_right(number) || !is_right(other),
        };
        let phase = match self.split {
            Split::None => usize::MAX,
            Split::Cut(phase) | Split::Withheld(phase) => phase,
        };
        let phase_start = if number / phase % 2 == 1 { number - number % phase } else { number };
        (0..newest).filter(|&other| other < phase_start || sees_of_this_phase(other)).collect()
    }
}

/// Plans of 20 to 80 blocks.
pub fn plans(family: Family) -> impl Strategy<Value = Plan> {
    let few_splits = prop_oneof![Just(Split::None), (4..24usize).prop_map(Split::Cut)];
    let (k, split, delay) = match family {
        Family::Plain => ((2..8u16).boxed(), Just(Split::None).boxed(), (0..3usize).boxed()),
        Family::Cut => ((0..8u16).boxed(), (4..24usize).prop_map(Split::Cut).boxed(), (0..3usize).boxed()),
        Family::Withheld => ((0..8u16).boxed(), (4..24usize).prop_map(Split::Withheld).boxed(), (0..3usize).boxed()),
        Family::ExtremeK => (
            prop_oneof![3 => 0..4u16, 1 => Just(124u16), 1 => Just(u16::MAX)].boxed(),
            few_splits.boxed(),
            (0..6usize).boxed(),
        ),
        Family::Wide => ((0..16u16).boxed(), few_splits.boxed(), (5..16usize).boxed()),
        Family::VaryingBits => ((0..8u16).boxed(), few_splits.boxed(), (0..6usize).boxed()),
    };
    let bits: &'static [u32] = if family == Family::VaryingBits { &VARYING_BITS } else { &SIMILAR_BITS };
    let growth = (any::<u16>(), 0..bits.len(), any::<u16>(), any::<bool>(), any::<bool>(), any::<u16>());
    let growth = growth.prop_map(|(hash_seed, bits_index, seen, right_half, reverse_parents, choice)| Growth {
        hash_seed,
        bits: bits[bits_index],
        seen,
        right_half,
        reverse_parents,
        choice,
    });
    let window = prop_oneof![Just(u64::MAX), 3..20u64];
    (k, window, limits(), split, delay, prop::collection::vec(growth, 20..=80)).prop_map(
        |(k, difficulty_window_size, limits, split, delay, growth)| Plan {
            k,
            difficulty_window_size,
            limits,
            split,
            delay,
            growth,
        },
    )
}

/// Limits near to what the plans reach.
fn limits() -> impl Strategy<Value = Limits> {
    (2..8usize, 3..20usize, 1..16u64).prop_map(|(max_block_parents, mergeset_size_limit, merge_depth)| Limits {
        max_block_parents,
        mergeset_size_limit,
        merge_depth,
    })
}
