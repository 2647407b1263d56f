//! Which block of the records has a given hash: an open-addressing table of four-byte slots that point into the records.
//!
//! The hashes themselves stay in the records; a slot costs four bytes and between two and eight of them belong to a block.
//!
//! **Against chosen hashes.** The follower cannot check proof of work, so a node may make up blocks until their hashes
//! fall where it wants them. A secret would not be deterministic, and the configured seed is no secret. Instead a
//! block's home slot depends on a key, and the key is the hash of the block that was newest when the table was built. That
//! hash commits to every block below it, so nobody can choose the blocks to fit the key: they spread evenly. What comes
//! later can be made to fit, but once a block lies further than [`FARTHEST`] from its home the table is built anew
//! with a key that did not exist before. So no look-up walks further, and one rebuild costs whoever provokes it that many
//! blocks, each searched for among as many hashes as there are slots.
//!
//! Invariants: at most half of the slots are taken; exactly the held records have one; from a record's home to its slot no
//! slot is empty, and it is at most `farthest` slots away. Equal hashes, which no two blocks of a chain have because a
//! header's hash covers its blue score, would each keep their own slot.

use kaspa_hashes::Hash;

use super::records::Records;

/// Marks a slot without block.
const EMPTY: u32 = u32::MAX;

/// Fewest slots of a table.
const FEWEST_SLOTS: usize = 64;

/// Distance from home beyond which the table is built anew. With half of the slots taken by evenly spread hashes less than
/// one append in 10^10 comes so far: the probability of a run of `n` slots falls as `e^(-0.19 n)`.
const FARTHEST: usize = 128;

/// Keeps a key made of few bits from erasing the hash it is mixed with: the first digits of pi after the point.
const KEY_BASE: [u64; 4] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];

/// Indices of the held records by hash. Every method is given the same records.
#[derive(Debug)]
pub(super) struct Positions {
    /// Names of blocks ([`name_of`]) or [`EMPTY`]; as many as a power of two.
    slots: Box<[u32]>,
    key: [u64; 4],
    /// No record was put further from its home since the table was built.
    farthest: usize,
}

impl Positions {
    /// A table of `records`.
    pub(super) fn new(records: &Records) -> Self {
        let mut positions = Self { slots: Box::default(), key: KEY_BASE, farthest: 0 };
        positions.rebuild(records);
        positions
    }

    /// Index of the held block with this hash.
    pub(super) fn find(&self, hash: &Hash, records: &Records) -> Option<u64> {
        self.walk(self.home(hash))
            .map(|at| self.slots[at])
            .take_while(|slot| *slot != EMPTY)
            .map(|name| index_named(name, records.first_index()))
            .find(|index| records.get(*index).is_some_and(|record| record.hash == *hash))
    }

    /// Enters the newest record, which the caller has just added and which has this hash and index.
    pub(super) fn insert_newest(&mut self, hash: &Hash, index: u64, records: &Records) {
        if 2 * records.len() > self.slots.len() {
            return self.rebuild(records);
        }
        self.put(hash, index);
        if self.farthest > FARTHEST {
            self.rebuild(records);
        }
    }

    /// Takes out a record that the caller is about to remove.
    pub(super) fn remove(&mut self, index: u64, records: &Records) {
        let Some(record) = records.get(index) else { return };
        let name = name_of(index);
        let Some(mut hole) = self.walk(self.home(&record.hash)).find(|at| self.slots[*at] == name) else { return };
        // Close the gap: whoever comes later in this run and is not at home may move up. Beyond `farthest` nobody could.
        let mut at = self.next(hole);
        while self.slots[at] != EMPTY && self.distance(hole, at) <= self.farthest {
            let other = records.get(index_named(self.slots[at], records.first_index()));
            let home = other.map(|other| self.home(&other.hash));
            if home.is_some_and(|home| self.distance(home, at) >= self.distance(hole, at)) {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
            at = self.next(at);
        }
        self.slots[hole] = EMPTY;
    }

    /// Gives memory back after many removals: never more than eight slots for a block, beyond the smallest table.
    pub(super) fn shrink(&mut self, records: &Records) {
        if self.slots.len() > FEWEST_SLOTS.max(8 * records.len()) {
            self.rebuild(records);
        }
    }

    /// Slots taken, and all slots.
    #[cfg(test)]
    pub(super) fn load(&self) -> (usize, usize) {
        (self.slots.iter().filter(|slot| **slot != EMPTY).count(), self.slots.len())
    }

    /// Builds the table anew with two to four slots for each record and the newest record's hash as key.
    fn rebuild(&mut self, records: &Records) {
        self.slots = vec![EMPTY; (2 * records.len()).next_power_of_two().max(FEWEST_SLOTS)].into_boxed_slice();
        self.key = KEY_BASE;
        if let Some(newest) = records.newest() {
            self.key.iter_mut().zip(newest.hash.to_le_u64()).for_each(|(word, newest)| *word ^= newest);
        }
        self.farthest = 0;
        for (index, record) in records.iter() {
            self.put(&record.hash, index);
        }
    }

    /// Takes the first empty slot from home on. There is one: at most half are taken.
    fn put(&mut self, hash: &Hash, index: u64) {
        let home = self.home(hash);
        let mut at = home;
        while self.slots[at] != EMPTY {
            at = self.next(at);
        }
        self.slots[at] = name_of(index);
        self.farthest = self.farthest.max(self.distance(home, at));
    }

    /// The slot where the search for a hash begins: all of its 256 bits, mixed with the key by two wide multiplications.
    fn home(&self, hash: &Hash) -> usize {
        let [first, second, third, fourth] = hash.to_le_u64();
        let [first_key, second_key, third_key, fourth_key] = self.key;
        let mixed = fold(first ^ first_key, second ^ second_key) ^ fold(third ^ third_key, fourth ^ fourth_key);
        self.wrap(mixed as usize)
    }

    /// The slots where a record with this home can be.
    fn walk(&self, home: usize) -> impl Iterator<Item = usize> {
        (0..=self.farthest).map(move |distance| self.wrap(home + distance))
    }

    fn next(&self, at: usize) -> usize {
        self.wrap(at + 1)
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        self.wrap(to.wrapping_sub(from))
    }

    /// A number that is always below the number of slots, which is a power of two.
    fn wrap(&self, number: usize) -> usize {
        number & (self.slots.len() - 1)
    }
}

/// The product's halves, mixed.
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

/// How a slot calls the block with this index: never [`EMPTY`], and distinct among fewer than 2^32 - 1 consecutive
/// blocks, which at ten a second are thirteen years without finality, and 275 GB of records.
fn name_of(index: u64) -> u32 {
    (index % u64::from(EMPTY)) as u32
}

/// The index that has this name, in a window that begins at `first_index`.
fn index_named(name: u32, first_index: u64) -> u64 {
    let first_name = first_index % u64::from(EMPTY);
    let name = u64::from(name);
    let ahead = if name >= first_name { name - first_name } else { name + u64::from(EMPTY) - first_name };
    first_index + ahead
}

#[cfg(test)]
mod tests {
    use kaspa_math::Uint192;
    use proptest::prelude::*;

    use super::{super::ChainRecord, *};

    fn record(hash: Hash) -> ChainRecord {
        ChainRecord { hash, blue_score: 0, blue_work: Uint192::ZERO }
    }

    fn filled(hashes: impl IntoIterator<Item = Hash>) -> (Positions, Records) {
        let mut records = Records::new(0);
        let mut positions = Positions::new(&records);
        for hash in hashes {
            add(&mut positions, &mut records, hash);
        }
        (positions, records)
    }

    fn add(positions: &mut Positions, records: &mut Records, hash: Hash) -> u64 {
        let index = records.push(record(hash));
        positions.insert_newest(&hash, index, records);
        index
    }

    /// Every record is found where it is, as many slots are taken as there are records, and the load is within its bounds.
    fn check(positions: &Positions, records: &Records) {
        for (index, record) in records.iter() {
            assert_eq!(positions.find(&record.hash, records), Some(index));
        }
        let (taken, slots) = positions.load();
        assert_eq!(taken, records.len());
        assert!(2 * taken <= slots && slots.is_power_of_two());
    }

    /// Hashes whose home is `home` under the present key, as a node can find them by trying.
    fn ground(positions: &Positions, home: usize, tried: &mut u64) -> Hash {
        loop {
            *tried += 1;
            let hash = Hash::from_le_u64([*tried, tried.rotate_left(17), !*tried, 5]);
            if positions.home(&hash) == positions.wrap(home) {
                return hash;
            }
        }
    }

    #[test]
    fn given_hashes_ground_to_share_a_home_when_appended_then_the_table_takes_another_key_and_walks_stay_short() {
        let (mut positions, mut records) = filled((0..1_000).map(Hash::from_u64_word));
        let (mut tried, mut keys, mut collisions) = (0, 0, 0);
        while keys < 5 {
            let key = positions.key;
            let hash = ground(&positions, 77, &mut tried);
            add(&mut positions, &mut records, hash);
            collisions += 1;
            keys += usize::from(positions.key != key);
            assert!(positions.farthest <= FARTHEST, "{} after {collisions} collisions", positions.farthest);
        }
        assert!(collisions > 4 * FARTHEST / 2, "five keys after {collisions} collisions");
        check(&positions, &records);
    }

    #[test]
    fn given_a_run_of_shared_and_neighbouring_homes_when_blocks_leave_at_either_end_then_the_rest_is_found() {
        let (mut positions, mut records) = filled((0..40).map(Hash::from_u64_word));
        let mut tried = 0;
        // The last slots, so that runs wrap around the end of the table.
        for number in 0..24 {
            let home = positions.slots.len() - 3 + number % 4;
            let hash = ground(&positions, home, &mut tried);
            add(&mut positions, &mut records, hash);
        }
        while records.len() > 1 {
            if records.len().is_multiple_of(3) {
                positions.remove(records.first_index(), &records);
                records.pop_oldest();
            } else {
                positions.remove(records.first_index() + records.len() as u64 - 1, &records);
                records.pop_newest();
            }
            check(&positions, &records);
        }
    }

    #[test]
    fn given_equal_hashes_when_one_goes_then_the_other_is_found() {
        let (mut positions, mut records) = filled([1, 2, 1].map(Hash::from_u64_word));
        positions.remove(0, &records);
        records.pop_oldest();
        assert_eq!(positions.find(&Hash::from_u64_word(1), &records), Some(2));
        assert_eq!(positions.find(&Hash::from_u64_word(2), &records), Some(1));
    }

    #[test]
    fn given_many_blocks_when_most_leave_then_the_table_shrinks_to_at_most_eight_slots_for_a_block() {
        let (mut positions, mut records) = filled((0..10_000).map(Hash::from_u64_word));
        assert_eq!(positions.slots.len(), 32_768);
        while records.len() > 100 {
            positions.remove(records.first_index(), &records);
            records.pop_oldest();
            positions.shrink(&records);
            assert!(positions.slots.len() <= 8 * records.len());
        }
        check(&positions, &records);
    }

    proptest! {
        #[test]
        fn given_any_index_in_a_window_when_named_then_the_name_leads_back_to_it(
            first in prop_oneof![any::<u32>().prop_map(u64::from), 0..u64::MAX / 2, u64::from(u32::MAX) - 9..=u64::from(u32::MAX) + 9],
            ahead in prop_oneof![0..20_u64, 0..u64::from(u32::MAX)],
        ) {
            prop_assert_ne!(name_of(first + ahead), EMPTY);
            prop_assert_eq!(index_named(name_of(first + ahead), first), first + ahead);
        }
    }

    #[test]
    fn given_any_bit_of_a_hash_when_it_differs_then_so_does_the_home_nearly_always() {
        let spread = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.rotate_left(31);
        let hashes: Vec<[u64; 4]> =
            (1..=64_u64).map(|number| std::array::from_fn(|word| spread(4 * number + word as u64))).collect();
        let (positions, _) = filled((0..5_000).map(Hash::from_u64_word));
        for bit in 0..256 {
            let mut moved = 0;
            for words in &hashes {
                let mut other = *words;
                other[bit / 64] ^= 1 << (bit % 64);
                moved += usize::from(
                    positions.home(&Hash::from_le_u64(*words)) != positions.home(&Hash::from_le_u64(other)),
                );
            }
            assert!(moved >= 60, "bit {bit} moves {moved} of {} homes", hashes.len());
        }
    }
}
