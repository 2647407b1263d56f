//! `dagstorm replay`: one run, with everything that happens in it. `dagstorm show`: its plan.

use std::path::{Path, PathBuf};

use scenarios::{
    card::{Card, KeptPlan, Origin},
    plan::Plan,
    report::Verdict,
    run::Untouched,
    runner,
    scenario::{Request, Scenario},
};

use super::{ReplayArguments, ShowArguments, asked::AskedArguments, failures, output, summary, usage};

pub fn replay(arguments: &ReplayArguments) -> u8 {
    let what = &arguments.what;
    let asked = &arguments.asked;
    let from_seed = Origin::Seed { asked: asked.asked(), plan: KeptPlan::NotAsked };
    let (plan, origin) = match (Scenario::by_name(what), arguments.seed) {
        (Some(scenario), Some(seed)) => match plan_of(scenario, seed, asked) {
            Ok(plan) => (plan, from_seed),
            Err(sentence) => return usage(&sentence),
        },
        (Some(_), None) => return usage(&format!("replay {what} needs --seed")),
        (None, Some(_)) => return usage(&format!("no scenario is named '{what}', and a plan file has its own seed")),
        (None, None) if let Some(own) = asked.first() => {
            return usage(&format!("no scenario is named '{what}', and a plan file has its own {own}"));
        }
        (None, None) => match Plan::read(Path::new(what)) {
            Ok(plan) => (plan, Origin::File(PathBuf::from(what))),
            Err(error) => return usage(&error.to_string()),
        },
    };
    // Printed as it happens: a run that panics or hangs shows how far it came.
    let report = runner::run_and_listen(plan.clone(), Box::new(Untouched), |entry| output::plain(&entry.to_string()));
    match report.verdict {
        Verdict::Pass => summary::print_run(&report),
        // The last events stand right above.
        _ => {
            output::plain("");
            failures::print_card(Card::new(&report, &plan, origin, None).as_ref());
        }
    }
    report.verdict.exit_code()
}

pub fn show(arguments: &ShowArguments) -> u8 {
    match plan_of(arguments.scenario.0, arguments.seed, &arguments.asked) {
        Ok(plan) => output::plain(plan.to_text().trim_end()),
        Err(sentence) => return usage(&sentence),
    }
    0
}

fn plan_of(scenario: Scenario, seed: u64, asked: &AskedArguments) -> Result<Plan, String> {
    let request = asked.request().map_err(|error| error.to_string())?;
    scenario.expand(&Request { seed, ..request }).map_err(|error| error.to_string())
}
