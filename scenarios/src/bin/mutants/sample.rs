//! The mutants that there are, and those of them that are judged.
//!
//! A sample is drawn once, by its seed, and kept in a file: names hold line and column, so that a sample belongs to the copy
//! of the sources that it was drawn from.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sim::random::Streams;

use crate::error::{self, MutantsError};

/// A change of the sources that tests should notice, as `cargo mutants --list --json` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutant {
    /// File, line, column, and what is changed there; no two have the same.
    pub name: String,
    /// The source file, relative to the workspace.
    pub file: String,
    /// The change as a unified diff.
    pub diff: String,
}

/// Mutants drawn from all.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// What they were drawn by.
    pub seed: u64,
    /// How many there are in all.
    pub population: usize,
    /// Those drawn, in the order of the sources.
    pub mutants: Vec<Mutant>,
}

impl Sample {
    /// Draws `count` of `all` without repetition, each set of that size with the same probability; all of them if there
    /// are not more.
    pub fn draw(all: &[Mutant], count: usize, seed: u64) -> Self {
        let mut stream = Streams::new(seed).stream("mutants", 0);
        let mut positions: Vec<usize> = (0..all.len()).collect();
        let count = count.min(all.len());
        // The first steps of a Fisher-Yates shuffle.
        for position in 0..count {
            let rest = (all.len() - position) as u64;
            let chosen = position + usize::try_from(stream.below(rest)).unwrap_or_default();
            positions.swap(position, chosen);
        }
        positions.truncate(count);
        positions.sort_unstable();
        let mutants = positions.into_iter().filter_map(|position| all.get(position).cloned()).collect();
        Self { seed, population: all.len(), mutants }
    }

    /// The sample that was kept in `path`, if there is one.
    ///
    /// # Errors
    /// The file with what is wrong with it.
    pub fn load(path: &Path) -> Result<Option<Self>, MutantsError> {
        if !path.is_file() {
            return Ok(None);
        }
        let sample = serde_json::from_str(&error::read(path)?);
        sample
            .map(Some)
            .map_err(|error| MutantsError::Output { what: path.display().to_string(), message: error.to_string() })
    }

    /// Keeps the sample in `path`.
    ///
    /// # Errors
    /// The file with the system's words.
    pub fn save(&self, path: &Path) -> Result<(), MutantsError> {
        error::write(path, &serde_json::to_string_pretty(self).expect("numbers and text always serialize"))
    }
}

/// The mutants of a list.
///
/// # Errors
/// What makes no sense in it.
pub fn parse_list(text: &str) -> Result<Vec<Mutant>, MutantsError> {
    serde_json::from_str(text)
        .map_err(|error| MutantsError::Output { what: "the list of mutants".to_owned(), message: error.to_string() })
}

impl Mutant {
    /// `source` with the change made. The change is looked for by its text, not by its line, so that it also fits a source
    /// that has moved since.
    ///
    /// # Errors
    /// The text that is changed, with the lines around it, is not there exactly once.
    pub fn applied(&self, source: &str) -> Result<String, MutantsError> {
        let (old, new) = self.texts();
        match source.matches(&old).count() {
            1 => Ok(source.replacen(&old, &new, 1)),
            times => Err(MutantsError::Misfit { name: self.name.clone(), times }),
        }
    }

    /// The lines that are changed, without those around them.
    pub fn changed_lines(&self) -> impl Iterator<Item = &str> {
        self.hunk().filter(|line| line.starts_with(['+', '-']))
    }

    /// The text before and after the change, with the lines around it.
    fn texts(&self) -> (String, String) {
        let (mut old, mut new) = (String::new(), String::new());
        for line in self.hunk() {
            let Some((mark, text)) = line.split_at_checked(1) else { continue };
            for (side, other_mark) in [(&mut old, "+"), (&mut new, "-")] {
                if mark != other_mark {
                    side.push_str(text);
                    side.push('\n');
                }
            }
        }
        (old, new)
    }

    /// The lines of the one hunk, each with its mark. (`cargo mutants` changes one place at a time.)
    fn hunk(&self) -> impl Iterator<Item = &str> {
        self.diff.lines().skip_while(|line| !line.starts_with("@@")).skip(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn mutants(count: usize) -> Vec<Mutant> {
        let mutant = |number| Mutant { name: format!("m{number}"), file: "a.rs".to_owned(), diff: String::new() };
        (0..count).map(mutant).collect()
    }

    #[test]
    fn given_a_seed_when_drawn_twice_then_the_same_sample_without_repetition_in_the_order_of_the_list() {
        let all = mutants(400);
        let sample = Sample::draw(&all, 150, 1);
        assert_eq!(sample, Sample::draw(&all, 150, 1));
        assert_ne!(sample.mutants, Sample::draw(&all, 150, 2).mutants);
        let names: BTreeSet<&str> = sample.mutants.iter().map(|mutant| mutant.name.as_str()).collect();
        assert_eq!((sample.mutants.len(), names.len(), sample.population), (150, 150, 400));
        let place = |mutant: &Mutant| all.iter().position(|other| other == mutant);
        assert!(sample.mutants.is_sorted_by_key(place));
        assert_eq!(Sample::draw(&all[..3], 150, 1).mutants, all[..3]);
    }

    #[test]
    fn given_a_change_when_applied_then_it_is_found_by_its_text_wherever_it_stands() {
        let list = r#"[{"name":"a.rs:2:5: replace b with c","file":"a.rs","genre":"FnValue",
            "diff":"--- a.rs\n+++ replace\n@@ -1,3 +1,3 @@\n a\n-    b\n+    c\n \n d\n"}]"#;
        let all = parse_list(list).expect("the list is good");
        assert_eq!(all[0].applied("new\na\n    b\n\nd\n").expect("it fits"), "new\na\n    c\n\nd\n");
        assert_eq!(all[0].changed_lines().collect::<Vec<_>>(), ["-    b", "+    c"]);
        for source in ["a\n    x\n\nd\n", "a\n    b\n\nd\na\n    b\n\nd\n"] {
            let error = all[0].applied(source).expect_err("it is not there once").to_string();
            assert!(error.contains("a.rs:2:5"), "{error}");
        }
    }

    #[test]
    fn given_a_list_that_makes_no_sense_when_read_then_refused() {
        assert!(parse_list("[{\"name\":1}]").is_err() && parse_list("").is_err());
    }
}
