//! The `dagstorm` command as a user meets it.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

fn dagstorm(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dagstorm")).args(arguments).output().expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the command prints UTF-8")
}

fn scratch_file(name: &str, content: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).expect("the scratch folder is writable");
    path
}

#[test]
fn given_help_when_asked_then_it_shows_commands_and_examples() {
    let output = dagstorm(&["--help"]);
    assert!(output.status.success());
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn given_list_when_asked_then_every_scenario_has_a_line() {
    insta::assert_snapshot!(text(&dagstorm(&["list"]).stdout), @r"
    steady       nothing goes wrong
    disconnect   connections break while a request is in flight, and again on the way back
    reorg        the followed node is cut off with the smaller part of the miners, then joined again
    faults       every kind of fault on connections and messages, some kinds in each run
    ");
}

#[test]
fn given_one_seed_when_run_in_two_processes_then_the_json_has_the_same_hash_and_all_fields() {
    let run = || {
        let output = dagstorm(&["run", "reorg", "--seed", "7", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("one JSON object")
    };
    let (first, second) = (run(), run());
    assert_eq!(first["hash"], second["hash"]);
    assert_eq!((&first["scenario"], &first["verdict"]), (&"reorg".into(), &"pass".into()));
    for field in ["seed", "blocks", "chain_blocks", "events", "reorgs", "max_reorg_depth", "disconnects"] {
        assert!(first[field].is_u64(), "{field} is {}", first[field]);
    }
    for field in ["sim_seconds", "cpu_seconds"] {
        assert!(first[field].is_f64(), "{field} is {}", first[field]);
    }
}

#[test]
fn given_the_largest_seed_when_run_then_it_is_one_run() {
    let seed = u64::MAX.to_string();
    let output = dagstorm(&["run", "steady", "--seed", &seed, "--seconds", "40", "--json"]);
    assert_eq!(text(&output.stdout).lines().count(), 1);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

/// Changes with everything that a run does, on purpose: it shows that debug and release builds, and other machines, do the
/// same. Accept a new value only with a change that explains it.
#[test]
fn given_a_pinned_seed_when_run_in_any_build_then_the_hash_is_the_pinned_one() {
    let output = dagstorm(&["run", "disconnect", "--seed", "7", "--seconds", "60", "--json"]);
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    insta::assert_snapshot!(line["hash"].as_str().expect("the hash is text"), @"90de008ae222c9e501ff88705108e919403dc108fc32b694fd0a437a72490088");
}

#[test]
fn given_replay_when_run_then_the_event_log_ends_with_the_same_hash_as_run() {
    let log = text(&dagstorm(&["replay", "disconnect", "--seed", "3", "--seconds", "30"]).stdout);
    let run = text(&dagstorm(&["run", "disconnect", "--seed", "3", "--seconds", "30"]).stdout);
    let hash = |text: &str| text.rsplit_once("hash ").map(|(_, hash)| hash.trim().to_owned());
    assert!(hash(&run).is_some());
    assert_eq!(hash(&log), hash(&run));
    for what in ["mines block", "bridge 0: Connected", "bridge 0: BlockAdded", "fault 0: "] {
        assert!(log.contains(what), "no line of the log says '{what}'");
    }
}

#[test]
fn given_show_when_its_plan_is_replayed_from_a_file_then_the_same_hash() {
    let plan = text(&dagstorm(&["show", "reorg", "--seed", "7", "--seconds", "50"]).stdout);
    let file = scratch_file("reorg-7.toml", &plan);
    let hash = |output: Output| text(&output.stdout).rsplit_once("hash ").map(|(_, hash)| hash.trim().to_owned());
    let from_file = hash(dagstorm(&["replay", &file.to_string_lossy()]));
    let from_seed = hash(dagstorm(&["run", "reorg", "--seed", "7", "--seconds", "50"]));
    assert!(from_file.is_some());
    assert_eq!(from_file, from_seed);
}

#[test]
fn given_a_plan_that_is_wrong_when_replayed_then_file_and_line_are_named() {
    let file = scratch_file("wrong.toml", "version = 1\nscenario = \"steady\"\nseeed = 7\n");
    let output = dagstorm(&["replay", &file.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("wrong.toml: line 3: ") && stderr.contains("seeed"), "{stderr}");
    for arguments in [&["replay", "no-such-file.toml"][..], &["replay", "steady"], &["replay", "x.toml", "--seed", "1"]]
    {
        assert_eq!(dagstorm(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn given_a_vacuous_run_when_it_ends_then_its_plan_is_kept_and_the_printed_command_replays_it() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kept-plans").join("of-vacuous-runs");
    let save_dir = directory.to_string_lossy().into_owned();
    let output = dagstorm(&["run", "steady", "--seconds", "2", "--save-dir", &save_dir]);
    assert_eq!(output.status.code(), Some(13));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("gates missed: chain blocks"), "{stdout}");
    let plan = stdout.split_once("dagstorm replay ").map(|(_, plan)| plan.trim()).expect("the command is printed");
    assert!(plan.starts_with(&save_dir), "{plan}");
    let replayed = dagstorm(&["replay", plan]);
    assert_eq!(replayed.status.code(), Some(13));
    let hash = |text: &str| text.split_once("hash ").map(|(_, rest)| rest[..16].to_owned());
    assert_eq!(hash(&text(&replayed.stdout)), hash(&stdout));
}

#[test]
fn given_nonsense_when_asked_then_exit_code_2_and_a_sentence() {
    for (arguments, sentence) in [
        (&["run", "hurricane"][..], "there are steady, disconnect, reorg, faults"),
        (&["run", "--seeds", "5..5"], "the range is empty"),
        (&["run", "--seeds", "0..0"], "the range is empty"),
        (&["run", "--seeds", "1..999999999999"], "more than 1000000 seeds"),
        (&["run", "--seeds", "x..5"], "'x' is not a number"),
        (&["run", "--seed", "1", "--seeds", "1..3"], "cannot be used with"),
        (&["run", "--seconds", "0"], "is not in 1.."),
    ] {
        let output = dagstorm(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(sentence), "{arguments:?}: {stderr}");
    }
}

#[test]
fn given_reference_data_when_verified_then_equal_and_doctored_or_empty_data_is_not() {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors");
    let ghostdag = format!("{vectors}/ghostdag/k18-plain.json");
    let frames = format!("{vectors}/wrpc/kaspad-2.1.0-simnet-calls.jsonl");
    assert_eq!(dagstorm(&["verify", "ghostdag", &ghostdag]).status.code(), Some(0));
    assert_eq!(dagstorm(&["verify", "frames", &frames]).status.code(), Some(0));

    let truth = fs::read_to_string(&ghostdag).expect("the vectors are there");
    let doctored = scratch_file("doctored.json", &truth.replacen("\"blue_score\":50,", "\"blue_score\":51,", 1));
    let output = dagstorm(&["verify", "ghostdag", &doctored.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("blue_score"), "{}", text(&output.stdout));

    let empty = scratch_file("empty.jsonl", "");
    assert_eq!(dagstorm(&["verify", "frames", &empty.to_string_lossy()]).status.code(), Some(1));
    assert_eq!(dagstorm(&["verify", "ghostdag", "no-such-file.json"]).status.code(), Some(1));
}
