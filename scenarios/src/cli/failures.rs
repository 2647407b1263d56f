//! Runs that failed: their plans are kept, and each is told by a card or, when there are many, by a line.

use std::{
    fs,
    path::{Path, PathBuf},
};

use scenarios::{
    card::{self, Asked, Card, KeptPlan, Origin},
    plan::Plan,
    report::{RunReport, Verdict},
    run::Untouched,
    runner,
    scenario::{Request, Scenario},
};

use super::output;

/// Failures of one command that get a card.
const MOST_CARDS: usize = 3;

/// The failures of one command.
pub struct Failures {
    save_dir: PathBuf,
    request: Request,
    asked: Asked,
    printed: usize,
}

impl Failures {
    /// None yet of runs of `request`, whose options were `asked`; plans go to `save_dir`.
    pub fn new(save_dir: &Path, request: Request, asked: Asked) -> Self {
        Self { save_dir: save_dir.to_owned(), request, asked, printed: 0 }
    }

    /// Keeps the plan of a failed run of a seed and prints its card; after the first few, one line.
    pub fn print(&mut self, report: &RunReport) {
        let Some(plan) = self.plan_of(report) else { return };
        let origin = self.keep_plan(report);
        self.printed += 1;
        if self.printed == MOST_CARDS + 1 {
            output::plain(&format!("The first {MOST_CARDS} failures have a card; each further one has a line."));
        }
        if self.printed > MOST_CARDS {
            Card::new(report, &plan, origin, None).iter().for_each(|card| output::bad(&[card.line()]));
            return;
        }
        // Where two runs differ, the end of a third explains nothing.
        let has_an_ending = !matches!(report.verdict, Verdict::Nondeterminism(_));
        let run_again =
            || runner::run_for_ending(plan.clone(), Box::new(Untouched), card::MOST_EVENTS, card::is_notable);
        let ending = has_an_ending.then(run_again);
        print_card(Card::new(report, &plan, origin, ending).as_ref());
    }

    /// Keeps the plan of a failed run, which outlives changes of what its seed means, and tells where. That it cannot be kept
    /// is told, and changes nothing else. The plan of a run that passed is not kept.
    pub fn keep_plan(&self, report: &RunReport) -> Origin {
        let failed = report.verdict != Verdict::Pass;
        let Some(plan) = self.plan_of(report).filter(|_| failed) else {
            return Origin::Seed { asked: self.asked.clone(), plan: KeptPlan::NotAsked };
        };
        let digest = &report.plan_digest.to_string()[..8];
        let path = self.save_dir.join(format!("{}-{}-{digest}.toml", report.scenario, report.seed));
        let kept = match fs::create_dir_all(&self.save_dir).and_then(|()| fs::write(&path, plan.to_text())) {
            Ok(()) => KeptPlan::At(path),
            Err(error) => {
                output::error(&format!("cannot keep the plan of the failed run at {}: {error}", path.display()));
                KeptPlan::Lost
            }
        };
        Origin::Seed { asked: self.asked.clone(), plan: kept }
    }

    fn plan_of(&self, report: &RunReport) -> Option<Plan> {
        let request = Request { seed: report.seed, ..self.request.clone() };
        Scenario::by_name(&report.scenario)?.expand(&request).ok()
    }
}

/// Prints a card and an empty line, if there is a card.
pub fn print_card(card: Option<&Card>) {
    if let Some(card) = card {
        output::bad(&card.lines());
        output::plain("");
    }
}
