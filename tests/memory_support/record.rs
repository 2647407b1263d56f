//! What was seen of the memory of each component, and what flat means.

use std::time::Duration;

use bridge::L1Event;

use super::allocator::{COMPONENTS, Component, live_bytes, take_peak_bytes};

/// Looks in a run: enough that the largest of a quarter says something, few enough to be nothing in the accounts.
const LOOKS: u32 = 4_000;

/// By how much the mean of the last quarter may be above an earlier one, in percent. What is in memory is the same all the
/// time but for chance, and that is gone in a mean; the test's and the file grow in larger steps.
pub const MEAN_PERCENT: i64 = 2;
const COARSE_MEAN_PERCENT: i64 = 10;

/// By how much the largest of the last quarter may be above an earlier one, in percent.
const MOST_PERCENT: i64 = 10;

/// By how much the largest may be above it besides: the bridge keeps chain blocks in chunks of 16 KiB, and in which part of
/// one the window begins is chance.
const GRAIN_BYTES: i64 = 16 << 10;

/// By how much the largest at any time may be above it besides: pages of replies, batches that are stored, and growing
/// tables, which are there twice for a moment.
const BRIEFLY_GRAIN_BYTES: i64 = 64 << 10;

/// Until then the cache and the file fill, and connections of every kind have been; the first window that is judged begins
/// here and is as long. In a run of four times that length it is the second quarter.
const WARM_UP: Duration = Duration::from_secs(1_350);

/// The parts of a run that are compared with its last quarter, and that.
const WINDOWS: usize = 3;
const WINDOW: [usize; WINDOWS] = [0, 1, 2];

/// What was seen in one run.
pub struct Record {
    length: Duration,
    looks: Vec<Look>,
    /// How much of everything happened.
    pub totals: Totals,
    /// Most chain blocks that the follower held at a look, the root included.
    pub most_held: u64,
}

/// What was booked at one moment.
#[derive(Clone, Copy)]
struct Look {
    at: Duration,
    live: [i64; COMPONENTS],
    /// The most since the look before.
    peak: [i64; COMPONENTS],
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

/// The memory of one component in bytes: soon after the warm-up, in the second quarter of a run, and in the last.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Mean of all looks.
    pub mean: [i64; WINDOWS],
    /// Largest at a look.
    pub most: [i64; WINDOWS],
    /// Largest at any time.
    pub peak: [i64; WINDOWS],
}

impl Course {
    /// Whether nothing grew up to the last quarter: the mean by no more than so many percent, the largest at a look and at
    /// any time by no more than a tenth and a grain each.
    pub fn is_flat(&self, mean_percent: i64) -> bool {
        let grew = |[early, second, last]: [i64; WINDOWS], percent, grain| {
            [early, second].into_iter().any(|earlier| (last - grain) * 100 > earlier * (100 + percent))
        };
        !grew(self.mean, mean_percent, 0)
            && !grew(self.most, MOST_PERCENT, GRAIN_BYTES)
            && !grew(self.peak, MOST_PERCENT, BRIEFLY_GRAIN_BYTES)
    }
}

impl Record {
    /// Before a run of that length.
    pub fn new(length: Duration) -> Self {
        let looks = Vec::with_capacity(LOOKS as usize + 1);
        take_peak_bytes();
        Self { length, looks, totals: Totals::default(), most_held: 0 }
    }

    /// Looks at the accounts, if it is time for it, while the follower holds so many chain blocks.
    pub fn look(&mut self, now: Duration, held: u64) {
        let due = self.looks.last().map_or(Duration::ZERO, |last| last.at + self.length / LOOKS);
        if now < due {
            return;
        }
        self.most_held = self.most_held.max(held);
        self.looks.push(Look { at: now, live: live_bytes(), peak: take_peak_bytes() });
    }

    /// When the first look was: something is final, and something was pruned.
    pub fn first_look(&self) -> Option<Duration> {
        self.looks.first().map(|look| look.at)
    }

    /// The components whose memory is not flat.
    pub fn growing(&self) -> Vec<Component> {
        let is_flat = |component: &Component| {
            let is_coarse = matches!(component, Component::Test | Component::Disk);
            self.course(*component).is_flat(if is_coarse { COARSE_MEAN_PERCENT } else { MEAN_PERCENT })
        };
        Component::ALL.into_iter().filter(|component| !is_flat(component)).collect()
    }

    /// The most that a component had at any look.
    pub fn most(&self, component: Component) -> i64 {
        self.looks.iter().map(|look| look.live[component as usize]).max().unwrap_or(0)
    }

    /// How the memory of a component went.
    pub fn course(&self, component: Component) -> Course {
        let component = component as usize;
        let of = |window: usize| {
            let looks = self.looks.iter().filter(move |look| is_in(window, look.at, self.length));
            looks.map(move |look| (look.live[component], look.peak[component]))
        };
        let live = |window| of(window).map(|(live, _)| live);
        let mean = |window| live(window).sum::<i64>() / live(window).count().max(1) as i64;
        let most = |window| live(window).max().unwrap_or(0);
        let peak = |window| of(window).map(|(_, peak)| peak).max().unwrap_or(0);
        Course { mean: WINDOW.map(mean), most: WINDOW.map(most), peak: WINDOW.map(peak) }
    }

    /// The most that a component ever had after the first look.
    pub fn peak(&self, component: Component) -> i64 {
        self.looks.iter().map(|look| look.peak[component as usize]).max().unwrap_or(0)
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
             {rejected} rejected; {} looks from {:?} on, up to {} chain blocks held\n{:9}{:^30}{:^30}{:^30}\n{:9}",
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
        table += &format!("{:>10}{:>10}{:>10}", "early", "quarter 2", "quarter 4").repeat(3);
        for component in Component::ALL {
            let Course { mean, most, peak } = self.course(component);
            table += &format!("\n{:9}", format!("{component:?}"));
            for [early, second, last] in [mean, most, peak] {
                table += &format!("{early:>10}{second:>10}{last:>10}");
            }
        }
        table
    }
}

/// Whether the moment is in that window of a run; see [`Course`].
fn is_in(window: usize, at: Duration, length: Duration) -> bool {
    let quarter = at.as_micros() * 4 / length.as_micros().max(1);
    match window {
        0 => (WARM_UP..WARM_UP * 2).contains(&at),
        1 => quarter == 1,
        _ => quarter >= 3,
    }
}
