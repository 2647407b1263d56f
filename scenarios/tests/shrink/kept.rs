//! A plan that was kept from a failure. To keep this test too:
//! - the plan `machine-economy-1-09676e5e.shrunk.toml` goes to `scenarios/regressions/`,
//! - this file goes to `scenarios/tests/machine_economy_1_09676e5e_shrunk.rs`.

use scenarios::{plan::Plan, report::Verdict, runner::run_plan};

/// The state machine takes what its bridge tells, opens after every crash, and ends where a straight replay leads.
#[test]
fn given_the_shrunk_plan_of_machine_economy_seed_1_when_run_then_machine_holds() {
    let plan = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/regressions/machine-economy-1-09676e5e.shrunk.toml"));
    let plan = Plan::parse(plan).expect("the plan can be run");
    assert_eq!(run_plan(&plan, false).verdict, Verdict::Pass);
}
