//! What counts as the same failure: the same class of verdict and the same property; of a panic, the same words.
//!
//! A smaller plan may well fail for another reason. To go on with it would end at a bug that nobody asked about.

use crate::report::Verdict;

/// What a smaller plan must do as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameFailure {
    class: &'static str,
    property: &'static str,
    /// Of a panic, its message without what differs from run to run; otherwise empty.
    words: String,
}

impl SameFailure {
    /// What fails as `verdict` does; `None` if it tells of no failure, or of one that says nothing about the bridge.
    pub fn of(verdict: &Verdict) -> Option<Self> {
        let (property, _) = verdict.property()?;
        let words = match verdict {
            Verdict::Panic(message) => without_values(message),
            Verdict::Pass | Verdict::Vacuous(_) => return None,
            Verdict::Safety(_) | Verdict::Liveness(_) | Verdict::Nondeterminism(_) => String::new(),
        };
        Some(Self { class: verdict.word(), property, words })
    }

    /// Whether a run that ended with `verdict` failed so.
    pub fn is(&self, verdict: &Verdict) -> bool {
        Self::of(verdict).as_ref() == Some(self)
    }
}

/// The message with `#` for every number and every hash.
fn without_values(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for word in message.split_inclusive(|character: char| !character.is_ascii_alphanumeric()) {
        let value = word.trim_end_matches(|character: char| !character.is_ascii_alphanumeric());
        let is_value = value.contains(|character: char| character.is_ascii_digit())
            && value.trim_start_matches("0x").chars().all(|character| character.is_ascii_hexdigit());
        text.push_str(if is_value { "#" } else { value });
        text.push_str(&word[value.len()..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::check::{Breach, Failure};

    fn failure(property: &'static str, message: &str) -> Failure {
        let (breach, at) = (Breach::Safety, Duration::ZERO);
        Failure { property, meaning: "x", breach, bridge: None, at, message: message.to_owned() }
    }

    #[test]
    fn given_verdicts_when_compared_then_class_and_property_count_and_the_message_does_not() {
        let path = SameFailure::of(&Verdict::Safety(failure("path", "at 7"))).expect("it fails");
        assert!(path.is(&Verdict::Safety(failure("path", "at 8"))));
        assert!(!path.is(&Verdict::Safety(failure("truth", "at 7"))));
        assert!(!path.is(&Verdict::Liveness(failure("path", "at 7"))));
        assert!(!path.is(&Verdict::Pass));
        assert_eq!(SameFailure::of(&Verdict::Pass), None);
        assert_eq!(SameFailure::of(&Verdict::Vacuous(vec!["x".into()])), None);
    }

    #[test]
    fn given_panics_when_compared_then_words_count_and_values_do_not() {
        let panic = |message: &str| Verdict::Panic(message.to_owned());
        let same = SameFailure::of(&panic("index 7 of 3: block 0a96c781, 0x1f")).expect("it fails");
        assert!(same.is(&panic("index 12 of 44: block 9e2fd0aa, 0x2")));
        assert!(!same.is(&panic("index 7 of 3: header 0a96c781, 0x1f")));
        assert_eq!(without_values("a cafe, u64 at 1.5s"), "a cafe, u64 at #.5s");
    }
}
