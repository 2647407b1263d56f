//! How large a plan is.

use std::fmt::{self, Write};

use serde::Serialize;

use crate::plan::{Plan, PlannedBridge};

/// Counts of what a plan has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Faults between bridges and nodes.
    pub faults: usize,
    /// Times in which the network is divided.
    pub cuts: usize,
    /// Links with a latency of their own.
    pub links: usize,
    /// What happens to single nodes.
    pub outages: usize,
    /// Nodes that are not what a bridge looks for.
    pub strangers: usize,
    /// What happens to disks and processes, over all bridges.
    pub disk_faults: usize,
    /// Times in which a consumer takes no events, over all bridges.
    pub stops: usize,
    /// Bridges.
    pub bridges: usize,
    /// Nodes.
    pub nodes: usize,
    /// Length of the storm in milliseconds.
    pub storm_ms: u64,
}

impl Size {
    /// The size of `plan`.
    pub fn of(plan: &Plan) -> Self {
        let over_bridges = |count: fn(&PlannedBridge) -> usize| plan.bridges.iter().map(count).sum();
        Self {
            faults: plan.faults.len(),
            cuts: plan.topology.cuts.len(),
            links: plan.topology.links.len(),
            outages: plan.topology.outages.len(),
            strangers: plan.topology.strangers.len(),
            disk_faults: over_bridges(|bridge| bridge.consumer.state.as_ref().map_or(0, |state| state.faults.len())),
            stops: over_bridges(|bridge| bridge.consumer.stops.len()),
            bridges: plan.bridges.len(),
            nodes: plan.topology.hash_shares.len(),
            storm_ms: plan.storm_ms,
        }
    }

    /// Everything that goes wrong, of whatever sort.
    pub fn disturbances(&self) -> usize {
        self.faults + self.cuts + self.links + self.outages + self.strangers + self.disk_faults + self.stops
    }

    /// Whether it is larger in nothing.
    pub fn is_at_most(&self, other: &Self) -> bool {
        let other_counts = other.counts();
        self.storm_ms <= other.storm_ms
            && self.counts().iter().zip(other_counts).all(|((count, _), (other, _))| *count <= other)
    }

    /// What became of a plan of this size: `217 faults -> 3, 4 cuts -> 0, 8 nodes, 120 s of storm -> 3.5 s`. What neither has is
    /// left out.
    pub fn to_words(&self, after: &Self) -> String {
        let mut text = String::new();
        for ((before, one), (after, _)) in self.counts().into_iter().zip(after.counts()) {
            if before > 0 {
                let arrow = if after == before { String::new() } else { format!(" -> {after}") };
                let _ = write!(text, "{}{arrow}, ", many(before, one));
            }
        }
        let seconds = |ms: u64| ms as f64 / 1_000.0;
        let _ = write!(text, "{} s of storm", seconds(self.storm_ms));
        if after.storm_ms != self.storm_ms {
            let _ = write!(text, " -> {} s", seconds(after.storm_ms));
        }
        text
    }

    /// All counts, each with the word for one.
    fn counts(&self) -> [(usize, &'static str); 9] {
        [
            (self.faults, "fault"),
            (self.cuts, "cut"),
            (self.links, "link"),
            (self.outages, "outage"),
            (self.strangers, "stranger"),
            (self.disk_faults, "disk fault"),
            (self.stops, "stop"),
            (self.bridges, "bridge"),
            (self.nodes, "node"),
        ]
    }
}

impl fmt::Display for Size {
    /// What there is, and that there are no faults or cuts; without the storm: `3 faults, 0 cuts, 1 bridge, 8 nodes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_told = |(count, one): &(usize, &str)| *count > 0 || ["fault", "cut"].contains(one);
        let words: Vec<String> =
            self.counts().into_iter().filter(is_told).map(|(count, one)| many(count, one)).collect();
        f.write_str(&words.join(", "))
    }
}

fn many(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_two_sizes_when_told_then_what_changed_has_an_arrow_and_what_is_not_there_no_word() {
        let before = Size { faults: 217, cuts: 1, bridges: 2, nodes: 8, storm_ms: 120_000, ..Size::default() };
        let after = Size { faults: 3, bridges: 2, nodes: 2, storm_ms: 3_500, ..Size::default() };
        assert_eq!(
            before.to_words(&after),
            "217 faults -> 3, 1 cut -> 0, 2 bridges, 8 nodes -> 2, 120 s of storm -> 3.5 s"
        );
        assert!(after.is_at_most(&before) && before.is_at_most(&before) && !before.is_at_most(&after));
        assert!(!Size { stops: 1, ..after }.is_at_most(&before));
    }
}
