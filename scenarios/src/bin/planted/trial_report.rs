//! What the trials showed, for people and for machines.

use std::time::Instant;

use serde::Serialize;

use crate::{
    handling::Handling,
    output::{self, Tone},
    report::count,
    trial::{Outcome, Verdict},
};

/// Prints every handling with its class, its meaning and its story.
pub fn list(handlings: &[Handling]) {
    for handling in handlings {
        output::plain(&format!("{} {}", handling.class, handling.patch.name));
        output::plain(&format!("    {}", handling.patch.meaning));
        output::plain(&format!("    found by {}", handling.test));
    }
}

/// Prints the row of a handling.
pub fn print(handling: &Handling, verdict: &Verdict, name_width: usize) {
    let (tone, verb, end) = match &verdict.outcome {
        Outcome::Died(status) => (Tone::Bad, "DIED", format!("the program ended with {status}")),
        Outcome::Failed(place) => (Tone::Good, "FOUND", place.clone()),
        Outcome::Hung => (Tone::Good, "FOUND", "the story hangs without it".to_owned()),
        Outcome::Passed => (Tone::Bad, "MISSED", "the story passes without it".to_owned()),
    };
    let Handling { class, test, patch } = handling;
    let text = format!("{class:3} {:name_width$} {:>6.1} s  {end}", patch.name, verdict.seconds);
    output::line(tone, verb, &text);
    if !verdict.outcome.is_found() {
        output::line(Tone::Bad, "", &format!("{test} should find it"));
    }
}

/// The line that `--json` prints for a handling.
#[derive(Serialize)]
struct JsonLine<'a> {
    handling: &'a str,
    class: &'a str,
    meaning: &'a str,
    test: &'a str,
    outcome: &'a str,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
}

/// One JSON object without line breaks.
pub fn json(handling: &Handling, verdict: &Verdict) -> String {
    let (outcome, place) = match &verdict.outcome {
        Outcome::Died(_) => ("died", None),
        Outcome::Failed(place) => ("found", Some(place.as_str())),
        Outcome::Hung => ("hung", None),
        Outcome::Passed => ("missed", None),
    };
    let Handling { class, test, patch } = handling;
    let (meaning, seconds) = (patch.meaning.as_str(), verdict.seconds);
    let line = JsonLine { handling: &patch.name, class, meaning, test, outcome, seconds, place };
    serde_json::to_string(&line).expect("numbers and text always serialize")
}

/// Sums over all trials.
pub struct Summary {
    started: Instant,
    handlings: u64,
    found: u64,
    hung: u64,
}

impl Summary {
    /// Nothing so far.
    #[expect(clippy::disallowed_methods, reason = "how long the user waited, outside every run")]
    pub fn start() -> Self {
        Self { started: Instant::now(), handlings: 0, found: 0, hung: 0 }
    }

    /// Counts a trial.
    pub fn add(&mut self, verdict: &Verdict) {
        self.handlings += 1;
        self.found += u64::from(verdict.outcome.is_found());
        self.hung += u64::from(verdict.outcome == Outcome::Hung);
    }

    /// Whether no removal was missed.
    pub fn all_found(&self) -> bool {
        self.found == self.handlings
    }

    /// Prints the last line.
    pub fn print(&self) {
        let tone = if self.all_found() { Tone::Good } else { Tone::Bad };
        let text = format!(
            "[{:>7.3}s] {} removed: {} found, {} of them by a hang, {} missed",
            self.started.elapsed().as_secs_f64(),
            count(self.handlings, "handling"),
            self.found,
            self.hung,
            self.handlings - self.found,
        );
        output::line(tone, "Summary", &text);
    }
}
