//! Lets the faults of a plan strike, each once, while the storm lasts. What a fault changed about a connection that still
//! works ends with the storm; a connection that it broke stays broken.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

use sim::world::{
    interposer::{Attempt, AttemptFate, Interposer, Message, MessageFate, MessageKind},
    link::LinkControl,
};

use super::{Moment, PlannedFault};

/// A fault that struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Struck {
    /// Id of the fault.
    pub id: u32,
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

    /// Takes out the first waiting fault that fits.
    fn take(&mut self, now: Duration, fits: impl Fn(&PlannedFault) -> bool) -> Option<PlannedFault> {
        if now >= self.until {
            return None;
        }
        let position = self.waiting.iter().position(fits)?;
        Some(self.waiting.remove(position))
    }

    fn note(&mut self, fault: &PlannedFault, at: Duration) {
        let loses_reply = fault.what.kind().loses_reply();
        self.struck.borrow_mut().push(Struck { id: fault.id, at, loses_reply });
        self.notes.push_back(format!("fault {}: {:?}", fault.id, fault.what));
    }
}

impl Interposer for FaultEngine {
    fn on_attempt(&mut self, attempt: &Attempt) -> AttemptFate {
        let now = attempt.now;
        self.lasting.retain(|(_, until, _)| now < *until);
        if let Some((_, _, fate)) = self.lasting.iter().find(|(bridge, _, _)| *bridge == attempt.client) {
            return *fate;
        }
        let fits = |fault: &PlannedFault| {
            fault.bridge == attempt.client
                && fault.what.kind().moment() == Moment::Attempt
                && fault.when.fits_attempt(attempt)
        };
        let Some(fault) = self.take(now, fits) else { return AttemptFate::Accept };
        let fate = fault.what.kind().on_attempt();
        let until = (now + fault.what.kind().lasts()).min(self.until);
        self.lasting.push((fault.bridge, until, fate));
        self.note(&fault, now);
        fate
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
        let Some(fault) = self.take(message.now, fits) else { return MessageFate::Pass };
        self.note(&fault, message.now);
        fault.what.kind().on_message(message, link)
    }

    fn take_note(&mut self) -> Option<String> {
        self.notes.pop_front()
    }
}
