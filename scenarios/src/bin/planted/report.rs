//! What was found, for people and for machines.

use std::{
    io::{IsTerminal, stderr},
    time::Instant,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{
    bug::Bug,
    hunt::{Finding, Hunt, Outcome},
    output::{self, Tone},
};

/// Prints every bug with its meaning.
pub fn list(bugs: &[Bug]) {
    for bug in bugs {
        output::plain(&bug.patch.name);
        output::plain(&format!("    {}", bug.patch.meaning));
        if let Some(class) = &bug.class {
            output::plain(&format!("    class {class}"));
        }
        output::plain(&format!("    really happened: {}", bug.really_happened));
        let scenario = bug.scenario.as_deref().unwrap_or("all scenarios");
        output::plain(&format!("    found by {} in {scenario}", bug.found_by.join(", ")));
    }
}

/// Prints the row of a bug.
pub fn print(bug: &Bug, hunt: &Hunt, name_width: usize) {
    let (tone, verb, end) = match &hunt.outcome {
        Outcome::Died(status) => (Tone::Bad, "DIED", format!("the program ended with {status}")),
        Outcome::Found(finding) => (Tone::Good, "FOUND", place(finding)),
        Outcome::FoundByAnother(finding) => (Tone::Bad, "MISSED", format!("{}, which may not find it", place(finding))),
        Outcome::Hung => (Tone::Bad, "HUNG", "a run did not end".to_owned()),
        Outcome::Missed => (Tone::Bad, "MISSED", "no property broke".to_owned()),
    };
    let plural = if hunt.runs == 1 { ' ' } else { 's' };
    let class = bug.class.as_deref().unwrap_or("");
    let (seconds, name, runs) = (hunt.cpu_seconds, &bug.patch.name, hunt.runs);
    let text = format!("[{seconds:>7.3}s] {class:3} {name:name_width$} {runs:>5} run{plural}  {end}");
    output::line(tone, verb, &text);
    match &hunt.outcome {
        Outcome::Found(_) => {}
        Outcome::FoundByAnother(finding) => {
            output::line(Tone::Bad, "", &format!("{}: {}", expected(bug), finding.explanation));
        }
        _ => output::line(Tone::Bad, "", &expected(bug)),
    }
}

fn place(finding: &Finding) -> String {
    format!("{} seed {}: {}", finding.scenario, finding.seed, finding.property)
}

fn expected(bug: &Bug) -> String {
    format!("{} should find it", bug.found_by.join(" or "))
}

/// The head of the table that `--markdown` prints.
pub fn markdown_head() -> &'static str {
    "| planted bug | class | found by | scenario | seed | runs | CPU s |\n|---|---|---|---|--:|--:|--:|"
}

/// The row of a bug in that table.
pub fn markdown_row(bug: &Bug, hunt: &Hunt) -> String {
    let (name, class) = (&bug.patch.name, bug.class.as_deref().unwrap_or(""));
    let (runs, seconds) = (hunt.runs, hunt.cpu_seconds);
    match &hunt.outcome {
        Outcome::Found(Finding { scenario, seed, property, .. }) => {
            format!("| `{name}` | {class} | `{property}` | {scenario} | {seed} | {runs} | {seconds:.2} |")
        }
        Outcome::Died(_) | Outcome::FoundByAnother(_) | Outcome::Hung | Outcome::Missed => {
            format!("| `{name}` | {class} | **not found** | | | {runs} | {seconds:.2} |")
        }
    }
}

/// A number with its noun.
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The line that `--json` prints for a bug.
#[derive(Serialize)]
struct JsonLine<'a> {
    bug: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'a str>,
    meaning: &'a str,
    really_happened: &'a str,
    found_by: &'a [String],
    outcome: &'a str,
    runs: u64,
    cpu_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scenario: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    property: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<&'a str>,
}

/// One JSON object without line breaks.
pub fn json(bug: &Bug, hunt: &Hunt) -> String {
    let (outcome, finding) = match &hunt.outcome {
        Outcome::Died(_) => ("died", None),
        Outcome::Found(finding) => ("found", Some(finding)),
        Outcome::FoundByAnother(finding) => ("found_by_another", Some(finding)),
        Outcome::Hung => ("hung", None),
        Outcome::Missed => ("missed", None),
    };
    let line = JsonLine {
        bug: &bug.patch.name,
        class: bug.class.as_deref(),
        meaning: &bug.patch.meaning,
        really_happened: &bug.really_happened,
        found_by: &bug.found_by,
        outcome,
        runs: hunt.runs,
        cpu_seconds: hunt.cpu_seconds,
        scenario: finding.map(|finding| finding.scenario.as_str()),
        seed: finding.map(|finding| finding.seed),
        property: finding.map(|finding| finding.property.as_str()),
        explanation: finding.map(|finding| finding.explanation.as_str()),
    };
    serde_json::to_string(&line).expect("numbers and text always serialize")
}

/// The runs of a hunt as they pass, where somebody watches.
pub struct Progress {
    bar: ProgressBar,
    name: String,
}

impl Progress {
    /// Shows that the hunt for a bug begins.
    pub fn start(name: &str) -> Self {
        let bar = if stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("     Hunting {msg}");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(name.to_owned());
        Self { bar, name: name.to_owned() }
    }

    /// Shows where it is.
    pub fn show(&self, hunt: &Hunt) {
        self.bar.set_message(format!("{}: {} runs, {:.1} CPU s", self.name, hunt.runs, hunt.cpu_seconds));
        self.bar.tick();
    }

    /// Shows nothing any more.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// Sums over all hunts.
pub struct Summary {
    started: Instant,
    bugs: u64,
    found: u64,
    runs: u64,
    cpu_seconds: f64,
    longest_cpu_seconds: f64,
}

impl Summary {
    /// Nothing so far.
    #[expect(clippy::disallowed_methods, reason = "how long the user waited, outside every run")]
    pub fn start() -> Self {
        Self { started: Instant::now(), bugs: 0, found: 0, runs: 0, cpu_seconds: 0.0, longest_cpu_seconds: 0.0 }
    }

    /// Counts a hunt.
    pub fn add(&mut self, hunt: &Hunt) {
        self.bugs += 1;
        self.runs += hunt.runs;
        self.cpu_seconds += hunt.cpu_seconds;
        if matches!(hunt.outcome, Outcome::Found(_)) {
            self.found += 1;
            self.longest_cpu_seconds = self.longest_cpu_seconds.max(hunt.cpu_seconds);
        }
    }

    /// Whether no bug was missed.
    pub fn all_found(&self) -> bool {
        self.found == self.bugs
    }

    /// Prints the last line.
    pub fn print(&self) {
        let tone = if self.all_found() { Tone::Good } else { Tone::Bad };
        let text = format!(
            "[{:>7.3}s] {}: {} found, {} missed; {} in {:.3} CPU seconds, at most {:.3} until a bug was found",
            self.started.elapsed().as_secs_f64(),
            count(self.bugs, "bug"),
            self.found,
            self.bugs - self.found,
            count(self.runs, "run"),
            self.cpu_seconds,
            self.longest_cpu_seconds,
        );
        output::line(tone, "Summary", &text);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::patch::Patch;

    #[test]
    fn given_hunts_when_told_as_markdown_then_each_is_a_row_of_the_table() {
        let name = "odd".to_owned();
        let patch = Patch { path: PathBuf::new(), name, meaning: String::new(), edits: Vec::new() };
        let found_by = vec!["path".to_owned()];
        let mut bug =
            Bug { patch, really_happened: String::new(), class: Some("B1".to_owned()), found_by, scenario: None };
        let property = "path".to_owned();
        let finding = Finding { scenario: "swarm".to_owned(), seed: 7, property, explanation: String::new() };
        let hunt = Hunt { runs: 3, cpu_seconds: 0.5, outcome: Outcome::Found(finding) };
        assert_eq!(markdown_row(&bug, &hunt), "| `odd` | B1 | `path` | swarm | 7 | 3 | 0.50 |");
        bug.class = None;
        let missed = Hunt { runs: 9, cpu_seconds: 60.25, outcome: Outcome::Missed };
        assert_eq!(markdown_row(&bug, &missed), "| `odd` |  | **not found** | | | 9 | 60.25 |");
        let columns = |row: &str| row.matches('|').count();
        assert!(markdown_head().lines().all(|line| columns(line) == columns(&markdown_row(&bug, &missed))));
    }
}
