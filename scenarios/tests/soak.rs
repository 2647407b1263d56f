//! `dagstorm soak` as a user meets it: what it prints, what it survives, and its exit codes.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn dagstorm(folder: &str, arguments: &[&str]) -> Command {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("soaks").join(folder);
    // Left from an earlier run, if there is one.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the scratch folder is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dagstorm"));
    command.args(arguments).current_dir(folder);
    command
}

fn output(folder: &str, arguments: &[&str]) -> Output {
    dagstorm(folder, arguments).output().expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the command prints UTF-8")
}

/// The lines of runs, and the summary that comes last.
fn json_lines(stdout: &[u8]) -> (Vec<Value>, Value) {
    let parse = |line: &str| serde_json::from_str::<Value>(line).expect("one JSON object a line");
    let mut lines: Vec<Value> = text(stdout).lines().map(parse).collect();
    let mut last = lines.pop().expect("there is a last line");
    let summary = last["summary"].take();
    assert!(summary.is_object(), "the last line is {last}");
    assert!(lines.iter().all(|line| line["summary"].is_null()));
    (lines, summary)
}

fn by_seed<'a>(lines: &'a [Value], field: &str) -> BTreeMap<u64, &'a str> {
    let entry = |line: &'a Value| (line["seed"].as_u64().expect("a seed"), line[field].as_str().expect("text"));
    lines.iter().map(entry).collect()
}

#[test]
fn given_help_when_asked_then_it_tells_processes_output_examples_and_exit_codes() {
    insta::assert_snapshot!(text(&output("help", &["soak", "--help"]).stdout));
}

#[test]
fn given_the_same_seeds_when_soaked_in_two_processes_and_when_run_then_every_run_is_the_same() {
    let what = ["disconnect", "--seeds", "1..7", "--seconds", "20", "--jobs", "2", "--json"];
    let soak = output("same", &[&["soak"], &what[..]].concat());
    let run = output("same-run", &[&["run"], &what[..]].concat());
    let (lines, summary) = json_lines(&soak.stdout);
    let run_lines: Vec<Value> =
        text(&run.stdout).lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect();
    for field in ["plan", "hash", "verdict"] {
        assert_eq!(by_seed(&lines, field), by_seed(&run_lines, field));
    }
    assert_eq!(lines.len(), 6);
    assert_eq!(soak.status.code(), run.status.code());
    assert_eq!((summary["runs"].as_u64(), summary["exit_code"].as_i64()), (Some(6), soak.status.code().map(i64::from)));
    for field in ["blocks", "reorgs", "faults", "disconnects", "chain_requests", "cuts"] {
        let sum: u64 = run_lines.iter().map(|line| line[field].as_u64().expect("a count")).sum();
        assert_eq!(summary[field].as_u64(), Some(sum), "{field}");
    }
    let all = |counts: &Value| -> u64 {
        let counts = counts.as_object().expect("counts by kind");
        counts.values().map(|count| count.as_u64().expect("a count")).sum()
    };
    assert_eq!(all(&summary["faults_by_kind"]), summary["faults"].as_u64().expect("a count"));
    assert_eq!((&summary["stopped"], &summary["runs_asked"]), (&false.into(), &6.into()));
    assert_eq!(summary["coverage_gate"], false);
    assert!(summary["sim_seconds_per_cpu_second"].as_f64().is_some_and(|ratio| ratio > 1.0), "{summary}");
}

#[test]
fn given_shards_when_soaked_then_each_has_its_own_seeds_and_one_without_a_seed_is_vacuous() {
    let seeds = |shard: &str| {
        let arguments = ["soak", "steady", "--seeds", "1..6", "--seconds", "1", "--shard", shard, "--json"];
        let output = output(&format!("shard-{}", &shard[..1]), &arguments);
        assert_eq!(output.status.code(), Some(13));
        let (lines, _) = json_lines(&output.stdout);
        by_seed(&lines, "hash").into_keys().collect::<Vec<_>>()
    };
    assert_eq!([seeds("1/3"), seeds("2/3"), seeds("3/3")], [vec![1, 4], vec![2, 5], vec![3]]);
    let none = output("shard-none", &["soak", "steady", "--seeds", "1..3", "--shard", "3/3"]);
    assert_eq!(none.status.code(), Some(13));
    assert!(text(&none.stdout).contains("no run was done"), "{}", text(&none.stdout));
}

/// A process of a soak, as soon as there is one.
fn child_of(soak: &Child) -> Pid {
    let is_child = |stat: &str| {
        // The name before it may have anything in it, also blanks.
        let fields = stat.rsplit_once(") ").map(|(_, fields)| fields);
        fields.and_then(|fields| fields.split(' ').nth(1)) == Some(&soak.id().to_string())
    };
    loop {
        for process in fs::read_dir("/proc").expect("the system tells of its processes").flatten() {
            let id = process.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            let stat = fs::read_to_string(process.path().join("stat"));
            if let (Some(id), Ok(stat)) = (id, stat)
                && is_child(&stat)
            {
                return id;
            }
        }
        thread::yield_now();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn given_a_process_that_is_killed_when_soaking_then_its_seed_is_told_and_all_others_are_run() {
    let arguments = ["soak", "steady", "--seeds", "1..5", "--seconds", "400", "--jobs", "1", "--json"];
    let soak = dagstorm("killed", &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let soak = soak.expect("the command starts");
    kill_process(child_of(&soak), Signal::KILL).expect("it was just there");
    let output = soak.wait_with_output().expect("the soak ends");
    assert_eq!(output.status.code(), Some(101), "{}", text(&output.stdout));
    let (lines, summary) = json_lines(&output.stdout);
    assert_eq!(by_seed(&lines, "verdict").into_keys().collect::<Vec<_>>(), [1, 2, 3, 4]);
    let (lost, passed): (Vec<&Value>, Vec<&Value>) = lines.iter().partition(|line| line["verdict"] != "pass");
    assert_eq!((lost.len(), passed.len()), (1, 3));
    assert_eq!((&lost[0]["verdict"], &lost[0]["property"]), (&"panic".into(), &"no-panic".into()));
    let explanation = lost[0]["explanation"].as_str().expect("it is explained");
    assert!(explanation.contains("signal 9"), "{explanation}");
    let plan = lost[0]["saved_plan"].as_str().expect("the plan was kept");
    assert_eq!(lost[0]["replay"], format!("dagstorm replay {plan}"));
    assert_eq!((&summary["passed"], &summary["failures_by_property"]["no-panic"]), (&3.into(), &1.into()));
}

#[test]
#[cfg(target_os = "linux")]
fn given_a_soak_that_is_killed_when_in_the_middle_of_a_run_then_its_process_ends_too() {
    let arguments = ["soak", "steady", "--seeds", "1..3", "--seconds", "90000000", "--jobs", "1"];
    let soak = dagstorm("orphan", &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut soak = soak.expect("the command starts");
    let process = child_of(&soak);
    soak.kill().expect("it runs for years");
    soak.wait().expect("it is gone");
    let stat = || fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok();
    // Where nobody waits for orphans, the entry of one that is gone stays.
    while stat().is_some_and(|stat| !stat.contains(") Z ") && !stat.contains(") X ")) {
        thread::yield_now();
    }
}

#[test]
fn given_runs_that_do_not_end_when_soaking_then_each_is_killed_and_told_as_hung() {
    let arguments = ["soak", "steady", "--seeds", "1..3", "--seconds", "90000000", "--timeout", "1s", "--jobs", "2"];
    let output = output("hung", &arguments);
    assert_eq!(output.status.code(), Some(11), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    for seed in [1, 2] {
        assert!(stdout.contains(&format!("        HUNG steady seed {seed}\n")), "{stdout}");
        assert!(stdout.contains(&format!("      Replay dagstorm replay failures/steady-{seed}-")), "{stdout}");
    }
    assert!(stdout.contains("it took longer than 1s and its process was killed"), "{stdout}");
    assert!(stdout.contains("      Failed stall: 2 of 2 runs"), "{stdout}");
}

#[test]
fn given_failures_when_soaking_then_cards_lines_and_an_end_after_as_many_as_asked() {
    let arguments = ["soak", "steady", "--seeds", "1..100", "--seconds", "1", "--jobs", "1", "--max-failures", "5"];
    let output = output("failures", &arguments);
    assert_eq!(output.status.code(), Some(13));
    let stdout = text(&output.stdout);
    assert_eq!(stdout.matches("    Property gates: ").count(), 3, "{stdout}");
    assert!(stdout.contains("Run its seed dagstorm run steady --seed 1 --seconds 1\n"), "{stdout}");
    let (_, rest) = stdout.split_once("The first 3 failures have a card").expect("it is said that cards end");
    assert!(rest.contains("     VACUOUS steady seed 4, "), "{rest}");
    assert!(rest.contains("     Stopped before all was done"), "{rest}");
    assert!(rest.contains("      Failed gates: 5 of 5 runs"), "{rest}");
    assert!(rest.contains("(no failure: one scenario other than swarm does not reach all)"), "{rest}");
}

#[test]
#[cfg(target_os = "linux")]
fn given_ctrl_c_when_soaking_then_runs_that_began_are_finished_and_the_summary_is_printed() {
    let arguments =
        ["soak", "steady", "--for", "1h", "--start-seed", "1000", "--seconds", "40", "--jobs", "2", "--json"];
    let soak = dagstorm("stopped", &arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut soak = soak.expect("the command starts");
    let mut lines = BufReader::new(soak.stdout.take().expect("it is a pipe")).lines();
    let mut stdout = lines.next().expect("a run ends").expect("the command prints UTF-8");
    let id = i32::try_from(soak.id()).ok().and_then(Pid::from_raw).expect("it has an id");
    kill_process(id, Signal::INT).expect("it runs for an hour");
    for line in lines {
        stdout = format!("{stdout}\n{}", line.expect("the command prints UTF-8"));
    }
    let status = soak.wait().expect("the soak ends");
    let (lines, summary) = json_lines(stdout.as_bytes());
    assert_eq!(summary["runs"], lines.len());
    let seeds: Vec<u64> = by_seed(&lines, "verdict").into_keys().collect();
    assert_eq!(seeds, (1000..1000 + lines.len() as u64).collect::<Vec<_>>());
    assert_eq!(status.code().map(i64::from), summary["exit_code"].as_i64());
    assert_eq!((&summary["stopped"], &summary["runs_asked"]), (&true.into(), &Value::Null));
}

#[test]
#[cfg(target_os = "linux")]
fn given_a_signal_when_seeds_are_left_then_it_is_said_that_not_all_were_run_and_that_is_no_pass() {
    let arguments = ["soak", "steady", "--seeds", "1..1000001", "--jobs", "1"];
    let stopped = |folder: &str, more: &[&str]| {
        let arguments = [&arguments[..], more].concat();
        let soak = dagstorm(folder, &arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let soak = soak.expect("the command starts");
        let id = i32::try_from(soak.id()).ok().and_then(Pid::from_raw).expect("it has an id");
        // It listens to signals before it starts a process.
        child_of(&soak);
        kill_process(id, Signal::TERM).expect("it runs for hours");
        soak.wait_with_output().expect("the soak ends")
    };
    let output = stopped("stopped-seeds", &["--json"]);
    let (lines, summary) = json_lines(&output.stdout);
    assert!(lines.iter().all(|line| line["verdict"] == "pass"), "{lines:?}");
    assert_eq!(
        (summary["runs"].as_u64(), summary["passed"].as_u64()),
        (Some(lines.len() as u64), Some(lines.len() as u64))
    );
    assert_eq!((&summary["stopped"], &summary["runs_asked"]), (&true.into(), &1_000_000.into()));
    assert_eq!((output.status.code(), &summary["exit_code"]), (Some(13), &13.into()));
    let output = stopped("stopped-seeds-text", &[]);
    assert_eq!(output.status.code(), Some(13));
    let stdout = text(&output.stdout);
    assert!(
        stdout.contains("      Missed not all seeds were run: ") && stdout.contains(" of 1000000 runs\n"),
        "{stdout}"
    );
}

#[test]
fn given_nonsense_when_asked_to_soak_then_exit_code_2_and_a_sentence() {
    for (arguments, sentence) in [
        (&["soak", "steady"][..], "the following required arguments were not provided"),
        (&["soak", "--for", "1m", "--seeds", "1..3"], "cannot be used with"),
        (&["soak", "--seeds", "1..3", "--start-seed", "4"], "cannot be used with"),
        (&["soak", "--for", "10"], "expected a number and a unit, as in 30s, 10m, 2h or 1d"),
        (&["soak", "--seeds", "1..3", "--shard", "0/3"], "shards are counted from 1"),
        (&["soak", "--seeds", "1..3", "--timeout", "0s"], "no time at all"),
        (&["soak", "reorg", "--seeds", "1..3", "--depth", "9"], "scenario reorg has no depth to ask for"),
        (&["soak", "reorg", "--seeds", "1..3", "--profile", "chain"], "profile chain is one of scenario steady"),
    ] {
        let output = output("nonsense", arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(sentence), "{arguments:?}: {stderr}");
    }
}
