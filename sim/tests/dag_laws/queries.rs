//! Reachability and chain queries.

use std::collections::VecDeque;

use proptest::prelude::*;

use crate::{
    check,
    growth::{grow, id, ids},
    model::{BlockSet, Model},
    plan::Family,
};

/// DAGs of each family.
const CASES: u32 = 60;

#[test]
fn given_random_dags_when_asked_for_ancestors_then_answers_equal_the_past_sets() {
    for family in Family::ALL {
        check(family, CASES, |plan| {
            let (dag, model) = grow(plan);
            for a in 0..model.blocks.len() {
                for b in 0..model.blocks.len() {
                    prop_assert_eq!(dag.is_dag_ancestor(id(a), id(b)), model.is_ancestor(a, b), "{} {}", a, b);
                    prop_assert_eq!(dag.compare(id(a), id(b)), model.order(a).cmp(&model.order(b)));
                }
            }
            Ok(())
        });
    }
}

#[test]
fn given_random_dags_when_asked_for_chain_blocks_then_answers_equal_a_walk() {
    for family in Family::ALL {
        check(family, CASES, |plan| {
            let (dag, model) = grow(plan);
            let chains: Vec<Vec<usize>> = (0..model.blocks.len()).map(|id| model.chain(id)).collect();
            for (b, chain) in chains.iter().enumerate() {
                prop_assert_eq!(dag.height(id(b)), chain.len() as u64 - 1);
                for (height, &ancestor) in chain.iter().rev().enumerate() {
                    prop_assert_eq!(dag.chain_ancestor_at(id(b), height as u64), Some(id(ancestor)));
                }
                prop_assert_eq!(dag.chain_ancestor_at(id(b), chain.len() as u64), None);
                prop_assert_eq!(dag.chain_ancestor_at(id(b), u64::MAX), None);
                for blue_score in (0..model.blocks[b].blue_score() + 3).chain([u64::MAX]) {
                    let expected = id(model.chain_ancestor_below(b, blue_score));
                    prop_assert_eq!(dag.chain_ancestor_below(id(b), blue_score), expected, "{} {}", b, blue_score);
                }
                for (a, other) in chains.iter().enumerate() {
                    prop_assert_eq!(dag.is_chain_ancestor(id(a), id(b)), chain.contains(&a));
                    let common = chain.iter().find(|id| other.contains(id)).copied().expect("genesis is common");
                    prop_assert_eq!(dag.common_chain_ancestor(id(a), id(b)), id(common));
                    prop_assert_eq!(dag.fork_point(id(a), id(b)), Some(id(common)));
                }
            }
            Ok(())
        });
    }
}

#[test]
fn given_random_dags_when_a_parent_is_tried_within_a_budget_then_the_answer_is_the_references() {
    for family in Family::ALL {
        check(family, CASES, |plan| {
            let (dag, model) = grow(plan);
            let last = model.blocks.len() - 1;
            let lower_tips = model.maximal((0..last / 2 + 1).collect());
            for candidate in 0..=last {
                for parents in [vec![last], vec![last / 2], lower_tips.clone()] {
                    for budget in [0, 1, 2, 5, 100] {
                        let expected = merge_walk(&model, &parents, candidate, budget).map_err(id);
                        let found = dag.mergeset_size_within(&ids(&parents), id(candidate), budget);
                        prop_assert_eq!(found, expected, "candidate {} budget {}", candidate, budget);
                    }
                }
            }
            Ok(())
        });
    }
}

/// The reference's walk, on the model: which block exceeds the budget.
fn merge_walk(model: &Model, parents: &[usize], candidate: usize, budget: usize) -> Result<usize, usize> {
    let mut queue: VecDeque<usize> = model.blocks[candidate].parents.iter().copied().collect();
    let mut seen: BlockSet = queue.iter().copied().collect();
    let mut size = 1;
    while let Some(current) = queue.pop_front() {
        if parents.iter().any(|&parent| model.is_ancestor(current, parent)) {
            continue;
        }
        size += 1;
        if size > budget {
            return Err(current);
        }
        for &parent in &model.blocks[current].parents {
            if !seen.contains(parent) {
                seen.insert(parent);
                queue.push_back(parent);
            }
        }
    }
    Ok(size)
}
