//! A header's parents by level, in both encodings of the node, walked in place.
//!
//! A level that has the same parents as the level below it is not repeated in the compressed encoding: a *run* gives
//! the parents of all levels up to its cumulative level. The bounds are the node's own: `kaspa-consensus-core` 2.1.0,
//! `CompressedParents::try_from`. They keep the work of hashing a header finite.

use kaspa_hashes::HASH_SIZE;

use super::{HashList, Reader, WireError};

/// Levels that a header can have at most.
const MAX_LEVELS: usize = u8::MAX as usize;

/// Parents that a header can have at most, over all levels.
const MAX_PARENTS: usize = MAX_LEVELS * 2048;

/// The parents of a header by level. They were checked when they were read; walking them cannot fail.
#[derive(Debug, Clone, Copy)]
pub struct Parents<'a> {
    runs: Runs<'a>,
    level_count: usize,
    parent_count: usize,
}

impl<'a> Parents<'a> {
    /// Reads the run-length encoding of `RpcOptionalHeader`: runs of (cumulative level, parents).
    pub(super) fn read_compressed(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        Self::read(reader, Encoding::Compressed)
    }

    /// Reads the plain encoding of `RpcHeader`: the parents of each level.
    pub(super) fn read_expanded(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        Self::read(reader, Encoding::Expanded)
    }

    fn read(reader: &mut Reader<'a>, encoding: Encoding) -> Result<Self, WireError> {
        let run_count = reader.count("parent levels", encoding.minimal_run_size())?;
        if run_count > MAX_LEVELS {
            return Err(too_many("parent levels", run_count, MAX_LEVELS));
        }
        let runs = Runs { reader: *reader, left: run_count, encoding, cumulative_level: 0 };
        let mut walk = runs;
        let mut parent_count = 0;
        let mut previous = None;
        while walk.left > 0 {
            let run = walk.read_next()?;
            parent_count += run.level_count * run.parents.len();
            if parent_count > MAX_PARENTS {
                return Err(too_many("parents", parent_count, MAX_PARENTS));
            }
            if encoding == Encoding::Compressed && previous.replace(run.parents) == Some(run.parents) {
                return Err(WireError::ParentRunRepeated { level: walk.cumulative_level });
            }
        }
        *reader = walk.reader;
        Ok(Self { runs, level_count: usize::from(walk.cumulative_level), parent_count })
    }

    /// How many levels the header has. Only genesis has none.
    pub const fn level_count(&self) -> usize {
        self.level_count
    }

    /// Bytes that go into the header's hash for them: each level's length and parents, repeated levels too.
    pub(super) const fn hashed_size(&self) -> u64 {
        (self.level_count * size_of::<u64>() + self.parent_count * HASH_SIZE) as u64
    }

    /// The parents at level 0: the blocks that this block points to. The first is the selected parent of a chain block.
    pub fn direct(&self) -> HashList<'a> {
        let mut walk = self.runs;
        walk.next().map_or_else(HashList::default, |run| run.parents)
    }

    /// The parents of each level, lowest level first; levels that share their parents are repeated.
    pub fn levels(&self) -> impl Iterator<Item = HashList<'a>> + use<'a> {
        self.runs.flat_map(|run| std::iter::repeat_n(run.parents, run.level_count))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Compressed,
    Expanded,
}

impl Encoding {
    /// An empty run: a list length, and the cumulative level where the encoding has one.
    const fn minimal_run_size(self) -> usize {
        match self {
            Self::Compressed => 5,
            Self::Expanded => 4,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Run<'a> {
    level_count: usize,
    parents: HashList<'a>,
}

/// The cursor over the runs.
#[derive(Debug, Clone, Copy)]
struct Runs<'a> {
    reader: Reader<'a>,
    left: usize,
    encoding: Encoding,
    cumulative_level: u8,
}

impl<'a> Runs<'a> {
    fn read_next(&mut self) -> Result<Run<'a>, WireError> {
        let previous = self.cumulative_level;
        let level = match self.encoding {
            Encoding::Compressed => self.reader.u8("cumulative parent level")?,
            // The number of runs was checked: this does not saturate.
            Encoding::Expanded => previous.saturating_add(1),
        };
        if level <= previous {
            return Err(WireError::ParentLevelsNotIncreasing { level, previous });
        }
        let parents = self.reader.hashes("parents")?;
        self.cumulative_level = level;
        self.left -= 1;
        Ok(Run { level_count: usize::from(level - previous), parents })
    }
}

impl<'a> Iterator for Runs<'a> {
    type Item = Run<'a>;

    fn next(&mut self) -> Option<Run<'a>> {
        // The same bytes were read without an error before they became `Parents`.
        if self.left == 0 { None } else { self.read_next().ok() }
    }
}

#[cold]
fn too_many(what: &'static str, count: usize, limit: usize) -> WireError {
    WireError::TooManyParents { what, count, limit }
}

#[cfg(test)]
mod tests {
    use kaspa_consensus_core::header::CompressedParents;
    use kaspa_hashes::Hash;
    use proptest::prelude::*;

    use super::*;

    fn compressed(runs: &[(u8, Vec<Hash>)]) -> Result<usize, WireError> {
        let bytes = borsh::to_vec(&runs.to_vec()).unwrap();
        Parents::read_compressed(&mut Reader::new(&bytes)).map(|parents| parents.levels().map(HashList::len).sum())
    }

    #[test]
    fn given_runs_that_do_not_rise_when_read_then_they_are_refused() {
        let parents = |byte| vec![Hash::from_bytes([byte; 32])];
        assert_eq!(compressed(&[(0, parents(1))]), Err(WireError::ParentLevelsNotIncreasing { level: 0, previous: 0 }));
        assert_eq!(
            compressed(&[(3, parents(1)), (3, parents(2))]),
            Err(WireError::ParentLevelsNotIncreasing { level: 3, previous: 3 })
        );
        assert_eq!(compressed(&[(3, parents(1)), (4, parents(1))]), Err(WireError::ParentRunRepeated { level: 4 }));
        assert_eq!(compressed(&[(3, parents(1)), (255, parents(2))]), Ok(255));
    }

    #[test]
    fn given_runs_over_several_levels_when_measured_then_each_level_counts_as_it_is_hashed() {
        let runs = vec![(3_u8, vec![Hash::default(); 4]), (200, vec![]), (201, vec![Hash::default()])];
        let bytes = borsh::to_vec(&runs).unwrap();
        let parents = Parents::read_compressed(&mut Reader::new(&bytes)).unwrap();
        let hashed: usize = parents.levels().map(|level| 8 + level.as_bytes().len()).sum();
        assert_eq!(parents.hashed_size(), hashed as u64);
    }

    #[test]
    fn given_more_parents_than_a_header_can_have_when_read_then_they_are_refused() {
        let parents = vec![Hash::default(); 2048];
        assert_eq!(compressed(&[(255, parents.clone())]), Ok(MAX_PARENTS));
        let more = [parents, vec![Hash::default()]].concat();
        let error = compressed(&[(255, more)]).unwrap_err();
        assert_eq!(error, WireError::TooManyParents { what: "parents", count: 255 * 2049, limit: MAX_PARENTS });

        let levels = borsh::to_vec(&vec![Vec::<Hash>::new(); 256]).unwrap();
        let error = Parents::read_expanded(&mut Reader::new(&levels)).unwrap_err();
        assert_eq!(error, WireError::TooManyParents { what: "parent levels", count: 256, limit: 255 });
    }

    proptest! {
        #[test]
        fn given_any_runs_when_read_then_they_pass_exactly_if_the_node_takes_them(
            runs in prop::collection::vec((0_u8..6, prop::collection::vec(0_u8..2, 0..3)), 0..5)
        ) {
            let runs: Vec<(u8, Vec<Hash>)> = runs
                .into_iter()
                .map(|(level, parents)| (level, parents.into_iter().map(|byte| Hash::from_bytes([byte; 32])).collect()))
                .collect();
            let bytes = borsh::to_vec(&runs).unwrap();
            let ours = Parents::read_compressed(&mut Reader::new(&bytes));
            match CompressedParents::try_from(runs) {
                Ok(node) => {
                    let ours = ours.unwrap();
                    prop_assert_eq!(ours.level_count(), node.expanded_len());
                    let levels: Vec<Vec<Hash>> = ours.levels().map(HashList::to_vec).collect();
                    prop_assert_eq!(levels, Vec::from(node));
                }
                Err(_) => prop_assert!(ours.is_err()),
            }
        }
    }
}
