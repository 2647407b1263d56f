//! GHOSTDAG of every block, field for field.

use std::cell::Cell;

use proptest::prelude::*;

use crate::{
    check,
    growth::{grow, id, ids},
    model::Model,
    plan::{Family, Plan},
};

/// DAGs of each family.
const CASES: u32 = 500;

const _: () = assert!(CASES as usize * Family::ALL.len() >= 2000, "at least 2,000 DAGs are compared");

#[test]
fn given_random_plain_dags_when_inserted_then_ghostdag_equals_the_definition() {
    assert_eq!(check(Family::Plain, CASES, equals_the_definition), CASES);
}

#[test]
fn given_random_cuts_when_inserted_then_ghostdag_equals_the_definition() {
    assert_eq!(check(Family::Cut, CASES, equals_the_definition), CASES);
}

#[test]
fn given_random_withholding_when_inserted_then_ghostdag_equals_the_definition() {
    assert_eq!(check(Family::Withheld, CASES, equals_the_definition), CASES);
}

#[test]
fn given_random_dags_of_extreme_k_when_inserted_then_ghostdag_equals_the_definition() {
    assert_eq!(check(Family::ExtremeK, CASES, equals_the_definition), CASES);
}

#[test]
fn given_random_wide_dags_when_inserted_then_ghostdag_equals_the_definition() {
    assert_eq!(check(Family::Wide, CASES, equals_the_definition), CASES);
}

#[test]
fn given_random_dags_of_varying_bits_when_inserted_then_ghostdag_equals_the_definition() {
    assert_eq!(check(Family::VaryingBits, CASES, equals_the_definition), CASES);
}

fn equals_the_definition(plan: &Plan) -> Result<(), TestCaseError> {
    let (dag, model) = grow(plan);
    prop_assert_eq!(dag.len(), model.blocks.len());
    for (number, expected) in model.blocks.iter().enumerate() {
        let id = id(number);
        prop_assert_eq!(dag.hash(id), expected.hash);
        prop_assert_eq!(dag.id(&expected.hash), Some(id));
        prop_assert_eq!(dag.parents(id), ids(&expected.parents));
        prop_assert_eq!(dag.selected_parent(id), expected.selected_parent.map(crate::growth::id));
        prop_assert_eq!(dag.mergeset_blues(id), ids(&expected.blues), "blues of {}", number);
        prop_assert_eq!(dag.mergeset_reds(id), ids(&expected.reds), "reds of {}", number);
        prop_assert_eq!(dag.blue_score(id), expected.blue_score());
        prop_assert_eq!(dag.blue_work(id), expected.blue_work);
        prop_assert_eq!(dag.daa_score(id), expected.daa_score, "DAA score of {}", number);
    }
    Ok(())
}

#[test]
fn given_random_dags_when_their_mergesets_are_walked_then_the_order_is_the_consensus_order() {
    for family in Family::ALL {
        check(family, 50, |plan| {
            let (mut dag, model) = grow(plan);
            for (number, block) in model.blocks.iter().enumerate().skip(1) {
                let mut others: Vec<usize> = block.mergeset().skip(1).collect();
                others.sort_by_key(|&id| model.order(id));
                let mut expected = ids(&block.blues[..1]);
                expected.extend(ids(&others));
                let mergeset = dag.mergeset(id(number));
                prop_assert_eq!(mergeset.len(), expected.len());
                prop_assert_eq!(mergeset.collect::<Vec<_>>(), expected.clone());
                let preview = dag.preview(&ids(&block.parents)).expect("these parents were accepted before");
                prop_assert_eq!(dag.previewed_mergeset(&preview).collect::<Vec<_>>(), expected);
            }
            Ok(())
        });
    }
}

/// How often the plans of a family meet what a law is about.
#[derive(Default)]
struct Met {
    reds: usize,
    merged_blues: usize,
    /// Selected parents that only the hash decides.
    decided_by_hash: usize,
    /// Mergeset blocks with the lowest blue score inside the DAA window, and with the highest outside.
    last_in_window: usize,
    first_outside_window: usize,
    parents: usize,
}

fn count(met: &mut Met, model: &Model) {
    for block in &model.blocks[1..] {
        met.reds += block.reds.len();
        met.merged_blues += block.blues.len() - 1;
        met.parents = met.parents.max(block.parents.len());
        let work = |id: usize| model.blocks[id].blue_work;
        let best = block.parents.iter().filter(|&&id| work(id) == work(block.blues[0])).count();
        met.decided_by_hash += usize::from(best > 1);
        let is_older_by = |id: usize, age: u64| model.blocks[id].blue_score() + age == block.blue_score();
        let of_age = |age: u64| block.mergeset().filter(|&id| id != 0 && is_older_by(id, age)).count();
        met.last_in_window += of_age(model.difficulty_window_size);
        met.first_outside_window += of_age(model.difficulty_window_size + 1);
    }
}

/// The laws mean little if the plans grow chains only.
#[test]
fn given_the_plans_of_every_family_when_grown_then_reds_ties_and_both_sides_of_the_daa_window_occur() {
    for family in Family::ALL {
        let cell = Cell::new(Met::default());
        check(family, 100, |plan| {
            let mut met = cell.take();
            count(&mut met, &grow(plan).1);
            cell.set(met);
            Ok(())
        });
        let met = cell.into_inner();
        assert!(met.reds > 500, "{family:?}: {} reds", met.reds);
        assert!(met.merged_blues > 500, "{family:?}: {} blues merged", met.merged_blues);
        assert!(met.decided_by_hash > 20, "{family:?}: {} selected parents by hash", met.decided_by_hash);
        assert!(met.last_in_window > 20, "{family:?}: {} blocks at the end of the window", met.last_in_window);
        assert!(met.first_outside_window > 10, "{family:?}: {} blocks behind the window", met.first_outside_window);
        assert!(met.parents >= 5, "{family:?}: {} parents", met.parents);
    }
}
