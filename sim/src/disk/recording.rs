//! All states in which one run can leave a disk.
//!
//! A crash after the n-th operation leaves what is durable by then and some of what is pending. A recording of the
//! operations of one run therefore gives the image of a crash at every point of it, and nothing need be run again.

use crate::random::Stream;

use super::{
    image::Image,
    operation::{Operation, Unsynced, settle},
};

/// What a disk was, and every operation since then that took effect.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    pub(super) base: Image,
    pub(super) operations: Vec<Operation>,
}

impl Recording {
    /// In the order in which they happened.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The disk after a loss of power when `n` operations had happened, for every `n` from 0 to all of them, in order.
    ///
    /// A crash in a write is the one after it, with the write among the pending operations; a crash in a sync is the one
    /// before it.
    pub fn crash_images(&self, unsynced: Unsynced, stream: Stream) -> CrashImages<'_> {
        CrashImages { recording: self, unsynced, stream, durable: self.base.clone(), durable_operations: 0, next: 0 }
    }
}

/// Iterator over [`Recording::crash_images`].
#[derive(Clone, Debug)]
pub struct CrashImages<'a> {
    recording: &'a Recording,
    unsynced: Unsynced,
    stream: Stream,
    /// The base and the first `durable_operations` operations, of which the last is a sync.
    durable: Image,
    durable_operations: usize,
    next: usize,
}

impl Iterator for CrashImages<'_> {
    type Item = Image;

    fn next(&mut self) -> Option<Image> {
        let happened = self.recording.operations.get(..self.next)?;
        self.next += 1;
        if happened.last() == Some(&Operation::Sync) {
            happened[self.durable_operations..].iter().for_each(|operation| self.durable.apply(operation));
            self.durable_operations = happened.len();
        }
        let mut image = self.durable.clone();
        settle(&mut image, &happened[self.durable_operations..], self.unsynced, &mut self.stream);
        Some(image)
    }
}
