//! The JSON object of a run: what `--json` prints, and what the processes of a soak tell each other.
//!
//! Fields are added and never change their meaning.

use serde::{Deserialize, Serialize};

use super::{Figures, RunReport, VerdictKind};
use crate::{card::Origin, coverage::Coverage};

/// One run, as one JSON object. Fields without a value are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunLine {
    /// Name of the scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Identity of the plan.
    pub plan: String,
    /// How it ended.
    pub verdict: VerdictKind,
    /// What went wrong, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// Name of the property that did not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Simulated time at which it was seen that the run fails, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at_seconds: Option<f64>,
    /// Where the plan of a failed run was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_plan: Option<String>,
    /// The command that shows a failed run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// Hash over everything that happened; zero if the run did not come to its end.
    pub hash: String,
    /// Simulated time.
    pub sim_seconds: f64,
    /// CPU time of the run's thread; of a run that was done twice, that of the first.
    pub cpu_seconds: f64,
    /// Counts, each a field of the object.
    #[serde(flatten)]
    pub figures: Figures,
    /// Coverage points reached.
    pub coverage: Coverage,
}

impl RunReport {
    /// The run as a line. If it failed, `origin` tells where its plan is and what shows it again.
    pub fn to_line(&self, origin: &Origin) -> RunLine {
        let verdict = self.verdict.kind();
        let failed = verdict != VerdictKind::Pass;
        RunLine {
            scenario: self.scenario.clone(),
            seed: self.seed,
            plan: self.plan_digest.to_string(),
            verdict,
            explanation: self.verdict.explanation(),
            property: self.verdict.property().map(|(name, _)| name.to_owned()),
            failed_at_seconds: self.failed_at_seconds(),
            saved_plan: origin.plan_file().filter(|_| failed).map(|path| path.to_string_lossy().into_owned()),
            replay: failed.then(|| origin.replay_command(self)),
            hash: self.hash.to_string(),
            sim_seconds: self.sim_seconds,
            cpu_seconds: self.cpu_seconds,
            figures: self.figures.clone(),
            coverage: self.coverage.clone(),
        }
    }
}

impl RunLine {
    /// One JSON object without line breaks.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and text always serialize")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        card::{Asked, KeptPlan},
        runner::run_plan,
        scenario::Scenario,
    };

    #[test]
    fn given_the_line_of_a_run_when_read_back_then_it_is_the_same() {
        for (scenario, seconds) in [(Scenario::MachineEconomy, 20), (Scenario::Reorg, 60), (Scenario::Steady, 2)] {
            let report = run_plan(&scenario.plan(1, seconds), false);
            let line = report.to_line(&Origin::Seed { asked: Asked::default(), plan: KeptPlan::At("x.toml".into()) });
            let read: RunLine = serde_json::from_str(&line.to_json()).expect("it was just written");
            assert_eq!(read, line);
            assert_eq!(read.saved_plan.is_some(), read.verdict != VerdictKind::Pass);
        }
    }
}
