//! Fewer things that go wrong, of whatever sort: all lists of the plan are one list here.

use super::super::{
    reduce::reduce,
    search::{BudgetSpent, Search},
};
use crate::plan::Plan;

/// Leaves out disturbances.
pub(super) fn leave_out(search: &mut Search<'_>) -> Result<(), BudgetSpent> {
    let mut count = 0;
    retain(&mut search.plan().clone(), || {
        count += 1;
        true
    });
    reduce(search, count, |plan, kept| {
        let mut plan = plan.clone();
        let mut position = 0;
        retain(&mut plan, || {
            position += 1;
            kept.binary_search(&(position - 1)).is_ok()
        });
        Some(plan)
    })
}

/// Keeps those disturbances for which `keep` holds; they are asked for in an order that only the plan decides. What lasts
/// longest comes first, since whole pieces are left out first.
fn retain(plan: &mut Plan, mut keep: impl FnMut() -> bool) {
    plan.topology.cuts.retain(|_| keep());
    plan.topology.links.retain(|_| keep());
    plan.topology.outages.retain(|_| keep());
    plan.topology.strangers.retain(|_| keep());
    for bridge in &mut plan.bridges {
        bridge.consumer.stops.retain(|_| keep());
        if let Some(state) = &mut bridge.consumer.state {
            state.faults.retain(|_| keep());
        }
    }
    plan.faults.retain(|_| keep());
}
