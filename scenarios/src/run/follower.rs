//! A bridge of the run with its consumer, seen from the run.

use std::{
    cell::{Ref, RefCell},
    rc::Rc,
};

use bridge::L1Bridge;
use sim::{
    dag::BlockId,
    world::{
        World,
        host::{SimClock, SimTransport},
    },
};

use super::{EventTap, examiner::Examiner, failure::FirstFailure, plain::Consumer, process::Supervisor};
use crate::{check::Failure, plan::Plan};

/// A bridge of the run, with its consumer.
pub(super) struct Follower {
    examiner: Rc<RefCell<Examiner>>,
}

impl Follower {
    /// Starts bridge number `number` of the plan and its consumer.
    pub(super) fn start(
        world: &Rc<World>,
        plan: &Rc<Plan>,
        number: usize,
        tap: Box<dyn EventTap>,
        first_failure: &Rc<FirstFailure>,
    ) -> Self {
        let examiner = Rc::new(RefCell::new(Examiner::new(plan, number)));
        if let Some(state) = &plan.bridges[number].consumer.state {
            let supervisor = Supervisor::new(world, plan, number, state, &examiner, tap, first_failure);
            world.executor().spawn(supervisor.run());
            return Self { examiner };
        }
        let client = u32::try_from(number).expect("a plan has few bridges");
        let transport = SimTransport::new(world, client);
        let started = L1Bridge::with(plan.bridge(number), transport, SimClock::new(world.executor()));
        let (bridge, driver) = started.expect("the plan's bridges were checked");
        let consumer = Consumer {
            bridge,
            world: Rc::clone(world),
            examiner: Rc::clone(&examiner),
            tap,
            first_failure: Rc::clone(first_failure),
            hurries_from: plan.storm(),
        };
        world.executor().spawn(driver);
        world.executor().spawn(consumer.run());
        Self { examiner }
    }

    /// Whether nothing more is to be waited for: the consumer has its node's sink, or the stream is over.
    pub(super) fn is_settled(&self, world: &World) -> bool {
        let examiner = self.examiner.borrow();
        let network = world.network();
        let dag = network.store().dag();
        let sink = network.node(examiner.bridge.nodes[0] as usize).sink();
        // A consumer without a block is at the anchor.
        let tip = examiner.replica().tip().map_or(dag.hash(BlockId::GENESIS), |tip| tip.hash);
        let is_up = examiner.is_up || examiner.machine_figures.is_none();
        examiner.stream_over || tip == dag.hash(sink) && is_up
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
        self.examiner.borrow_mut().check_at_rest(world, plan, was_disturbed)
    }

    pub(super) fn examiner(&self) -> Ref<'_, Examiner> {
        self.examiner.borrow()
    }
}
