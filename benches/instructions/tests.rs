//! When the gate fails, without valgrind.

#[allow(dead_code, reason = "the gate also reads and writes the file")]
mod baseline;
#[allow(dead_code, reason = "the gate finds paths by their names")]
mod hot_path;
mod profile;

use std::collections::BTreeSet;

use baseline::{Baseline, Judgement, Tools};
use hot_path::HotPath;
use profile::ProfileError;

const PATH: &str = "bridge::follow";

fn baseline(instructions: u64) -> Baseline {
    Baseline { made_with: tools(), instructions: [(PATH.to_owned(), instructions)].into() }
}

fn tools() -> Tools {
    Tools {
        rustc: "1.0.0 (0123456 2015-05-15)".to_owned(),
        target: "x86_64-unknown-linux-gnu".to_owned(),
        c_library: "glibc 2.36".to_owned(),
        valgrind: "valgrind-3.19.0".to_owned(),
        vectors: "avx2".to_owned(),
    }
}

#[test]
fn given_a_count_six_percent_above_when_judged_then_it_is_slower() {
    assert_eq!(baseline(1_000_000).judge(PATH, 1_060_000), Judgement::Slower);
}

#[test]
fn given_a_count_four_percent_above_or_below_when_judged_then_it_is_kept() {
    assert_eq!(baseline(1_000_000).judge(PATH, 1_040_000), Judgement::Kept);
    assert_eq!(baseline(1_000_000).judge(PATH, 960_000), Judgement::Kept);
}

#[test]
fn given_a_count_six_percent_below_when_judged_then_the_gain_must_be_kept() {
    assert_eq!(baseline(1_000_000).judge(PATH, 940_000), Judgement::Faster);
}

#[test]
fn given_a_count_at_a_bound_when_judged_then_one_instruction_more_decides() {
    let judge = |count| baseline(1_000_000).judge(PATH, count);
    assert_eq!([judge(1_050_000), judge(1_050_001)], [Judgement::Kept, Judgement::Slower]);
    assert_eq!([judge(950_000), judge(949_999)], [Judgement::Kept, Judgement::Faster]);
}

#[test]
fn given_the_largest_counts_when_judged_then_nothing_overflows() {
    assert_eq!(baseline(1).judge(PATH, u64::MAX), Judgement::Slower);
    assert_eq!(baseline(u64::MAX).judge(PATH, 1), Judgement::Faster);
    assert_eq!(baseline(u64::MAX).judge(PATH, u64::MAX), Judgement::Kept);
}

#[test]
fn given_a_path_without_a_baseline_when_judged_then_it_is_unknown() {
    assert_eq!(baseline(1_000_000).judge("state::apply", 1), Judgement::Unknown);
}

#[test]
fn given_a_baseline_as_text_when_parsed_then_it_is_the_same_and_names_the_command() {
    let baseline = baseline(1_000_000);
    let text = baseline.text("the command").expect("the counts fit");
    assert_eq!(Baseline::parse(&text).as_ref(), Ok(&baseline));
    assert!(text.contains("\n# the command\n"), "{text}");
}

#[test]
fn given_a_count_of_no_path_when_looked_for_then_it_is_left_over() {
    let baseline = baseline(1_000_000);
    assert_eq!(baseline.left_over(&["state::apply"]), [PATH]);
    assert_eq!(baseline.left_over(&["state::apply", PATH]), [""; 0]);
}

#[test]
fn given_the_committed_baseline_when_parsed_then_it_has_every_path_once_and_no_path_of_a_machine() {
    let text = include_str!("baseline.toml");
    let committed = Baseline::parse(text).expect("an update writes well-formed files");
    let names: BTreeSet<_> = committed.instructions.keys().map(String::as_str).collect();
    assert_eq!(names, HotPath::ALL.map(HotPath::name).into());
    assert_eq!(names.len(), HotPath::ALL.len(), "two paths share a name");
    assert!(committed.instructions.values().all(|&count| count > 100_000), "{committed:?}");
    assert!(!text.contains(env!("CARGO_MANIFEST_DIR")), "{text}");
}

/// What callgrind writes: the counted function, what it calls, and who calls it.
const PROFILE: &str = "\
events: Ir

fn=(7) instructions::counted_region
119 7
cfn=(9) core::ops::function::FnOnce::call_once{{vtable.shim}}
calls=1 250
* 93

fn=(9)
250 93

fn=(2) async_task::raw::RawTask<F,T,S,M>::run
cfn=(7)
calls=1 119
250 100

totals: 100
";

#[test]
fn given_one_call_of_the_counted_function_when_read_then_it_is_the_sum() {
    assert_eq!(profile::instructions(PROFILE), Ok(100));
}

#[test]
fn given_the_counted_function_with_a_hash_when_read_then_it_is_the_same() {
    assert_eq!(profile::instructions(&PROFILE.replace("_region", "_region::h0123456789abcdef")), Ok(100));
}

#[test]
fn given_no_sum_or_none_above_zero_when_read_then_nothing_was_counted() {
    assert_eq!(profile::instructions(""), Err(ProfileError::Nothing));
    assert_eq!(profile::instructions(&PROFILE.replace("totals: 100", "totals: 0")), Err(ProfileError::Nothing));
}

#[test]
fn given_two_calls_of_the_counted_function_when_read_then_it_is_refused() {
    let again = format!("{PROFILE}\ncfn=(7)\ncalls=1 119\n251 100\n");
    for text in [PROFILE.replace("calls=1 119", "calls=2 119"), again] {
        assert_eq!(profile::instructions(&text), Err(ProfileError::NotOnce { functions: 1, calls: 2 }));
    }
}

#[test]
fn given_a_second_function_that_the_pattern_matches_when_read_then_it_is_refused() {
    let text = PROFILE.replace("core::ops::function::FnOnce::call_once", "instructions::counted_region::{{closure}}");
    assert_eq!(profile::instructions(&text), Err(ProfileError::NotOnce { functions: 2, calls: 2 }));
}

#[test]
fn given_a_sum_of_other_functions_when_read_then_it_is_refused() {
    let text = PROFILE.replace("counted_region", "elsewhere");
    assert_eq!(profile::instructions(&text), Err(ProfileError::NotOnce { functions: 0, calls: 0 }));
}

#[test]
fn given_instructions_outside_of_the_counted_function_when_read_then_it_is_refused() {
    let text = PROFILE.replace("totals: 100", "totals: 101");
    assert_eq!(profile::instructions(&text), Err(ProfileError::Outside { total: 101, inside: 100 }));
}
