//! What changes a disk, and what of it survives a loss of power.
//!
//! A sector is written whole or not at all; nothing else holds for a write that no sync has followed. Survivors keep
//! their order, but any of them may be missing: a later write can be there without an earlier one.

use std::sync::Arc;

use crate::random::Stream;

use super::image::Image;

/// Bytes that are written whole or not at all.
pub const SECTOR_BYTES: u64 = 512;

/// One operation that changes what is on the disk, or makes it durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Bytes at an offset.
    Write {
        /// Of the first byte.
        offset: u64,
        /// What is written.
        bytes: Arc<[u8]>,
    },
    /// A new length in bytes; never torn.
    SetLen {
        /// Bytes from now on.
        len: u64,
    },
    /// Everything before it is durable.
    Sync,
}

/// What becomes of the operations that no sync has made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// All of them survive.
    Kept,
    /// None of them survives.
    Lost,
    /// Each is kept, lost or torn, as the disk's stream draws; how many survive is drawn once for all of them.
    Drawn,
}

/// Applies to `durable` what survives of `pending`.
pub(super) fn settle(durable: &mut Image, pending: &[Operation], unsynced: Unsynced, stream: &mut Stream) {
    match unsynced {
        Unsynced::Kept => pending.iter().for_each(|operation| durable.apply(operation)),
        Unsynced::Lost => {}
        Unsynced::Drawn => {
            let kept_of_16 = [1, 8, 15][stream.below(3) as usize];
            for operation in pending {
                for survivor in survivors(operation, kept_of_16, stream) {
                    durable.apply(&survivor);
                }
            }
        }
    }
}

/// What survives of one operation: all, nothing, or, of a write, some of its sectors.
pub(super) fn survivors(operation: &Operation, kept_of_16: u64, stream: &mut Stream) -> Vec<Operation> {
    if stream.chance(kept_of_16, 16) {
        return vec![operation.clone()];
    }
    match operation {
        Operation::Write { offset, bytes } if stream.chance(1, 2) => torn(*offset, bytes, stream),
        _ => Vec::new(),
    }
}

/// A prefix of a write's sectors, or any of them.
fn torn(offset: u64, bytes: &[u8], stream: &mut Stream) -> Vec<Operation> {
    let sectors = sectors(offset, bytes.len());
    let prefix = stream.chance(1, 2).then(|| stream.below(sectors.len() as u64) as usize);
    let mut kept = Vec::new();
    for (position, range) in sectors.into_iter().enumerate() {
        let survives = match prefix {
            Some(prefix) => position < prefix,
            None => stream.chance(1, 2),
        };
        if survives {
            kept.push(Operation::Write { offset: offset + range.start as u64, bytes: bytes[range].into() });
        }
    }
    kept
}

/// The ranges of a write's bytes that lie in one sector each.
fn sectors(offset: u64, count: usize) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < count {
        let left_in_sector = SECTOR_BYTES - (offset + start as u64) % SECTOR_BYTES;
        let end = count.min(start + left_in_sector as usize);
        ranges.push(start..end);
        start = end;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;

    #[test]
    fn given_a_write_across_sectors_when_torn_then_each_sector_is_old_or_new_as_a_whole() {
        let mut stream = Streams::new(1).stream("torn", 0);
        let bytes: Arc<[u8]> = vec![9; 2_000].into();
        let write = Operation::Write { offset: 300, bytes };
        let mut kept_counts = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let mut image = Image::default();
            image.set_len(4_096);
            for survivor in survivors(&write, 0, &mut stream) {
                image.apply(&survivor);
            }
            let bytes = image.to_bytes();
            for sector in sectors(300, 2_000) {
                let sector = &bytes[300 + sector.start..300 + sector.end];
                assert!(sector.iter().all(|byte| byte == &sector[0]), "a sector is torn");
            }
            assert!(bytes[..300].iter().chain(&bytes[2_300..]).all(|&byte| byte == 0), "written beside the range");
            kept_counts.insert(bytes.iter().filter(|&&byte| byte == 9).count());
        }
        assert!(kept_counts.len() > 8, "few ways of tearing: {kept_counts:?}");
    }

    #[test]
    fn given_many_pending_writes_when_settled_then_kept_lost_and_torn_ones_are_all_seen() {
        let pending: Vec<Operation> =
            (0..16).map(|page| Operation::Write { offset: page * 4_096, bytes: vec![1; 4_096].into() }).collect();
        let mut stream = Streams::new(2).stream("settle", 0);
        let (mut kept, mut lost, mut torn, mut out_of_order) = (0, 0, 0, 0);
        for _ in 0..50 {
            let mut durable = Image::default();
            settle(&mut durable, &pending, Unsynced::Drawn, &mut stream);
            durable.set_len(16 * 4_096);
            let bytes = durable.to_bytes();
            let counts: Vec<usize> =
                bytes.chunks(4_096).map(|page| page.iter().filter(|&&byte| byte == 1).count()).collect();
            kept += counts.iter().filter(|&&count| count == 4_096).count();
            lost += counts.iter().filter(|&&count| count == 0).count();
            torn += counts.iter().filter(|&&count| (1..4_096).contains(&count)).count();
            out_of_order += counts.windows(2).filter(|pair| pair[0] == 0 && pair[1] == 4_096).count();
        }
        assert!(kept > 200 && lost > 100 && torn > 100 && out_of_order > 20, "{kept} {lost} {torn} {out_of_order}");
    }
}
