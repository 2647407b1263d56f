//! A bridge of the run with its consumer, seen from the run.

use std::{
    cell::{Ref, RefCell},
    rc::Rc,
};

use bridge::L1Bridge;
use sim::world::World;

use super::{
    EventTap, Untouched,
    examiner::Examiner,
    failure::FirstFailure,
    plain::Consumer,
    process::Supervisor,
    seat::{Seat, Seated, Seen, Subject},
};
use crate::{
    check::{Failure, Quiet},
    coverage::Point,
    harness::Bridge,
    oracle::outcome::{Followed, destination},
    plan::Plan,
};

/// A bridge of the run, with its consumer.
pub(super) struct Follower {
    examiner: Rc<RefCell<Examiner>>,
    seated: Box<dyn Seated>,
}

/// The project's own bridges, each with the consumer that the plan has behind it.
pub(super) struct Own {
    /// Stands between the first bridge and its consumer.
    tap: Option<Box<dyn EventTap>>,
}

impl Own {
    pub(super) fn new(tap: Box<dyn EventTap>) -> Self {
        Self { tap: Some(tap) }
    }
}

impl Subject for Own {
    fn take(&mut self, seat: Seat) -> Box<dyn Seated> {
        let tap = self.tap.take().unwrap_or_else(|| Box::new(Untouched));
        if let Some(state) = &seat.planned().consumer.state {
            let Seat { world, plan, number, examiner, first_failure } = &seat;
            let supervisor = Supervisor::new(world, plan, *number, state, examiner, tap, first_failure);
            seat.executor().spawn(supervisor.run());
        } else {
            let (bridge, driver) = <L1Bridge as Bridge>::start(seat.config(), seat.transport(), seat.clock());
            seat.executor().spawn(driver);
            let executor = seat.executor().clone();
            executor.spawn(Consumer { bridge, seat, tap }.run());
        }
        Box::new(Seen)
    }
}

impl Follower {
    /// Lets `subject` take the seat of bridge number `number` of the plan.
    pub(super) fn start(
        world: &Rc<World>,
        plan: &Rc<Plan>,
        number: usize,
        subject: &mut dyn Subject,
        first_failure: &Rc<FirstFailure>,
    ) -> Self {
        let examiner = Rc::new(RefCell::new(Examiner::new(plan, number)));
        let seat = Seat {
            world: Rc::clone(world),
            plan: Rc::clone(plan),
            number,
            examiner: Rc::clone(&examiner),
            first_failure: Rc::clone(first_failure),
        };
        Self { examiner, seated: subject.take(seat) }
    }

    /// Looks at the bridge, of which nothing need be told.
    pub(super) fn look(&self, quiet: Quiet, world: &World, first_failure: &FirstFailure) {
        self.examiner.borrow_mut().on_look(quiet, world, first_failure);
    }

    /// A coverage point was reached that no event tells.
    pub(super) fn hit(&self, point: Point) {
        self.examiner.borrow_mut().hit(point);
    }

    /// Whether nothing more is to be waited for: the consumer has what one of its nodes serves, or the stream is over.
    pub(super) fn is_settled(&self, world: &World) -> bool {
        let examiner = self.examiner.borrow();
        let network = world.network();
        let store = network.store();
        let confirmations = examiner.bridge.confirmations;
        let Followed { tip, .. } = Followed::of(examiner.replica(), store);
        let mut sinks = examiner.bridge.nodes.iter().map(|node| network.node(*node as usize).sink());
        let is_up = examiner.is_up || examiner.machine_figures.is_none();
        examiner.stream_over || is_up && sinks.any(|sink| destination(store, tip, sink, confirmations) == tip)
    }

    /// Tells the process of a state machine to leave it for [`check_at_rest`](Self::check_at_rest), in the present instant.
    /// False if there is none.
    pub(super) fn ask_for_process(&self) -> bool {
        let mut examiner = self.examiner.borrow_mut();
        examiner.wants_process = true;
        if let Some(waker) = examiner.process_waker.take() {
            waker.wake();
        }
        examiner.machine_figures.is_some()
    }

    /// What must hold when nothing more comes.
    pub(super) fn check_at_rest(&self, world: &World, plan: &Plan, was_disturbed: bool) -> Result<(), Failure> {
        self.examiner.borrow_mut().check_at_rest(world, plan, was_disturbed)?;
        self.seated.check_at_rest()
    }

    pub(super) fn examiner(&self) -> Ref<'_, Examiner> {
        self.examiner.borrow()
    }
}
