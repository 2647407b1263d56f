//! The L1 of a schedule: some dozen blocks, found by a few miners.

use std::time::Duration;

use sim::{
    gossip::{Cut, Heal},
    network::{History, NetworkConfig, Outage, OutageKind},
    params::ParameterSet,
    workload::WorkloadConfig,
};

use super::Step;
use crate::code::Word;

/// Most cuts, and most outages, of which a schedule makes use.
const MOST_DISTURBANCES: usize = 3;

/// How long a node that is reset is transitional.
const TRANSITION: Duration = Duration::from_millis(300);

/// Mean time between two blocks in milliseconds.
const BLOCK_INTERVALS_MS: [u64; 4] = [500, 200, 100, 50];

/// Mean delays in hundredths of the block interval.
const DELAYS_PERCENT: [u64; 5] = [0, 40, 100, 200, 300];

/// An L1. Numbers are small so that everything that can happen does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1 {
    /// Of all randomness.
    pub seed: u8,
    /// GHOSTDAG's k, 1 to 4.
    pub ghostdag_k: u8,
    /// 2 to 4.
    pub max_block_parents: u8,
    /// 2 to 6.
    pub mergeset_size_limit: u8,
    /// 20 to 69.
    pub finality_depth: u8,
    /// Blocks that are found on average, 25 to 152.
    pub blocks: u8,
    /// Place in the table of block intervals.
    pub pace: u8,
    /// Place in the table of delays.
    pub delay: u8,
    /// Number of nodes, 2 to 5.
    pub nodes: u8,
    /// Two bits of hash power for each node but the last, which has some.
    pub hash_shares: u8,
}

/// When something happens to the L1, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WhereItHappens {
    /// In hundredths of the time in which blocks are found.
    pub at_percent: u8,
    /// In hundredths too: for cuts of the time in which as many blocks are found as make one final, for others of the time
    /// in which blocks are found.
    pub length_percent: u8,
}

/// What happens to one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Bodies come later than headers.
    BodiesLag,
    /// Blocks are kept back.
    Withholding,
    /// The node loses its data and syncs anew from another.
    Wipe,
}

impl L1 {
    pub(super) const fn of([one, two, three]: [Word; 3]) -> Self {
        let [blocks, shape] = one.large.to_le_bytes();
        let [pace, delay] = two.large.to_le_bytes();
        Self {
            seed: one.operation,
            ghostdag_k: 1 + one.small % 4,
            blocks: 25 + blocks % 128,
            max_block_parents: 2 + shape % 3,
            mergeset_size_limit: 2 + two.operation % 5,
            finality_depth: 20 + two.small % 50,
            pace: pace % 4,
            delay: delay % 5,
            nodes: 2 + three.operation % 4,
            hash_shares: three.small,
        }
    }

    pub(super) const fn words(self) -> [Word; 3] {
        let one = u16::from_le_bytes([self.blocks - 25, self.max_block_parents - 2]);
        let two = u16::from_le_bytes([self.pace, self.delay]);
        [
            Word::new(self.seed, self.ghostdag_k - 1, one),
            Word::new(self.mergeset_size_limit - 2, self.finality_depth - 20, two),
            Word::new(self.nodes - 2, self.hash_shares, 0),
        ]
    }

    /// Time in which so many blocks are found on average.
    fn time_of(&self, blocks: u8) -> Duration {
        Duration::from_millis(u64::from(blocks) * self.block_interval_ms())
    }

    fn block_interval_ms(&self) -> u64 {
        BLOCK_INTERVALS_MS[usize::from(self.pace) % BLOCK_INTERVALS_MS.len()]
    }

    pub(super) fn network(&self, steps: &[Step]) -> NetworkConfig {
        let nodes = usize::from(self.nodes);
        let share = |node: usize| u32::from(self.hash_shares >> (2 * node).min(6) & 3);
        let mut hash_shares: Vec<u32> = (0..nodes).map(share).collect();
        // Somebody mines.
        hash_shares.iter_mut().rev().take(1).for_each(|last| *last = (*last).max(1));
        let delay_percent = DELAYS_PERCENT[usize::from(self.delay) % DELAYS_PERCENT.len()];
        NetworkConfig {
            seed: u64::from(self.seed),
            parameters: ParameterSet {
                blocks_per_second: 1_000 / self.block_interval_ms(),
                ghostdag_k: u16::from(self.ghostdag_k),
                max_block_parents: usize::from(self.max_block_parents),
                mergeset_size_limit: usize::from(self.mergeset_size_limit),
                finality_depth: u64::from(self.finality_depth),
                unchecked: true,
                ..ParameterSet::storm()
            },
            hash_shares,
            mean_delay: Duration::from_millis(self.block_interval_ms() * delay_percent / 100),
            workload: WorkloadConfig { longest_payload: 40, ..WorkloadConfig::mixed(1_500, 5) },
            cuts: steps.iter().filter_map(|step| self.cut(step)).take(MOST_DISTURBANCES).collect(),
            links: Vec::new(),
            outages: steps.iter().filter_map(|step| self.outage(step)).take(MOST_DISTURBANCES).collect(),
            history: History::Kept,
            mining_until: self.time_of(self.blocks),
        }
    }

    fn cut(&self, step: &Step) -> Option<Cut> {
        let Step::Cut { side, place } = *step else { return None };
        let nodes = usize::from(self.nodes);
        let at = percent(self.time_of(self.blocks), place.at_percent);
        let length = percent(self.time_of(self.finality_depth), place.length_percent);
        // Neither none of the nodes nor all.
        let mask = 1 + usize::from(side) % ((1 << nodes) - 2);
        let side = (0..nodes).filter(|node| mask >> node & 1 == 1).collect();
        Some(Cut { at, side, heal: Heal::At(at + length + Duration::from_millis(1)) })
    }

    fn outage(&self, step: &Step) -> Option<Outage> {
        let Step::Outage { node, what, place } = *step else { return None };
        let nodes = usize::from(self.nodes);
        let node = usize::from(node) % nodes;
        let mining = self.time_of(self.blocks);
        let at = percent(mining, place.at_percent);
        let until = at + percent(mining, place.length_percent) + Duration::from_millis(1);
        let kind = match what {
            Trouble::BodiesLag => OutageKind::BodiesLag { until },
            Trouble::Withholding => OutageKind::Withholding { until },
            Trouble::Wipe => OutageKind::Resync { from: (node + 1) % nodes, transition: TRANSITION },
        };
        Some(Outage { node, at, kind })
    }
}

fn percent(time: Duration, percent: u8) -> Duration {
    time * u32::from(percent) / 100
}
