//! The table: how many mutants were caught and by what, and those that were not, each with its change.

use std::collections::BTreeMap;

use crate::{
    output,
    record::{Entry, Outcome, Record},
    sample::Sample,
};

/// What became of a sample.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Caught, by the step that did it.
    pub caught: BTreeMap<String, usize>,
    /// Some test or run did not end.
    pub timed_out: usize,
    /// They do not compile.
    pub unviable: usize,
    /// Everything was tried.
    pub survived: usize,
    /// Not everything was tried so far.
    pub open: usize,
}

impl Sums {
    /// Counts the mutants of a sample. Those that are missed by every step so far are survivors once `last_step` has spoken.
    pub fn of(sample: &Sample, record: &Record, last_step: &str) -> Self {
        let verdicts = record.verdicts();
        let mut sums = Self::default();
        for mutant in &sample.mutants {
            match verdicts.get(mutant.name.as_str()) {
                Some(Entry { outcome: Outcome::Caught, step, .. }) => {
                    *sums.caught.entry(step.clone()).or_default() += 1;
                }
                Some(Entry { outcome: Outcome::TimedOut, .. }) => sums.timed_out += 1,
                Some(Entry { outcome: Outcome::Unviable, .. }) => sums.unviable += 1,
                Some(Entry { outcome: Outcome::Missed, step, .. }) if step == last_step => sums.survived += 1,
                Some(_) | None => sums.open += 1,
            }
        }
        sums
    }

    /// Mutants that were noticed, by a failure or by a hang.
    pub fn noticed(&self) -> usize {
        self.caught.values().sum::<usize>() + self.timed_out
    }

    /// Noticed in a thousand of those that compile and are settled.
    pub fn kill_rate_per_mille(&self) -> usize {
        (1000 * self.noticed()).checked_div(self.noticed() + self.survived).unwrap_or_default()
    }
}

/// Prints everything.
pub fn print(sample: &Sample, record: &Record, steps: &[&str]) {
    let last_step = steps.last().copied().unwrap_or_default();
    let sums = Sums::of(sample, record, last_step);
    let count = sample.mutants.len();
    output::plain(&format!("{count} of {} mutants, drawn by seed {}", sample.population, sample.seed));
    for step in steps {
        let caught = sums.caught.get(*step).copied().unwrap_or_default();
        output::plain(&format!("{caught:>6}  caught: {step}"));
    }
    let rows = [
        (sums.timed_out, "caught: a test or a run that does not end"),
        (sums.unviable, "do not compile"),
        (sums.survived, "survive"),
        (sums.open, "not settled yet"),
    ];
    for (number, what) in rows {
        output::plain(&format!("{number:>6}  {what}"));
    }
    let rate = sums.kill_rate_per_mille();
    let settled = sums.noticed() + sums.survived;
    output::plain(&format!("kill rate {}.{} % ({} of {settled})", rate / 10, rate % 10, sums.noticed()));
    let verdicts = record.verdicts();
    for mutant in &sample.mutants {
        let Some(entry) = verdicts.get(mutant.name.as_str()) else { continue };
        if entry.outcome == Outcome::Missed {
            let so_far = if entry.step == last_step { "" } else { " (so far)" };
            output::plain(&format!("\nsurvives{so_far}: {}", mutant.name));
            mutant.changed_lines().for_each(|line| output::plain(&format!("    {line}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Mutant;

    #[test]
    fn given_outcomes_when_counted_then_every_mutant_once_and_the_rate_leaves_out_what_is_not_viable_or_open() {
        let path = std::env::temp_dir().join(format!("dagstorm-mutant-sums-{}.jsonl", std::process::id()));
        let mut record = Record::open(path.clone()).expect("there is none");
        for (name, step, outcome) in [
            ("a", "one", Outcome::Caught),
            ("b", "one", Outcome::Missed),
            ("b", "two", Outcome::Caught),
            ("c", "one", Outcome::Unviable),
            ("d", "one", Outcome::Missed),
            ("d", "two", Outcome::Missed),
            ("e", "one", Outcome::Missed),
            ("f", "one", Outcome::TimedOut),
        ] {
            let (name, step, detail) = (name.to_owned(), step.to_owned(), String::new());
            record.add(Entry { name, step, outcome, detail }).expect("it is written");
        }
        std::fs::remove_file(path).expect("it is ours");
        let mutant = |name: &str| Mutant { name: name.to_owned(), file: String::new(), diff: String::new() };
        let mutants = ["a", "b", "c", "d", "e", "f", "g"].map(mutant).to_vec();
        let sums = Sums::of(&Sample { seed: 1, population: 9, mutants }, &record, "two");
        let caught = BTreeMap::from([("one".to_owned(), 1), ("two".to_owned(), 1)]);
        assert_eq!(sums, Sums { caught, timed_out: 1, unviable: 1, survived: 1, open: 2 });
        assert_eq!(sums.kill_rate_per_mille(), 750);
        assert_eq!(Sums::default().kill_rate_per_mille(), 0);
    }
}
