//! The tables of the store and how their values are written.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | name | see [`meta`] |
//! | `accounts` | account id | Borsh of the account |
//! | `undo` | index of a chain block | Borsh of the accounts as they were before it |
//! | `chain` | index of a chain block | its hash, blue score, and the state root after it |
//! | `receipts` | index, acceptance index | Borsh of transaction id and outcome |
//! | `places` | id of an L1 transaction | the key of its receipt |

use borsh::{BorshDeserialize, BorshSerialize};
use bridge::ChainRef;
use kaspa_hashes::Hash;
use redb::TableDefinition;

use crate::{
    account::{Account, AccountId},
    encoding,
    error::StoreError,
    receipt::{Outcome, Receipt},
};

/// Version of the layout of tables and values.
pub const LAYOUT_VERSION: u32 = 1;

pub const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
pub const ACCOUNTS: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("accounts");
pub const UNDO: TableDefinition<u64, &[u8]> = TableDefinition::new("undo");
pub const CHAIN: TableDefinition<u64, &[u8; 72]> = TableDefinition::new("chain");
pub const RECEIPTS: TableDefinition<(u64, u32), &[u8]> = TableDefinition::new("receipts");
pub const PLACES: TableDefinition<&[u8; 32], (u64, u32)> = TableDefinition::new("places");

/// The names in the table `meta`.
pub mod meta {
    /// [`super::LAYOUT_VERSION`], little endian; written first of all.
    pub const LAYOUT: &str = "layout";
    /// The network as text.
    pub const NETWORK: &str = "network";
    /// Identity of the state machine.
    pub const GENESIS: &str = "genesis";
    /// The newest checkpoint; not there before the first event.
    pub const CHECKPOINT: &str = "checkpoint";
    /// Root of the tree over all accounts.
    pub const STATE_ROOT: &str = "state root";
}

/// A chain block that the store knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainEntry {
    /// The block.
    pub block: ChainRef,
    /// State root after it.
    pub state_root: Hash,
}

impl ChainEntry {
    pub fn encode(&self) -> [u8; 72] {
        let mut bytes = [0; 72];
        bytes[..32].copy_from_slice(&self.block.hash.as_bytes());
        bytes[32..40].copy_from_slice(&self.block.blue_score.to_le_bytes());
        bytes[40..].copy_from_slice(&self.state_root.as_bytes());
        bytes
    }

    pub fn decode(index: u64, bytes: &[u8; 72]) -> Self {
        let (mut hash, mut blue_score, mut state_root) = ([0; 32], [0; 8], [0; 32]);
        hash.copy_from_slice(&bytes[..32]);
        blue_score.copy_from_slice(&bytes[32..40]);
        state_root.copy_from_slice(&bytes[40..]);
        let blue_score = u64::from_le_bytes(blue_score);
        let block = ChainRef { hash: Hash::from_bytes(hash), index, blue_score };
        Self { block, state_root: Hash::from_bytes(state_root) }
    }
}

/// What a chain block changed, as it was before.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub struct UndoRecord {
    pub before: Vec<(AccountId, Option<Account>)>,
}

/// A receipt without what its key tells.
#[derive(BorshDeserialize, BorshSerialize)]
pub struct StoredReceipt {
    transaction: [u8; 32],
    outcome: Outcome,
}

impl StoredReceipt {
    pub fn of(receipt: &Receipt) -> Self {
        Self { transaction: receipt.transaction.as_bytes(), outcome: receipt.outcome.clone() }
    }

    pub fn at(self, (index, acceptance_index): (u64, u32)) -> Receipt {
        let transaction = Hash::from_bytes(self.transaction);
        Receipt { transaction, index, acceptance_index, outcome: self.outcome }
    }
}

pub fn encode(value: &impl BorshSerialize) -> Vec<u8> {
    encoding::to_vec(value).expect("a Vec takes everything")
}

/// Reads a value of the table `table`.
///
/// # Errors
/// Bytes that this crate did not write.
pub fn decode<T: BorshDeserialize>(table: &str, bytes: &[u8]) -> Result<T, StoreError> {
    borsh::from_slice(bytes).map_err(|error| StoreError::Damaged { what: format!("a value of table {table}: {error}") })
}
