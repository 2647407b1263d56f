//! The `dagstorm` command as a user meets it.

use std::{
    env, fs, iter,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use scenarios::{coverage::Point, plan::Plan, scenario::Scenario};

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
fn given_list_when_asked_then_every_scenario_or_coverage_point_has_a_line() {
    let scenarios: Vec<String> =
        Scenario::ALL.iter().map(|scenario| format!("{:15}  {}", scenario.name(), scenario.summary())).collect();
    assert_eq!(text(&dagstorm(&["list"]).stdout).lines().collect::<Vec<_>>(), scenarios);
    let points = text(&dagstorm(&["list", "--coverage"]).stdout);
    assert_eq!(points.lines().count(), Point::ALL.len());
    for (line, point) in points.lines().zip(Point::ALL) {
        assert!(line.starts_with(point.name()) && line.ends_with(&format!("  {}", point.meaning())), "{line}");
    }
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
    for field in ["property", "failed_at_seconds", "saved_plan", "replay"] {
        assert!(first[field].is_null(), "{field} is {} though the run passed", first[field]);
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
    insta::assert_snapshot!(line["hash"].as_str().expect("the hash is text"), @"9926f79eae1154b4db84a6459162429d0df28008e69f659e901c630a153350d1");
}

#[test]
fn given_a_profile_when_asked_for_then_it_picks_its_scenario_and_every_command_carries_it() {
    let plan = |arguments: &[&str]| {
        let output = dagstorm(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        Plan::parse(&text(&output.stdout)).expect("the plan was just printed")
    };
    assert_eq!(plan(&["show", "--profile", "chain", "--seed", "3"]), plan(&["show", "steady", "--seed", "3"]));
    let (default, loaded) = (plan(&["show", "--profile", "default"]), plan(&["show", "swarm", "--profile", "loaded"]));
    for plan in [&default, &loaded] {
        assert_eq!((plan.scenario.as_str(), plan.storm_ms), ("swarm", 600_000));
    }
    assert_ne!(default, loaded);
    assert_eq!(plan(&["show", "--profile", "default", "--seconds", "30"]).storm_ms, 30_000);
    for arguments in [
        &["run", "reorg", "--profile", "chain"][..],
        &["show", "steady", "--profile", "default"],
        &["replay", "machine-economy", "--seed", "1", "--profile", "loaded"],
        &["run", "--profile", "fast"],
        &["show"],
        &["replay", "--seed", "1"],
    ] {
        assert_eq!(dagstorm(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let folder = scratch_folder("profile");
    let output = shell(&folder, "dagstorm run --profile chain --seconds 2 --json");
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(line["scenario"], "steady");
    let output = shell(&folder, "dagstorm run --profile chain --seconds 2 --save-dir other");
    let command = "dagstorm run steady --seed 1 --profile chain --seconds 2";
    assert!(commands(&text(&output.stdout)).contains(&command), "{}", text(&output.stdout));
    assert_eq!(shell(&folder, command).status.code(), Some(13));
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
fn given_a_plan_file_when_replayed_with_what_it_has_itself_then_refused_as_with_a_seed() {
    let file = scratch_file("own-storm.toml", &Scenario::Steady.plan(1, 2).to_text());
    for (option, sentence) in [
        ("--seconds", "has its own length of storm"),
        ("--seed", "has its own seed"),
        ("--params", "has its own parameters"),
        ("--depth", "has its own depth of the reorg"),
    ] {
        let output = dagstorm(&["replay", &file.to_string_lossy(), option, "3"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{option}");
        assert!(text(&output.stderr).contains(sentence), "{}", text(&output.stderr));
    }
}

/// With little memory, so that a command that reads all of it fails instead of taking the machine with it.
#[test]
#[cfg(unix)]
fn given_a_device_without_an_end_when_replayed_then_refused_as_too_large() {
    let output = shell(&scratch_folder("endless"), "ulimit -v 4000000; dagstorm replay /dev/zero");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("/dev/zero: the plan has more than 16777216 bytes"), "{stderr}");
}

/// An empty folder with what a checkout has where kept plans belong.
fn scratch_folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cards").join(name);
    // Left from an earlier run, if there is one.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("scenarios/regressions")).expect("the scratch folder is writable");
    folder
}

/// Runs a line in a shell, as a user would who stands in `folder` and has the command installed.
fn shell(folder: &Path, line: &str) -> Output {
    let installed = Path::new(env!("CARGO_BIN_EXE_dagstorm")).parent().expect("the command is in a folder");
    let others = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(iter::once(installed.to_owned()).chain(env::split_paths(&others)));
    let path = path.expect("the build folder can stand in PATH");
    Command::new("sh").args(["-c", line]).current_dir(folder).env("PATH", path).output().expect("there is a shell")
}

/// What stands behind a label or, without one, below it.
fn commands(output: &str) -> Vec<&str> {
    let is_command = |text: &&str| text.starts_with("dagstorm ") || text.starts_with("cp ");
    output.lines().filter_map(|line| line.get(13..)).filter(is_command).collect()
}

/// The heading of the only card: verdict, scenario, seed, plan and hash.
fn heading<'a>(output: &'a str, verdict: &str) -> &'a str {
    let mut headings = output.lines().filter(|line| line.trim_start().starts_with(verdict) && line.contains(", hash "));
    let heading = headings.next().unwrap_or_else(|| panic!("there is no card of a {verdict} failure in {output}"));
    assert_eq!(headings.next(), None);
    heading
}

/// Does what the card says, line by line.
fn assert_commands_reproduce(folder: &Path, output: &str, verdict: &str, exit_code: i32, expected: &[&str]) {
    let commands = commands(output);
    assert_eq!(commands, expected);
    for command in commands {
        let again = shell(folder, command);
        if command.starts_with("dagstorm shrink ") {
            assert_eq!(again.status.code(), Some(0), "{command}: {}", text(&again.stderr));
            assert_ne!(heading(&text(&again.stdout), verdict), heading(output, verdict), "{command}");
        } else if command.starts_with("cp ") {
            assert!(again.status.success(), "{command}: {}", text(&again.stderr));
        } else {
            assert_eq!(again.status.code(), Some(exit_code), "{command}: {}", text(&again.stderr));
            assert_eq!(heading(&text(&again.stdout), verdict), heading(output, verdict), "{command}");
        }
    }
}

#[test]
fn given_a_plan_file_that_fails_when_replayed_then_every_command_on_the_card_shows_the_same() {
    let folder = scratch_folder("replayed");
    let plan = text(&dagstorm(&["show", "steady", "--seconds", "30"]).stdout);
    let impatient = plan.replace("request_timeout_ms = 30000", "request_timeout_ms = 1");
    assert_ne!(impatient, plan);
    fs::write(folder.join("no answer.toml"), impatient).expect("the scratch folder is writable");
    let output = shell(&folder, "dagstorm replay 'no answer.toml'");
    assert_eq!(output.status.code(), Some(11), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("    Property convergence: ") && !stdout.contains("Last events"), "{stdout}");
    let expected = [
        "dagstorm replay 'no answer.toml'",
        "dagstorm shrink 'no answer.toml'",
        "cp 'no answer.toml' scenarios/regressions/",
    ];
    assert_commands_reproduce(&folder, &stdout, "LIVENESS", 11, &expected);
    let kept = shell(&folder, "dagstorm replay 'scenarios/regressions/no answer.toml'");
    assert_eq!(heading(&text(&kept.stdout), "LIVENESS"), heading(&stdout, "LIVENESS"));
}

#[test]
fn given_a_seed_that_fails_when_run_then_its_plan_is_kept_and_every_command_on_the_card_shows_the_same() {
    for (name, option, folder_word) in
        [("plain", "", "failures"), ("chosen", " --save-dir 'my failures'", "'my failures")]
    {
        let folder = scratch_folder(name);
        let output = shell(&folder, &format!("dagstorm run steady --seconds 2{option}"));
        assert_eq!(output.status.code(), Some(13), "{}", text(&output.stderr));
        let stdout = text(&output.stdout);
        assert!(stdout.contains("gates missed: chain blocks") && stdout.contains(" Last events "), "{stdout}");
        let digest =
            heading(&stdout, "VACUOUS").split_once("plan ").map(|(_, rest)| &rest[..8]).expect("it has a plan");
        let quote = if folder_word.starts_with('\'') { "'" } else { "" };
        let file = format!("{folder_word}/steady-1-{digest}.toml{quote}");
        let expected = [
            format!("dagstorm replay {file}"),
            "dagstorm run steady --seed 1 --seconds 2".to_owned(),
            format!("cp {file} scenarios/regressions/"),
        ];
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        assert_commands_reproduce(&folder, &stdout, "VACUOUS", 13, &expected);
        let copy = folder.join(format!("scenarios/regressions/steady-1-{digest}.toml"));
        assert!(copy.is_file(), "{} is not there", copy.display());
    }
}

#[test]
fn given_a_folder_that_cannot_be_made_when_a_run_fails_then_the_card_says_so_and_the_seed_is_left() {
    let folder = scratch_folder("not kept");
    fs::write(folder.join("a-file"), "").expect("the scratch folder is writable");
    let output = shell(&folder, "dagstorm run steady --seconds 2 --save-dir a-file/inside");
    assert_eq!(output.status.code(), Some(13));
    assert!(text(&output.stderr).contains("cannot keep the plan"), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("the plan could not be saved"), "{stdout}");
    assert_commands_reproduce(&folder, &stdout, "VACUOUS", 13, &["dagstorm run steady --seed 1 --seconds 2"]);
}

#[test]
fn given_many_failures_when_run_then_three_cards_and_a_line_for_each_other_one() {
    let folder = scratch_folder("many");
    let output = shell(&folder, "dagstorm run steady --seeds 1..=5 --seconds 2");
    assert_eq!(output.status.code(), Some(13));
    let stdout = text(&output.stdout);
    assert_eq!(stdout.matches("    Property gates: ").count(), 3);
    let (_, rest) = stdout.split_once("The first 3 failures have a card").expect("it is said that cards end");
    for seed in [4, 5] {
        let line =
            rest.lines().find(|line| line.contains(&format!("VACUOUS steady seed {seed}, "))).expect("it has a line");
        let (_, command) = line.split_once("gates: ").expect("it has a command");
        let again = shell(&folder, command);
        assert_eq!(again.status.code(), Some(13), "{command}");
        assert!(line.starts_with(heading(&text(&again.stdout), "VACUOUS")), "{line}");
    }
    assert!(rest.contains(&format!("    Coverage {} of {} points reached", reached(rest), Point::ALL.len())), "{rest}");
}

/// The number in the line about coverage.
fn reached(output: &str) -> usize {
    let number =
        output.split_once("    Coverage ").and_then(|(_, rest)| rest.split_once(' ')).map(|(number, _)| number);
    number.and_then(|number| number.parse().ok()).expect("the line begins with a number")
}

#[test]
fn given_failed_runs_when_asked_for_json_then_each_line_has_property_time_plan_and_command() {
    let folder = scratch_folder("json");
    let output = shell(&folder, "dagstorm run steady --seeds 1..=2 --seconds 2 --json");
    assert_eq!(output.status.code(), Some(13));
    let stdout = text(&output.stdout);
    assert_eq!(stdout.lines().count(), 2);
    for line in stdout.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("one JSON object a line");
        assert_eq!((&line["verdict"], &line["property"]), (&"vacuous".into(), &"gates".into()));
        assert_eq!(line["failed_at_seconds"], line["sim_seconds"]);
        let plan = line["saved_plan"].as_str().expect("the plan was kept");
        assert!(folder.join(plan).is_file(), "{plan}");
        let again = shell(&folder, line["replay"].as_str().expect("there is a command"));
        assert_eq!(again.status.code(), Some(13));
        let (hash, printed) = (line["hash"].as_str().expect("the hash is text"), text(&again.stdout));
        assert!(heading(&printed, "VACUOUS").ends_with(&hash[..16]), "{printed}");
    }
}

/// Its coverage decides between 0 and 13: whether points are missed is for the storm tests to find.
#[test]
fn given_the_short_storm_when_it_ends_then_its_exit_code_agrees_with_its_coverage() {
    let folder = scratch_folder("storm");
    let output = shell(&folder, "dagstorm");
    let stdout = text(&output.stdout);
    let missed = Point::ALL.len() - reached(&stdout);
    assert_eq!(stdout.lines().filter(|line| line.starts_with("      Missed ")).count(), missed, "{stdout}");
    assert!(stdout.contains(" 0 failed;"), "{stdout}");
    assert_eq!(output.status.code(), Some(if missed == 0 { 0 } else { 13 }), "{stdout}");
}

#[test]
fn given_nonsense_when_asked_then_exit_code_2_and_a_sentence() {
    for (arguments, sentence) in [
        (&["run", "hurricane"][..], "no scenario has this name; there are steady, "),
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
