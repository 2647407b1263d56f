//! What there is besides bridge and connection, and what both kinds of world have in common.

use std::time::Duration;

use bridge::{Config, wire::Network};

use super::{
    consumer::{Consumer, FINALITY_DEPTH},
    l1::{BLOCK_INTERVAL, L1},
};

/// L1, consumer and the time.
pub struct Stage {
    pub l1: L1,
    pub consumer: Consumer,
    /// Whether the consumer takes and acknowledges events.
    pub consumes: bool,
    /// Whether the node tells of its blocks.
    pub notifies: bool,
    pub now: Duration,
    pub next_block_at: Duration,
}

impl Stage {
    /// Nothing has happened yet.
    pub fn new(l1: L1) -> Self {
        Self {
            l1,
            consumer: Consumer::new(),
            consumes: true,
            notifies: true,
            now: Duration::ZERO,
            next_block_at: BLOCK_INTERVAL,
        }
    }
}

/// A bridge, or its follower alone, that is stalled.
pub trait World {
    /// Nothing has happened yet.
    fn new(stage: Stage) -> Self;

    fn stage(&mut self) -> &mut Stage;

    /// Lets this much time pass.
    fn run_for(&mut self, time: Duration);

    /// The consumer takes everything that waits, and acknowledges it.
    fn take_waiting(&mut self);

    /// Events that the consumer did not take yet; those without a number may be left out.
    fn waiting(&self) -> usize;

    /// Whether nothing more is fetched.
    fn is_paused(&self) -> bool;

    /// How often the node was called.
    fn calls(&self) -> u64;
}

/// The defaults, but for the finality depth.
pub fn config() -> Config {
    let mut config = Config::new(Network::SIMNET, ["ws://127.0.0.1:17510"]).expect("the address is well formed");
    config.finality_depth = Some(FINALITY_DEPTH);
    config
}
