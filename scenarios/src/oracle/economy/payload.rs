//! What stands in a payload.

use super::{
    reader::{Reader, Unreadable, read_whole},
    record::PublicKey,
};

const MAGIC: &[u8] = b"DSTX";
const VERSION: u8 = 1;
const MOST_BYTES: usize = 16_384;
const MOST_SIGNERS: u32 = 8;
const MOST_ACCOUNTS: u32 = 64;
const MOST_CALLS: u32 = 16;

/// What a payload is.
pub(super) enum Payload {
    /// Not meant for the machine.
    Foreign,
    /// Meant for the machine, but no order.
    Nonsense,
    /// What is to be done.
    Order(Order),
}

/// What is to be done, all or nothing.
pub(super) struct Order {
    /// Who agreed, each with a nonce, in rising order.
    pub(super) signers: Vec<(PublicKey, u64)>,
    /// Ids of the accounts that may be touched, in rising order, and whether they may be written.
    declared: Vec<([u8; 32], bool)>,
    /// Programs and what they are told.
    pub(super) calls: Vec<(u32, Vec<u8>)>,
}

impl Payload {
    /// Reads a payload. Signatures are not looked at: in the simulation all are good.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let Some(body) = bytes.strip_prefix(MAGIC) else { return Self::Foreign };
        if bytes.len() > MOST_BYTES {
            return Self::Nonsense;
        }
        read_whole(body, Order::read).map_or(Self::Nonsense, Self::Order)
    }
}

impl Order {
    /// Whether the key is among the signers.
    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.signers.iter().any(|(signer, _)| signer == key)
    }

    /// Whether the account may be read.
    pub(super) fn may_read(&self, account: &[u8; 32]) -> bool {
        self.access(account).is_some()
    }

    /// Whether the account may be written.
    pub(super) fn may_write(&self, account: &[u8; 32]) -> bool {
        self.access(account) == Some(true)
    }

    fn access(&self, account: &[u8; 32]) -> Option<bool> {
        let position = self.declared.binary_search_by_key(account, |(id, _)| *id).ok()?;
        self.declared.get(position).map(|(_, writes)| *writes)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        if reader.byte()? != VERSION {
            return Err(Unreadable);
        }
        let signers = reader.list(MOST_SIGNERS, |reader| Ok((PublicKey::read(reader)?, reader.number64()?)))?;
        let declared = reader.list(MOST_ACCOUNTS, |reader| {
            let id = reader.array()?;
            match reader.byte()? {
                0 => Ok((id, false)),
                1 => Ok((id, true)),
                _ => Err(Unreadable),
            }
        })?;
        let calls = reader.list(MOST_CALLS, |reader| Ok((reader.number32()?, reader.bytes()?.to_vec())))?;
        let signatures = reader.list(MOST_SIGNERS, Reader::array::<64>)?;
        let is_rising = signers.is_sorted_by(|(a, _), (b, _)| a < b) && declared.is_sorted_by(|(a, _), (b, _)| a < b);
        if !is_rising || calls.is_empty() || signatures.len() != signers.len() {
            return Err(Unreadable);
        }
        Ok(Self { signers, declared, calls })
    }
}
