//! The layouts of frames as data, written down a second time and independently of the reader: where their length
//! fields are.

/// A piece of a layout.
pub enum Piece {
    /// So many bytes.
    Bytes(usize),
    /// A length and that many bytes.
    ByteString,
    /// A length and that many bytes, in which the pieces lie.
    Envelope(&'static [Piece]),
    /// A tag, and after a 1 the pieces.
    Option(&'static [Piece]),
    /// A count and that many times the pieces, which take at least so many bytes.
    List(usize, &'static [Piece]),
    /// A count of items of at least so many bytes which the reader skips by the envelope around them.
    Skipped(usize),
}

use Piece::{ByteString, Bytes, Envelope, List, Option, Skipped};

const HASHES: Piece = List(32, &[Bytes(32)]);
const OPTIONAL_HASH: Piece = Option(&[Bytes(32)]);
const OPTIONAL_U64: Piece = Option(&[Bytes(8)]);

const OPTIONAL_HEADER: &[Piece] = &[
    Bytes(2),
    OPTIONAL_HASH,
    Option(&[Bytes(2)]),
    Option(&[List(5, &[Bytes(1), HASHES])]),
    OPTIONAL_HASH,
    OPTIONAL_HASH,
    OPTIONAL_HASH,
    OPTIONAL_U64,
    Option(&[Bytes(4)]),
    OPTIONAL_U64,
    OPTIONAL_U64,
    Option(&[Bytes(24)]),
    OPTIONAL_U64,
    OPTIONAL_HASH,
];

const TRANSACTION_VERBOSE_DATA: &[Piece] =
    &[Bytes(1), OPTIONAL_HASH, OPTIONAL_HASH, OPTIONAL_U64, OPTIONAL_HASH, OPTIONAL_U64];

const TRANSACTION: &[Piece] = &[
    Bytes(2),
    Option(&[Bytes(2)]),
    Envelope(&[Skipped(4)]),
    Envelope(&[Skipped(4)]),
    OPTIONAL_U64,
    Option(&[Bytes(20)]),
    OPTIONAL_U64,
    Option(&[ByteString]),
    OPTIONAL_U64,
    Envelope(&[Option(&[Envelope(TRANSACTION_VERBOSE_DATA)])]),
];

const CHAIN_BLOCK: &[Piece] = &[Bytes(2), Envelope(OPTIONAL_HEADER), Envelope(&[List(4, &[Envelope(TRANSACTION)])])];

const HEADER: &[Piece] = &[Bytes(36), List(4, &[HASHES]), Bytes(3 * 32 + 4 + 24 + 4 * 8 + 32)];

const BLOCK_VERBOSE_DATA: &[Piece] = &[Bytes(1 + 32 + 8 + 32), HASHES, Bytes(9), HASHES, HASHES, HASHES, Bytes(1)];

const BLOCK: &[Piece] =
    &[Bytes(2), Envelope(HEADER), Envelope(&[Skipped(4)]), Envelope(&[Option(&[Envelope(BLOCK_VERBOSE_DATA)])])];

/// The pieces of a frame from the server after its header and result tag, by operation number.
pub fn of_server_frame(operation: u8) -> &'static [Piece] {
    match operation {
        3 => &[Envelope(&[Bytes(10)])],
        4 | 120 => &[Envelope(&[])],
        61 => &[Envelope(&[Bytes(4), Envelope(&[Bytes(2), HASHES, HASHES, List(36, &[Bytes(32), HASHES])])])],
        60 | 65 | 66 | 67 => &[Envelope(&[Bytes(4), Envelope(&[])])],
        110 => &[Envelope(&[Bytes(1)])],
        114 => &[Envelope(&[Bytes(6), ByteString, Bytes(1), Option(&[Bytes(4)]), Bytes(10)])],
        126 => &[Envelope(&[Bytes(2), Envelope(BLOCK)])],
        131 => &[Envelope(&[Bytes(3), Option(&[Bytes(4)]), Bytes(16), HASHES, Bytes(16), HASHES, Bytes(32 + 8 + 32)])],
        151 => &[Envelope(&[Bytes(2), HASHES, HASHES, Envelope(&[List(4, &[Envelope(CHAIN_BLOCK)])])])],
        other => panic!("no layout is written down for operation {other}"),
    }
}

/// A length or count field of a frame.
pub struct LengthField {
    /// Where it is.
    pub offset: usize,
    /// The smallest value that asks for more than is left in the envelope around it.
    pub first_too_large: u32,
}

/// All length fields of a frame whose pieces begin at `start`.
pub fn length_fields(frame: &[u8], start: usize, pieces: &[Piece]) -> Vec<LengthField> {
    let mut fields = Vec::new();
    let mut cursor = start;
    visit(frame, pieces, &mut cursor, frame.len(), &mut fields);
    fields
}

fn visit(frame: &[u8], pieces: &[Piece], cursor: &mut usize, end: usize, fields: &mut Vec<LengthField>) {
    for piece in pieces {
        match piece {
            Bytes(count) => *cursor += count,
            ByteString => *cursor += length(frame, cursor, end, 1, fields),
            Envelope(inner) => {
                let inner_end = length(frame, cursor, end, 1, fields) + *cursor;
                visit(frame, inner, cursor, inner_end, fields);
                *cursor = inner_end;
            }
            Option(inner) => {
                *cursor += 1;
                if frame[*cursor - 1] == 1 {
                    visit(frame, inner, cursor, end, fields);
                }
            }
            List(unit, inner) => {
                for _ in 0..length(frame, cursor, end, *unit, fields) {
                    visit(frame, inner, cursor, end, fields);
                }
            }
            Skipped(unit) => {
                length(frame, cursor, end, *unit, fields);
            }
        }
    }
    assert!(*cursor <= end, "the layout does not fit the frame");
}

fn length(frame: &[u8], cursor: &mut usize, end: usize, unit: usize, fields: &mut Vec<LengthField>) -> usize {
    let offset = *cursor;
    *cursor += 4;
    let first_too_large = u32::try_from((end - *cursor) / unit + 1).unwrap();
    fields.push(LengthField { offset, first_too_large });
    u32::from_le_bytes(frame[offset..*cursor].try_into().unwrap()) as usize
}
