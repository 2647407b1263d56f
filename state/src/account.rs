//! Accounts: what the state consists of.

use std::{cmp::Ordering, fmt, sync::LazyLock};

use blake3::{
    Hasher,
    hazmat::{ContextKey, HasherExt, hash_derive_key_context},
};
use borsh::{BorshDeserialize, BorshSerialize};

/// Most bytes that an account can hold.
pub const MOST_ACCOUNT_BYTES: usize = 4_096;

/// Separates the hashes of account names from all other hashes. Derived once: ids are hashed in every transaction.
static ID_DOMAIN: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("dagstorm state account id"));

/// Name of a program, for life. Programs of this crate have numbers below 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshDeserialize, BorshSerialize)]
pub struct ProgramId(pub u32);

impl fmt::Display for ProgramId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "program {}", self.0)
    }
}

/// Where an account is in the state: a hash over the program that it belongs to and its name there. No program can write
/// where another one looks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, BorshDeserialize, BorshSerialize)]
pub struct AccountId([u8; 32]);

impl Ord for AccountId {
    /// The order of the bytes. Ids are hashes: the first eight bytes nearly always decide, and a number is compared without a
    /// call.
    fn cmp(&self, other: &Self) -> Ordering {
        let first = |id: &Self| id.0.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        first(self).cmp(&first(other)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for AccountId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl AccountId {
    /// The account that `program` knows by `name`: BLAKE3 in key derivation mode over the program's number (4 bytes, little
    /// endian) and the name.
    pub fn of(program: ProgramId, name: &[u8]) -> Self {
        let mut hasher = Hasher::new_from_context_key(&ID_DOMAIN);
        hasher.update(&program.0.to_le_bytes()).update(name);
        Self(*hasher.finalize().as_bytes())
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// What is stored under an [`AccountId`].
#[derive(Clone, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub struct Account {
    /// The only program that can write it.
    pub program: ProgramId,
    /// Number of transactions that wrote it since it came into being; genesis counts as one.
    pub version: u64,
    /// At most [`MOST_ACCOUNT_BYTES`].
    pub data: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn given_ids_that_begin_alike_or_not_when_compared_then_in_the_order_of_their_bytes(
            one: [u8; 32],
            other: [u8; 32],
            alike in 0_usize..=32,
        ) {
            let mut other = other;
            other[..alike].copy_from_slice(&one[..alike]);
            let ordered = AccountId::from_bytes(one).cmp(&AccountId::from_bytes(other));
            prop_assert_eq!(ordered, one.cmp(&other));
        }
    }
}
