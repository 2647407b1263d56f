//! The bytes of a disk.
//!
//! Pages are shared between copies until one of them is written, so that a copy costs a pointer per page and not its
//! bytes. Invariants: pages that were never written read as zeros and take no memory; bytes behind the end are zero, so
//! that growing needs no clearing.

use std::sync::Arc;

use super::operation::Operation;

/// Bytes of a page, the unit of sharing.
const PAGE_BYTES: u64 = 4_096;

/// Longest image that can be, 16 GiB: what a damaged database asks for cannot exhaust the memory of the simulation.
pub const MOST_IMAGE_BYTES: u64 = 16 << 30;

/// One page, shared until written.
#[derive(Clone, Debug)]
struct Page(Arc<[u8; PAGE_BYTES as usize]>);

/// The bytes of a disk at one moment.
#[derive(Clone, Debug, Default)]
pub struct Image {
    len: u64,
    /// By page number; shorter than the image where its end was never written.
    pages: Vec<Option<Page>>,
}

impl Image {
    /// An image of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut image = Self::default();
        image.write(0, bytes);
        image
    }

    /// Length in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A copy of all bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len as usize];
        self.read(0, &mut bytes);
        bytes
    }

    /// Copies the bytes from `offset` on; those behind the end are zeros.
    pub fn read(&self, offset: u64, out: &mut [u8]) {
        for (page_number, within, part) in parts(offset, out.len()) {
            let out = &mut out[part];
            match self.pages.get(page_number).and_then(Option::as_ref) {
                Some(page) => out.copy_from_slice(&page.0[within..within + out.len()]),
                None => out.fill(0),
            }
        }
    }

    /// Writes bytes at `offset` and grows as far as needed. The end must not be above [`MOST_IMAGE_BYTES`].
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len() as u64;
        debug_assert!(end <= MOST_IMAGE_BYTES);
        self.len = self.len.max(end);
        for (page_number, within, part) in parts(offset, bytes.len()) {
            let bytes = &bytes[part];
            let slot = self.slot(page_number);
            match <&[u8; PAGE_BYTES as usize]>::try_from(bytes) {
                // A whole page: nothing of the old one is needed, so nothing of it is copied.
                Ok(whole) => *slot = Some(Page(Arc::new(*whole))),
                Err(_) => {
                    let page = slot.get_or_insert_with(|| Page(Arc::new([0; PAGE_BYTES as usize])));
                    Arc::make_mut(&mut page.0)[within..within + bytes.len()].copy_from_slice(bytes);
                }
            }
        }
    }

    /// Cuts the image, or grows it with zeros. The length must not be above [`MOST_IMAGE_BYTES`].
    pub(super) fn set_len(&mut self, len: u64) {
        debug_assert!(len <= MOST_IMAGE_BYTES);
        if len < self.len {
            self.pages.truncate(len.div_ceil(PAGE_BYTES) as usize);
            let within = (len % PAGE_BYTES) as usize;
            if let Some(Some(page)) = self.pages.get_mut((len / PAGE_BYTES) as usize) {
                Arc::make_mut(&mut page.0)[within..].fill(0);
            }
        }
        self.len = len;
    }

    /// Applies one operation; a sync changes no bytes.
    pub(super) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Write { offset, bytes } => self.write(*offset, bytes),
            Operation::SetLen { len } => self.set_len(*len),
            Operation::Sync => {}
        }
    }

    /// Applies operations that have led from this image to `newer`, by sharing its pages instead of copying bytes.
    pub(super) fn catch_up(&mut self, newer: &Self, operations: &[Operation]) {
        for operation in operations {
            match operation {
                // Nothing written, and nothing grown.
                Operation::Write { bytes, .. } if bytes.is_empty() => {}
                Operation::Write { offset, bytes } => {
                    self.len = self.len.max(offset + bytes.len() as u64);
                    for (page_number, _, _) in parts(*offset, bytes.len()) {
                        *self.slot(page_number) = newer.pages.get(page_number).cloned().flatten();
                    }
                }
                Operation::SetLen { len } => self.set_len(*len),
                Operation::Sync => {}
            }
        }
        debug_assert_eq!(self.len, newer.len, "the operations lead to the newer image");
    }

    fn slot(&mut self, page_number: usize) -> &mut Option<Page> {
        if self.pages.len() <= page_number {
            self.pages.resize(page_number + 1, None);
        }
        &mut self.pages[page_number]
    }
}

/// Cuts `count` bytes from `offset` on at the borders of pages: page number, first byte within the page, range of the
/// bytes.
fn parts(offset: u64, count: usize) -> impl Iterator<Item = (usize, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == count {
            return None;
        }
        let position = offset + done as u64;
        let within = (position % PAGE_BYTES) as usize;
        let part = done..count.min(done + PAGE_BYTES as usize - within);
        done = part.end;
        Some(((position / PAGE_BYTES) as usize, within, part))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn operations() -> impl Strategy<Value = Vec<Operation>> {
        let write = (0u64..20_000, 0usize..9_000, any::<u8>())
            .prop_map(|(offset, count, byte)| Operation::Write { offset, bytes: vec![byte; count].into() });
        let set_len = (0u64..30_000).prop_map(|len| Operation::SetLen { len });
        prop::collection::vec(prop_oneof![3 => write, 1 => set_len], 0..20)
    }

    fn plainly_applied(bytes: &mut Vec<u8>, operation: &Operation) {
        match operation {
            Operation::Write { offset, bytes: written } if !written.is_empty() => {
                let start = *offset as usize;
                let end = start + written.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[start..end].copy_from_slice(written);
            }
            Operation::SetLen { len } => bytes.resize(*len as usize, 0),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn given_any_operations_when_applied_then_the_image_is_that_of_a_plain_vector(operations in operations()) {
            let mut image = Image::default();
            let mut plain = Vec::new();
            for operation in &operations {
                let copy = image.clone();
                let before = plain.clone();
                image.apply(operation);
                plainly_applied(&mut plain, operation);
                prop_assert_eq!(image.to_bytes(), plain.clone());
                prop_assert_eq!(copy.to_bytes(), before, "a copy keeps its bytes");
            }
        }

        #[test]
        fn given_a_newer_image_when_an_older_one_catches_up_then_both_are_equal(
            first in operations(),
            second in operations(),
        ) {
            let mut older = Image::default();
            first.iter().for_each(|operation| older.apply(operation));
            let mut newer = older.clone();
            second.iter().for_each(|operation| newer.apply(operation));
            older.catch_up(&newer, &second);
            prop_assert_eq!(older.to_bytes(), newer.to_bytes());
        }
    }

    #[test]
    fn given_a_write_of_nothing_behind_the_end_when_an_older_image_catches_up_then_it_does_not_grow() {
        let nothing = [Operation::Write { offset: 1, bytes: Vec::new().into() }];
        let mut older = Image::default();
        older.catch_up(&Image::default(), &nothing);
        assert_eq!(older.len(), 0);
    }

    #[test]
    fn given_a_long_image_when_nothing_is_written_then_it_takes_no_memory_and_reads_as_zeros() {
        let mut image = Image::default();
        image.set_len(MOST_IMAGE_BYTES);
        assert!(image.pages.is_empty());
        let mut bytes = [1; 16];
        image.read(MOST_IMAGE_BYTES - 16, &mut bytes);
        assert_eq!(bytes, [0; 16]);
    }
}
