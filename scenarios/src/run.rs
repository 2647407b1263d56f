//! One run: a world, the real bridge in it, a consumer, the checkers.
//!
//! First the storm: blocks are mined, faults strike. Then rest: mining stops, every block arrives everywhere, and the
//! bridge has a bounded time to have what its node has.

use std::{cell::RefCell, rc::Rc, time::Duration};

use bridge::{Config, L1Bridge, L1Event, StartAt, wire::Network};
use kaspa_hashes::Hash;
use sim::{
    random::Streams,
    trace::{Entry, Record},
    world::{
        World,
        executor::{self, Executor},
        host::{SimClock, SimTransport, node_url},
    },
};

use crate::{
    check::{self, Checker, Failure, matches_node},
    consumer::Replica,
    event_text,
    report::{Figures, Verdict},
    scenario::RunSpec,
};

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
    /// All that happened, if the spec says to keep it.
    pub trace: Vec<Entry>,
}

/// Runs `spec` to its end. Must be called on a fresh thread that runs nothing else, or runs would not repeat.
pub fn run(spec: RunSpec, tap: Box<dyn EventTap>) -> Outcome {
    let streams = Streams::new(spec.seed);
    match executor::run(&streams, |executor| simulate(executor, spec, tap)) {
        Ok(outcome) => outcome,
        Err(deadlock) => Outcome {
            verdict: Verdict::Liveness(deadlock.to_string()),
            hash: Hash::default(),
            simulated: deadlock.at,
            figures: Figures::default(),
            trace: Vec::new(),
        },
    }
}

async fn simulate(executor: Executor, spec: RunSpec, tap: Box<dyn EventTap>) -> Outcome {
    let world = match World::start(&executor, spec.world.clone()) {
        Ok(world) => world,
        Err(error) => panic!("the scenario made an impossible network: {error}"),
    };
    let config = bridge_config(&spec);
    let liveness_bound = liveness_bound(&config);
    let (bridge, client) = match L1Bridge::with(config, SimTransport::new(&world), SimClock::new(&executor)) {
        Ok(started) => started,
        Err(error) => panic!("the scenario made an impossible bridge: {error}"),
    };
    executor.spawn(client);
    let state = Rc::new(RefCell::new(State {
        replica: Replica::default(),
        checkers: check::all(spec.finality_depth),
        failure: None,
        ended: false,
    }));
    executor.spawn(consume(bridge, Rc::clone(&world), Rc::clone(&state), tap));
    let verdict = drive(&executor, &world, &state, &spec, liveness_bound).await;
    conclude(&executor, &world, &state, &spec, verdict)
}

/// What the consumer's task and the run's end share.
struct State {
    replica: Replica,
    checkers: Vec<Box<dyn Checker>>,
    failure: Option<Failure>,
    /// The event stream came to its end.
    ended: bool,
}

async fn consume(mut bridge: L1Bridge, world: Rc<World>, state: Rc<RefCell<State>>, mut tap: Box<dyn EventTap>) {
    while let Some(event) = bridge.next().await {
        world.record(Record::BridgeEvent { text: event_text::line(&event) });
        let sequence = event.sequence();
        for event in tap.pass(event) {
            state.borrow_mut().take_in(&event);
        }
        if let Some(sequence) = sequence {
            bridge.ack(sequence).expect("the event was just delivered");
        }
    }
    state.borrow_mut().ended = true;
}

impl State {
    /// Checks an event, then applies it. After a failure nothing more is taken in: what follows would only confuse.
    fn take_in(&mut self, event: &L1Event) {
        if self.failure.is_some() {
            return;
        }
        for checker in &mut self.checkers {
            if let Err(message) = checker.on_event(event, &self.replica) {
                self.failure = Some(Failure { checker: checker.name(), message });
                return;
            }
        }
        self.replica.apply(event);
    }
}

/// Waits for the storm, for rest, and for the bridge; tells how it went.
async fn drive(
    executor: &Executor,
    world: &World,
    state: &RefCell<State>,
    spec: &RunSpec,
    liveness_bound: Duration,
) -> Verdict {
    let failed = || state.borrow().failure.clone().map(Verdict::Safety);
    executor.sleep_until(spec.storm).await;
    loop {
        let next_event_at = world.network().next_event_at();
        match next_event_at {
            Some(at) => executor.sleep_until(at + Duration::from_nanos(1)).await,
            None => break,
        }
    }
    let deadline = executor.now() + liveness_bound;
    loop {
        if let Some(failure) = failed() {
            return failure;
        }
        let sink = world.network().node(spec.followed_node).sink();
        let sink = world.network().store().dag().hash(sink);
        if state.borrow().replica.tip().map(|tip| tip.hash) == Some(sink) {
            break;
        }
        if state.borrow().ended {
            return Verdict::Liveness("the event stream ended, and the run asks for no end".to_owned());
        }
        if executor.now() >= deadline {
            let tip = state.borrow().replica.tip();
            return Verdict::Liveness(format!("at {tip:?} {liveness_bound:?} after the L1 came to rest at {sink}"));
        }
        executor.sleep(ARRIVAL_CHECK_INTERVAL).await;
    }
    // Whatever else comes must leave the consumer where it is.
    executor.sleep(Duration::from_secs(3)).await;
    if let Some(failure) = failed() {
        return failure;
    }
    match matches_node::check(&state.borrow().replica, &world.network(), spec.followed_node) {
        Ok(()) => Verdict::Pass,
        Err(failure) => Verdict::Safety(failure),
    }
}

fn conclude(executor: &Executor, world: &World, state: &RefCell<State>, spec: &RunSpec, verdict: Verdict) -> Outcome {
    let state = state.borrow();
    let counters = world.counters();
    let replica = &state.replica;
    let figures = Figures {
        // Genesis was not mined in this run.
        blocks: world.network().store().block_count() as u64 - 1,
        chain_blocks: replica.added,
        events: replica.events,
        reorgs: replica.reorgs,
        max_reorg_depth: replica.max_reorg_depth,
        disconnects: replica.disconnects,
        disconnects_in_flight: counters.broken_in_flight,
        finalized: replica.finalized.map_or(0, |block| block.index),
        chain_requests: counters.chain_requests,
    };
    let verdict = match verdict {
        Verdict::Pass => match spec.scenario.missed_gates(&figures) {
            missed if missed.is_empty() => Verdict::Pass,
            missed => Verdict::Vacuous(missed),
        },
        verdict => verdict,
    };
    let trace = world.take_trace();
    Outcome { verdict, hash: trace.hash(), simulated: executor.now(), figures, trace: trace.into_kept() }
}

fn bridge_config(spec: &RunSpec) -> Config {
    let url = node_url(spec.followed_node);
    let mut config = Config::new(Network::SIMNET, [url.as_str()]).expect("a simulated address is well formed");
    config.finality_depth = Some(spec.finality_depth);
    config.start = StartAt::PruningPoint;
    config.seed = spec.seed;
    config
}

/// How long the bridge may take once everything is at rest: two full rounds of whatever it may be waiting for.
fn liveness_bound(config: &Config) -> Duration {
    (config.request_timeout + config.connect_timeout + config.backoff_max) * 2 + config.poll_interval * 2
}
