//! Where a bridge and its consumer sit in a run: what they get from it, and what they must show to its checkers.
//!
//! The plan says how many seats there are. Who sits there is a [`Subject`]'s choice: the project's own bridge with one of its
//! own consumers, or software of somebody else. For the checkers there is no difference.

use std::{cell::RefCell, rc::Rc};

use bridge::{Config, L1Event};
use sim::{
    trace::Record,
    world::{
        World,
        executor::Executor,
        host::{SimClock, SimTransport},
    },
};

use super::{
    examiner::{Examiner, Sight},
    failure::FirstFailure,
};
use crate::{
    check::{Breach, Failure, Restart},
    event_text,
    plan::{Plan, PlannedBridge},
};

/// Who sits on the seats of a run.
pub(crate) trait Subject: Send {
    /// Takes a seat and starts, in tasks on the seat's executor. Called once for each bridge of the plan, in order.
    fn take(&mut self, seat: Seat) -> Box<dyn Seated>;
}

/// Who took a seat.
pub(crate) trait Seated {
    /// Looks at what the checkers of the bridge cannot see, when nothing more comes and they found nothing.
    ///
    /// # Errors
    /// The property that does not hold.
    fn check_at_rest(&self) -> Result<(), Failure> {
        Ok(())
    }
}

/// One of whom the checkers see everything.
pub(crate) struct Seen;

impl Seated for Seen {}

/// The place of one bridge of the plan.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(super) world: Rc<World>,
    pub(super) plan: Rc<Plan>,
    pub(super) number: usize,
    pub(super) examiner: Rc<RefCell<Examiner>>,
    pub(super) first_failure: Rc<FirstFailure>,
}

impl Seat {
    /// Number of the bridge.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// The plan of the run.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What the plan says about the bridge and its consumer.
    pub(crate) fn planned(&self) -> &PlannedBridge {
        &self.plan.bridges[self.number]
    }

    /// Settings of the bridge.
    pub(crate) fn config(&self) -> Config {
        self.plan.bridge(self.number)
    }

    /// Where tasks run.
    pub(crate) fn executor(&self) -> &Executor {
        self.world.executor()
    }

    /// How the bridge reaches its nodes.
    pub(crate) fn transport(&self) -> SimTransport {
        SimTransport::new(&self.world, self.client())
    }

    /// How the bridge tells the time.
    pub(crate) fn clock(&self) -> SimClock {
        SimClock::new(self.executor())
    }

    /// The bridge told this event; it enters the trace.
    pub(crate) fn told(&self, event: &L1Event) {
        self.world.record(Record::BridgeEvent { client: self.client(), text: event_text::line(event) });
    }

    /// What a consumer's process does enters the trace.
    pub(crate) fn note(&self, text: String) {
        self.world.record(Record::Process { client: self.client(), text });
    }

    /// The consumer has taken the event in, for good. `waiting` numbered events are in the bridge's queue.
    pub(crate) fn taken_in(&self, event: &L1Event, waiting: u64) {
        self.examiner.borrow_mut().on_event(event, self.sight(waiting), &self.first_failure);
    }

    /// The consumer acknowledges everything up to `sequence`.
    pub(crate) fn acknowledged(&self, sequence: u64, waiting: u64) {
        self.examiner.borrow_mut().on_acknowledged(sequence, self.sight(waiting), &self.first_failure);
    }

    /// The consumer's process died and is back.
    pub(crate) fn restarted(&self, restart: Restart) {
        self.examiner.borrow_mut().on_restart(restart, self.sight(0), &self.first_failure);
    }

    /// No more events will come.
    pub(crate) fn stream_is_over(&self) {
        self.examiner.borrow_mut().stream_over = true;
    }

    /// The failure of a property that only the subject can look at.
    pub(crate) fn failure(&self, (property, meaning): (&'static str, &'static str), message: String) -> Failure {
        let (breach, at) = (Breach::Safety, self.executor().now());
        Failure { property, meaning, breach, bridge: Some(self.number), at, message }
    }

    /// Ends the run with a failure.
    pub(crate) fn report(&self, failure: Failure) {
        self.world.record(Record::PropertyBroken { client: self.client(), text: failure.to_string() });
        self.first_failure.report(failure);
    }

    fn client(&self) -> u32 {
        u32::try_from(self.number).unwrap_or(u32::MAX)
    }

    fn sight(&self, waiting: u64) -> Sight<'_> {
        Sight { world: &self.world, machine: None, waiting }
    }
}
