//! Limits of parents, mergeset and merge depth, at the limit and one above, against counts on the model.

use std::cell::Cell;

use proptest::prelude::*;
use sim::dag::{Dag, DagError, Limits};

use crate::{
    check,
    growth::{id, ids, next_block, start},
    model::{Model, ModelBlock},
    plan::{Family, Plan},
};

/// DAGs of each family.
const CASES: u32 = 150;

/// How often the plans come to the limits.
#[derive(Default)]
struct Met {
    parents_at_limit: u32,
    parents_above: u32,
    mergeset_at_limit: u32,
    mergeset_above: u32,
    /// Refused, and would be valid with the merge depth one larger.
    merge_depth_just_violated: u32,
    /// Accepted, and would be refused with the merge depth one smaller.
    merge_depth_just_kept: u32,
    /// Accepted because a blue excuses an old red.
    excused: u32,
}

#[test]
fn given_random_dags_when_limits_are_narrow_then_exactly_the_blocks_beyond_them_are_refused() {
    let cell = Cell::new(Met::default());
    let mut checked = 0;
    for family in Family::ALL {
        checked += check(family, CASES, |plan| {
            let mut met = cell.take();
            let outcome = refuses_exactly(plan, &mut met);
            cell.set(met);
            outcome
        });
    }
    assert_eq!(checked as usize, CASES as usize * Family::ALL.len());
    let met = cell.into_inner();
    for (what, count) in [
        ("parents at the limit", met.parents_at_limit),
        ("one parent too many", met.parents_above),
        ("mergesets at the limit", met.mergeset_at_limit),
        ("mergesets one above", met.mergeset_above),
        ("merge depths just violated", met.merge_depth_just_violated),
        ("merge depths just kept", met.merge_depth_just_kept),
        ("old reds excused", met.excused),
    ] {
        assert!(count >= 20, "{what}: {count}");
    }
}

fn refuses_exactly(plan: &Plan, met: &mut Met) -> Result<(), TestCaseError> {
    let (mut dag, mut model) = start(plan, plan.limits);
    for (index, growth) in plan.growth.iter().enumerate() {
        let block = next_block(&model, growth, &plan.parents(&model));
        let parents = ids(&block.parents);
        let preview = dag.preview(&parents).expect("a preview has no limits");
        check_merge_depths(&dag, &model, &block, &preview, plan.limits.merge_depth)?;
        let found = if index % 2 == 0 {
            dag.insert(block.hash, &parents, growth.bits)
        } else {
            dag.insert_previewed(block.hash, &parents, growth.bits, preview)
        };
        let expected = violation(&model, &plan.limits, &block);
        count(met, &model, &plan.limits, &block, expected.as_ref());
        match expected {
            Some(error) => {
                prop_assert_eq!(found, Err(error));
                // A block on one tip alone merges nothing and is always valid.
                let alone = next_block(&model, growth, &block.blues[..1]);
                prop_assert_eq!(dag.insert(alone.hash, &ids(&alone.parents), growth.bits), Ok(id(model.blocks.len())));
                model.push(alone);
            }
            None => {
                prop_assert_eq!(found, Ok(id(model.blocks.len())));
                model.push(block);
            }
        }
    }
    Ok(())
}

/// Why the block is invalid, if it is.
pub fn violation(model: &Model, limits: &Limits, block: &ModelBlock) -> Option<DagError> {
    let (parents, limit) = (block.parents.len(), limits.max_block_parents);
    if parents > limit {
        return Some(DagError::TooManyParents { parents, limit });
    }
    let (size, limit) = (mergeset_size(model, block), limits.mergeset_size_limit);
    if size > limit {
        return Some(DagError::MergesetTooLarge { size, limit });
    }
    let merge_depth = limits.merge_depth;
    bad_reds(model, block, merge_depth).first().map(|&red| DagError::MergeDepthViolated { red: id(red), merge_depth })
}

/// Blocks in the past that are not in the selected parent's.
fn mergeset_size(model: &Model, block: &ModelBlock) -> usize {
    block.past.without(model.blocks[block.blues[0]].past).len()
}

fn bad_reds(model: &Model, block: &ModelBlock, merge_depth: u64) -> Vec<usize> {
    let old = model.old_reds(block, merge_depth).into_iter();
    old.filter(|(_, excuses)| excuses.is_empty()).map(|(red, _)| red).collect()
}

fn check_merge_depths(
    dag: &Dag,
    model: &Model,
    block: &ModelBlock,
    preview: &sim::dag::Ghostdag,
    limit: u64,
) -> Result<(), TestCaseError> {
    for merge_depth in [0, 1, 2, limit, limit + 1, 40, 1000, u64::MAX] {
        let root = id(model.merge_depth_root(block, merge_depth));
        prop_assert_eq!(dag.merge_depth_root(preview, merge_depth), root, "merge depth {}", merge_depth);
        let bad = ids(&bad_reds(model, block, merge_depth));
        prop_assert_eq!(dag.bounded_merge_violations(preview, merge_depth), bad, "merge depth {}", merge_depth);
    }
    Ok(())
}

fn count(met: &mut Met, model: &Model, limits: &Limits, block: &ModelBlock, refused: Option<&DagError>) {
    let (parents, mergeset) = (block.parents.len(), mergeset_size(model, block));
    let is_bad_at = |merge_depth: u64| !bad_reds(model, block, merge_depth).is_empty();
    match refused {
        None => {
            met.parents_at_limit += u32::from(parents == limits.max_block_parents);
            met.mergeset_at_limit += u32::from(mergeset == limits.mergeset_size_limit);
            met.merge_depth_just_kept += u32::from(is_bad_at(limits.merge_depth - 1));
            met.excused += model.old_reds(block, limits.merge_depth).len() as u32;
        }
        Some(DagError::TooManyParents { .. }) => {
            met.parents_above += u32::from(parents == limits.max_block_parents + 1);
        }
        Some(DagError::MergesetTooLarge { .. }) => {
            met.mergeset_above += u32::from(mergeset == limits.mergeset_size_limit + 1);
        }
        Some(_) => met.merge_depth_just_violated += u32::from(!is_bad_at(limits.merge_depth + 1)),
    }
}
