//! An L2 state machine on the events of the bridge: atomic transactions across programs, durable, rolled back with the
//! chain.
//!
//! A transaction arrives as the payload of an L1 transaction. It names the accounts that it touches and carries calls to one
//! or more programs; all of its calls happen or none. The machine executes what each chain block accepted, keeps what is
//! needed to take blocks back, and stores all of it with the bridge's checkpoint in one transaction of a database.
//!
//! ```
//! use std::sync::Arc;
//!
//! use bridge::{AcceptedTransaction, BlockAdded, ChainRef, L1Event, wire::Network};
//! use state::{
//!     Genesis, Machine, MachineConfig,
//!     authorization::{Key, Signature, Unchecked},
//!     programs::ledger::{self, Holder},
//!     transaction::{Signer, Transaction},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (drone, station) = (Key([1; 32]), Key([2; 32]));
//! let mut config = MachineConfig::new(Network::SIMNET);
//! config.genesis = ledger::mint(Genesis::default(), [(drone, 100)])?;
//! // Schnorr signatures are the default; here they are left out.
//! config.authorization = Arc::new(Unchecked);
//! // `Machine::open(path, config)` for a file.
//! let mut machine = Machine::open_on(redb::backends::InMemoryBackend::new(), config)?;
//!
//! let pay = ledger::transfer(Holder::Key(drone), Holder::Key(station), 30);
//! let transaction = Transaction::of([Signer { key: drone, nonce: 1 }], [pay]);
//! let payload = transaction.encode(&[Signature([0; 64])]);
//!
//! // What the bridge tells when a chain block accepts it.
//! let anchor = ChainRef { hash: 7.into(), index: 0, blue_score: 0 };
//! let block = ChainRef { hash: 8.into(), index: 1, blue_score: 1 };
//! let accepted = AcceptedTransaction { id: 9.into(), acceptance_index: 0, subnetwork_id: [0; 20], payload };
//! let added = BlockAdded {
//!     sequence: 1,
//!     block,
//!     parent: anchor.hash,
//!     daa_score: 1,
//!     timestamp_ms: 0,
//!     accepted: vec![accepted],
//!     verified: true,
//! };
//! machine.apply(Some(anchor), &[L1Event::BlockAdded(added)])?;
//!
//! let receipt = machine.receipt(&9.into())?.expect("the block accepted it");
//! assert_eq!(receipt.outcome, state::receipt::Outcome::Applied);
//! let balance = machine.account_by_id(&ledger::account(&Holder::Key(station)))?.expect("it was paid");
//! assert_eq!(balance.data, 30_u64.to_le_bytes());
//! # Ok(())
//! # }
//! ```
//!
//! [`Consumer`] ties a machine to an [`L1Bridge`](bridge::L1Bridge): it stores batch after batch and acknowledges them, and
//! goes on from the stored checkpoint after a restart.
//!
//! # What it guarantees
//!
//! - Execution is a pure function of the state and the block. A block that leaves the chain and comes back has the same
//!   receipts and the same state root.
//! - When [`Machine::apply`] has returned, its batch is durable as a whole. A store opened after a crash or an error stands at
//!   the end of a batch, and what was acknowledged is in it.
//! - A transaction that is rejected changes nothing but its receipt, which says why: not even the nonces of its signers.
//! - A program writes its own accounts alone ([`AccountId::of`]); money moves only through the ledger, and its sum stays.
//! - Every chain block above the finalized root can be taken back, none below.
//! - The state root after a block depends on the accounts alone, and equals the one computed anew from them.
//!
//! # Your own programs
//!
//! Implement [`program::Program`] and add it with [`program::Programs::with`]; `examples/` has one. A program sees its input,
//! the block and the declared accounts, and may call others. It must be a function of these.
//!
//! # What it does not do
//!
//! It meters nothing: programs are compiled in, what a transaction can make them do is bounded by the limits of
//! [`transaction`], and the L1's fee is its only price. That holds for what stays, too: an account takes about 0.5 kB of
//! memory (the tree) and 0.2 kB of disk for as long as it exists, the account with a signer's nonce and the jobs and policies
//! of the built-in programs for ever; and so do receipts, unless [`ReceiptRetention`] says otherwise. An opening reads all of
//! it. It trusts the bridge for what the L1 accepted, and the bridge trusts its node
//! ([what it does not check](bridge#what-it-does-not-check)).
//!
//! # Map
//!
//! | module | room for |
//! |---|---|
//! | [`account`], [`transaction`], [`receipt`] | what is stored, what arrives, what became of it |
//! | [`authorization`] | who agreed |
//! | [`program`], [`context`], [`programs`] | the trait, what a program may do, the four that come along |
//! | [`execute`] | a block's effects: no I/O |
//! | [`tree`] | the state root |
//! | `store` | the database: tables, reading, writing, what can be wrong with it |
//! | `apply`, `machine` | what an event does to the store; the handle |
//! | `consumer` | bridge and machine tied together |

pub mod account;
mod apply;
pub mod authorization;
mod consumer;
pub mod context;
mod encoding;
mod error;
pub mod execute;
mod genesis;
mod machine;
pub mod program;
pub mod programs;
pub mod receipt;
mod store;
pub mod transaction;
pub mod tree;

pub use account::{Account, AccountId, ProgramId};
pub use consumer::{Batch, Consumer, ConsumerError, End, MOST_BATCH_BLOCKS, MOST_BATCH_EVENTS};
pub use error::{ApplyError, OpenError, StoreError};
pub use genesis::{Genesis, GenesisError};
pub use machine::{Applied, Machine, MachineConfig, ReceiptRetention};
pub use store::View;
