//! What can be done to a reply.

use crate::code::{Word, Words};

/// A change of one reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Of a reply of any kind; otherwise of a page of the chain, or of what is sent instead.
    pub of_any: bool,
    /// So many of them pass before it.
    pub after: u8,
    /// What is changed.
    pub change: Change,
}

/// A change of a reply. Positions are taken modulo what is there; a change of something that is not there does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the operands are what the variant says")]
pub enum Change {
    /// A block leaves the page, hash and record.
    DropBlock { at: u8 },
    /// A record leaves the page, its hash stays.
    DropRecord { at: u8 },
    /// Two blocks change places.
    SwapBlocks { at: u8, with: u8 },
    /// A block comes once more at the end.
    RepeatBlock { at: u8 },
    /// One more hash is said to be removed.
    AddRemoved { block: u16 },
    /// A hash that is said to be removed is not.
    DropRemoved { at: u8 },
    /// Removed hashes are told in the opposite order.
    ReverseRemoved,
    /// A header field is absent.
    DropField { at: u8, field: Field },
    /// A header field is another number, or the hash of another block.
    SetField { at: u8, field: Field, to: u8 },
    /// A header names other parents.
    Parents { at: u8, how: u16 },
    /// Hash and announced hash are made to fit the header.
    Rehash { at: u8 },
    /// Transactions of a block leave the page.
    DropTransactions { at: u8 },
    /// Something about the first transaction of a block.
    Transaction { at: u8, how: u16 },
    /// Nothing is in the page.
    Empty,
    /// Bits of one byte of the frame.
    Flip { at: u16, bits: u8 },
    /// Four bytes of the frame become the largest number.
    Endless { at: u16 },
    /// The frame ends early.
    Cut { at: u16 },
    /// Bytes follow the frame.
    Append { count: u8 },
    /// The id is that of another request.
    OtherId,
    /// The reply is one to another operation.
    OtherOperation { code: u8 },
    /// A remote error, one of the texts that nodes have.
    RemoteError { text: u8 },
    /// The payload is other bytes.
    Payload(Vec<u8>),
    /// Nothing is sent.
    Silence,
    /// The connection ends.
    HangUp,
    /// It comes twice.
    Twice,
}

/// A field of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the header")]
pub enum Field {
    Hash,
    Version,
    Timestamp,
    Bits,
    Nonce,
    DaaScore,
    BlueWork,
    BlueScore,
    PruningPoint,
    MerkleRoot,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Hash,
        Self::Version,
        Self::Timestamp,
        Self::Bits,
        Self::Nonce,
        Self::DaaScore,
        Self::BlueWork,
        Self::BlueScore,
        Self::PruningPoint,
        Self::MerkleRoot,
    ];

    fn of(code: u8) -> Self {
        Self::ALL[usize::from(code) % Self::ALL.len()]
    }
}

/// Number of kinds of changes.
const KINDS: u8 = 25;

/// How many replies pass before one is changed, by what stands above the kind in its byte. The next one is meant most often.
const AFTER: [u8; 10] = [0, 0, 0, 0, 0, 1, 2, 3, 4, 5];

/// Kinds of steps that are not edits; see `Step::read`.
const OTHER_STEPS: u8 = 3;

impl Edit {
    /// The step's word: `operation` holds, from the low bits, the kind of step, whether it is of any reply, and a position;
    /// `small` the kind of change and how many replies pass before; `large` what the change needs.
    pub(super) fn read(word: Word, words: &mut Words<'_>) -> Self {
        let of_any = word.operation & 0x08 != 0;
        let at = word.operation >> 4;
        let after = AFTER[usize::from(word.small / KINDS).min(AFTER.len() - 1)];
        Self { of_any, after, change: Change::read(word.small % KINDS, at, word.large, words) }
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let (kind, at, large) = self.change.operands();
        let operation = OTHER_STEPS | u8::from(self.of_any) << 3 | at << 4;
        let after = AFTER.iter().position(|after| *after >= self.after).unwrap_or(AFTER.len() - 1) as u8;
        bytes.extend(Word::new(operation, kind + KINDS * after, large).bytes());
        if let Change::Payload(payload) = &self.change {
            bytes.extend(payload);
        }
    }
}

impl Change {
    fn read(kind: u8, at: u8, large: u16, words: &mut Words<'_>) -> Self {
        let [low, high] = large.to_le_bytes();
        match kind {
            0 => Self::DropBlock { at },
            1 => Self::DropRecord { at },
            2 => Self::SwapBlocks { at, with: low },
            3 => Self::RepeatBlock { at },
            4 => Self::AddRemoved { block: large },
            5 => Self::DropRemoved { at },
            6 => Self::ReverseRemoved,
            7 => Self::DropField { at, field: Field::of(low) },
            8 => Self::SetField { at, field: Field::of(low), to: high },
            9 => Self::Parents { at, how: large },
            10 => Self::Rehash { at },
            11 => Self::DropTransactions { at },
            12 => Self::Transaction { at, how: large },
            13 => Self::Empty,
            14 => Self::Flip { at: large, bits: 1 << (at % 8) },
            15 => Self::Endless { at: large },
            16 => Self::Cut { at: large },
            17 => Self::Append { count: low },
            18 => Self::OtherId,
            19 => Self::OtherOperation { code: low },
            20 => Self::RemoteError { text: low },
            21 => Self::Payload(words.data(usize::from(large)).to_vec()),
            22 => Self::Silence,
            23 => Self::HangUp,
            _ => Self::Twice,
        }
    }

    /// Kind, position and large operand.
    fn operands(&self) -> (u8, u8, u16) {
        let two = |low: u8, high: u8| u16::from_le_bytes([low, high]);
        match self {
            Self::DropBlock { at } => (0, *at, 0),
            Self::DropRecord { at } => (1, *at, 0),
            Self::SwapBlocks { at, with } => (2, *at, two(*with, 0)),
            Self::RepeatBlock { at } => (3, *at, 0),
            Self::AddRemoved { block } => (4, 0, *block),
            Self::DropRemoved { at } => (5, *at, 0),
            Self::ReverseRemoved => (6, 0, 0),
            Self::DropField { at, field } => (7, *at, two(*field as u8, 0)),
            Self::SetField { at, field, to } => (8, *at, two(*field as u8, *to)),
            Self::Parents { at, how } => (9, *at, *how),
            Self::Rehash { at } => (10, *at, 0),
            Self::DropTransactions { at } => (11, *at, 0),
            Self::Transaction { at, how } => (12, *at, *how),
            Self::Empty => (13, 0, 0),
            Self::Flip { at, bits } => (14, bits.trailing_zeros() as u8 % 8, *at),
            Self::Endless { at } => (15, 0, *at),
            Self::Cut { at } => (16, 0, *at),
            Self::Append { count } => (17, 0, two(*count, 0)),
            Self::OtherId => (18, 0, 0),
            Self::OtherOperation { code } => (19, 0, two(*code, 0)),
            Self::RemoteError { text } => (20, 0, two(*text, 0)),
            Self::Payload(bytes) => (21, 0, u16::try_from(bytes.len()).unwrap_or(u16::MAX)),
            Self::Silence => (22, 0, 0),
            Self::HangUp => (23, 0, 0),
            Self::Twice => (24, 0, 0),
        }
    }
}
