//! Failure cards: what they show, that they fit on a screen, and that they do not hide what they cut.

use std::{path::PathBuf, time::Duration};

use bridge::L1Event;
use kaspa_hashes::Hash;
use scenarios::{
    card::{self, Asked, Card, KeptPlan, MOST_LINES, Origin, WIDTH},
    check::{Breach, Failure},
    plan::Plan,
    report::{RunReport, Verdict},
    run::{EventTap, Untouched},
    runner::{Ending, run_for_ending, run_on_fresh_thread},
    scenario::Scenario,
    shrink::Size,
};
use sim::trace::{Entry, Record};

/// Counts blocks and does something to one of them.
struct AtBlock<F> {
    left: u32,
    what: F,
}

impl<F: FnMut(L1Event) -> Vec<L1Event> + Send> EventTap for AtBlock<F> {
    fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
        let is_block = matches!(event, L1Event::BlockAdded(_));
        self.left = self.left.saturating_sub(u32::from(is_block));
        if is_block && self.left == 0 { (self.what)(event) } else { vec![event] }
    }
}

fn at_block(number: u32, what: impl FnMut(L1Event) -> Vec<L1Event> + Send + 'static) -> Box<dyn EventTap> {
    Box::new(AtBlock { left: number, what })
}

fn loses_a_block() -> Box<dyn EventTap> {
    at_block(20, |_| Vec::new())
}

fn panics() -> Box<dyn EventTap> {
    at_block(3, |_| panic!("left: 1\n right: 2, \u{1b}[31mplanted"))
}

fn untouched() -> Box<dyn EventTap> {
    Box::new(Untouched)
}

/// A bridge that can never get an answer in time.
fn impatient() -> Plan {
    let mut plan = Scenario::Steady.plan(1, 30);
    plan.bridges[0].request_timeout_ms = 1;
    plan
}

fn asked(seconds: u64) -> Asked {
    Asked { seconds: Some(seconds), ..Asked::default() }
}

fn saved() -> Origin {
    Origin::Seed { asked: asked(30), plan: KeptPlan::At(PathBuf::from("failures/steady-1.toml")) }
}

fn ending(plan: &Plan, tap: Box<dyn EventTap>) -> Ending {
    run_for_ending(plan.clone(), tap, card::MOST_EVENTS, card::is_notable)
}

/// A failed run and its card's second run.
fn failed(plan: &Plan, tap: fn() -> Box<dyn EventTap>) -> (RunReport, Ending) {
    let report = run_on_fresh_thread(plan.clone(), false, tap()).report;
    (report, ending(plan, tap()))
}

fn card(report: &RunReport, plan: &Plan, origin: Origin, ending: Option<Ending>) -> Card {
    Card::new(report, plan, origin, ending).expect("the run failed")
}

/// The lines of a card, without the identity of plan and run: these change with everything.
fn shown(card: &Card, report: &RunReport) -> String {
    let text = card.lines().join("\n");
    text.replace(&report.hash.to_string()[..16], "(hash)").replace(&report.plan_digest.to_string()[..8], "(plan)")
}

/// The commands on a card or in a text.
fn commands(lines: &[String]) -> Vec<&str> {
    let is_command = |text: &str| text.starts_with("dagstorm ") || text.starts_with("cp ");
    lines.iter().filter_map(|line| line.get(13..)).filter(|text| is_command(text)).collect()
}

fn report(verdict: Verdict) -> RunReport {
    let plan = Scenario::Steady.plan(1, 30);
    RunReport {
        scenario: plan.scenario.clone(),
        seed: u64::MAX,
        plan_digest: plan.digest(),
        verdict,
        hash: Hash::default(),
        sim_seconds: 31.5,
        cpu_seconds: 0.0,
        figures: Default::default(),
        coverage: Default::default(),
    }
}

fn failure(breach: Breach, message: &str) -> Failure {
    let (property, meaning) =
        ("path", "every block is the child of the tip, and so on for ever and a day, with many a word");
    Failure { property, meaning, breach, bridge: None, at: Duration::from_millis(1_234), message: message.to_owned() }
}

#[test]
fn given_a_bridge_that_loses_a_block_when_it_fails_then_the_card_ends_at_the_broken_property() {
    let plan = Scenario::Steady.plan(1, 30);
    let (report, ending) = failed(&plan, loses_a_block);
    assert_eq!(report.verdict.word(), "safety");
    assert!(ending.last.last().is_some_and(|entry| matches!(entry.record, Record::PropertyBroken { .. })));
    insta::assert_snapshot!("safety", shown(&card(&report, &plan, saved(), Some(ending)), &report));
}

#[test]
fn given_a_bridge_that_never_gets_an_answer_when_it_fails_then_the_card_shows_its_attempts() {
    let plan = impatient();
    let (report, ending) = failed(&plan, untouched);
    assert_eq!(report.verdict.word(), "liveness");
    let origin = Origin::File(PathBuf::from("impatient.toml"));
    insta::assert_snapshot!("liveness", shown(&card(&report, &plan, origin, Some(ending)), &report));
}

#[test]
fn given_a_run_too_short_when_it_fails_then_the_card_names_the_gates() {
    let plan = Scenario::Steady.plan(1, 1);
    let (report, ending) = failed(&plan, untouched);
    assert_eq!(report.verdict.word(), "vacuous");
    let origin = Origin::Seed { asked: asked(1), plan: KeptPlan::Lost };
    insta::assert_snapshot!("vacuous", shown(&card(&report, &plan, origin, Some(ending)), &report));
}

#[test]
fn given_a_consumer_that_panics_when_it_fails_then_the_card_has_its_words_and_what_came_before() {
    let plan = Scenario::Steady.plan(1, 30);
    let (report, ending) = failed(&plan, panics);
    assert_eq!(report.verdict.word(), "panic");
    let text = shown(&card(&report, &plan, saved(), Some(ending)), &report);
    assert!(!text.contains('\u{1b}'));
    insta::assert_snapshot!("panic", text);
}

#[test]
fn given_two_runs_that_differ_when_told_then_the_command_compares_them_again() {
    let report = report(Verdict::Nondeterminism("the runs part at record 7".to_owned()));
    let lines = card(&report, &impatient(), saved(), None).lines();
    assert_eq!(
        commands(&lines),
        [
            "dagstorm run steady --seed 18446744073709551615 --seconds 30 --check",
            "dagstorm shrink failures/steady-1.toml",
            "cp failures/steady-1.toml scenarios/regressions/"
        ]
    );
}

#[test]
fn given_each_origin_when_a_run_failed_then_only_commands_that_can_work_are_shown() {
    let report = report(Verdict::Safety(failure(Breach::Safety, "x")));
    let run = "dagstorm run steady --seed 18446744073709551615";
    for (origin, expected) in [
        (
            Origin::File("a b.toml".into()),
            vec!["dagstorm replay 'a b.toml'", "dagstorm shrink 'a b.toml'", "cp 'a b.toml' scenarios/regressions/"],
        ),
        (Origin::Seed { asked: Asked::default(), plan: KeptPlan::NotAsked }, vec![run]),
        (Origin::Seed { asked: Asked::default(), plan: KeptPlan::Lost }, vec![run]),
        (
            Origin::Seed { asked: Asked::default(), plan: KeptPlan::At("x.toml".into()) },
            vec!["dagstorm replay x.toml", "dagstorm shrink x.toml", run, "cp x.toml scenarios/regressions/"],
        ),
    ] {
        let says_lost = matches!(origin, Origin::Seed { plan: KeptPlan::Lost, .. });
        let lines = card(&report, &impatient(), origin, None).lines();
        assert_eq!(commands(&lines), expected);
        assert_eq!(lines.join("\n").contains("could not be saved"), says_lost, "{lines:?}");
    }
}

#[test]
fn given_a_second_run_that_ends_otherwise_when_its_events_are_shown_then_the_card_says_so() {
    let plan = Scenario::Steady.plan(1, 30);
    let (report, same) = failed(&plan, loses_a_block);
    let says_so = |ending| card(&report, &plan, saved(), Some(ending)).lines().join("\n").contains("ended otherwise");
    assert!(!says_so(same));
    assert!(says_so(ending(&plan, untouched())));
}

#[test]
fn given_a_plan_that_was_shrunk_when_its_card_is_shown_then_it_tells_how_far_and_nobody_is_asked_to_shrink_it() {
    let report = report(Verdict::Safety(failure(Breach::Safety, "x")));
    let before = Size { faults: 217, bridges: 2, ..Size::of(&impatient()) };
    let shrunk = Plan { gates: false, ..impatient() };
    let file = || Origin::File("x.shrunk.toml".into());
    let fresh = card(&report, &shrunk, file(), None).shrunk_from(&before, &Size::of(&shrunk)).lines();
    assert!(
        fresh.contains(&"      Shrunk 217 faults -> 0, 2 bridges -> 1, 8 nodes, 30 s of storm".to_owned()),
        "{fresh:?}"
    );
    let later = card(&report, &shrunk, file(), None).lines();
    for lines in [&fresh, &later] {
        assert_eq!(commands(lines), ["dagstorm replay x.shrunk.toml", "cp x.shrunk.toml scenarios/regressions/"]);
        assert!(!lines.join("\n").contains("not shrunk"), "{lines:?}");
    }
    let vacuous = RunReport { verdict: Verdict::Vacuous(vec!["reorgs".into()]), ..report };
    assert!(!card(&vacuous, &impatient(), file(), None).lines().join("\n").contains("dagstorm shrink"));
}

#[test]
fn given_a_run_that_passed_when_a_card_is_asked_for_then_there_is_none() {
    assert!(Card::new(&report(Verdict::Pass), &impatient(), saved(), None).is_none());
}

/// Every kind of failure, with messages of every length, of every origin, with few and many events.
#[test]
fn given_any_failure_when_told_then_the_card_fits_on_a_screen_and_marks_what_it_cut() {
    let plan = impatient();
    let origins = [
        saved(),
        Origin::File("x.toml".into()),
        Origin::Seed { asked: asked(1), plan: KeptPlan::Lost },
        Origin::Seed { asked: asked(1), plan: KeptPlan::NotAsked },
    ];
    for length in [0, 1, 100, 106, 107, 108, 500, 641, 642, 643, 5_000] {
        let word = "m".repeat(length);
        for message in [word.clone(), "mm ".repeat(length / 3), "m\n".repeat(length / 2)] {
            let verdicts = [
                Verdict::Safety(failure(Breach::Safety, &message)),
                Verdict::Liveness(failure(Breach::Liveness, &message)),
                Verdict::Nondeterminism(message.clone()),
                Verdict::Vacuous(vec![message.clone(); 3]),
                Verdict::Panic(message.clone()),
            ];
            let record = Record::Fault { text: message.clone() };
            let entry = Entry { at: Duration::from_secs(99_999_999), record };
            for verdict in verdicts {
                let report = report(verdict);
                for origin in &origins {
                    let other = RunReport { verdict: Verdict::Pass, ..report.clone() };
                    let ending = Ending { report: other, last: vec![entry.clone(); 20], last_at: Some(entry.at) };
                    let card = card(&report, &plan, origin.clone(), Some(ending));
                    assert_fits(&card.lines(), &message);
                    assert_eq!(card.line().lines().count(), 1);
                    let size = Size { faults: usize::MAX, storm_ms: u64::MAX, ..Size::of(&plan) };
                    assert_fits(&card.shrunk_from(&size, &Size::of(&plan)).lines(), &message);
                }
            }
        }
    }
}

fn assert_fits(lines: &[String], message: &str) {
    assert!(lines.len() <= MOST_LINES && lines.len() >= 6, "{} lines", lines.len());
    for line in lines {
        assert!(line.chars().count() <= WIDTH && !line.contains('\n'), "{line}");
    }
    let seen_at = lines.iter().position(|line| line.starts_with("        Seen ")).expect("every card has it");
    let when_at = lines.iter().position(|line| line.starts_with("        When ")).expect("every card has it");
    let seen = &lines[seen_at..when_at];
    let count = |text: &str| text.matches('m').count();
    // "gates missed: " has one too.
    if seen.iter().map(|line| count(line)).sum::<usize>() < count(message) {
        assert!(seen[seen.len() - 1].ends_with("..."), "{seen:?}");
    }
}
