//! Faults that go on after they struck: for a time, for a session, or a number of times.

use std::{cell::Cell, time::Duration};

use sim::world::{
    interposer::{Message, MessageFate},
    link::LinkControl,
};

use super::{FaultKind, PlannedFault};

/// How long a fault goes on after the message at which it struck. The end of the storm ends every fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoesOn {
    /// It is over.
    Not,
    /// At every message between the bridge and the node, for so long.
    For(Duration),
    /// At every message of the session.
    InSession,
    /// Until it did something to so many messages between the bridge and the node.
    Times(u32),
}

/// What a fault that goes on knows besides the message.
#[derive(Clone, Copy, Debug)]
pub struct Later<'a> {
    /// The message at which it struck.
    pub first: &'a [u8],
    /// The session in which it struck.
    pub first_session: u64,
    /// How long it still goes on.
    pub left: Duration,
}

/// A fault that struck and goes on.
#[derive(Debug)]
pub(super) struct Ongoing {
    fault: PlannedFault,
    node: u32,
    session: u64,
    in_session: bool,
    until: Duration,
    times_left: u32,
    first: Vec<u8>,
}

impl Ongoing {
    /// What goes on of a fault that struck at the message; `storm_end` ends it at the latest.
    pub(super) fn new(fault: PlannedFault, message: &Message<'_>, storm_end: Duration) -> Option<Self> {
        let (until, in_session, times_left) = match fault.what.kind().goes_on() {
            GoesOn::Not => return None,
            GoesOn::For(time) => (message.now.saturating_add(time).min(storm_end), false, u32::MAX),
            GoesOn::InSession => (storm_end, true, u32::MAX),
            GoesOn::Times(times) => (storm_end, false, times),
        };
        let (node, session, first) = (message.node, message.session, message.bytes.to_vec());
        Some(Self { fault, node, session, in_session, until, times_left, first })
    }

    /// Whether it can still do anything.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        now >= self.until || self.times_left == 0
    }

    /// Whether the message is one that it is asked about.
    pub(super) fn concerns(&self, message: &Message<'_>) -> bool {
        self.fault.bridge == message.client
            && self.node == message.node
            && (!self.in_session || self.session == message.session)
    }

    pub(super) fn id(&self) -> u32 {
        self.fault.id
    }

    pub(super) fn name(&self) -> &'static str {
        self.fault.what.name()
    }

    pub(super) fn kind(&self) -> &dyn FaultKind {
        self.fault.what.kind()
    }

    /// What becomes of a message that had this fate already; whether the fault did something.
    pub(super) fn act(&mut self, fate: MessageFate, message: &Message<'_>, link: &LinkControl) -> (MessageFate, bool) {
        let left = self.until.saturating_sub(message.now);
        let later = Later { first: &self.first, first_session: self.session, left };
        let acted = Cell::new(false);
        let fate = super::engine::and_then(fate, message, |message| {
            let fate = self.fault.what.kind().on_later(later, message, link);
            acted.set(acted.get() || fate != MessageFate::Pass);
            fate
        });
        self.times_left -= u32::from(acted.get() && self.times_left < u32::MAX);
        (fate, acted.get())
    }
}
