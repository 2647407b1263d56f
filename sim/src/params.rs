//! Consensus parameters of a simulated network, as named sets.
//!
//! A real node does not check parameter overrides against each other; a set here is checked before it is used, unless
//! it says that it is meant to break the rules. Invariant of a checked set: every number is in the range that the types
//! and arithmetic of the node and of the simulation can carry, also in a set that is `unchecked`.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest depth and window in blocks: three thousand years at ten blocks per second, so that no sum of depths overflows.
const MOST_BLOCKS: u64 = 1_000_000_000_000;

/// Longest name of a set, in bytes; it stands in one line of output.
const LONGEST_NAME: usize = 64;

/// Consensus parameters of one network. All depths and windows are in blocks (blue score or DAA score), not in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenParameters")]
pub struct ParameterSet {
    /// Name under which the set is asked for and reported.
    pub name: String,
    /// Expected number of blocks that the whole network mines per second; divides 1,000, because the node keeps the time
    /// for a block in whole milliseconds. Source: `kaspa-consensus-core`, `config::bps::Bps::target_time_per_block`.
    pub blocks_per_second: u64,
    /// Largest blue anticone of a blue block: the k of GHOSTDAG.
    pub ghostdag_k: u16,
    /// Largest number of direct parents of a block; an 8-bit number in the node. Source: `kaspa-consensus-core`,
    /// `config::params::BlockrateParams::max_block_parents`.
    pub max_block_parents: usize,
    /// Largest mergeset of a block, its selected parent included.
    pub mergeset_size_limit: usize,
    /// Blue depth below which a block can no longer be merged.
    pub merge_depth: u64,
    /// Blue depth from which a chain block cannot be reorganised.
    pub finality_depth: u64,
    /// Blue depth at which block data is deleted.
    pub pruning_depth: u64,
    /// Length of the DAA window in blocks; in the node the sampled window size times the sample rate.
    pub difficulty_window_size: u64,
    /// Skips the relation between the depths, as a node given overrides does. Values of zero are refused all the same.
    pub unchecked: bool,
}

/// A parameter set as somebody wrote it: numbers of either sign, nothing checked. What the fields mean stands at
/// [`ParameterSet`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the set that it becomes")]
pub struct WrittenParameters {
    pub name: String,
    pub blocks_per_second: i64,
    pub ghostdag_k: i64,
    pub max_block_parents: i64,
    pub mergeset_size_limit: i64,
    pub merge_depth: i64,
    pub finality_depth: i64,
    pub pruning_depth: i64,
    pub difficulty_window_size: i64,
    #[serde(default)]
    pub unchecked: bool,
}

/// Why a parameter set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// No built-in set has this name.
    #[error("no parameter set is named `{name}`; the sets are {}", ParameterSet::NAMES.join(", "))]
    UnknownName {
        /// The name that was asked for.
        name: String,
    },
    /// A value is outside what the simulation can work with.
    #[error("parameter set `{set}`: `{field}` is {value}, it must be from {least} to {most}")]
    OutOfRange {
        /// Name of the set.
        set: String,
        /// Name of the field.
        field: &'static str,
        /// What the field says.
        value: i128,
        /// Smallest usable value.
        least: u64,
        /// Largest usable value.
        most: u64,
    },
    /// The name cannot stand in a line of output.
    #[error("`name` of the parameter set must have from 1 to {LONGEST_NAME} bytes and no control characters")]
    Name,
    /// The time from block to block is no whole number of milliseconds.
    #[error(
        "parameter set `{set}`: `blocks_per_second` is {value}, the time for a block must be a whole number of milliseconds"
    )]
    FractionalInterval {
        /// Name of the set.
        set: String,
        /// The rate.
        value: u64,
    },
    /// A block could not merge what GHOSTDAG may colour blue in it.
    #[error(
        "parameter set `{set}`: `mergeset_size_limit` is {value}, it must be above `ghostdag_k`, which is {ghostdag_k}"
    )]
    MergesetTooSmall {
        /// Name of the set.
        set: String,
        /// The limit of the set.
        value: usize,
        /// Its k.
        ghostdag_k: u16,
    },
    /// Pruning points are a finality depth apart: one would fall due when another becomes prunable.
    #[error(
        "parameter set `{set}`: `pruning_depth` is {value}, it must be more than ghostdag_k = {ghostdag_k} blocks away from \
         every multiple of `finality_depth`, which is {finality_depth}"
    )]
    PruningNearFinality {
        /// Name of the set.
        set: String,
        /// The pruning depth of the set.
        value: u64,
        /// Its k.
        ghostdag_k: u16,
        /// Its finality depth.
        finality_depth: u64,
    },
    /// A depth is above another that must contain it.
    #[error("parameter set `{set}`: `{field}` is {value}, above `{bound_field}`, which is {bound}")]
    AboveOther {
        /// Name of the set.
        set: String,
        /// The field that is too large.
        field: &'static str,
        /// Its value.
        value: u64,
        /// The field that bounds it.
        bound_field: &'static str,
        /// The value of the bound.
        bound: u64,
    },
    /// The pruning depth does not leave room for every block that may still be needed.
    #[error(
        "parameter set `{set}`: `pruning_depth` is {value}, below finality_depth + 2 x merge_depth + 4 x \
         mergeset_size_limit x ghostdag_k + 2 x ghostdag_k + 2, which is {bound}"
    )]
    PruningTooShallow {
        /// Name of the set.
        set: String,
        /// The pruning depth of the set.
        value: u64,
        /// The smallest safe pruning depth.
        bound: u64,
    },
}

impl ParameterSet {
    /// Names of the built-in sets.
    pub const NAMES: [&'static str; 3] = ["storm", "deep", "mainnet"];

    /// Shallow depths, so that finality and pruning happen within seconds and minutes of simulated time.
    pub fn storm() -> Self {
        Self {
            name: "storm".to_owned(),
            blocks_per_second: 10,
            ghostdag_k: 10,
            max_block_parents: 10,
            mergeset_size_limit: 20,
            merge_depth: 100,
            finality_depth: 200,
            pruning_depth: 1_222,
            difficulty_window_size: 264,
            unchecked: false,
        }
    }

    /// Depths for reorganisations of hundreds of chain blocks.
    pub fn deep() -> Self {
        Self {
            name: "deep".to_owned(),
            blocks_per_second: 10,
            ghostdag_k: 18,
            max_block_parents: 10,
            mergeset_size_limit: 180,
            merge_depth: 1_200,
            finality_depth: 4_000,
            pruning_depth: 19_398,
            difficulty_window_size: 2_641,
            unchecked: false,
        }
    }

    /// Kaspa's main network since it mines ten blocks per second.
    ///
    /// Source: `kaspa-consensus-core`, `config::bps::TenBps` and `config::constants::consensus` (the window is
    /// `DIFFICULTY_SAMPLED_WINDOW_SIZE` x `TenBps::difficulty_adjustment_sample_rate`, 661 x 40).
    pub fn mainnet() -> Self {
        Self {
            name: "mainnet".to_owned(),
            blocks_per_second: 10,
            ghostdag_k: 124,
            max_block_parents: 16,
            mergeset_size_limit: 248,
            merge_depth: 36_000,
            finality_depth: 432_000,
            pruning_depth: 1_080_000,
            difficulty_window_size: 26_440,
            unchecked: false,
        }
    }

    /// The built-in set of that name.
    ///
    /// # Errors
    /// [`ParameterError::UnknownName`].
    pub fn by_name(name: &str) -> Result<Self, ParameterError> {
        match name {
            "storm" => Ok(Self::storm()),
            "deep" => Ok(Self::deep()),
            "mainnet" => Ok(Self::mainnet()),
            _ => Err(ParameterError::UnknownName { name: name.to_owned() }),
        }
    }

    /// The smallest pruning depth at which nothing that may still be merged or needed is deleted.
    ///
    /// Source: `kaspa-consensus-core`, `config::bps::Bps::pruning_depth`.
    pub fn least_pruning_depth(&self) -> u64 {
        let k = u64::from(self.ghostdag_k);
        let mergeset = self.mergeset_size_limit as u64;
        [self.merge_depth.saturating_mul(2), mergeset.saturating_mul(k).saturating_mul(4), 2 * k, 2]
            .into_iter()
            .fold(self.finality_depth, u64::saturating_add)
    }

    /// The mean time from one block of the network to the next. Exact in a checked set.
    pub fn block_interval_ms(&self) -> u64 {
        1_000 / self.blocks_per_second.max(1)
    }

    /// Refuses sets that the simulation cannot run, and, unless they are `unchecked`, sets that contradict themselves.
    ///
    /// # Errors
    /// The first rule broken, naming the field.
    pub fn check(&self) -> Result<(), ParameterError> {
        if !(1..=LONGEST_NAME).contains(&self.name.len()) || self.name.chars().any(char::is_control) {
            return Err(ParameterError::Name);
        }
        let values = [
            self.blocks_per_second,
            u64::from(self.ghostdag_k),
            self.max_block_parents as u64,
            self.mergeset_size_limit as u64,
            self.merge_depth,
            self.finality_depth,
            self.pruning_depth,
            self.difficulty_window_size,
        ];
        for (range, value) in Range::ALL.into_iter().zip(values) {
            if value < range.least || value > range.most {
                return Err(range.refuses(&self.name, value.into()));
            }
        }
        if !1_000_u64.is_multiple_of(self.blocks_per_second) {
            return Err(ParameterError::FractionalInterval { set: self.name.clone(), value: self.blocks_per_second });
        }
        if self.unchecked { Ok(()) } else { self.check_relations() }
    }

    fn check_relations(&self) -> Result<(), ParameterError> {
        let set = || self.name.clone();
        let ghostdag_k = self.ghostdag_k;
        // The selected parent counts too.
        if self.mergeset_size_limit <= usize::from(ghostdag_k) {
            return Err(ParameterError::MergesetTooSmall { set: set(), value: self.mergeset_size_limit, ghostdag_k });
        }
        if self.merge_depth > self.finality_depth {
            return Err(ParameterError::AboveOther {
                set: set(),
                field: "merge_depth",
                value: self.merge_depth,
                bound_field: "finality_depth",
                bound: self.finality_depth,
            });
        }
        let (value, bound) = (self.pruning_depth, self.least_pruning_depth());
        if value < bound {
            return Err(ParameterError::PruningTooShallow { set: set(), value, bound });
        }
        // Source: `kaspa-consensus`, test `assert_pruning_depth_consistency` of `processes::pruning`.
        let (finality_depth, k) = (self.finality_depth, u64::from(ghostdag_k));
        let above_multiple = value % finality_depth;
        if above_multiple <= k || finality_depth - above_multiple <= k {
            return Err(ParameterError::PruningNearFinality { set: set(), value, ghostdag_k, finality_depth });
        }
        Ok(())
    }
}

impl TryFrom<WrittenParameters> for ParameterSet {
    type Error = ParameterError;

    /// Only that every number fits its type: [`ParameterSet::check`] tells whether the set can be used.
    fn try_from(written: WrittenParameters) -> Result<Self, ParameterError> {
        let name = written.name;
        Ok(Self {
            blocks_per_second: Range::BLOCKS_PER_SECOND.number(&name, written.blocks_per_second)?,
            ghostdag_k: Range::GHOSTDAG_K.number(&name, written.ghostdag_k)?,
            max_block_parents: Range::MAX_BLOCK_PARENTS.number(&name, written.max_block_parents)?,
            mergeset_size_limit: Range::MERGESET_SIZE_LIMIT.number(&name, written.mergeset_size_limit)?,
            merge_depth: Range::MERGE_DEPTH.number(&name, written.merge_depth)?,
            finality_depth: Range::FINALITY_DEPTH.number(&name, written.finality_depth)?,
            pruning_depth: Range::PRUNING_DEPTH.number(&name, written.pruning_depth)?,
            difficulty_window_size: Range::DIFFICULTY_WINDOW_SIZE.number(&name, written.difficulty_window_size)?,
            unchecked: written.unchecked,
            name,
        })
    }
}

/// What a field may hold in any set.
#[derive(Clone, Copy)]
struct Range {
    field: &'static str,
    least: u64,
    most: u64,
}

impl Range {
    const BLOCKS_PER_SECOND: Self = Self { field: "blocks_per_second", least: 1, most: 1_000 };
    /// Source: `kaspa-consensus-core`, `KType`.
    const GHOSTDAG_K: Self = Self { field: "ghostdag_k", least: 1, most: u16::MAX as u64 };
    const MAX_BLOCK_PARENTS: Self = Self { field: "max_block_parents", least: 1, most: u8::MAX as u64 };
    const MERGESET_SIZE_LIMIT: Self = Self { field: "mergeset_size_limit", least: 2, most: u16::MAX as u64 };
    const MERGE_DEPTH: Self = Self::of_blocks("merge_depth");
    const FINALITY_DEPTH: Self = Self::of_blocks("finality_depth");
    const PRUNING_DEPTH: Self = Self::of_blocks("pruning_depth");
    const DIFFICULTY_WINDOW_SIZE: Self = Self::of_blocks("difficulty_window_size");

    const ALL: [Self; 8] = [
        Self::BLOCKS_PER_SECOND,
        Self::GHOSTDAG_K,
        Self::MAX_BLOCK_PARENTS,
        Self::MERGESET_SIZE_LIMIT,
        Self::MERGE_DEPTH,
        Self::FINALITY_DEPTH,
        Self::PRUNING_DEPTH,
        Self::DIFFICULTY_WINDOW_SIZE,
    ];

    const fn of_blocks(field: &'static str) -> Self {
        Self { field, least: 1, most: MOST_BLOCKS }
    }

    fn number<T: TryFrom<i64>>(self, set: &str, value: i64) -> Result<T, ParameterError> {
        T::try_from(value).map_err(|_| self.refuses(set, value.into()))
    }

    fn refuses(self, set: &str, value: i128) -> ParameterError {
        let Self { field, least, most } = self;
        ParameterError::OutOfRange { set: set.to_owned(), field, value, least, most }
    }
}

#[cfg(test)]
mod tests {
    use kaspa_consensus_core::config::bps::TenBps;
    use kaspa_consensus_core::config::params::MAINNET_PARAMS;

    use super::*;

    #[test]
    fn given_every_named_set_when_checked_then_it_is_accepted_under_its_own_name() {
        for name in ParameterSet::NAMES {
            let set = ParameterSet::by_name(name).expect("a listed name is known");
            assert_eq!(set.name, name);
            assert_eq!(set.check(), Ok(()));
        }
    }

    #[test]
    fn given_the_mainnet_set_when_compared_then_it_equals_the_node_s_constants() {
        let set = ParameterSet::mainnet();
        assert_eq!(set.ghostdag_k, TenBps::ghostdag_k());
        assert_eq!(set.max_block_parents, usize::from(TenBps::max_block_parents()));
        assert_eq!(set.mergeset_size_limit as u64, TenBps::mergeset_size_limit());
        assert_eq!(set.merge_depth, TenBps::merge_depth_bound());
        assert_eq!(set.finality_depth, TenBps::finality_depth());
        assert_eq!(set.pruning_depth, TenBps::pruning_depth());
        assert_eq!(set.difficulty_window_size, MAINNET_PARAMS.difficulty_window_duration_in_block_units());
    }

    #[test]
    fn given_a_pruning_depth_one_below_the_bound_when_checked_then_the_field_is_named() {
        let mut set = ParameterSet::storm();
        set.pruning_depth -= 1;
        let error = set.check().expect_err("the storm set sits exactly on the bound");
        assert_eq!(error, ParameterError::PruningTooShallow { set: "storm".into(), value: 1_221, bound: 1_222 });
        assert!(error.to_string().contains("`pruning_depth` is 1221"), "{error}");
        set.unchecked = true;
        assert_eq!(set.check(), Ok(()));
    }

    #[test]
    fn given_a_zero_or_an_unknown_name_when_checked_then_the_sentence_says_so() {
        let set = ParameterSet { ghostdag_k: 0, unchecked: true, ..ParameterSet::deep() };
        assert!(set.check().expect_err("k of zero").to_string().contains("`ghostdag_k` is 0"));
        let set = ParameterSet { blocks_per_second: 0, ..ParameterSet::deep() };
        assert!(set.check().expect_err("no block ever").to_string().contains("`blocks_per_second` is 0"));
        let set = ParameterSet { merge_depth: 5_000, ..ParameterSet::deep() };
        assert!(set.check().expect_err("above finality").to_string().contains("`merge_depth` is 5000"));
        let error = ParameterSet::by_name("calm").expect_err("no such set");
        assert_eq!(error.to_string(), "no parameter set is named `calm`; the sets are storm, deep, mainnet");
    }

    #[test]
    fn given_a_value_at_either_end_of_its_range_when_checked_then_accepted_and_one_beyond_is_named() {
        let with = |field: &str, value: i64| {
            let mut set = WrittenParameters { unchecked: true, ..written() };
            *number(&mut set, field) = value;
            ParameterSet::try_from(set).and_then(|set| set.check())
        };
        for Range { field, least, most } in Range::ALL {
            let (least, most) = (least as i64, most as i64);
            for value in [least, most] {
                assert_eq!(with(field, value), Ok(()), "{field} = {value}");
            }
            for value in [i64::MIN, -1, least - 1, most + 1, i64::MAX] {
                let error = with(field, value).expect_err("out of its range").to_string();
                let expected =
                    format!("parameter set `storm`: `{field}` is {value}, it must be from {least} to {most}");
                assert_eq!(error, expected);
            }
        }
    }

    fn written() -> WrittenParameters {
        let set = ParameterSet::storm();
        WrittenParameters {
            name: set.name,
            blocks_per_second: set.blocks_per_second as i64,
            ghostdag_k: set.ghostdag_k.into(),
            max_block_parents: set.max_block_parents as i64,
            mergeset_size_limit: set.mergeset_size_limit as i64,
            merge_depth: set.merge_depth as i64,
            finality_depth: set.finality_depth as i64,
            pruning_depth: set.pruning_depth as i64,
            difficulty_window_size: set.difficulty_window_size as i64,
            unchecked: false,
        }
    }

    fn number<'a>(set: &'a mut WrittenParameters, field: &str) -> &'a mut i64 {
        match field {
            "blocks_per_second" => &mut set.blocks_per_second,
            "ghostdag_k" => &mut set.ghostdag_k,
            "max_block_parents" => &mut set.max_block_parents,
            "mergeset_size_limit" => &mut set.mergeset_size_limit,
            "merge_depth" => &mut set.merge_depth,
            "finality_depth" => &mut set.finality_depth,
            "pruning_depth" => &mut set.pruning_depth,
            "difficulty_window_size" => &mut set.difficulty_window_size,
            _ => panic!("no number is named {field}"),
        }
    }

    #[test]
    fn given_what_was_written_when_converted_then_it_is_the_set() {
        assert_eq!(ParameterSet::try_from(written()), Ok(ParameterSet::storm()));
    }

    #[test]
    fn given_a_rate_when_checked_then_only_whole_milliseconds_for_a_block_are_accepted() {
        for blocks_per_second in 1..=1_000 {
            let set = ParameterSet { blocks_per_second, unchecked: true, ..ParameterSet::storm() };
            assert_eq!(set.check().is_ok(), 1_000 % blocks_per_second == 0, "{blocks_per_second}");
        }
        let set = ParameterSet { blocks_per_second: 25, ..ParameterSet::storm() };
        assert_eq!((set.check(), set.block_interval_ms()), (Ok(()), 40));
    }

    #[test]
    fn given_a_pruning_depth_around_a_multiple_of_finality_when_checked_then_k_blocks_on_either_side_are_refused() {
        let near = |pruning_depth| ParameterSet { pruning_depth, ..ParameterSet::storm() }.check().is_err();
        let refused: Vec<u64> = (1_222..1_600).filter(|&depth| near(depth)).collect();
        assert_eq!(refused, (1_390..=1_410).chain(1_590..1_600).collect::<Vec<_>>());
        let set = ParameterSet { pruning_depth: 1_400, unchecked: true, ..ParameterSet::storm() };
        assert_eq!(set.check(), Ok(()));
    }

    #[test]
    fn given_a_mergeset_that_k_blue_blocks_fill_when_checked_then_it_is_named() {
        let set = |mergeset_size_limit| ParameterSet { mergeset_size_limit, ..ParameterSet::storm() };
        assert_eq!(set(11).check(), Ok(()));
        let error = set(10).check().expect_err("nothing is left for the selected parent").to_string();
        assert!(error.contains("`mergeset_size_limit` is 10, it must be above `ghostdag_k`"), "{error}");
    }

    #[test]
    fn given_a_name_that_does_not_fit_a_line_when_checked_then_it_is_named() {
        for name in ["", "a\nb", &"x".repeat(65)] {
            let set = ParameterSet { name: name.to_owned(), ..ParameterSet::storm() };
            assert_eq!(set.check(), Err(ParameterError::Name), "{name:?}");
        }
    }
}
