//! The named storms: what each does to the network and the bridge, and what a run must have seen to mean anything.

use std::time::Duration;

use sim::{
    gossip::{Cut, Heal},
    network::NetworkConfig,
    params::ParameterSet,
    random::Streams,
    workload::WorkloadConfig,
    world::{
        WorldConfig,
        service::{RequestFault, RequestFaultKind},
    },
};

use crate::report::Figures;

/// Miners, one per node.
const NODES: usize = 8;

/// Mean time that a block takes from node to node.
const MEAN_DELAY: Duration = Duration::from_millis(400);

/// Mean one-way latency between the bridge and its node.
const CLIENT_LATENCY: Duration = Duration::from_millis(20);

/// Transactions in 1,000 blocks; at most one in a block.
const TRANSACTIONS_PER_THOUSAND_BLOCKS: u32 = 600;

/// The node that the bridge follows.
const FOLLOWED_NODE: usize = 0;

/// Length of a run unless told otherwise.
pub const DEFAULT_SECONDS: u64 = 120;

/// Chain blocks that the losing side of a cut has grown when it heals: with three eighths of the hash power, 13 to 27
/// seconds. Its blue score stays below the finality depth of parameter set `storm`.
const CUT_CHAIN_BLOCKS: (u64, u64) = (23, 28);

/// A named storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// The node resets, closes, cuts short or forgets connections while a request is in flight.
    Disconnect,
    /// The followed node is cut off with the smaller part of the hash power, again and again.
    Reorg,
    /// Nothing goes wrong.
    Steady,
}

/// Everything that one run needs.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// The scenario it came from.
    pub scenario: Scenario,
    /// The seed it came from.
    pub seed: u64,
    /// The simulated world.
    pub world: WorldConfig,
    /// The node that the bridge follows.
    pub followed_node: usize,
    /// Finality depth of the network, in blue score.
    pub finality_depth: u64,
    /// Time in which blocks are mined and faults strike.
    pub storm: Duration,
}

impl Scenario {
    /// All of them, in the order in which they are run.
    pub const ALL: [Self; 3] = [Self::Steady, Self::Disconnect, Self::Reorg];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::Reorg => "reorg",
            Self::Steady => "steady",
        }
    }

    /// One line for `dagstorm list`.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Disconnect => "connections break while a request is in flight; the node refuses for a while",
            Self::Reorg => "the followed node is cut off with the smaller part of the miners, then joined again",
            Self::Steady => "nothing goes wrong",
        }
    }

    /// The scenario of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// Expands a seed to everything that the run needs.
    pub fn expand(self, seed: u64, seconds: u64) -> RunSpec {
        let streams = Streams::new(seed);
        let storm = Duration::from_secs(seconds);
        let parameters = ParameterSet::storm();
        let finality_depth = parameters.finality_depth;
        let mut network = NetworkConfig {
            seed,
            parameters,
            hash_shares: vec![1; NODES],
            mean_delay: MEAN_DELAY,
            workload: WorkloadConfig::mixed(TRANSACTIONS_PER_THOUSAND_BLOCKS, 1),
            cuts: Vec::new(),
            mining_until: storm,
        };
        let mut request_faults = Vec::new();
        match self {
            Self::Steady => {}
            Self::Disconnect => request_faults = draw_request_faults(&streams, seconds),
            Self::Reorg => network.cuts = draw_cuts(&streams, storm),
        }
        let world = WorldConfig { network, client_latency: CLIENT_LATENCY, request_faults, keep_trace: false };
        RunSpec { scenario: self, seed, world, followed_node: FOLLOWED_NODE, finality_depth, storm }
    }

    /// The gates that a run did not pass: without them a green run would mean nothing.
    pub fn missed_gates(self, figures: &Figures) -> Vec<String> {
        let mut missed = Vec::new();
        let mut gate = |name: &str, reached: u64, least: u64| {
            if reached < least {
                missed.push(format!("{name}: {reached}, at least {least} needed"));
            }
        };
        match self {
            Self::Steady => {
                gate("chain blocks", figures.chain_blocks, 100);
                gate("finalized blocks", figures.finalized, 1);
            }
            Self::Disconnect => {
                gate("disconnects while a request is in flight", figures.disconnects_in_flight, 1);
            }
            Self::Reorg => gate("blocks removed by the deepest reorg", figures.max_reorg_depth, 20),
        }
        missed
    }
}

/// About one fault in twelve seconds: the bridge asks about three times a second.
fn draw_request_faults(streams: &Streams, seconds: u64) -> Vec<RequestFault> {
    let count = (seconds / 12).max(1);
    let last_request = (seconds * 2).max(12);
    let mut faults: Vec<RequestFault> = (0..count)
        .map(|number| {
            let mut stream = streams.stream("request fault", number);
            let kind = match stream.below(4) {
                0 => RequestFaultKind::Close,
                1 => RequestFaultKind::CutReply { bytes: stream.below(1_500) as usize },
                2 => RequestFaultKind::Reset,
                _ => RequestFaultKind::Silence,
            };
            let refuse_for = Duration::from_millis(stream.below(2) * stream.below(3_000));
            RequestFault { chain_request: 1 + stream.below(last_request), kind, refuse_for }
        })
        .collect();
    faults.sort_by_key(|fault| fault.chain_request);
    faults.dedup_by_key(|fault| fault.chain_request);
    faults
}

/// Cuts that follow one another with time to heal in between.
fn draw_cuts(streams: &Streams, storm: Duration) -> Vec<Cut> {
    let spacing = Duration::from_secs(40);
    let mut cuts = Vec::new();
    let mut at = Duration::from_secs(5);
    while at + Duration::from_secs(30) <= storm {
        let mut stream = streams.stream("cut", cuts.len() as u64);
        let (least, most) = CUT_CHAIN_BLOCKS;
        let chain_blocks = least + stream.below(most - least + 1);
        let side = vec![FOLLOWED_NODE, 1 + stream.below(3) as usize, 4 + stream.below(4) as usize];
        let begin = at + Duration::from_millis(stream.below(5_000));
        cuts.push(Cut { at: begin, side, heal: Heal::WhenChainGrew { node: FOLLOWED_NODE, chain_blocks } });
        at += spacing;
    }
    cuts
}
