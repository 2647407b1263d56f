//! How deep reorgs were, counted in classes: by blocks, and by how near they came to finality.

use serde::{Deserialize, Serialize};

/// One reorg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReorgSize {
    /// Chain blocks removed.
    pub blocks: u64,
    /// Blue score from the lowest of them to the tip that was left.
    pub blue_score: u64,
    /// It goes back to the finalized root and so removes all that may be removed.
    pub is_to_finalized: bool,
}

/// Classes of nearness to finality.
pub const SHARES: [&str; 5] = ["below 1/4", "1/4 to 1/2", "1/2 to 3/4", "3/4 and more", "to the finalized block"];

/// How many reorgs there were of each size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReorgSizes {
    /// Entry `i` counts those that removed from `2^i` to `2^(i+1) - 1` chain blocks; those that removed none are nowhere.
    #[serde(rename = "reorg_depths")]
    pub by_blocks: Vec<u64>,
    /// By how far the lowest block that was removed had come on its way to finality; the last entry counts those that went
    /// back to the finalized root itself, which are in no other. See [`SHARES`].
    #[serde(rename = "reorg_shares")]
    pub by_share: [u64; SHARES.len()],
}

impl ReorgSizes {
    /// Sorts reorgs into their classes.
    pub fn of(reorgs: &[ReorgSize], finality_depth: u64) -> Self {
        let mut sizes = Self::default();
        for reorg in reorgs {
            let Some(class) = reorg.blocks.checked_ilog2() else { continue };
            let class = class as usize;
            if sizes.by_blocks.len() <= class {
                sizes.by_blocks.resize(class + 1, 0);
            }
            sizes.by_blocks[class] += 1;
            let quarters = reorg.blue_score.saturating_mul(4) / finality_depth.max(1);
            let share = if reorg.is_to_finalized { SHARES.len() - 1 } else { quarters.min(3) as usize };
            sizes.by_share[share] += 1;
        }
        sizes
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        if self.by_blocks.len() < other.by_blocks.len() {
            self.by_blocks.resize(other.by_blocks.len(), 0);
        }
        for (count, other) in self.by_blocks.iter_mut().zip(&other.by_blocks) {
            *count += other;
        }
        for (count, other) in self.by_share.iter_mut().zip(&other.by_share) {
            *count += other;
        }
    }

    /// The classes by blocks that occur, each with its name: `1`, `2-3`, `4-7` and so on.
    pub fn named_by_blocks(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        let named = |(class, count): (usize, &u64)| {
            let least = 1_u128 << class;
            let most = least * 2 - 1;
            (if least == most { least.to_string() } else { format!("{least}-{most}") }, *count)
        };
        self.by_blocks.iter().enumerate().map(named).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reorg(blocks: u64, blue_score: u64) -> ReorgSize {
        ReorgSize { blocks, blue_score, is_to_finalized: false }
    }

    #[test]
    fn given_reorgs_at_the_edges_of_classes_when_sorted_then_each_is_in_its_own() {
        let reorgs = [reorg(0, 0), reorg(1, 24), reorg(2, 25), reorg(3, 49), reorg(4, 50), reorg(7, 75), reorg(8, 99)];
        let to_finalized = ReorgSize { is_to_finalized: true, ..reorg(8, 99) };
        let mut sizes = ReorgSizes::of(&reorgs, 100);
        sizes.add(&ReorgSizes::of(&[to_finalized, reorg(u64::MAX, 200)], 100));
        assert_eq!(&sizes.by_blocks[..4], [1, 2, 2, 2]);
        assert_eq!(sizes.by_share, [1, 2, 1, 3, 1]);
        let named: Vec<_> = sizes.named_by_blocks().collect();
        assert_eq!((named[0].0.as_str(), named[1].0.as_str(), named[2].0.as_str()), ("1", "2-3", "4-7"));
        assert_eq!((named.len(), named[4].1), (5, 1));
    }
}
