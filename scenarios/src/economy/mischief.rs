//! What must have no effect: payloads that are no transaction, and transactions that the rules forbid.

use sim::random::Stream;
use state::{
    ProgramId,
    authorization::Key,
    programs::{Name, charging, delivery, ledger, ledger::Holder},
    receipt::Mode,
    transaction::{Access, Call, MAGIC, MOST_ACCOUNTS, MOST_CALLS, MOST_PAYLOAD_BYTES, Step, Transaction},
};

use super::{Economy, encode, parties::one_of};

/// More than anyone has.
const TOO_MUCH: u64 = u64::MAX / 2;

/// A program that is not there.
const NO_PROGRAM: ProgramId = ProgramId(77);

/// A way to be bad.
#[derive(Clone, Copy)]
enum Mischief {
    /// Random bytes after the magic.
    Garbage,
    /// A transaction that is cut, has something behind its end, or is of another version.
    Damaged,
    /// Accounts in falling order.
    Unsorted,
    /// More bytes than allowed.
    Oversized,
    /// More calls than allowed.
    TooManyCalls,
    /// More accounts than allowed.
    TooManyAccounts,
    /// An account that is touched and not declared.
    Undeclared,
    /// An account that is written and declared for reading.
    DeclaredForReading,
    /// A nonce at most half as high as the last one given out: used up, unless the chain has little of its signer yet.
    UsedNonce,
    /// The very bytes of an earlier transaction.
    Repeated,
    /// A program that does not exist.
    UnknownProgram,
    /// More money than the payer has.
    TooPoor,
    /// Three calls of which one cannot happen.
    HalfPossible,
    /// Somebody else's money, without their agreement.
    Theft,
    /// Money in escrow, without the program that keeps it.
    EscrowTheft,
}

impl Mischief {
    /// All of them; what could happen in part comes oftener than the others.
    const ALL: [Self; 18] = [
        Self::Garbage,
        Self::Damaged,
        Self::Unsorted,
        Self::Oversized,
        Self::TooManyCalls,
        Self::TooManyAccounts,
        Self::Undeclared,
        Self::DeclaredForReading,
        Self::UsedNonce,
        Self::Repeated,
        Self::UnknownProgram,
        Self::TooPoor,
        Self::HalfPossible,
        Self::HalfPossible,
        Self::HalfPossible,
        Self::HalfPossible,
        Self::Theft,
        Self::EscrowTheft,
    ];
}

impl Economy {
    /// A payload that must have no effect. Two kinds may have one after all: what is repeated counts where its first sending did
    /// not, and a low nonce where the chain has none as high of its signer.
    pub(super) fn mischief(&mut self, stream: &mut Stream, at_daa_score: u64) -> Vec<u8> {
        match *one_of(&Mischief::ALL, stream) {
            Mischief::Garbage => {
                let mut bytes = vec![0; stream.below(200) as usize];
                stream.fill(&mut bytes);
                [&MAGIC[..], &bytes].concat()
            }
            Mischief::Damaged => self.damaged(stream),
            Mischief::Repeated => match self.recent.is_empty() {
                true => encode(&self.too_poor(stream)),
                false => self.recent[stream.below(self.recent.len() as u64) as usize].clone(),
            },
            kind => encode(&self.forbidden(kind, stream, at_daa_score)),
        }
    }

    /// A transaction that can be read in part only.
    fn damaged(&mut self, stream: &mut Stream) -> Vec<u8> {
        let mut payload = encode(&self.transfer(stream));
        match stream.below(3) {
            0 => payload.truncate(MAGIC.len() + stream.below((payload.len() - MAGIC.len()) as u64) as usize),
            1 => payload.push(stream.below(256) as u8),
            _ => payload[MAGIC.len()] += 1 + stream.below(200) as u8,
        }
        payload
    }

    fn forbidden(&mut self, kind: Mischief, stream: &mut Stream, at_daa_score: u64) -> Transaction {
        let mut transaction = self.transfer(stream);
        let last = transaction.accounts.len() - 1;
        match kind {
            Mischief::Unsorted => transaction.accounts.reverse(),
            Mischief::Oversized => {
                let input = vec![0; MOST_PAYLOAD_BYTES];
                transaction.calls.push(Call { program: ledger::LEDGER, input });
            }
            Mischief::TooManyCalls => {
                let call = transaction.calls[0].clone();
                transaction.calls.resize(MOST_CALLS + 1, call);
            }
            Mischief::TooManyAccounts => {
                let more = (0..=MOST_ACCOUNTS as u64).map(|number| self.parties.job(self.deliveries + number));
                transaction.accounts.extend(more.map(|name| Access::read(delivery::account(&name))));
                transaction.accounts.sort_unstable_by_key(|access| access.account);
            }
            Mischief::Undeclared => _ = transaction.accounts.remove(stream.below(1 + last as u64) as usize),
            Mischief::DeclaredForReading => {
                transaction.accounts[stream.below(1 + last as u64) as usize].mode = Mode::Read;
            }
            Mischief::UsedNonce => {
                for signer in &mut transaction.signers {
                    signer.nonce = stream.below(1 + signer.nonce / 2);
                }
            }
            Mischief::UnknownProgram => {
                let program = if stream.chance(1, 4) { ProgramId(0) } else { NO_PROGRAM };
                transaction.calls.push(Call { program, input: Vec::new() });
            }
            Mischief::HalfPossible => transaction = self.half_possible(stream, at_daa_score),
            Mischief::Theft => {
                let thief = *one_of(&self.parties.drones, stream);
                transaction.signers = vec![self.signer(thief, stream)];
            }
            Mischief::EscrowTheft => {
                let thief = *one_of(&self.parties.drones, stream);
                let job = self.parties.job(self.deliveries.saturating_sub(1 + stream.below(20)));
                let step = ledger::transfer(delivery::escrow(job), Holder::Key(thief), 1);
                transaction = self.transaction(&[thief], [step], stream);
            }
            _ => transaction = self.too_poor(stream),
        }
        transaction
    }

    fn too_poor(&mut self, stream: &mut Stream) -> Transaction {
        let from = *one_of(&self.parties.drones, stream);
        let to = *self.rich(stream);
        self.transaction(&[from], [ledger::transfer(Holder::Key(from), Holder::Key(to), TOO_MUCH)], stream)
    }

    /// A transfer, a posted delivery and something that cannot be, in any order.
    fn half_possible(&mut self, stream: &mut Stream, at_daa_score: u64) -> Transaction {
        let customer = *one_of(&self.parties.customers, stream);
        let drone = *one_of(&self.parties.drones, stream);
        // A name that no honest delivery will ever have.
        let job = Name(drone.0);
        let mut steps = vec![
            ledger::transfer(Holder::Key(customer), Holder::Key(drone), 1 + stream.below(self.config.most_reward)),
            delivery::post(job, customer, drone, 1, at_daa_score + self.config.deadline_daa_scores),
        ];
        let impossible = self.impossible(customer, drone, stream);
        steps.insert(stream.below(3) as usize, impossible);
        self.transaction(&[customer, drone], steps, stream)
    }

    fn impossible(&self, customer: Key, drone: Key, stream: &mut Stream) -> Step {
        let station = *one_of(&self.parties.stations[..self.opened], stream);
        match stream.below(3) {
            0 => charging::charge(station.name, station.owner, drone, TOO_MUCH, station.price_per_unit),
            1 => charging::charge(station.name, station.owner, drone, 1, station.price_per_unit - 1),
            _ => delivery::expire(Name(customer.0), customer),
        }
    }
}
