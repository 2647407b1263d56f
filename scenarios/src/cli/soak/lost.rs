//! Runs that took their process with them: what is known of them, which is the plan.

use std::{panic, time::Duration};

use kaspa_hashes::Hash;
use scenarios::{
    card::{Asked, KeptPlan, Origin},
    coverage::Coverage,
    plan::Plan,
    report::{Figures, RunReport, Verdict},
    run,
    scenario::Request,
};

use super::{
    super::failures::{Failures, Told},
    process::{Finished, Lost},
    span::Span,
    work::Task,
};

/// What is told of runs that were lost.
pub struct LostRuns<'a> {
    pub request: &'a Request,
    pub asked: &'a Asked,
    pub failures: &'a Failures,
    pub timeout: Span,
}

impl LostRuns<'_> {
    /// The failure of a run that was lost. Its plan is kept.
    pub fn tell(&self, task: Task, lost: Lost) -> Finished {
        let plan = self.plan(task);
        let verdict = self.verdict(lost);
        let is_hung = matches!(verdict, Verdict::Liveness(_));
        let report = RunReport {
            scenario: task.scenario.name().to_owned(),
            seed: task.seed,
            plan_digest: plan.as_ref().map_or_else(Hash::default, Plan::digest),
            verdict,
            hash: Hash::default(),
            sim_seconds: 0.0,
            cpu_seconds: 0.0,
            figures: Figures::default(),
            coverage: Coverage::default(),
        };
        let origin = match &plan {
            Some(plan) => self.failures.keep(plan),
            None => Origin::Seed { asked: self.asked.clone(), plan: KeptPlan::NotAsked },
        };
        let mut line = report.to_line(&origin);
        // Nobody knows how far it came.
        line.failed_at_seconds = None;
        let (what, heading) = (if is_hung { "HUNG" } else { "DIED" }, format!("{} seed {}", line.scenario, line.seed));
        let labelled = |label: &str, text: &str| format!("{label:>12} {text}");
        let replay = line.replay.clone().unwrap_or_default();
        let told = Told {
            line: labelled(what, &format!("{heading}: {replay}")),
            card: vec![
                labelled(what, &heading),
                labelled("Seen", line.explanation.as_deref().unwrap_or_default()),
                labelled("Replay", &replay),
            ],
        };
        Finished { line, told: Some(told) }
    }

    /// The plan, unless it is the seed's expansion that panics.
    fn plan(&self, task: Task) -> Option<Plan> {
        let request = Request { seed: task.seed, ..self.request.clone() };
        panic::catch_unwind(|| task.scenario.expand(&request).ok()).ok().flatten()
    }

    fn verdict(&self, lost: Lost) -> Verdict {
        match lost {
            Lost::Hung => {
                let message = format!("the run hung: it took longer than {} and its process was killed", self.timeout);
                Verdict::Liveness(run::stall(Duration::ZERO, message))
            }
            Lost::Died { how, last_words } => {
                let last_words = last_words.map_or_else(String::new, |words| format!("; it said last: {words}"));
                Verdict::Panic(format!("the process of the run ended {how}{last_words}"))
            }
        }
    }
}
