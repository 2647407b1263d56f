//! One run: a world, the real bridges of the plan in it, a consumer behind each, the checkers.
//!
//! First the storm: blocks are mined, faults strike. Then rest: mining stops, every block arrives everywhere, and each
//! bridge has a bounded time to have what its node has.

use std::{cell::RefCell, rc::Rc, sync::mpsc::Sender, time::Duration};

use bridge::{Config, L1Bridge, L1Event};
use kaspa_hashes::Hash;
use sim::{
    random::Streams,
    trace::{Entry, Record},
    world::{
        World,
        executor::{self, Executor},
        host::{SimClock, SimTransport},
    },
};

use crate::{
    check::{self, Checker, Context, Failure, matches_node},
    consumer::Replica,
    event_text,
    fault::{FaultEngine, Struck},
    plan::{Plan, PlannedBridge},
    report::{Figures, Verdict},
};

/// How long the run goes on after every consumer has arrived.
const SETTLING_TIME: Duration = Duration::from_secs(3);

/// How often the consumer's progress is looked at once the L1 is quiet.
const ARRIVAL_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Stands between bridge and consumer and may drop, change or add events: a broken bridge, for tests of the checkers.
pub trait EventTap: Send {
    /// What the consumer gets for an event of the bridge.
    fn pass(&mut self, event: L1Event) -> Vec<L1Event>;
}

/// The tap of an unbroken bridge.
pub struct Untouched;

impl EventTap for Untouched {
    fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
        vec![event]
    }
}

/// What a run left behind.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub verdict: Verdict,
    /// Hash over everything that happened.
    pub hash: Hash,
    /// Simulated time.
    pub simulated: Duration,
    /// Counts.
    pub figures: Figures,
}

/// Runs `plan` to its end and sends everything that happens to `trace_to`. Must be called on a fresh thread that runs
/// nothing else, or runs would not repeat. `tap` stands between the first bridge and its consumer.
///
/// # Panics
/// If the plan fails [`Plan::check`].
pub fn run(plan: Plan, trace_to: Option<Sender<Entry>>, tap: Box<dyn EventTap>) -> Outcome {
    let streams = Streams::new(plan.seed.0);
    match executor::run(&streams, |executor| simulate(executor, plan, trace_to, tap)) {
        Ok(outcome) => outcome,
        Err(stalled) => Outcome {
            verdict: Verdict::Liveness(stalled.to_string()),
            hash: Hash::default(),
            simulated: stalled.at(),
            figures: Figures::default(),
        },
    }
}

async fn simulate(executor: Executor, plan: Plan, trace_to: Option<Sender<Entry>>, tap: Box<dyn EventTap>) -> Outcome {
    let (engine, struck) = FaultEngine::new(plan.faults.clone(), plan.storm());
    let world = World::start(&executor, plan.world(trace_to), Box::new(engine));
    let world = world.expect("the plan's network was checked");
    let mut taps = vec![tap];
    taps.resize_with(plan.bridges.len(), || Box::new(Untouched));
    let followers: Vec<Follower> =
        taps.into_iter().enumerate().map(|(number, tap)| Follower::start(&world, &plan, number, tap)).collect();
    let verdict = drive(&executor, &world, &followers, &plan).await;
    let figures = figures(&world, &followers[0].state.borrow().replica, &struck.borrow());
    let verdict = match (verdict, plan.scenario()) {
        (Verdict::Pass, Ok(scenario)) => match scenario.missed_gates(&figures) {
            missed if missed.is_empty() => Verdict::Pass,
            missed => Verdict::Vacuous(missed),
        },
        (verdict, _) => verdict,
    };
    Outcome { verdict, hash: world.trace_hash(), simulated: executor.now(), figures }
}

/// A bridge of the run, with its consumer.
struct Follower {
    /// The node that it prefers.
    node: usize,
    liveness_bound: Duration,
    state: Rc<RefCell<State>>,
}

impl Follower {
    fn start(world: &Rc<World>, plan: &Plan, number: usize, tap: Box<dyn EventTap>) -> Self {
        let config = plan.bridge(number);
        let liveness_bound = liveness_bound(&config);
        let client = u32::try_from(number).expect("a plan has few bridges");
        let transport = SimTransport::new(world, client);
        let started = L1Bridge::with(config, transport, SimClock::new(world.executor()));
        let (bridge, driver) = started.expect("the plan's bridges were checked");
        let state = Rc::new(RefCell::new(State {
            client,
            bridge: plan.bridges[number].clone(),
            replica: Replica::default(),
            checkers: check::all(plan.parameters.finality_depth),
            failure: None,
            ended: false,
        }));
        world.executor().spawn(driver);
        world.executor().spawn(consume(bridge, Rc::clone(world), Rc::clone(&state), tap));
        let node = plan.bridges[number].nodes[0] as usize;
        Self { node, liveness_bound, state }
    }

    /// Whether the consumer has the node's sink; an error if it never will.
    fn has_arrived(&self, world: &World) -> Result<bool, Verdict> {
        let state = self.state.borrow();
        if let Some(failure) = &state.failure {
            return Err(Verdict::Safety(failure.clone()));
        }
        let sink = world.network().node(self.node).sink();
        let sink = world.network().store().dag().hash(sink);
        if state.replica.tip().map(|tip| tip.hash) == Some(sink) {
            return Ok(true);
        }
        if state.ended {
            return Err(Verdict::Liveness("the event stream ended, and the run asks for no end".to_owned()));
        }
        Ok(false)
    }
}

/// What the consumer's task and the run's end share.
struct State {
    client: u32,
    bridge: PlannedBridge,
    replica: Replica,
    checkers: Vec<Box<dyn Checker>>,
    failure: Option<Failure>,
    /// The event stream came to its end.
    ended: bool,
}

async fn consume(mut bridge: L1Bridge, world: Rc<World>, state: Rc<RefCell<State>>, mut tap: Box<dyn EventTap>) {
    let client = state.borrow().client;
    while let Some(event) = bridge.next().await {
        world.record(Record::BridgeEvent { client, text: event_text::line(&event) });
        let sequence = event.sequence();
        for event in tap.pass(event) {
            state.borrow_mut().take_in(&event, &world);
        }
        if let Some(sequence) = sequence {
            bridge.ack(sequence).expect("the event was just delivered");
        }
    }
    state.borrow_mut().ended = true;
}

impl State {
    /// Checks an event, then applies it. After a failure nothing more is taken in: what follows would only confuse.
    fn take_in(&mut self, event: &L1Event, world: &World) {
        if self.failure.is_none() {
            let outcome = self.ask(world, |checker, context| checker.on_event(event, context));
            self.failure = outcome.err();
        }
        if self.failure.is_none() {
            self.replica.apply(event);
        }
    }

    /// What must hold when nothing more comes.
    fn at_rest(&mut self, world: &World, node: usize) -> Result<(), Failure> {
        self.ask(world, |checker, context| checker.at_rest(context))?;
        matches_node::check(&self.replica, &world.network(), node)
    }

    fn ask(
        &mut self,
        world: &World,
        mut question: impl FnMut(&mut dyn Checker, Context<'_>) -> Result<(), String>,
    ) -> Result<(), Failure> {
        let (network, sinks) = (world.network(), world.sinks());
        let context = Context {
            replica: &self.replica,
            network: &network,
            sinks: &sinks,
            bridge: &self.bridge,
            chain_requests: world.counters(self.client).chain_requests,
            now: world.executor().now(),
        };
        for checker in &mut self.checkers {
            question(checker.as_mut(), context).map_err(|message| Failure { checker: checker.name(), message })?;
        }
        Ok(())
    }
}

/// Waits for the storm, for rest, and for the bridges; tells how it went.
async fn drive(executor: &Executor, world: &World, followers: &[Follower], plan: &Plan) -> Verdict {
    executor.sleep_until(plan.storm()).await;
    loop {
        let next_event_at = world.network().next_event_at();
        match next_event_at {
            Some(at) => executor.sleep_until(at + Duration::from_nanos(1)).await,
            None => break,
        }
    }
    let rest = executor.now();
    for follower in followers {
        loop {
            match follower.has_arrived(world) {
                Err(verdict) => return verdict,
                Ok(true) => break,
                Ok(false) if executor.now() >= rest + follower.liveness_bound => {
                    let (tip, bound) = (follower.state.borrow().replica.tip(), follower.liveness_bound);
                    return Verdict::Liveness(format!("still at {tip:?}, {bound:?} after the L1 came to rest"));
                }
                Ok(false) => executor.sleep(ARRIVAL_CHECK_INTERVAL).await,
            }
        }
    }
    // Whatever else comes must leave the consumers where they are.
    executor.sleep(SETTLING_TIME).await;
    for follower in followers {
        let outcome = match follower.has_arrived(world) {
            Err(verdict) => return verdict,
            Ok(_) => follower.state.borrow_mut().at_rest(world, follower.node),
        };
        if let Err(failure) = outcome {
            return Verdict::Safety(failure);
        }
    }
    Verdict::Pass
}

fn figures(world: &World, replica: &Replica, struck: &[Struck]) -> Figures {
    let lost_replies = struck.iter().filter(|fault| fault.loses_reply).count() as u64;
    Figures {
        // Genesis was not mined in this run.
        blocks: world.network().store().block_count() as u64 - 1,
        chain_blocks: replica.blocks().len() as u64,
        blocks_added: replica.added,
        events: replica.events,
        reorgs: replica.reorgs,
        max_reorg_depth: replica.max_reorg_depth,
        disconnects: replica.disconnects,
        // A session that dies before the node told who it is ends without a disconnect.
        disconnects_in_flight: lost_replies.min(replica.disconnects),
        faults: struck.len() as u64,
        finalized: replica.finalized.map_or(0, |block| block.index),
        chain_requests: world.counters(0).chain_requests,
    }
}

/// How long the bridge may take once everything is at rest: two full rounds of whatever it may be waiting for.
fn liveness_bound(config: &Config) -> Duration {
    (config.request_timeout + config.connect_timeout + config.backoff_max) * 2 + config.poll_interval * 2
}
