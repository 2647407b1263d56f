//! What a rig is made from, and what it tells of a run.

use std::time::Duration;

use bridge::{Config, ConfigError, wire::Network as NetworkName};
use thiserror::Error;

use crate::{
    dag::BlockId,
    network::{NetworkConfig, NetworkError},
};

/// What a rig is made from.
#[derive(Debug, Clone)]
pub struct RigConfig {
    /// The L1.
    pub network: NetworkConfig,
    /// Settings of the follower. Its first address is answered by node 0 of the network, the second by node 1, and so on;
    /// nodes beyond that only mine.
    pub follower: Config,
    /// One-way latency of each message in milliseconds, taken in turn and again from the first; none is no latency. Ten
    /// times the longest should be below the follower's timeouts.
    pub latencies_ms: Vec<u16>,
}

/// Why a rig cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RigError {
    /// The L1 cannot be set up.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The follower cannot start.
    #[error(transparent)]
    Follower(#[from] ConfigError),
    /// An address has no node, or two addresses are the same.
    #[error("the follower has {addresses} different addresses among {configured}, the network {nodes} nodes")]
    Nodes {
        /// Addresses in the settings.
        configured: usize,
        /// Of which different.
        addresses: usize,
        /// Nodes of the network.
        nodes: usize,
    },
}

/// Settings for a follower of the first `nodes` nodes of a network, with timeouts of about a second. Any field may be
/// changed.
///
/// # Panics
/// Never: the addresses are well formed.
pub fn settings(nodes: usize, finality_depth: u64) -> Config {
    let addresses: Vec<String> = (0..nodes).map(|node| format!("ws://node{node}:17510")).collect();
    let addresses = addresses.iter().map(String::as_str);
    let mut config = Config::new(NetworkName::SIMNET, addresses).expect("a host name and a port are a usable address");
    config.finality_depth = Some(finality_depth);
    config.poll_interval = Duration::from_millis(400);
    config.connect_timeout = Duration::from_millis(1_000);
    config.request_timeout = Duration::from_millis(1_000);
    config.silence_timeout = Duration::from_millis(3_000);
    config.backoff_min = Duration::from_millis(50);
    config.backoff_max = Duration::from_millis(500);
    config
}

/// What was true when a node answered a chain request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// When the request arrived.
    pub at: Duration,
    /// At which node.
    pub node: usize,
    /// The node's sink then.
    pub sink: BlockId,
    /// The answer has every field, so that headers can be hashed.
    pub full: bool,
}

/// Counts over the whole run, all restarts together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events told.
    pub events: u64,
    /// Blocks added; those added again are counted again.
    pub added: u64,
    /// Reorgs.
    pub reorgs: u64,
    /// Blocks removed by the longest of them.
    pub deepest_reorg: u64,
    /// Requests of any kind.
    pub requests: u64,
    /// Requests for the chain.
    pub chain_requests: u64,
    /// Changes of the connected node's chain that added blocks, while it was subscribed to.
    pub announcements: u64,
    /// Attempts to connect.
    pub calls: u64,
    /// Sessions announced.
    pub sessions: u64,
    /// Restarts of follower and consumer.
    pub restarts: u64,
    /// Nodes rejected.
    pub rejections: u64,
    pub(super) last_call_at: Option<Duration>,
}
