//! What operations cost: counters, and the time that a disk would have taken.

use std::time::Duration;

/// Time that operations take. All zero by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskLatency {
    /// Of each write and each new length.
    pub write: Duration,
    /// Of each byte written, on top.
    pub written_byte: Duration,
    /// Of each sync.
    pub sync: Duration,
    /// Of each read.
    pub read: Duration,
    /// Of each byte read, on top.
    pub read_byte: Duration,
}

/// Operations since the disk was made, also those that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounters {
    /// Reads.
    pub reads: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Writes.
    pub writes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// New lengths.
    pub set_lens: u64,
    /// Syncs.
    pub syncs: u64,
}

impl DiskCounters {
    /// Operations that write: writes, new lengths and syncs.
    pub const fn operations(&self) -> u64 {
        self.writes + self.set_lens + self.syncs
    }
}

/// Counts operations and adds up their time.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) latency: DiskLatency,
    pub(super) counters: DiskCounters,
    pub(super) owed: Duration,
}

impl Account {
    pub(super) fn read(&mut self, count: u64) {
        self.counters.reads += 1;
        self.counters.read_bytes += count;
        self.owe(self.latency.read, self.latency.read_byte, count);
    }

    pub(super) fn write(&mut self, count: u64) {
        self.counters.writes += 1;
        self.counters.written_bytes += count;
        self.owe(self.latency.write, self.latency.written_byte, count);
    }

    pub(super) fn set_len(&mut self) {
        self.counters.set_lens += 1;
        self.owe(self.latency.write, Duration::ZERO, 0);
    }

    pub(super) fn sync(&mut self) {
        self.counters.syncs += 1;
        self.owe(self.latency.sync, Duration::ZERO, 0);
    }

    fn owe(&mut self, once: Duration, for_each_byte: Duration, count: u64) {
        let bytes = Duration::from_nanos((for_each_byte.as_nanos() as u64).saturating_mul(count));
        self.owed = self.owed.saturating_add(once).saturating_add(bytes);
    }
}
