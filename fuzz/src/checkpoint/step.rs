//! How a checkpoint and its window come about, and the byte code of that.

use bridge::{
    ChainRef, Checkpoint,
    wire::{Network, NetworkKind},
};
use kaspa_hashes::Hash;

use crate::code::{Word, Words};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the operands are what the variant says")]
pub enum Step {
    /// These bytes are the checkpoint.
    Bytes(Vec<u8>),
    /// A sound chain and the checkpoint made from it.
    Chain(Shape),
    /// Bits of a byte of the checkpoint are others.
    Spoil { at: u16, bits: u8 },
    /// Four bytes of the checkpoint become the largest number.
    Endless { at: u16 },
    /// The checkpoint ends early.
    Cut { at: u16 },
    /// Bytes follow the checkpoint.
    Append { count: u8 },
    /// A reference leaves the window.
    Drop { at: u16 },
    /// A reference of the window has the hash of another.
    SameHash { at: u8, with: u16 },
    /// A reference of the window has another score.
    Score { at: u8, by: u16 },
    /// Later: an event.
    Event(Event),
}

/// The shape of a sound chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// 0 to 3, as in the encoding.
    pub network: u8,
    /// Blocks above the root.
    pub blocks: u8,
    /// How far up the range the root's index is: 0 is at the bottom, 255 near the top.
    pub height: u8,
    /// By how much the blue score rises from block to block, at least 1.
    pub rise: u8,
}

/// An event that a bridge could tell next, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the operands are what the variant says")]
pub enum Event {
    /// A block on the tip that rises by so much; 0 does not follow.
    Added { rise: u16 },
    /// Back to the known block at this place, counted from the root.
    Reorg { place: u16 },
    /// Back to a block that may be between two known ones.
    ReorgBetween { index: u16, score: u8 },
    /// The known block at this place is final.
    Finalized { place: u16 },
    /// A block that may be between two known ones is final.
    FinalizedBetween { index: u16, score: u8 },
}

/// Highest sequence number of a checkpoint (`bridge::Checkpoint`).
const HIGHEST_SEQUENCE: u64 = 1 << 62;

impl Shape {
    fn network(self) -> Network {
        let kinds = [NetworkKind::Mainnet, NetworkKind::Testnet, NetworkKind::Devnet, NetworkKind::Simnet];
        let kind = kinds[usize::from(self.network) % kinds.len()];
        Network { kind, suffix: (kind == NetworkKind::Testnet).then_some(10) }
    }

    fn block(self, number: u64) -> ChainRef {
        let top = HIGHEST_SEQUENCE - 1_000;
        let index = top / 255 * u64::from(self.height) + number;
        let blue_score = index.saturating_add(number.saturating_mul(u64::from(self.rise)));
        ChainRef { hash: Hash::from_u64_word(1 + number), index, blue_score }
    }

    /// The checkpoint and its window.
    fn stored(self) -> (Vec<u8>, Vec<ChainRef>) {
        let window: Vec<ChainRef> = (0..=u64::from(self.blocks)).map(|number| self.block(number)).collect();
        let (root, tip) = (self.block(0), self.block(u64::from(self.blocks)));
        let at = |index: u64| index.checked_sub(root.index).map(|number| self.block(number));
        let made = Checkpoint::new(self.network(), tip.index.max(1), root, tip, at);
        (made.expect("the chain is sound").encode(), window)
    }
}

impl Step {
    pub(super) fn read(word: Word, words: &mut Words<'_>) -> Self {
        let Word { operation, small, large } = word;
        let [low, high] = large.to_le_bytes();
        match operation % 16 {
            0 => Self::Chain(Shape { network: operation >> 4 & 3, blocks: small, height: low, rise: high }),
            1 => Self::Bytes(words.data(usize::from(large)).to_vec()),
            2 => Self::Spoil { at: large, bits: small },
            3 => Self::Endless { at: large },
            4 => Self::Cut { at: large },
            5 => Self::Append { count: small },
            6 => Self::Drop { at: large },
            7 => Self::SameHash { at: small, with: large },
            8 => Self::Score { at: small, by: large },
            9 => Self::Event(Event::Reorg { place: large }),
            10 => Self::Event(Event::ReorgBetween { index: large, score: small }),
            11 => Self::Event(Event::Finalized { place: large }),
            12 => Self::Event(Event::FinalizedBetween { index: large, score: small }),
            _ => Self::Event(Event::Added { rise: large }),
        }
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let word = match self {
            Self::Chain(shape) => {
                Word::new(shape.network << 4, shape.blocks, u16::from_le_bytes([shape.height, shape.rise]))
            }
            Self::Bytes(data) => Word::new(1, 0, u16::try_from(data.len()).unwrap_or(u16::MAX)),
            Self::Spoil { at, bits } => Word::new(2, *bits, *at),
            Self::Endless { at } => Word::new(3, 0, *at),
            Self::Cut { at } => Word::new(4, 0, *at),
            Self::Append { count } => Word::new(5, *count, 0),
            Self::Drop { at } => Word::new(6, 0, *at),
            Self::SameHash { at, with } => Word::new(7, *at, *with),
            Self::Score { at, by } => Word::new(8, *at, *by),
            Self::Event(Event::Reorg { place }) => Word::new(9, 0, *place),
            Self::Event(Event::ReorgBetween { index, score }) => Word::new(10, *score, *index),
            Self::Event(Event::Finalized { place }) => Word::new(11, 0, *place),
            Self::Event(Event::FinalizedBetween { index, score }) => Word::new(12, *score, *index),
            Self::Event(Event::Added { rise }) => Word::new(13, 0, *rise),
        };
        bytes.extend(word.bytes());
        if let Self::Bytes(data) = self {
            bytes.extend(data);
        }
    }

    pub(super) fn event(&self) -> Option<Event> {
        if let Self::Event(event) = self { Some(*event) } else { None }
    }

    /// Does it to what is on disk.
    pub(super) fn change(&self, bytes: &mut Vec<u8>, window: &mut Vec<ChainRef>) {
        let place = |at: u16, length: usize| usize::from(at).checked_rem(length);
        let reference = |at: u8, window: &[ChainRef]| place(u16::from(at), window.len());
        match self {
            Self::Bytes(data) => bytes.clone_from(data),
            Self::Chain(shape) => (*bytes, *window) = shape.stored(),
            Self::Spoil { at, bits } => {
                let at = place(*at, bytes.len());
                at.and_then(|at| bytes.get_mut(at)).into_iter().for_each(|byte| *byte ^= bits);
            }
            Self::Endless { at } => {
                let at = place(*at, bytes.len()).unwrap_or(0);
                bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0xff);
            }
            Self::Cut { at } => bytes.truncate(place(*at, bytes.len()).unwrap_or(0)),
            Self::Append { count } => bytes.extend(std::iter::repeat_n(0, usize::from(*count))),
            Self::Drop { at } => {
                if let Some(at) = place(*at, window.len()) {
                    window.remove(at);
                }
            }
            Self::SameHash { at, with } => {
                if let (Some(at), Some(with)) = (reference(*at, window), place(*with, window.len())) {
                    window[at].hash = window[with].hash;
                }
            }
            Self::Score { at, by } => {
                if let Some(at) = reference(*at, window) {
                    window[at].blue_score = window[at].blue_score.wrapping_add(u64::from(*by)).wrapping_sub(0x8000);
                }
            }
            Self::Event(_) => {}
        }
    }
}
