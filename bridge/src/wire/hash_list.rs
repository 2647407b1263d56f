//! A list of hashes that stays where it was read: in the frame.

use std::fmt;

use kaspa_hashes::{HASH_SIZE, Hash};

/// Hashes borrowed from a frame. Copying it copies a pointer and a length.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct HashList<'a> {
    hashes: &'a [[u8; HASH_SIZE]],
}

impl<'a> HashList<'a> {
    /// The list over raw hashes.
    pub const fn new(hashes: &'a [[u8; HASH_SIZE]]) -> Self {
        Self { hashes }
    }

    /// How many hashes there are.
    pub const fn len(self) -> usize {
        self.hashes.len()
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.hashes.is_empty()
    }

    /// The hash at `index`, counted from 0.
    pub fn get(self, index: usize) -> Option<Hash> {
        self.hashes.get(index).copied().map(Hash::from_bytes)
    }

    /// The first hash.
    pub fn first(self) -> Option<Hash> {
        self.hashes.first().copied().map(Hash::from_bytes)
    }

    /// The last hash.
    pub fn last(self) -> Option<Hash> {
        self.hashes.last().copied().map(Hash::from_bytes)
    }

    /// The hashes in order.
    pub fn iter(self) -> Hashes<'a> {
        Hashes { inner: self.hashes.iter() }
    }

    /// An owned copy.
    pub fn to_vec(self) -> Vec<Hash> {
        self.iter().collect()
    }

    /// The hashes as one run of bytes, 32 bytes each.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.hashes.as_flattened()
    }
}

impl fmt::Debug for HashList<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for HashList<'a> {
    type Item = Hash;
    type IntoIter = Hashes<'a>;

    fn into_iter(self) -> Hashes<'a> {
        self.iter()
    }
}

/// Iterator over a [`HashList`].
#[derive(Debug, Clone)]
pub struct Hashes<'a> {
    inner: std::slice::Iter<'a, [u8; HASH_SIZE]>,
}

impl Iterator for Hashes<'_> {
    type Item = Hash;

    fn next(&mut self) -> Option<Hash> {
        self.inner.next().copied().map(Hash::from_bytes)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl DoubleEndedIterator for Hashes<'_> {
    fn next_back(&mut self) -> Option<Hash> {
        self.inner.next_back().copied().map(Hash::from_bytes)
    }
}

impl ExactSizeIterator for Hashes<'_> {}
