//! Reads Borsh: fixed-size numbers little endian, lists with a 32-bit count before them, nothing in between.
//!
//! Never fails otherwise than by telling that the bytes are not as wanted, and never takes memory that the bytes do not
//! fill.

/// The bytes that are not read yet.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// The bytes are not as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

impl<'a> Reader<'a> {
    /// Stands before the first byte.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or(Unreadable)?;
        self.rest = rest;
        Ok(*array)
    }

    /// One byte.
    pub(super) fn byte(&mut self) -> Result<u8, Unreadable> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A number of 32 bits.
    pub(super) fn number32(&mut self) -> Result<u32, Unreadable> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number of 64 bits.
    pub(super) fn number64(&mut self) -> Result<u64, Unreadable> {
        self.array().map(u64::from_le_bytes)
    }

    /// A list of bytes.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Unreadable> {
        let length = usize::try_from(self.number32()?).map_err(|_| Unreadable)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Unreadable)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A list of at most `most` entries.
    pub(super) fn list<T>(
        &mut self,
        most: u32,
        mut entry: impl FnMut(&mut Self) -> Result<T, Unreadable>,
    ) -> Result<Vec<T>, Unreadable> {
        let count = self.number32()?;
        if count > most {
            return Err(Unreadable);
        }
        (0..count).map(|_| entry(self)).collect()
    }

    /// The end: nothing may be left.
    pub(super) fn finish(self) -> Result<(), Unreadable> {
        if self.rest.is_empty() { Ok(()) } else { Err(Unreadable) }
    }
}

/// What `read` finds in bytes of which it must use all.
pub(super) fn read_whole<T>(
    bytes: &[u8],
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, Unreadable>,
) -> Result<T, Unreadable> {
    let mut reader = Reader::new(bytes);
    let found = read(&mut reader)?;
    reader.finish().map(|()| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_cut_or_longer_bytes_when_read_whole_then_they_are_unreadable() {
        let bytes = [2, 0, 0, 0, 7, 8, 9];
        let read = |bytes: &[u8]| read_whole(bytes, |reader| Ok((reader.bytes()?.to_vec(), reader.byte()?)));
        assert_eq!(read(&bytes), Ok((vec![7, 8], 9)));
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), Err(Unreadable), "{length} bytes");
        }
        assert_eq!(read(&[&bytes[..], &[0]].concat()), Err(Unreadable));
    }

    #[test]
    fn given_a_count_above_the_limit_or_the_bytes_when_a_list_is_read_then_it_is_unreadable() {
        let read = |bytes: &[u8]| read_whole(bytes, |reader| reader.list(2, Reader::byte));
        assert_eq!(read(&[2, 0, 0, 0, 5, 6]), Ok(vec![5, 6]));
        assert_eq!(read(&[3, 0, 0, 0, 5, 6, 7]), Err(Unreadable));
        assert_eq!(read(&[2, 0, 0, 0, 5]), Err(Unreadable));
        assert_eq!(read(&[255, 255, 255, 255]), Err(Unreadable));
    }
}
