//! `dagstorm replay`: one run, with everything that happens in it. `dagstorm show`: its plan.

use std::{fs, path::Path, sync::mpsc, thread};

use scenarios::{
    plan::{MOST_BYTES, Plan},
    run::Untouched,
    runner,
    scenario::Scenario,
};

use super::{
    ReplayArguments, ShowArguments, USAGE, output,
    run::{print_report, replay_command},
};

pub fn replay(arguments: &ReplayArguments) -> u8 {
    let what = &arguments.what;
    let (plan, from_file) = match (Scenario::by_name(what), arguments.seed) {
        (Some(scenario), Some(seed)) => (scenario.plan(seed, arguments.seconds), false),
        (Some(_), None) => return usage(&format!("replay {what} needs --seed")),
        (None, Some(_)) => return usage(&format!("no scenario is named '{what}', and a plan file has its own seed")),
        (None, None) => match read_plan(Path::new(what)) {
            Ok(plan) => (plan, true),
            Err(error) => return usage(&error),
        },
    };
    let (sender, receiver) = mpsc::channel();
    let report = thread::scope(|scope| {
        let run = scope.spawn(|| runner::run_with_listener(plan, Some(sender), Box::new(Untouched)));
        // Printed as it happens: a run that panics or hangs shows how far it came.
        for entry in receiver {
            output::plain(&entry.to_string());
        }
        run.join().expect("a panic inside the run is a verdict")
    });
    let again =
        if from_file { format!("dagstorm replay {what}") } else { replay_command(&report, arguments.seconds, None) };
    print_report(&report, &again);
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
