//! Fewer nodes, and fewer miners among them.

use super::super::{
    reduce::{Change, change_each, reduce},
    search::{BudgetSpent, Search},
};
use crate::plan::{Plan, PlannedCut, PlannedHeal, PlannedLink, PlannedOutage, PlannedOutageKind};

/// Leaves out nodes, with everything that names them and means nothing without them; then takes hash power from those that are
/// left.
pub(super) fn leave_out(search: &mut Search<'_>) -> Result<(), BudgetSpent> {
    let count = search.plan().topology.hash_shares.len();
    reduce(search, count, |plan, kept| keep(plan, &Numbers { kept }))?;
    let mut changes = vec![Change::new(|plan| {
        plan.topology.hash_shares.iter_mut().for_each(|share| *share = (*share).min(1));
    })];
    for node in 0..search.plan().topology.hash_shares.len() {
        changes.push(Change::new(move |plan| plan.topology.hash_shares[node] = 0));
    }
    change_each(search, &changes)
}

/// New numbers of the nodes that are kept.
struct Numbers<'a> {
    /// Their old numbers, in order.
    kept: &'a [usize],
}

impl Numbers<'_> {
    /// The new number of a node; `None` if it is left out.
    fn of(&self, node: u32) -> Option<u32> {
        self.kept.binary_search(&(node as usize)).ok().and_then(|position| u32::try_from(position).ok())
    }

    /// The new numbers of those that are left of a group.
    fn of_group(&self, nodes: &[u32]) -> Vec<u32> {
        nodes.iter().filter_map(|node| self.of(*node)).collect()
    }
}

fn keep(plan: &Plan, numbers: &Numbers<'_>) -> Option<Plan> {
    let mut plan = plan.clone();
    let topology = &mut plan.topology;
    topology.hash_shares = numbers.kept.iter().filter_map(|node| topology.hash_shares.get(*node).copied()).collect();
    let count = topology.hash_shares.len();
    let cuts = topology.cuts.iter().filter_map(|cut| cut_with(cut, numbers, count));
    topology.cuts = cuts.collect();
    topology.links = topology.links.iter().filter_map(|link| link_with(link, numbers)).collect();
    topology.outages = topology.outages.iter().filter_map(|outage| outage_with(*outage, numbers)).collect();
    topology.strangers.retain_mut(|stranger| {
        let number = numbers.of(stranger.node);
        stranger.node = number.unwrap_or(stranger.node);
        number.is_some()
    });
    for bridge in &mut plan.bridges {
        bridge.nodes = numbers.of_group(&bridge.nodes);
        if bridge.nodes.is_empty() {
            return None;
        }
    }
    Some(plan)
}

fn cut_with(cut: &PlannedCut, numbers: &Numbers<'_>, count: usize) -> Option<PlannedCut> {
    let side = numbers.of_group(&cut.side);
    let heal = match cut.heal {
        PlannedHeal::AtMs(at_ms) => PlannedHeal::AtMs(at_ms),
        PlannedHeal::WhenChainGrew { node, chain_blocks } => {
            PlannedHeal::WhenChainGrew { node: numbers.of(node)?, chain_blocks }
        }
    };
    (!side.is_empty() && side.len() < count).then_some(PlannedCut { side, heal, ..*cut })
}

fn link_with(link: &PlannedLink, numbers: &Numbers<'_>) -> Option<PlannedLink> {
    let (between, and) = (numbers.of_group(&link.between), numbers.of_group(&link.and));
    (!between.is_empty() && !and.is_empty()).then_some(PlannedLink { between, and, ..*link })
}

fn outage_with(outage: PlannedOutage, numbers: &Numbers<'_>) -> Option<PlannedOutage> {
    let kind = match outage.kind {
        PlannedOutageKind::Resync { from, transition_ms } => {
            PlannedOutageKind::Resync { from: numbers.of(from)?, transition_ms }
        }
        // No other kind names a second node; if a new one does, its candidates are refused or fail otherwise.
        kind => kind,
    };
    Some(PlannedOutage { node: numbers.of(outage.node)?, kind, ..outage })
}
