//! What is true of the machine economy, computed from raw blocks by code that the state machine does not use.
//!
//! The payloads are read here anew, the rules of the programs are written here anew, from their description. A checker that
//! asked the state crate would agree with every mistake of it. Taken on trust from the store: which transactions a chain
//! block accepts ([`crate::check::truth`] compares that with [`Walk`](super::Walk)), and DAA scores. Signatures are not
//! looked at: in the simulation all are good.
//!
//! | file | room for |
//! |---|---|
//! | `books.rs` | the accounts after a chain block, and the way to another one |
//! | `accounts.rs` | accounts, sums over them, and the way back |
//! | `rules.rs` | what an order does |
//! | `payload.rs` | what stands in a payload |
//! | `record.rs` | what accounts are about, and what their bytes mean |
//! | `reader.rs` | reading Borsh |
//!
//! # Panics
//! Blocks must come from the store that they are used with.

mod accounts;
mod books;
mod payload;
mod reader;
mod record;
mod rules;

use std::collections::BTreeMap;

pub use self::{
    accounts::Sums,
    books::{Books, BooksError, Entry, Page},
    record::{Holder, Job, JobState, Name, Place, Policy, PolicyState, PublicKey, Station, Value},
};

/// The accounts with which an economy begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// What is in them.
    pub accounts: BTreeMap<Place, Value>,
}
