//! A DAG that drops old blocks against the same DAG that keeps them all.

use std::cell::Cell;

use proptest::prelude::*;
use sim::dag::{BlockId, Dag, DagError, Limits};

use crate::{
    check,
    growth::{id, ids, next_block, start},
    limits::violation,
    model::{Model, ModelBlock},
    plan::{Family, Plan},
};

/// DAGs of each family.
const CASES: u32 = 60;

#[test]
fn given_random_dags_when_blocks_are_dropped_as_early_as_allowed_then_every_answer_on_the_others_stays() {
    let dropped = Cell::new(0);
    for family in Family::ALL {
        let checked = check(family, CASES, |plan| {
            let grown = Grown::new(plan);
            let lowest_needed = grown.lowest_needed();
            let (mut dag, _) = start(plan, limits(plan));
            for (number, &lowest) in lowest_needed.iter().enumerate().skip(1) {
                prop_assert_eq!(grown.insert_into(&mut dag, number), Ok(id(number)));
                let first = dag.first().max(id(lowest));
                dag.drop_below(id(lowest));
                prop_assert_eq!((dag.first(), dag.len()), (first, number + 1));
                prop_assert_eq!(dag.retained(), number + 1 - first.index());
                blocks_are_equal(&dag, &grown)?;
                if number % 8 == 0 || number + 1 == grown.model.blocks.len() {
                    queries_are_equal(&dag, &grown)?;
                }
            }
            dropped.set(dropped.get() + dag.first().index());
            Ok(())
        });
        assert_eq!(checked, CASES);
    }
    assert!(dropped.get() > 20 * CASES as usize, "{} blocks dropped", dropped.get());
}

#[test]
fn given_random_drops_when_inserted_then_the_result_is_right_or_a_typed_error() {
    let (refused, inserted) = (Cell::new(0), Cell::new(0));
    for family in Family::ALL {
        check(family, CASES, |plan| {
            let grown = Grown::new(plan);
            let (mut prefix, _) = start(plan, limits(plan));
            for number in 1..grown.model.blocks.len() {
                let mut dag = prefix.clone();
                let choice = usize::from(plan.growth[number - 1].choice);
                // Two drops, so that tables that were shortened once are shortened again.
                dag.drop_below(id(choice % 256 * number / 300));
                dag.drop_below(id(choice / 256 * number / 300));
                for next in number..grown.model.blocks.len().min(number + 10) {
                    let first = dag.first();
                    let outcome = grown.insert_into(&mut dag, next);
                    let block = &grown.model.blocks[next];
                    let merges_dropped =
                        block.mergeset().chain(block.parents.iter().copied()).any(|id| id < first.index());
                    match outcome {
                        Ok(_) => {
                            inserted.set(inserted.get() + 1);
                            prop_assert!(!merges_dropped, "block {} merges below {}", next, first);
                            block_is_equal(&dag, &grown.whole, id(next))?;
                        }
                        Err(
                            DagError::DroppedParent { first: named, .. } | DagError::ReachesDropped { first: named },
                        ) => {
                            refused.set(refused.get() + u32::from(!merges_dropped));
                            prop_assert_eq!(named, first);
                            prop_assert!(grown.needed_by(next) < first.index(), "block {} needs nothing dropped", next);
                            prop_assert_eq!(dag.len(), next);
                            break;
                        }
                        Err(error) => prop_assert!(false, "block {}: {}", next, error),
                    }
                }
                prop_assert_eq!(grown.insert_into(&mut prefix, number), Ok(id(number)));
            }
            Ok(())
        });
    }
    assert!(inserted.get() > 1000, "{} blocks inserted", inserted.get());
    assert!(refused.get() > 100, "{} blocks refused for their blue window or merge depth root", refused.get());
}

#[test]
fn given_drops_beyond_the_newest_block_and_backwards_when_dropped_then_the_newest_stays() {
    let (mut dag, _) = start(&any_plan(), Limits::NONE);
    dag.drop_below(id(1000));
    assert_eq!((dag.first(), dag.retained()), (BlockId::GENESIS, 1));
    for number in 1..=10 {
        dag.insert(kaspa_hashes::Hash::from(number), &[id(number as usize - 1)], 0x207f_ffff)
            .expect("it is on the tip");
    }
    dag.drop_below(id(1000));
    assert_eq!((dag.first(), dag.retained(), dag.len()), (id(10), 1, 11));
    dag.drop_below(id(3));
    assert_eq!(dag.first(), id(10));
    assert_eq!(dag.selected_parent(id(10)), Some(id(9)));
    assert!(!dag.contains(id(9)) && dag.contains(id(10)) && !dag.contains(id(11)));
    let refused = dag.insert(kaspa_hashes::Hash::from(50), &[id(9)], 0x207f_ffff);
    assert_eq!(refused, Err(DagError::DroppedParent { parent: id(9), first: id(10) }));
    let refused = dag.insert(kaspa_hashes::Hash::from(50), &[id(11)], 0x207f_ffff);
    assert_eq!(refused, Err(DagError::UnknownParent { parent: id(11), len: 11 }));
}

#[test]
fn given_a_preview_when_its_blocks_are_dropped_before_it_is_inserted_then_a_typed_error() {
    let (mut dag, _) = start(&any_plan(), Limits::NONE);
    let hash = kaspa_hashes::Hash::from;
    for (number, parent) in [(1, 0), (2, 0), (3, 1), (4, 3), (5, 2)] {
        dag.insert(hash(number), &[id(parent)], 0x207f_ffff).expect("the parent is known");
    }
    let preview = dag.preview(&[id(4), id(5)]).expect("4 and 5 are an antichain");
    assert_eq!(preview.mergeset_blues(), ids(&[4, 2, 5]));
    dag.drop_below(id(3));
    let refused = dag.insert_previewed(hash(6), &[id(4), id(5)], 0x207f_ffff, preview.clone());
    assert_eq!(refused, Err(DagError::ReachesDropped { first: id(3) }));
    dag.drop_below(id(5));
    let refused = dag.insert_previewed(hash(6), &[id(4), id(5)], 0x207f_ffff, preview);
    assert_eq!(refused, Err(DagError::DroppedParent { parent: id(4), first: id(5) }));
    assert_eq!(dag.len(), 6);
}

/// A plan grown without dropping, its invalid blocks replaced by blocks on one parent.
struct Grown<'a> {
    plan: &'a Plan,
    whole: Dag,
    model: Model,
}

impl<'a> Grown<'a> {
    fn new(plan: &'a Plan) -> Self {
        let limits = limits(plan);
        let (whole, mut model) = start(plan, limits);
        for growth in &plan.growth {
            let mut block = next_block(&model, growth, &plan.parents(&model));
            if violation(&model, &limits, &block).is_some() {
                block = next_block(&model, growth, &block.blues[..1]);
            }
            model.push(block);
        }
        let mut grown = Self { plan, whole, model };
        let mut whole = grown.whole.clone();
        for number in 1..grown.model.blocks.len() {
            grown.insert_into(&mut whole, number).expect("the block is valid");
        }
        grown.whole = whole;
        grown
    }

    fn insert_into(&self, dag: &mut Dag, number: usize) -> Result<BlockId, DagError> {
        let ModelBlock { hash, parents, .. } = &self.model.blocks[number];
        dag.insert(*hash, &ids(parents), self.plan.growth[number - 1].bits)
    }

    /// For each block the lowest block that a later one needs; for the last one itself.
    fn lowest_needed(&self) -> Vec<usize> {
        let last = self.model.blocks.len() - 1;
        let mut lowest = vec![last; last + 1];
        for number in (0..last).rev() {
            lowest[number] = lowest[number + 1].min(self.needed_by(number + 1));
        }
        lowest
    }

    /// The lowest block that this one needs, as [`Dag::drop_below`] documents it.
    fn needed_by(&self, number: usize) -> usize {
        let (model, block) = (&self.model, &self.model.blocks[number]);
        let mut lowest = block.mergeset().chain(block.parents.iter().copied()).min().unwrap_or(0);
        for candidate in block.mergeset().skip(1) {
            for chain_block in model.chain(block.blues[0]) {
                lowest = lowest.min(chain_block);
                if model.is_ancestor(chain_block, candidate) {
                    break;
                }
                lowest = lowest.min(model.blocks[chain_block].blues.iter().copied().min().unwrap_or(0));
            }
        }
        let merge_depth = limits(self.plan).merge_depth;
        if !block.reds.is_empty() && block.blue_score() > merge_depth {
            lowest = lowest.min(model.merge_depth_root(block, merge_depth));
        }
        lowest
    }
}

/// Merge depth alone, in every second plan.
fn limits(plan: &Plan) -> Limits {
    let merge_depth = if plan.k.is_multiple_of(2) { u64::MAX } else { plan.limits.merge_depth };
    Limits { merge_depth, ..Limits::NONE }
}

fn any_plan() -> Plan {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let plans = crate::plan::plans(Family::Plain);
    plans.new_tree(&mut TestRunner::deterministic()).expect("the strategy rejects nothing").current()
}

fn blocks_are_equal(dag: &Dag, grown: &Grown<'_>) -> Result<(), TestCaseError> {
    for number in 0..dag.len() {
        let hash = grown.whole.hash(id(number));
        let is_retained = id(number) >= dag.first();
        prop_assert_eq!(dag.contains(id(number)), is_retained);
        prop_assert_eq!(dag.id(&hash), is_retained.then_some(id(number)));
        if is_retained {
            block_is_equal(dag, &grown.whole, id(number))?;
        }
    }
    Ok(())
}

fn block_is_equal(dag: &Dag, whole: &Dag, id: BlockId) -> Result<(), TestCaseError> {
    prop_assert_eq!(dag.hash(id), whole.hash(id));
    prop_assert_eq!(dag.parents(id), whole.parents(id));
    prop_assert_eq!(dag.selected_parent(id), whole.selected_parent(id));
    prop_assert_eq!(dag.mergeset_blues(id), whole.mergeset_blues(id), "blues of {}", id);
    prop_assert_eq!(dag.mergeset_reds(id), whole.mergeset_reds(id), "reds of {}", id);
    prop_assert_eq!(dag.height(id), whole.height(id));
    prop_assert_eq!(dag.blue_score(id), whole.blue_score(id));
    prop_assert_eq!(dag.blue_work(id), whole.blue_work(id));
    prop_assert_eq!(dag.daa_score(id), whole.daa_score(id));
    prop_assert_eq!(dag.bits(id), whole.bits(id));
    Ok(())
}

fn queries_are_equal(dag: &Dag, grown: &Grown<'_>) -> Result<(), TestCaseError> {
    let (whole, first) = (&grown.whole, dag.first());
    let retained = |id: &BlockId| *id >= first;
    for b in (first.index()..dag.len()).map(id) {
        let chain = ids(&grown.model.chain(b.index()));
        let lowest = chain.iter().copied().rfind(retained).expect("b is retained");
        for height in 0..whole.height(b) + 2 {
            prop_assert_eq!(dag.chain_ancestor_at(b, height), whole.chain_ancestor_at(b, height).filter(retained));
        }
        for blue_score in 0..whole.blue_score(b) + 2 {
            let expected = whole.chain_ancestor_below(b, blue_score).max(lowest);
            prop_assert_eq!(dag.chain_ancestor_below(b, blue_score), expected, "{} {}", b, blue_score);
        }
        for a in (first.index()..dag.len()).map(id) {
            prop_assert_eq!(dag.is_dag_ancestor(a, b), whole.is_dag_ancestor(a, b), "{} {}", a, b);
            prop_assert_eq!(dag.is_chain_ancestor(a, b), whole.is_chain_ancestor(a, b), "{} {}", a, b);
            prop_assert_eq!(dag.compare(a, b), whole.compare(a, b));
            let fork = whole.fork_point(b, a).filter(retained);
            prop_assert_eq!(dag.fork_point(b, a), fork, "{} {}", a, b);
            prop_assert_eq!(dag.common_chain_ancestor(b, a), fork.unwrap_or(lowest));
            let of_both = |other: usize| whole.is_dag_ancestor(id(other), a) && !whole.is_dag_ancestor(id(other), b);
            let merges_dropped = (0..first.index()).any(of_both);
            for budget in [1, 3, 1000] {
                let expected = whole.mergeset_size_within(&[b], a, budget);
                if expected.is_ok() || !merges_dropped {
                    prop_assert_eq!(dag.mergeset_size_within(&[b], a, budget), expected, "{} {} {}", a, b, budget);
                }
            }
        }
    }
    Ok(())
}
