//! A store with a history: every state that was ever acknowledged, so that what a damaged store shows can be told apart
//! from what was never there.

use bridge::{ChainRef, Checkpoint};
use kaspa_hashes::Hash;
use redb::StorageBackend;
use sim::{
    disk::{Disk, Image},
    random::Streams,
};
use state::{
    Account, AccountId, ApplyError, Machine, MachineConfig, OpenError, ReceiptRetention, StoreError,
    authorization::Key, receipt::Receipt,
};

use crate::support::{self, actors, chain::Chain};

/// Everything in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    pub checkpoint: Option<Checkpoint>,
    state_root: Hash,
    window: Vec<ChainRef>,
    roots: Vec<Option<Hash>>,
    accounts: Vec<(AccountId, Account)>,
    receipts: Vec<Receipt>,
    undo_indices: Vec<u64>,
}

impl Contents {
    /// Reads all of it, each receipt also by its id.
    pub fn of(machine: &Machine) -> Result<Self, StoreError> {
        let window: Vec<ChainRef> = machine.window().map(|window| window.blocks().collect()).unwrap_or_default();
        let receipts = machine.receipts()?;
        for receipt in &receipts {
            assert_eq!(machine.receipt(&receipt.transaction)?.as_ref(), Some(receipt));
        }
        assert_eq!(machine.rebuilt_state_root()?, machine.state_root());
        Ok(Self {
            checkpoint: machine.checkpoint().cloned(),
            state_root: machine.state_root(),
            roots: window.iter().map(|block| machine.state_root_at(block.index)).collect::<Result<_, _>>()?,
            window,
            accounts: machine.accounts()?,
            receipts,
            undo_indices: machine.undo_indices()?,
        })
    }
}

/// A store, what was ever in it, and the chain that it followed.
pub struct History {
    pub chain: Chain,
    /// The newest last.
    pub acknowledged: Vec<Contents>,
    pub bytes: Vec<u8>,
}

impl History {
    /// So many batches, with reorgs and finalization; the machine is closed in good order.
    pub fn new(batches: u64) -> Self {
        Self::of(batches, feed)
    }

    /// The same with batches that make the store grow.
    pub fn growing(batches: u64) -> Self {
        Self::of(batches, feed_growing)
    }

    fn of(batches: u64, feed: impl Fn(&mut Machine, &mut Chain, u64) -> Result<(), ApplyError>) -> Self {
        let disk = support::empty_disk();
        let mut chain = Chain::new();
        let mut machine = Machine::open_on(disk.open(), config()).expect("the disk has no faults");
        let mut acknowledged = vec![Contents::of(&machine).expect("the disk has no faults")];
        for batch in 0..batches {
            feed(&mut machine, &mut chain, batch).expect("the disk has no faults");
            acknowledged.push(Contents::of(&machine).expect("the disk has no faults"));
        }
        machine.close().expect("the disk has no faults");
        Self { chain, acknowledged, bytes: disk.durable().to_bytes() }
    }

    /// What was acknowledged last.
    pub fn newest(&self) -> &Contents {
        self.acknowledged.last().expect("an empty store was there first")
    }
}

/// The machine of these tests.
pub fn config() -> MachineConfig {
    let holders = (0..actors::ACTORS).map(|actor| (actors::key(actor), 1_000_000_000));
    support::config_with(ReceiptRetention::BlocksBelowRoot(8), holders)
}

/// A disk with these bytes.
pub fn disk_with(bytes: &[u8]) -> Disk {
    Disk::with_image(Image::from_bytes(bytes), Streams::new(2).stream("disk", 0))
}

/// What the next process would read from a disk.
pub fn bytes_of(disk: &Disk) -> Vec<u8> {
    let storage = disk.open();
    let mut bytes = vec![0; storage.len().expect("the disk has no faults") as usize];
    storage.read(0, &mut bytes).expect("the disk has no faults");
    bytes
}

/// Opens the machine of these tests on a disk with these bytes.
pub fn open(bytes: &[u8]) -> (Disk, Result<Machine, OpenError>) {
    let disk = disk_with(bytes);
    let machine = Machine::open_on(disk.open(), config());
    (disk, machine)
}

/// The next batch of a chain: four blocks of two transfers; now and then a reorg before them or a new root after them.
/// The chain is left alone if the batch is not stored.
pub fn feed(machine: &mut Machine, chain: &mut Chain, batch: u64) -> Result<(), ApplyError> {
    feed_to(machine, chain, batch, 2, |_| actors::key(2))
}

/// The same with a hundred transfers a block, each to somebody new.
pub fn feed_growing(machine: &mut Machine, chain: &mut Chain, batch: u64) -> Result<(), ApplyError> {
    feed_to(machine, chain, batch, 100, |nonce| {
        let mut key = [0xee; 32];
        key[..8].copy_from_slice(&nonce.to_be_bytes());
        Key(key)
    })
}

fn feed_to(
    machine: &mut Machine,
    chain: &mut Chain,
    batch: u64,
    transfers: u64,
    payee: impl Fn(u64) -> Key,
) -> Result<(), ApplyError> {
    let mut next = chain.clone();
    let mut events = Vec::new();
    if batch % 3 == 2 {
        events.push(next.cut(next.tip().index - 2).0);
    }
    for block in 0..4 {
        let nonces = (0..transfers).map(|transfer| 1 + transfer + 1_000 * (block + 4 * batch));
        let payloads = nonces.map(|nonce| actors::transfer(actors::key((nonce % 2) as u8), payee(nonce), 1, nonce));
        let accepted = payloads.map(|payload| next.transaction(payload)).collect();
        events.push(next.add(accepted));
    }
    if batch % 4 == 3 {
        events.push(next.finalize(next.tip().index - 6));
    }
    machine.apply(Some(next.anchor()), &events)?;
    *chain = next;
    Ok(())
}
