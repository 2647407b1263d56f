//! Selected-parent chains with skew-binary jump pointers.
//!
//! A block's height is its number of selected-parent steps from genesis. Besides the selected parent a block keeps one
//! jump pointer to a lower chain ancestor, chosen so that any height on the chain is reached in O(log n) steps. The
//! height of a jump target depends on the block's height alone, so two walks from equal heights stay level.
//!
//! Ids fall along a chain. Hence the dropped blocks of a chain are its lower end, and a walk that never follows a jump
//! to a dropped block still takes O(log n) steps.

use super::{BlockId, dropping::drop_front};

#[derive(Clone, Copy)]
struct Link {
    selected_parent: BlockId,
    /// Some lower id, not the jump target's, where the target was dropped before this block came.
    jump: BlockId,
    height: u32,
    jump_height: u32,
}

/// The selected parent, jump pointer and height of every block that is not dropped.
///
/// Queries take `first`, the lowest retained id: lower blocks are never entered, though their links may still exist.
#[derive(Clone)]
pub(super) struct SelectedChains {
    base: BlockId,
    links: Vec<Link>,
}

impl SelectedChains {
    /// Genesis is its own selected parent and jump target here; callers never follow it below height 0.
    pub(super) fn genesis() -> Self {
        let genesis = Link { selected_parent: BlockId::GENESIS, jump: BlockId::GENESIS, height: 0, jump_height: 0 };
        Self { base: BlockId::GENESIS, links: vec![genesis] }
    }

    #[inline]
    pub(super) fn selected_parent(&self, id: BlockId) -> Option<BlockId> {
        (id != BlockId::GENESIS).then_some(self.link(id).selected_parent)
    }

    #[inline]
    pub(super) fn height(&self, id: BlockId) -> u32 {
        self.link(id).height
    }

    pub(super) fn push(&mut self, selected_parent: BlockId) {
        let parent = *self.link(selected_parent);
        let (second_jump, second_height) = self
            .links
            .get(parent.jump.offset_from(self.base))
            .map_or_else(|| (parent.jump, jump_height(parent.jump_height)), |jumped| (jumped.jump, jumped.jump_height));
        // Two jumps of equal length in a row are joined into one.
        let equal_jumps = parent.height - parent.jump_height == parent.jump_height - second_height;
        let (jump, jump_height) =
            if equal_jumps { (second_jump, second_height) } else { (selected_parent, parent.height) };
        // Below the number of blocks, hence no overflow.
        self.links.push(Link { selected_parent, jump, height: parent.height + 1, jump_height });
    }

    /// The block of `id`'s selected chain at `height`, or `None` above the block's own height and where it was dropped.
    pub(super) fn ancestor_at(&self, id: BlockId, height: u64, first: BlockId) -> Option<BlockId> {
        let height = u32::try_from(height).ok().filter(|&height| height <= self.height(id))?;
        let mut current = id;
        while current >= first {
            let link = self.link(current);
            if link.height <= height {
                return Some(current);
            }
            // A dropped jump target at or above `height` means that the block at `height` was dropped too.
            let can_jump = link.jump_height >= height;
            current = if can_jump { link.jump } else { link.selected_parent };
        }
        None
    }

    /// The highest block of `id`'s selected chain, `id` included, for which `is_low` holds. It must hold for all blocks
    /// below one for which it does. `Err` is the lowest retained block of the chain where it holds for none of them.
    pub(super) fn highest_low(
        &self,
        id: BlockId,
        first: BlockId,
        is_low: impl Fn(BlockId) -> bool,
    ) -> Result<BlockId, BlockId> {
        let mut current = id;
        while !is_low(current) {
            let link = self.link(current);
            let parent_is_retained = current != BlockId::GENESIS && link.selected_parent >= first;
            if !parent_is_retained {
                return Err(current);
            }
            let can_jump = link.jump >= first && !is_low(link.jump);
            current = if can_jump { link.jump } else { link.selected_parent };
        }
        Ok(current)
    }

    /// Whether `a` is on the selected chain of `b` or equal.
    pub(super) fn is_ancestor(&self, a: BlockId, b: BlockId, first: BlockId) -> bool {
        self.ancestor_at(b, u64::from(self.height(a)), first) == Some(a)
    }

    /// The highest block on the selected chains of both; `None` where it was dropped.
    pub(super) fn common_ancestor(&self, a: BlockId, b: BlockId, first: BlockId) -> Option<BlockId> {
        let height = u64::from(self.height(a).min(self.height(b)));
        let mut left = self.ancestor_at(a, height, first)?;
        let mut right = self.ancestor_at(b, height, first)?;
        while left != right {
            let (left_link, right_link) = (self.link(left), self.link(right));
            let can_jump = left_link.jump != right_link.jump && left_link.jump >= first && right_link.jump >= first;
            (left, right) = if can_jump {
                (left_link.jump, right_link.jump)
            } else {
                (left_link.selected_parent, right_link.selected_parent)
            };
            if left < first || right < first {
                return None;
            }
        }
        Some(left)
    }

    /// Gives back the memory of the blocks below `base`.
    pub(super) fn release_below(&mut self, base: BlockId) {
        drop_front(&mut self.links, base.offset_from(self.base));
        self.base = base;
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.links.capacity() * size_of::<Link>()
    }

    #[inline]
    fn link(&self, id: BlockId) -> &Link {
        &self.links[id.offset_from(self.base)]
    }
}

/// Height of the jump target of a block at `height`: without the last term of its greedy sum of numbers 2^n - 1.
fn jump_height(height: u32) -> u32 {
    let mut rest = u64::from(height);
    let mut last_term = 0;
    while rest > 0 {
        // The largest 2^n - 1 that is at most `rest`.
        last_term = (1 << (rest + 1).ilog2()) - 1;
        rest -= last_term;
    }
    height - last_term as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_chain_when_grown_then_jumps_follow_the_skew_binary_pattern() {
        let mut chains = SelectedChains::genesis();
        (0..7).for_each(|parent| chains.push(BlockId(parent)));
        let jumps: Vec<u32> = chains.links.iter().map(|link| link.jump.0).collect();
        assert_eq!(jumps, [0, 0, 1, 0, 3, 4, 3, 0]);
    }

    #[test]
    fn given_a_chain_when_grown_with_and_without_dropping_then_jump_heights_are_equal() {
        let mut whole = SelectedChains::genesis();
        let mut short = SelectedChains::genesis();
        for parent in 0..3000 {
            whole.push(BlockId(parent));
            short.push(BlockId(parent));
            let (expected, found) = (whole.links[parent as usize + 1], *short.link(BlockId(parent + 1)));
            assert_eq!(found.jump_height, expected.jump_height);
            assert_eq!(expected.jump_height, jump_height(parent + 1));
            assert!(found.jump == expected.jump || found.jump.max(expected.jump) < short.base);
            if parent % 7 == 0 {
                short.release_below(BlockId(parent.saturating_sub(20)));
            }
        }
    }

    #[test]
    fn given_a_long_chain_with_a_dropped_start_when_searched_then_few_steps_are_taken() {
        let mut chains = SelectedChains::genesis();
        (0..100_000).for_each(|parent| chains.push(BlockId(parent)));
        for first in [0, 1, 40_000, 65_534, 65_535, 65_536, 99_000] {
            chains.release_below(BlockId(first));
            let steps = std::cell::Cell::new(0);
            let found = chains.highest_low(BlockId(100_000), BlockId(first), |_| {
                steps.set(steps.get() + 1);
                false
            });
            assert_eq!(found, Err(BlockId(first)));
            assert!(steps.get() < 150, "{} steps", steps.get());
        }
    }
}
