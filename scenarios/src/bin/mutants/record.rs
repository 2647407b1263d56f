//! What became of each mutant, one JSON object a line, written as it becomes known: nothing is lost when the command is
//! interrupted.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::error::{self, MutantsError};

/// What one step says of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A test or a run failed.
    Caught,
    /// Nothing failed.
    Missed,
    /// Something did not end in time, as it does without the mutant.
    TimedOut,
    /// It does not compile.
    Unviable,
}

/// What one step said of one mutant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The mutant.
    pub name: String,
    /// The step.
    pub step: String,
    /// What it said.
    pub outcome: Outcome,
    /// What failed, if it is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// All entries.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    entries: Vec<Entry>,
}

impl Record {
    /// Reads what was written so far.
    ///
    /// # Errors
    /// The file with the line that makes no sense.
    pub fn open(path: PathBuf) -> Result<Self, MutantsError> {
        let mut entries = Vec::new();
        if path.is_file() {
            for line in error::read(&path)?.lines() {
                let entry = serde_json::from_str(line).map_err(|error| MutantsError::Output {
                    what: path.display().to_string(),
                    message: error.to_string(),
                })?;
                entries.push(entry);
            }
        }
        Ok(Self { path, entries })
    }

    /// Adds an entry, unless the step has spoken of the mutant already.
    ///
    /// # Errors
    /// The file with the system's words.
    pub fn add(&mut self, entry: Entry) -> Result<(), MutantsError> {
        if self.said(&entry.name, &entry.step).is_some() {
            return Ok(());
        }
        let line = serde_json::to_string(&entry).expect("text always serializes");
        let failed = |source| MutantsError::Write { path: self.path.clone(), source };
        let parent = self.path.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(parent).map_err(failed)?;
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path).map_err(failed)?;
        writeln!(file, "{line}").map_err(failed)?;
        self.entries.push(entry);
        Ok(())
    }

    /// What a step said of a mutant.
    pub fn said(&self, name: &str, step: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name && entry.step == step)
    }

    /// The entry that settles each mutant: the first that is not "missed", or else the last.
    pub fn verdicts(&self) -> BTreeMap<&str, &Entry> {
        let mut verdicts: BTreeMap<&str, &Entry> = BTreeMap::new();
        for entry in &self.entries {
            let verdict = verdicts.entry(&entry.name).or_insert(entry);
            if verdict.outcome == Outcome::Missed {
                *verdict = entry;
            }
        }
        verdicts
    }

    /// Whether nothing has settled the mutant so far.
    pub fn is_open(&self, name: &str) -> bool {
        self.entries.iter().filter(|entry| entry.name == name).all(|entry| entry.outcome == Outcome::Missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, step: &str, outcome: Outcome) -> Entry {
        Entry { name: name.to_owned(), step: step.to_owned(), outcome, detail: String::new() }
    }

    #[test]
    fn given_entries_when_read_again_then_the_first_that_settles_a_mutant_counts_and_none_comes_twice() {
        let path = std::env::temp_dir().join(format!("dagstorm-mutants-{}.jsonl", std::process::id()));
        let mut record = Record::open(path.clone()).expect("there is none");
        for (name, step, outcome) in [
            ("a", "one", Outcome::Missed),
            ("b", "one", Outcome::Caught),
            ("a", "two", Outcome::TimedOut),
            ("c", "one", Outcome::Missed),
            ("c", "one", Outcome::Caught),
            ("c", "two", Outcome::Missed),
        ] {
            record.add(entry(name, step, outcome)).expect("it is written");
        }
        let record = Record::open(path.clone()).expect("it is read");
        std::fs::remove_file(path).expect("it is ours");
        assert_eq!(record.entries.len(), 5);
        let verdicts = record.verdicts();
        assert_eq!(verdicts["a"], &entry("a", "two", Outcome::TimedOut));
        assert_eq!(verdicts["b"].outcome, Outcome::Caught);
        assert_eq!((verdicts["c"].step.as_str(), verdicts["c"].outcome), ("two", Outcome::Missed));
        assert!(record.is_open("c") && record.is_open("d") && !record.is_open("a") && !record.is_open("b"));
    }
}
