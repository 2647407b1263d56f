//! Which storms are run over what, and the runs themselves.

use std::{env, marker::PhantomData, ops::Range, path::PathBuf, sync::Arc};

use sim::params::ParameterSet;
use thiserror::Error;

use super::{Bridge, Consumer, failed::FailedRun, process::Consumers};
use crate::{
    plan::{Plan, PlanFileError},
    report::{RunReport, Verdict},
    run::{
        Untouched, plain,
        seat::{Seat, Seated, Seen, Subject},
    },
    runner,
    scenario::{Request, RequestError, Scenario},
};

/// Names the plan that [`Storm::assert_passes`] replays, in place of all others.
pub const PLAN_VARIABLE: &str = "DAGSTORM_PLAN";

/// Where the plans of failed runs are kept, seen from where the tests run: the folder of their package.
const SAVE_DIR: &str = "storm-failures";

/// Seeds of a sweep, unless told otherwise.
const SEEDS: Range<u64> = 1..11;

/// A storm over your software: what is stormed, by which scenario, with which seeds.
///
/// Nothing happens before [`run`](Self::run) or [`assert_passes`](Self::assert_passes).
#[must_use = "nothing happens before it is run"]
pub struct Storm {
    make: Arc<dyn Fn(bool) -> Box<dyn Subject> + Send + Sync>,
    scenario: Scenario,
    seeds: Range<u64>,
    request: Request,
    plan: Option<PathBuf>,
    crashes: bool,
    check: bool,
    save_dir: PathBuf,
}

impl Storm {
    /// Over consumers that `make` makes, one behind each bridge of a run. Each must begin with an empty store of its own.
    pub fn of_consumer<C: Consumer>(make: impl Fn() -> C + Send + Sync + 'static) -> Self {
        let make: Arc<dyn Fn() -> C + Send + Sync> = Arc::new(make);
        Self::of(move |crashes| Box::new(Consumers { make: Arc::clone(&make), crashes }))
    }

    /// Over bridges of your own, each with a consumer that believes everything and checkers that do not.
    pub fn of_bridge<B: Bridge>() -> Self {
        Self::of(|_| Box::new(Bridges(PhantomData::<fn() -> B>)))
    }

    fn of(make: impl Fn(bool) -> Box<dyn Subject> + Send + Sync + 'static) -> Self {
        Self {
            make: Arc::new(make),
            scenario: Scenario::Swarm,
            seeds: SEEDS,
            request: Request::new(0),
            plan: None,
            crashes: true,
            check: false,
            save_dir: PathBuf::from(SAVE_DIR),
        }
    }

    /// What can go wrong; everything ([`Scenario::Swarm`]) unless told otherwise.
    pub fn scenario(self, scenario: Scenario) -> Self {
        Self { scenario, ..self }
    }

    /// The seeds, one run each; 1 to 10 unless told otherwise.
    pub fn seeds(self, seeds: Range<u64>) -> Self {
        Self { seeds, ..self }
    }

    /// Simulated seconds until the faults end; what the scenario needs unless told otherwise.
    pub fn seconds(self, seconds: u64) -> Self {
        Self { request: Request { seconds: Some(seconds), ..self.request }, ..self }
    }

    /// Consensus parameters; [`ParameterSet::storm`] unless told otherwise, in [`Scenario::Swarm`] what each seed draws.
    pub fn parameters(self, parameters: ParameterSet) -> Self {
        Self { request: Request { parameters: Some(Arc::new(parameters)), ..self.request }, ..self }
    }

    /// One run of the plan in this file in place of a scenario's, as a run that failed left it.
    pub fn plan(self, path: impl Into<PathBuf>) -> Self {
        Self { plan: Some(path.into()), ..self }
    }

    /// No process of a consumer dies: for one that keeps everything in memory. Its [`checkpoint`](Consumer::checkpoint) and
    /// [`restart`](Consumer::restart) are not asked for.
    pub fn without_crashes(self) -> Self {
        Self { crashes: false, ..self }
    }

    /// Each run is done twice, and it is a failure if the second does anything else.
    pub fn check(self) -> Self {
        Self { check: true, ..self }
    }

    /// Where the plan of a run that failed is kept, with the log of everything that happened in it; `storm-failures` unless told
    /// otherwise.
    pub fn save_dir(self, path: impl Into<PathBuf>) -> Self {
        Self { save_dir: path.into(), ..self }
    }

    /// Runs one seed after the other, up to the first that fails.
    ///
    /// # Errors
    /// What was asked for cannot be run.
    pub fn run(&self) -> Result<Sweep, StormError> {
        let mut sweep = Sweep::default();
        if let Some(path) = &self.plan {
            self.run_plan(Plan::read(path)?, &mut sweep);
            return Ok(sweep);
        }
        if self.seeds.is_empty() {
            return Err(StormError::NoSeed { seeds: self.seeds.clone() });
        }
        for seed in self.seeds.clone() {
            self.run_plan(self.scenario.expand(&Request { seed, ..self.request.clone() })?, &mut sweep);
            if sweep.failed.is_some() {
                break;
            }
        }
        Ok(sweep)
    }

    /// Runs and panics with what failed: for a test. If the variable [`PLAN_VARIABLE`] is set, the plan that it names is run
    /// alone.
    ///
    /// # Panics
    /// A run failed, or what was asked for cannot be run, or no run saw what its scenario is there for.
    pub fn assert_passes(self) {
        let storm = match env::var_os(PLAN_VARIABLE) {
            Some(path) => self.plan(path),
            None => self,
        };
        match storm.run() {
            Ok(sweep) => sweep.assert_passes(),
            Err(error) => panic!("the storm cannot be run: {error}"),
        }
    }

    fn run_plan(&self, plan: Plan, sweep: &mut Sweep) {
        let plan = without_machines(plan);
        let report = runner::run_plan_with(&plan, self.check, &|| (self.make)(self.crashes));
        if !matches!(report.verdict, Verdict::Pass | Verdict::Vacuous(_)) {
            sweep.failed = Some(FailedRun::explain(&report, plan, &self.save_dir, (self.make)(self.crashes)));
        }
        sweep.runs.push(report);
    }
}

/// The state machines that a plan has are replaced by what is stormed. Without them a run cannot see what the economy is there
/// for; no other scenario's gates ask for a machine.
fn without_machines(mut plan: Plan) -> Plan {
    plan.bridges.iter_mut().for_each(|bridge| bridge.consumer.state = None);
    plan.gates &= plan.scenario().ok() != Some(Scenario::MachineEconomy);
    plan
}

/// Bridges of one kind, each with a consumer that only looks.
struct Bridges<B>(PhantomData<fn() -> B>);

impl<B: Bridge> Subject for Bridges<B> {
    fn take(&mut self, seat: Seat) -> Box<dyn Seated> {
        let (bridge, driver) = B::start(seat.config(), seat.transport(), seat.clock());
        let executor = seat.executor().clone();
        executor.spawn(driver);
        executor.spawn(plain::Consumer { bridge, seat, tap: Box::new(Untouched) }.run());
        Box::new(Seen)
    }
}

/// What came of the runs of a storm.
#[derive(Debug, Default)]
pub struct Sweep {
    runs: Vec<RunReport>,
    failed: Option<FailedRun>,
}

impl Sweep {
    /// All runs, in the order of their seeds. One that did not see what its scenario is there for is among them
    /// ([`Verdict::Vacuous`]), and is no failure.
    pub fn runs(&self) -> &[RunReport] {
        &self.runs
    }

    /// The last run, if it failed.
    pub fn failed(&self) -> Option<&FailedRun> {
        self.failed.as_ref()
    }

    /// Panics with what failed: for a test.
    ///
    /// # Panics
    /// A run failed, or no run saw what its scenario is there for.
    pub fn assert_passes(&self) {
        if let Some(failed) = &self.failed {
            panic!("run {} of the storm failed\n\n{failed}", self.runs.len());
        }
        if let Some(Verdict::Vacuous(missed)) = self.runs.first().map(|report| &report.verdict)
            && self.runs.iter().all(|report| matches!(report.verdict, Verdict::Vacuous(_)))
        {
            panic!("no run saw what its scenario is there for: {}", missed.join("; "));
        }
    }
}

/// What was asked for cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StormError {
    /// The range of seeds is empty.
    #[error("the seeds {}..{} are none: the end of a range is not in it", .seeds.start, .seeds.end)]
    NoSeed {
        /// The range.
        seeds: Range<u64>,
    },
    /// The scenario has no such plan.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The plan cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanFileError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_plans_with_machines_when_these_are_taken_out_then_only_the_economy_asks_for_no_gates() {
        let has_machine = |plan: &Plan| plan.bridges.iter().any(|bridge| bridge.consumer.state.is_some());
        let plans = (1..21).map(|seed| Scenario::Swarm.plan(seed, 60));
        let swarm: Vec<Plan> = plans.filter(has_machine).map(without_machines).collect();
        assert!(!swarm.is_empty() && swarm.iter().all(|plan| plan.gates && !has_machine(plan)));
        let economy = without_machines(Scenario::MachineEconomy.plan(1, 60));
        assert!(!economy.gates && !has_machine(&economy));
        let shrunk = Plan { gates: false, ..Scenario::Swarm.plan(1, 60) };
        assert!(!without_machines(shrunk).gates);
    }
}
