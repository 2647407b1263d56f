//! Selected-parent chains with skew-binary jump pointers.
//!
//! A block's height is its number of selected-parent steps from genesis. Besides the selected parent a block keeps one
//! jump pointer to a lower chain ancestor, chosen so that any height on the chain is reached in O(log n) steps. The
//! height of a jump target depends on the block's height alone, so two walks from equal heights stay level.

use super::BlockId;

#[derive(Clone, Copy)]
struct Link {
    selected_parent: BlockId,
    jump: BlockId,
    height: u32,
}

/// The selected parent, jump pointer and height of every block.
#[derive(Clone)]
pub(super) struct SelectedChains {
    links: Vec<Link>,
}

impl SelectedChains {
    /// Genesis is its own selected parent and jump target here; callers never follow it below height 0.
    pub(super) fn genesis() -> Self {
        Self { links: vec![Link { selected_parent: BlockId::GENESIS, jump: BlockId::GENESIS, height: 0 }] }
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
        let jumped = *self.link(parent.jump);
        // Two jumps of equal length in a row are joined into one.
        let equal_jumps = parent.height - jumped.height == jumped.height - self.height(jumped.jump);
        let jump = if equal_jumps { jumped.jump } else { selected_parent };
        // Below the number of blocks, hence no overflow.
        self.links.push(Link { selected_parent, jump, height: parent.height + 1 });
    }

    /// The block of `id`'s selected chain at `height`, or `None` above the block's own height.
    pub(super) fn ancestor_at(&self, id: BlockId, height: u64) -> Option<BlockId> {
        let height = u32::try_from(height).ok().filter(|&height| height <= self.height(id))?;
        let mut current = id;
        loop {
            let link = self.link(current);
            if link.height <= height {
                return Some(current);
            }
            current = if self.height(link.jump) >= height { link.jump } else { link.selected_parent };
        }
    }

    /// Whether `a` is on the selected chain of `b` or equal.
    pub(super) fn is_ancestor(&self, a: BlockId, b: BlockId) -> bool {
        self.ancestor_at(b, u64::from(self.height(a))) == Some(a)
    }

    /// The highest block on the selected chains of both.
    pub(super) fn common_ancestor(&self, a: BlockId, b: BlockId) -> BlockId {
        let height = u64::from(self.height(a).min(self.height(b)));
        // Neither height is below the lower of both, so both exist; genesis stands in for the impossible case.
        let mut left = self.ancestor_at(a, height).unwrap_or(BlockId::GENESIS);
        let mut right = self.ancestor_at(b, height).unwrap_or(BlockId::GENESIS);
        while left != right {
            let (left_link, right_link) = (self.link(left), self.link(right));
            (left, right) = if left_link.jump == right_link.jump {
                (left_link.selected_parent, right_link.selected_parent)
            } else {
                (left_link.jump, right_link.jump)
            };
        }
        left
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.links.capacity() * size_of::<Link>()
    }

    #[inline]
    fn link(&self, id: BlockId) -> &Link {
        &self.links[id.index()]
    }
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
}
