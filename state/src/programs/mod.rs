//! The programs that come with this crate.
//!
//! Each file says what its program does, which accounts it has and what it can be told, and makes the [`Step`](crate::transaction::Step)s with which a
//! client puts a transaction together: the call, and the accounts that it touches. Inputs are enums in Borsh, data of accounts
//! are structs in Borsh. Whoever signs a transaction trusts the programs that it calls: a program that is called may move the
//! signers' money in the accounts that the transaction declares for writing.

pub mod charging;
pub mod delivery;
pub mod insurance;
pub mod ledger;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{authorization::Key, context::CallContext, program::CallError};

/// What people call a station, a job or a policy; whoever comes first has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshDeserialize, BorshSerialize)]
pub struct Name(pub [u8; 32]);

/// Reads the input of a call.
fn read<T: BorshDeserialize>(input: &[u8], context: &CallContext<'_>) -> Result<T, CallError> {
    borsh::from_slice(input).map_err(|_| context.refuse("the input is none of those that this program knows"))
}

/// Refuses unless the holder of the key agreed.
fn must_sign(key: &Key, who: &str, context: &CallContext<'_>) -> Result<(), CallError> {
    if context.is_signed_by(key) { Ok(()) } else { Err(context.refuse(format!("the {who} has not signed"))) }
}

/// Refuses unless the condition holds.
fn must(condition: bool, otherwise: &str, context: &CallContext<'_>) -> Result<(), CallError> {
    if condition { Ok(()) } else { Err(context.refuse(otherwise)) }
}
