//! Configurations for tests.

use bridge::{Config, wire::Network};

/// Finality depth of tests that do not look at finality.
pub const DEEP: u64 = 1_000_000;

/// Simnet through this many nodes, with the default timers.
pub fn config(nodes: usize) -> Config {
    let urls: Vec<String> = (0..nodes).map(|node| format!("ws://node{node}:17510")).collect();
    let mut config = Config::new(Network::SIMNET, urls.iter().map(String::as_str)).expect("the addresses are usable");
    config.finality_depth = Some(DEEP);
    config
}
