//! One process of a soak, seen from the soak: it is asked for runs, and may die or hang over any of them.

use std::{
    collections::VecDeque,
    ffi::OsString,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::Scope,
    time::Duration,
};

use scenarios::report::{RunLine, VerdictKind};

use super::{
    super::failures::Told,
    clock,
    protocol::{Answer, Order},
};

/// Lines of a process's standard error that are passed on for one run.
const MOST_COMPLAINTS: usize = 40;

/// A run that is over.
pub struct Finished {
    pub line: RunLine,
    /// What is to be printed of it; `None` if it passed.
    pub told: Option<Told>,
}

/// Why a run has no answer. The process is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The process ended.
    Died {
        /// How, in a few words.
        how: String,
        /// The last that it said on standard error.
        last_words: Option<String>,
    },
    /// It took longer than it may and was killed.
    Hung,
}

/// A process that waits for orders.
pub struct Process {
    child: Child,
    orders: Option<ChildStdin>,
    said: Receiver<Said>,
    timeout: Duration,
}

enum Said {
    /// A line on standard output.
    Answer(String),
    /// A line on standard error.
    Complaint(String),
}

/// The file of this program as it was when this process began: one that is built in the meantime is another program.
fn program() -> io::Result<PathBuf> {
    let own = Path::new("/proc/self/exe");
    if own.exists() { Ok(own.to_owned()) } else { std::env::current_exe() }
}

impl Process {
    /// Starts a process with `arguments`, and on `scope` what listens to it. A run may take it `timeout`.
    ///
    /// # Errors
    /// The system's.
    pub fn start<'scope>(
        arguments: &[OsString],
        timeout: Duration,
        scope: &'scope Scope<'scope, '_>,
    ) -> io::Result<Self> {
        let mut command = Command::new(program()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C in a terminal reaches every process of the group: the soak takes it and lets runs come to their end.
        let mut child = command.process_group(0).spawn()?;
        let (sender, said) = mpsc::channel();
        let orders = child.stdin.take();
        if let Some(out) = child.stdout.take() {
            let sender = sender.clone();
            scope.spawn(move || listen(out, &sender, Said::Answer));
        }
        if let Some(out) = child.stderr.take() {
            scope.spawn(move || listen(out, &sender, Said::Complaint));
        }
        Ok(Self { child, orders, said, timeout })
    }

    /// Has a run done. What the process says besides goes to `on_complaint`, line by line.
    ///
    /// # Errors
    /// How the run was lost. The process must not be asked again.
    pub fn ask(&mut self, order: Order, on_complaint: impl FnMut(String)) -> Result<Finished, Lost> {
        let mut complaints = Complaints { last: VecDeque::new(), passed_on: 0, on_complaint };
        // A process that died before reads nothing; that it is gone is noticed when its answer does not come.
        if let Some(orders) = &mut self.orders {
            let _ = writeln!(orders, "{}", order.to_line()).and_then(|()| orders.flush());
        }
        let line = loop {
            if let Answer::Run(line) = self.next_answer(&mut complaints)? {
                break *line;
            }
        };
        if line.verdict == VerdictKind::Pass {
            return Ok(Finished { line, told: None });
        }
        // To tell how a run ended it is done again: if that does not work the verdict is known all the same.
        let told = match self.next_answer(&mut complaints) {
            Ok(Answer::Told(Some(told))) => told,
            Ok(_) | Err(_) => Told { line: in_one_line(&line), card: Vec::new() },
        };
        Ok(Finished { line, told: Some(told) })
    }

    /// Whether it can still be asked.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Lets a process end that has no order, or kills it if it does not.
    pub fn end(mut self) {
        drop(self.orders.take());
        let deadline = clock::now() + self.timeout;
        // It has nothing more to say: what it says last is that it closes its standard output and error.
        while self.said.recv_timeout(deadline.saturating_duration_since(clock::now())).is_ok() {}
        self.kill();
    }

    fn next_answer(&mut self, complaints: &mut Complaints<impl FnMut(String)>) -> Result<Answer, Lost> {
        let deadline = clock::now() + self.timeout;
        loop {
            match self.said.recv_timeout(deadline.saturating_duration_since(clock::now())) {
                // A line that is no answer was printed by the code under test.
                Ok(Said::Answer(line)) => match Answer::parse(&line) {
                    Some(answer) => return Ok(answer),
                    None => complaints.take(line),
                },
                Ok(Said::Complaint(line)) => complaints.take(line),
                Err(RecvTimeoutError::Timeout) => {
                    self.kill();
                    return Err(Lost::Hung);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let how = match self.child.wait() {
                        Ok(status) => how_it_ended(status),
                        Err(error) => format!("in a way that is not known: {error}"),
                    };
                    return Err(Lost::Died { how, last_words: complaints.last.pop_back() });
                }
            }
        }
    }

    fn kill(&mut self) {
        // A process that is gone already cannot be killed, and need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process says besides answers, during one run.
struct Complaints<F> {
    last: VecDeque<String>,
    passed_on: usize,
    on_complaint: F,
}

impl<F: FnMut(String)> Complaints<F> {
    fn take(&mut self, line: String) {
        if line.trim().is_empty() {
            return;
        }
        self.passed_on += 1;
        if self.passed_on <= MOST_COMPLAINTS {
            (self.on_complaint)(line.clone());
        }
        self.last.clear();
        self.last.push_back(line);
    }
}

fn listen(from: impl Read, to: &Sender<Said>, said: fn(String) -> Said) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if to.send(said(text)).is_err() {
            return;
        }
        line.clear();
    }
}

/// A failure without its plan at hand.
fn in_one_line(line: &RunLine) -> String {
    let RunLine { scenario, seed, verdict, property, replay, .. } = line;
    let words = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{:>12} {scenario} seed {seed}, {}: {}", verdict.word().to_uppercase(), words(property), words(replay))
}

fn how_it_ended(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "by signal 9 (SIGKILL: from outside, or by the system for want of memory)".to_owned(),
        (Some(6), _) => "by signal 6 (SIGABRT: an abort, a stack overflow, or memory that could not be had)".to_owned(),
        (Some(11), _) => "by signal 11 (SIGSEGV)".to_owned(),
        (Some(signal), _) => format!("by signal {signal}"),
        (None, Some(code)) => format!("with exit code {code}"),
        (None, None) => status.to_string(),
    }
}
