//! What the books are about: who holds what, stations, jobs, policies, nonces, and where a state machine keeps each of them.

use std::{cmp::Ordering, fmt, sync::LazyLock};

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

use super::reader::{Reader, Unreadable, read_whole};

/// Numbers of the programs.
pub(super) const SIGNERS: u32 = 0;
pub(super) const LEDGER: u32 = 1;
pub(super) const CHARGING: u32 = 2;
pub(super) const DELIVERY: u32 = 3;
pub(super) const INSURANCE: u32 = 4;

/// Separates the hashes of account names from all other hashes.
static ID_DOMAIN: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("dagstorm state account id"));

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// Name of a station, a job or a policy.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name(pub [u8; 32]);

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        by_bytes(&self.0, &other.0)
    }
}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        by_bytes(&self.0, &other.0)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of the bytes, of which the first eight nearly always decide: a number is compared without a call.
fn by_bytes(one: &[u8; 32], other: &[u8; 32]) -> Ordering {
    let first = |bytes: &[u8; 32]| bytes.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    first(one).cmp(&first(other)).then_with(|| one.cmp(other))
}

/// Who has a balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// Who signs with that key.
    Key(PublicKey),
    /// A program, for a purpose that has a name there.
    Escrow {
        /// Number of the program.
        program: u32,
        /// Name of the purpose.
        name: Name,
    },
}

/// A station that sells energy by the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// Who is paid.
    pub owner: PublicKey,
    /// Price of a unit.
    pub price_per_unit: u64,
    /// Units that can be sold.
    pub units_left: u64,
    /// Units sold so far.
    pub units_sold: u64,
}

/// A delivery with its reward in escrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Who has something delivered.
    pub customer: PublicKey,
    /// Who delivers.
    pub carrier: PublicKey,
    /// What the carrier gets.
    pub reward: u64,
    /// Last DAA score at which it can be confirmed.
    pub deadline_daa_score: u64,
    /// How it stands.
    pub state: JobState,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Under way.
    Open,
    /// Done and paid for.
    Confirmed,
    /// Not done in time; the reward went back.
    Expired,
}

/// An insurance against the end of a delivery's time, with its payout in escrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who pays if the delivery expires.
    pub insurer: PublicKey,
    /// Who is paid then.
    pub insured: PublicKey,
    /// The delivery.
    pub job: Name,
    /// How much is paid.
    pub payout: u64,
    /// How it stands.
    pub state: PolicyState,
}

/// How an insurance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyState {
    /// It covers the delivery.
    Active,
    /// The insured was paid.
    Paid,
    /// The insurer has its money back.
    Released,
}

/// What an account is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Highest nonce that a signer has used.
    Nonce(PublicKey),
    /// A balance.
    Balance(Holder),
    /// A station.
    Station(Name),
    /// A delivery.
    Job(Name),
    /// An insurance.
    Policy(Name),
}

/// What is in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A balance, or a nonce.
    Amount(u64),
    /// A station.
    Station(Station),
    /// A delivery.
    Job(Job),
    /// An insurance.
    Policy(Policy),
}

impl Place {
    /// Number of the program that keeps it.
    pub fn program(&self) -> u32 {
        match self {
            Self::Nonce(_) => SIGNERS,
            Self::Balance(_) => LEDGER,
            Self::Station(_) => CHARGING,
            Self::Job(_) => DELIVERY,
            Self::Policy(_) => INSURANCE,
        }
    }

    /// Its name there.
    pub fn name(&self) -> Vec<u8> {
        match self {
            Self::Nonce(key) => key.0.to_vec(),
            Self::Balance(Holder::Key(key)) => [&[0][..], &key.0].concat(),
            Self::Balance(Holder::Escrow { program, name }) => [&[1][..], &program.to_le_bytes(), &name.0].concat(),
            Self::Station(name) | Self::Job(name) | Self::Policy(name) => name.0.to_vec(),
        }
    }

    /// Id of the account: BLAKE3 in key derivation mode over the program's number (4 bytes, little endian) and the name.
    pub fn id(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_from_context_key(&ID_DOMAIN);
        *hasher.update(&self.program().to_le_bytes()).update(&self.name()).finalize().as_bytes()
    }

    /// What the data of this account means; `None` if it means nothing.
    pub fn read(&self, data: &[u8]) -> Option<Value> {
        let read = |reader: &mut Reader<'_>| {
            Ok(match self {
                Self::Nonce(_) | Self::Balance(_) => Value::Amount(reader.number64()?),
                Self::Station(_) => Value::Station(Station::read(reader)?),
                Self::Job(_) => Value::Job(Job::read(reader)?),
                Self::Policy(_) => Value::Policy(Policy::read(reader)?),
            })
        };
        read_whole(data, read).ok()
    }
}

impl PublicKey {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        reader.array().map(Self)
    }
}

impl Name {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        reader.array().map(Self)
    }
}

impl Holder {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        match reader.byte()? {
            0 => Ok(Self::Key(PublicKey::read(reader)?)),
            1 => Ok(Self::Escrow { program: reader.number32()?, name: Name::read(reader)? }),
            _ => Err(Unreadable),
        }
    }
}

impl Station {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            owner: PublicKey::read(reader)?,
            price_per_unit: reader.number64()?,
            units_left: reader.number64()?,
            units_sold: reader.number64()?,
        })
    }
}

impl Job {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            customer: PublicKey::read(reader)?,
            carrier: PublicKey::read(reader)?,
            reward: reader.number64()?,
            deadline_daa_score: reader.number64()?,
            state: match reader.byte()? {
                0 => JobState::Open,
                1 => JobState::Confirmed,
                2 => JobState::Expired,
                _ => return Err(Unreadable),
            },
        })
    }
}

impl Policy {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            insurer: PublicKey::read(reader)?,
            insured: PublicKey::read(reader)?,
            job: Name::read(reader)?,
            payout: reader.number64()?,
            state: match reader.byte()? {
                0 => PolicyState::Active,
                1 => PolicyState::Paid,
                2 => PolicyState::Released,
                _ => return Err(Unreadable),
            },
        })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", short(&self.0))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&short(&self.0))
    }
}

/// Enough of 32 bytes for people to tell them from others.
fn short(bytes: &[u8; 32]) -> String {
    let [first, second, third, fourth, ..] = *bytes;
    hex::encode([first, second, third, fourth])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_keys_and_names_that_differ_in_one_byte_when_compared_then_in_the_order_of_their_bytes() {
        for place in 0..32 {
            // What stands behind the byte says the opposite.
            let (mut low, mut high) = ([7_u8; 32], [7_u8; 32]);
            low[place + 1..].fill(9);
            (low[place], high[place]) = (1, 200);
            for (one, other) in [(low, high), (high, low), (low, low)] {
                assert_eq!(PublicKey(one).cmp(&PublicKey(other)), one.cmp(&other), "{place}");
                assert_eq!(Name(one).cmp(&Name(other)), one.cmp(&other), "{place}");
            }
        }
    }
}
