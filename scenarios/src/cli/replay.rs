//! `dagstorm replay`: one run, with everything that happens in it. `dagstorm show`: its plan.

use std::path::{Path, PathBuf};

use scenarios::{
    card::{Card, KeptPlan, Origin},
    plan::Plan,
    report::Verdict,
    run::Untouched,
    runner,
    scenario::{DEFAULT_SECONDS, Scenario},
};

use super::{ReplayArguments, ShowArguments, USAGE, failures, output, summary};

pub fn replay(arguments: &ReplayArguments) -> u8 {
    let what = &arguments.what;
    let seconds = arguments.seconds.unwrap_or(DEFAULT_SECONDS);
    let from_seed = Origin::Seed { seconds, plan: KeptPlan::NotAsked };
    let (plan, origin) = match (Scenario::by_name(what), arguments.seed) {
        (Some(scenario), Some(seed)) => (scenario.plan(seed, seconds), from_seed),
        (Some(_), None) => return usage(&format!("replay {what} needs --seed")),
        (None, Some(_)) => return usage(&format!("no scenario is named '{what}', and a plan file has its own seed")),
        (None, None) if arguments.seconds.is_some() => {
            return usage(&format!("no scenario is named '{what}', and a plan file has its own length of storm"));
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
    output::plain(arguments.scenario.0.plan(arguments.seed, arguments.seconds).to_text().trim_end());
    0
}

fn usage(message: &str) -> u8 {
    output::error(message);
    USAGE
}
