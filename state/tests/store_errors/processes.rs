//! Real files and real processes: two that want one store, one that dies, one that may not write, one whose disk is full.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use state::{Machine, OpenError};
use tempfile::TempDir;

use super::history::{self, Contents, History};
use crate::support::chain::Chain;

/// Names the store for a child, and that this process is one.
const STORE: &str = "DAGSTORM_TEST_STORE";

/// Number of a user without rights on almost every system.
const NOBODY: u32 = 65_534;

const IN_USE: &str = "the store is in use by another process: end that one, or give each its own";
/// Longer than any of these tests feeds a store.
const MOST_BATCHES: u64 = 1_000;

const FULL: &str = "the disk is full: free space and start again; everything acknowledged is stored";

/// What the other processes of these tests do: open the store, tell how that went, feed it while they are told to, and
/// tell how that went. Nothing in a process that no test started.
#[test]
fn child() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let mut machine = match Machine::open(Path::new(&path), history::config()) {
        Ok(machine) => machine,
        Err(error) => return say(&error.to_string()),
    };
    say("open");
    let mut chain = Chain::new();
    for (batch, line) in (0..).zip(std::io::stdin().lines()) {
        line.expect("the test speaks");
        match history::feed_growing(&mut machine, &mut chain, batch) {
            Ok(()) => say("stored"),
            Err(error) => return say(&error.to_string()),
        }
    }
}

/// To the test, past the harness that swallows output.
fn say(text: &str) {
    let mut output = std::io::stdout();
    writeln!(output, "> {text}").and_then(|()| output.flush()).expect("the test listens");
}

/// Another process, as long as it is held.
struct Other {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Other {
    /// Starts this binary on a store, by way of `prepare`.
    fn new(program: &Path, store: &Path, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(program);
        prepare(&mut command);
        command.args(["processes::child", "--exact", "--nocapture"]).env(STORE, store);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this binary can be started");
        let said = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, said }
    }

    /// What it says next.
    fn hear(&mut self) -> String {
        let mut line = String::new();
        while self.said.read_line(&mut line).expect("it speaks text") > 0 {
            // The harness writes the name of the test into the same line.
            if let Some((_, said)) = line.split_once("> ") {
                return said.trim_end().to_owned();
            }
            line.clear();
        }
        panic!("the other process says nothing more");
    }

    fn feed(&mut self) -> String {
        let input = self.child.stdin.as_mut().expect("it is piped");
        writeln!(input).expect("it listens");
        self.hear()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn own_binary() -> PathBuf {
    std::env::current_exe().expect("this process has a file")
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let store = folder.path().join("store");
    (folder, store)
}

#[test]
fn given_an_open_store_when_opened_again_in_the_process_then_it_is_in_use() {
    let (_folder, store) = folder();
    let mut machine = Machine::open(&store, history::config()).expect("the folder can be written");
    let mut chain = Chain::new();
    history::feed(&mut machine, &mut chain, 0).expect("the disk has no faults");
    let before = fs::read(&store).expect("it is there");
    let error = Machine::open(&store, history::config()).expect_err("it is open");
    assert!(matches!(error, OpenError::InUse));
    assert_eq!(error.to_string(), IN_USE);
    assert!(fs::read(&store).expect("it is there") == before, "the file was changed");
    history::feed(&mut machine, &mut chain, 1).expect("the first is not disturbed");
    machine.close().expect("the disk has no faults");
    Machine::open(&store, history::config()).expect("nobody has it open any more");
}

#[test]
fn given_a_store_open_here_when_another_process_opens_it_then_it_is_in_use() {
    let (_folder, store) = folder();
    let mut machine = Machine::open(&store, history::config()).expect("the folder can be written");
    let mut chain = Chain::new();
    history::feed(&mut machine, &mut chain, 0).expect("the disk has no faults");
    let before = fs::read(&store).expect("it is there");
    let mut other = Other::new(&own_binary(), &store, |_| {});
    assert_eq!(other.hear(), IN_USE);
    drop(other);
    assert!(fs::read(&store).expect("it is there") == before, "the file was changed");
    history::feed(&mut machine, &mut chain, 1).expect("the first is not disturbed");
}

#[test]
fn given_a_store_open_in_another_process_when_that_is_killed_then_everything_it_stored_is_there() {
    let (_folder, store) = folder();
    let mut other = Other::new(&own_binary(), &store, |_| {});
    assert_eq!(other.hear(), "open");
    for _ in 0..5 {
        assert_eq!(other.feed(), "stored");
        let error = Machine::open(&store, history::config()).expect_err("the other has it");
        assert_eq!(error.to_string(), IN_USE);
    }
    // Dropping it kills it: nothing is closed.
    drop(other);
    let machine = Machine::open(&store, history::config()).expect("nobody has it open any more");
    assert_eq!(&Contents::of(&machine).expect("the disk has no faults"), History::growing(5).newest());
}

#[test]
fn given_a_limit_on_the_length_of_files_when_it_is_reached_then_the_disk_is_full_and_nothing_is_lost() {
    let (_folder, store) = folder();
    let first_length = History::new(0).bytes.len();
    // The shell counts blocks of 512 bytes. A process that does not ignore the signal is killed by the system.
    let limit = (first_length + 100_000) / 512;
    let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
    let mut other = Other::new(Path::new("/bin/sh"), &store, |command| {
        command.args(["-c", &script]).arg(own_binary());
    });
    assert_eq!(other.hear(), "open");
    let mut stored = 0;
    let ended = loop {
        match other.feed() {
            said if said == "stored" && stored < MOST_BATCHES => stored += 1,
            said => break said,
        }
    };
    assert_eq!(ended, FULL);
    assert!(stored > 0);
    drop(other);
    let history = History::growing(stored);
    let mut machine = Machine::open(&store, history::config()).expect("there is space again");
    assert_eq!(&Contents::of(&machine).expect("there is space again"), history.newest());
    let mut chain = history.chain;
    history::feed_growing(&mut machine, &mut chain, stored).expect("there is space again");
}

/// Starts a process that may write nothing that it does not own: as another user if this one may do everything.
fn without_rights(folder: &Path, store: &Path) -> Other {
    let program = folder.join("program");
    fs::copy(own_binary(), &program).expect("the folder can be written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).expect("the folder is ours");
    let may_do_everything = fs::File::create(folder.join("probe")).is_ok();
    Other::new(&program, store, |command| {
        if may_do_everything {
            command.uid(NOBODY).gid(NOBODY);
        }
    })
}

#[test]
fn given_a_file_that_may_only_be_read_when_opened_then_it_says_so_and_is_left_alone() {
    let (folder, store) = folder();
    let history = History::new(5);
    fs::write(&store, &history.bytes).expect("the folder can be written");
    fs::set_permissions(&store, fs::Permissions::from_mode(0o444)).expect("the file is ours");
    let said = without_rights(folder.path(), &store).hear();
    assert!(said.starts_with("the store may not be written: Permission denied"), "{said}");
    assert!(said.ends_with("; give this process the right to write it"), "{said}");
    assert!(fs::read(&store).expect("it is there") == history.bytes, "the file was changed");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the folder is ours");
    fs::set_permissions(&store, fs::Permissions::from_mode(0o644)).expect("the file is ours");
    let machine = Machine::open(&store, history::config()).expect("it may be written again");
    assert_eq!(&Contents::of(&machine).expect("the disk has no faults"), history.newest());
}

#[test]
fn given_a_folder_that_may_only_be_read_when_a_store_is_to_be_made_then_it_says_so() {
    let (folder, store) = folder();
    let said = without_rights(folder.path(), &store).hear();
    assert!(said.starts_with("the store may not be written: Permission denied"), "{said}");
    assert!(!store.exists());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the folder is ours");
}

#[test]
fn given_a_store_that_may_be_written_in_a_folder_that_may_not_when_opened_then_it_is_used() {
    let (folder, store) = folder();
    fs::write(&store, []).expect("the folder can be written");
    fs::set_permissions(&store, fs::Permissions::from_mode(0o666)).expect("the file is ours");
    let mut other = without_rights(folder.path(), &store);
    assert_eq!(other.hear(), "open");
    assert_eq!(other.feed(), "stored");
    drop(other);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the folder is ours");
    let machine = Machine::open(&store, history::config()).expect("nobody has it open any more");
    assert_eq!(&Contents::of(&machine).expect("the disk has no faults"), History::growing(1).newest());
}
