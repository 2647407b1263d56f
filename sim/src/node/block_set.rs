//! A set of block ids, one bit for each id from the lowest one that was not forgotten.

use crate::dag::BlockId;

const BITS: usize = u64::BITS as usize;

/// A set of blocks. What [`BlockSet::shrink`] gave back cannot come in again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BlockSet {
    /// Number of words that were forgotten at the front.
    base: usize,
    words: Vec<u64>,
    len: usize,
}

impl BlockSet {
    pub(super) fn contains(&self, block: BlockId) -> bool {
        self.position(block).and_then(|word| self.words.get(word)).is_some_and(|word| word & bit(block) != 0)
    }

    /// Whether the block was not in the set.
    pub(super) fn insert(&mut self, block: BlockId) -> bool {
        let Some(position) = self.position(block) else { return false };
        if position >= self.words.len() {
            self.words.resize(position + 1, 0);
        }
        let word = &mut self.words[position];
        let is_new = *word & bit(block) == 0;
        *word |= bit(block);
        self.len += usize::from(is_new);
        is_new
    }

    pub(super) fn remove(&mut self, block: BlockId) {
        let Some(word) = self.position(block).and_then(|word| self.words.get_mut(word)) else { return };
        self.len -= usize::from(*word & bit(block) != 0);
        *word &= !bit(block);
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The members from the lowest id up.
    pub(super) fn iter(&self) -> impl Iterator<Item = BlockId> + '_ {
        self.iter_from(BlockId::GENESIS)
    }

    /// The members with at least this id, from the lowest up.
    pub(super) fn iter_from(&self, from: BlockId) -> impl Iterator<Item = BlockId> + '_ {
        let start = (from.index() / BITS).saturating_sub(self.base).min(self.words.len());
        let words = self.words[start..].iter().copied().zip(self.base + start..);
        words
            .flat_map(|(word, position)| ones(word).map(move |offset| id(position * BITS + offset)))
            .filter(move |&block| block >= from)
    }

    /// Gives back the memory of ids below the lowest member.
    pub(super) fn shrink(&mut self) {
        let empty = self.words.iter().take_while(|word| **word == 0).count();
        self.words.drain(..empty);
        self.words.shrink_to(2 * self.words.len());
        self.base += empty;
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }

    fn position(&self, block: BlockId) -> Option<usize> {
        (block.index() / BITS).checked_sub(self.base)
    }
}

fn bit(block: BlockId) -> u64 {
    1 << (block.index() % BITS)
}

/// Positions came from 32-bit ids.
fn id(position: usize) -> BlockId {
    BlockId(position as u32)
}

fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let offset = word.trailing_zeros() as usize;
        word &= word.wrapping_sub(1);
        (offset < BITS).then_some(offset)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_ids_in_several_words_when_put_in_and_taken_out_then_the_set_tells_which_it_holds() {
        let mut set = BlockSet::default();
        for block in [0, 63, 64, 200].map(BlockId) {
            assert!(set.insert(block) && set.contains(block) && !set.insert(block));
        }
        set.remove(BlockId(64));
        set.remove(BlockId(64));
        set.remove(BlockId(1_000));
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 200].map(BlockId));
        assert_eq!(set.iter_from(BlockId(63)).collect::<Vec<_>>(), [63, 200].map(BlockId));
        assert_eq!(set.len(), 3);
    }

    #[test]
    fn given_low_ids_were_removed_when_shrunk_then_the_rest_stays_and_nothing_below_can_come_back() {
        let mut set = BlockSet::default();
        (0..300).map(BlockId).for_each(|block| assert!(set.insert(block)));
        (0..130).map(BlockId).for_each(|block| set.remove(block));
        set.shrink();
        assert_eq!(set.words.len(), 3);
        assert!(set.iter().eq((130..300).map(BlockId)));
        assert!(!set.insert(BlockId(5)) && !set.contains(BlockId(5)));
        assert!(set.insert(BlockId(129)) && set.insert(BlockId(4_000)));
        assert_eq!((set.len(), set.iter().next()), (172, Some(BlockId(129))));
    }
}
