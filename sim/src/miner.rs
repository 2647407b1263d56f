//! When which miner finds a block.
//!
//! Every miner is a Poisson process of its own with a rate of its share of the network's block rate, drawn from its own
//! stream: what one miner finds says nothing about another, and removing one shifts no draw of another.

use std::time::Duration;

use crate::random::{Stream, Streams};

/// The miners of a network, one for each node; a node without hash power never finds a block.
pub struct Miners {
    miners: Vec<Miner>,
}

struct Miner {
    stream: Stream,
    /// `None` without hash power.
    mean_interval: Option<Duration>,
}

impl Miners {
    /// Miners with these relative hash powers, which together find `blocks_per_second` blocks on average.
    pub fn new(hash_shares: &[u32], blocks_per_second: u64, streams: Streams) -> Self {
        let total: u64 = hash_shares.iter().copied().map(u64::from).sum();
        let miners = (0..).zip(hash_shares).map(|(number, &share)| Miner {
            stream: streams.stream("mining", number),
            mean_interval: mean_interval(u64::from(share), total, blocks_per_second),
        });
        Self { miners: miners.collect() }
    }

    /// Time from now until the miner's next block; `None` without hash power.
    pub fn next_interval(&mut self, miner: usize) -> Option<Duration> {
        let miner = &mut self.miners[miner];
        Some(miner.stream.exponential(miner.mean_interval?))
    }
}

fn mean_interval(share: u64, total: u64, blocks_per_second: u64) -> Option<Duration> {
    let rate = u128::from(share) * u128::from(blocks_per_second);
    let nanos = (1_000_000_000 * u128::from(total)).checked_div(rate)?;
    Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_hash_shares_when_blocks_are_counted_then_they_follow_the_shares() {
        let mut miners = Miners::new(&[3, 1, 0], 10, Streams::new(1));
        let found = |miners: &mut Miners, miner| {
            let mut at = Duration::ZERO;
            let mut blocks = 0;
            while let Some(interval) = miners.next_interval(miner) {
                at += interval;
                if at > Duration::from_secs(1_000) {
                    break;
                }
                blocks += 1;
            }
            blocks
        };
        let counts = [0, 1, 2].map(|miner| found(&mut miners, miner));
        assert!((7_200..7_800).contains(&counts[0]), "{counts:?}");
        assert!((2_300..2_700).contains(&counts[1]), "{counts:?}");
        assert_eq!(counts[2], 0);
    }

    #[test]
    fn given_another_miner_s_share_changes_when_drawn_then_the_uniform_draws_stay() {
        let mut even = Miners::new(&[1, 1], 10, Streams::new(1));
        let mut odd = Miners::new(&[1, 3], 10, Streams::new(1));
        // Half against a quarter of the rate: twice the intervals, up to the rounding of one microsecond.
        for _ in 0..50 {
            let fast = even.next_interval(0).expect("has hash power").as_micros();
            let slow = odd.next_interval(0).expect("has hash power").as_micros();
            assert!(slow.abs_diff(2 * fast) <= 2, "{fast} {slow}");
        }
    }
}
