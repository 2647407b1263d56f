//! What became of a transaction.

use borsh::{BorshDeserialize, BorshSerialize};
use kaspa_hashes::Hash;
use thiserror::Error;

use crate::{
    account::{AccountId, ProgramId},
    authorization::Key,
};

/// What became of a transaction that a chain block accepted. Transactions of the L1 whose payload does not begin with our
/// magic have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Id of the L1 transaction.
    pub transaction: Hash,
    /// Index of the chain block that accepted it.
    pub index: u64,
    /// Its position among what that block accepted.
    pub acceptance_index: u32,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub enum Outcome {
    /// All of its calls happened.
    Applied,
    /// None of its calls happened, and nothing changed.
    Rejected(Rejection),
}

/// Whether an account may only be read or written too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub enum Mode {
    /// Only read.
    Read,
    /// Read and written.
    Write,
}

/// Why a transaction changed nothing. The numbers of the variants are stored: new ones go to the end.
#[derive(Clone, Debug, Error, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub enum Rejection {
    /// The payload is no transaction.
    #[error("the payload is no transaction: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// More bytes, signers, accounts, calls or nested calls than allowed.
    #[error("{count} {what}, at most {most} are allowed")]
    TooMany {
        /// What there is too much of.
        what: String,
        /// How many there are.
        count: u64,
        /// Most that are allowed.
        most: u64,
    },
    /// The signature is not that of the key.
    #[error("the signature of signer {} is not good", hex::encode(.key.0))]
    BadSignature {
        /// The key.
        key: Key,
    },
    /// The signer has used this number or a higher one before.
    #[error("signer {} used nonce {used}, so that {nonce} cannot be used any more", hex::encode(.key.0))]
    NonceUsed {
        /// The key.
        key: Key,
        /// The number given.
        nonce: u64,
        /// The highest number used.
        used: u64,
    },
    /// No such program.
    #[error("there is no {program}")]
    UnknownProgram {
        /// The program.
        program: ProgramId,
    },
    /// A program wanted an account that the transaction does not name, or not for writing.
    #[error("{program} wants account {account} and the transaction does not declare it so ({mode:?})")]
    Undeclared {
        /// The program.
        program: ProgramId,
        /// The account.
        account: AccountId,
        /// What it wanted to do.
        mode: Mode,
    },
    /// A program said no.
    #[error("{program} refuses: {reason}")]
    Refused {
        /// The program.
        program: ProgramId,
        /// In its words.
        reason: String,
    },
}
