//! A disk that loses, tears and refuses writes, under the database `redb`.
//!
//! A [`Disk`] outlives the process that uses it. Each process opens it for a [`DiskHandle`], which is a
//! [`StorageBackend`], and reads its own writes at once; durable is only what a sync has followed. At a loss of power
//! each operation since the last sync is kept, lost or torn at the borders of sectors. Afterwards the handle fails every
//! operation, as does one that another opening has replaced, so that what is left of a dead process reaches nothing.
//!
//! Invariants: what a sync has confirmed survives everything but [`Disk::flip_bit`] and [`Disk::truncate`]. The disk
//! never sleeps: it adds up the time of its operations, and whoever drives the database sleeps
//! [`take_latency`](Disk::take_latency). Everything random comes from one named stream, so that a run is a function of
//! its seed.

mod cost;
mod fault;
mod image;
mod operation;
mod recording;
mod state;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redb::StorageBackend;

use crate::random::Stream;

pub use cost::{DiskCounters, DiskLatency};
pub use fault::{Fault, Moment, Trigger};
pub use image::{Image, MOST_IMAGE_BYTES};
pub use operation::{Operation, SECTOR_BYTES, Unsynced};
pub use recording::{CrashImages, Recording};

use state::State;

/// A disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

impl Disk {
    /// An empty disk; what is left to chance comes from `stream`.
    pub fn new(stream: Stream) -> Self {
        Self::with_image(Image::default(), stream)
    }

    /// A disk with these bytes.
    pub fn with_image(image: Image, stream: Stream) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(image, stream))) }
    }

    /// Opens the disk; every earlier handle fails from now on. After a loss of power the new handle sees what survived,
    /// otherwise also what was not synced: it was in the memory of the operating system.
    pub fn open(&self) -> DiskHandle {
        let epoch = self.state().open();
        DiskHandle { state: Arc::clone(&self.state), epoch }
    }

    /// The power fails now. A disk that nobody has opened since the last time only loses what it has pending.
    pub fn crash(&self, unsynced: Unsynced) {
        self.state().crash(unsynced);
    }

    /// The process that has the disk open dies now: its handle fails from now on, and nothing is lost.
    pub fn kill(&self) {
        let mut state = self.state();
        state.open();
        state.crashed = true;
    }

    /// Whether the handle was cut off by [`crash`](Self::crash), [`kill`](Self::kill) or an armed fault, and the disk was
    /// not opened since.
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Lets a fault wait for an operation. Several can wait; openings and crashes do not disarm them.
    pub fn arm(&self, trigger: Trigger, fault: Fault) {
        self.state().armed.arm(trigger, fault);
    }

    /// Disarms all faults that still wait.
    pub fn disarm(&self) {
        self.state().armed.clear();
    }

    /// Bytes that the disk can hold, [`MOST_IMAGE_BYTES`] at first and at most. What would make it longer than that fails
    /// with [`io::ErrorKind::StorageFull`]; what is beyond already stays and can be overwritten.
    pub fn set_capacity_bytes(&self, capacity_bytes: u64) {
        self.state().capacity_bytes = capacity_bytes;
    }

    /// Whether writes fail with [`io::ErrorKind::ReadOnlyFilesystem`].
    pub fn set_read_only(&self, read_only: bool) {
        self.state().read_only = read_only;
    }

    /// Whether the disk lies: it confirms syncs and does not do them. No software can live with that; a test that does not
    /// notice does not test durability.
    pub fn set_skips_syncs(&self, skips_syncs: bool) {
        self.state().skips_syncs = skips_syncs;
    }

    /// The time that operations take from now on.
    pub fn set_latency(&self, latency: DiskLatency) {
        self.state().account.latency = latency;
    }

    /// The time that the operations since the last call would have taken: sleep it.
    pub fn take_latency(&self) -> Duration {
        std::mem::take(&mut self.state().account.owed)
    }

    /// Operations so far.
    pub fn counters(&self) -> DiskCounters {
        self.state().account.counters
    }

    /// What survives a loss of power for certain.
    pub fn durable(&self) -> Image {
        self.state().durable.clone()
    }

    /// Inverts one bit, 0 to 7 from the lowest, of a byte; nothing behind the end.
    pub fn flip_bit(&self, offset: u64, bit: u8) {
        self.state().damage(|image| {
            if offset < image.len() {
                let mut byte = [0];
                image.read(offset, &mut byte);
                image.write(offset, &[byte[0] ^ (1 << (bit % 8))]);
            }
        });
    }

    /// Cuts everything from `len` bytes on.
    pub fn truncate(&self, len: u64) {
        self.state().damage(|image| image.set_len(len.min(image.len())));
    }

    /// Remembers every operation from now on; a former recording is dropped.
    pub fn record(&self) {
        self.state().record();
    }

    /// Operations in the present recording.
    pub fn recorded_operations(&self) -> usize {
        self.state().recording.as_ref().map_or(0, |recording| recording.operations.len())
    }

    /// Ends the recording and returns it; empty if there was none.
    pub fn take_recording(&self) -> Recording {
        self.state().recording.take().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// A disk as one process has it open.
#[derive(Debug)]
pub struct DiskHandle {
    state: Arc<Mutex<State>>,
    epoch: u64,
}

impl StorageBackend for DiskHandle {
    fn len(&self) -> io::Result<u64> {
        lock(&self.state).len(self.epoch)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        lock(&self.state).read(self.epoch, offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        lock(&self.state).set_len(self.epoch, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        lock(&self.state).sync(self.epoch)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        lock(&self.state).write(self.epoch, offset, data)
    }
}

/// Every operation leaves the state whole, also one that panics in a check: a poisoned lock means nothing.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
