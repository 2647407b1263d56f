//! `sim::dag` against what the reference implementation computed for the same DAGs.

use scenarios::verify::ghostdag::{
    GhostdagReport, GhostdagVectors, VectorBlock, VerifyError, parse_ghostdag_vectors, verify_ghostdag,
};
use sim::dag::{BlockId, Dag, GhostdagParams, Limits};

const FILES: [(&str, &[u8], usize); 5] = [
    ("k18-plain", include_bytes!("vectors/ghostdag/k18-plain.json"), 1500),
    ("k3-wide", include_bytes!("vectors/ghostdag/k3-wide.json"), 1200),
    ("k18-partition", include_bytes!("vectors/ghostdag/k18-partition.json"), 1500),
    ("k18-withhold", include_bytes!("vectors/ghostdag/k18-withhold.json"), 1500),
    ("k124-wide", include_bytes!("vectors/ghostdag/k124-wide.json"), 1000),
];

#[test]
fn given_every_reference_file_when_verified_then_no_field_of_any_block_differs() {
    for (name, bytes, blocks) in FILES {
        let report = verify_ghostdag(bytes).expect("reference files are well-formed");
        let first: Vec<String> = report.differences.iter().take(5).map(ToString::to_string).collect();
        assert!(report.passed(), "{name}: {} differences: {first:#?}", report.differences.len());
        assert_eq!(report.blocks, blocks, "{name}");
    }
}

#[test]
fn given_every_reference_file_when_blocks_are_dropped_as_early_as_allowed_then_no_field_of_any_block_differs() {
    for (name, bytes, blocks) in FILES {
        let vectors = parse_ghostdag_vectors(bytes).expect("reference files are well-formed");
        let whole = grow(&vectors, |_, _| ());
        let mut lowest_needed: Vec<BlockId> = (1..=blocks).map(|number| needed_by(&whole, id(number))).collect();
        for index in (1..blocks).rev() {
            lowest_needed[index - 1] = lowest_needed[index - 1].min(lowest_needed[index]);
        }
        let mut most_retained = 0;
        let dag = grow(&vectors, |dag, number| {
            assert_same(dag, number, &vectors.blocks[number - 1]);
            dag.drop_below(lowest_needed.get(number).copied().unwrap_or(id(number)));
            most_retained = most_retained.max(dag.retained());
        });
        assert_eq!((dag.len(), dag.retained()), (blocks + 1, 1), "{name}");
        assert!(most_retained < 200, "{name}: {most_retained} blocks retained at most");
    }
}

/// Grows a file and calls `then` after each block with its number.
fn grow(vectors: &GhostdagVectors, mut then: impl FnMut(&mut Dag, usize)) -> Dag {
    let genesis = &vectors.meta.genesis;
    let params = GhostdagParams {
        k: vectors.meta.k,
        difficulty_window_size: u64::MAX,
        genesis_daa_score: genesis.daa_score,
        limits: Limits::NONE,
    };
    let mut dag = Dag::new(params, genesis.hash, genesis.bits).expect("the genesis target is valid");
    for (index, block) in vectors.blocks.iter().enumerate() {
        dag.insert(block.hash, &ids(&block.parents), block.bits).expect("reference blocks are valid");
        then(&mut dag, index + 1);
    }
    dag
}

fn assert_same(dag: &Dag, number: usize, expected: &VectorBlock) {
    let block = id(number);
    assert_eq!(dag.selected_parent(block), Some(BlockId(expected.selected_parent)), "block {number}");
    assert_eq!(dag.mergeset_blues(block), ids(&expected.mergeset_blues), "block {number}");
    assert_eq!(dag.mergeset_reds(block), ids(&expected.mergeset_reds), "block {number}");
    assert_eq!((dag.blue_score(block), dag.daa_score(block)), (expected.blue_score, expected.daa_score));
    assert_eq!(dag.blue_work(block), expected.blue_work, "block {number}");
}

/// The lowest block that GHOSTDAG of `block` needs: in its mergeset, or in the part of its selected chain that is not in
/// the past of some mergeset block.
fn needed_by(dag: &Dag, block: BlockId) -> BlockId {
    let mut lowest = dag.mergeset(block).min().unwrap_or(block);
    for candidate in dag.mergeset(block).skip(1) {
        let mut chain_block = dag.selected_parent(block);
        while let Some(current) = chain_block {
            lowest = lowest.min(current);
            if dag.is_dag_ancestor(current, candidate) {
                break;
            }
            lowest = dag.mergeset_blues(current).iter().copied().fold(lowest, BlockId::min);
            chain_block = dag.selected_parent(current);
        }
    }
    lowest
}

fn id(number: usize) -> BlockId {
    BlockId(u32::try_from(number).expect("reference files hold few blocks"))
}

fn ids(numbers: &[u32]) -> Vec<BlockId> {
    numbers.iter().copied().map(BlockId).collect()
}

#[test]
fn given_one_doctored_field_when_verified_then_exactly_that_difference_is_reported() {
    for (field, value, others) in [
        ("selected_parent", "3", 0),
        ("mergeset_blues", "[1]", 0),
        ("mergeset_reds", "[7]", 0),
        ("blue_score", "12345", 0),
        ("blue_work", "\"abc\"", 0),
        ("daa_score", "12345", 0),
    ] {
        let report = verify_doctored(700, field, value);
        assert_eq!(report.blocks, 1500);
        assert_eq!(report.differences.len(), 1 + others, "{field}: {:?}", report.differences);
        assert_eq!((report.differences[0].block, report.differences[0].field), (700, field));
        assert!(!report.passed());
    }
}

#[test]
fn given_parents_in_another_order_when_verified_then_the_first_parent_is_reported() {
    let mut file = plain_file();
    let parents = file["blocks"][499]["parents"].as_array_mut().expect("block 500 lists its parents");
    assert!(parents.len() > 1);
    parents.reverse();
    let report = verify(&file);
    let found: Vec<_> = report.differences.iter().map(|difference| (difference.block, difference.field)).collect();
    assert_eq!(found, [(500, "parents[0]")]);
}

#[test]
fn given_a_difference_when_shown_then_the_sentence_names_block_field_and_both_values() {
    let report = verify_doctored(1, "blue_score", "9");
    assert_eq!(report.differences[0].to_string(), "block 1: blue_score is 1, expected 9");
    let report = verify_doctored(1, "blue_work", "\"ff\"");
    assert_eq!(report.differences[0].to_string(), "block 1: blue_work is 2, expected ff");
}

#[test]
fn given_a_file_without_blocks_when_verified_then_it_does_not_pass() {
    let mut file = plain_file();
    file["blocks"] = serde_json::json!([]);
    let report = verify(&file);
    assert_eq!(report, GhostdagReport { blocks: 0, differences: Vec::new() });
    assert!(!report.passed());
}

#[test]
fn given_a_broken_file_when_verified_then_the_error_says_where() {
    let cut = verify_ghostdag(&FILES[0].1[..5000]).expect_err("the file is cut");
    assert!(matches!(cut, VerifyError::Format(_)));
    assert!(cut.to_string().contains("line 24 column 67"), "{cut}");

    let mut file = plain_file();
    file["blocks"][9]["parents"] = serde_json::json!([10]);
    let error = verify_ghostdag(file.to_string().as_bytes()).expect_err("block 10 is its own parent");
    assert_eq!(error.to_string(), "block 10 cannot be inserted: parent 10 is unknown: the DAG holds 10 blocks");

    for work in ["", "0x2", "1000000000000000000000000000000000000000000000000"] {
        let mut file = plain_file();
        file["blocks"][0]["blue_work"] = work.into();
        let error = verify_ghostdag(file.to_string().as_bytes()).expect_err("no number of 192 bits");
        assert!(error.to_string().contains("not a hexadecimal number"), "{error}");
    }
}

fn plain_file() -> serde_json::Value {
    serde_json::from_slice(FILES[0].1).expect("the reference file is JSON")
}

fn verify(file: &serde_json::Value) -> GhostdagReport {
    verify_ghostdag(file.to_string().as_bytes()).expect("the file is well-formed")
}

fn verify_doctored(block: usize, field: &str, json: &str) -> GhostdagReport {
    let mut file = plain_file();
    let value = &mut file["blocks"][block - 1][field];
    let doctored = serde_json::from_str(json).expect("the test's value is JSON");
    assert_ne!(*value, doctored, "the doctored value must differ");
    *value = doctored;
    verify(&file)
}
