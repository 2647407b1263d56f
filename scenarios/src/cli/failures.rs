//! Runs that failed: their plans are kept, and each is told by a card or, when there are many, by a line.

use std::{
    fs,
    path::{Path, PathBuf},
};

use scenarios::{
    card::{self, Card, KeptPlan, Origin},
    plan::Plan,
    report::{RunReport, Verdict},
    run::Untouched,
    runner,
    scenario::Scenario,
};

use super::output;

/// Failures of one command that get a card.
const MOST_CARDS: usize = 3;

/// The failures of one command.
pub struct Failures {
    save_dir: PathBuf,
    printed: usize,
}

impl Failures {
    /// None yet; plans go to `save_dir`.
    pub fn new(save_dir: &Path) -> Self {
        Self { save_dir: save_dir.to_owned(), printed: 0 }
    }

    /// Keeps the plan of a failed run of a seed and prints its card; after the first few, one line.
    pub fn print(&mut self, report: &RunReport, seconds: u64) {
        let Some(plan) = plan_of(report, seconds) else { return };
        let origin = keep_plan(report, seconds, &self.save_dir);
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
}

/// Prints a card and an empty line, if there is a card.
pub fn print_card(card: Option<&Card>) {
    if let Some(card) = card {
        output::bad(&card.lines());
        output::plain("");
    }
}

/// Keeps the plan of a failed run, which outlives changes of what its seed means, and tells where. That it cannot be kept is
/// told, and changes nothing else. The plan of a run that passed is not kept.
pub fn keep_plan(report: &RunReport, seconds: u64, directory: &Path) -> Origin {
    let failed = report.verdict != Verdict::Pass;
    let Some(plan) = plan_of(report, seconds).filter(|_| failed) else {
        return Origin::Seed { seconds, plan: KeptPlan::NotAsked };
    };
    let digest = &report.plan_digest.to_string()[..8];
    let path = directory.join(format!("{}-{}-{digest}.toml", report.scenario, report.seed));
    let kept = match fs::create_dir_all(directory).and_then(|()| fs::write(&path, plan.to_text())) {
        Ok(()) => KeptPlan::At(path),
        Err(error) => {
            output::error(&format!("cannot keep the plan of the failed run at {}: {error}", path.display()));
            KeptPlan::Lost
        }
    };
    Origin::Seed { seconds, plan: kept }
}

fn plan_of(report: &RunReport, seconds: u64) -> Option<Plan> {
    Scenario::by_name(&report.scenario).map(|scenario| scenario.plan(report.seed, seconds))
}
