//! What a run amounted to, for people and for machines.

mod figures;
mod line;
mod machine;
mod reorg_sizes;

use std::fmt;

use kaspa_hashes::Hash;
use serde::{Deserialize, Serialize};

pub(crate) use self::figures::by_kind;
pub use self::{
    figures::Figures,
    line::RunLine,
    machine::MachineFigures,
    reorg_sizes::{ReorgSize, ReorgSizes, SHARES},
};
use crate::{check::Failure, coverage::Coverage};

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
    /// What kind of end it is.
    pub fn kind(&self) -> VerdictKind {
        match self {
            Self::Pass => VerdictKind::Pass,
            Self::Safety(_) => VerdictKind::Safety,
            Self::Liveness(_) => VerdictKind::Liveness,
            Self::Nondeterminism(_) => VerdictKind::Nondeterminism,
            Self::Vacuous(_) => VerdictKind::Vacuous,
            Self::Panic(_) => VerdictKind::Panic,
        }
    }

    /// Word in tables and JSON.
    pub fn word(&self) -> &'static str {
        self.kind().word()
    }

    /// Exit code of a process whose only run ended so.
    pub fn exit_code(&self) -> u8 {
        self.kind().exit_code()
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

/// A kind of [`Verdict`], without what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// All properties held, all gates were passed.
    Pass,
    /// A property was broken.
    Safety,
    /// A bridge did not arrive in time, or the run itself did not come to its end.
    Liveness,
    /// Two runs of the same seed differ.
    Nondeterminism,
    /// The run did not see what it is there for.
    Vacuous,
    /// Something panicked, or the process died.
    Panic,
}

impl VerdictKind {
    /// Word in tables and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Safety => "safety",
            Self::Liveness => "liveness",
            Self::Nondeterminism => "nondeterminism",
            Self::Vacuous => "vacuous",
            Self::Panic => "panic",
        }
    }

    /// Exit code of a process whose only run ended so.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Safety => 10,
            Self::Liveness => 11,
            Self::Nondeterminism => 12,
            Self::Vacuous => 13,
            Self::Panic => 101,
        }
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Exit code of several runs: the first of 101, 10, 12, 11, 13 that occurs.
pub fn exit_code(verdicts: impl Iterator<Item = VerdictKind>) -> u8 {
    const SEVERITY: [u8; 5] = [101, 10, 12, 11, 13];
    let codes: Vec<u8> = verdicts.map(VerdictKind::exit_code).collect();
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

impl RunReport {
    /// Simulated time at which it was seen that the run fails; `None` if it passed or that is not known.
    pub fn failed_at_seconds(&self) -> Option<f64> {
        match &self.verdict {
            Verdict::Pass | Verdict::Nondeterminism(_) | Verdict::Panic(_) => None,
            Verdict::Safety(failure) | Verdict::Liveness(failure) => Some(failure.at.as_secs_f64()),
            Verdict::Vacuous(_) => Some(self.sim_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_several_failures_when_the_exit_code_is_chosen_then_the_gravest_wins() {
        use VerdictKind::{Liveness, Nondeterminism, Panic, Pass, Safety, Vacuous};
        for (verdicts, code) in [
            (&[Pass][..], 0),
            (&[Vacuous, Pass], 13),
            (&[Vacuous, Liveness], 11),
            (&[Liveness, Nondeterminism], 12),
            (&[Vacuous, Safety, Liveness, Nondeterminism], 10),
            (&[Safety, Panic], 101),
        ] {
            assert_eq!(exit_code(verdicts.iter().copied()), code, "{verdicts:?}");
        }
    }
}
