//! What the transactions of the day say, and the state machine that understands it.
//!
//! Holders pay visitors, and visitors pay everything back: balances come and go, and there are never more accounts than
//! those of all holders and visitors, so that a state that grows has a leak.

use std::{io, sync::Arc};

use bridge::wire::Network;
use redb::StorageBackend;
use sim::{disk::DiskHandle, random::Stream, workload::PayloadSource};
use state::{
    Genesis, MachineConfig, ReceiptRetention,
    authorization::{Key, Signature, Unchecked},
    programs::{ledger, ledger::Holder},
    transaction::{Signer, Transaction},
};

use super::allocator::{Component, within};

/// Keys with money at the beginning.
const HOLDERS: u64 = 1_000;

/// Keys without.
const VISITORS: u64 = 200;

/// A visitor pays back when so many others were paid.
const STAY: u64 = 50;

/// Memory for pages of the database, in bytes: less than the file has, so that the cache is full early in the day.
pub const CACHE_BYTES: usize = 512 << 10;

/// Payments from holders to visitors and back. Its nonces rise.
#[derive(Default)]
pub struct Payments {
    made: u64,
}

impl PayloadSource for Payments {
    fn payload(&mut self, _stream: &mut Stream, _miner: usize, _at_daa_score: u64) -> Option<Vec<u8>> {
        self.made += 1;
        let turn = self.made / 2;
        let (from, to) = if self.made.is_multiple_of(2) {
            (holder(turn % HOLDERS), visitor(turn % VISITORS))
        } else {
            (visitor((turn + VISITORS - STAY) % VISITORS), holder(turn % HOLDERS))
        };
        let signer = Signer { key: from, nonce: self.made };
        let transaction = Transaction::of([signer], [ledger::transfer(Holder::Key(from), Holder::Key(to), 1)]);
        Some(transaction.encode(&[Signature([0; 64])]))
    }
}

/// A state machine in which the holders have money; signatures are not checked.
pub fn machine(network: Network, receipts: ReceiptRetention) -> MachineConfig {
    let balances = (0..HOLDERS).map(|number| (holder(number), 1 << 30));
    MachineConfig {
        authorization: Arc::new(Unchecked),
        genesis: ledger::mint(Genesis::default(), balances).expect("the supply is below 2^64"),
        receipts,
        cache_bytes: CACHE_BYTES,
        ..MachineConfig::new(network)
    }
}

fn holder(number: u64) -> Key {
    key(1, number)
}

fn visitor(number: u64) -> Key {
    key(2, number)
}

fn key(kind: u8, number: u64) -> Key {
    let mut key = [kind; 32];
    key[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    Key(key)
}

/// A simulated disk whose bytes are booked to [`Component::Disk`]: a real one would have them outside the process.
#[derive(Debug)]
pub struct BookedDisk(pub DiskHandle);

impl StorageBackend for BookedDisk {
    fn len(&self) -> io::Result<u64> {
        within(Component::Disk, || self.0.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        within(Component::Disk, || self.0.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        within(Component::Disk, || self.0.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        within(Component::Disk, || self.0.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        within(Component::Disk, || self.0.write(offset, data))
    }
}
