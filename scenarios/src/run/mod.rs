//! One run: a world, the real bridges of the plan in it, a consumer behind each, the checkers.
//!
//! First the storm: blocks are mined, faults strike. Then rest: mining stops, every block arrives everywhere, and each
//! bridge has a bounded time to have what its node has, or to end if it must. The first broken property ends the run.

mod disk_faults;
mod examiner;
mod failure;
mod follower;
mod looks;
pub(crate) mod plain;
mod process;
pub(crate) mod seat;

use std::{cell::RefCell, rc::Rc, sync::mpsc::Sender, time::Duration};

use bridge::L1Event;
use kaspa_hashes::Hash;
use sim::{
    random::Streams,
    trace::Entry,
    world::{
        World,
        executor::{self, Executor},
    },
};

use self::{
    failure::FirstFailure,
    follower::{Follower, Own},
    looks::Looks,
    seat::Subject,
};
use crate::{
    check::{
        Breach, Failure, convergence,
        twins::{EndState, Twins},
    },
    coverage::Coverage,
    fault::{FaultEngine, Struck},
    plan::Plan,
    report::{Figures, MachineFigures, ReorgSizes, Verdict, by_kind},
};

/// Name of the property that no checker watches but the run itself, and who waits for it.
pub const STALL: &str = "stall";

/// How long the run goes on after every consumer has arrived.
const SETTLING_TIME: Duration = Duration::from_secs(3);

/// How often the consumer's progress is looked at once the L1 is quiet.
const ARRIVAL_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Stands between bridge and consumer and may drop, change or add events: a broken bridge, for tests of the checkers. A
/// state machine gets the events as they are; only what looks at them sees them changed.
pub trait EventTap: Send {
    /// What the consumer gets for an event of the bridge.
    fn pass(&mut self, event: L1Event) -> Vec<L1Event>;

    /// What a consumer with a state machine does with a batch of events. Anything but the default is a broken consumer.
    fn steps(&mut self, _events: &[L1Event]) -> &'static [Step] {
        &[Step::Store, Step::Acknowledge]
    }
}

/// What is done with a batch of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It becomes durable.
    Store,
    /// The bridge is told so.
    Acknowledge,
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
    /// Coverage points reached.
    pub coverage: Coverage,
    /// Where the consumers stand, in the order of the bridges; empty if the run did not come to its end.
    pub end_states: Vec<EndState>,
}

/// Runs `plan` to its end and sends everything that happens to `trace_to`. Must be called on a fresh thread that runs
/// nothing else, or runs would not repeat. `tap` stands between the first bridge and its consumer.
///
/// # Panics
/// If the plan fails [`Plan::check`].
pub fn run(plan: Plan, trace_to: Option<Sender<Entry>>, tap: Box<dyn EventTap>) -> Outcome {
    run_with(plan, trace_to, own(tap))
}

/// The project's own bridges and consumers; `tap` stands between the first of each.
pub(crate) fn own(tap: Box<dyn EventTap>) -> Box<dyn Subject> {
    Box::new(Own::new(tap))
}

/// As [`run`], but `subject` takes the place of the plan's bridges and consumers.
///
/// # Panics
/// As [`run`], and where the subject does.
pub(crate) fn run_with(plan: Plan, trace_to: Option<Sender<Entry>>, subject: Box<dyn Subject>) -> Outcome {
    let streams = Streams::new(plan.seed.0);
    match executor::run(&streams, |executor| simulate(executor, plan, trace_to, subject)) {
        Ok(outcome) => outcome,
        Err(stalled) => Outcome {
            verdict: Verdict::Liveness(stall(stalled.at(), stalled.to_string())),
            hash: Hash::default(),
            simulated: stalled.at(),
            figures: Figures::default(),
            coverage: Coverage::default(),
            end_states: Vec::new(),
        },
    }
}

/// The failure of a run that does not come to its end.
pub fn stall(at: Duration, message: String) -> Failure {
    Failure {
        property: STALL,
        meaning: "simulated time goes on until the run's end: no task spins, and something is always due",
        breach: Breach::Liveness,
        bridge: None,
        at,
        message,
    }
}

async fn simulate(
    executor: Executor,
    plan: Plan,
    trace_to: Option<Sender<Entry>>,
    mut subject: Box<dyn Subject>,
) -> Outcome {
    let (engine, struck) = FaultEngine::new(plan.faults.clone(), plan.storm());
    let engine = engine.with_strangers(plan.topology.strangers.clone());
    let world = match plan.payloads() {
        Some(payloads) => World::start_with_payloads(&executor, plan.world(trace_to), Box::new(engine), payloads),
        None => World::start(&executor, plan.world(trace_to), Box::new(engine)),
    };
    let world = world.expect("the plan's network was checked");
    let plan = Rc::new(plan);
    let first_failure = Rc::new(FirstFailure::default());
    let start = |number| Follower::start(&world, &plan, number, subject.as_mut(), &first_failure);
    let followers: Vec<Follower> = (0..plan.bridges.len()).map(start).collect();
    let looks = Looks {
        executor: &executor,
        world: &world,
        followers: &followers,
        plan: &plan,
        struck: &struck,
        first_failure: &first_failure,
    };
    let ended = drive(&looks).await;
    let (figures, coverage) = (figures(&world, &followers, &plan, &struck), coverage(&followers));
    let verdict = match (ended, plan.scenario()) {
        (Err(failure), _) => match failure.breach {
            Breach::Safety => Verdict::Safety(failure),
            Breach::Liveness => Verdict::Liveness(failure),
        },
        (Ok(()), Ok(scenario)) => match scenario.missed_gates(&plan, &figures) {
            missed if missed.is_empty() => Verdict::Pass,
            missed => Verdict::Vacuous(missed),
        },
        (Ok(()), Err(_)) => Verdict::Pass,
    };
    let end_states = looks::end_states(&followers, &world);
    Outcome { verdict, hash: world.trace_hash(), simulated: executor.now(), figures, coverage, end_states }
}

/// Waits for the storm, for rest, and for the bridges; tells what failed first.
async fn drive(looks: &Looks<'_>) -> Result<(), Failure> {
    let Looks { executor, world, followers, plan, struck, first_failure } = *looks;
    let mut twins = Twins::default();
    looks.until_rest(&mut twins).await?;
    loop {
        let next_event_at = world.network().next_event_at();
        match next_event_at {
            Some(at) => first_failure.or_at(executor, at + Duration::from_nanos(1)).await?,
            None => break,
        }
    }
    let rest = executor.now();
    for (number, follower) in followers.iter().enumerate() {
        let deadline = rest.saturating_add(convergence::liveness_bound(plan, number, &world.network()));
        while !follower.is_settled(world) && executor.now() < deadline {
            first_failure.or_at(executor, executor.now() + ARRIVAL_CHECK_INTERVAL).await?;
        }
    }
    // Whatever else comes must leave the consumers where they are.
    first_failure.or_at(executor, executor.now() + SETTLING_TIME).await?;
    let mut asked = false;
    followers.iter().for_each(|follower| asked |= follower.ask_for_process());
    if asked {
        first_failure.or_at(executor, executor.now() + Duration::from_nanos(1)).await?;
    }
    followers.iter().enumerate().try_for_each(|(number, follower)| {
        let was_disturbed = struck.borrow().iter().any(|fault| fault.bridge as usize == number);
        follower.check_at_rest(world, plan, was_disturbed)
    })?;
    looks.at_rest(&mut twins)
}

fn figures(world: &World, followers: &[Follower], plan: &Plan, struck: &RefCell<Vec<Struck>>) -> Figures {
    let struck = struck.borrow();
    let lost_replies = struck.iter().filter(|fault| fault.bridge == 0 && fault.loses_reply).count() as u64;
    let first = followers[0].examiner();
    let replica = first.replica();
    let now = world.executor().now();
    let kind_of = |struck: &Struck| plan.faults.iter().find(|fault| fault.id == struck.id).map(|fault| &fault.what);
    let outages = plan.topology.outages.iter().filter(|outage| Duration::from_millis(outage.at_ms) <= now);
    Figures {
        // Genesis was not mined in this run.
        blocks: world.network().store().block_count() as u64 - 1,
        chain_blocks: replica.blocks().len() as u64,
        blocks_added: replica.added,
        events: replica.events,
        reorgs: replica.reorgs,
        max_reorg_depth: replica.max_reorg_depth,
        reorg_sizes: ReorgSizes::of(&replica.reorg_sizes, plan.parameters.finality_depth),
        disconnects: replica.disconnects,
        // A session that dies before the node told who it is ends without a disconnect.
        disconnects_in_flight: lost_replies.min(replica.disconnects),
        faults: struck.len() as u64,
        faults_by_kind: by_kind(struck.iter().filter_map(kind_of)),
        cuts: plan.topology.cuts.iter().filter(|cut| Duration::from_millis(cut.at_ms) <= now).count() as u64,
        outages_by_kind: by_kind(outages.map(|outage| outage.kind)),
        finalized: replica.finalized.map_or(0, |block| block.index),
        chain_requests: world.counters(0).chain_requests,
        finality_conflicts: first.rest().map_or(0, |rest| rest.finality_conflicts),
        deepest_lost_branch: first.rest().map_or(0, |rest| rest.deepest_lost_branch),
        ended: followers.iter().filter(|follower| follower.examiner().replica().ended).count() as u64,
        requested_reorg_depth: requested_reorg_depth(world, plan),
        machine: machine_figures(followers),
    }
}

/// The sum over all state machines, with the state root of the first.
fn machine_figures(followers: &[Follower]) -> Option<MachineFigures> {
    let mut all = followers.iter().filter_map(|follower| follower.examiner().machine_figures);
    let first = all.next()?;
    let mut sum = first;
    all.for_each(|figures| sum.add(&figures));
    Some(MachineFigures { state_root: first.state_root, ..sum })
}

fn requested_reorg_depth(world: &World, plan: &Plan) -> Option<u64> {
    let cut = plan.scenario().ok()?.requested_cut()?;
    // A plan from a file may have no cut.
    plan.topology.cuts.get(cut)?;
    world.network().reorg_of_cut(cut)
}

fn coverage(followers: &[Follower]) -> Coverage {
    let mut coverage = Coverage::default();
    followers.iter().for_each(|follower| coverage.add(follower.examiner().coverage()));
    coverage
}
