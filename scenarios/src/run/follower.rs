//! A bridge of the run, its consumer, and the checkers that stand between them.

use std::{
    cell::{Ref, RefCell},
    rc::Rc,
    time::Duration,
};

use bridge::{L1Bridge, L1Event};
use sim::{
    dag::BlockId,
    trace::Record,
    world::{
        World,
        host::{SimClock, SimTransport},
    },
};

use super::{EventTap, failure::FirstFailure};
use crate::{
    check::{self, Checker, Context, Failure},
    consumer::Replica,
    coverage::{Coverage, Watch},
    event_text,
    oracle::{Walk, outcome::Rest},
    plan::{Plan, PlannedBridge},
};

/// A bridge of the run, with its consumer.
pub(super) struct Follower {
    state: Rc<RefCell<State>>,
}

impl Follower {
    /// Starts bridge number `number` of the plan and its consumer.
    pub(super) fn start(
        world: &Rc<World>,
        plan: &Plan,
        number: usize,
        tap: Box<dyn EventTap>,
        first_failure: &Rc<FirstFailure>,
    ) -> Self {
        let client = u32::try_from(number).expect("a plan has few bridges");
        let transport = SimTransport::new(world, client);
        let started = L1Bridge::with(plan.bridge(number), transport, SimClock::new(world.executor()));
        let (bridge, driver) = started.expect("the plan's bridges were checked");
        let state = Rc::new(RefCell::new(State {
            number,
            bridge: plan.bridges[number].clone(),
            replica: Replica::default(),
            oracle: Walk::new(),
            checkers: check::all(plan, number),
            watch: Watch::default(),
            coverage: Coverage::default(),
            rest: None,
            has_failed: false,
            stream_over: false,
        }));
        let consumer = Consumer {
            bridge,
            world: Rc::clone(world),
            state: Rc::clone(&state),
            tap,
            first_failure: Rc::clone(first_failure),
            hurries_from: plan.storm(),
        };
        world.executor().spawn(driver);
        world.executor().spawn(consumer.run());
        Self { state }
    }

    /// Whether nothing more is to be waited for: the consumer has its node's sink, or the stream is over.
    pub(super) fn is_settled(&self, world: &World) -> bool {
        let state = self.state.borrow();
        let network = world.network();
        let dag = network.store().dag();
        let sink = network.node(state.bridge.nodes[0] as usize).sink();
        // A consumer without a block is at the anchor.
        let tip = state.replica.tip().map_or(dag.hash(BlockId::GENESIS), |tip| tip.hash);
        state.stream_over || tip == dag.hash(sink)
    }

    /// What must hold when nothing more comes.
    pub(super) fn check_at_rest(&self, world: &World, plan: &Plan, was_disturbed: bool) -> Result<(), Failure> {
        self.state.borrow_mut().check_at_rest(world, plan, was_disturbed)
    }

    pub(super) fn state(&self) -> Ref<'_, State> {
        self.state.borrow()
    }
}

/// What the consumer's task and the run's end share.
pub(super) struct State {
    number: usize,
    bridge: PlannedBridge,
    replica: Replica,
    oracle: Walk,
    checkers: Vec<Box<dyn Checker>>,
    watch: Watch,
    coverage: Coverage,
    rest: Option<Rest>,
    has_failed: bool,
    /// The event stream came to its end.
    stream_over: bool,
}

impl State {
    pub(super) fn replica(&self) -> &Replica {
        &self.replica
    }

    pub(super) fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    pub(super) fn rest(&self) -> Option<&Rest> {
        self.rest.as_ref()
    }

    /// Checks an event, then applies it.
    fn take_in(&mut self, event: &L1Event, world: &World, waiting: u64) -> Result<(), Failure> {
        let new_tip = match event {
            L1Event::BlockAdded(added) => Some(added.block.hash),
            L1Event::Reorg(reorg) => Some(reorg.fork.hash),
            _ => None,
        };
        if let Some(new_tip) = new_tip {
            let network = world.network();
            // A block that no DAG has is for the checkers to find.
            if let Some(block) = network.store().dag().id(&new_tip) {
                self.oracle.go_to(network.store(), block);
            }
        }
        self.ask(world, waiting, |checker, context| checker.on_event(event, context))?;
        self.look(world, waiting, |watch, context, coverage| watch.on_event(event, context, coverage));
        self.replica.apply(event);
        Ok(())
    }

    fn check_at_rest(&mut self, world: &World, plan: &Plan, was_disturbed: bool) -> Result<(), Failure> {
        let rest = {
            let (network, sinks) = (world.network(), world.sinks());
            let rest = Rest::new(plan, self.number, &network, &sinks, was_disturbed);
            // A bridge that ended keeps the chain that it had.
            if !self.replica.ended {
                self.oracle.go_to(network.store(), rest.sink);
            }
            rest
        };
        self.rest = Some(rest.clone());
        self.ask(world, 0, |checker, context| checker.at_rest(context))?;
        self.look(world, 0, |watch, context, coverage| watch.at_rest(&rest, context, coverage));
        Ok(())
    }

    fn ask(
        &mut self,
        world: &World,
        waiting: u64,
        mut question: impl FnMut(&mut dyn Checker, Context<'_>) -> Result<(), String>,
    ) -> Result<(), Failure> {
        let mut checkers = std::mem::take(&mut self.checkers);
        let mut outcome = Ok(());
        self.with_context(world, waiting, |context| {
            outcome = checkers.iter_mut().try_for_each(|checker| {
                question(checker.as_mut(), context).map_err(|message| Failure {
                    property: checker.name(),
                    meaning: checker.meaning(),
                    breach: checker.breach(),
                    bridge: Some(self.number),
                    at: context.now,
                    message,
                })
            });
        });
        self.checkers = checkers;
        outcome
    }

    fn look(&mut self, world: &World, waiting: u64, look: impl FnOnce(&mut Watch, Context<'_>, &mut Coverage)) {
        let (mut watch, mut coverage) = (std::mem::take(&mut self.watch), std::mem::take(&mut self.coverage));
        self.with_context(world, waiting, |context| look(&mut watch, context, &mut coverage));
        (self.watch, self.coverage) = (watch, coverage);
    }

    fn with_context(&self, world: &World, waiting: u64, act: impl FnOnce(Context<'_>)) {
        let client = u32::try_from(self.number).unwrap_or(u32::MAX);
        let (network, sinks, answers) = (world.network(), world.sinks(), world.chain_answers(client));
        act(Context {
            replica: &self.replica,
            oracle: &self.oracle,
            rest: self.rest.as_ref(),
            network: &network,
            sinks: &sinks,
            answers: &answers,
            bridge: &self.bridge,
            counters: world.counters(client),
            waiting,
            stream_over: self.stream_over,
            now: world.executor().now(),
        });
    }
}

/// Takes events, stores them in its own time, acknowledges.
struct Consumer {
    bridge: L1Bridge,
    world: Rc<World>,
    state: Rc<RefCell<State>>,
    tap: Box<dyn EventTap>,
    first_failure: Rc<FirstFailure>,
    /// The end of the storm: from then on storing takes no time.
    hurries_from: Duration,
}

/// Stored and not acknowledged yet.
#[derive(Default)]
struct Batch {
    events: u64,
    /// Highest number as the bridge gave it.
    emitted: u64,
    /// Highest number as it came through the tap.
    taken: Option<u64>,
}

impl Consumer {
    async fn run(mut self) {
        let consumer = self.state.borrow().bridge.consumer;
        let mut batch = Batch::default();
        loop {
            let event = match self.bridge.try_next() {
                Some(event) => event,
                None => {
                    self.acknowledge(std::mem::take(&mut batch));
                    match self.bridge.next().await {
                        Some(event) => event,
                        None => break,
                    }
                }
            };
            let client = u32::try_from(self.state.borrow().number).unwrap_or(u32::MAX);
            self.world.record(Record::BridgeEvent { client, text: event_text::line(&event) });
            let emitted = event.sequence();
            for event in self.tap.pass(event) {
                batch.taken = event.sequence().or(batch.taken);
                self.take_in(&event);
            }
            if let Some(emitted) = emitted {
                (batch.events, batch.emitted) = (batch.events + 1, emitted);
                let executor = self.world.executor();
                if !consumer.is_prompt() && executor.now() < self.hurries_from {
                    let stored_at = executor.now().saturating_add(Duration::from_millis(consumer.store_ms));
                    executor.sleep_until(stored_at.min(self.hurries_from)).await;
                }
                if batch.events >= consumer.acknowledge_every {
                    self.acknowledge(std::mem::take(&mut batch));
                }
            }
        }
        self.state.borrow_mut().stream_over = true;
    }

    /// After a failure nothing more is taken in: what follows would only confuse.
    fn take_in(&self, event: &L1Event) {
        let waiting = self.bridge.waiting();
        let mut state = self.state.borrow_mut();
        if !state.has_failed {
            let outcome = state.take_in(event, &self.world, waiting);
            self.settle(&mut state, outcome);
        }
    }

    fn acknowledge(&self, batch: Batch) {
        if batch.events == 0 {
            return;
        }
        let waiting = self.bridge.waiting();
        let mut state = self.state.borrow_mut();
        if let Some(taken) = batch.taken.filter(|_| !state.has_failed) {
            let outcome = state.ask(&self.world, waiting, |checker, context| checker.on_acknowledged(taken, context));
            self.settle(&mut state, outcome);
        }
        self.bridge.ack(batch.emitted).expect("the event was just delivered");
    }

    fn settle(&self, state: &mut State, outcome: Result<(), Failure>) {
        if let Err(failure) = outcome {
            state.has_failed = true;
            let client = u32::try_from(state.number).unwrap_or(u32::MAX);
            self.world.record(Record::PropertyBroken { client, text: failure.to_string() });
            self.first_failure.report(failure);
        }
    }
}
