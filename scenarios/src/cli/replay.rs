//! `dagstorm replay`: one run, with everything that happens in it.

use scenarios::{
    run::Untouched,
    runner::{self, Traced},
};

use super::{ReplayArguments, output, run::print_report};

pub fn replay(arguments: &ReplayArguments) -> u8 {
    let spec = arguments.scenario.0.expand(arguments.seed, arguments.seconds);
    let Traced { report, trace } = runner::run_on_fresh_thread(spec, true, Box::new(Untouched));
    for entry in &trace {
        output::plain(&entry.to_string());
    }
    print_report(&report, arguments.seconds);
    report.verdict.exit_code()
}
