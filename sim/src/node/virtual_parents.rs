//! Which tips the virtual merges, as the node picks them.
//!
//! Source: `kaspa-consensus`, `pipeline::virtual_processor::processor` (`pick_virtual_parents`,
//! `remove_bounded_merge_breaking_parents`).

use std::collections::VecDeque;

use crate::dag::{BlockId, Dag, Ghostdag};
use crate::random::Stream;

/// Limits of a block's parents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Largest number of parents.
    pub(super) max_parents: usize,
    /// Largest mergeset, selected parent included.
    pub(super) mergeset_size_limit: usize,
    /// Blue depth below which a red block can be merged only together with a blue one that covers it.
    pub(super) merge_depth: u64,
}

/// GHOSTDAG of the virtual, whose parents are `sink` and what can be merged with it. `candidates` come with the largest
/// (blue work, hash) first; `stream` is asked for only if there is something to draw.
pub(super) fn pick(
    dag: &mut Dag,
    sink: BlockId,
    candidates: Vec<BlockId>,
    limits: &Limits,
    stream: impl FnOnce() -> Stream,
) -> Ghostdag {
    let mut parents = within_limits(dag, sink, candidates, limits, stream);
    // The node removes parents once. What it keeps may then lack the blue that covered a red of another parent; such a
    // block would be invalid, and the node could not build a template. Here the rest is looked at again.
    loop {
        let ghostdag = preview(dag, &parents);
        let violations = dag.bounded_merge_violations(&ghostdag, limits.merge_depth);
        if violations.is_empty() {
            return ghostdag;
        }
        // The sink has no such block in its past, or it would not be valid: the list gets shorter, and ends there.
        parents.retain(|&parent| parent == sink || !violations.iter().any(|&red| dag.is_dag_ancestor(red, parent)));
    }
}

fn preview(dag: &mut Dag, parents: &[BlockId]) -> Ghostdag {
    dag.preview(parents).expect("tips, and blocks that replaced all candidates above them, are a known antichain")
}

/// The parents, `sink` first, as far as their number and the mergeset stay within limits.
fn within_limits(
    dag: &Dag,
    sink: BlockId,
    candidates: Vec<BlockId>,
    limits: &Limits,
    stream: impl FnOnce() -> Stream,
) -> Vec<BlockId> {
    let mut candidates = VecDeque::from(shortlist(candidates, limits.max_parents, stream));
    let mut parents = Vec::with_capacity(limits.max_parents.min(candidates.len() + 1));
    parents.push(sink);
    let mut mergeset_size = 1;
    while mergeset_size < limits.mergeset_size_limit
        && parents.len() < limits.max_parents
        && let Some(candidate) = candidates.pop_front()
    {
        match dag.mergeset_size_within(&parents, candidate, limits.mergeset_size_limit - mergeset_size) {
            Ok(increase) => {
                mergeset_size += increase;
                parents.push(candidate);
            }
            // Too much at once: try the part of it below the block where the budget ended.
            Err(smaller) => {
                if !candidates.iter().any(|&other| dag.is_dag_ancestor(other, smaller)) {
                    candidates.retain(|&other| !dag.is_dag_ancestor(smaller, other));
                    candidates.push_back(smaller);
                }
            }
        }
    }
    parents
}

/// At most three times as many candidates as parents: the first half of the parents by blue work, the rest at random.
fn shortlist(mut candidates: Vec<BlockId>, max_parents: usize, stream: impl FnOnce() -> Stream) -> Vec<BlockId> {
    let by_work = max_parents / 2;
    let most = 3 * max_parents;
    // Shuffling the one candidate behind those by work would change nothing.
    if candidates.len() > by_work + 1 {
        let mut stream = stream();
        for position in by_work..candidates.len().min(most) {
            let other = position + stream.below((candidates.len() - position) as u64) as usize;
            candidates.swap(position, other);
        }
        candidates.truncate(most);
    }
    candidates
}
