//! `sim::dag` against what the reference implementation computed for the same DAGs.

use scenarios::verify::ghostdag::{GhostdagReport, VerifyError, verify_ghostdag};

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
