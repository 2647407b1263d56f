//! `dagstorm follow` as a child process, and what can be concluded from what it prints.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::node::{Node, TrueBlock};

/// Longest time for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// The command with its arguments and an output without colours.
pub fn dagstorm(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dagstorm"));
    command.arg("follow").args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs it to its end, which must come soon.
pub fn output(arguments: &[&str]) -> Output {
    output_of(&mut dagstorm(arguments))
}

/// Runs any command to its end, which must come soon.
pub fn output_of(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
    let deadline = Instant::now() + PATIENCE;
    // What it prints fits into a pipe.
    while child.try_wait().expect("it is our child").is_none() {
        if Instant::now() >= deadline {
            child.kill().expect("it is our child");
            panic!("it never ended: {command:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("its pipes can be read")
}

/// The arguments that follow a node, before others.
pub fn following<'a>(url: &'a str, depth: &'a str, others: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["--url", url, "--network", "simnet", "--finality-depth", depth];
    arguments.extend(others);
    arguments
}

/// A path in the tests' own folder at which nothing is.
pub fn fresh_path(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("follow-{name}"));
    let _ = std::fs::remove_file(&path);
    path
}

/// A child that prints events; it dies with its handle.
pub struct Follow {
    child: Child,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    /// Every line so far.
    pub printed: Vec<String>,
}

impl Follow {
    /// Starts it with these arguments.
    pub fn start(arguments: &[&str]) -> Self {
        Self::of(&mut dagstorm(arguments))
    }

    /// Starts a command that becomes one.
    pub fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut stderr = child.stderr.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = String::new();
            // A line that a kill cut off is none.
            while reader.read_line(&mut line).is_ok_and(|_| line.ends_with('\n')) {
                if sender.send(line.trim_end().to_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self { child, lines, stderr: Some(stderr), printed: Vec::new() }
    }

    /// Reads until a line for which `wanted` holds.
    pub fn read_until(&mut self, what: &str, mut wanted: impl FnMut(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = wanted(&line);
                    self.printed.push(line);
                    if found {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("never {what}; the last lines: {:#?}", self.last_lines()),
                Err(RecvTimeoutError::Disconnected) => {
                    let stderr = self.wait().1;
                    panic!("it ended before {what}: {stderr}; the last lines: {:#?}", self.last_lines())
                }
            }
        }
    }

    /// Reads until the event with this number was printed.
    pub fn read_to_sequence(&mut self, sequence: u64) {
        self.read_until(&format!("event {sequence}"), |line| sequence_of(line).is_some_and(|found| found >= sequence));
    }

    /// Reads until the printed path ends with the node's sink. `before` is what earlier processes printed.
    pub fn read_to_sink(&mut self, node: &Node, before: &[String]) {
        let sink = node.chain().last().expect("the chain has grown").hash.clone();
        let arrived = |line: &str| {
            let event = parsed(line);
            event["event"] == "BlockAdded" && event["block"]["hash"] == sink
        };
        if !before.iter().any(|line| arrived(line)) {
            self.read_until("the sink", arrived);
        }
    }

    fn last_lines(&self) -> &[String] {
        &self.printed[self.printed.len().saturating_sub(6)..]
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process ids are small");
        kill_process(Pid::from_raw(id).expect("not zero"), signal).expect("the child is there");
    }

    /// Waits for its end; what it had still to say is in `printed`. Returns what it told on standard error.
    pub fn wait(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            assert!(Instant::now() < deadline, "it never ended");
            thread::sleep(Duration::from_millis(5));
        };
        self.printed.extend(self.lines.iter());
        let stderr = self.stderr.take().map(|reader| reader.join().expect("a reader does not panic"));
        (status, stderr.unwrap_or_default())
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of `--json`.
pub fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// The number of a line's event, if it has one.
pub fn sequence_of(line: &str) -> Option<u64> {
    parsed(line)["sequence"].as_u64()
}

/// The numbers of all lines that have one.
pub fn sequences(lines: &[String]) -> Vec<u64> {
    lines.iter().filter_map(|line| sequence_of(line)).collect()
}

/// The path that lines describe, each with the same shape as the node's own: what comes last for a number counts.
pub fn path_of(lines: &[String]) -> Vec<TrueBlock> {
    let events: BTreeMap<u64, Value> =
        lines.iter().filter_map(|line| Some((sequence_of(line)?, parsed(line)))).collect();
    let mut path: Vec<TrueBlock> = Vec::new();
    for event in events.values() {
        match event["event"].as_str() {
            Some("BlockAdded") => {
                assert_eq!(event["block"]["index"], path.len() as u64 + 1, "{event}");
                if let Some(tip) = path.last() {
                    assert_eq!(event["parent"], tip.hash, "{event}");
                }
                path.push(block_of(event));
            }
            Some("Reorg") => {
                let fork = usize::try_from(event["fork"]["index"].as_u64().expect("a number")).expect("small");
                let removed: Vec<&str> = path[fork..].iter().rev().map(|block| block.hash.as_str()).collect();
                assert_eq!(event["removed"], Value::from(removed), "{event}");
                path.truncate(fork);
            }
            Some("Finalized") => {
                let index = usize::try_from(event["block"]["index"].as_u64().expect("a number")).expect("small");
                assert_eq!(event["block"]["hash"], path[index - 1].hash, "{event}");
            }
            other => panic!("{other:?} has a number"),
        }
    }
    path
}

fn block_of(event: &Value) -> TrueBlock {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let number = |value: &Value| value.as_u64().expect("a number");
    let accepted = event["accepted"].as_array().expect("a list").iter().enumerate().map(|(position, accepted)| {
        assert_eq!(accepted["acceptance_index"], position, "{event}");
        (text(&accepted["id"]), text(&accepted["subnetwork_id"]), text(&accepted["payload"]))
    });
    TrueBlock {
        hash: text(&event["block"]["hash"]),
        blue_score: number(&event["block"]["blue_score"]),
        daa_score: number(&event["daa_score"]),
        timestamp_ms: number(&event["timestamp_ms"]),
        accepted: accepted.collect(),
    }
}
