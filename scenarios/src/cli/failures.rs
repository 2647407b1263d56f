//! Runs that failed: their plans are kept, and each is told by a card or, when there are many, by a line.

use std::{
    fs,
    path::{Path, PathBuf},
    slice,
};

use scenarios::{
    card::{self, Asked, Card, KeptPlan, Origin},
    plan::Plan,
    report::{RunReport, Verdict},
    run::Untouched,
    runner,
    scenario::{Request, Scenario},
};
use serde::{Deserialize, Serialize};

use super::output;

/// Failures of one command that get a card.
pub const MOST_CARDS: usize = 3;

/// What becomes of the failures of one command.
pub struct Failures {
    save_dir: PathBuf,
    request: Request,
    asked: Asked,
    printed: Printed,
}

/// What is printed of a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// In one line.
    pub line: String,
    /// As a card; empty if none was asked for.
    pub card: Vec<String>,
}

/// How many failures were told.
#[derive(Default)]
pub struct Printed(usize);

impl Printed {
    /// Whether the next failure gets a card.
    pub fn has_cards_left(&self) -> bool {
        self.0 < MOST_CARDS
    }

    /// Prints a failure: as a card if it has one, as one line after the first few.
    pub fn print(&mut self, told: &Told) {
        if self.0 == MOST_CARDS {
            output::plain(&format!("The first {MOST_CARDS} failures have a card; each further one has a line."));
        }
        if self.has_cards_left() && !told.card.is_empty() {
            output::bad(&told.card);
            output::plain("");
        } else {
            output::bad(slice::from_ref(&told.line));
        }
        self.0 += 1;
    }
}

impl Failures {
    /// None yet of runs of `request`, whose options were `asked`; plans go to `save_dir`.
    pub fn new(save_dir: &Path, request: Request, asked: Asked) -> Self {
        Self { save_dir: save_dir.to_owned(), request, asked, printed: Printed::default() }
    }

    /// Prints the card of a failed run, whose plan is where `origin` says; after the first few, one line.
    pub fn print(&mut self, report: &RunReport, origin: &Origin) {
        if let Some(told) = self.tell(report, origin, self.printed.has_cards_left()) {
            self.printed.print(&told);
        }
    }

    /// What is to be printed of a failed run. For a card the run is done again: it shows how it ended.
    pub fn tell(&self, report: &RunReport, origin: &Origin, with_card: bool) -> Option<Told> {
        let plan = self.plan_of(report)?;
        let line = Card::new(report, &plan, origin.clone(), None)?.line();
        if !with_card {
            return Some(Told { line, card: Vec::new() });
        }
        // Where two runs differ, the end of a third explains nothing.
        let has_an_ending = !matches!(report.verdict, Verdict::Nondeterminism(_));
        let run_again =
            || runner::run_for_ending(plan.clone(), Box::new(Untouched), card::MOST_EVENTS, card::is_notable);
        let ending = has_an_ending.then(run_again);
        let card = Card::new(report, &plan, origin.clone(), ending)?.lines();
        Some(Told { line, card })
    }

    /// Keeps the plan of a failed run, which outlives changes of what its seed means, and tells where. That it cannot be kept
    /// is told, and changes nothing else. The plan of a run that passed is not kept.
    pub fn keep_plan(&self, report: &RunReport) -> Origin {
        let failed = report.verdict != Verdict::Pass;
        match self.plan_of(report).filter(|_| failed) {
            None => Origin::Seed { asked: self.asked.clone(), plan: KeptPlan::NotAsked },
            Some(plan) => self.keep(&plan),
        }
    }

    /// Keeps a plan, and tells where.
    pub fn keep(&self, plan: &Plan) -> Origin {
        let digest = &plan.digest().to_string()[..8];
        let path = self.save_dir.join(format!("{}-{}-{digest}.toml", plan.scenario, plan.seed.0));
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
