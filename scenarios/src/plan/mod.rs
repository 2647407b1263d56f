//! A plan: everything that one run needs, in a file that people can read and edit.
//!
//! A seed expands to a plan by one function ([`Scenario::plan`](crate::scenario::Scenario::plan)). Plans survive changes of
//! the code, seeds need not. Faults are addressed by meaning: "the third reply after the second connect", "from chain
//! block 120 on".

mod consumer;
mod convert;
pub(crate) mod error;
pub(crate) mod file;
mod limits;

use kaspa_hashes::Hash;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sim::{params::ParameterSet, workload::WorkloadConfig};
use toml::Spanned;

pub use self::{
    consumer::{LONGEST_SHUTDOWN_MS, PlannedConsumer, PlannedDiskFault, PlannedDiskTrouble, PlannedState, PlannedStop},
    error::{PlanError, PlanFileError},
    limits::{LONGEST_MS, SHORTEST_RESTART_MS, SLOWEST_DISK_US},
};
use crate::{
    economy::EconomyConfig,
    fault::{PlannedFault, PlannedStranger},
};

/// The version that this code reads and writes.
pub const VERSION: u32 = 1;

/// Largest plan file, in bytes.
pub const MOST_BYTES: usize = 16 << 20;

/// Everything that one run needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of the format.
    pub version: u32,
    /// The scenario whose gates the run must pass.
    pub scenario: String,
    /// Seed of every stream of the run.
    pub seed: Seed,
    /// Time in which blocks are mined and faults strike.
    pub storm_ms: u64,
    /// Whether a run must pass the gates of the scenario. A plan that was shrunk is too small for them.
    #[serde(default = "has_gates", skip_serializing_if = "is_gated")]
    pub gates: bool,
    /// Consensus parameters.
    pub parameters: ParameterSet,
    /// The nodes and what lies between them.
    pub topology: Topology,
    /// The transactions.
    pub workload: WorkloadConfig,
    /// What the transactions are about; `None` if their payloads mean nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub economy: Option<EconomyConfig>,
    /// The bridges that follow.
    pub bridges: Vec<PlannedBridge>,
    /// What goes wrong between bridges and nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<PlannedFault>,
}

/// The nodes and what lies between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// One entry for each node: relative hash power of its miner.
    pub hash_shares: Vec<u32>,
    /// Mean time that a block takes from node to node.
    pub mean_delay_ms: u64,
    /// Mean one-way latency between a bridge and a node.
    pub client_latency_ms: u64,
    /// When the network is divided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<PlannedCut>,
    /// Where blocks take another time than the mean delay says; the last link that joins two nodes counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<PlannedLink>,
    /// What happens to single nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<PlannedOutage>,
    /// Nodes that are not what a bridge looks for, for the whole run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strangers: Vec<PlannedStranger>,
}

/// A time during which two groups of nodes do not hear from each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedCut {
    /// When it begins.
    pub at_ms: u64,
    /// The nodes on one side.
    pub side: Vec<u32>,
    /// When it ends.
    pub heal: PlannedHeal,
}

/// When a cut ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum PlannedHeal {
    /// At this time.
    AtMs(u64),
    /// When a node's selected chain is so far above the fork.
    WhenChainGrew {
        /// The node that is watched.
        node: u32,
        /// Chain blocks above the fork.
        chain_blocks: u64,
    },
}

/// Two groups of nodes between which blocks take another time than elsewhere, in both directions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedLink {
    /// One group.
    pub between: Vec<u32>,
    /// The other, which may be the same.
    pub and: Vec<u32>,
    /// How long blocks take.
    pub latency: PlannedLatency,
}

/// How long blocks take over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum PlannedLatency {
    /// Always so long.
    ConstantMs(u64),
    /// So long in the mean, half of it always.
    MeanMs(u64),
    /// All times from the least to the most are equally likely.
    Uniform {
        /// The least.
        least_ms: u64,
        /// The most.
        most_ms: u64,
    },
}

/// Something that happens to one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedOutage {
    /// The node.
    pub node: u32,
    /// When it begins.
    pub at_ms: u64,
    /// What happens.
    pub kind: PlannedOutageKind,
}

/// What happens to a node; see [`sim::network::OutageKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum PlannedOutageKind {
    /// It gets headers and no bodies for a while.
    BodiesLag {
        /// When the bodies come.
        until_ms: u64,
    },
    /// It keeps the blocks that it finds for a while.
    Withholding {
        /// When it sends them.
        until_ms: u64,
    },
    /// Its data is replaced by what another node has.
    Resync {
        /// The other node.
        from: u32,
        /// How long it is transitional if it is reset to the other's pruning point.
        transition_ms: u64,
    },
    /// Its process ends and is started again with its data.
    Restart {
        /// When it is back.
        until_ms: u64,
    },
}

/// A bridge and its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedBridge {
    /// Nodes in order of preference.
    pub nodes: Vec<u32>,
    /// Longest time between two fetches.
    pub poll_interval_ms: u64,
    /// Longest time for a connection.
    pub connect_timeout_ms: u64,
    /// Longest time for a reply.
    pub request_timeout_ms: u64,
    /// Longest silence.
    pub silence_timeout_ms: u64,
    /// First pause between attempts.
    pub backoff_min_ms: u64,
    /// Longest pause between attempts.
    pub backoff_max_ms: u64,
    /// Unacknowledged events at which fetching pauses.
    pub high_water_mark: u64,
    /// Blocks are delivered when they are more than so many blue scores below the sink; 0 delivers all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub confirmations: u64,
    /// The network that it is configured for; the simulated one is simnet.
    #[serde(default = "simulated_network", skip_serializing_if = "is_simulated_network")]
    pub network: String,
    /// What it delivers to.
    #[serde(default, skip_serializing_if = "PlannedConsumer::is_default")]
    pub consumer: PlannedConsumer,
}

/// The network that every simulated node is on.
pub const SIMULATED_NETWORK: &str = "simnet";

fn simulated_network() -> String {
    SIMULATED_NETWORK.to_owned()
}

fn is_simulated_network(network: &str) -> bool {
    network == SIMULATED_NETWORK
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn has_gates() -> bool {
    true
}

fn is_gated(gates: &bool) -> bool {
    *gates
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// What is wrong with it, with the line where it stands.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        #[derive(Deserialize)]
        struct VersionOnly {
            version: Spanned<u32>,
        }
        if text.len() > MOST_BYTES {
            return Err(PlanError::TooLarge);
        }
        let VersionOnly { version } = toml::from_str(text).map_err(|error| PlanError::format(text, &error))?;
        if *version.get_ref() != VERSION {
            let line = error::line_at(text.as_bytes(), version.span().start);
            return Err(PlanError::UnknownVersion { line, version: version.into_inner() });
        }
        let plan: Self = toml::from_str(text).map_err(|error| PlanError::format(text, &error))?;
        plan.check()?;
        Ok(plan)
    }

    /// The plan as a file.
    pub fn to_text(&self) -> String {
        toml::to_string(self).expect("a plan has nothing that TOML cannot express")
    }

    /// Identity of the plan: the BLAKE3 hash of its text.
    pub fn digest(&self) -> Hash {
        Hash::from_bytes(*blake3::hash(self.to_text().as_bytes()).as_bytes())
    }
}

/// A seed. TOML has signed 64-bit numbers only, so that the larger half of all seeds is written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed(pub u64);

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(self.0) {
            Ok(number) => serializer.serialize_i64(number),
            Err(_) => serializer.serialize_str(&self.0.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(seed) => Ok(Self(seed)),
            Form::Text(text) => text.parse().map(Self).map_err(|_| de::Error::custom("the seed is no number")),
        }
    }
}
