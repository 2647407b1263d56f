//! Parameter sets as a user asks for them: by name or by file, and every way to get one wrong.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use scenarios::{
    parameters::{self, ParametersError},
    plan::{MOST_BYTES, Plan},
};
use sim::params::ParameterSet;

const OWN: &str = "\
name = \"own\"
blocks_per_second = 20
ghostdag_k = 12
max_block_parents = 8
mergeset_size_limit = 24
merge_depth = 60
finality_depth = 150
pruning_depth = 1500
difficulty_window_size = 300
unchecked = true
";

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("parameters").join(name);
    fs::create_dir_all(&folder).expect("the scratch folder is writable");
    folder
}

fn dagstorm(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dagstorm"));
    command.current_dir(folder).args(arguments).output().expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the command prints UTF-8")
}

#[test]
fn given_a_parameter_set_that_is_wrong_when_asked_for_then_exit_2_and_a_sentence_that_names_the_field() {
    let folder = folder("wrong");
    let mut sentences = String::new();
    for (from, to) in [
        ("ghostdag_k = 12", "ghostdag_k = 0"),
        ("ghostdag_k = 12", "ghostdag_k = 65536"),
        ("max_block_parents = 8", "max_block_parents = 256"),
        ("max_block_parents = 8", "max_block_parents = 0"),
        ("blocks_per_second = 20", "blocks_per_second = 0"),
        ("blocks_per_second = 20", "blocks_per_second = -10"),
        ("blocks_per_second = 20", "blocks_per_second = 30"),
        ("blocks_per_second = 20", "blocks_per_second = 2000"),
        ("blocks_per_second = 20", "blocks_per_second = 0.5"),
        ("blocks_per_second = 20", "blocks_per_second = 99999999999999999999"),
        ("mergeset_size_limit = 24", "mergeset_size_limit = 1"),
        ("finality_depth = 150", "finality_depth = 0"),
        ("merge_depth = 60", "merge_depth = -60"),
        ("pruning_depth = 1500", "pruning_depth = 1000000000001"),
        ("difficulty_window_size = 300", "difficulty_window_size = 0"),
        ("name = \"own\"", "name = \"\""),
        ("name = \"own\"", "name = 7"),
        ("merge_depth = 60", "merge_depth = \"60\""),
        ("merge_depth = 60", "merge_dept = 60"),
        ("merge_depth = 60\n", ""),
        ("merge_depth = 60", "merge_depth = 60\nmerge_depth = 61"),
        ("merge_depth = 60", "merge_depth ="),
        // What only an unchecked set may do.
        ("unchecked = true", ""),
        ("1500\ndifficulty_window_size = 300\nunchecked = true", "1501\ndifficulty_window_size = 300"),
        ("1500\ndifficulty_window_size = 300\nunchecked = true", "1447\ndifficulty_window_size = 300"),
        ("24\nmerge_depth = 60", "12\nmerge_depth = 60"),
        ("merge_depth = 60", "merge_depth = 151"),
    ] {
        let relation = from.contains("unchecked") || from.starts_with("24") || to.ends_with("151");
        let text_of_file = OWN.replacen(from, to, 1);
        let text_of_file = if relation { text_of_file.replace("unchecked = true", "") } else { text_of_file };
        assert_ne!(text_of_file, OWN, "{from}");
        fs::write(folder.join("own.toml"), text_of_file).expect("the scratch folder is writable");
        let output = dagstorm(&folder, &["show", "steady", "--params", "own.toml"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{to}");
        let changed = to.lines().next().filter(|line| !line.is_empty()).unwrap_or("(removed)");
        writeln!(sentences, "{changed}\n    {}", text(&output.stderr).trim_end()).expect("a String takes all");
    }
    insta::assert_snapshot!(sentences);
}

#[test]
fn given_neither_a_set_nor_a_usable_file_when_asked_for_then_exit_2_and_a_sentence() {
    let folder = folder("files");
    fs::write(folder.join("binary.toml"), b"name = \"own\"\n\xff").expect("the scratch folder is writable");
    // The byte behind the limit is the second of a character.
    let too_large = [" ".repeat(MOST_BYTES).as_bytes(), "\u{e9}".as_bytes()].concat();
    fs::write(folder.join("large.toml"), too_large).expect("the scratch folder is writable");
    for (params, sentence) in [
        (
            "calm",
            "error: no parameter set is named 'calm' (there are storm, deep, mainnet), and there is no such file\n",
        ),
        ("binary.toml", "error: binary.toml: line 2: this is not UTF-8\n"),
        ("large.toml", "error: large.toml: the file has more than 16777216 bytes\n"),
    ] {
        for command in [&["run", "steady"][..], &["show", "steady"], &["replay", "steady", "--seed", "1"]] {
            let output = dagstorm(&folder, &[command, &["--params", params]].concat());
            assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), sentence.to_owned()), "{command:?}");
        }
    }
    let error = parameters::find(&folder.to_string_lossy()).expect_err("a folder is no file");
    assert!(matches!(&error, ParametersError::Read { path, .. } if *path == folder), "{error}");
}

#[test]
fn given_a_set_by_name_or_by_file_when_asked_for_then_the_plan_has_it() {
    let folder = folder("found");
    fs::write(folder.join("own.toml"), OWN).expect("the scratch folder is writable");
    for name in ParameterSet::NAMES {
        let plan = text(&dagstorm(&folder, &["show", "steady", "--params", name]).stdout);
        let plan = Plan::parse(&plan).expect("the plan was just printed");
        assert_eq!(Ok(plan.parameters), ParameterSet::by_name(name));
    }
    let plan = text(&dagstorm(&folder, &["show", "reorg", "--params", "own.toml"]).stdout);
    let plan = Plan::parse(&plan).expect("the plan was just printed");
    assert_eq!((plan.parameters.name.as_str(), plan.parameters.blocks_per_second), ("own", 20));
    // A block every 50 ms: the L1 is twice as fast in all that it does.
    assert_eq!((plan.topology.mean_delay_ms, plan.storm_ms), (200, 120_000));
}

#[test]
fn given_a_run_under_a_set_of_its_own_when_it_fails_then_its_commands_show_the_same_again() {
    let folder = folder("replayed");
    fs::write(folder.join("own set.toml"), OWN).expect("the scratch folder is writable");
    let arguments = ["run", "steady", "--params", "own set.toml", "--seconds", "2", "--json"];
    let output = dagstorm(&folder, &arguments);
    assert_eq!(output.status.code(), Some(13), "{}", text(&output.stderr));
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let saved = line["saved_plan"].as_str().expect("the plan was kept");
    let hash = |output: Output| text(&output.stdout).split_once(", hash ").map(|(_, rest)| rest[..16].to_owned());
    let hash_of_run = line["hash"].as_str().map(|hash| hash[..16].to_owned());
    assert_eq!(hash(dagstorm(&folder, &["replay", saved])), hash_of_run);
    let printed = text(&dagstorm(&folder, &arguments[..6]).stdout);
    let command = "dagstorm run steady --seed 1 --params 'own set.toml' --seconds 2";
    assert!(printed.contains(&format!("Run its seed {command}\n")), "{printed}");
    let again = ["replay", "steady", "--seed", "1", "--params", "own set.toml", "--seconds", "2"];
    assert_eq!(hash(dagstorm(&folder, &again)), hash_of_run);
}
