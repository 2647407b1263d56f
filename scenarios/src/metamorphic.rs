//! The metamorphic oracle: what strikes connections, disks and consumers must leave no trace in the end.
//!
//! A plan has a calm twin with the same L1, the same bridges and none of that. Faults never change the L1, and draws are
//! keyed: both runs see the same blocks at the same times. So whoever follows must end with the same chain, the same
//! accepted transactions, the same finalized block and the same state. Here no oracle says what is right, only that it does
//! not depend on the way: it finds what every checker of one run takes for granted.
//!
//! What happens to nodes is a part of the L1 and stays. Where a bridge did not arrive in one of the runs there is
//! nothing to compare: it may end where it depends on faults whether it had a block as final that its node left. Nor
//! where faults kept it from its node at the start until that had pruned, so that it began at another block. Nor of a bridge
//! that waits for confirmations what it has as final, and nothing of one that has more than its node's sink lets through: both
//! depend on how high that sink was when the bridge looked.

use thiserror::Error;

use crate::{
    check::twins::EndState,
    plan::Plan,
    report::Verdict,
    run::{Outcome, Untouched},
    runner::run_for_outcome,
};

/// One of the two runs of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Everything strikes.
    Stormy,
    /// Nothing does.
    Calm,
}

impl std::fmt::Display for Weather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stormy => "stormy",
            Self::Calm => "calm",
        })
    }
}

/// How the two runs of a plan differ.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Difference {
    /// One of them failed by itself.
    #[error("the {weather} run of {scenario} with seed {seed} failed by itself: {explanation}")]
    Failed {
        /// Which one.
        weather: Weather,
        /// Name of the scenario.
        scenario: String,
        /// The seed.
        seed: u64,
        /// What it says.
        explanation: String,
    },
    /// They did not see the same L1.
    #[error("with faults {stormy} blocks were mined in {scenario} with seed {seed}, without them {calm}")]
    Blocks {
        /// Name of the scenario.
        scenario: String,
        /// The seed.
        seed: u64,
        /// Blocks of the run with faults.
        stormy: u64,
        /// Blocks of the run without.
        calm: u64,
    },
    /// They ended in different places.
    #[error("bridge {bridge} of {scenario} with seed {seed} ends with faults at {stormy}; without them at {calm}")]
    EndState {
        /// Number of the bridge.
        bridge: usize,
        /// Name of the scenario.
        scenario: String,
        /// The seed.
        seed: u64,
        /// Where it stands after the run with faults.
        stormy: Box<EndState>,
        /// Where it stands after the run without.
        calm: Box<EndState>,
    },
}

/// The same plan in calm weather: no faults on connections and disks, no strange nodes, consumers that take and store
/// everything at once.
pub fn calm_twin(plan: &Plan) -> Plan {
    let mut calm = plan.clone();
    calm.faults.clear();
    calm.topology.strangers.clear();
    for bridge in &mut calm.bridges {
        let consumer = &mut bridge.consumer;
        (consumer.store_ms, consumer.acknowledge_every) = (0, 1);
        consumer.stops.clear();
        if let Some(state) = &mut consumer.state {
            (state.write_latency_us, state.sync_latency_us, state.commit_interval_ms) = (0, 0, 0);
            state.faults.clear();
        }
    }
    calm
}

/// Runs a plan and its calm twin and compares where they end. Returns how many bridges could be compared.
///
/// # Errors
/// The first difference.
pub fn compare(plan: &Plan) -> Result<usize, Difference> {
    let run = |plan: Plan| run_for_outcome(plan, Box::new(Untouched));
    compare_outcomes(plan, &run(plan.clone()), &run(calm_twin(plan)))
}

/// Compares the outcomes of `plan` and of its calm twin. Returns how many bridges could be compared.
///
/// # Errors
/// The first difference.
pub fn compare_outcomes(plan: &Plan, stormy: &Outcome, calm: &Outcome) -> Result<usize, Difference> {
    let (scenario, seed) = (plan.scenario.clone(), plan.seed.0);
    for (weather, outcome) in [(Weather::Stormy, stormy), (Weather::Calm, calm)] {
        // In calm weather a run does not see what its scenario is there for.
        if let (false, Some(explanation)) =
            (matches!(outcome.verdict, Verdict::Vacuous(_)), outcome.verdict.explanation())
        {
            return Err(Difference::Failed { weather, scenario, seed, explanation });
        }
    }
    let (stormy_blocks, calm_blocks) = (stormy.figures.blocks, calm.figures.blocks);
    if stormy_blocks != calm_blocks {
        return Err(Difference::Blocks { scenario, seed, stormy: stormy_blocks, calm: calm_blocks });
    }
    let mut compared = 0;
    for (stormy, calm) in stormy.end_states.iter().zip(&calm.end_states) {
        if !stormy.has_arrived || !calm.has_arrived || stormy.anchor != calm.anchor {
            continue;
        }
        if stormy != calm {
            let (bridge, stormy, calm) = (stormy.bridge, Box::new(*stormy), Box::new(*calm));
            return Err(Difference::EndState { bridge, scenario, seed, stormy, calm });
        }
        compared += 1;
    }
    Ok(compared)
}
