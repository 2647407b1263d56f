//! The command line of a bench, for what Criterion does not run.

/// How a bench was started. Criterion reads the same command line for its own part.
pub struct Arguments {
    measures: bool,
    word: Option<String>,
}

impl Arguments {
    /// Those of this process.
    pub fn read() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
        Self {
            measures: has("--bench") && !has("--test") && !has("--list"),
            word: arguments.into_iter().find(|argument| !argument.starts_with('-')),
        }
    }

    /// Whether this is `cargo bench`, not a test that the bench still works.
    pub fn measures(&self) -> bool {
        self.measures
    }

    /// Whether the user asks for this id: gives no word, or one that is part of the id.
    pub fn selects(&self, id: &str) -> bool {
        self.word.as_ref().is_none_or(|word| id.contains(word.as_str()))
    }
}
