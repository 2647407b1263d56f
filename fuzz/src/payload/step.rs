//! What actors want, the payloads that say so, and the byte code of both.

use state::{
    ProgramId,
    authorization::{Key, Signature},
    programs::{Name, charging, delivery, insurance, insurance::JobTerms, ledger, ledger::Holder},
    transaction::{Call, Signer, Transaction},
};

use super::world::DAA_STEP;
use crate::code::{Word, Words};

/// Number of actors; the first names of stations, jobs and policies are as many.
pub const ACTORS: u8 = 4;

/// Units with which a station opens.
const STOCK: u64 = 20;

/// Highest price that a customer of a station pays.
const MOST_PRICE: u64 = 6;

/// One step of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the operands are what the variant says")]
pub enum Step {
    /// A wish; a transaction carries all wishes up to the first with none to come.
    Wish { wish: Wish, more_to_come: bool },
    /// A payload as it is.
    Payload(Vec<u8>),
    /// A payload that begins as those that are meant for the state machine.
    Behind { bytes: Vec<u8> },
    /// Bits of one byte of the last payload are others.
    Spoil { at: u16, bits: u8 },
    /// The last payload ends early.
    Cut { at: u16 },
    /// The last payload comes once more.
    Again,
    /// What follows is accepted by the next chain block.
    NextBlock,
}

/// What someone wants. Roles follow from the number of the thing: customer, owner and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the call of a built-in program with that name")]
pub enum Wish {
    Transfer {
        from: u8,
        to: u8,
        amount: u8,
    },
    /// From the escrow of a job, which only the program of the jobs may do.
    Steal {
        job: u8,
        to: u8,
        amount: u8,
    },
    Open {
        station: u8,
        owner: u8,
        price: u8,
    },
    Restock {
        station: u8,
        owner: u8,
        units: u8,
    },
    Charge {
        station: u8,
        payer: u8,
        units: u8,
    },
    Post {
        job: u8,
        customer: u8,
        reward: u8,
    },
    Confirm {
        job: u8,
        customer: u8,
    },
    Expire {
        job: u8,
        customer: u8,
    },
    Insure {
        policy: u8,
        insurer: u8,
        payout: u8,
    },
    Claim {
        policy: u8,
    },
    Release {
        policy: u8,
        insurer: u8,
    },
    /// A call of any program with any small number.
    Nonsense {
        program: u8,
        input: u8,
    },
}

/// The key of an actor.
pub(super) fn key(actor: u8) -> Key {
    Key([actor + 1; 32])
}

fn name(number: u8) -> Name {
    Name([number + 101; 32])
}

impl Step {
    pub(super) fn read(word: Word, words: &mut Words<'_>) -> Self {
        let Word { operation, small, large } = word;
        match operation % 32 {
            0 => Self::NextBlock,
            1 => Self::Payload(words.data(usize::from(large)).to_vec()),
            2 => Self::Behind { bytes: words.data(usize::from(large)).to_vec() },
            3 => Self::Spoil { at: large, bits: small },
            4 => Self::Cut { at: large },
            5 => Self::Again,
            kind => Self::Wish { wish: Wish::of(kind - 6, small, large), more_to_come: operation & 0x80 != 0 },
        }
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let length = |data: &[u8]| u16::try_from(data.len()).unwrap_or(u16::MAX);
        let (word, data) = match self {
            Self::NextBlock => (Word::new(0, 0, 0), &[][..]),
            Self::Payload(data) => (Word::new(1, 0, length(data)), data.as_slice()),
            Self::Behind { bytes } => (Word::new(2, 0, length(bytes)), bytes.as_slice()),
            Self::Spoil { at, bits } => (Word::new(3, *bits, *at), &[][..]),
            Self::Cut { at } => (Word::new(4, 0, *at), &[][..]),
            Self::Again => (Word::new(5, 0, 0), &[][..]),
            Self::Wish { wish, more_to_come } => {
                let (kind, small, low, high) = wish.operands();
                let operation = (kind + 6) | u8::from(*more_to_come) << 7;
                (Word::new(operation, small, u16::from_le_bytes([low, high])), &[][..])
            }
        };
        bytes.extend(word.bytes());
        bytes.extend(data);
    }
}

impl Wish {
    fn of(kind: u8, small: u8, large: u16) -> Self {
        let [low, amount] = large.to_le_bytes();
        let (thing, who) = (small % ACTORS, low % ACTORS);
        match kind {
            0 => Self::Transfer { from: thing, to: who, amount },
            1 => Self::Steal { job: thing, to: who, amount },
            2 => Self::Open { station: thing, owner: who, price: amount },
            3 => Self::Restock { station: thing, owner: who, units: amount },
            4 => Self::Charge { station: thing, payer: who, units: amount },
            5 => Self::Post { job: thing, customer: who, reward: amount },
            6 => Self::Confirm { job: thing, customer: who },
            7 => Self::Expire { job: thing, customer: who },
            8 => Self::Insure { policy: thing, insurer: who, payout: amount },
            9 => Self::Claim { policy: thing },
            10 => Self::Release { policy: thing, insurer: who },
            _ => Self::Nonsense { program: small % 8, input: amount },
        }
    }

    fn operands(self) -> (u8, u8, u8, u8) {
        match self {
            Self::Transfer { from, to, amount } => (0, from, to, amount),
            Self::Steal { job, to, amount } => (1, job, to, amount),
            Self::Open { station, owner, price } => (2, station, owner, price),
            Self::Restock { station, owner, units } => (3, station, owner, units),
            Self::Charge { station, payer, units } => (4, station, payer, units),
            Self::Post { job, customer, reward } => (5, job, customer, reward),
            Self::Confirm { job, customer } => (6, job, customer, 0),
            Self::Expire { job, customer } => (7, job, customer, 0),
            Self::Insure { policy, insurer, payout } => (8, policy, insurer, payout),
            Self::Claim { policy } => (9, policy, 0, 0),
            Self::Release { policy, insurer } => (10, policy, insurer, 0),
            Self::Nonsense { program, input } => (11, program, 0, input),
        }
    }

    fn signers(self) -> Vec<u8> {
        match self {
            Self::Transfer { from, .. } => vec![from],
            Self::Open { owner, .. } | Self::Restock { owner, .. } => vec![owner],
            Self::Charge { payer, .. } => vec![payer],
            Self::Post { customer, .. } | Self::Confirm { customer, .. } => vec![customer],
            Self::Insure { policy, insurer, .. } => vec![insurer, policy],
            Self::Steal { .. }
            | Self::Expire { .. }
            | Self::Claim { .. }
            | Self::Release { .. }
            | Self::Nonsense { .. } => Vec::new(),
        }
    }

    fn step(self, index: u64) -> state::transaction::Step {
        let carrier = |job: u8| key((job + 1) % ACTORS);
        match self {
            Self::Transfer { from, to, amount } => {
                ledger::transfer(Holder::Key(key(from)), Holder::Key(key(to)), u64::from(amount))
            }
            Self::Steal { job, to, amount } => {
                ledger::transfer(delivery::escrow(name(job)), Holder::Key(key(to)), u64::from(amount))
            }
            Self::Open { station, owner, price } => charging::open(name(station), key(owner), u64::from(price), STOCK),
            Self::Restock { station, units, .. } => charging::restock(name(station), u64::from(units)),
            Self::Charge { station, payer, units } => {
                charging::charge(name(station), key(station), key(payer), u64::from(units), MOST_PRICE)
            }
            Self::Post { job, customer, reward } => {
                delivery::post(name(job), key(customer), carrier(job), u64::from(reward), deadline(index))
            }
            Self::Confirm { job, .. } => delivery::confirm(name(job), carrier(job)),
            Self::Expire { job, customer } => delivery::expire(name(job), key(customer)),
            Self::Insure { policy, insurer, payout } => {
                let (job, customer) = (name(policy), key(policy));
                let terms = JobTerms { job, customer, carrier: carrier(policy), deadline_daa_score: deadline(index) };
                insurance::insure(name(policy), key(insurer), key(policy), terms, 1, u64::from(payout))
            }
            Self::Claim { policy } => insurance::claim(name(policy), key(policy), name(policy)),
            Self::Release { policy, insurer } => insurance::release(name(policy), key(insurer), name(policy)),
            Self::Nonsense { program, input } => {
                let call = Call { program: ProgramId(u32::from(program)), input: vec![input] };
                state::transaction::Step { call, accesses: Vec::new() }
            }
        }
    }
}

/// The payload of one transaction in a block of that index.
pub(super) fn payload(wishes: &[Wish], index: u64, nonce: u64) -> Vec<u8> {
    let signers = wishes.iter().flat_map(|wish| wish.signers()).map(|actor| Signer { key: key(actor), nonce });
    let transaction = Transaction::of(signers, wishes.iter().map(|wish| wish.step(index)));
    transaction.encode(&vec![Signature([0; 64]); transaction.signers.len()])
}

/// The deadline of a job that is posted or insured in that block: of few different ones, so that it is often the same.
fn deadline(index: u64) -> u64 {
    DAA_STEP * (index / 8 * 8 + 4)
}
