//! Lets the faults of a plan strike, each once, while the storm lasts.
//!
//! A fault strikes at the first occasion that fits its own trigger, whatever others do there: none takes an occasion from
//! another, except those that make several messages of one, of each kind of which one acts on a message
//! ([`FaultKind::multiplies`]). What several do to one message adds up in the order of the plan. What a fault changed about a connection
//! that still works ends with the storm, at the first message after it; a connection that it broke stays broken.
//!
//! A fault that goes on after its message ([`Ongoing`]) is asked before those that strike now.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

use sim::world::{
    interposer::{Attempt, AttemptFate, Interposer, Message, MessageFate, MessageKind, Parcel},
    link::LinkControl,
};

use super::{FaultKind, GoesOn, Moment, PlannedFault, PlannedStranger, ongoing::Ongoing, strangers};

/// A fault that struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Struck {
    /// Id of the fault.
    pub id: u32,
    /// Name of its kind, as in a plan.
    pub name: &'static str,
    /// Number of the bridge that it hit.
    pub bridge: u32,
    /// Simulated time.
    pub at: Duration,
    /// When it is over at the latest, or was the last time that it did something: it may be in the way until then.
    pub over_at: Duration,
    /// It ends a session in which a request waits, and the reply never arrives whole.
    pub loses_reply: bool,
}

/// What further attempts to connect meet.
struct Obstacle {
    bridge: u32,
    /// The node; `None` for all.
    node: Option<u32>,
    until: Duration,
    fate: AttemptFate,
}

impl Obstacle {
    fn is_met_by(&self, attempt: &Attempt) -> bool {
        self.bridge == attempt.client && self.node.is_none_or(|node| node == attempt.node)
    }
}

/// The interposer of a plan.
pub struct FaultEngine {
    waiting: Vec<PlannedFault>,
    lasting: Vec<Obstacle>,
    ongoing: Vec<Ongoing>,
    until: Duration,
    strangers: Vec<PlannedStranger>,
    struck: Rc<RefCell<Vec<Struck>>>,
    notes: VecDeque<String>,
}

impl FaultEngine {
    /// An engine for `faults`, which strike before `until`, and the list of those that struck.
    pub fn new(faults: Vec<PlannedFault>, until: Duration) -> (Self, Rc<RefCell<Vec<Struck>>>) {
        let struck = Rc::default();
        let engine = Self {
            waiting: faults,
            lasting: Vec::new(),
            ongoing: Vec::new(),
            until,
            strangers: Vec::new(),
            struck: Rc::clone(&struck),
            notes: VecDeque::new(),
        };
        (engine, struck)
    }

    /// The engine, with nodes that are strange for the whole run.
    pub fn with_strangers(self, strangers: Vec<PlannedStranger>) -> Self {
        Self { strangers, ..self }
    }

    /// Takes out every waiting fault that fits, in the order of the plan.
    fn take(&mut self, now: Duration, fits: impl Fn(&PlannedFault) -> bool) -> Vec<PlannedFault> {
        if now >= self.until || !self.waiting.iter().any(&fits) {
            return Vec::new();
        }
        let mut multiplied_by = Vec::new();
        let strikes = |fault: &mut PlannedFault| fits(fault) && is_first(fault, &mut multiplied_by);
        self.waiting.extract_if(.., strikes).collect()
    }

    /// Lets the faults that go on do their part.
    fn go_on(&mut self, mut fate: MessageFate, message: &Message<'_>, link: &LinkControl) -> MessageFate {
        if self.ongoing.is_empty() {
            return fate;
        }
        self.ongoing.retain(|ongoing| !ongoing.is_over(message.now));
        let mut ongoing = std::mem::take(&mut self.ongoing);
        let mut multiplied_by = Vec::new();
        for fault in ongoing.iter_mut().filter(|fault| fault.concerns(message)) {
            if multiplied_by.contains(&fault.name()) {
                continue;
            }
            let acted;
            (fate, acted) = fault.act(fate, message, link);
            if acted {
                if fault.kind().multiplies() {
                    multiplied_by.push(fault.name());
                }
                self.obstruct(fault.kind(), message);
                self.prolong(fault, message.now);
            }
        }
        self.ongoing = ongoing;
        fate
    }

    /// When a fault that did something now is over.
    fn over_at(&self, kind: &dyn FaultKind, now: Duration) -> Duration {
        let goes_on = match kind.goes_on() {
            GoesOn::For(time) => time,
            // Such a one does not keep the bridge from its node, or is known by what it did last.
            GoesOn::Not | GoesOn::InSession | GoesOn::Times(_) => Duration::ZERO,
        };
        now.saturating_add(goes_on.max(kind.lasts())).min(self.until)
    }

    /// A fault that goes on did something again.
    fn prolong(&self, fault: &Ongoing, now: Duration) {
        if let GoesOn::Times(_) = fault.kind().goes_on() {
            let over_at = self.over_at(fault.kind(), now);
            if let Some(struck) = self.struck.borrow_mut().iter_mut().find(|struck| struck.id == fault.id()) {
                struck.over_at = struck.over_at.max(over_at);
            }
        }
    }

    /// Whoever strikes a message may be in the way of the next connections to the node, too.
    fn obstruct(&mut self, kind: &dyn FaultKind, message: &Message<'_>) {
        if !kind.lasts().is_zero() {
            let until = message.now.saturating_add(kind.lasts()).min(self.until);
            let (bridge, node) = (message.client, Some(message.node));
            self.lasting.push(Obstacle { bridge, node, until, fate: kind.on_attempt() });
        }
    }

    fn note(&mut self, fault: &PlannedFault, at: Duration) {
        let loses_reply = fault.what.kind().loses_reply();
        self.struck.borrow_mut().push(Struck {
            id: fault.id,
            name: fault.what.name(),
            over_at: self.over_at(fault.what.kind(), at),
            bridge: fault.bridge,
            at,
            loses_reply,
        });
        self.notes.push_back(format!("fault {}: {:?}", fault.id, fault.what));
    }
}

impl Interposer for FaultEngine {
    fn on_attempt(&mut self, attempt: &Attempt) -> AttemptFate {
        let now = attempt.now;
        self.lasting.retain(|obstacle| now < obstacle.until);
        let fits = |fault: &PlannedFault| {
            fault.bridge == attempt.client
                && fault.what.kind().moment() == Moment::Attempt
                && fault.when.fits_attempt(attempt)
        };
        for fault in self.take(now, fits) {
            let until = (now + fault.what.kind().lasts()).min(self.until);
            let (bridge, fate) = (fault.bridge, fault.what.kind().on_attempt());
            self.lasting.push(Obstacle { bridge, node: None, until, fate });
            self.note(&fault, now);
        }
        self.lasting.iter().find(|obstacle| obstacle.is_met_by(attempt)).map_or(AttemptFate::Accept, |met| met.fate)
    }

    fn on_message(&mut self, message: &Message<'_>, link: &LinkControl) -> MessageFate {
        let mut fate = strangers::fate(&self.strangers, message, link);
        if message.now >= self.until {
            link.restore();
            return fate;
        }
        let moment = match message.kind {
            MessageKind::Notification => Moment::Notification,
            MessageKind::Reply { .. } => Moment::Reply,
            MessageKind::Request { .. } => Moment::Request,
        };
        let fits = |fault: &PlannedFault| {
            fault.bridge == message.client
                && fault.what.kind().moment() == moment
                && fault.when.fits_message(message)
                && fault.what.kind().fits(message)
        };
        fate = self.go_on(fate, message, link);
        for fault in self.take(message.now, fits) {
            self.note(&fault, message.now);
            let kind = fault.what.kind();
            fate = and_then(fate, message, |message| kind.on_message(message, link));
            self.obstruct(kind, message);
            self.ongoing.extend(Ongoing::new(fault, message, self.until));
        }
        fate
    }

    fn take_note(&mut self) -> Option<String> {
        self.notes.pop_front()
    }
}

/// Whether no other of the same kind multiplies what the fault strikes; notes that this one does.
fn is_first(fault: &PlannedFault, multiplied_by: &mut Vec<&'static str>) -> bool {
    if !fault.what.kind().multiplies() {
        return true;
    }
    let name = fault.what.name();
    let is_first = !multiplied_by.contains(&name);
    multiplied_by.push(name);
    is_first
}

/// What becomes of a message that had this fate already when another fault strikes too.
pub(super) fn and_then(
    fate: MessageFate,
    message: &Message<'_>,
    fault: impl Fn(&Message<'_>) -> MessageFate,
) -> MessageFate {
    let parcels = match fate {
        MessageFate::Pass => return fault(message),
        MessageFate::Replace(parcels) if !parcels.is_empty() => parcels,
        // Nothing is left of the message; what the fault does to the connection it does.
        fate @ (MessageFate::CloseSession | MessageFate::Replace(_)) => {
            fault(message);
            return fate;
        }
    };
    let mut all = Vec::with_capacity(parcels.len());
    for parcel in parcels {
        match fault(&Message { bytes: &parcel.bytes, ..*message }) {
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
