//! Fewer bridges.

use super::super::{
    reduce::reduce,
    search::{BudgetSpent, Search},
};
use crate::plan::Plan;

/// Leaves out bridges, with the faults that hit them.
pub(super) fn leave_out(search: &mut Search<'_>) -> Result<(), BudgetSpent> {
    let count = search.plan().bridges.len();
    reduce(search, count, keep)
}

fn keep(plan: &Plan, kept: &[usize]) -> Option<Plan> {
    if kept.is_empty() {
        return None;
    }
    let mut plan = plan.clone();
    let of_kept = |number: usize| kept.binary_search(&number).ok().and_then(|position| u32::try_from(position).ok());
    plan.bridges = std::mem::take(&mut plan.bridges)
        .into_iter()
        .enumerate()
        .filter_map(|(number, bridge)| of_kept(number).map(|_| bridge))
        .collect();
    plan.faults.retain_mut(|fault| match of_kept(fault.bridge as usize) {
        Some(number) => {
            fault.bridge = number;
            true
        }
        None => false,
    });
    Some(plan)
}
