//! Looks at the bridges while the storm lasts, at a few times: what is silent tells nothing, and what concerns several bridges
//! none of them can tell.
//!
//! A look changes nothing, and comes at a time at which hardly anything else happens: the run does the same with and
//! without it.

use std::{cell::RefCell, time::Duration};

use sim::world::{World, executor::Executor};

use super::{failure::FirstFailure, follower::Follower};
use crate::{
    check::{
        Failure, Quiet,
        twins::{self, EndState, Twins},
    },
    coverage::Point,
    fault::Struck,
    plan::Plan,
};

/// Time from one look to the next.
const INTERVAL: Duration = Duration::from_secs(5);

/// Time of the first look. Timers of bridges and nodes lie on round times.
const FIRST: Duration = Duration::new(3, 141_592_653);

/// Faults that slow a session down as long as it lasts and do not end it.
const INJURIES: [&str; 3] = ["slow_line", "high_latency", "small_chunks"];

/// What can be seen of a run besides events.
pub(super) struct Looks<'a> {
    pub(super) executor: &'a Executor,
    pub(super) world: &'a World,
    pub(super) followers: &'a [Follower],
    pub(super) plan: &'a Plan,
    pub(super) struck: &'a RefCell<Vec<Struck>>,
    pub(super) first_failure: &'a FirstFailure,
}

impl Looks<'_> {
    /// Looks until the storm is over.
    ///
    /// # Errors
    /// What failed first.
    pub(super) async fn until_rest(&self, twins: &mut Twins) -> Result<(), Failure> {
        let storm = self.plan.storm();
        let mut at = FIRST;
        while at < storm {
            self.first_failure.or_at(self.executor, at).await?;
            for (number, follower) in self.followers.iter().enumerate() {
                follower.look(self.quiet(number), self.world, self.first_failure);
            }
            self.compare_finalized(twins)?;
            self.compare_branches();
            at = at.saturating_add(INTERVAL);
        }
        self.first_failure.or_at(self.executor, storm).await
    }

    /// Compares the bridges when each was found right by itself.
    ///
    /// # Errors
    /// Two that differ.
    pub(super) fn at_rest(&self, twins: &mut Twins) -> Result<(), Failure> {
        self.compare_finalized(twins)?;
        let end_states = end_states(self.followers, self.world);
        twins.at_rest(&end_states).map_err(|message| twins::failure(None, self.executor.now(), message))
    }

    /// What one has as final only ever grows upwards: the newest stands for all before.
    fn compare_finalized(&self, twins: &mut Twins) -> Result<(), Failure> {
        if self.followers.len() < 2 {
            return Ok(());
        }
        let (network, sinks) = (self.world.network(), self.world.sinks());
        for (number, follower) in self.followers.iter().enumerate() {
            if let Some(block) = follower.examiner().replica().finalized {
                let compared = twins.on_finalized(number, block, self.plan, network.store(), &sinks);
                compared.map_err(|message| twins::failure(Some(number), self.executor.now(), message))?;
            }
        }
        Ok(())
    }

    /// Notes whether two bridges are on different branches.
    fn compare_branches(&self) {
        let network = self.world.network();
        let dag = network.store().dag();
        let tip = |follower: &Follower| follower.examiner().replica().tip().and_then(|tip| dag.id(&tip.hash));
        let tips: Vec<_> = self.followers.iter().filter_map(tip).collect();
        let part = |a, b| !dag.is_chain_ancestor(a, b) && !dag.is_chain_ancestor(b, a);
        if tips.iter().enumerate().any(|(position, a)| tips[..position].iter().any(|b| part(*a, *b)))
            && let Some(first) = self.followers.first()
        {
            first.hit(Point::BridgesPart);
        }
    }

    /// Since when nothing is in the way of that bridge but what its nodes do.
    fn quiet(&self, number: usize) -> Quiet {
        let now = self.executor.now();
        let mut quiet = Quiet::default();
        for struck in self.struck.borrow().iter().filter(|struck| struck.bridge as usize == number) {
            quiet.since = quiet.since.max(struck.over_at.min(now));
            if INJURIES.contains(&struck.name) {
                quiet.injured_at = quiet.injured_at.max(Some(struck.at));
            }
        }
        let ms = Duration::from_millis;
        for stop in &self.plan.bridges[number].consumer.stops {
            if ms(stop.at_ms) <= now {
                quiet.since = quiet.since.max(ms(stop.at_ms.saturating_add(stop.for_ms)).min(now));
            }
        }
        quiet
    }
}

/// Where the consumers stand when a run is over.
pub(super) fn end_states(followers: &[Follower], world: &World) -> Vec<EndState> {
    let numbered = followers.iter().enumerate();
    numbered.map(|(number, follower)| follower.examiner().end_state(number, &world.network())).collect()
}
