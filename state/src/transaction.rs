//! Transactions as they stand in L1 payloads.
//!
//! Layout: magic `DSTX`, version (one byte, 1), then in Borsh the body ([`Transaction`]) and one signature for each signer.
//! Every transaction has exactly one such form: a payload that decodes is what [`Transaction::encode`] makes of the result.

mod decode;

use std::{collections::BTreeMap, sync::LazyLock};

use blake3::{
    Hasher,
    hazmat::{ContextKey, HasherExt, hash_derive_key_context},
};
use borsh::{BorshDeserialize, BorshSerialize};

use crate::{
    account::{AccountId, ProgramId},
    authorization::{Key, Signature},
    encoding,
    receipt::{Mode, Rejection},
};

/// First bytes of every payload that is meant for the state machine.
pub const MAGIC: [u8; 4] = *b"DSTX";

/// Version of the layout that follows the version number.
pub const VERSION: u8 = 1;

/// Most bytes of a payload.
pub const MOST_PAYLOAD_BYTES: usize = 16_384;

/// Room that nearly every payload has enough of while it is written.
const USUAL_PAYLOAD_BYTES: usize = 1_024;

/// Most signers of a transaction.
pub const MOST_SIGNERS: usize = 8;

/// Most accounts that a transaction declares.
pub const MOST_ACCOUNTS: usize = 64;

/// Most calls that a transaction carries.
pub const MOST_CALLS: usize = 16;

/// Most calls that happen while a transaction is executed: its own, and those that programs make.
pub const MOST_NESTED_CALLS: usize = 64;

/// Deepest call of a program by a program by a program; the calls that a transaction carries have depth 1.
pub const MOST_CALL_DEPTH: usize = 8;

/// Separates the hashes that signers sign from all other hashes.
static MESSAGE_DOMAIN: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("dagstorm state transaction"));

/// What is to happen, all or nothing.
#[derive(Clone, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub struct Transaction {
    /// Who agreed, in strictly rising order of the keys.
    pub signers: Vec<Signer>,
    /// The accounts that the calls touch, in strictly rising order of the ids. Those that hold the signers' nonces need not
    /// be named.
    pub accounts: Vec<Access>,
    /// The calls, in order.
    pub calls: Vec<Call>,
}

/// A signer, and a number that it uses once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub struct Signer {
    /// The public key.
    pub key: Key,
    /// Higher than in every earlier transaction of this signer that was applied.
    pub nonce: u64,
}

/// An account that the calls may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub struct Access {
    /// The account.
    pub account: AccountId,
    /// What may be done.
    pub mode: Mode,
}

/// A call of a program.
#[derive(Clone, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub struct Call {
    /// The program.
    pub program: ProgramId,
    /// What it is told.
    pub input: Vec<u8>,
}

/// A call together with the accounts that it touches: what a transaction is put together from. The built-in programs make
/// these; see [`Transaction::of`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The call.
    pub call: Call,
    /// What it touches, those calls included that the program makes itself, in any order.
    pub accesses: Vec<Access>,
}

impl Access {
    /// The account may be read.
    pub const fn read(account: AccountId) -> Self {
        Self { account, mode: Mode::Read }
    }

    /// The account may be read and written.
    pub const fn write(account: AccountId) -> Self {
        Self { account, mode: Mode::Write }
    }
}

impl Step {
    /// A call of `program` with an input in Borsh, and what it touches.
    ///
    /// # Panics
    /// If the input is of a type that refuses to be written; those of the built-in programs never do.
    pub fn new<T: BorshSerialize>(program: ProgramId, input: &T, accesses: impl IntoIterator<Item = Access>) -> Self {
        let input = encoding::to_vec(input).expect("a Vec takes everything that the type gives");
        Self { call: Call { program, input }, accesses: accesses.into_iter().collect() }
    }
}

impl Transaction {
    /// A transaction that does these steps in order. Signers and accounts are sorted and named once; an account that one step
    /// writes is declared for writing. Limits are not looked at.
    pub fn of(signers: impl IntoIterator<Item = Signer>, steps: impl IntoIterator<Item = Step>) -> Self {
        let signers: BTreeMap<Key, Signer> = signers.into_iter().map(|signer| (signer.key, signer)).collect();
        let mut modes = BTreeMap::new();
        let mut calls = Vec::new();
        for step in steps {
            calls.push(step.call);
            for Access { account, mode } in step.accesses {
                let declared = modes.entry(account).or_insert(mode);
                if mode == Mode::Write {
                    *declared = Mode::Write;
                }
            }
        }
        let accounts = modes.into_iter().map(|(account, mode)| Access { account, mode }).collect();
        Self { signers: signers.into_values().collect(), accounts, calls }
    }

    /// What the signers sign: BLAKE3 in key derivation mode over the genesis of the state machine and the transaction in
    /// Borsh. A signature counts on one state machine only.
    pub fn message(&self, genesis: &[u8; 32]) -> [u8; 32] {
        let mut hasher = Hasher::new_from_context_key(&MESSAGE_DOMAIN);
        hasher.update(genesis).update(&borsh::to_vec(self).expect("a Vec takes everything"));
        *hasher.finalize().as_bytes()
    }

    /// The payload, with one signature for each signer. Limits are not looked at: [`decode`](Self::decode) tells whether a
    /// state machine takes it.
    pub fn encode(&self, signatures: &[Signature]) -> Vec<u8> {
        let mut payload = Vec::with_capacity(USUAL_PAYLOAD_BYTES);
        payload.extend(MAGIC);
        payload.push(VERSION);
        borsh::to_writer(&mut payload, &(self, signatures)).expect("a Vec takes everything");
        payload.shrink_to_fit();
        payload
    }

    /// Reads a payload. `None` if it is not meant for us: it does not begin with the magic.
    ///
    /// # Errors
    /// Why it is no transaction: cut, too long, a count above its limit, bytes left over, signers or accounts that do not
    /// strictly rise, no call at all.
    pub fn decode(payload: &[u8]) -> Option<Result<(Self, Vec<Signature>), Rejection>> {
        payload.strip_prefix(&MAGIC).map(decode::payload)
    }
}
