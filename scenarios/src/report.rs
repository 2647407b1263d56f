//! What a run amounted to, for people and for machines.

mod machine;

use kaspa_hashes::Hash;
use serde::Serialize;

pub use self::machine::MachineFigures;
use crate::{card::Origin, check::Failure, coverage::Coverage};

/// Counts of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Blocks mined.
    pub blocks: u64,
    /// Chain blocks on the consumer's path at the end.
    pub chain_blocks: u64,
    /// Chain blocks that the bridge delivered, those removed again included.
    pub blocks_added: u64,
    /// Events of any kind that the bridge delivered.
    pub events: u64,
    /// Reorgs delivered.
    pub reorgs: u64,
    /// Blocks removed by the deepest of them.
    pub max_reorg_depth: u64,
    /// Sessions that ended.
    pub disconnects: u64,
    /// Sessions that ended because of a fault while a request was in flight.
    pub disconnects_in_flight: u64,
    /// Faults that struck.
    pub faults: u64,
    /// Blocks below or at the finalized root.
    pub finalized: u64,
    /// GetVirtualChainFromBlockV2 requests.
    pub chain_requests: u64,
    /// Times that a followed node left a block which was final for its followers.
    pub finality_conflicts: u64,
    /// Blue score of the deepest branch that a followed node held and lost.
    pub deepest_lost_branch: u64,
    /// Bridges that ended in `Fatal`.
    pub ended: u64,
    /// Chain blocks that the followed node's reorg removed whose fork is the cut, in a scenario that asks for a depth; `None` in
    /// others, or if there was no such reorg.
    pub requested_reorg_depth: Option<u64>,
    /// What the state machines and their processes did, summed over all bridges that have one; the state root is the first
    /// one's.
    pub machine: Option<MachineFigures>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All properties held, all gates were passed.
    Pass,
    /// A property was broken.
    Safety(Failure),
    /// A bridge did not arrive in time.
    Liveness(Failure),
    /// Two runs of the same seed differ.
    Nondeterminism(String),
    /// The run did not see what it is there for.
    Vacuous(Vec<String>),
    /// Something panicked, or the simulation itself could not go on.
    Panic(String),
}

impl Verdict {
    /// Word in tables and JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Safety(_) => "safety",
            Self::Liveness(_) => "liveness",
            Self::Nondeterminism(_) => "nondeterminism",
            Self::Vacuous(_) => "vacuous",
            Self::Panic(_) => "panic",
        }
    }

    /// Exit code of a process whose only run ended so.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Safety(_) => 10,
            Self::Liveness(_) => 11,
            Self::Nondeterminism(_) => 12,
            Self::Vacuous(_) => 13,
            Self::Panic(_) => 101,
        }
    }

    /// Name and meaning of what did not hold; `None` if all did.
    pub fn property(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Pass => None,
            Self::Safety(failure) | Self::Liveness(failure) => Some((failure.property, failure.meaning)),
            Self::Nondeterminism(_) => {
                Some(("determinism", "two runs of one plan do the same things at the same times"))
            }
            Self::Vacuous(_) => Some(("gates", "the run sees what its scenario is there for")),
            Self::Panic(_) => Some(("no-panic", "nothing panics, and the simulation comes to its end")),
        }
    }

    /// What went wrong, in a sentence; `None` if nothing did.
    pub fn explanation(&self) -> Option<String> {
        match self {
            Self::Pass => None,
            Self::Safety(failure) | Self::Liveness(failure) => Some(failure.to_string()),
            Self::Nondeterminism(text) | Self::Panic(text) => Some(text.clone()),
            Self::Vacuous(missed) => Some(format!("gates missed: {}", missed.join("; "))),
        }
    }
}

/// Exit code of several runs: the first of 101, 10, 12, 11, 13 that occurs.
pub fn exit_code<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> u8 {
    const SEVERITY: [u8; 5] = [101, 10, 12, 11, 13];
    let codes: Vec<u8> = verdicts.map(Verdict::exit_code).collect();
    SEVERITY.into_iter().find(|code| codes.contains(code)).unwrap_or(0)
}

/// One run, finished.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// Name of the scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Identity of the plan.
    pub plan_digest: Hash,
    /// How it ended.
    pub verdict: Verdict,
    /// Hash over everything that happened; zero if the run did not come to its end.
    pub hash: Hash,
    /// Simulated time.
    pub sim_seconds: f64,
    /// CPU time of the run's thread; of a run that was done twice, that of the first.
    pub cpu_seconds: f64,
    /// Counts.
    pub figures: Figures,
    /// Coverage points reached.
    pub coverage: Coverage,
}

/// The line that `--json` prints for a run.
#[derive(Serialize)]
struct JsonLine<'a> {
    scenario: &'a str,
    seed: u64,
    plan: String,
    verdict: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    property: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_at_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    saved_plan: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<String>,
    hash: String,
    sim_seconds: f64,
    cpu_seconds: f64,
    blocks: u64,
    chain_blocks: u64,
    blocks_added: u64,
    events: u64,
    reorgs: u64,
    max_reorg_depth: u64,
    disconnects: u64,
    disconnects_in_flight: u64,
    faults: u64,
    finalized: u64,
    chain_requests: u64,
    finality_conflicts: u64,
    deepest_lost_branch: u64,
    ended: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_reorg_depth: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<MachineFigures>,
    coverage: &'a Coverage,
}

impl RunReport {
    /// Simulated time at which it was seen that the run fails; `None` if it passed or that is not known.
    pub fn failed_at_seconds(&self) -> Option<f64> {
        match &self.verdict {
            Verdict::Pass | Verdict::Nondeterminism(_) | Verdict::Panic(_) => None,
            Verdict::Safety(failure) | Verdict::Liveness(failure) => Some(failure.at.as_secs_f64()),
            Verdict::Vacuous(_) => Some(self.sim_seconds),
        }
    }

    /// One JSON object without line breaks. If the run failed, `origin` tells where its plan is and what shows it again.
    pub fn to_json(&self, origin: &Origin) -> String {
        let figures = &self.figures;
        let failed = self.verdict != Verdict::Pass;
        let line = JsonLine {
            scenario: &self.scenario,
            seed: self.seed,
            plan: self.plan_digest.to_string(),
            verdict: self.verdict.word(),
            explanation: self.verdict.explanation(),
            property: self.verdict.property().map(|(name, _)| name),
            failed_at_seconds: self.failed_at_seconds(),
            saved_plan: origin.plan_file().filter(|_| failed).map(|path| path.to_string_lossy().into_owned()),
            replay: failed.then(|| origin.replay_command(self)),
            hash: self.hash.to_string(),
            sim_seconds: self.sim_seconds,
            cpu_seconds: self.cpu_seconds,
            blocks: figures.blocks,
            chain_blocks: figures.chain_blocks,
            blocks_added: figures.blocks_added,
            events: figures.events,
            reorgs: figures.reorgs,
            max_reorg_depth: figures.max_reorg_depth,
            disconnects: figures.disconnects,
            disconnects_in_flight: figures.disconnects_in_flight,
            faults: figures.faults,
            finalized: figures.finalized,
            chain_requests: figures.chain_requests,
            finality_conflicts: figures.finality_conflicts,
            deepest_lost_branch: figures.deepest_lost_branch,
            ended: figures.ended,
            requested_reorg_depth: figures.requested_reorg_depth,
            machine: figures.machine,
            coverage: &self.coverage,
        };
        serde_json::to_string(&line).expect("numbers and text always serialize")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::check::Breach;

    #[test]
    fn given_several_failures_when_the_exit_code_is_chosen_then_the_gravest_wins() {
        let vacuous = Verdict::Vacuous(vec!["x".into()]);
        let failure = |breach| Failure {
            property: "path",
            meaning: "x",
            breach,
            bridge: Some(0),
            at: Duration::ZERO,
            message: "x".into(),
        };
        let liveness = Verdict::Liveness(failure(Breach::Liveness));
        let safety = Verdict::Safety(failure(Breach::Safety));
        let panic = Verdict::Panic("x".into());
        assert_eq!(exit_code([Verdict::Pass].iter()), 0);
        assert_eq!(exit_code([vacuous.clone(), Verdict::Pass].iter()), 13);
        assert_eq!(exit_code([vacuous.clone(), liveness.clone()].iter()), 11);
        assert_eq!(exit_code([vacuous, safety.clone(), liveness].iter()), 10);
        assert_eq!(exit_code([safety, panic].iter()), 101);
    }
}
