//! The work that a block stands for, from its compact target.
//!
//! Blocks share few distinct targets, and the division behind each is slow: every target is converted once and blocks
//! keep a 4-byte index. A block's work stays below 2^160 and block ids below 2^32, so that no sum of works can overflow
//! the 192 bits of a blue work.

use kaspa_math::{Uint192, Uint256};
use rustc_hash::FxHashMap;

use super::DagError;

const MAX_WORK_BITS: u32 = 160;

/// Work of one block with the given compact target: 2^256 / (target + 1), rounded down.
///
/// Source: `kaspa-consensus`, `processes::difficulty::calc_work`.
///
/// # Errors
/// [`DagError::BitsOutOfRange`] where that value does not exist or needs more than 160 bits.
pub fn block_work(bits: u32) -> Result<Uint192, DagError> {
    let refused = || DagError::BitsOutOfRange { bits };
    if !fits_in_256_bits(bits) {
        return Err(refused());
    }
    let target = Uint256::from_compact_target_bits(bits);
    if target.is_zero() {
        return Err(refused());
    }
    // 2^256 itself needs 257 bits; for a target t > 0, floor(2^256 / (t + 1)) = floor((2^256 - 1 - t) / (t + 1)) + 1. The
    // lowest bit of a large compact target is 0, hence t + 1 does not overflow.
    let (quotient, _) = (!target).div_rem(target + 1u64);
    let work = quotient + 1u64;
    if work.bits() > MAX_WORK_BITS {
        return Err(refused());
    }
    let [low, middle, high, _] = work.0;
    Ok(Uint192([low, middle, high]))
}

/// The shift in `Uint256::from_compact_target_bits` must neither reach 256 nor push mantissa bits out.
fn fits_in_256_bits(bits: u32) -> bool {
    let mantissa = bits & 0x00ff_ffff;
    let shift = 8 * (bits >> 24).saturating_sub(3);
    shift < Uint256::BITS && shift + (u32::BITS - mantissa.leading_zeros()) <= Uint256::BITS
}

/// Every distinct compact target seen, with its work.
#[derive(Clone, Default)]
pub(super) struct WorkTable {
    entries: Vec<Entry>,
    index_by_bits: FxHashMap<u32, u32>,
    last: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    bits: u32,
    work: Uint192,
}

impl WorkTable {
    /// Index of `bits` in this table, added if new. At most one entry for each block, hence the index fits 32 bits.
    pub(super) fn intern(&mut self, bits: u32) -> Result<u32, DagError> {
        if self.entries.get(self.last).is_none_or(|entry| entry.bits != bits) {
            self.last = match self.index_by_bits.get(&bits) {
                Some(&index) => index as usize,
                None => self.add(bits)?,
            };
        }
        Ok(self.last as u32)
    }

    pub(super) fn bits(&self, index: u32) -> u32 {
        self.entries[index as usize].bits
    }

    pub(super) fn work(&self, index: u32) -> Uint192 {
        self.entries[index as usize].work
    }

    /// Keeps the entries of `indexes` alone, and makes these the indexes in the new table.
    pub(super) fn retain<'a>(&mut self, indexes: impl Iterator<Item = &'a mut u32>) {
        let mut kept: Vec<Entry> = Vec::new();
        let mut numbers: Vec<Option<u32>> = vec![None; self.entries.len()];
        for index in indexes {
            *index = *numbers[*index as usize].get_or_insert_with(|| {
                kept.push(self.entries[*index as usize]);
                kept.len() as u32 - 1
            });
        }
        self.index_by_bits = kept.iter().zip(0..).map(|(entry, index)| (entry.bits, index)).collect();
        self.entries = kept;
        self.last = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.index_by_bits.capacity() * (size_of::<(u32, u32)>() + 1)
    }

    fn add(&mut self, bits: u32) -> Result<usize, DagError> {
        let work = block_work(bits)?;
        let index = self.entries.len();
        self.entries.push(Entry { bits, work });
        self.index_by_bits.insert(bits, index as u32);
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_the_easiest_simnet_target_when_converted_then_a_block_is_worth_two() {
        assert_eq!(block_work(0x207f_ffff), Ok(Uint192::from_u64(2)));
    }

    #[test]
    fn given_bits_without_a_usable_work_when_converted_then_a_typed_error() {
        for bits in
            [0, 0x2000_0000, 0x2080_0000, 0x0100_0001, 0x0300_0001, 0x2300_0001, 0xff00_0001, 0x2201_0000, u32::MAX]
        {
            assert_eq!(block_work(bits), Err(DagError::BitsOutOfRange { bits }), "{bits:#x}");
        }
    }

    #[test]
    fn given_any_exponent_and_edge_mantissas_when_converted_then_no_panic_and_work_in_bounds() {
        for exponent in 0..=255u32 {
            for mantissa in [0, 1, 0xff, 0x100, 0xffff, 0x10000, 0x7f_ffff, 0x80_0000, 0xff_ffff] {
                if let Ok(work) = block_work(exponent << 24 | mantissa) {
                    assert!(work.bits() >= 1 && work.bits() <= MAX_WORK_BITS);
                }
            }
        }
    }

    #[test]
    fn given_repeated_bits_when_interned_then_one_entry_each() {
        let mut table = WorkTable::default();
        let indexes: Vec<u32> = [0x207f_ffff, 0x1e7f_ffff, 0x207f_ffff, 0x1e7f_ffff]
            .into_iter()
            .map(|bits| table.intern(bits).expect("both targets are valid"))
            .collect();
        assert_eq!(indexes, [0, 1, 0, 1]);
        assert_eq!(table.bits(1), 0x1e7f_ffff);
        assert!(table.work(1) > table.work(0));
    }

    #[test]
    fn given_entries_out_of_use_when_retained_then_they_go_and_the_indexes_follow() {
        let targets = [0x207f_ffff, 0x203f_ffff, 0x1e7f_ffff];
        let mut table = WorkTable::default();
        let mut indexes = targets.map(|bits| table.intern(bits).expect("the targets are valid"));
        table.retain(indexes[1..].iter_mut());
        assert_eq!((table.len(), indexes[1..].to_vec()), (2, vec![0, 1]));
        assert_eq!([table.bits(0), table.bits(1)], targets[1..]);
        for (bits, index) in [(targets[2], 1), (targets[0], 2), (targets[1], 0)] {
            assert_eq!(table.intern(bits), Ok(index));
            assert_eq!(block_work(bits), Ok(table.work(index)));
        }
    }
}
