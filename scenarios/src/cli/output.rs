//! Words on the terminal: aligned status verbs, colours only where they are wanted, progress only where it is seen.

use std::{
    env,
    io::{self, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

/// Width of the column of verbs.
const VERB_WIDTH: usize = 12;

/// Colour of a verb.
#[derive(Clone, Copy)]
pub enum Tone {
    Bad,
    Good,
}

/// Prints a line with a right-aligned verb to standard output.
pub fn line(tone: Tone, verb: &str, text: &str) {
    let mut out = io::stdout().lock();
    let line = verb_line(&out, tone, verb, text);
    written(writeln!(out, "{line}"));
}

/// Prints a line with a right-aligned verb to standard error: what the command does, where standard output has data.
pub fn status(tone: Tone, verb: &str, text: &str) {
    let mut out = io::stderr().lock();
    let line = verb_line(&out, tone, verb, text);
    written(writeln!(out, "{line}"));
}

/// A line with a right-aligned verb as it is to be written to `to`.
pub fn verb_line(to: &impl IsTerminal, tone: Tone, verb: &str, text: &str) -> String {
    let padding = VERB_WIDTH.saturating_sub(verb.chars().count());
    let verb = if colours(to) { paint(tone, verb) } else { verb.to_owned() };
    format!("{:padding$}{verb} {text}", "")
}

/// Prints lines that belong together and tell of a failure; the first begins with a verb.
pub fn bad(lines: &[String]) {
    let mut out = io::stdout().lock();
    for (position, line) in lines.iter().enumerate() {
        let verb = line.split_whitespace().next().filter(|_| position == 0 && colours(&out));
        let line = verb.map_or_else(|| line.clone(), |verb| line.replacen(verb, &paint(Tone::Bad, verb), 1));
        written(writeln!(out, "{line}"));
    }
}

/// Prints a line as it is.
pub fn plain(text: &str) {
    written(writeln!(io::stdout().lock(), "{text}"));
}

/// Prints a line as it is to standard error.
pub fn complaint(text: &str) {
    written(writeln!(io::stderr().lock(), "{text}"));
}

/// Prints what is wrong with a command to standard error.
pub fn error(text: &str) {
    written(writeln!(io::stderr().lock(), "error: {text}"));
}

/// A reader that has gone away (`dagstorm run ... | head`) takes no more lines; the runs go on to their exit code.
fn written(result: io::Result<()>) {
    static UNREADABLE: AtomicBool = AtomicBool::new(false);
    if let Err(error) = result
        && error.kind() != io::ErrorKind::BrokenPipe
        && !UNREADABLE.swap(true, Ordering::Relaxed)
    {
        // Nothing is left to say it with if standard error is gone too.
        let _ = writeln!(io::stderr(), "error: cannot print: {error}");
    }
}

/// Colours are for terminals, unless NO_COLOR says otherwise (<https://no-color.org>).
fn colours(to: &impl IsTerminal) -> bool {
    to.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn paint(tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Bad => "1;31",
        Tone::Good => "1;32",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
