//! `dagstorm replay`: one run, with everything that happens in it. `dagstorm show`: its plan.

use std::{
    fs,
    path::{Path, PathBuf},
};

use scenarios::{
    card::{Card, KeptPlan, Origin},
    plan::{MOST_BYTES, Plan},
    report::Verdict,
    run::Untouched,
    runner,
    scenario::Scenario,
};

use super::{ReplayArguments, ShowArguments, USAGE, failures, output, summary};

pub fn replay(arguments: &ReplayArguments) -> u8 {
    let what = &arguments.what;
    let seconds = arguments.seconds;
    let from_seed = Origin::Seed { seconds, plan: KeptPlan::NotAsked };
    let (plan, origin) = match (Scenario::by_name(what), arguments.seed) {
        (Some(scenario), Some(seed)) => (scenario.plan(seed, seconds), from_seed),
        (Some(_), None) => return usage(&format!("replay {what} needs --seed")),
        (None, Some(_)) => return usage(&format!("no scenario is named '{what}', and a plan file has its own seed")),
        (None, None) => match read_plan(Path::new(what)) {
            Ok(plan) => (plan, Origin::File(PathBuf::from(what))),
            Err(error) => return usage(&error),
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

fn read_plan(path: &Path) -> Result<Plan, String> {
    let named = |problem: String| format!("{}: {problem}", path.display());
    let length = fs::metadata(path).map_err(|error| named(error.to_string()))?.len();
    if length > MOST_BYTES as u64 {
        return Err(named(format!("{length} bytes, at most {MOST_BYTES} are read")));
    }
    let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    Plan::parse(&text).map_err(|error| named(error.to_string()))
}

fn usage(message: &str) -> u8 {
    output::error(message);
    USAGE
}
