//! When the gate fails, without valgrind.

#[allow(dead_code, reason = "the gate also reads and writes the file")]
mod baseline;

use baseline::{Baseline, Judgement, Tools};

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
fn given_the_committed_baseline_when_parsed_then_it_has_the_five_paths_and_no_path_of_a_machine() {
    let text = include_str!("baseline.toml");
    let committed = Baseline::parse(text).expect("an update writes well-formed files");
    assert!(committed.instructions.len() >= 5, "{committed:?}");
    assert!(committed.instructions.values().all(|&count| count > 100_000), "{committed:?}");
    assert!(!text.contains(env!("CARGO_MANIFEST_DIR")), "{text}");
}
