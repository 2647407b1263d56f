//! The smallest of the values from a number on, for numbers that only rise.

use std::collections::VecDeque;

/// Values of rising numbers. A number may have none.
///
/// Invariant: numbers and values both rise: a value that a later one undercuts can never be the smallest again.
#[derive(Default)]
pub(crate) struct SuffixMinimum {
    entries: VecDeque<(u32, u32)>,
}

impl SuffixMinimum {
    /// Adds the value of a number, which is above those before.
    pub(crate) fn push(&mut self, number: u32, value: u32) {
        while self.entries.back().is_some_and(|&(_, last)| last >= value) {
            self.entries.pop_back();
        }
        self.entries.push_back((number, value));
    }

    /// Forgets lower numbers; the smallest value of those left.
    pub(crate) fn drop_below(&mut self, number: u32) -> Option<u32> {
        while self.entries.front().is_some_and(|&(first, _)| first < number) {
            self.entries.pop_front();
        }
        self.entries.front().map(|&(_, value)| value)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<(u32, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn given_values_and_rising_questions_when_asked_then_the_smallest_of_the_rest_is_found(
            values in prop::collection::vec(prop::option::of(0..50_u32), 1..60),
            steps in prop::collection::vec(0..7_usize, 1..20),
        ) {
            let mut minimum = SuffixMinimum::default();
            for (number, value) in (0..).zip(&values) {
                if let Some(value) = value {
                    minimum.push(number, *value);
                }
            }
            let mut from = 0;
            for step in steps {
                from = (from + step).min(values.len());
                prop_assert_eq!(minimum.drop_below(from as u32), values[from..].iter().flatten().min().copied());
            }
        }
    }
}
