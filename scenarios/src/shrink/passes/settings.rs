//! Settings back to the usual ones, and nothing where something is not needed.

use sim::workload::WorkloadConfig;
use toml::Table;

use super::{
    super::{
        reduce::{Change, change_each},
        search::{BudgetSpent, Search},
    },
    numbers::change,
    tree::{self, Leaf},
};
use crate::plan::{PlannedBridge, PlannedConsumer};

/// Keys of a bridge that are no settings.
const NO_SETTINGS: [&str; 2] = ["consumer", "nodes"];

/// Consumers that take every event at once, without state machines, disks that take no time, and no economy.
pub(super) fn consumers(search: &mut Search<'_>) -> Result<(), BudgetSpent> {
    let mut changes = vec![Change::new(|plan| plan.economy = None)];
    for number in 0..search.plan().bridges.len() {
        let mut change = |change: fn(&mut PlannedConsumer)| {
            changes.push(Change::new(move |plan| change(&mut plan.bridges[number].consumer)));
        };
        change(|consumer| *consumer = PlannedConsumer::default());
        change(|consumer| consumer.state = None);
        change(|consumer| consumer.store_ms = 0);
        change(|consumer| consumer.acknowledge_every = 1);
        change(|consumer| {
            if let Some(state) = &mut consumer.state {
                state.receipts_below_root = None;
            }
        });
    }
    change_each(search, &changes)?;
    let is_time_of_disk =
        |leaf: &Leaf| ["write_latency_us", "sync_latency_us", "commit_interval_ms"].contains(&leaf.key());
    zero_each(search, is_time_of_disk)
}

/// No transactions, or fewer and simpler ones.
pub(super) fn transactions(search: &mut Search<'_>) -> Result<(), BudgetSpent> {
    let mean = |divisor: u32| Change::new(move |plan| plan.workload.mean_per_thousand_blocks /= divisor);
    let changes = [Change::new(|plan| plan.workload = WorkloadConfig::NONE), mean(8), mean(2)];
    change_each(search, &changes)?;
    zero_each(search, |leaf| leaf.is_in("workload") || leaf.is_in("economy"))
}

/// Every setting of a bridge as it is by itself: all at once, then one by one.
pub(super) fn of_bridges(search: &mut Search<'_>) -> Result<(), BudgetSpent> {
    let mut changes = Vec::new();
    for number in 0..search.plan().bridges.len() {
        changes.push(Change::new(move |plan| {
            let bridge = &mut plan.bridges[number];
            let usual = PlannedBridge::to_node(0);
            *bridge = PlannedBridge { nodes: bridge.nodes.clone(), consumer: bridge.consumer.clone(), ..usual };
        }));
        let keys = Table::try_from(&search.plan().bridges[number]).unwrap_or_default();
        for (key, _) in keys.into_iter().filter(|(key, _)| !NO_SETTINGS.contains(&key.as_str())) {
            changes.push(Change::new(move |plan| {
                if let Some(bridge) = with_usual(&plan.bridges[number], &key) {
                    plan.bridges[number] = bridge;
                }
            }));
        }
        changes.push(Change::new(move |plan| plan.bridges[number].nodes.truncate(1)));
    }
    change_each(search, &changes)
}

/// The bridge with one setting as it is by itself.
fn with_usual(bridge: &PlannedBridge, key: &str) -> Option<PlannedBridge> {
    let mut table = Table::try_from(bridge).ok()?;
    match Table::try_from(PlannedBridge::to_node(0)).ok()?.remove(key) {
        Some(usual) => drop(table.insert(key.to_owned(), usual)),
        None => drop(table.remove(key)),
    }
    table.try_into().ok()
}

/// Makes numbers zero, or one where zero will not do.
fn zero_each(search: &mut Search<'_>, is_wanted: impl Fn(&Leaf) -> bool) -> Result<(), BudgetSpent> {
    let leaves = tree::leaves(search.plan());
    let changes_of = |leaf: &Leaf| [0, 1].map(|number| change(leaf, Some(number)));
    let changes: Vec<Change> = leaves.iter().filter(|leaf| is_wanted(leaf)).flat_map(changes_of).collect();
    change_each(search, &changes)
}
