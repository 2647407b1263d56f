//! Draws cases and shows the smallest one that breaks a law, with the command that draws it again.
//!
//! Invariant: what a test draws depends on the seed and the test's own number alone, so that a run can be repeated and
//! no two tests draw the same.

use std::fmt::Debug;

use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestError, TestRunner},
};

/// The seed, unless the environment variable that proptest reads holds another.
const SEED: u64 = 20_260_101;

/// The variable. Source: `proptest::test_runner::contextualize_config`.
const VARIABLE: &str = "PROPTEST_RNG_SEED";

/// Checks so many cases. `test` is the calling test's own number.
///
/// # Panics
/// If a check fails, with the smallest case found and the command to repeat it.
pub fn for_all<C: Debug>(
    cases: u32,
    test: u64,
    strategy: &impl Strategy<Value = C>,
    check: impl Fn(C) -> Result<(), TestCaseError>,
) {
    let defaults = ProptestConfig::default();
    let seed = match defaults.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => SEED,
    };
    for_all_from(seed, ProptestConfig { cases, ..defaults }, test, strategy, check);
}

fn for_all_from<C: Debug>(
    seed: u64,
    config: ProptestConfig,
    test: u64,
    strategy: &impl Strategy<Value = C>,
    check: impl Fn(C) -> Result<(), TestCaseError>,
) {
    // Far apart, so that the next seed is not the next test.
    let rng_seed = RngSeed::Fixed(seed.wrapping_add(test << 32));
    let config = ProptestConfig { rng_seed, failure_persistence: None, ..config };
    let again = format!("again with: {VARIABLE}={seed} cargo test -p bridge --test rig");
    match TestRunner::new(config).run(strategy, check) {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => panic!("{reason}\n{again}\nsmallest case: {case:?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}\n{again}"),
    }
}

mod tests {
    use std::cell::RefCell;

    use super::*;

    fn drawn(seed: u64, test: u64) -> Vec<u64> {
        let drawn = RefCell::new(Vec::new());
        for_all_from(seed, ProptestConfig { cases: 8, ..ProptestConfig::default() }, test, &any::<u64>(), |number| {
            drawn.borrow_mut().push(number);
            Ok(())
        });
        drawn.into_inner()
    }

    #[test]
    fn given_a_seed_when_cases_are_drawn_twice_then_they_are_the_same_and_others_for_other_seeds_and_tests() {
        assert_eq!(drawn(1, 2), drawn(1, 2));
        assert_ne!(drawn(1, 2), drawn(2, 2));
        assert_ne!(drawn(1, 2), drawn(1, 3));
    }

    #[test]
    #[should_panic(expected = "again with: PROPTEST_RNG_SEED=77 cargo test -p bridge --test rig\nsmallest case: 10")]
    fn given_a_check_that_fails_when_told_then_the_command_to_repeat_it_and_the_smallest_case_are_shown() {
        for_all_from(77, ProptestConfig { cases: 100, ..ProptestConfig::default() }, 1, &(0..1_000_u32), |number| {
            prop_assert!(number < 10);
            Ok(())
        });
    }
}
