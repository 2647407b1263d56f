//! The command line of a bench, for what Criterion does not run.

/// Criterion's options of one letter that take a value. Source: `criterion` 0.8, `Criterion::configure_from_args`.
const LETTERS_WITH_VALUE: [char; 3] = ['b', 'c', 's'];

/// Those that are words, from the same place.
const WORDS_WITH_VALUE: [&str; 16] = [
    "baseline",
    "baseline-lenient",
    "color",
    "confidence-level",
    "format",
    "load-baseline",
    "measurement-time",
    "noise-threshold",
    "nresamples",
    "output-format",
    "plotting-backend",
    "profile-time",
    "sample-size",
    "save-baseline",
    "significance-level",
    "warm-up-time",
];

/// How a bench was started. Criterion reads the same command line for its own part, and refuses one that is wrong.
pub struct Arguments {
    measures: bool,
    lists: bool,
    is_exact: bool,
    filter: Option<String>,
}

impl Arguments {
    /// Those of this process.
    pub fn read() -> Self {
        Self::of(std::env::args().skip(1))
    }

    /// Those of a command line without the name of the program.
    fn of(arguments: impl Iterator<Item = String>) -> Self {
        let (mut flags, mut filter) = (Vec::new(), None);
        let (mut is_value, mut ends_options) = (false, false);
        for argument in arguments {
            if std::mem::take(&mut is_value) {
                continue;
            }
            if !ends_options && argument == "--" {
                ends_options = true;
            } else if !ends_options && argument.starts_with('-') {
                is_value = takes_next(&argument);
                flags.push(argument);
            } else {
                filter.get_or_insert(argument);
            }
        }
        let has = |flag: &str| flags.iter().any(|argument| argument == flag);
        let lists = has("--list");
        Self { measures: has("--bench") && !has("--test") && !lists, lists, is_exact: has("--exact"), filter }
    }

    /// Whether this is `cargo bench`, not a test that the bench still works.
    pub fn measures(&self) -> bool {
        self.measures
    }

    /// Whether to run now what has this id and is run once, not by Criterion: the user gives no filter, or one that is part of
    /// the id (the whole of it with `--exact`). With `--list` nothing is run; the id is written to standard output as Criterion
    /// writes its own.
    pub fn runs(&self, id: &str) -> bool {
        let is_asked_for = match &self.filter {
            None => true,
            Some(filter) if self.is_exact => id == filter,
            Some(filter) => id.contains(filter.as_str()),
        };
        if is_asked_for && self.lists {
            println!("{id}: benchmark");
        }
        is_asked_for && !self.lists
    }
}

/// Whether the argument after this option is its value. It is not where the value follows `=`, or the letter.
fn takes_next(option: &str) -> bool {
    if let Some(word) = option.strip_prefix("--") {
        return WORDS_WITH_VALUE.contains(&word);
    }
    let letters = option.trim_start_matches('-');
    letters.find(LETTERS_WITH_VALUE).is_some_and(|at| at + 1 == letters.len())
}
