//! The disk behind its lock: what is durable, what is pending, and the faults that wait.
//!
//! Invariant: unless a failed sync has made it forget operations, the view is what is durable with the pending
//! operations applied.

use std::io;

use crate::random::Stream;

use super::{
    cost::Account,
    fault::{Armed, Fault, Kind, Moment},
    image::{Image, MOST_IMAGE_BYTES},
    operation::{Operation, Unsynced, settle},
    recording::Recording,
};

/// Everything about a disk.
#[derive(Debug)]
pub(super) struct State {
    /// What survives a loss of power for certain.
    pub(super) durable: Image,
    /// What a handle reads.
    view: Image,
    /// Operations since the last sync.
    pending: Vec<Operation>,
    /// Whether a failed sync has left operations in the view that are neither durable nor pending.
    view_is_ahead: bool,
    /// Counts openings; a handle of another epoch is of no use.
    epoch: u64,
    pub(super) crashed: bool,
    pub(super) capacity_bytes: u64,
    pub(super) read_only: bool,
    pub(super) skips_syncs: bool,
    pub(super) armed: Armed,
    pub(super) account: Account,
    pub(super) recording: Option<Recording>,
    stream: Stream,
}

impl State {
    pub(super) fn new(image: Image, stream: Stream) -> Self {
        Self {
            view: image.clone(),
            durable: image,
            pending: Vec::new(),
            view_is_ahead: false,
            epoch: 0,
            crashed: false,
            capacity_bytes: MOST_IMAGE_BYTES,
            read_only: false,
            skips_syncs: false,
            armed: Armed::default(),
            account: Account::default(),
            recording: None,
            stream,
        }
    }

    /// Begins a new epoch and returns its number. What the operating system still holds in memory is there again.
    pub(super) fn open(&mut self) -> u64 {
        if self.view_is_ahead {
            self.rebuild_view();
        }
        self.crashed = false;
        self.epoch += 1;
        self.epoch
    }

    pub(super) fn crash(&mut self, unsynced: Unsynced) {
        settle(&mut self.durable, &self.pending, unsynced, &mut self.stream);
        self.pending.clear();
        self.rebuild_view();
        self.crashed = true;
    }

    /// Changes what is durable behind the back of whoever has the disk open; pending operations stay what they are.
    pub(super) fn damage(&mut self, change: impl FnOnce(&mut Image)) {
        change(&mut self.durable);
        self.rebuild_view();
    }

    pub(super) fn record(&mut self) {
        self.recording = Some(Recording { base: self.durable.clone(), operations: self.pending.clone() });
    }

    pub(super) fn len(&self, epoch: u64) -> io::Result<u64> {
        self.check(epoch)?;
        Ok(self.view.len())
    }

    pub(super) fn read(&mut self, epoch: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.check(epoch)?;
        self.account.read(out.len() as u64);
        match self.armed.next(Kind::Read) {
            Some(Fault::Crash { unsynced, .. }) => return Err(self.crash_with_error(unsynced)),
            Some(Fault::Error { kind, .. }) => return Err(injected(kind)),
            None => {}
        }
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > self.view.len()) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a read behind the end of the simulated disk"));
        }
        self.view.read(offset, out);
        Ok(())
    }

    pub(super) fn write(&mut self, epoch: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check(epoch)?;
        self.account.write(bytes.len() as u64);
        let operation = Operation::Write { offset, bytes: bytes.into() };
        self.change(operation, offset.saturating_add(bytes.len() as u64))
    }

    pub(super) fn set_len(&mut self, epoch: u64, len: u64) -> io::Result<()> {
        self.check(epoch)?;
        self.account.set_len();
        self.change(Operation::SetLen { len }, len)
    }

    pub(super) fn sync(&mut self, epoch: u64) -> io::Result<()> {
        self.check(epoch)?;
        self.account.sync();
        if self.skips_syncs {
            return Ok(());
        }
        match self.armed.next(Kind::Sync) {
            Some(Fault::Crash { unsynced, .. }) => return Err(self.crash_with_error(unsynced)),
            Some(Fault::Error { kind, unsynced }) => {
                self.forget_pending(unsynced);
                return Err(injected(kind));
            }
            None => {}
        }
        if self.read_only && !self.pending.is_empty() {
            return Err(read_only());
        }
        if self.view_is_ahead {
            self.pending.iter().for_each(|operation| self.durable.apply(operation));
        } else {
            self.durable.catch_up(&self.view, &self.pending);
        }
        self.pending.clear();
        if let Some(recording) = &mut self.recording {
            recording.operations.push(Operation::Sync);
        }
        Ok(())
    }

    /// Does one operation that ends at `end`, or what its fault leaves of it.
    fn change(&mut self, operation: Operation, end: u64) -> io::Result<()> {
        let refusal = self.refusal(end);
        match (self.armed.next(Kind::Write), refusal) {
            (Some(Fault::Crash { moment, unsynced }), refusal) => {
                if moment == Moment::During && refusal.is_none() {
                    self.take_effect(operation);
                }
                Err(self.crash_with_error(unsynced))
            }
            (_, Some(refusal)) => Err(refusal),
            (Some(Fault::Error { kind, unsynced }), None) => {
                for part in self.parts(operation, unsynced) {
                    self.take_effect(part);
                }
                Err(injected(kind))
            }
            (None, None) => {
                self.take_effect(operation);
                Ok(())
            }
        }
    }

    /// Why a write that ends at `end` cannot be.
    fn refusal(&self, end: u64) -> Option<io::Error> {
        if self.read_only {
            return Some(read_only());
        }
        let full = end > self.view.len() && end > self.capacity_bytes.min(MOST_IMAGE_BYTES);
        full.then(|| io::Error::new(io::ErrorKind::StorageFull, "the simulated disk is full"))
    }

    fn take_effect(&mut self, operation: Operation) {
        self.view.apply(&operation);
        if let Some(recording) = &mut self.recording {
            recording.operations.push(operation.clone());
        }
        self.pending.push(operation);
    }

    /// What happens of an operation that fails.
    fn parts(&mut self, operation: Operation, unsynced: Unsynced) -> Vec<Operation> {
        match unsynced {
            Unsynced::Kept => vec![operation],
            Unsynced::Lost => Vec::new(),
            Unsynced::Drawn => super::operation::survivors(&operation, 5, &mut self.stream),
        }
    }

    /// After a sync that failed. A recording starts anew: its operations no longer lead to what is durable.
    fn forget_pending(&mut self, unsynced: Unsynced) {
        settle(&mut self.durable, &self.pending, unsynced, &mut self.stream);
        self.pending.clear();
        self.view_is_ahead = true;
        if self.recording.is_some() {
            self.record();
        }
    }

    fn crash_with_error(&mut self, unsynced: Unsynced) -> io::Error {
        self.crash(unsynced);
        io::Error::other("the power of the simulated disk failed")
    }

    fn rebuild_view(&mut self) {
        self.view = self.durable.clone();
        self.pending.iter().for_each(|operation| self.view.apply(operation));
        self.view_is_ahead = false;
    }

    fn check(&self, epoch: u64) -> io::Result<()> {
        if self.crashed {
            return Err(io::Error::other("the power of the simulated disk has failed"));
        }
        if epoch != self.epoch {
            return Err(io::Error::other("the simulated disk was opened anew since then"));
        }
        Ok(())
    }
}

fn injected(kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, "an error of the simulated disk")
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "the simulated disk may not be written")
}
