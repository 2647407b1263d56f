//! What several tests of this crate share: a chain whose events follow one another, and storage that outlives a machine.

// Each test uses a part of it.
#![allow(dead_code)]

pub mod actors;
pub mod chain;

use std::sync::Arc;

use bridge::wire::Network;
use sim::{disk::Disk, random::Streams};
use state::{
    Genesis, MachineConfig, ReceiptRetention,
    authorization::{Key, Unchecked},
    programs::ledger,
};

use self::actors::ACTORS;

/// What each actor has at the beginning.
pub const BALANCE_AT_GENESIS: u64 = 1_000;

/// The network of the tests.
pub const NETWORK: Network = Network::SIMNET;

/// An empty disk.
pub fn empty_disk() -> Disk {
    Disk::new(Streams::new(1).stream("disk", 0))
}

/// The built-in programs, unchecked signatures, and money for each actor.
pub fn config(receipts: ReceiptRetention) -> MachineConfig {
    let holders = (0..ACTORS).map(|actor| (actors::key(actor), BALANCE_AT_GENESIS));
    config_with(receipts, holders)
}

/// As [`config`], with these balances.
pub fn config_with(receipts: ReceiptRetention, holders: impl IntoIterator<Item = (Key, u64)>) -> MachineConfig {
    let genesis = ledger::mint(Genesis::default(), holders).expect("the supply is small");
    MachineConfig {
        authorization: Arc::new(Unchecked),
        genesis,
        receipts,
        cache_bytes: 4 << 20,
        ..MachineConfig::new(NETWORK)
    }
}
