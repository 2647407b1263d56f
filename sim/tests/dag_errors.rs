//! Refused blocks: a typed error each, and a DAG that is as before.

use kaspa_hashes::Hash;
use sim::dag::{BlockId, Dag, DagError, GhostdagParams, Limits};

const BITS: u32 = 0x207f_ffff;

/// Genesis 0; 1 and 2 on genesis; 3 on both.
fn diamond() -> Dag {
    let params = GhostdagParams { k: 3, difficulty_window_size: 100, genesis_daa_score: 7, limits: Limits::NONE };
    let mut dag = Dag::new(params, Hash::from(1000), BITS).expect("the target is valid");
    for (hash, parents) in [(1, vec![0]), (2, vec![0]), (3, vec![1, 2])] {
        let parents: Vec<BlockId> = parents.into_iter().map(BlockId).collect();
        dag.insert(Hash::from(hash), &parents, BITS).expect("the parents are tips");
    }
    dag
}

/// The error of inserting a block with these parents; the preview must give the same, and nothing may change.
fn refused_parents(parents: &[u32]) -> DagError {
    let mut dag = diamond();
    let parents: Vec<BlockId> = parents.iter().copied().map(BlockId).collect();
    let error = dag.insert(Hash::from(99), &parents, BITS).expect_err("the block must be refused");
    assert_eq!(dag.preview(&parents), Err(error.clone()));
    assert_unchanged(&mut dag);
    error
}

fn assert_unchanged(dag: &mut Dag) {
    assert_eq!(dag.len(), 4);
    assert_eq!(dag.id(&Hash::from(99)), None);
    let id = dag.insert(Hash::from(50), &[BlockId(3)], BITS).expect("block 3 is a tip");
    assert_eq!((id, dag.blue_score(id), dag.daa_score(id)), (BlockId(4), 4, 10));
    assert!(dag.is_dag_ancestor(BlockId(1), id) && dag.is_dag_ancestor(BlockId(2), id));
}

#[test]
fn given_no_parents_when_inserted_then_a_typed_error() {
    assert_eq!(refused_parents(&[]), DagError::NoParents);
}

#[test]
fn given_an_unknown_parent_when_inserted_then_a_typed_error() {
    for parent in [4, 5, u32::MAX] {
        assert_eq!(refused_parents(&[3, parent]), DagError::UnknownParent { parent: BlockId(parent), len: 4 });
    }
}

#[test]
fn given_a_repeated_parent_when_inserted_then_a_typed_error() {
    assert_eq!(refused_parents(&[1, 2, 1]), DagError::DuplicateParent { parent: BlockId(1) });
}

#[test]
fn given_a_parent_in_the_past_of_another_when_inserted_then_a_typed_error_in_either_order() {
    for parents in [[2, 3], [3, 2]] {
        let expected = DagError::ParentInPastOfParent { parent: BlockId(2), descendant: BlockId(3) };
        assert_eq!(refused_parents(&parents), expected);
    }
}

#[test]
fn given_a_known_hash_when_inserted_then_a_typed_error_naming_the_block() {
    let mut dag = diamond();
    for (hash, id) in [(1000, 0), (2, 2)] {
        let expected = Err(DagError::DuplicateHash { hash: Hash::from(hash), id: BlockId(id) });
        assert_eq!(dag.insert(Hash::from(hash), &[BlockId(3)], BITS), expected);
    }
    assert_unchanged(&mut dag);
}

#[test]
fn given_bits_without_work_when_inserted_then_a_typed_error() {
    let mut dag = diamond();
    assert_eq!(dag.insert(Hash::from(99), &[BlockId(3)], 0), Err(DagError::BitsOutOfRange { bits: 0 }));
    let params = *dag.params();
    assert_eq!(Dag::new(params, Hash::from(1), 0).err(), Some(DagError::BitsOutOfRange { bits: 0 }));
    assert_unchanged(&mut dag);
}

#[test]
fn given_a_preview_of_other_parents_when_inserted_then_a_typed_error() {
    let mut dag = diamond();
    let preview = dag.preview(&[BlockId(1), BlockId(2)]).expect("1 and 2 are an antichain");
    for parents in [&[BlockId(3)][..], &[BlockId(2), BlockId(1)]] {
        let refused = dag.insert_previewed(Hash::from(99), parents, BITS, preview.clone());
        assert_eq!(refused, Err(DagError::PreviewMismatch));
    }
    assert_unchanged(&mut dag);
}

#[test]
fn given_a_preview_of_a_larger_dag_when_inserted_then_its_parents_are_unknown() {
    let mut larger = diamond();
    let tip = larger.insert(Hash::from(60), &[BlockId(3)], BITS).expect("block 3 is a tip");
    let preview = larger.preview(&[tip]).expect("the tip is known");
    let mut dag = diamond();
    let refused = dag.insert_previewed(Hash::from(99), &[tip], BITS, preview);
    assert_eq!(refused, Err(DagError::UnknownParent { parent: tip, len: 4 }));
    assert_unchanged(&mut dag);
}

#[test]
fn given_a_block_beyond_a_limit_when_inserted_then_the_sentence_names_limit_and_value() {
    let mut dag = diamond();
    let limited = |limits: Limits| Dag::new(GhostdagParams { limits, ..*dag.params() }, Hash::from(1000), BITS);
    let [parents, mergeset, depth] = [
        Limits { max_block_parents: 1, ..Limits::NONE },
        Limits { mergeset_size_limit: 1, ..Limits::NONE },
        Limits { merge_depth: 1, ..Limits::NONE },
    ]
    .map(|limits| limited(limits).expect("the target is valid"));
    for (mut dag, sentence) in [
        (parents, "the block has 2 parents, the limit is 1"),
        (mergeset, "the mergeset holds 2 blocks, the selected parent included, the limit is 1"),
    ] {
        for hash in [1, 2] {
            dag.insert(Hash::from(hash), &[BlockId::GENESIS], BITS).expect("it is on genesis alone");
        }
        let refused = dag.insert(Hash::from(3), &[BlockId(1), BlockId(2)], BITS).expect_err("a limit is exceeded");
        assert_eq!(refused.to_string(), sentence);
    }
    let mut dag_of_depth = depth;
    for (hash, parent) in (1..=8).zip([0, 1, 2, 3, 4, 5, 0, 6]) {
        dag_of_depth.insert(Hash::from(hash), &[BlockId(parent)], BITS).expect("it has one parent");
    }
    let refused = dag_of_depth.insert(Hash::from(9), &[BlockId(8), BlockId(7)], BITS).expect_err("7 is too old");
    let sentence =
        "red block 7 does not have the merge depth root of merge depth 1 in its past, and no blue excuses it";
    assert_eq!(refused.to_string(), sentence);
    assert_unchanged(&mut dag);
}

#[test]
fn given_dropped_blocks_when_needed_then_the_sentence_names_the_lowest_retained_block() {
    let mut dag = diamond();
    let tip = dag.insert(Hash::from(60), &[BlockId(2)], BITS).expect("block 2 is known");
    dag.drop_below(BlockId(3));
    let refused = dag.insert(Hash::from(99), &[BlockId(2)], BITS).expect_err("block 2 is dropped");
    assert_eq!(refused.to_string(), "parent 2 was dropped: the lowest retained block is 3");
    dag.drop_below(tip);
    let other = dag.insert(Hash::from(61), &[tip], BITS).expect("the tip is retained");
    assert_eq!(dag.preview(&[other]).map(|preview| preview.mergeset_size()), Ok(1));
    assert_eq!(dag.id(&Hash::from(60)), Some(tip));
    assert_eq!(dag.id(&Hash::from(3)), None);
}

#[test]
fn given_a_dropped_hash_when_inserted_again_then_it_is_a_new_block_and_stays_known() {
    let mut dag = diamond();
    let grow = |dag: &mut Dag, hash: u64| {
        let tip = BlockId(dag.len() as u32 - 1);
        dag.insert(Hash::from(hash), &[tip], BITS).expect("it is on the tip and new")
    };
    (100..120).for_each(|hash| {
        grow(&mut dag, hash);
    });
    // Too few for the old block's memory to be given back: both are in the tables for a while.
    dag.drop_below(BlockId(3));
    let again = grow(&mut dag, 2);
    for hash in 200..240 {
        dag.drop_below(BlockId((dag.len() as u32).saturating_sub(20)));
        assert_eq!(dag.id(&Hash::from(2)), dag.contains(again).then_some(again));
        grow(&mut dag, hash);
    }
    assert!(!dag.contains(again));
}

#[test]
fn given_blocks_inserted_after_a_preview_when_it_is_inserted_then_the_result_is_the_same() {
    let mut dag = diamond();
    let preview = dag.preview(&[BlockId(1), BlockId(2)]).expect("1 and 2 are an antichain");
    let later = dag.insert(Hash::from(70), &[BlockId(3)], BITS).expect("block 3 is a tip");
    let id = dag.insert_previewed(Hash::from(71), &[BlockId(1), BlockId(2)], BITS, preview).expect("it is valid");
    assert_eq!(dag.mergeset_blues(id), dag.mergeset_blues(BlockId(3)));
    assert!(!dag.is_dag_ancestor(later, id) && !dag.is_dag_ancestor(BlockId(3), id));
    assert!(dag.is_dag_ancestor(BlockId(1), id) && dag.is_dag_ancestor(BlockId(2), id));
}

#[test]
fn given_genesis_alone_when_read_then_it_has_no_parents_and_no_mergeset() {
    let dag = diamond();
    let genesis = BlockId::GENESIS;
    assert_eq!(dag.selected_parent(genesis), None);
    assert!(dag.parents(genesis).is_empty() && dag.mergeset_reds(genesis).is_empty());
    assert_eq!(dag.mergeset(genesis).count(), 0);
    assert_eq!((dag.height(genesis), dag.blue_score(genesis), dag.daa_score(genesis)), (0, 0, 7));
    assert_eq!(dag.bits(genesis), BITS);
}
