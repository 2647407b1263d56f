//! What stands between a consumer and the checkers of its bridge: each event is looked at, then applied to the replica.
//!
//! A consumer with a state machine hands events over when they are stored, and a whole batch at once. What it took and did
//! not store is never looked at; its next process begins anew behind what is stored.

use std::task::Waker;

use bridge::L1Event;
use sim::{block_store::BlockStore, network::Network, random::Streams, trace::Record, world::World};
use state::{Machine, View};

use super::failure::FirstFailure;
use crate::{
    check::{Breach, Checker, Context, Failure, Quiet, Restart, Stored, all, machine, twins::EndState},
    consumer::Replica,
    coverage::{Coverage, Point, Watch},
    economy,
    oracle::{
        Walk,
        economy::Books,
        outcome::{Followed, Rest, confirmed},
    },
    plan::{Plan, PlannedBridge},
    report::MachineFigures,
};

/// What the consumer's task and the run's end share.
pub(super) struct Examiner {
    pub(super) number: usize,
    pub(super) bridge: PlannedBridge,
    replica: Replica,
    oracle: Walk,
    checkers: Vec<Box<dyn Checker>>,
    watch: Watch,
    coverage: Coverage,
    rest: Option<Rest>,
    has_failed: bool,
    /// The event stream came to its end.
    pub(super) stream_over: bool,
    /// What the state machine and its process did, if there is one.
    pub(super) machine_figures: Option<MachineFigures>,
    /// The process of a state machine runs.
    pub(super) is_up: bool,
    /// The run is over: the process is to leave its state machine here.
    pub(super) wants_process: bool,
    /// Wakes a process that waits for events.
    pub(super) process_waker: Option<Waker>,
    /// The process that was left here.
    pub(super) process: Option<state::Consumer>,
}

/// What can be looked at besides the events.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) world: &'a World,
    /// The state machine, if there is one and its process runs.
    pub(super) machine: Option<&'a Machine>,
    /// Numbered events that wait in the bridge's queue.
    pub(super) waiting: u64,
}

impl Examiner {
    pub(super) fn new(plan: &Plan, number: usize) -> Self {
        let bridge = plan.bridges[number].clone();
        Self {
            number,
            machine_figures: bridge.consumer.state.as_ref().map(|_| MachineFigures::default()),
            bridge,
            replica: Replica::default(),
            oracle: Walk::new(),
            checkers: all(plan, number),
            watch: Watch::default(),
            coverage: Coverage::default(),
            rest: None,
            has_failed: false,
            stream_over: false,
            is_up: false,
            wants_process: false,
            process_waker: None,
            process: None,
        }
    }

    pub(super) fn replica(&self) -> &Replica {
        &self.replica
    }

    pub(super) fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    pub(super) fn rest(&self) -> Option<&Rest> {
        self.rest.as_ref()
    }

    pub(super) fn hit(&mut self, point: Point) {
        self.coverage.hit(point);
    }

    /// Checks an event, then applies it. After a failure nothing more is taken in: what follows would only confuse.
    pub(super) fn on_event(&mut self, event: &L1Event, sight: Sight<'_>, first_failure: &FirstFailure) {
        if self.has_failed {
            return;
        }
        let outcome = self.take_in(event, sight);
        self.settle(outcome, sight.world, first_failure);
    }

    /// Everything up to `sequence` was acknowledged.
    pub(super) fn on_acknowledged(&mut self, sequence: u64, sight: Sight<'_>, first_failure: &FirstFailure) {
        if self.has_failed {
            return;
        }
        let outcome = self.ask(sight, |checker, context| checker.on_acknowledged(sequence, context));
        self.settle(outcome, sight.world, first_failure);
    }

    /// The events handed over last are stored.
    pub(super) fn on_stored(&mut self, stored: &Stored<'_>, sight: Sight<'_>, first_failure: &FirstFailure) {
        if self.has_failed {
            return;
        }
        let outcome = self.ask(sight, |checker, context| checker.on_stored(stored, context));
        self.settle(outcome, sight.world, first_failure);
    }

    /// The process is back.
    pub(super) fn on_restart(&mut self, restart: Restart, sight: Sight<'_>, first_failure: &FirstFailure) {
        if self.has_failed {
            return;
        }
        let outcome = self.ask(sight, |checker, context| checker.on_restart(restart, context));
        self.settle(outcome, sight.world, first_failure);
        self.watch.on_restart();
    }

    /// Time has passed.
    pub(super) fn on_look(&mut self, quiet: Quiet, world: &World, first_failure: &FirstFailure) {
        if self.has_failed {
            return;
        }
        // While no process runs, nothing can be told.
        let is_down = self.machine_figures.is_some() && !self.is_up;
        let quiet = if is_down { Quiet { since: world.executor().now(), ..quiet } } else { quiet };
        let sight = Sight { world, machine: None, waiting: 0 };
        let outcome = self.ask(sight, |checker, context| checker.on_look(quiet, context));
        self.settle(outcome, world, first_failure);
    }

    /// Where the consumer stands; where it was to arrive, and its state root, are known only when the run is over.
    pub(super) fn end_state(&self, number: usize, network: &Network) -> EndState {
        let (store, confirmations) = (network.store(), self.bridge.confirmations);
        // What is at another node, or higher than confirmations let through, depends on the way.
        let preferred = network.node(self.bridge.nodes[0] as usize).sink();
        let usual = confirmed(store, preferred, confirmations);
        let sink = self.rest.as_ref().filter(|rest| rest.sink == usual).map(|rest| store.dag().hash(rest.sink));
        let machine = self.machine_figures.filter(|_| self.rest.is_some());
        EndState::new(number, &self.replica, confirmations, sink, machine.map(|figures| figures.state_root))
    }

    /// Something happened that no disk and no node can be blamed for.
    pub(super) fn on_wrong_store(&mut self, message: String, world: &World, first_failure: &FirstFailure) {
        if self.has_failed {
            return;
        }
        let failure = Failure {
            property: machine::NAME,
            meaning: machine::MEANING,
            breach: Breach::Safety,
            bridge: Some(self.number),
            at: world.executor().now(),
            message,
        };
        self.settle(Err(failure), world, first_failure);
    }

    /// What must hold when nothing more comes.
    pub(super) fn check_at_rest(&mut self, world: &World, plan: &Plan, was_disturbed: bool) -> Result<(), Failure> {
        let rest = {
            let (network, sinks) = (world.network(), world.sinks());
            let has = Followed::of(&self.replica, network.store());
            let rest = Rest::new(plan, self.number, &network, &sinks, was_disturbed);
            let rest = rest.with_followed(plan, self.number, &network, &sinks, has);
            // A bridge that ended keeps the chain that it had.
            if !self.replica.ended {
                self.oracle.go_to(network.store(), rest.sink);
            }
            rest
        };
        self.rest = Some(rest.clone());
        let process = self.process.take();
        let sight = Sight { world, machine: process.as_ref().map(state::Consumer::machine), waiting: 0 };
        let outcome = self.ask(sight, |checker, context| checker.at_rest(context));
        if outcome.is_ok() {
            self.look(sight, |watch, context, coverage| watch.at_rest(&rest, context, coverage));
            if let Some(machine) = sight.machine {
                self.count(machine, plan, world.network().store());
            }
        }
        self.process = process;
        outcome
    }

    fn take_in(&mut self, event: &L1Event, sight: Sight<'_>) -> Result<(), Failure> {
        let new_tip = match event {
            L1Event::BlockAdded(added) => Some(added.block.hash),
            L1Event::Reorg(reorg) => Some(reorg.fork.hash),
            _ => None,
        };
        if let Some(new_tip) = new_tip {
            let network = sight.world.network();
            // A block that no DAG has is for the checkers to find.
            if let Some(block) = network.store().dag().id(&new_tip) {
                self.oracle.go_to(network.store(), block);
            }
        }
        self.ask(sight, |checker, context| checker.on_event(event, context))?;
        self.look(sight, |watch, context, coverage| watch.on_event(event, context, coverage));
        self.replica.apply(event);
        Ok(())
    }

    /// Counts what a state machine has at the end of a run in which nothing was found.
    fn count(&mut self, machine: &Machine, plan: &Plan, store: &BlockStore) {
        let path = self.oracle.path();
        let (Some(figures), [genesis, .., tip]) = (&mut self.machine_figures, path) else { return };
        let is_at_tip = |books: &&Books| books.pages().last().is_some_and(|page| page.block == tip.id);
        let made;
        let books = match self.checkers.iter().find_map(|checker| checker.books()).filter(is_at_tip) {
            Some(books) => books,
            None => {
                let anchor = self.replica.anchor.and_then(|anchor| store.dag().id(&anchor)).unwrap_or(genesis.id);
                let opening = plan.economy.as_ref().map(|config| economy::opening(config, Streams::new(plan.seed.0)));
                let mut books = Books::new(&opening.unwrap_or_default(), store, anchor);
                if books.go_to(store, tip.id).is_err() {
                    return;
                }
                made = books;
                &made
            }
        };
        figures.count(machine, books, store);
        let mut entries = books.pages().iter().flat_map(|page| &page.entries);
        let is_dropped = |view: View| {
            entries.any(|entry| matches!(view.receipt(&store.transaction_id(entry.transaction)), Ok(None)))
        };
        if machine.view().is_ok_and(is_dropped) {
            self.coverage.hit(Point::DropsReceipts);
        }
    }

    fn settle(&mut self, outcome: Result<(), Failure>, world: &World, first_failure: &FirstFailure) {
        if let Err(failure) = outcome {
            self.has_failed = true;
            let client = u32::try_from(self.number).unwrap_or(u32::MAX);
            world.record(Record::PropertyBroken { client, text: failure.to_string() });
            first_failure.report(failure);
        }
    }

    fn ask(
        &mut self,
        sight: Sight<'_>,
        mut question: impl FnMut(&mut dyn Checker, Context<'_>) -> Result<(), String>,
    ) -> Result<(), Failure> {
        let mut checkers = std::mem::take(&mut self.checkers);
        let mut outcome = Ok(());
        self.with_context(sight, |context| {
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

    fn look(&mut self, sight: Sight<'_>, look: impl FnOnce(&mut Watch, Context<'_>, &mut Coverage)) {
        let (mut watch, mut coverage) = (std::mem::take(&mut self.watch), std::mem::take(&mut self.coverage));
        self.with_context(sight, |context| look(&mut watch, context, &mut coverage));
        (self.watch, self.coverage) = (watch, coverage);
    }

    fn with_context(&self, sight: Sight<'_>, act: impl FnOnce(Context<'_>)) {
        let Sight { world, machine, waiting } = sight;
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
            machine,
            waiting,
            stream_over: self.stream_over,
            now: world.executor().now(),
        });
    }
}
