//! What can happen, and its byte code: one word each.

use sim::rig::{Happening, NotificationFate, ReplyFate};

use super::{Trouble, WhereItHappens};
use crate::code::Word;

/// Longest time of one step, and latest arrival of a late message, in milliseconds.
const LONGEST_MS: u16 = 1_500;

/// Longest time for which something is wrong with one node or the consumer, in milliseconds.
const LONGEST_TROUBLE_MS: u16 = 3_000;

/// Longest one-way latency in milliseconds.
const LONGEST_LATENCY_MS: u16 = 100;

/// Number of kinds of steps.
const KINDS: u8 = 23;

/// Something that happens, or that will have happened to the L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the operands are what the variant says")]
pub enum Step {
    /// It happens when its turn has come.
    Happens(Happening),
    /// Nodes do not hear from each other. Bits of the nodes on one side.
    Cut { side: u8, place: WhereItHappens },
    /// Something happens to one node.
    Outage { node: u8, what: Trouble, place: WhereItHappens },
    /// One-way latency of messages, in turn with those of other such steps.
    Latency { ms: u16 },
}

impl Step {
    /// What it lets happen when its turn has come.
    pub(super) fn happening(self) -> Option<Happening> {
        if let Self::Happens(happening) = self { Some(happening) } else { None }
    }

    pub(super) fn latency_ms(self) -> Option<u16> {
        if let Self::Latency { ms } = self { Some(ms) } else { None }
    }

    pub(super) fn of(word: Word) -> Self {
        use Happening as H;
        let Word { operation, small, large } = word;
        let (soon, node) = (1 + large % LONGEST_MS, usize::from(small) % 3);
        let long = 1 + large % LONGEST_TROUBLE_MS;
        let [low, high] = large.to_le_bytes();
        let outage = |what| Self::Outage { node: small % 4, what, place: outage_place(low, high) };
        let notifications = |fate| H::Notifications { count: 1 + small % 12, fate };
        Self::Happens(match operation % KINDS {
            0 => H::Pass { ms: soon },
            1 => H::Reply(ReplyFate::Lost),
            2 => H::Reply(ReplyFate::Twice),
            3 => H::Reply(ReplyFate::Late { ms: soon }),
            4 => H::Reply(ReplyFate::BlackHole),
            5 => H::Reply(ReplyFate::HangUpBefore),
            6 => H::Reply(ReplyFate::HangUpAfter),
            7 => notifications(NotificationFate::Lost),
            8 => notifications(NotificationFate::Twice),
            9 => notifications(NotificationFate::Late { ms: soon }),
            10 => H::Storm { copies: 1 + small % 30 },
            11 => H::HangUp,
            12 => H::BlackHole,
            13 => H::Down { node, ms: long },
            14 => H::Unreachable { node, ms: long },
            15 => H::Transitional { node, ms: long },
            16 => H::StopAcknowledging { ms: long },
            17 => H::Restart { back: usize::from(low), window: small % 2 == 1 },
            18 => H::RestartAnywhere { lost_percent: low % 101, window: small % 2 == 1 },
            19 => H::Tick,
            20 => return Self::Cut { side: small, place: cut_place(low, high) },
            21 => match small >> 6 {
                0 => return outage(Trouble::BodiesLag),
                1 => return outage(Trouble::Withholding),
                _ => return outage(Trouble::Wipe),
            },
            _ => return Self::Latency { ms: large % LONGEST_LATENCY_MS },
        })
    }

    pub(super) fn word(self) -> Word {
        match self {
            Self::Happens(happening) => of_happening(happening),
            Self::Cut { side, place } => Word::new(20, side, place_operand(place)),
            Self::Outage { node, what, place } => Word::new(21, node | (what as u8) << 6, place_operand(place)),
            Self::Latency { ms } => Word::new(22, 0, ms),
        }
    }
}

fn of_happening(happening: Happening) -> Word {
    use Happening as H;
    let node = |node: usize| node as u8;
    match happening {
        H::Pass { ms } => Word::new(0, 0, ms - 1),
        H::Reply(fate) => match fate {
            ReplyFate::Lost => Word::new(1, 0, 0),
            ReplyFate::Twice => Word::new(2, 0, 0),
            ReplyFate::Late { ms } => Word::new(3, 0, ms - 1),
            ReplyFate::BlackHole => Word::new(4, 0, 0),
            ReplyFate::HangUpBefore => Word::new(5, 0, 0),
            _ => Word::new(6, 0, 0),
        },
        H::Notifications { count, fate } => match fate {
            NotificationFate::Lost => Word::new(7, count - 1, 0),
            NotificationFate::Late { ms } => Word::new(9, count - 1, ms - 1),
            _ => Word::new(8, count - 1, 0),
        },
        H::Storm { copies } => Word::new(10, copies - 1, 0),
        H::HangUp => Word::new(11, 0, 0),
        H::BlackHole => Word::new(12, 0, 0),
        H::Down { node: number, ms } => Word::new(13, node(number), ms - 1),
        H::Unreachable { node: number, ms } => Word::new(14, node(number), ms - 1),
        H::Transitional { node: number, ms } => Word::new(15, node(number), ms - 1),
        H::StopAcknowledging { ms } => Word::new(16, 0, ms - 1),
        H::Restart { back, window } => Word::new(17, u8::from(window), back as u16),
        H::RestartAnywhere { lost_percent, window } => Word::new(18, u8::from(window), u16::from(lost_percent)),
        _ => Word::new(19, 0, 0),
    }
}

/// Cuts heal before what one side has as final is left by the other, mostly.
fn cut_place(at: u8, length: u8) -> WhereItHappens {
    WhereItHappens { at_percent: 5 + at % 85, length_percent: 5 + length % 80 }
}

fn outage_place(at: u8, length: u8) -> WhereItHappens {
    WhereItHappens { at_percent: 5 + at % 85, length_percent: 5 + length % 40 }
}

fn place_operand(place: WhereItHappens) -> u16 {
    u16::from_le_bytes([place.at_percent - 5, place.length_percent - 5])
}
