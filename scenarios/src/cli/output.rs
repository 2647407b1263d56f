//! Words on the terminal: aligned status verbs, colours only where they are wanted, progress only where it is seen.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

/// Width of the column of verbs.
const VERB_WIDTH: usize = 12;

/// Colour of a verb.
#[derive(Clone, Copy)]
pub enum Tone {
    Bad,
    Good,
}

/// Prints a line with a right-aligned verb to standard output; a closed pipe ends the process quietly.
pub fn line(tone: Tone, verb: &str, text: &str) {
    let mut out = io::stdout().lock();
    let padding = VERB_WIDTH.saturating_sub(verb.chars().count());
    let verb = if colours() { paint(tone, verb) } else { verb.to_owned() };
    written(writeln!(out, "{:padding$}{verb} {text}", ""));
}

/// Prints a line as it is.
pub fn plain(text: &str) {
    written(writeln!(io::stdout().lock(), "{text}"));
}

fn written(result: io::Result<()>) {
    if let Err(error) = result {
        // `dagstorm replay ... | head` closes the pipe; that is no failure of the run.
        let code = if error.kind() == io::ErrorKind::BrokenPipe { 0 } else { 1 };
        std::process::exit(code);
    }
}

/// Colours are for terminals, unless NO_COLOR says otherwise (<https://no-color.org>).
fn colours() -> bool {
    io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn paint(tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Bad => "1;31",
        Tone::Good => "1;32",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
