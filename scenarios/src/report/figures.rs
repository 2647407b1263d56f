//! What happened in a run, in numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{MachineFigures, ReorgSizes};

/// Counts of one run, or their sums over several: depths are the greatest then, and there is no depth that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Blocks mined.
    pub blocks: u64,
    /// Chain blocks on the consumer's path at the end.
    pub chain_blocks: u64,
    /// Chain blocks that the bridge delivered, those removed again included.
    pub blocks_added: u64,
    /// Events of any kind that the bridge delivered.
    pub events: u64,
    /// Reorgs delivered.
    pub reorgs: u64,
    /// Blocks removed by the deepest of them.
    pub max_reorg_depth: u64,
    /// How deep they were.
    #[serde(flatten)]
    pub reorg_sizes: ReorgSizes,
    /// Sessions that ended.
    pub disconnects: u64,
    /// Sessions that ended because of a fault while a request was in flight.
    pub disconnects_in_flight: u64,
    /// Faults between bridges and nodes that struck.
    pub faults: u64,
    /// The same by the kind that a plan names them by.
    pub faults_by_kind: BTreeMap<String, u64>,
    /// Times that the network was divided.
    pub cuts: u64,
    /// What happened to nodes, by the kind that a plan names it by.
    pub outages_by_kind: BTreeMap<String, u64>,
    /// Blocks below or at the finalized root.
    pub finalized: u64,
    /// GetVirtualChainFromBlockV2 requests.
    pub chain_requests: u64,
    /// Times that a followed node left a block which was final for its followers.
    pub finality_conflicts: u64,
    /// Blue score of the deepest branch that a followed node held and lost.
    pub deepest_lost_branch: u64,
    /// Bridges that ended in `Fatal`.
    pub ended: u64,
    /// Chain blocks that the followed node's reorg removed whose fork is the cut, in a scenario that asks for a depth; `None` in
    /// others, or if there was no such reorg.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_reorg_depth: Option<u64>,
    /// What the state machines and their processes did, summed over all bridges that have one; the state root is the first
    /// one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineFigures>,
}

impl Figures {
    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        self.blocks += other.blocks;
        self.chain_blocks += other.chain_blocks;
        self.blocks_added += other.blocks_added;
        self.events += other.events;
        self.reorgs += other.reorgs;
        self.max_reorg_depth = self.max_reorg_depth.max(other.max_reorg_depth);
        self.reorg_sizes.add(&other.reorg_sizes);
        self.disconnects += other.disconnects;
        self.disconnects_in_flight += other.disconnects_in_flight;
        self.faults += other.faults;
        add_counts(&mut self.faults_by_kind, &other.faults_by_kind);
        self.cuts += other.cuts;
        add_counts(&mut self.outages_by_kind, &other.outages_by_kind);
        self.finalized += other.finalized;
        self.chain_requests += other.chain_requests;
        self.finality_conflicts += other.finality_conflicts;
        self.deepest_lost_branch = self.deepest_lost_branch.max(other.deepest_lost_branch);
        self.ended += other.ended;
        self.requested_reorg_depth = None;
        if let Some(machine) = &other.machine {
            self.machine.get_or_insert_default().add(machine);
        }
    }

    /// What happened to nodes, whatever it was.
    pub fn outages(&self) -> u64 {
        self.outages_by_kind.values().sum()
    }
}

fn add_counts(counts: &mut BTreeMap<String, u64>, others: &BTreeMap<String, u64>) {
    for (name, count) in others {
        *counts.entry(name.clone()).or_default() += count;
    }
}

/// Counts things of a plan by the names that their kinds have in a plan file.
pub(crate) fn by_kind<T: Serialize>(things: impl Iterator<Item = T>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for thing in things {
        *counts.entry(kind_name(&thing)).or_default() += 1;
    }
    counts
}

fn kind_name(thing: &impl Serialize) -> String {
    use serde_json::Value;
    let value = serde_json::to_value(thing).unwrap_or(Value::Null);
    let name = match &value {
        Value::String(name) => Some(name.as_str()),
        Value::Object(fields) => match fields.get("kind") {
            Some(kind) => kind.as_str(),
            None => fields.keys().next().map(String::as_str),
        },
        _ => None,
    };
    name.unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fault::{Fault, Fin},
        plan::{PlannedDiskTrouble, PlannedOutageKind},
    };

    #[test]
    fn given_kinds_in_every_shape_of_a_plan_when_counted_then_they_have_the_names_of_the_plan() {
        let faults = [Fault::Fin(Fin {}), Fault::Fin(Fin {})];
        assert_eq!(by_kind(faults.into_iter()), BTreeMap::from([("fin".to_owned(), 2)]));
        assert_eq!(kind_name(&PlannedOutageKind::BodiesLag { until_ms: 1 }), "bodies_lag");
        assert_eq!(kind_name(&PlannedDiskTrouble::Kill), "kill");
        assert_eq!(kind_name(&PlannedDiskTrouble::CrashInSync(3)), "crash_in_sync");
    }

    #[test]
    fn given_figures_of_two_runs_when_added_then_counts_are_sums_and_depths_the_greatest() {
        let run = |faults: u64, depth: u64| Figures {
            faults,
            faults_by_kind: BTreeMap::from([("fin".to_owned(), faults)]),
            max_reorg_depth: depth,
            requested_reorg_depth: Some(depth),
            machine: Some(MachineFigures { crashes: depth, ..MachineFigures::default() }),
            ..Figures::default()
        };
        let mut sum = run(2, 9);
        sum.add(&run(3, 4));
        assert_eq!((sum.faults, sum.faults_by_kind["fin"]), (5, 5));
        assert_eq!((sum.max_reorg_depth, sum.requested_reorg_depth), (9, None));
        assert_eq!(sum.machine.map(|machine| machine.crashes), Some(13));
    }
}
