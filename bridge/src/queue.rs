//! The hand-over between the client's task and the consumer: a lock-free queue of events one way, an acknowledgement
//! and a stop signal the other way.
//!
//! The queue itself has no bound; the follower stops fetching at the high-water mark of unacknowledged events, so it
//! holds at most that plus one page.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use crossbeam_queue::SegQueue;
use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::event::{ChainRef, L1Event};

#[derive(Debug, Default)]
pub(crate) struct Shared {
    events: SegQueue<L1Event>,
    /// The highest sequence number pushed.
    emitted: AtomicU64,
    /// The block on which the first numbered event builds.
    anchor: OnceLock<ChainRef>,
    /// No event will follow those in the queue.
    finished: AtomicBool,
    consumer: Notify,
    acknowledged: AtomicU64,
    shutdown: AtomicBool,
    /// The client waits for an acknowledgement; without it an acknowledgement wakes nobody.
    paused: AtomicBool,
    client: AtomicWaker,
}

/// What the consumer told the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Acknowledged(u64),
    Shutdown,
}

impl Shared {
    pub(crate) fn push(&self, event: L1Event) {
        let sequence = event.sequence();
        self.events.push(event);
        if let Some(sequence) = sequence {
            self.emitted.store(sequence, Ordering::Release);
        }
        self.consumer.notify_one();
    }

    /// Only the first call counts.
    pub(crate) fn set_anchor(&self, anchor: ChainRef) {
        self.anchor.get_or_init(|| anchor);
    }

    pub(crate) fn anchor(&self) -> Option<ChainRef> {
        self.anchor.get().copied()
    }

    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::SeqCst);
        self.consumer.notify_one();
    }

    pub(crate) fn try_next(&self) -> Option<L1Event> {
        self.events.pop()
    }

    /// The highest sequence number pushed.
    pub(crate) fn emitted(&self) -> u64 {
        self.emitted.load(Ordering::Acquire)
    }

    /// Whether every event was taken and none will follow.
    pub(crate) fn is_finished(&self) -> bool {
        // Read before the queue, as in `next`.
        self.finished.load(Ordering::SeqCst) && self.events.is_empty()
    }

    /// The next event, or `None` when there will be none. One consumer at a time. Cancel safe.
    pub(crate) async fn next(&self) -> Option<L1Event> {
        loop {
            // Read before the queue: whatever was pushed before `finish` is found by the pop that follows.
            let finished = self.finished.load(Ordering::SeqCst);
            match self.events.pop() {
                Some(event) => return Some(event),
                None if finished => return None,
                None => self.consumer.notified().await,
            }
        }
    }

    pub(crate) fn acknowledge(&self, sequence: u64) {
        self.acknowledged.fetch_max(sequence, Ordering::SeqCst);
        if self.paused.load(Ordering::SeqCst) {
            self.client.wake();
        }
    }

    pub(crate) fn shut_down(&self) {
        self.shutdown.store(true, Ordering::SeqCst);
        self.client.wake();
    }

    /// Tells whether acknowledgements must wake the client.
    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::SeqCst);
    }

    /// Ready when there is a stop signal, or an acknowledgement beyond `known`.
    pub(crate) fn poll_signal(&self, known: u64, context: &mut Context<'_>) -> Poll<Signal> {
        // Registered before the values are read, so that no change between the two is lost.
        self.client.register(context.waker());
        if self.shutdown.load(Ordering::SeqCst) {
            return Poll::Ready(Signal::Shutdown);
        }
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        if acknowledged > known { Poll::Ready(Signal::Acknowledged(acknowledged)) } else { Poll::Pending }
    }
}
