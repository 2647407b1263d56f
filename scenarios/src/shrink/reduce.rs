//! Leaving out as many of a list as possible.

use super::search::{BudgetSpent, Search};
use crate::plan::Plan;

/// Leaves out as many of `count` things as possible: all, then halves, then ever smaller pieces of what is left, until no
/// single one can be spared. `keep` is the plan with only the things at these positions of the present plan, in order; `None`
/// if there is no such plan.
pub(super) fn reduce(
    search: &mut Search<'_>,
    count: usize,
    keep: impl Fn(&Plan, &[usize]) -> Option<Plan>,
) -> Result<(), BudgetSpent> {
    let base = search.plan().clone();
    let mut kept: Vec<usize> = (0..count).collect();
    let mut piece = count;
    while piece > 0 && !kept.is_empty() {
        let mut from = 0;
        let mut was_reduced = false;
        while from < kept.len() {
            let without = |start: usize| {
                let end = (start + piece).min(kept.len());
                [&kept[..start], &kept[end..]].concat()
            };
            let choices: Vec<(usize, Vec<usize>)> =
                (from..kept.len()).step_by(piece).map(|start| (start, without(start))).collect();
            let (choices, candidates): (Vec<_>, Vec<Plan>) =
                choices.into_iter().filter_map(|choice| keep(&base, &choice.1).map(|plan| (choice, plan))).unzip();
            let Some(taken) = search.take_first(candidates)? else { break };
            // What follows has moved to where the piece was.
            (from, kept) = choices.into_iter().nth(taken).unwrap_or_default();
            was_reduced = true;
        }
        piece = match piece {
            1 if was_reduced => 1,
            1 => 0,
            _ => piece.min(kept.len()).div_ceil(2),
        };
    }
    Ok(())
}

/// A change of a plan, which may do nothing.
pub(super) struct Change(Box<dyn Fn(&mut Plan)>);

impl Change {
    /// What is to be done to a plan.
    pub(super) fn new(change: impl Fn(&mut Plan) + 'static) -> Self {
        Self(Box::new(change))
    }
}

/// Makes the changes one after another, each to what the others left, and keeps those after which the run still fails.
pub(super) fn change_each(search: &mut Search<'_>, changes: &[Change]) -> Result<(), BudgetSpent> {
    let mut rest = changes;
    while !rest.is_empty() {
        let changed = |Change(change): &Change| {
            let mut plan = search.plan().clone();
            change(&mut plan);
            plan
        };
        let candidates = rest.iter().map(changed).collect();
        let Some(taken) = search.take_first(candidates)? else { break };
        rest = &rest[taken + 1..];
    }
    Ok(())
}
