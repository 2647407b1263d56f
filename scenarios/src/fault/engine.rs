//! Lets the faults of a plan strike, each once, while the storm lasts.
//!
//! A fault strikes at the first occasion that fits its own trigger, whatever others do there: none takes an occasion from
//! another, and what several do to one message adds up in the order of the plan. What a fault changed about a connection
//! that still works ends with the storm, at the first message after it; a connection that it broke stays broken.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

use sim::world::{
    interposer::{Attempt, AttemptFate, Interposer, Message, MessageFate, MessageKind, Parcel},
    link::LinkControl,
};

use super::{FaultKind, Moment, PlannedFault};

/// A fault that struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Struck {
    /// Id of the fault.
    pub id: u32,
    /// Number of the bridge that it hit.
    pub bridge: u32,
    /// Simulated time.
    pub at: Duration,
    /// It ends a session in which a request waits, and the reply never arrives whole.
    pub loses_reply: bool,
}

/// The interposer of a plan.
pub struct FaultEngine {
    waiting: Vec<PlannedFault>,
    /// Fates of further attempts: bridge, until when, fate.
    lasting: Vec<(u32, Duration, AttemptFate)>,
    until: Duration,
    struck: Rc<RefCell<Vec<Struck>>>,
    notes: VecDeque<String>,
}

impl FaultEngine {
    /// An engine for `faults`, which strike before `until`, and the list of those that struck.
    pub fn new(faults: Vec<PlannedFault>, until: Duration) -> (Self, Rc<RefCell<Vec<Struck>>>) {
        let struck = Rc::default();
        let engine =
            Self { waiting: faults, lasting: Vec::new(), until, struck: Rc::clone(&struck), notes: VecDeque::new() };
        (engine, struck)
    }

    /// Takes out every waiting fault that fits, in the order of the plan.
    fn take(&mut self, now: Duration, fits: impl Fn(&PlannedFault) -> bool) -> Vec<PlannedFault> {
        if now >= self.until || !self.waiting.iter().any(&fits) {
            return Vec::new();
        }
        self.waiting.extract_if(.., |fault| fits(fault)).collect()
    }

    fn note(&mut self, fault: &PlannedFault, at: Duration) {
        let loses_reply = fault.what.kind().loses_reply();
        self.struck.borrow_mut().push(Struck { id: fault.id, bridge: fault.bridge, at, loses_reply });
        self.notes.push_back(format!("fault {}: {:?}", fault.id, fault.what));
    }
}

impl Interposer for FaultEngine {
    fn on_attempt(&mut self, attempt: &Attempt) -> AttemptFate {
        let now = attempt.now;
        self.lasting.retain(|(_, until, _)| now < *until);
        let fits = |fault: &PlannedFault| {
            fault.bridge == attempt.client
                && fault.what.kind().moment() == Moment::Attempt
                && fault.when.fits_attempt(attempt)
        };
        for fault in self.take(now, fits) {
            let until = (now + fault.what.kind().lasts()).min(self.until);
            self.lasting.push((fault.bridge, until, fault.what.kind().on_attempt()));
            self.note(&fault, now);
        }
        let fate = self.lasting.iter().find(|(bridge, _, _)| *bridge == attempt.client);
        fate.map_or(AttemptFate::Accept, |(_, _, fate)| *fate)
    }

    fn on_message(&mut self, message: &Message<'_>, link: &LinkControl) -> MessageFate {
        if message.now >= self.until {
            link.restore();
            return MessageFate::Pass;
        }
        let moment = match message.kind {
            MessageKind::Notification => Moment::Notification,
            MessageKind::Reply { .. } => Moment::Reply,
            MessageKind::Request { .. } => Moment::Request,
        };
        let fits = |fault: &PlannedFault| {
            fault.bridge == message.client && fault.what.kind().moment() == moment && fault.when.fits_message(message)
        };
        let mut fate = MessageFate::Pass;
        for fault in self.take(message.now, fits) {
            self.note(&fault, message.now);
            fate = and_then(fate, message, link, fault.what.kind());
        }
        fate
    }

    fn take_note(&mut self) -> Option<String> {
        self.notes.pop_front()
    }
}

/// What becomes of a message that had this fate already when another fault strikes too.
fn and_then(fate: MessageFate, message: &Message<'_>, link: &LinkControl, fault: &dyn FaultKind) -> MessageFate {
    let parcels = match fate {
        MessageFate::Pass => return fault.on_message(message, link),
        MessageFate::Replace(parcels) if !parcels.is_empty() => parcels,
        // Nothing is left of the message; what the fault does to the connection it does.
        fate @ (MessageFate::CloseSession | MessageFate::Replace(_)) => {
            fault.on_message(message, link);
            return fate;
        }
    };
    let mut all = Vec::with_capacity(parcels.len());
    for parcel in parcels {
        match fault.on_message(&Message { bytes: &parcel.bytes, ..*message }, link) {
            MessageFate::Pass => all.push(parcel),
            MessageFate::CloseSession => return MessageFate::CloseSession,
            MessageFate::Replace(new) => {
                let later = |new: Parcel| Parcel { after: new.after.saturating_add(parcel.after), ..new };
                all.extend(new.into_iter().map(later));
            }
        }
    }
    MessageFate::Replace(all)
}
