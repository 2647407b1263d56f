//! Standard output that is a file: what is on the disk before a checkpoint counts it, and lines that a kill cut off.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::follow_support::{
    command::{dagstorm, following, fresh_path, output_of, parsed, path_of},
    node::Node,
};

/// What a kill in the middle of a write leaves.
const CUT: &str = r#"{"event":"BlockAdded","sequen"#;

/// Follows into a file until the file has `wanted`, and returns what is in it then.
fn followed_into(file: File, path: &Path, arguments: &[&str], wanted: &str) -> String {
    let _child = Killed(dagstorm(arguments).stdout(file).stderr(Stdio::null()).spawn().expect("it starts"));
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let text = fs::read_to_string(path).expect("the file can be read");
        if text.contains(wanted) && text.ends_with('\n') {
            return text;
        }
        assert!(Instant::now() < deadline, "never {wanted}: {text}");
        sleep(Duration::from_millis(5));
    }
}

/// A child that dies with its handle.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn given_a_file_that_ends_within_a_line_when_followed_into_it_then_the_first_event_has_a_line_of_its_own() {
    let node = Node::start(5);
    node.run_to_rest();
    let (url, depth, path) = (node.url(), node.finality_depth().to_string(), fresh_path("cut.jsonl"));
    let arguments = following(&url, &depth, &["--json"]);
    let sink = node.chain().last().expect("the chain has grown").hash.clone();
    // As `>>` opens it, and as one that can be read without asking anew.
    for readable in [false, true] {
        fs::write(&path, CUT).expect("the scratch folder is writable");
        let file = File::options().append(true).read(readable).open(&path).expect("the file is there");
        let text = followed_into(file, &path, &arguments, &sink);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(lines[0], CUT);
        assert_eq!(parsed(&lines[1])["event"], "Connected");
        assert_eq!(path_of(&lines[1..]), node.chain());
    }
}

#[test]
fn given_a_file_without_a_cut_line_when_followed_into_it_then_no_empty_line_is_written() {
    let node = Node::start(5);
    node.run_to_rest();
    let (url, depth, path) = (node.url(), node.finality_depth().to_string(), fresh_path("whole.jsonl"));
    let arguments = following(&url, &depth, &["--json"]);
    for before in ["", "{}\n"] {
        fs::write(&path, before).expect("the scratch folder is writable");
        let file = File::options().append(true).open(&path).expect("the file is there");
        let text = followed_into(file, &path, &arguments, "Synced");
        let added = text.strip_prefix(before).expect("nothing is written over");
        assert!(added.starts_with(r#"{"event":"Connected""#), "{text}");
        assert!(text.lines().all(|line| !line.is_empty()), "{text}");
    }
}

/// A process's own name is a regular file that takes every write and, as all of procfs, cannot be brought to a disk.
#[cfg(target_os = "linux")]
#[test]
fn given_a_file_that_does_not_reach_the_disk_when_printed_then_exit_1_and_no_checkpoint_counts_it() {
    use std::process::Command;

    use bridge::wire::Network;
    use state::{Machine, MachineConfig};

    let node = Node::start(5);
    node.run_to_rest();
    let (url, depth, store) = (node.url(), node.finality_depth().to_string(), fresh_path("unsynced"));
    let store_text = store.to_string_lossy();
    let arguments = following(&url, &depth, &["--json", "--store", &store_text]);
    let follow = dagstorm(&arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"exec "$0" "$@" > /proc/self/comm"#]).arg(follow.get_program()).args(follow.get_args());
    let output = output_of(&mut shell);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("error: cannot print: "), "{stderr}");
    let machine = Machine::open(&store, MachineConfig::new(Network::SIMNET)).expect("the store is whole");
    assert_eq!(machine.checkpoint(), None, "a checkpoint counts what a power cut would take");
}
