//! The DAG store against a second GHOSTDAG written from the definition, on random DAGs with wide parts, thin parts and
//! cuts.

mod dag_model;

use std::collections::{BTreeSet, VecDeque};

use dag_model::Model;
use kaspa_hashes::Hash;
use proptest::{prelude::*, strategy::ValueTree};
use sim::dag::{BlockId, Dag, GhostdagParams, block_work};

/// Three targets whose works are 2, 4 and 6, so that equal blue works are common and hashes decide.
const BITS: [u32; 3] = [0x207f_ffff, 0x203f_ffff, 0x202a_aaaa];

const CASES: u32 = 300;

/// How one block is grown.
#[derive(Debug, Clone)]
struct Growth {
    hash_seed: u16,
    bits: u32,
    /// Which of the recent blocks that the miner may see it does see, newest first.
    seen: u16,
    /// Which half of a cut network mines it.
    right_half: bool,
    reverse_parents: bool,
}

#[derive(Debug, Clone)]
struct Plan {
    k: u16,
    difficulty_window_size: u64,
    /// Length of alternating whole and cut phases in blocks; 0: never cut.
    phase: usize,
    growth: Vec<Growth>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let growth = (any::<u16>(), 0..BITS.len(), any::<u16>(), any::<bool>(), any::<bool>()).prop_map(
        |(hash_seed, bits, seen, right_half, reverse_parents)| Growth {
            hash_seed,
            bits: BITS[bits],
            seen,
            right_half,
            reverse_parents,
        },
    );
    let window = prop_oneof![Just(u64::MAX), 3..20u64];
    let phase = prop_oneof![Just(0usize), 4..20usize];
    (0..7u16, window, phase, prop::collection::vec(growth, 1..64))
        .prop_map(|(k, difficulty_window_size, phase, growth)| Plan { k, difficulty_window_size, phase, growth })
}

fn hash(seed: u16, number: usize) -> Hash {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&seed.to_be_bytes());
    bytes[24..].copy_from_slice(&(number as u64).to_be_bytes());
    Hash::from_bytes(bytes)
}

fn work(bits: u32) -> kaspa_math::Uint192 {
    block_work(bits).expect("the targets of this test are valid")
}

fn ids(numbers: &[usize]) -> Vec<BlockId> {
    numbers.iter().map(|&number| BlockId(number as u32)).collect()
}

/// Blocks that the miner of `growth` may build on: all, or in a cut phase its own half's and those from before the cut.
fn visible(plan: &Plan, number: usize) -> BTreeSet<usize> {
    let is_cut = plan.phase > 0 && (number / plan.phase) % 2 == 1;
    let cut_start = if is_cut { number - number % plan.phase } else { number };
    let half = |number: usize| plan.growth[number - 1].right_half;
    (0..number).filter(|&other| other < cut_start || half(other) == half(number)).collect()
}

fn parents(plan: &Plan, model: &Model, number: usize) -> Vec<usize> {
    let growth = &plan.growth[number - 1];
    let visible = visible(plan, number);
    let recent = visible.iter().rev().take(16).enumerate();
    let mut seen: BTreeSet<usize> =
        recent.filter(|(place, _)| growth.seen >> place & 1 == 1).map(|(_, &id)| id).collect();
    if seen.is_empty() {
        seen.extend(visible.last());
    }
    let mut parents = model.maximal(&seen);
    if growth.reverse_parents {
        parents.reverse();
    }
    parents
}

/// Grows the DAG in both implementations, alternating between direct and previewed insertion.
fn grow(plan: &Plan) -> (Dag, Model) {
    let genesis = hash(0, usize::MAX);
    let params =
        GhostdagParams { k: plan.k, difficulty_window_size: plan.difficulty_window_size, genesis_daa_score: 0 };
    // The model adds the window to blue scores.
    let model_window = plan.difficulty_window_size.min(1 << 40);
    let mut dag = Dag::new(params, genesis, BITS[0]).expect("the genesis target is valid");
    let mut model = Model::new(usize::from(plan.k), model_window, genesis, work(BITS[0]));
    for (index, growth) in plan.growth.iter().enumerate() {
        let number = index + 1;
        let parents = parents(plan, &model, number);
        let hash = hash(growth.hash_seed, number);
        let preview = dag.preview(&ids(&parents)).expect("the parents are a known antichain");
        let inserted = if index % 2 == 0 {
            dag.insert(hash, &ids(&parents), growth.bits)
        } else {
            dag.insert_previewed(hash, &ids(&parents), growth.bits, preview.clone())
        };
        let id = inserted.expect("the parents are a known antichain");
        assert_eq!(id.index(), number);
        assert_eq!(preview.mergeset_blues(), dag.mergeset_blues(id));
        assert_eq!(preview.daa_score(), dag.daa_score(id));
        model.push(hash, work(growth.bits), &parents);
    }
    (dag, model)
}

/// The reference's walk, on the model: which block exceeds the budget.
fn merge_walk(model: &Model, parents: &[usize], candidate: usize, budget: usize) -> Result<usize, usize> {
    let mut queue: VecDeque<usize> = model.blocks[candidate].parents.iter().copied().collect();
    let mut seen: BTreeSet<usize> = queue.iter().copied().collect();
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
            if seen.insert(parent) {
                queue.push_back(parent);
            }
        }
    }
    Ok(size)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn given_a_random_dag_when_inserted_then_ghostdag_equals_the_definition(plan in plan()) {
        let (dag, model) = grow(&plan);
        prop_assert_eq!(dag.len(), model.blocks.len());
        for (number, expected) in model.blocks.iter().enumerate() {
            let id = BlockId(number as u32);
            prop_assert_eq!(dag.hash(id), expected.hash);
            prop_assert_eq!(dag.id(&expected.hash), Some(id));
            prop_assert_eq!(dag.parents(id), ids(&expected.parents));
            prop_assert_eq!(dag.selected_parent(id), expected.selected_parent.map(|parent| BlockId(parent as u32)));
            prop_assert_eq!(dag.mergeset_blues(id), ids(&expected.blues), "blues of {}", number);
            prop_assert_eq!(dag.mergeset_reds(id), ids(&expected.reds), "reds of {}", number);
            prop_assert_eq!(dag.blue_score(id), expected.blue_score());
            prop_assert_eq!(dag.blue_work(id), expected.blue_work);
            prop_assert_eq!(dag.daa_score(id), expected.daa_score, "DAA score of {}", number);
        }
    }

    #[test]
    fn given_a_random_dag_when_its_mergesets_are_walked_then_the_order_is_the_consensus_order(plan in plan()) {
        let (mut dag, model) = grow(&plan);
        for (number, block) in model.blocks.iter().enumerate().skip(1) {
            let mut others: Vec<usize> = block.blues.iter().skip(1).chain(&block.reds).copied().collect();
            others.sort_by_key(|&id| model.order(id));
            let mut expected = ids(&block.blues[..1]);
            expected.extend(ids(&others));
            let mergeset = dag.mergeset(BlockId(number as u32));
            prop_assert_eq!(mergeset.len(), expected.len());
            prop_assert_eq!(mergeset.collect::<Vec<_>>(), expected.clone());
            let preview = dag.preview(&ids(&block.parents)).expect("these parents were accepted before");
            prop_assert_eq!(dag.previewed_mergeset(&preview).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn given_a_random_dag_when_asked_for_ancestors_then_answers_equal_the_past_sets(plan in plan()) {
        let (dag, model) = grow(&plan);
        for a in 0..model.blocks.len() {
            for b in 0..model.blocks.len() {
                let (a_id, b_id) = (BlockId(a as u32), BlockId(b as u32));
                prop_assert_eq!(dag.is_dag_ancestor(a_id, b_id), model.is_ancestor(a, b), "{} {}", a, b);
                prop_assert_eq!(dag.compare(a_id, b_id), model.order(a).cmp(&model.order(b)));
            }
        }
    }

    #[test]
    fn given_a_random_dag_when_asked_for_chain_blocks_then_answers_equal_a_walk(plan in plan()) {
        let (dag, model) = grow(&plan);
        let chains: Vec<Vec<usize>> = (0..model.blocks.len()).map(|id| model.chain(id)).collect();
        for (b, chain) in chains.iter().enumerate() {
            let b_id = BlockId(b as u32);
            prop_assert_eq!(dag.height(b_id), chain.len() as u64 - 1);
            for (height, &ancestor) in chain.iter().rev().enumerate() {
                prop_assert_eq!(dag.chain_ancestor_at(b_id, height as u64), Some(BlockId(ancestor as u32)));
            }
            prop_assert_eq!(dag.chain_ancestor_at(b_id, chain.len() as u64), None);
            prop_assert_eq!(dag.chain_ancestor_at(b_id, u64::MAX), None);
            for (a, other) in chains.iter().enumerate() {
                let a_id = BlockId(a as u32);
                prop_assert_eq!(dag.is_chain_ancestor(a_id, b_id), chain.contains(&a));
                let common = chain.iter().find(|&id| other.contains(id)).copied().expect("genesis is common");
                prop_assert_eq!(dag.common_chain_ancestor(a_id, b_id), BlockId(common as u32));
            }
        }
    }

    #[test]
    fn given_a_random_dag_when_a_parent_is_tried_within_a_budget_then_the_answer_is_the_references(plan in plan()) {
        let (dag, model) = grow(&plan);
        let last = model.blocks.len() - 1;
        for candidate in 0..=last {
            for parents in [vec![last], vec![last / 2], model.maximal(&(0..last / 2 + 1).collect())] {
                for budget in [0, 1, 2, 5, 100] {
                    let expected = merge_walk(&model, &parents, candidate, budget).map_err(|id| BlockId(id as u32));
                    let found = dag.mergeset_size_within(&ids(&parents), BlockId(candidate as u32), budget);
                    prop_assert_eq!(found, expected, "candidate {} budget {}", candidate, budget);
                }
            }
        }
    }
}

/// The laws above mean little if the plans grow chains only.
#[test]
fn given_the_plans_of_these_laws_when_grown_then_reds_ties_and_wide_mergesets_occur() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut reds, mut blue_merges, mut hash_decided, mut outside_window, mut lanes) = (0, 0, 0, 0, 0);
    for _ in 0..50 {
        let plan = plan().new_tree(&mut runner).expect("the strategy rejects nothing").current();
        let (dag, model) = grow(&plan);
        lanes = lanes.max(dag.lane_count());
        for block in &model.blocks[1..] {
            reds += block.reds.len();
            blue_merges += block.blues.len() - 1;
            let works = |id: usize| model.blocks[id].blue_work;
            hash_decided +=
                usize::from(block.parents.iter().filter(|&&id| works(id) == works(block.blues[0])).count() > 1);
            let parent_daa = model.blocks[block.blues[0]].daa_score;
            let counted = (block.daa_score - parent_daa) as usize + usize::from(block.blues[0] == 0);
            outside_window += block.blues.len() + block.reds.len() - counted;
        }
    }
    assert!(reds > 500, "{reds} reds");
    assert!(blue_merges > 500, "{blue_merges} blues merged");
    assert!(hash_decided > 50, "{hash_decided} selected parents by hash");
    assert!(outside_window > 10, "{outside_window} blocks outside the DAA window");
    assert!(lanes >= 6, "{lanes} lanes");
}
