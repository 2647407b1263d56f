//! The result as a plan file with a head that says what it is, and as a test that is ready to be kept.

use super::Shrunk;
use crate::{
    card::text::{cut, for_shell, one_line},
    plan::Plan,
    report::Verdict,
};

/// Columns of a comment.
const WIDTH: usize = 110;

/// Where kept plans and tests stand, seen from the project's folder.
const REGRESSIONS: &str = "scenarios/regressions/";
const TESTS: &str = "scenarios/tests/";

/// The shrunk plan as a file. `name` is the file's, without a folder and without `.toml`.
pub fn plan_file(shrunk: &Shrunk, name: &str) -> String {
    let Shrunk { plan, report, before, after, is_minimal, .. } = shrunk;
    let (property, meaning) = report.verdict.property().unwrap_or_default();
    // The head has one line for each: a message may have many, and must not end the comment.
    let seen = one_line(&report.verdict.explanation().unwrap_or_default());
    let end = if *is_minimal { "" } else { "; stopped at the budget" };
    let file = for_shell(format!("{}.toml", one_line(name)).as_ref());
    let lines = [
        "A plan made smaller, as long as its run failed in the same way.".to_owned(),
        cut(&format!("Fails:   {}, {property}: {meaning}", report.verdict.word()), WIDTH),
        cut(&format!("Seen:    {seen}"), WIDTH),
        format!("From:    {} with seed {}", plan.scenario, plan.seed.0),
        format!("Size:    {}{end}", before.to_words(after)),
        format!("Replay:  dagstorm replay {file}"),
        format!("Keep it: cp {file} {REGRESSIONS}"),
    ];
    let head: String = lines.iter().map(|line| format!("# {line}\n")).collect();
    format!("{head}\n{}", plan.to_text())
}

/// A test that runs the plan `name.toml` among the kept ones, and fails as long as the bug is there.
pub fn test_file(shrunk: &Shrunk, name: &str) -> String {
    let Shrunk { plan, report, .. } = shrunk;
    let (property, meaning) = report.verdict.property().unwrap_or_default();
    let check = matches!(report.verdict, Verdict::Nondeterminism(_));
    let file = name.escape_default();
    format!(
        r#"//! A plan that was kept from a failure. To keep this test too:
//! - the plan `{title}.toml` goes to `{REGRESSIONS}`,
//! - this file goes to `{TESTS}{module}.rs`.

use scenarios::{{plan::Plan, report::Verdict, runner::run_plan}};

/// {meaning}.
#[test]
fn {test}() {{
    let plan = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/regressions/{file}.toml"));
    let plan = Plan::parse(plan).expect("the plan can be run");
    assert_eq!(run_plan(&plan, {check}).verdict, Verdict::Pass);
}}
"#,
        title = one_line(name),
        meaning = sentence(meaning),
        module = identifier(name),
        test = test_name(plan, property),
    )
}

/// `given_..._when_..._then_...`
fn test_name(plan: &Plan, property: &str) -> String {
    let property = match property {
        "no-panic" => "nothing_panics".to_owned(),
        property => format!("{}_holds", identifier(property)),
    };
    format!("given_the_shrunk_plan_of_{}_seed_{}_when_run_then_{property}", identifier(&plan.scenario), plan.seed.0)
}

/// The name with an underscore for everything that a Rust name cannot have.
fn identifier(name: &str) -> String {
    name.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect()
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + characters.as_str())
}
