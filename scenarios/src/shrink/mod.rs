//! Makes a smaller plan of one that fails, which fails in the same way.
//!
//! Delta debugging on the plan: things are left out, ended earlier or made simpler, and what still fails in the same way is
//! gone on with. The passes are gone through again and again until none finds anything, or until the budget is spent.
//!
//! | module | room for |
//! |---|---|
//! | `same` | what counts as the same failure |
//! | `search` | runs of candidates, many at a time, none twice, within the budget |
//! | `reduce` | leaving out as many of a list as possible |
//! | `passes` | what is left out or made simpler, and in which order |
//! | `size` | how large a plan is |
//! | `emit` | the result as a file with a head, and as a test |
//!
//! Invariants: the result fails in the same way as the input, [`Plan::check`] accepts it, and it is larger in nothing that
//! [`Size`] counts. As long as the budget lasts it depends on the input alone: neither on the number of threads nor on which of
//! them is faster. Like the runner this stands outside of all runs, and outside of the determinism contract.

mod emit;
mod passes;
mod reduce;
mod same;
mod search;
mod size;

use std::{num::NonZeroUsize, time::Duration};

use thiserror::Error;

pub use self::{
    emit::{plan_file, test_file},
    same::SameFailure,
    size::Size,
};
use self::{
    passes::PASSES,
    search::{BudgetSpent, Search},
};
use crate::{
    plan::{Plan, PlanError},
    report::{RunReport, Verdict},
};

/// CPU time of runs that a user waits for without being asked.
pub const DEFAULT_BUDGET: Duration = Duration::from_secs(60);

/// How much may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// CPU time of all runs; no run begins after it is spent.
    pub budget: Duration,
    /// Runs at the same time.
    pub jobs: NonZeroUsize,
}

/// How far it has come; told after every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being made smaller.
    pub pass: &'static str,
    /// Runs so far.
    pub runs: u64,
    /// Their CPU time.
    pub spent: Duration,
    /// The smallest plan so far.
    pub size: Size,
}

/// The result.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest plan found; it asks for no gates.
    pub plan: Plan,
    /// Its run.
    pub report: RunReport,
    /// Size of the plan that was given.
    pub before: Size,
    /// Size of the smallest plan found.
    pub after: Size,
    /// Runs that it took. Depends on timing: with several at a time some are done in vain.
    pub runs: u64,
    /// CPU time of these runs.
    pub spent: Duration,
    /// Whether no pass finds anything more; otherwise it stopped at the budget.
    pub is_minimal: bool,
}

/// Why a plan cannot be shrunk.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShrinkError {
    /// The run passes.
    #[error("this plan passes: there is nothing to shrink")]
    Passes,
    /// The plan cannot be run.
    #[error(transparent)]
    Plan(Box<PlanError>),
    /// The run missed gates: every smaller one misses them too, and shows nothing.
    #[error("this run only misses gates ({missed}): a smaller plan would miss more of them, and show nothing")]
    Vacuous {
        /// The gates.
        missed: String,
    },
}

/// Looks for the smallest plan that fails as `plan` does. `run` tells how the run of a plan ends, always the same of the same
/// plan, and is called from several threads at once; `on_progress` is told after every run.
///
/// # Errors
/// The plan cannot be run, or its run does not fail.
pub fn shrink(
    plan: &Plan,
    run: &(dyn Fn(&Plan) -> RunReport + Sync),
    settings: Settings,
    on_progress: &mut dyn FnMut(&Progress),
) -> Result<Shrunk, ShrinkError> {
    plan.check().map_err(|error| ShrinkError::Plan(Box::new(error)))?;
    let before = Size::of(plan);
    // What a gate asks for is not what fails, and once the bug is mended no small plan could pass.
    let plan = Plan { gates: false, ..plan.clone() };
    let report = run(&plan);
    let failure = match &report.verdict {
        Verdict::Pass => return Err(ShrinkError::Passes),
        Verdict::Vacuous(missed) => return Err(ShrinkError::Vacuous { missed: missed.join("; ") }),
        verdict => SameFailure::of(verdict).ok_or(ShrinkError::Passes)?,
    };
    let mut search = Search::new(plan, report, failure, run, settings, on_progress);
    let is_minimal = go_through_passes(&mut search).is_ok();
    let (plan, report, runs, spent) = search.into_result();
    Ok(Shrunk { before, after: Size::of(&plan), plan, report, runs, spent, is_minimal })
}

/// Until no pass finds anything more.
fn go_through_passes(search: &mut Search<'_>) -> Result<(), BudgetSpent> {
    loop {
        let before = search.plan().digest();
        for pass in PASSES {
            search.begin(pass.name);
            (pass.run)(search)?;
        }
        if search.plan().digest() == before {
            return Ok(());
        }
    }
}
