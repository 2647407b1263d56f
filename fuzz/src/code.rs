//! The byte code of inputs that are lists of steps.
//!
//! Each step is a word of four bytes: what happens, a small operand, a large one (little endian). A few steps carry data
//! behind their word. Every byte string means something, no length is announced before the steps, and a change of one
//! byte changes one step: that is what a fuzzer needs, and seeds are written the same way.

/// One step before it has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// What happens; readers take it modulo what they know.
    pub operation: u8,
    /// Small operand.
    pub small: u8,
    /// Large operand.
    pub large: u16,
}

impl Word {
    /// A word.
    pub const fn new(operation: u8, small: u8, large: u16) -> Self {
        Self { operation, small, large }
    }

    /// Its four bytes.
    pub const fn bytes(self) -> [u8; 4] {
        let [low, high] = self.large.to_le_bytes();
        [self.operation, self.small, low, high]
    }
}

/// Reads words until the bytes end; what is left of a last word that is cut means nothing.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    left: &'a [u8],
}

impl<'a> Words<'a> {
    /// A reader at the first word.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// The data behind the word that was read last: so many bytes, or all that are left.
    pub fn data(&mut self, length: usize) -> &'a [u8] {
        let (data, left) = self.left.split_at(length.min(self.left.len()));
        self.left = left;
        data
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let (&[operation, small, low, high], left) = self.left.split_first_chunk()?;
        self.left = left;
        Some(Word::new(operation, small, u16::from_le_bytes([low, high])))
    }
}
