//! What was seen of the memory of each component, and what flat means.

use std::time::Duration;

use bridge::L1Event;

use super::allocator::{COMPONENTS, Component, live_bytes, take_peak_bytes};

/// Looks in a run: enough that the largest of a quarter says something, few enough to be nothing in the accounts.
const LOOKS: u32 = 4_000;

/// By how much the last quarter may be above the second, in percent.
const TOLERANCE_PERCENT: i64 = 10;

/// By how much the largest may be above it besides: the bridge keeps chain blocks in chunks of 16 KiB, and in which part of
/// one the window begins is chance.
const GRAIN_BYTES: i64 = 16 << 10;

/// What was seen in one run.
pub struct Record {
    length: Duration,
    looks: Vec<Look>,
    /// How much of everything happened.
    pub totals: Totals,
    /// Most chain blocks that the follower held at a look, the root included.
    pub most_held: u64,
    /// The most of each component in each quarter of the run, between looks too.
    peaks: [[i64; COMPONENTS]; 4],
}

/// What was booked at one moment.
#[derive(Clone, Copy)]
struct Look {
    at: Duration,
    live: [i64; COMPONENTS],
}

/// How much of everything happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Blocks found.
    pub blocks: u64,
    /// Chain blocks told.
    pub chain_blocks: u64,
    /// Reorgs told.
    pub reorgs: u64,
    /// Chain blocks of the deepest.
    pub deepest_reorg: usize,
    /// Moves of the finalized root.
    pub finalizations: u64,
    /// Moves of the node's pruning point.
    pub prunings: u64,
    /// Sessions that were announced.
    pub sessions: u64,
    /// Transactions that the machine applied.
    pub applied: u64,
    /// Transactions that it rejected.
    pub rejected: u64,
}

impl Totals {
    /// Counts an event.
    pub fn count(&mut self, event: &L1Event) {
        match event {
            L1Event::BlockAdded(_) => self.chain_blocks += 1,
            L1Event::Reorg(reorg) => {
                self.reorgs += 1;
                self.deepest_reorg = self.deepest_reorg.max(reorg.removed.len());
            }
            L1Event::Finalized { .. } => self.finalizations += 1,
            L1Event::Connected { .. } => self.sessions += 1,
            _ => {}
        }
    }
}

/// The memory of one component in the second and the last quarter of a run, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Mean of all looks.
    pub mean: [i64; 2],
    /// Largest at a look.
    pub most: [i64; 2],
    /// Largest at any time.
    pub peak: [i64; 2],
}

impl Course {
    /// Whether neither the mean nor the largest grew by more than a tenth from the second quarter to the last; the largest may
    /// by one chunk more.
    pub fn is_flat(&self) -> bool {
        let grew = |[second, last]: [i64; 2], grain| (last - grain) * 100 > second * (100 + TOLERANCE_PERCENT);
        !grew(self.mean, 0) && !grew(self.most, GRAIN_BYTES)
    }
}

impl Record {
    /// Before a run of that length.
    pub fn new(length: Duration) -> Self {
        let looks = Vec::with_capacity(LOOKS as usize + 1);
        take_peak_bytes();
        Self { length, looks, totals: Totals::default(), most_held: 0, peaks: [[0; COMPONENTS]; 4] }
    }

    /// Looks at the accounts, if it is time for it, while the follower holds so many chain blocks.
    pub fn look(&mut self, now: Duration, held: u64) {
        let due = self.looks.last().map_or(Duration::ZERO, |last| last.at + self.length / LOOKS);
        if now < due {
            return;
        }
        let peaks = &mut self.peaks[quarter(now, self.length)];
        for (most, peak) in peaks.iter_mut().zip(take_peak_bytes()) {
            *most = peak.max(*most);
        }
        self.most_held = self.most_held.max(held);
        self.looks.push(Look { at: now, live: live_bytes() });
    }

    /// When the first look was: something is final, and something was pruned.
    pub fn first_look(&self) -> Option<Duration> {
        self.looks.first().map(|look| look.at)
    }

    /// The components whose memory is not flat.
    pub fn growing(&self) -> Vec<Component> {
        Component::ALL.into_iter().filter(|component| !self.course(*component).is_flat()).collect()
    }

    /// The most that a component had at any look.
    pub fn most(&self, component: Component) -> i64 {
        self.looks.iter().map(|look| look.live[component as usize]).max().unwrap_or(0)
    }

    /// How the memory of a component went.
    pub fn course(&self, component: Component) -> Course {
        let component = component as usize;
        let live = |wanted| {
            let looks = self.looks.iter().filter(move |look| quarter(look.at, self.length) == wanted);
            looks.map(|look| look.live[component])
        };
        let mean = |quarter| live(quarter).sum::<i64>() / live(quarter).count().max(1) as i64;
        let most = |quarter| live(quarter).max().unwrap_or(0);
        let peak = |quarter: usize| self.peaks[quarter][component];
        Course { mean: [mean(1), mean(3)], most: [most(1), most(3)], peak: [peak(1), peak(3)] }
    }

    /// The most that a component ever had after the first look.
    pub fn peak(&self, component: Component) -> i64 {
        self.peaks.iter().map(|peaks| peaks[component as usize]).max().unwrap_or(0)
    }

    /// All of it as a table.
    pub fn table(&self) -> String {
        let Totals {
            blocks,
            chain_blocks,
            reorgs,
            deepest_reorg,
            finalizations,
            prunings,
            sessions,
            applied,
            rejected,
        } = self.totals;
        let mut table = format!(
            "{:?} simulated: {blocks} blocks, {chain_blocks} chain blocks told, {reorgs} reorgs up to {deepest_reorg} deep, \
             {finalizations} finalizations, {prunings} prunings,\n{sessions} sessions, {applied} transactions applied, \
             {rejected} rejected; {} looks from {:?} on, up to {} chain blocks held\n{:9}{:^21}{:^21}{:^21}\n{:9}",
            self.length,
            self.looks.len(),
            self.first_look().unwrap_or_default(),
            self.most_held,
            "bytes",
            "mean at a look",
            "most at a look",
            "most at any time",
            "",
        );
        table += &format!("{:>10} {:>10}", "quarter 2", "quarter 4").repeat(3);
        for component in Component::ALL {
            let Course { mean, most, peak } = self.course(component);
            table += &format!("\n{:9}", format!("{component:?}"));
            for [second, last] in [mean, most, peak] {
                table += &format!("{second:>10} {last:>10}");
            }
        }
        table
    }
}

fn quarter(at: Duration, length: Duration) -> usize {
    let quarter = at.as_micros() * 4 / length.as_micros().max(1);
    quarter.min(3) as usize
}
