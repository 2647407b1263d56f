//! What a soak and its processes say to each other: one line for each order and for each answer.
//!
//! The soak gives one order at a time and has the answer before it gives the next, so that it knows which run a process was
//! at when it died. A process ends when there are no more orders.

use scenarios::{report::RunLine, scenario::Scenario};
use serde::{Deserialize, Serialize};

use super::{super::failures::Told, work::Task};

/// A run to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub task: Task,
    /// If the run fails, its card is wanted and not only a line.
    pub wants_card: bool,
}

impl Order {
    /// As a line, without its end.
    pub fn to_line(self) -> String {
        let Self { task: Task { scenario, seed }, wants_card } = self;
        format!("{} {seed} {}", scenario.name(), if wants_card { "card" } else { "line" })
    }

    /// Reads it; `None` if it is none.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let scenario = Scenario::by_name(words.next()?)?;
        let seed = words.next()?.parse().ok()?;
        let wants_card = match words.next()? {
            "card" => true,
            "line" => false,
            _ => return None,
        };
        words.next().is_none().then_some(Self { task: Task { scenario, seed }, wants_card })
    }
}

/// What a process answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The run is over. If it failed, a [`Told`](Self::Told) follows.
    Run(Box<RunLine>),
    /// What is to be printed of the failed run before.
    Told(Option<Told>),
}

impl Answer {
    /// As a line, without its end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("numbers and text always serialize")
    }

    /// Reads it; `None` if it is none.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_an_order_when_written_and_read_then_it_is_the_same() {
        let order = Order { task: Task { scenario: Scenario::DeepReorg, seed: u64::MAX }, wants_card: true };
        assert_eq!(Order::parse(&order.to_line()), Some(order));
        for line in ["", "steady", "steady x card", "steady 1", "steady 1 cart", "steady 1 card more", "calm 1 card"] {
            assert_eq!(Order::parse(line), None, "{line}");
        }
        let answer = Answer::Told(Some(Told { line: "PANIC".to_owned(), card: vec!["with a\nbreak".to_owned()] }));
        assert!(!answer.to_line().contains('\n'));
        assert_eq!(Answer::parse(&answer.to_line()), Some(answer));
        assert_eq!(Answer::parse("hello"), None);
    }
}
