//! The records of consecutive chain blocks, oldest first, as a ring of chunks of equal size.
//!
//! A chunk enters at the new end, leaves at the old end, and comes back once as the next new one. So no record ever moves,
//! growth leaves no slack but the ends of two chunks, and a window of constant size allocates nothing.
//!
//! Invariants: every chunk but the last is full; `gone` is less than a chunk; the oldest record has index `first_index`.

use std::collections::VecDeque;

use super::ChainRecord;

/// Records in one chunk: 16 KiB.
const CHUNK: usize = 256;

/// Records by index, in constant time.
#[derive(Debug)]
pub(super) struct Records {
    chunks: VecDeque<Vec<ChainRecord>>,
    /// The chunk that was emptied last.
    spare: Option<Vec<ChainRecord>>,
    /// Records at the start of the first chunk that were dropped.
    gone: usize,
    len: usize,
    first_index: u64,
}

impl Records {
    /// No records; the first will have `first_index`.
    pub(super) fn new(first_index: u64) -> Self {
        Self { chunks: VecDeque::new(), spare: None, gone: 0, len: 0, first_index }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Index of the oldest record, or of the next one if there is none.
    pub(super) fn first_index(&self) -> u64 {
        self.first_index
    }

    /// The record of the block with this index, if it is held.
    pub(super) fn get(&self, index: u64) -> Option<&ChainRecord> {
        let position = usize::try_from(index.checked_sub(self.first_index)?).ok()?;
        if position >= self.len {
            return None;
        }
        let place = self.gone + position;
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)
    }

    pub(super) fn newest(&self) -> Option<&ChainRecord> {
        self.get(self.first_index + (self.len as u64).checked_sub(1)?)
    }

    /// All records with their indices, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &ChainRecord)> {
        (self.first_index..).zip(self.chunks.iter().flatten().skip(self.gone))
    }

    /// Adds a record at the new end and returns its index.
    pub(super) fn push(&mut self, record: ChainRecord) -> u64 {
        match self.chunks.back_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push(record),
            None => {
                let mut chunk = self.spare.take().unwrap_or_else(|| Vec::with_capacity(CHUNK));
                chunk.push(record);
                self.chunks.push_back(chunk);
            }
        }
        self.len += 1;
        self.first_index + (self.len as u64 - 1)
    }

    /// Removes the newest record.
    pub(super) fn pop_newest(&mut self) {
        if self.len == 0 {
            return;
        }
        self.len -= 1;
        let Some(last) = self.chunks.back_mut() else { return };
        last.pop();
        if last.is_empty() {
            let emptied = self.chunks.pop_back();
            self.retire(emptied);
        }
    }

    /// Removes the oldest record.
    pub(super) fn pop_oldest(&mut self) {
        if self.len == 0 {
            return;
        }
        self.len -= 1;
        self.first_index += 1;
        self.gone += 1;
        if self.gone == CHUNK {
            self.gone = 0;
            let emptied = self.chunks.pop_front();
            self.retire(emptied);
        }
    }

    fn retire(&mut self, emptied: Option<Vec<ChainRecord>>) {
        self.spare = emptied.map(|mut chunk| {
            chunk.clear();
            chunk
        });
        if self.chunks.capacity() / 8 > self.chunks.len() + 1 {
            self.chunks.shrink_to(2 * self.chunks.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use kaspa_hashes::Hash;
    use kaspa_math::Uint192;

    use super::*;

    fn record(number: u64) -> ChainRecord {
        ChainRecord { hash: Hash::from_u64_word(number), blue_score: number, blue_work: Uint192::from_u64(number) }
    }

    fn held(records: &Records) -> Vec<(u64, u64)> {
        records.iter().map(|(index, record)| (index, record.blue_score)).collect()
    }

    #[test]
    fn given_a_window_that_moves_over_many_chunks_when_read_then_every_index_in_it_and_no_other_is_held() {
        let mut records = Records::new(1_000);
        for number in 0..5_000 {
            assert_eq!(records.push(record(number)), 1_000 + number);
            if number >= 600 {
                records.pop_oldest();
            }
            let first = 1_000 + (number + 1).saturating_sub(600);
            assert_eq!((records.first_index(), records.len() as u64), (first, 1_000 + number + 1 - first));
            for index in [first, (first + 1_000 + number) / 2, 1_000 + number] {
                assert_eq!(records.get(index), Some(&record(index - 1_000)));
            }
            assert_eq!((records.get(first - 1), records.get(1_001 + number)), (None, None));
        }
        assert!(records.chunks.len() <= 4, "{} chunks for 600 records", records.chunks.len());
    }

    #[test]
    fn given_records_taken_from_both_ends_when_all_are_gone_then_empty_and_ready_for_more() {
        let mut records = Records::new(7);
        (0..CHUNK as u64 + 3).for_each(|number| assert_eq!(records.push(record(number)), 7 + number));
        (0..CHUNK as u64 / 2).for_each(|_| records.pop_oldest());
        (0..CHUNK as u64 / 2).for_each(|_| records.pop_newest());
        assert_eq!(held(&records), [(135, 128), (136, 129), (137, 130)]);
        (0..4).for_each(|_| records.pop_newest());
        assert_eq!((records.len(), records.get(135)), (0, None));
        records.pop_oldest();
        assert_eq!(records.push(record(9)), 135);
        assert_eq!(held(&records), [(135, 9)]);
    }

    #[test]
    fn given_a_long_ring_when_it_empties_then_it_gives_room_back_below_an_eighth_and_keeps_enough_to_double() {
        let mut records = Records::new(0);
        (0..1_000 * CHUNK as u64).for_each(|number| {
            records.push(record(number));
        });
        let mut shrinks = 0;
        while records.len() > 0 {
            let before = records.chunks.capacity();
            records.pop_oldest();
            let (capacity, chunks) = (records.chunks.capacity(), records.chunks.len());
            if capacity != before {
                shrinks += 1;
                assert!(before / 8 > chunks + 1, "room for {before} chunks, {chunks} taken");
                assert!(capacity >= 2 * chunks, "room for {capacity} chunks, {chunks} taken");
            }
            assert!(capacity / 8 <= chunks + 1, "room for {capacity} chunks, {chunks} taken");
        }
        assert!(shrinks >= 2, "{shrinks} times");
    }
}
