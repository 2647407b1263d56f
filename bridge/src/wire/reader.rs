//! The cursor through which every byte from a peer is read.
//!
//! A length or count is compared with the bytes that are left in the innermost envelope before anything is done with
//! it, and the reader only lends slices of the frame: reading allocates nothing, whatever the bytes say.
//!
//! The encoding has two layers. Plain values are Borsh: little-endian integers, `u32` lengths, one byte for a boolean
//! or an option tag. Nested structures of `workflow-serializer` 0.18 (`payload.rs`) are preceded by their length as
//! `u32`: an *envelope*. Most structures begin with a struct version; newer versions append fields, so bytes that are
//! left at the end of an envelope are skipped, except at the end of the outermost one.

use std::fmt;

use kaspa_hashes::{HASH_SIZE, Hash};

use super::{HashList, WireError};

/// Bytes of the length field of an envelope, a byte string, a text or a list.
pub(super) const LENGTH_SIZE: usize = 4;

/// A cursor over the bytes of one envelope. Copies are independent cursors.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader over all of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Bytes that have not been read.
    pub const fn left(&self) -> usize {
        self.bytes.len()
    }

    /// The next `count` bytes.
    #[inline]
    pub fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], WireError> {
        match self.bytes.split_at_checked(count) {
            Some((taken, rest)) => {
                self.bytes = rest;
                Ok(taken)
            }
            None => Err(self.truncated(what, count)),
        }
    }

    /// The next `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<&'a [u8; N], WireError> {
        match self.bytes.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.bytes = rest;
                Ok(taken)
            }
            None => Err(self.truncated(what, N)),
        }
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self, what: &'static str) -> Result<u8, WireError> {
        self.array::<1>(what).map(|bytes| u8::from_le_bytes(*bytes))
    }

    /// A little-endian integer of two bytes.
    #[inline]
    pub fn u16(&mut self, what: &'static str) -> Result<u16, WireError> {
        self.array(what).map(|bytes| u16::from_le_bytes(*bytes))
    }

    /// A little-endian integer of four bytes.
    #[inline]
    pub fn u32(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what).map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// A little-endian integer of eight bytes.
    #[inline]
    pub fn u64(&mut self, what: &'static str) -> Result<u64, WireError> {
        self.array(what).map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// A boolean: one byte that must be 0 or 1.
    #[inline]
    pub fn bool(&mut self, what: &'static str) -> Result<bool, WireError> {
        match self.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(bad_tag(what, u32::from(value))),
        }
    }

    /// A hash of 32 bytes.
    #[inline]
    pub fn hash(&mut self, what: &'static str) -> Result<Hash, WireError> {
        self.array(what).map(|bytes| Hash::from_bytes(*bytes))
    }

    /// An option: a tag that must be 0 or 1, and after a 1 what `read` reads.
    #[inline]
    pub fn option<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Result<T, WireError>,
    ) -> Result<Option<T>, WireError> {
        match self.bool(what)? {
            true => read(self, what).map(Some),
            false => Ok(None),
        }
    }

    /// An option in the form of `serialize!(Option<T>, ..)`: an envelope around the tag, another one around the value.
    #[inline]
    pub fn enveloped_option(&mut self, what: &'static str) -> Result<Option<Reader<'a>>, WireError> {
        self.envelope(what)?.option(what, Reader::envelope)
    }

    /// A reader over the inside of the envelope that starts here; this reader moves past it.
    #[inline]
    pub fn envelope(&mut self, what: &'static str) -> Result<Reader<'a>, WireError> {
        self.byte_string(what).map(Reader::new)
    }

    /// The whole frame's outermost envelope: nothing may follow it.
    #[inline]
    pub fn last_envelope(&mut self, what: &'static str) -> Result<Reader<'a>, WireError> {
        let inner = self.envelope(what)?;
        self.finish(what)?;
        Ok(inner)
    }

    /// Bytes preceded by their number.
    #[inline]
    pub fn byte_string(&mut self, what: &'static str) -> Result<&'a [u8], WireError> {
        let length = self.count(what, 1)?;
        self.take(length, what)
    }

    /// UTF-8 text preceded by its length in bytes.
    #[inline]
    pub fn text(&mut self, what: &'static str) -> Result<&'a str, WireError> {
        str::from_utf8(self.byte_string(what)?).map_err(|_| WireError::BadText { what })
    }

    /// Hashes preceded by their number.
    #[inline]
    pub fn hashes(&mut self, what: &'static str) -> Result<HashList<'a>, WireError> {
        let count = self.count(what, HASH_SIZE)?;
        let (hashes, _) = self.take(count * HASH_SIZE, what)?.as_chunks();
        Ok(HashList::new(hashes))
    }

    /// A `u32` count of items that take at least `minimal_size` bytes each, which must still be there.
    ///
    /// The returned count times `minimal_size` is at most [`Self::left`].
    #[inline]
    pub fn count(&mut self, what: &'static str, minimal_size: usize) -> Result<usize, WireError> {
        let count = self.u32(what)?;
        let announced = u64::from(count).saturating_mul(minimal_size as u64);
        if announced > self.left() as u64 {
            return Err(self.length_beyond_envelope(what, announced));
        }
        Ok(count as usize)
    }

    /// A struct version of two bytes. Version 0 does not exist; versions above the known ones only append fields.
    #[inline]
    pub fn version_u16(&mut self, what: &'static str) -> Result<u16, WireError> {
        match self.u16(what)? {
            0 => Err(unsupported_version(what)),
            version => Ok(version),
        }
    }

    /// A struct version of one byte, otherwise as [`Self::version_u16`].
    #[inline]
    pub fn version_u8(&mut self, what: &'static str) -> Result<u8, WireError> {
        match self.u8(what)? {
            0 => Err(unsupported_version(what)),
            version => Ok(version),
        }
    }

    /// Succeeds if nothing is left.
    #[inline]
    pub fn finish(&self, what: &'static str) -> Result<(), WireError> {
        match self.left() {
            0 => Ok(()),
            count => Err(WireError::TrailingBytes { what, count }),
        }
    }

    #[cold]
    fn truncated(&self, what: &'static str, needed: usize) -> WireError {
        WireError::Truncated { what, needed, left: self.left() }
    }

    #[cold]
    fn length_beyond_envelope(&self, what: &'static str, announced: u64) -> WireError {
        WireError::LengthBeyondEnvelope { what, announced, left: self.left() }
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reader").field("left", &self.left()).finish()
    }
}

#[cold]
pub(super) fn bad_tag(what: &'static str, value: u32) -> WireError {
    WireError::BadTag { what, value }
}

#[cold]
fn unsupported_version(what: &'static str) -> WireError {
    WireError::UnsupportedVersion { what, version: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_an_envelope_longer_than_its_parent_when_opened_then_the_length_is_refused() {
        let mut reader = Reader::new(&[5, 0, 0, 0, 1, 2, 3, 4]);
        let error = reader.envelope("page").unwrap_err();
        assert_eq!(error, WireError::LengthBeyondEnvelope { what: "page", announced: 5, left: 4 });
    }

    #[test]
    fn given_a_count_whose_bytes_overflow_when_read_then_the_length_is_refused() {
        let mut reader = Reader::new(&[0xff; 8]);
        let error = reader.count("hashes", usize::MAX).unwrap_err();
        assert!(matches!(error, WireError::LengthBeyondEnvelope { announced: u64::MAX, .. }), "{error:?}");
    }

    #[test]
    fn given_a_boolean_of_two_when_read_then_the_tag_is_refused() {
        let error = Reader::new(&[2]).bool("flag").unwrap_err();
        assert_eq!(error, WireError::BadTag { what: "flag", value: 2 });
    }

    #[test]
    fn given_hashes_when_read_then_they_come_in_order_and_the_rest_stays() {
        let mut bytes = vec![2, 0, 0, 0];
        bytes.extend([7; 32]);
        bytes.extend([9; 32]);
        bytes.push(1);
        let mut reader = Reader::new(&bytes);
        let hashes = reader.hashes("hashes").unwrap();
        assert_eq!(hashes.to_vec(), [Hash::from_bytes([7; 32]), Hash::from_bytes([9; 32])]);
        assert_eq!((hashes.get(1), hashes.get(2)), (Some(Hash::from_bytes([9; 32])), None));
        assert_eq!(reader.left(), 1);
    }

    #[test]
    fn given_bytes_after_the_last_envelope_when_opened_then_they_are_refused() {
        let error = Reader::new(&[1, 0, 0, 0, 8, 8]).last_envelope("reply").unwrap_err();
        assert_eq!(error, WireError::TrailingBytes { what: "reply", count: 1 });
    }

    #[test]
    fn given_version_zero_when_read_then_it_is_refused_and_higher_ones_pass() {
        assert!(Reader::new(&[0, 0]).version_u16("block").is_err());
        assert_eq!(Reader::new(&[9, 0]).version_u16("block"), Ok(9));
        assert!(Reader::new(&[0]).version_u8("input").is_err());
    }
}
