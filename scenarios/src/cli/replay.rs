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
    let (plan, origin) = match plan_to_replay(arguments) {
        Ok(found) => found,
        Err(sentence) => return usage(&sentence),
    };
    // Printed as it happens: a run that panics or hangs shows how far it came.
    let report = runner::run_and_listen(plan.clone(), Box::new(Untouched), |entry| output::plain(&entry.to_string()));
    match report.verdict {
        Verdict::Pass => summary::print_run(&report.to_line(&origin)),
        // The last events stand right above.
        _ => {
            output::plain("");
            failures::print_card(Card::new(&report, &plan, origin, None).as_ref());
        }
    }
    report.verdict.exit_code()
}

/// The plan of a scenario's seed or of a file, and where it came from.
fn plan_to_replay(arguments: &ReplayArguments) -> Result<(Plan, Origin), String> {
    let asked = &arguments.asked;
    let named = arguments.what.as_deref().map(|what| (what, Scenario::by_name(what)));
    if let Some((what, None)) = named {
        return plan_of_file(what, arguments);
    }
    let named = named.and_then(|(_, scenario)| scenario);
    let scenario = asked.scenario_of_profile(named)?.or(named).ok_or("replay needs a plan file or a scenario")?;
    let seed = arguments.seed.ok_or_else(|| format!("replay {} needs --seed", scenario.name()))?;
    Ok((plan_of(scenario, seed, asked)?, Origin::Seed { asked: asked.asked(), plan: KeptPlan::NotAsked }))
}

fn plan_of_file(what: &str, arguments: &ReplayArguments) -> Result<(Plan, Origin), String> {
    if let Some(own) = arguments.seed.map(|_| "seed").or(arguments.asked.first()) {
        return Err(format!("no scenario is named '{what}', and a plan file has its own {own}"));
    }
    let plan = Plan::read(Path::new(what)).map_err(|error| error.to_string())?;
    Ok((plan, Origin::File(PathBuf::from(what))))
}

pub fn show(arguments: &ShowArguments) -> u8 {
    match plan_to_show(arguments) {
        Ok(plan) => output::plain(plan.to_text().trim_end()),
        Err(sentence) => return usage(&sentence),
    }
    0
}

fn plan_to_show(arguments: &ShowArguments) -> Result<Plan, String> {
    let named = arguments.scenario.as_ref().map(|named| named.0);
    let of_profile = arguments.asked.scenario_of_profile(named)?;
    let scenario = of_profile.or(named).ok_or("show needs a scenario or a profile")?;
    plan_of(scenario, arguments.seed, &arguments.asked)
}

fn plan_of(scenario: Scenario, seed: u64, asked: &AskedArguments) -> Result<Plan, String> {
    let request = asked.request()?;
    scenario.expand(&Request { seed, ..request }).map_err(|error| error.to_string())
}
