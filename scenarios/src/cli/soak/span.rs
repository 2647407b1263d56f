//! Lengths of time as people write them: `30s`, `10m`, `2h`, `1d`.

use std::{fmt, str::FromStr, time::Duration};

/// Longest time that can be asked for, in seconds: a year. The clock can add it to any time of its own.
const MOST_SECONDS: u64 = 366 * 86_400;

/// A length of time, at least a second and at most a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected a number and a unit, as in 30s, 10m, 2h or 1d".to_owned();
        let text = text.trim();
        let unit = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(wrong()),
        };
        let number = &text[..text.len() - 1];
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        match number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)) {
            Some(0) => Err("no time at all".to_owned()),
            Some(seconds) if seconds <= MOST_SECONDS => Ok(Self(Duration::from_secs(seconds))),
            _ => Err("more than a year".to_owned()),
        }
    }
}

impl fmt::Display for Span {
    /// In the largest unit that leaves no rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let unit = [(86_400, 'd'), (3_600, 'h'), (60, 'm')].into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
        let (unit, letter) = unit.unwrap_or((1, 's'));
        write!(f, "{}{letter}", seconds / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_lengths_of_time_when_parsed_then_each_unit_counts_and_nonsense_is_refused() {
        for (text, seconds) in
            [("30s", 30), ("10m", 600), ("2h", 7_200), ("1d", 86_400), ("90s", 90), ("366d", MOST_SECONDS)]
        {
            let span: Span = text.parse().expect("it is a length of time");
            assert_eq!(span.0.as_secs(), seconds, "{text}");
            assert_eq!(span.to_string().parse(), Ok(span));
        }
        for text in [
            "",
            "s",
            "10",
            "10 m",
            "m10",
            "-1s",
            "+1s",
            "1.5h",
            "1h30m",
            "10x",
            "0s",
            "367d",
            "99999999999999999999d",
            "1\u{fc}",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!(Span(Duration::from_secs(120)).to_string(), "2m");
    }
}
