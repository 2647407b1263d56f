//! A list that grows at its end and forgets at its beginning, with numbers that never change.
//!
//! Entries lie on shelves of a fixed size: the list never moves an entry, keeps no spare capacity beyond one shelf, and
//! gives memory back a shelf at a time. An entry below the lowest number may still be on its shelf for a while.
//!
//! Invariant: every shelf but the last is full; the first shelf holds entry `first_shelf * SHELF`.

use std::collections::VecDeque;

/// Entries on a shelf.
const SHELF: u32 = 256;

/// The list. Numbers are 32 bits; who pushes sees to it that they suffice.
pub(crate) struct Shelves<T> {
    shelves: VecDeque<Vec<T>>,
    /// How many shelves were taken away.
    first_shelf: u32,
    lowest: u32,
    next: u32,
}

impl<T> Default for Shelves<T> {
    fn default() -> Self {
        Self { shelves: VecDeque::new(), first_shelf: 0, lowest: 0, next: 0 }
    }
}

impl<T> Shelves<T> {
    /// The lowest number that was not forgotten; [`Self::next`] if there is none.
    pub(crate) fn lowest(&self) -> u32 {
        self.lowest
    }

    /// The number of the next entry: how many there were ever.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// Whether so many more entries can be numbered.
    pub(crate) fn has_room_for(&self, count: usize) -> bool {
        count <= (u32::MAX - self.next) as usize
    }

    pub(crate) fn push(&mut self, entry: T) -> u32 {
        let number = self.next;
        match self.shelves.back_mut().filter(|shelf| shelf.len() < SHELF as usize) {
            Some(shelf) => shelf.push(entry),
            None => {
                let mut shelf = Vec::with_capacity(SHELF as usize);
                shelf.push(entry);
                self.shelves.push_back(shelf);
            }
        }
        self.next += 1;
        number
    }

    /// Panics for a number that was not given out or is forgotten.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> &T {
        debug_assert!(number >= self.lowest, "entry {number} is forgotten, {} is the lowest", self.lowest);
        &self.shelves[(number / SHELF - self.first_shelf) as usize][(number % SHELF) as usize]
    }

    /// Panics for a number that was not given out or is forgotten.
    #[inline]
    pub(crate) fn get_mut(&mut self, number: u32) -> &mut T {
        debug_assert!(number >= self.lowest, "entry {number} is forgotten, {} is the lowest", self.lowest);
        &mut self.shelves[(number / SHELF - self.first_shelf) as usize][(number % SHELF) as usize]
    }

    /// The entries that are not forgotten, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (self.lowest..self.next).map(|number| self.get(number))
    }

    /// Forgets the entries with lower numbers; numbers not given out yet are left to be given out.
    pub(crate) fn drop_below(&mut self, number: u32) {
        self.lowest = number.clamp(self.lowest, self.next);
        while self.first_shelf < self.lowest / SHELF {
            // A shelf that is all forgotten is full, so it is there.
            self.shelves.pop_front();
            self.first_shelf += 1;
        }
    }

    /// Heap memory of the shelves themselves.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.shelves.capacity() * size_of::<Vec<T>>() + self.shelves.len() * SHELF as usize * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn given_pushes_and_drops_when_read_then_numbers_stay_and_memory_follows_what_is_kept(
            steps in prop::collection::vec((0..700_u32, 0..1_200_u32), 1..12),
        ) {
            let mut list = Shelves::default();
            let mut lowest = 0;
            for (count, keep) in steps {
                for _ in 0..count {
                    let number = list.next();
                    prop_assert_eq!(list.push(u64::from(number) * 3), number);
                }
                list.drop_below(list.next().saturating_sub(keep));
                lowest = lowest.max(list.next().saturating_sub(keep));
                prop_assert_eq!(list.lowest(), lowest);
                let expected: Vec<_> = (lowest..list.next()).map(|number| u64::from(number) * 3).collect();
                prop_assert!(list.iter().eq(&expected));
                prop_assert!(list.shelves.len() as u32 <= (list.next() - lowest) / SHELF + 2);
            }
        }
    }

    #[test]
    fn given_a_number_beyond_the_end_when_dropped_below_then_later_entries_are_kept() {
        let mut list = Shelves::default();
        for entry in 0..SHELF {
            list.push(entry);
        }
        list.drop_below(10_000);
        assert_eq!((list.lowest(), list.push(7), *list.get(SHELF)), (SHELF, SHELF, 7));
    }
}
