//! Consensus parameters of a simulated network, as named sets.
//!
//! A real node does not check parameter overrides against each other; a set here is checked before it is used, unless
//! it says that it is meant to break the rules.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Consensus parameters of one network. All depths and windows are in blocks (blue score or DAA score), not in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterSet {
    /// Name under which the set is asked for and reported.
    pub name: String,
    /// Expected number of blocks that the whole network mines per second.
    pub blocks_per_second: u64,
    /// Largest blue anticone of a blue block: the k of GHOSTDAG.
    pub ghostdag_k: u16,
    /// Largest number of direct parents of a block.
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
        value: u64,
        /// Smallest usable value.
        least: u64,
        /// Largest usable value.
        most: u64,
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

    /// Refuses sets that the simulation cannot run, and, unless they are `unchecked`, sets whose depths contradict each
    /// other.
    ///
    /// # Errors
    /// The first rule broken, naming the field.
    pub fn check(&self) -> Result<(), ParameterError> {
        // Block hashing counts parents of one level in 64 bits, but the wire's bound is 255 levels x 2,048 parents;
        // a mergeset is never larger than a DAG of 32-bit ids.
        let ranges = [
            ("blocks_per_second", self.blocks_per_second, 1, 1_000),
            ("ghostdag_k", u64::from(self.ghostdag_k), 1, u64::from(u16::MAX)),
            ("max_block_parents", self.max_block_parents as u64, 1, 2_048),
            ("mergeset_size_limit", self.mergeset_size_limit as u64, 2, u64::from(u16::MAX)),
            ("merge_depth", self.merge_depth, 1, u64::MAX),
            ("finality_depth", self.finality_depth, 1, u64::MAX),
            ("pruning_depth", self.pruning_depth, 1, u64::MAX),
            ("difficulty_window_size", self.difficulty_window_size, 1, u64::MAX),
        ];
        for (field, value, least, most) in ranges {
            if value < least || value > most {
                return Err(ParameterError::OutOfRange { set: self.name.clone(), field, value, least, most });
            }
        }
        if self.unchecked { Ok(()) } else { self.check_depths() }
    }

    fn check_depths(&self) -> Result<(), ParameterError> {
        if self.merge_depth > self.finality_depth {
            return Err(ParameterError::AboveOther {
                set: self.name.clone(),
                field: "merge_depth",
                value: self.merge_depth,
                bound_field: "finality_depth",
                bound: self.finality_depth,
            });
        }
        let bound = self.least_pruning_depth();
        if self.pruning_depth < bound {
            return Err(ParameterError::PruningTooShallow { set: self.name.clone(), value: self.pruning_depth, bound });
        }
        Ok(())
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
        let set = ParameterSet { merge_depth: 5_000, ..ParameterSet::deep() };
        assert!(set.check().expect_err("above finality").to_string().contains("`merge_depth` is 5000"));
        let error = ParameterSet::by_name("calm").expect_err("no such set");
        assert_eq!(error.to_string(), "no parameter set is named `calm`; the sets are storm, deep, mainnet");
    }
}
