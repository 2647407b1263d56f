//! The named storms: what each does to the network and the bridge, and what a run must have seen to mean anything.

use sim::{
    params::ParameterSet,
    random::{Stream, Streams},
    workload::WorkloadConfig,
};

use crate::{
    fault::{
        AcceptThenClose, BlackHole, CloseSession, CutReply, Drawn, Fault, Fin, HalfOpen, HangingConnect, LostReply,
        PlannedFault, RefusedConnect, Reset, Trigger,
    },
    plan::{self, Plan, PlannedBridge, PlannedConsumer, PlannedCut, PlannedHeal, Seed, Topology},
    report::Figures,
};

/// Miners, one per node.
const NODES: usize = 8;

/// Mean time that a block takes from node to node.
const MEAN_DELAY_MS: u64 = 400;

/// Mean one-way latency between the bridge and its node.
const CLIENT_LATENCY_MS: u64 = 20;

/// Transactions in 1,000 blocks; at most one in a block.
const TRANSACTIONS_PER_THOUSAND_BLOCKS: u32 = 600;

/// The node that the bridge follows.
const FOLLOWED_NODE: u32 = 0;

/// Length of a run unless told otherwise.
pub const DEFAULT_SECONDS: u64 = 120;

/// Chain blocks that the followed side of a cut has grown at least when it heals.
const CUT_CHAIN_BLOCKS: (u64, u64) = (21, 24);

/// Time from the start of one cut to the start of the next: the losing side grows about one and a half chain blocks a
/// second, and needs some seconds to adopt the other side's chain.
const CUT_SPACING_MS: u64 = 45_000;

/// Chain blocks that the followed side grows before it loses about a finality depth of blue score.
const FATAL_CHAIN_BLOCKS: (u64, u64) = (110, 165);

/// A named storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// The node resets, closes, cuts short or forgets connections while a request is in flight.
    Disconnect,
    /// The followed node leaves a chain about as deep as finality, or a bridge is on the wrong network: some bridges must
    /// end, the others must not.
    Fatal,
    /// Every kind of fault, some kinds in each run, and slow consumers.
    Faults,
    /// The followed node is cut off with the smaller part of the hash power, again and again.
    Reorg,
    /// Nothing goes wrong.
    Steady,
}

impl Scenario {
    /// All of them, in the order in which they are run.
    pub const ALL: [Self; 5] = [Self::Steady, Self::Disconnect, Self::Reorg, Self::Faults, Self::Fatal];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::Fatal => "fatal",
            Self::Faults => "faults",
            Self::Reorg => "reorg",
            Self::Steady => "steady",
        }
    }

    /// One line for `dagstorm list`.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Disconnect => "connections break while a request is in flight, and again on the way back",
            Self::Fatal => "a reorg about as deep as finality, or a wrong network: who must end does, and nobody else",
            Self::Faults => "every kind of fault on connections and messages, some kinds in each run; slow consumers",
            Self::Reorg => "the followed node is cut off with the smaller part of the miners, then joined again",
            Self::Steady => "nothing goes wrong",
        }
    }

    /// The scenario of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// Expands a seed to a plan.
    pub fn plan(self, seed: u64, seconds: u64) -> Plan {
        let streams = Streams::new(seed);
        let storm_ms = seconds.saturating_mul(1_000);
        let mut plan = Plan {
            version: plan::VERSION,
            scenario: self.name().to_owned(),
            seed: Seed(seed),
            storm_ms,
            parameters: ParameterSet::storm(),
            topology: Topology {
                hash_shares: vec![1; NODES],
                mean_delay_ms: MEAN_DELAY_MS,
                client_latency_ms: CLIENT_LATENCY_MS,
                cuts: Vec::new(),
            },
            workload: WorkloadConfig::mixed(TRANSACTIONS_PER_THOUSAND_BLOCKS, 1),
            bridges: vec![PlannedBridge::to_node(FOLLOWED_NODE)],
            faults: Vec::new(),
        };
        match self {
            Self::Steady => {}
            Self::Disconnect => plan.faults = draw_disconnects(&streams, storm_ms),
            Self::Fatal => draw_fatal(&mut plan, &streams),
            Self::Faults => {
                plan.faults = draw_faults(&streams, storm_ms);
                draw_consumer(&mut plan.bridges[0], &streams);
            }
            Self::Reorg => plan.topology.cuts = draw_cuts(&streams, storm_ms),
        }
        plan
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
            Self::Fatal => {
                gate("blue score of the followed node's deepest lost branch", figures.deepest_lost_branch, 100)
            }
            Self::Faults => gate("faults that struck", figures.faults, 1),
            Self::Reorg => gate("blocks removed by the deepest reorg", figures.max_reorg_depth, 20),
        }
        missed
    }
}

/// Two faults in twelve seconds: one strikes a waiting request, the other the attempt to come back, or the handshake.
fn draw_disconnects(streams: &Streams, storm_ms: u64) -> Vec<PlannedFault> {
    /// The session dies at once.
    const BREAKS: [fn(&mut Stream) -> Fault; 4] = [
        |stream| Fault::CloseSession(CloseSession::draw(stream)),
        |stream| Fault::CutReply(CutReply::draw(stream)),
        |stream| Fault::Fin(Fin::draw(stream)),
        |stream| Fault::Reset(Reset::draw(stream)),
    ];
    /// The session dies when the bridge loses patience.
    const SILENCES: [fn(&mut Stream) -> Fault; 3] = [
        |stream| Fault::BlackHole(BlackHole::draw(stream)),
        |stream| Fault::HalfOpen(HalfOpen::draw(stream)),
        |stream| Fault::LostReply(LostReply::draw(stream)),
    ];
    /// Something is in the way of the next session.
    const OBSTACLES: [fn(&mut Stream) -> Fault; 3] = [
        |stream| Fault::AcceptThenClose(AcceptThenClose::draw(stream)),
        |stream| Fault::HangingConnect(HangingConnect::draw(stream)),
        |stream| Fault::RefusedConnect(RefusedConnect::draw(stream)),
    ];
    /// Shortest time, and the width of the time, from the end of a session to the handshake of the next: the first pause is
    /// 50 to 100 ms, and every request takes about 40.
    const NEXT_SESSION_MS: (u64, u64) = (150, 250);
    let pairs = u32::try_from(storm_ms / 12_000).unwrap_or(u32::MAX).max(1);
    let mut faults = Vec::new();
    for pair in 0..pairs {
        let mut stream = streams.stream("disconnect", u64::from(pair));
        let share_ms = (storm_ms / u64::from(pairs)).max(1);
        // The first second is the handshake's: a session that dies there has not begun.
        let at_ms = (share_ms * u64::from(pair) + stream.below(share_ms)).max(1_000.min(storm_ms / 2));
        let when = Trigger { time_ms: Some(at_ms), ..Trigger::default() };
        // A silence costs a request timeout, in which nothing else can happen: it comes last.
        let is_last = pair + 1 == pairs && pairs > 1;
        let kinds: &[fn(&mut Stream) -> Fault] = if is_last { &SILENCES } else { &BREAKS };
        let strike = kinds[stream.below(kinds.len() as u64) as usize](&mut stream);
        faults.push(PlannedFault { id: 2 * pair, bridge: 0, when, what: strike });
        let (when, obstacle) = if stream.chance(1, 2) {
            (when, OBSTACLES[stream.below(OBSTACLES.len() as u64) as usize](&mut stream))
        } else {
            // The next session dies too, somewhere in its handshake.
            let soon = Trigger { time_ms: Some(at_ms + NEXT_SESSION_MS.0 + stream.below(NEXT_SESSION_MS.1)), ..when };
            (soon, Fault::Reset(Reset::draw(&mut stream)))
        };
        faults.push(PlannedFault { id: 2 * pair + 1, bridge: 0, when, what: obstacle });
    }
    faults
}

/// Swarm: half of the kinds exist in a run at all, each of these strikes up to four times.
fn draw_faults(streams: &Streams, storm_ms: u64) -> Vec<PlannedFault> {
    let mut faults = Vec::new();
    for kind in 0..Fault::KINDS {
        let mut stream = streams.stream("fault kind", kind as u64);
        let strikes = if stream.chance(1, 2) { 1 + stream.below(4) } else { 0 };
        for strike in 0..strikes {
            // Keyed by kind and strike: another kind more or less shifts none of these draws.
            let id = (kind * 8) as u32 + strike as u32;
            let mut stream = streams.stream("fault", u64::from(id));
            let when = Trigger { time_ms: Some(stream.below(storm_ms)), ..Trigger::default() };
            faults.extend(Fault::draw(kind, &mut stream).map(|what| PlannedFault { id, bridge: 0, when, what }));
        }
    }
    faults
}

/// Cuts that follow one another with time to heal in between. Two of eight miners lose against six.
fn draw_cuts(streams: &Streams, storm_ms: u64) -> Vec<PlannedCut> {
    let mut cuts = Vec::new();
    let mut at_ms = 5_000;
    while cuts.is_empty() || at_ms + CUT_SPACING_MS <= storm_ms {
        let mut stream = streams.stream("cut", cuts.len() as u64);
        let (least, most) = CUT_CHAIN_BLOCKS;
        let chain_blocks = least + stream.below(most - least + 1);
        let side = vec![FOLLOWED_NODE, 1 + stream.below(NODES as u64 - 1) as u32];
        let heal = PlannedHeal::WhenChainGrew { node: FOLLOWED_NODE, chain_blocks };
        cuts.push(PlannedCut { at_ms: at_ms + stream.below(5_000), side, heal });
        at_ms += CUT_SPACING_MS;
    }
    cuts
}

/// A cut about as deep as finality, half of the time with broken connections; one time in four with a second bridge that is
/// configured for another network.
fn draw_fatal(plan: &mut Plan, streams: &Streams) {
    let mut stream = streams.stream("fatal", 0);
    let (least, most) = FATAL_CHAIN_BLOCKS;
    let chain_blocks = least + stream.below(most - least + 1);
    let heal = PlannedHeal::WhenChainGrew { node: FOLLOWED_NODE, chain_blocks };
    let side = vec![FOLLOWED_NODE, 1 + stream.below(NODES as u64 - 1) as u32];
    plan.topology.cuts = vec![PlannedCut { at_ms: 2_000 + stream.below(4_000), side, heal }];
    if stream.chance(1, 2) {
        plan.faults = draw_disconnects(streams, plan.storm_ms);
    }
    if stream.chance(1, 4) {
        let stranger = PlannedBridge { network: "testnet-10".to_owned(), ..PlannedBridge::to_node(FOLLOWED_NODE) };
        plan.bridges.push(stranger);
    }
}

/// One time in four a consumer that does not always keep up, and a queue that it can fill.
fn draw_consumer(bridge: &mut PlannedBridge, streams: &Streams) {
    let mut stream = streams.stream("consumer", 0);
    if stream.chance(1, 4) {
        bridge.high_water_mark = 4 + stream.below(61);
        bridge.consumer = PlannedConsumer { store_ms: 50 + stream.below(950), acknowledge_every: 1 + stream.below(8) };
    }
}
