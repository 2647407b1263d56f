//! A part of a soak: of every N seeds one.

use std::{fmt, ops::RangeInclusive, str::FromStr};

/// The part `index` of `count`, counted from 1. All parts of a count together have every seed, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

/// Most parts; also bounds how many seeds are passed over before the first.
const MOST_SHARDS: u64 = 1_000_000;

impl Shard {
    /// Everything.
    pub const WHOLE: Self = Self { index: 1, count: 1 };

    /// The seeds of this part, in order.
    pub fn of(self, seeds: RangeInclusive<u64>) -> impl Iterator<Item = u64> + Send {
        let (first, last) = (seeds.start().checked_add(self.index - 1), *seeds.end());
        let first = first.filter(|first| *first <= last);
        let next = move |seed: &u64| seed.checked_add(self.count).filter(|seed| *seed <= last);
        std::iter::successors(first, next)
    }

    /// How many they are.
    pub fn size(self, seeds: &RangeInclusive<u64>) -> u64 {
        match seeds.end().checked_sub(*seeds.start()) {
            Some(further) if further >= self.index - 1 => (further - (self.index - 1)) / self.count + 1,
            _ => 0,
        }
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (index, count) = text.split_once('/').ok_or("expected I/N, as in 1/8")?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("'{text}' is not a number"));
        let (index, count) = (number(index)?, number(count)?);
        if count > MOST_SHARDS {
            return Err(format!("more than {MOST_SHARDS} shards"));
        }
        match index {
            0 => Err("shards are counted from 1".to_owned()),
            _ if index > count => Err(format!("there is no shard {index} of {count}")),
            _ => Ok(Self { index, count }),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(count: u64) -> impl Iterator<Item = Shard> {
        (1..=count).map(move |index| format!("{index}/{count}").parse().expect("it is a shard"))
    }

    #[test]
    fn given_any_number_of_shards_when_put_together_then_every_seed_is_there_once() {
        for (first, last) in [(1, 20), (7, 7), (0, 1), (u64::MAX - 10, u64::MAX)] {
            for count in 1..=24 {
                let mut all: Vec<u64> = shards(count).flat_map(|shard| shard.of(first..=last)).collect();
                all.sort_unstable();
                assert_eq!(all, (first..=last).collect::<Vec<_>>(), "{count} shards of {first}..={last}");
                for shard in shards(count) {
                    assert_eq!(shard.of(first..=last).count() as u64, shard.size(&(first..=last)), "{shard}");
                }
            }
        }
        assert_eq!(Shard::WHOLE.size(&(0..=u64::MAX - 1)), u64::MAX);
    }

    #[test]
    fn given_shards_of_a_soak_without_end_when_begun_then_each_goes_its_own_way() {
        let begins = |shard: Shard| shard.of(1..=u64::MAX).take(3).collect::<Vec<_>>();
        assert_eq!(shards(2).map(begins).collect::<Vec<_>>(), [[1, 3, 5], [2, 4, 6]]);
    }

    #[test]
    fn given_nonsense_when_parsed_then_a_sentence() {
        for (text, sentence) in [
            ("1", "expected I/N"),
            ("0/8", "counted from 1"),
            ("9/8", "no shard 9 of 8"),
            ("1/0", "no shard 1 of 0"),
            ("x/8", "'x' is not a number"),
            ("1/", "'' is not a number"),
            ("1/1000001", "more than 1000000"),
        ] {
            let error = text.parse::<Shard>().expect_err(text);
            assert!(error.contains(sentence), "{text}: {error}");
        }
    }
}
