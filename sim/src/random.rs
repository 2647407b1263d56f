//! Named streams of randomness.
//!
//! Every consumer draws from its own stream, keyed by a name and an entity. A stream's draws depend on nothing but the
//! seed and its key, so that adding or removing one consumer shifts no draw of another. All results are the same on
//! every platform.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Two to the power of -53: the distance between neighbouring doubles just below one.
const UNIT_STEP: f64 = 1.0 / 9_007_199_254_740_992.0;

/// The source of all streams of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// All streams of this seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed that the streams come from.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The stream of one consumer, at its first draw. Asking twice gives the same draws twice.
    pub fn stream(&self, name: &'static str, entity: u64) -> Stream {
        Stream { generator: ChaCha8Rng::from_seed(self.key(name, entity)) }
    }

    /// 32 bytes that belong to this seed, name and entity: for identities that are looked up rather than drawn.
    pub fn key(&self, name: &'static str, entity: u64) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        // Fixed-size fields first, the name last: no two keys have the same input.
        hasher.update(b"stream").update(&self.seed.to_le_bytes()).update(&entity.to_le_bytes());
        *hasher.update(name.as_bytes()).finalize().as_bytes()
    }
}

/// One stream of draws (ChaCha with 8 rounds).
#[derive(Debug, Clone)]
pub struct Stream {
    generator: ChaCha8Rng,
}

impl Stream {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A number below `bound`, all equally likely. A bound of zero or one draws nothing and gives zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound <= 1 {
            return 0;
        }
        // Multiply and reject: of the 2^64 draws, those below 2^64 mod bound would make small results too likely.
        let rejected = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= rejected {
                return (product >> 64) as u64;
            }
        }
    }

    /// `true` with probability `numerator / denominator`. Impossible and certain outcomes draw nothing.
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        numerator > 0 && (numerator >= denominator || self.below(denominator) < numerator)
    }

    /// A waiting time of the exponential distribution with this mean, in whole microseconds. A mean of zero draws
    /// nothing. The natural logarithm is the `libm` crate's, the same on every platform.
    pub fn exponential(&mut self, mean: Duration) -> Duration {
        if mean.is_zero() {
            return Duration::ZERO;
        }
        // Above zero and at most one, hence a finite logarithm, at most 37.
        let uniform = ((self.next_u64() >> 11) + 1) as f64 * UNIT_STEP;
        let mean_us = mean.as_nanos() as f64 / 1_000.0;
        Duration::from_micros((-libm::log(uniform) * mean_us) as u64)
    }

    /// Fills `bytes` with random bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.generator.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_two_keys_when_drawn_then_each_depends_on_its_own_key_alone() {
        let streams = Streams::new(7);
        let mut alone = streams.stream("mining", 1);
        let expected: Vec<u64> = (0..8).map(|_| alone.next_u64()).collect();
        let mut beside = streams.stream("mining", 1);
        let mut other = streams.stream("mining", 2);
        let interleaved: Vec<u64> = (0..8)
            .map(|_| {
                other.next_u64();
                beside.next_u64()
            })
            .collect();
        assert_eq!(expected, interleaved);
        for different in [streams.stream("mining", 2), streams.stream("gossip", 1), Streams::new(8).stream("mining", 1)]
        {
            let mut different = different;
            assert_ne!(expected[0], different.next_u64());
        }
    }

    #[test]
    fn given_known_keys_when_drawn_then_the_values_never_change() {
        let mut stream = Streams::new(1).stream("pinned", 2);
        let pinned =
            [stream.next_u64(), stream.below(1_000), stream.exponential(Duration::from_secs(1)).as_micros() as u64];
        assert_eq!(pinned, PINNED);
    }

    const PINNED: [u64; 3] = [10_059_854_347_323_099_892, 436, 633_780];

    #[test]
    fn given_certain_and_impossible_outcomes_when_asked_then_nothing_is_drawn() {
        let mut stream = Streams::new(3).stream("chance", 0);
        let mut untouched = stream.clone();
        assert!(!stream.chance(0, 10));
        assert!(stream.chance(10, 10));
        assert_eq!(stream.below(0), 0);
        assert_eq!(stream.below(1), 0);
        assert_eq!(stream.exponential(Duration::ZERO), Duration::ZERO);
        assert_eq!(stream.next_u64(), untouched.next_u64());
    }

    #[test]
    fn given_many_draws_when_averaged_then_they_follow_their_distribution() {
        let mut stream = Streams::new(4).stream("distribution", 0);
        let mut counts = [0u32; 3];
        for _ in 0..30_000 {
            counts[stream.below(3) as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (9_600..10_400).contains(&count)), "{counts:?}");
        let hits = (0..30_000).filter(|_| stream.chance(1, 4)).count();
        assert!((7_100..7_900).contains(&hits), "{hits}");
        let mean = Duration::from_millis(400);
        let total: Duration = (0..30_000).map(|_| stream.exponential(mean)).sum();
        let average_ms = (total / 30_000).as_millis();
        assert!((390..410).contains(&average_ms), "{average_ms}");
    }
}
