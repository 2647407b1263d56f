//! Laws of the DAG store on random DAGs, against a second GHOSTDAG written from the definition.
//!
//! Every run draws the same DAGs; `PROPTEST_RNG_SEED` draws others.

mod dropping;
mod ghostdag;
mod growth;
mod limits;
mod long_run;
mod model;
mod plan;
mod queries;

use std::cell::Cell;

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use plan::{Family, Plan};

/// Checks `law` on as many plans of a family as asked for, and returns on how many it was checked.
fn check(family: Family, cases: u32, law: impl Fn(&Plan) -> Result<(), TestCaseError>) -> u32 {
    let defaults = Config::default();
    let rng_seed = match defaults.rng_seed {
        RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
        RngSeed::Random => RngSeed::Fixed(5),
    };
    let mut runner = TestRunner::new(Config { cases, rng_seed, failure_persistence: None, ..defaults });
    let checked = Cell::new(0);
    let outcome = runner.run(&plan::plans(family), |plan| {
        law(&plan)?;
        checked.set(checked.get() + 1);
        Ok(())
    });
    assert!(outcome.is_ok(), "{family:?}: {}", outcome.map_or_else(|error| error.to_string(), |()| String::new()));
    checked.get()
}
