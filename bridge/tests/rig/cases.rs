//! Random cases: an L1, settings, latencies, and what happens.

use std::{fmt, time::Duration};

use bridge::{Config, StartAt};
use proptest::prelude::*;
use sim::{
    gossip::{Cut, Heal},
    network::{History, NetworkConfig, Outage, OutageKind},
    params::ParameterSet,
    rig::{self, Breach, Happening, NotificationFate, ReplyFate, Rig, RigConfig},
    workload::WorkloadConfig,
};

/// An L1 of some dozen blocks.
#[derive(Clone, Debug)]
pub struct L1 {
    pub seed: u64,
    pub ghostdag_k: u16,
    pub max_block_parents: usize,
    pub mergeset_size_limit: usize,
    pub finality_depth: u64,
    /// One for each node; those that may be called come first.
    pub hash_shares: Vec<u32>,
    pub blocks_per_second: u64,
    /// Number of blocks that are found on average.
    pub blocks: u64,
    /// In hundredths of the mean block interval.
    pub delay_percent: u64,
    pub cuts: Vec<PlannedCut>,
    pub outages: Vec<PlannedOutage>,
}

/// A cut in terms of the L1.
#[derive(Clone, Copy, Debug)]
pub struct PlannedCut {
    /// In hundredths of the time in which blocks are found.
    pub at_percent: u64,
    /// In hundredths of the time in which as many blocks are found as make one final.
    pub length_percent: u64,
    /// Bits of the nodes on one side; taken so that neither side is empty.
    pub side: u32,
}

/// Something that happens to a node, in terms of the L1.
#[derive(Clone, Copy, Debug)]
pub struct PlannedOutage {
    /// Taken modulo the number of nodes, as `from`.
    pub node: usize,
    /// In hundredths of the time in which blocks are found.
    pub at_percent: u64,
    pub what: Trouble,
}

#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// Bodies come later than headers, for a part of the time in which blocks are found.
    BodiesLag { length_percent: u64 },
    /// Blocks are kept back, for a part of the time in which blocks are found.
    Withholding { length_percent: u64 },
    /// The node loses its data and syncs anew from another.
    Wipe { from: usize },
}

/// A whole case. What is printed of it can be written down as a test.
#[derive(Clone)]
pub struct Case {
    pub l1: L1,
    /// How many nodes may be called.
    pub nodes: usize,
    pub starts_at_sink: bool,
    pub confirmations: u64,
    pub high_water_mark: u64,
    pub poll_interval_ms: u64,
    pub latencies_ms: Vec<u16>,
    pub happenings: Vec<Happening>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.l1)?;
        writeln!(
            f,
            "nodes: {}, starts_at_sink: {}, confirmations: {}, high_water_mark: {}, poll_interval_ms: {}, latencies_ms: {:?}",
            self.nodes,
            self.starts_at_sink,
            self.confirmations,
            self.high_water_mark,
            self.poll_interval_ms,
            self.latencies_ms
        )?;
        self.happenings.iter().try_for_each(|happening| writeln!(f, "    {happening:?},"))
    }
}

impl L1 {
    /// Time in which that many blocks are found on average.
    pub fn time_of(&self, blocks: u64) -> Duration {
        Duration::from_millis(1_000 * blocks / self.blocks_per_second)
    }

    /// None for a network of one node that would have to sync from another.
    fn outage(&self, planned: &PlannedOutage) -> Option<Outage> {
        let nodes = self.hash_shares.len();
        let node = planned.node % nodes;
        let mining = self.time_of(self.blocks);
        let at = mining * planned.at_percent as u32 / 100;
        let until = |percent: u64| at + mining * percent as u32 / 100 + Duration::from_millis(1);
        let kind = match planned.what {
            Trouble::BodiesLag { length_percent } => OutageKind::BodiesLag { until: until(length_percent) },
            Trouble::Withholding { length_percent } => OutageKind::Withholding { until: until(length_percent) },
            Trouble::Wipe { from } => {
                // Never the node itself.
                let others = nodes.checked_sub(1).filter(|&others| others > 0)?;
                let from = (node + 1 + from % others) % nodes;
                OutageKind::Resync { from, transition: Duration::from_millis(300) }
            }
        };
        Some(Outage { node, at, kind })
    }

    fn network(&self) -> NetworkConfig {
        let nodes = self.hash_shares.len();
        let cut = |planned: &PlannedCut| {
            let at = self.time_of(self.blocks) * planned.at_percent as u32 / 100;
            let length = self.time_of(self.finality_depth) * planned.length_percent as u32 / 100;
            let mask = 1 + planned.side % ((1 << nodes) - 2);
            let side = (0..nodes).filter(|node| mask >> node & 1 == 1).collect();
            Cut { at, side, heal: Heal::At(at + length + Duration::from_millis(1)) }
        };
        NetworkConfig {
            seed: self.seed,
            parameters: ParameterSet {
                blocks_per_second: self.blocks_per_second,
                ghostdag_k: self.ghostdag_k,
                max_block_parents: self.max_block_parents,
                mergeset_size_limit: self.mergeset_size_limit,
                finality_depth: self.finality_depth,
                unchecked: true,
                ..ParameterSet::storm()
            },
            hash_shares: self.hash_shares.clone(),
            mean_delay: self.time_of(1) * self.delay_percent as u32 / 100,
            workload: WorkloadConfig { longest_payload: 40, ..WorkloadConfig::mixed(1_500, 5) },
            cuts: self.cuts.iter().map(cut).collect(),
            links: Vec::new(),
            outages: self.outages.iter().filter_map(|planned| self.outage(planned)).collect(),
            history: History::Kept,
            mining_until: self.time_of(self.blocks),
        }
    }
}

impl Case {
    fn follower(&self) -> Config {
        let mut config = rig::settings(self.nodes, self.l1.finality_depth);
        config.confirmations = self.confirmations;
        config.high_water_mark = self.high_water_mark;
        config.poll_interval = Duration::from_millis(self.poll_interval_ms);
        config.seed = self.l1.seed;
        if self.starts_at_sink {
            config.start = StartAt::Sink;
        }
        config
    }

    /// The rig before anything happened.
    pub fn rig(&self) -> Rig {
        let (network, follower) = (self.l1.network(), self.follower());
        Rig::new(RigConfig { network, follower, latencies_ms: self.latencies_ms.clone() }).expect("a possible case")
    }

    /// Lets everything happen in a rig, and come to rest.
    pub fn run_in(&self, rig: &mut Rig) -> Result<(), Breach> {
        self.happenings.iter().try_for_each(|&happening| rig.happen(happening))?;
        rig.settle()?;
        rig.shut_down()
    }

    /// The whole case.
    pub fn run(&self) -> Result<Rig, TestCaseError> {
        let mut rig = self.rig();
        self.run_in(&mut rig).map_err(|breach| TestCaseError::fail(breach.to_string()))?;
        Ok(rig)
    }
}

/// L1s with so many nodes. Cuts last `cut_percent` of the time in which a block becomes final.
pub fn l1(nodes: std::ops::RangeInclusive<usize>, cut_percent: std::ops::Range<u64>) -> impl Strategy<Value = L1> {
    let cut = (5..90_u64, cut_percent, any::<u32>());
    let cut = cut.prop_map(|(at_percent, length_percent, side)| PlannedCut { at_percent, length_percent, side });
    let consensus = (1..5_u16, 2..5_usize, 2..7_usize, 20..70_u64);
    let shape =
        (prop::sample::select(vec![2, 5, 10, 20]), 25..150_u64, prop::sample::select(vec![0, 40, 100, 200, 300]));
    let nodes = prop::collection::vec(0..4_u32, nodes);
    (any::<u64>(), consensus, shape, nodes, prop::collection::vec(cut, 0..4)).prop_map(
        |(seed, consensus, shape, mut hash_shares, cuts)| {
            let (ghostdag_k, max_block_parents, mergeset_size_limit, finality_depth) = consensus;
            let (blocks_per_second, blocks, delay_percent) = shape;
            // Somebody mines.
            if let Some(last) = hash_shares.last_mut() {
                *last = (*last).max(1);
            }
            L1 {
                seed,
                ghostdag_k,
                max_block_parents,
                mergeset_size_limit,
                finality_depth,
                hash_shares,
                blocks_per_second,
                blocks,
                delay_percent,
                cuts,
                outages: Vec::new(),
            }
        },
    )
}

/// Half of the L1s with trouble at single nodes.
pub fn troubled(l1: impl Strategy<Value = L1>) -> impl Strategy<Value = L1> {
    let outages = prop_oneof![Just(Vec::new()), prop::collection::vec(outage(), 1..4)];
    (l1, outages).prop_map(|(l1, outages)| L1 { outages, ..l1 })
}

fn outage() -> impl Strategy<Value = PlannedOutage> {
    let what = prop_oneof![
        (1..60_u64).prop_map(|length_percent| Trouble::BodiesLag { length_percent }),
        (1..40_u64).prop_map(|length_percent| Trouble::Withholding { length_percent }),
        (0..4_usize).prop_map(|from| Trouble::Wipe { from }),
    ];
    // Nodes that may be called come first.
    let node = prop_oneof![3 => Just(0), 1 => 0..4_usize];
    (node, 5..95_u64, what).prop_map(|(node, at_percent, what)| PlannedOutage { node, at_percent, what })
}

/// One-way latencies, up to a fifth of what the timeouts allow.
pub fn latencies() -> impl Strategy<Value = Vec<u16>> {
    prop_oneof![
        1 => Just(Vec::new()),
        2 => prop::collection::vec(0..20_u16, 1..8),
        2 => prop::collection::vec(0..100_u16, 1..8),
    ]
}

/// Anything that can happen.
pub fn happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    let late = || 1..1_500_u16;
    let reply = prop_oneof![
        1 => Just(ReplyFate::Lost),
        1 => Just(ReplyFate::Twice),
        2 => late().prop_map(|ms| ReplyFate::Late { ms }),
        1 => Just(ReplyFate::BlackHole),
        2 => Just(ReplyFate::HangUpBefore),
        2 => Just(ReplyFate::HangUpAfter),
    ];
    let notification = prop_oneof![
        Just(NotificationFate::Lost),
        Just(NotificationFate::Twice),
        late().prop_map(|ms| NotificationFate::Late { ms }),
    ];
    prop_oneof![
        8 => (1..400_u16).prop_map(|ms| H::Pass { ms }),
        6 => (200..1_500_u16).prop_map(|ms| H::Pass { ms }),
        6 => reply.prop_map(H::Reply),
        3 => (1..12_u8, notification).prop_map(|(count, fate)| H::Notifications { count, fate }),
        1 => (1..30_u8).prop_map(|copies| H::Storm { copies }),
        2 => Just(H::HangUp),
        1 => Just(H::BlackHole),
        1 => (0..3_usize, 1..3_000_u16).prop_map(|(node, ms)| H::Down { node, ms }),
        1 => (0..3_usize, 1..3_000_u16).prop_map(|(node, ms)| H::Unreachable { node, ms }),
        1 => (0..3_usize, 1..2_000_u16).prop_map(|(node, ms)| H::Transitional { node, ms }),
        1 => (1..3_000_u16).prop_map(|ms| H::StopAcknowledging { ms }),
        2 => (0..101_u8, any::<bool>()).prop_map(|(lost_percent, window)| H::RestartAnywhere { lost_percent, window }),
        1 => Just(H::Tick),
    ]
}

/// Cases with the first `nodes` of an L1 to call.
pub fn case(nodes: usize, l1: impl Strategy<Value = L1>) -> impl Strategy<Value = Case> {
    let confirmations = prop_oneof![2 => Just(0), 1 => 1..12_u64];
    let settings = (prop::bool::weighted(0.15), confirmations, prop_oneof![1..20_u64, Just(4_096)]);
    (l1, settings, latencies(), prop::collection::vec(happening(), 0..40)).prop_map(
        move |(l1, (starts_at_sink, confirmations, high_water_mark), latencies_ms, happenings)| Case {
            l1,
            nodes,
            starts_at_sink,
            confirmations,
            high_water_mark,
            poll_interval_ms: 400,
            latencies_ms,
            happenings,
        },
    )
}
