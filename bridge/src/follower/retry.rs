//! Which node comes next, and when.

use std::time::Duration;

use crate::config::Config;

/// Attempts since the last progress. The pause doubles with every round over all nodes and is shortened by up to a half
/// at random, so that the followers of a restarted node do not return in step.
#[derive(Debug)]
pub(super) struct Retry {
    node: usize,
    nodes: usize,
    failures: u32,
    /// Jitter of the next pause, as a fraction of 2^32; drawn ahead so that the pause can be announced.
    jitter: u32,
    random: u64,
}

impl Retry {
    pub(super) fn new(config: &Config) -> Self {
        let mut retry = Self { node: 0, nodes: config.nodes.len(), failures: 0, jitter: 0, random: config.seed };
        retry.draw_jitter();
        retry
    }

    /// Position of the node to try next.
    pub(super) fn node(&self) -> usize {
        self.node
    }

    /// The session did what it is there for.
    pub(super) fn progressed(&mut self) {
        self.failures = 0;
    }

    /// The pause that [`failed`](Self::failed) would give now.
    pub(super) fn peek(&self, config: &Config) -> Duration {
        let rounds = self.failures / u32::try_from(self.nodes).unwrap_or(u32::MAX);
        let doubled = config.backoff_min.saturating_mul(1_u32.checked_shl(rounds).unwrap_or(u32::MAX));
        let longest = doubled.min(config.backoff_max);
        let half = longest / 2;
        half + half.scaled(self.jitter)
    }

    /// Counts a failure, moves on to the next node and returns the pause. A session that had worked is resumed at the
    /// preferred node.
    pub(super) fn failed(&mut self, config: &Config, had_worked: bool) -> Duration {
        let pause = self.peek(config);
        self.node = if had_worked && self.failures == 0 { 0 } else { (self.node + 1) % self.nodes };
        self.failures = self.failures.saturating_add(1);
        self.draw_jitter();
        pause
    }

    /// One step of SplitMix64 (Steele, Lea, Flood 2014).
    fn draw_jitter(&mut self) {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.jitter = ((mixed ^ (mixed >> 31)) >> 32) as u32;
    }
}

/// Scaling by a fraction without floats.
trait Fraction {
    /// `self * numerator / 2^32`.
    fn scaled(self, numerator: u32) -> Self;
}

impl Fraction for Duration {
    fn scaled(self, numerator: u32) -> Self {
        let nanos = (self.as_nanos() * u128::from(numerator)) >> 32;
        Self::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Network, NetworkKind};

    fn config(nodes: &[&str]) -> Config {
        let network = Network { kind: NetworkKind::Mainnet, suffix: None };
        Config::new(network, nodes.iter().copied()).expect("the addresses are well formed")
    }

    #[test]
    fn given_endless_failures_when_retrying_then_pauses_double_up_to_the_limit() {
        let config = config(&["ws://a:1"]);
        let mut retry = Retry::new(&config);
        let pauses: Vec<Duration> = (0..40).map(|_| retry.failed(&config, false)).collect();
        for (round, pause) in pauses.iter().enumerate() {
            let longest = config.backoff_min.saturating_mul(1 << round.min(20)).min(config.backoff_max);
            assert!(*pause >= longest / 2 && *pause <= longest, "round {round}: {pause:?} of at most {longest:?}");
        }
        assert!(pauses[39] >= config.backoff_max / 2);
    }

    #[test]
    fn given_several_nodes_when_one_fails_then_the_next_is_tried_and_a_working_session_returns_to_the_first() {
        let config = config(&["ws://a:1", "ws://b:1", "ws://c:1"]);
        let mut retry = Retry::new(&config);
        let visited: Vec<usize> = (0..4)
            .map(|_| {
                let node = retry.node();
                retry.failed(&config, false);
                node
            })
            .collect();
        assert_eq!(visited, [0, 1, 2, 0]);
        retry.progressed();
        retry.failed(&config, true);
        assert_eq!(retry.node(), 0);
    }

    #[test]
    fn given_a_seed_when_jitter_is_drawn_then_it_is_the_upper_half_of_splitmix64() {
        let mut retry = Retry::new(&Config { seed: 1_234_567, ..config(&["ws://a:1"]) });
        // The first outputs for this seed, as the generator's published test has them.
        let outputs: [u64; 3] = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        for output in outputs {
            assert_eq!(u64::from(retry.jitter), output >> 32);
            retry.draw_jitter();
        }
    }
}
