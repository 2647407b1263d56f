//! Software of others in the storm: what is right passes, and what is wrong is found, named, kept and replayed.

#[path = "../examples/indexer.rs"]
#[expect(dead_code, reason = "the example's own main is not called")]
mod indexer;
#[path = "../examples/naive_bridge.rs"]
#[expect(dead_code, reason = "the example's own main is not called")]
mod naive_bridge;

mod harness_bridges;
mod harness_consumers;

use std::{
    fs,
    path::{Path, PathBuf},
};

use harness_bridges::{Forgetful, Unsteady, Wrapped};
use harness_consumers::{Bug, Ledger};
use indexer::Indexer;
use naive_bridge::NaiveBridge;
use scenarios::{
    harness::{FailedRun, Storm, StormError},
    plan::Plan,
    report::Verdict,
    scenario::Scenario,
};

/// A folder for the failures of one test, empty at first.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("harness").join(test);
    // That there is none yet is no error.
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// How a consumer with this bug fails in a storm of a few seeds. Each test has a folder of its own.
fn failure_of(bug: Bug, scenario: Scenario, test: &str) -> FailedRun {
    let storm = Storm::of_consumer(move || Ledger::new(bug)).scenario(scenario).seeds(1..6);
    let sweep = storm.save_dir(folder(&format!("{test} {bug:?}"))).run().expect("the storm can be run");
    sweep.failed().unwrap_or_else(|| panic!("{bug:?} is not found")).clone()
}

#[test]
fn given_any_storm_when_indexed_then_the_index_is_that_of_the_final_chain() {
    Storm::of_consumer(Indexer::default).scenario(Scenario::Swarm).seeds(1..4).assert_passes();
}

#[test]
fn given_storms_of_each_kind_when_a_right_consumer_is_stormed_then_it_passes() {
    for scenario in [Scenario::Steady, Scenario::Reorg, Scenario::Faults, Scenario::Fatal, Scenario::MachineEconomy] {
        Storm::of_consumer(Indexer::default).scenario(scenario).seeds(1..2).assert_passes();
        Storm::of_consumer(|| Ledger::new(Bug::KeepsItsWindow)).scenario(scenario).seeds(2..3).assert_passes();
    }
}

#[test]
fn given_a_right_consumer_when_each_run_is_done_twice_then_it_passes() {
    Storm::of_consumer(|| Ledger::new(Bug::None)).scenario(Scenario::Reorg).seeds(1..2).check().assert_passes();
}

#[test]
fn given_a_consumer_that_does_not_follow_the_chain_when_stormed_then_its_digest_differs() {
    for bug in [Bug::ForgetsRollbacks, Bug::ReadsTheClock, Bug::TrustsMapOrder] {
        let failed = failure_of(bug, Scenario::Reorg, "chain");
        assert_eq!(failed.property(), "consumer-digest", "{bug:?}\n{failed}");
    }
}

#[test]
fn given_a_consumer_that_stores_in_two_transactions_when_it_dies_in_between_then_its_digest_differs() {
    for bug in [Bug::ChecksBeforeItStores, Bug::StoresBeforeItChecks] {
        let failed = failure_of(bug, Scenario::Steady, "two");
        assert_eq!(failed.property(), "consumer-digest", "{bug:?}\n{failed}");
    }
}

#[test]
fn given_a_consumer_that_says_the_wrong_thing_about_its_store_when_stormed_then_that_is_found() {
    let found = [
        (Bug::NeverFlushes, "no more events wait"),
        (Bug::ForgetsItsStore, "now it ends with event 0"),
        (Bug::KeepsAStaleWindow, "no bridge goes on where the consumer stands"),
    ];
    for (bug, seen) in found {
        let failed = failure_of(bug, Scenario::Reorg, "store");
        assert_eq!(failed.property(), "consumer-store", "{bug:?}\n{failed}");
        assert!(failed.to_string().contains(seen), "{failed}");
    }
}

#[test]
fn given_a_consumer_that_remembers_what_it_should_store_when_restarted_at_rest_then_something_is_lost() {
    let failed = failure_of(Bug::RemembersOnly, Scenario::Steady, "memory");
    assert_eq!(failed.property(), "consumer-restart", "{failed}");
}

#[test]
fn given_a_consumer_that_panics_when_stormed_then_the_card_has_its_words() {
    let failed = failure_of(Bug::Panics, Scenario::Steady, "panic");
    assert_eq!(failed.report().verdict, Verdict::Panic("the hundredth event".to_owned()));
    assert!(failed.to_string().contains("the hundredth event"), "{failed}");
}

#[test]
fn given_a_consumer_in_memory_when_stormed_without_crashes_then_nothing_is_asked_about_its_store() {
    for bug in [Bug::ChecksBeforeItStores, Bug::ForgetsItsStore, Bug::RemembersOnly] {
        let storm = Storm::of_consumer(move || Ledger::new(bug)).without_crashes();
        storm.scenario(Scenario::Disconnect).seeds(1..2).assert_passes();
    }
    let storm = Storm::of_consumer(|| Ledger::new(Bug::ForgetsRollbacks)).without_crashes().scenario(Scenario::Reorg);
    let sweep = storm.seeds(1..3).save_dir(folder("without crashes")).run().expect("the storm can be run");
    assert_eq!(sweep.failed().map(FailedRun::property), Some("consumer-digest"));
}

#[test]
fn given_a_failed_run_when_its_plan_is_replayed_then_it_fails_in_the_same_way() {
    let failed = failure_of(Bug::StoresBeforeItChecks, Scenario::Steady, "replay");
    let path = failed.plan_file().expect("the plan is kept").to_owned();
    assert_eq!(&Plan::read(&path).expect("it is a plan"), failed.plan());
    let storm = Storm::of_consumer(|| Ledger::new(Bug::StoresBeforeItChecks)).plan(&path);
    let sweep = storm.save_dir(folder("replay")).run().expect("the plan can be run");
    let again = sweep.failed().expect("it fails again");
    assert_eq!(again.report().verdict, failed.report().verdict);
    assert_eq!(again.report().hash, failed.report().hash);
    Storm::of_consumer(|| Ledger::new(Bug::None)).plan(&path).assert_passes();
}

#[test]
fn given_a_failed_run_when_told_then_the_card_names_seed_property_and_replay_and_the_log_is_whole() {
    let failed = failure_of(Bug::ForgetsRollbacks, Scenario::Reorg, "card");
    let (card, path) = (failed.to_string(), failed.plan_file().expect("the plan is kept").display().to_string());
    let seed = format!("SAFETY reorg seed {}", failed.report().seed);
    for part in [seed.as_str(), "consumer-digest: whatever happened", "after the storm it has (", &path] {
        assert!(card.contains(part), "{part}\n{card}");
    }
    let replay = format!("DAGSTORM_PLAN={path:?} cargo test given_a_failed_run_when_told");
    assert!(card.contains(&replay) && card.contains(&format!(".plan({path:?})")), "{card}");
    assert!(!card.contains("dagstorm "), "the command knows nothing of other software\n{card}");
    let log = fs::read_to_string(failed.log_file().expect("the log is kept")).expect("it is text");
    assert!(log.lines().count() > 1_000 && log.contains("dies over event") && log.contains("ends with digest"));
}

#[test]
fn given_a_naive_bridge_when_only_the_chain_misbehaves_then_it_passes() {
    Storm::of_bridge::<NaiveBridge>().scenario(Scenario::Steady).seeds(1..2).assert_passes();
    Storm::of_bridge::<NaiveBridge>().scenario(Scenario::Reorg).seeds(1..3).assert_passes();
}

#[test]
fn given_a_naive_bridge_when_connections_die_in_silence_then_it_never_arrives() {
    for scenario in [Scenario::Disconnect, Scenario::Faults] {
        let storm = Storm::of_bridge::<NaiveBridge>().scenario(scenario).seeds(1..21);
        let sweep = storm.save_dir(folder(&format!("naive {}", scenario.name()))).run().expect("the storm can be run");
        let failed = sweep.failed().expect("it waits for ever");
        println!("{failed}");
        assert!(["convergence", "progress"].contains(&failed.property()), "{failed}");
    }
}

#[test]
fn given_a_bridge_around_the_project_s_own_when_stormed_then_only_what_it_breaks_is_found() {
    Storm::of_bridge::<Wrapped>().scenario(Scenario::Faults).seeds(1..3).check().assert_passes();
    let storm = Storm::of_bridge::<Forgetful>().scenario(Scenario::Reorg).seeds(1..4);
    let sweep = storm.save_dir(folder("forgetful")).run().expect("the storm can be run");
    assert_eq!(sweep.failed().map(FailedRun::property), Some("path"));
}

#[test]
fn given_a_bridge_that_does_otherwise_each_time_when_each_run_is_done_twice_then_the_difference_is_shown() {
    let storm = Storm::of_bridge::<Unsteady>().scenario(Scenario::Steady).seeds(1..2).check();
    let sweep = storm.save_dir(folder("unsteady")).run().expect("the storm can be run");
    let failed = sweep.failed().expect("it differs");
    assert_eq!(failed.property(), "determinism");
    assert!(failed.to_string().contains("start number"), "{failed}");
}

#[test]
fn given_no_seed_or_no_plan_when_run_then_an_error_says_so() {
    let storm = || Storm::of_consumer(Indexer::default);
    let error = storm().seeds(3..3).run().expect_err("no seed");
    assert!(matches!(error, StormError::NoSeed { .. }) && error.to_string().contains("3..3"), "{error}");
    let error = storm().plan("no such plan.toml").run().expect_err("no plan");
    assert!(matches!(error, StormError::Plan(_)) && error.to_string().contains("no such plan.toml"), "{error}");
    let error = storm().scenario(Scenario::DeepReorg).seconds(1).run().expect_err("too short");
    assert!(matches!(error, StormError::Request(_)), "{error}");
}

#[test]
#[should_panic(expected = "no run saw what its scenario is there for")]
fn given_runs_too_short_to_see_anything_when_asserted_then_that_is_no_pass() {
    Storm::of_consumer(Indexer::default).scenario(Scenario::Steady).seeds(1..3).seconds(2).assert_passes();
}
