//! DAG reachability by chain decomposition and vector clocks.
//!
//! Every block belongs to one lane. A lane is totally ordered: each of its blocks has all earlier ones in its past.
//! The clock row of a block holds, for each lane, how many of the lane's blocks are in its past or are itself; because
//! lanes are ordered, these are the lane's first blocks. Hence `a` is in the past of `b` or equal exactly when the index
//! of `a` in its lane is below the entry of that lane in the row of `b`, and what one past holds beyond another is a
//! range in each lane.
//!
//! A new block extends a lane whose last block is in its past and opens one only if there is none: the number of lanes
//! is at most one more than the largest number of blocks that were ever outside the past of a new one, in practice
//! about the width of the DAG. A row ends at the highest lane it knows; lanes beyond count as 0.

use super::BlockId;

/// Where a block stands in the decomposition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) lane: u32,
    /// Number of earlier blocks in the lane.
    pub(super) index: u32,
}

impl Position {
    /// Whether the block at this position is in the past of the block with this clock row, or is that block.
    #[inline]
    pub(super) fn is_within(self, row: &[u32]) -> bool {
        row.get(self.lane as usize).is_some_and(|&count| self.index < count)
    }
}

/// All lanes and all clock rows.
#[derive(Clone)]
pub(super) struct Lanes {
    positions: Vec<Position>,
    /// The row of block `i` is `clocks[row_starts[i]..row_starts[i + 1]]`.
    row_starts: Vec<u32>,
    clocks: Vec<u32>,
    members: Vec<Vec<BlockId>>,
}

impl Lanes {
    /// The decomposition of genesis alone.
    pub(super) fn genesis() -> Self {
        Self {
            positions: vec![Position { lane: 0, index: 0 }],
            row_starts: vec![0, 1],
            clocks: vec![1],
            members: vec![vec![BlockId::GENESIS]],
        }
    }

    #[inline]
    pub(super) fn position(&self, id: BlockId) -> Position {
        self.positions[id.index()]
    }

    #[inline]
    pub(super) fn row(&self, id: BlockId) -> &[u32] {
        &self.clocks[self.row_starts[id.index()] as usize..self.row_starts[id.index() + 1] as usize]
    }

    /// Whether `a` is in the past of `b` or equal.
    #[inline]
    pub(super) fn is_ancestor(&self, a: BlockId, b: BlockId) -> bool {
        self.position(a).is_within(self.row(b))
    }

    /// Writes the clock of a block with these parents, without its own entry, into `clock`.
    pub(super) fn merge(&self, parents: &[BlockId], clock: &mut Vec<u32>) {
        clock.clear();
        for &parent in parents {
            let row = self.row(parent);
            for (entry, &count) in clock.iter_mut().zip(row) {
                *entry = (*entry).max(count);
            }
            if let Some(rest) = row.get(clock.len()..) {
                clock.extend_from_slice(rest);
            }
        }
    }

    /// Calls `visit` with every block that `clock` counts and the row of `base` does not. The row of `base` must be
    /// covered by `clock`.
    #[inline]
    pub(super) fn for_each_beyond(&self, clock: &[u32], base: BlockId, mut visit: impl FnMut(BlockId)) {
        let row = self.row(base);
        for (lane, &end) in clock.iter().enumerate() {
            let start = row.get(lane).copied().unwrap_or(0);
            if start < end {
                self.members[lane][start as usize..end as usize].iter().copied().for_each(&mut visit);
            }
        }
    }

    /// Number of blocks in the past of `block`, itself included, that are in the past of none of `others` nor one of them.
    pub(super) fn count_beyond(&self, block: BlockId, others: &[BlockId]) -> usize {
        let count_in_lane = |lane: usize, count: u32| {
            let covered = others.iter().filter_map(|&other| self.row(other).get(lane)).copied().max().unwrap_or(0);
            count.saturating_sub(covered) as usize
        };
        self.row(block).iter().enumerate().map(|(lane, &count)| count_in_lane(lane, count)).sum()
    }

    /// Whether the offset behind the row that [`Self::push`] would add fits 32 bits.
    pub(super) fn has_room_for(&self, clock: &[u32]) -> bool {
        u32::try_from(self.clocks.len() + clock.len() + 1).is_ok()
    }

    /// Adds the next block. `clock` is [`Self::merge`] of its parents; `selected_parent` names the lane to prefer.
    /// Call [`Self::has_room_for`] first.
    pub(super) fn push(&mut self, id: BlockId, selected_parent: BlockId, parents: &[BlockId], clock: &[u32]) {
        let lane = self.lane_to_extend(selected_parent, parents, clock).unwrap_or_else(|| {
            self.members.push(Vec::new());
            self.members.len() - 1
        });
        let start = self.clocks.len();
        self.clocks.extend_from_slice(clock);
        if self.clocks.len() <= start + lane {
            self.clocks.resize(start + lane + 1, 0);
        }
        let members = &mut self.members[lane];
        let index = members.len() as u32;
        members.push(id);
        self.clocks[start + lane] = index + 1;
        self.positions.push(Position { lane: lane as u32, index });
        self.row_starts.push(self.clocks.len() as u32);
    }

    /// Number of lanes opened so far.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.positions.capacity() * size_of::<Position>()
            + (self.row_starts.capacity() + self.clocks.capacity()) * size_of::<u32>()
            + self.members.capacity() * size_of::<Vec<BlockId>>()
            + self.members.iter().map(|lane| lane.capacity() * size_of::<BlockId>()).sum::<usize>()
    }

    /// A lane whose last block is in the counted past: the selected parent's, else another parent's, else any.
    fn lane_to_extend(&self, selected_parent: BlockId, parents: &[BlockId], clock: &[u32]) -> Option<usize> {
        let is_last = |id: BlockId| {
            let position = self.position(id);
            let lane = position.lane as usize;
            (position.index as usize + 1 == self.members[lane].len()).then_some(lane)
        };
        is_last(selected_parent)
            .or_else(|| parents.iter().find_map(|&parent| is_last(parent)))
            .or_else(|| self.members.iter().zip(clock).position(|(lane, &count)| lane.len() == count as usize))
    }
}
