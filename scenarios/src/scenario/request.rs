//! What can be asked of a scenario besides its name, and what it answers when it cannot be done.
//!
//! Whether a request can be met does not depend on its seed: a sweep is refused before its first run or not at all.

use std::sync::Arc;

use sim::params::{ParameterError, ParameterSet};
use thiserror::Error;

use super::{Scenario, deep_reorg};

/// Length of a run at ten or more blocks per second, unless told otherwise or more is needed.
pub const DEFAULT_SECONDS: u64 = 120;

/// Longest run that is done without being asked for in seconds: a day.
const LONGEST_DEFAULT_SECONDS: u64 = 86_400;

/// The same for `machine-economy`, whose disks and stores are simulated too: an hour.
const LONGEST_DEFAULT_MACHINE_SECONDS: u64 = 3_600;

/// Block intervals of the usual length of a run.
const DEFAULT_BLOCKS: u64 = 1_200;

/// Least finality depth under which the cuts of `reorg`, `fatal` and `machine-economy` mean what they should.
const LEAST_FINALITY_DEPTH: u64 = 100;

/// What is asked of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The seed.
    pub seed: u64,
    /// Simulated seconds of storm; as many as the scenario needs if `None`, [`DEFAULT_SECONDS`] if that is enough.
    pub seconds: Option<u64>,
    /// Consensus parameters; `swarm` draws its own if `None`, the other scenarios have the set `storm`.
    pub parameters: Option<Arc<ParameterSet>>,
    /// Chain blocks that the reorg of `deep-reorg` is to remove.
    pub depth: Option<u64>,
    /// What `swarm` leaves to the seed.
    pub profile: Profile,
}

/// How much of a plan the scenario `swarm` draws, and so what a measured speed means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Everything.
    #[default]
    Any,
    /// All but the size: eight miners, one bridge, a state machine with at most 1,000 accounts, a transaction in each block.
    Default,
    /// The same with ten transactions in each block.
    Loaded,
}

impl Request {
    /// The seed, with nothing else asked for.
    pub fn new(seed: u64) -> Self {
        Self { seed, seconds: None, parameters: None, depth: None, profile: Profile::Any }
    }

    /// The parameters that were asked for, or else the set `storm`.
    pub fn parameters(&self) -> Arc<ParameterSet> {
        self.parameters.clone().unwrap_or_else(|| Arc::new(ParameterSet::storm()))
    }
}

/// Why a scenario has no plan for a request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The scenario has no depth that one could choose.
    #[error("scenario {scenario} has no depth to ask for, only {} has", Scenario::DeepReorg.name())]
    DepthElsewhere {
        /// The scenario.
        scenario: &'static str,
    },
    /// A node never leaves a chain at its finality point.
    #[error("depth {depth} is too large for parameter set `{set}`: nodes keep what is final, the largest is {largest}")]
    TooDeep {
        /// Name of the parameter set.
        set: String,
        /// The depth asked for.
        depth: u64,
        /// The largest that the set allows.
        largest: u64,
    },
    /// The followed node would not lose in time.
    #[error("{seconds} s are too short for depth {depth} under parameter set `{set}`: {needed} s are needed")]
    TooShort {
        /// Name of the parameter set.
        set: String,
        /// The depth.
        depth: u64,
        /// The length asked for.
        seconds: u64,
        /// The least length.
        needed: u64,
    },
    /// So long a run must be asked for.
    #[error("scenario {scenario} needs {needed} s under parameter set `{set}`: ask for them with --seconds {needed}")]
    LongRun {
        /// The scenario.
        scenario: &'static str,
        /// Name of the parameter set.
        set: String,
        /// The length that it needs.
        needed: u64,
    },
    /// The smallest reorg of the scenario could be deeper than finality.
    #[error(
        "scenario {scenario} needs a finality_depth of at least {LEAST_FINALITY_DEPTH}, parameter set `{set}` has {value}"
    )]
    ShallowFinality {
        /// The scenario.
        scenario: &'static str,
        /// Name of the parameter set.
        set: String,
        /// Its finality depth.
        value: u64,
    },
    /// The parameters contradict themselves.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
}

impl Scenario {
    /// Whether this scenario has a plan for the request, whatever its seed.
    ///
    /// # Errors
    /// Why not.
    pub fn check(self, request: &Request) -> Result<(), RequestError> {
        let parameters = request.parameters();
        parameters.check()?;
        let (scenario, set) = (self.name(), || parameters.name.clone());
        if self == Self::DeepReorg {
            let (depth, largest) = (deep_reorg::depth(request), deep_reorg::largest_depth(&parameters));
            if depth > largest {
                return Err(RequestError::TooDeep { set: set(), depth, largest });
            }
        } else if request.depth.is_some() {
            return Err(RequestError::DepthElsewhere { scenario });
        }
        let finality_depth = parameters.finality_depth;
        if matches!(self, Self::Fatal | Self::MachineEconomy | Self::Reorg | Self::Swarm)
            && finality_depth < LEAST_FINALITY_DEPTH
        {
            return Err(RequestError::ShallowFinality { scenario, set: set(), value: finality_depth });
        }
        match (request.seconds, self.useful_seconds(request), self.shortest_seconds(request)) {
            (None, needed, _) if needed > self.longest_default_seconds() => {
                Err(RequestError::LongRun { scenario, set: set(), needed })
            }
            (Some(seconds), _, needed) if seconds < needed => {
                Err(RequestError::TooShort { set: set(), depth: deep_reorg::depth(request), seconds, needed })
            }
            _ => Ok(()),
        }
    }

    fn longest_default_seconds(self) -> u64 {
        if self == Self::MachineEconomy { LONGEST_DEFAULT_MACHINE_SECONDS } else { LONGEST_DEFAULT_SECONDS }
    }

    /// Length of a run.
    pub(super) fn seconds(self, request: &Request) -> u64 {
        request.seconds.unwrap_or_else(|| self.useful_seconds(request).max(DEFAULT_SECONDS))
    }

    /// The shortest run that is done at all: one that is too short to see anything is good for trying things out, but a depth
    /// that was asked for is not.
    pub(super) fn shortest_seconds(self, request: &Request) -> u64 {
        if self == Self::DeepReorg { self.useful_seconds(request) } else { 0 }
    }

    /// Length from which on a run sees what it is there for, nearly whatever the seed.
    fn useful_seconds(self, request: &Request) -> u64 {
        let parameters = request.parameters();
        let finality_depth = parameters.finality_depth;
        let blocks = match self {
            Self::DeepReorg => deep_reorg::least_blocks(request),
            Self::Disconnect | Self::Faults | Self::Reorg | Self::Swarm => DEFAULT_BLOCKS,
            // The followed node has a third of the blocks, finds up to 1.3 finality depths of them before it is wiped.
            Self::Fatal => finality_depth.saturating_mul(6),
            // Some blocks are red.
            Self::MachineEconomy | Self::Steady => {
                finality_depth.saturating_add(finality_depth / 4).saturating_add(DEFAULT_BLOCKS / 4)
            }
        };
        blocks.saturating_mul(parameters.block_interval_ms()).div_ceil(1_000)
    }
}
