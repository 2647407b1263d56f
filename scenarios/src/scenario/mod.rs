//! The named storms: what each does to the network and the bridge, and what a run must have seen to mean anything.

mod deep_reorg;
mod draw;
mod machine_economy;
mod request;
mod swarm;

use sim::{params::ParameterSet, random::Streams, workload::WorkloadConfig};

pub use self::request::{DEFAULT_SECONDS, Profile, Request, RequestError};
use crate::{
    plan::{self, Plan, PlannedBridge, Seed, Topology},
    report::Figures,
};

/// Miners, one per node.
const NODES: usize = 8;

/// Mean time that a block takes from node to node, in block intervals of the network.
const MEAN_DELAY: u64 = 4;

/// Mean one-way latency between the bridge and its node.
const CLIENT_LATENCY_MS: u64 = 20;

/// Transactions in 1,000 blocks; at most one in a block.
const TRANSACTIONS_PER_THOUSAND_BLOCKS: u32 = 600;

/// The node that the bridge follows.
const FOLLOWED_NODE: u32 = 0;

/// A named storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// The followed node loses a chain of a depth that was asked for.
    DeepReorg,
    /// The node resets, closes, cuts short or forgets connections while a request is in flight.
    Disconnect,
    /// The followed node is cut off for about as long as finality, and is wiped later: it leaves a chain that was final if it
    /// had stayed on it. Or a bridge is on the wrong network. Some bridges must end, the others must not.
    Fatal,
    /// The oldest kinds of faults, some of them in each run, and slow consumers; the later kinds are in [`Swarm`](Self::Swarm) alone.
    Faults,
    /// A machine economy on a state machine: its process dies, its disk fails, nodes are cut off and joined again.
    MachineEconomy,
    /// The followed node is cut off with the smaller part of the hash power, again and again.
    Reorg,
    /// Nothing goes wrong.
    Steady,
    /// Whatever can go wrong, in any mixture: the seed draws every option, also which kinds of trouble exist at all.
    Swarm,
}

impl Scenario {
    /// All of them, in the order in which they are run.
    pub const ALL: [Self; 8] = [
        Self::Steady,
        Self::Disconnect,
        Self::Reorg,
        Self::DeepReorg,
        Self::Faults,
        Self::Fatal,
        Self::MachineEconomy,
        Self::Swarm,
    ];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeepReorg => "deep-reorg",
            Self::Disconnect => "disconnect",
            Self::Fatal => "fatal",
            Self::Faults => "faults",
            Self::MachineEconomy => "machine-economy",
            Self::Reorg => "reorg",
            Self::Steady => "steady",
            Self::Swarm => "swarm",
        }
    }

    /// One line for `dagstorm list`.
    pub fn summary(self) -> &'static str {
        match self {
            Self::DeepReorg => "the followed node loses a chain of just the depth that --depth asks for",
            Self::Disconnect => "connections break while a request is in flight, and again on the way back",
            Self::Fatal => "a node wiped after a cut about as long as finality, or a wrong network: who must end does",
            Self::Faults => {
                "faults on connections and messages, some of the 21 oldest kinds in each run; slow consumers"
            }
            Self::MachineEconomy => {
                "drones, stations and insurers on a state machine whose disk fails and process dies"
            }
            Self::Reorg => "the followed node is cut off with the smaller part of the miners, then joined again",
            Self::Steady => "nothing goes wrong",
            Self::Swarm => "whatever can go wrong, in any mixture: the seed draws every option",
        }
    }

    /// The scenario of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// The plan of a seed under the parameter set `storm`, with a storm of `seconds`, or longer if the scenario needs that.
    pub fn plan(self, seed: u64, seconds: u64) -> Plan {
        let request = Request::new(seed);
        let seconds = seconds.max(self.shortest_seconds(&request));
        let plan = self.expand(&Request { seconds: Some(seconds), ..request });
        plan.expect("every scenario has plans under the set `storm`, at any length from the least on")
    }

    /// Expands what is asked for to a plan.
    ///
    /// # Errors
    /// Why this scenario has no such plan; it depends on everything but the seed.
    pub fn expand(self, request: &Request) -> Result<Plan, RequestError> {
        self.check(request)?;
        let (seed, parameters) = (request.seed, request.parameters());
        let streams = Streams::new(seed);
        let storm_ms = self.seconds(request).saturating_mul(1_000);
        let mut plan = Plan {
            version: plan::VERSION,
            scenario: self.name().to_owned(),
            seed: Seed(seed),
            storm_ms,
            gates: true,
            parameters: ParameterSet::clone(&parameters),
            topology: Topology {
                hash_shares: vec![1; NODES],
                mean_delay_ms: MEAN_DELAY * parameters.block_interval_ms(),
                client_latency_ms: CLIENT_LATENCY_MS,
                cuts: Vec::new(),
                links: Vec::new(),
                outages: Vec::new(),
                strangers: Vec::new(),
            },
            workload: WorkloadConfig::mixed(TRANSACTIONS_PER_THOUSAND_BLOCKS, 1),
            bridges: vec![PlannedBridge::to_node(FOLLOWED_NODE)],
            economy: None,
            faults: Vec::new(),
        };
        match self {
            Self::DeepReorg => plan.topology = deep_reorg::topology(request, storm_ms),
            Self::Disconnect => plan.faults = draw::disconnects(&streams, storm_ms),
            Self::Fatal => draw::fatal(&mut plan, &streams),
            Self::Faults => {
                plan.faults = draw::faults(&streams, storm_ms);
                draw::consumer(&mut plan.bridges[0], &streams);
            }
            Self::MachineEconomy => machine_economy::expand(&mut plan, &streams),
            Self::Reorg => plan.topology.cuts = draw::cuts(&streams, storm_ms, &parameters),
            Self::Steady => {}
            Self::Swarm => swarm::expand(&mut plan, &streams, request),
        }
        Ok(plan)
    }

    /// The number of the cut whose reorg has the depth that was asked for; `None` if the scenario asks for none.
    pub fn requested_cut(self) -> Option<usize> {
        (self == Self::DeepReorg).then_some(0)
    }

    /// The gates that a run of `plan` did not pass: without them a green run would mean nothing.
    pub fn missed_gates(self, plan: &Plan, figures: &Figures) -> Vec<String> {
        if !plan.gates {
            return Vec::new();
        }
        let mut missed = Vec::new();
        let mut gate = |name: &str, reached: u64, least: u64| {
            if reached < least {
                missed.push(format!("{name}: {reached}, at least {least} needed"));
            }
        };
        match self {
            Self::DeepReorg => missed = deep_reorg::missed_gates(plan, figures),
            Self::Disconnect => {
                gate("disconnects while a request is in flight", figures.disconnects_in_flight, 1);
            }
            Self::Fatal => {
                let least = plan.parameters.finality_depth / 2;
                gate("blue score of the followed node's deepest lost branch", figures.deepest_lost_branch, least);
            }
            Self::Faults => gate("faults that struck", figures.faults, 1),
            Self::MachineEconomy => missed = machine_economy::missed_gates(plan, figures),
            Self::Reorg => gate("blocks removed by the deepest reorg", figures.max_reorg_depth, 20),
            Self::Steady => {
                gate("chain blocks", figures.chain_blocks, 100);
                gate("finalized blocks", figures.finalized, 1);
            }
            Self::Swarm => missed = swarm::missed_gates(plan, figures),
        }
        missed
    }
}
