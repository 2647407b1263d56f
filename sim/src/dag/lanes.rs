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
//!
//! Counts and indexes include dropped blocks, so that a past that reaches dropped blocks beyond another one is noticed.
//! A lane all of whose blocks are dropped goes when every row counts it alike: nothing can be told from it then.

use super::{
    BlockId,
    dropping::{drop_front, give_back_spare},
};

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

/// One lane's blocks.
#[derive(Clone, Default)]
struct Lane {
    /// Number of its blocks that are held no longer.
    dropped: u32,
    /// The others, in order.
    members: Vec<BlockId>,
}

impl Lane {
    /// Number of blocks ever, which is the index of the next.
    #[inline]
    fn len(&self) -> u32 {
        self.dropped + self.members.len() as u32
    }
}

/// All lanes and all clock rows.
#[derive(Clone)]
pub(super) struct Lanes {
    base: BlockId,
    positions: Vec<Position>,
    /// The row of block `base + i` is `clocks[row_starts[i]..row_starts[i + 1]]`.
    row_starts: Vec<u32>,
    clocks: Vec<u32>,
    lanes: Vec<Lane>,
}

impl Lanes {
    /// The decomposition of genesis alone.
    pub(super) fn genesis() -> Self {
        Self {
            base: BlockId::GENESIS,
            positions: vec![Position { lane: 0, index: 0 }],
            row_starts: vec![0, 1],
            clocks: vec![1],
            lanes: vec![Lane { dropped: 0, members: vec![BlockId::GENESIS] }],
        }
    }

    #[inline]
    pub(super) fn position(&self, id: BlockId) -> Position {
        self.positions[id.offset_from(self.base)]
    }

    #[inline]
    pub(super) fn row(&self, id: BlockId) -> &[u32] {
        let offset = id.offset_from(self.base);
        &self.clocks[self.row_starts[offset] as usize..self.row_starts[offset + 1] as usize]
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

    /// Calls `visit` with every held block that `clock` counts and the row of `base` does not, and returns whether these
    /// are all. The row of `base` must be covered by `clock`.
    #[inline]
    pub(super) fn for_each_beyond(&self, clock: &[u32], base: BlockId, mut visit: impl FnMut(BlockId)) -> bool {
        let row = self.row(base);
        let mut all_are_held = true;
        for (lane, &end) in clock.iter().enumerate() {
            let start = row.get(lane).copied().unwrap_or(0);
            if start < end {
                let lane = &self.lanes[lane];
                all_are_held &= start >= lane.dropped;
                let held = |index: u32| index.saturating_sub(lane.dropped) as usize;
                lane.members[held(start)..held(end)].iter().copied().for_each(&mut visit);
            }
        }
        all_are_held
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
            self.lanes.push(Lane::default());
            self.lanes.len() - 1
        });
        let start = self.clocks.len();
        self.clocks.extend_from_slice(clock);
        if self.clocks.len() <= start + lane {
            self.clocks.resize(start + lane + 1, 0);
        }
        let index = self.lanes[lane].len();
        self.lanes[lane].members.push(id);
        self.clocks[start + lane] = index + 1;
        self.positions.push(Position { lane: lane as u32, index });
        self.row_starts.push(self.clocks.len() as u32);
    }

    /// Number of lanes in use.
    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    /// Gives back the memory of the blocks below `base`, and lanes that none of the others needs.
    pub(super) fn release_below(&mut self, base: BlockId) {
        let count = base.offset_from(self.base);
        self.base = base;
        for lane in &mut self.lanes {
            let dropped = lane.members.partition_point(|&member| member < base);
            lane.dropped += dropped as u32;
            drop_front(&mut lane.members, dropped);
        }
        drop_front(&mut self.positions, count);
        drop_front(&mut self.row_starts, count);
        let is_kept = self.lanes_to_keep();
        if is_kept.contains(&false) {
            self.remove_lanes(&is_kept);
        } else {
            let start = self.row_starts[0];
            self.row_starts.iter_mut().for_each(|offset| *offset -= start);
            self.clocks.drain(..start as usize);
        }
        give_back_spare(&mut self.clocks);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.positions.capacity() * size_of::<Position>()
            + (self.row_starts.capacity() + self.clocks.capacity()) * size_of::<u32>()
            + self.lanes.capacity() * size_of::<Lane>()
            + self.lanes.iter().map(|lane| lane.members.capacity() * size_of::<BlockId>()).sum::<usize>()
    }

    /// A lane whose last block is in the counted past: the selected parent's, else another parent's, else any.
    fn lane_to_extend(&self, selected_parent: BlockId, parents: &[BlockId], clock: &[u32]) -> Option<usize> {
        let is_last = |id: BlockId| {
            let position = self.position(id);
            let lane = position.lane as usize;
            (position.index + 1 == self.lanes[lane].len()).then_some(lane)
        };
        is_last(selected_parent)
            .or_else(|| parents.iter().find_map(|&parent| is_last(parent)))
            .or_else(|| self.lanes.iter().zip(clock).position(|(lane, &count)| lane.len() == count))
    }

    /// For each lane whether it holds a block or two held rows count it differently.
    fn lanes_to_keep(&self) -> Vec<bool> {
        let mut least = vec![u32::MAX; self.lanes.len()];
        let mut most = vec![0; self.lanes.len()];
        let mut shortest = usize::MAX;
        for bounds in self.row_starts.windows(2) {
            let row = &self.clocks[bounds[0] as usize..bounds[1] as usize];
            shortest = shortest.min(row.len());
            for ((least, most), &count) in least.iter_mut().zip(&mut most).zip(row) {
                *least = (*least).min(count);
                *most = (*most).max(count);
            }
        }
        least.iter_mut().skip(shortest).for_each(|least| *least = 0);
        let is_kept = |lane: usize| !self.lanes[lane].members.is_empty() || least[lane] != most[lane];
        (0..self.lanes.len()).map(is_kept).collect()
    }

    /// Removes lanes without members, renumbers the others and rewrites every row.
    fn remove_lanes(&mut self, is_kept: &[bool]) {
        let numbers: Vec<u32> = is_kept
            .iter()
            .scan(0, |next, &kept| {
                let number = *next;
                *next += u32::from(kept);
                Some(number)
            })
            .collect();
        for position in &mut self.positions {
            position.lane = numbers[position.lane as usize];
        }
        let mut is_kept_of = is_kept.iter();
        self.lanes.retain(|_| is_kept_of.next() == Some(&true));
        give_back_spare(&mut self.lanes);

        // Rows only get shorter and move forward: none is overwritten before it is read.
        let mut end = 0;
        let mut read = self.row_starts[0] as usize;
        self.row_starts[0] = 0;
        for offset in self.row_starts.iter_mut().skip(1) {
            let row_start = end;
            let row_end = *offset as usize;
            for (place, _) in (read..row_end).zip(is_kept).filter(|(_, kept)| **kept) {
                self.clocks[end] = self.clocks[place];
                end += 1;
            }
            while end > row_start && self.clocks[end - 1] == 0 {
                end -= 1;
            }
            read = row_end;
            *offset = end as u32;
        }
        self.clocks.truncate(end);
    }
}
