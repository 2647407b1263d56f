//! A page with any fault is refused whole, and the next honest session goes on as if it had not been.

use std::time::Duration;

use bridge::{
    DisconnectReason, L1Event, RejectReason, Violation,
    wire::{Operation, Request},
};
use kaspa_consensus_core::header::{CompressedParents, Header};
use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use kaspa_rpc_core::{RpcChainBlockAcceptedTransactions, RpcOptionalHeader};

use crate::support::{
    node::{Answer, Page},
    pair::Pair,
    settings::config,
    tree::GENESIS_SCORE,
};

const BLOCKS: usize = 9;

/// Everything that goes into a header's hash.
const HASHED_FIELDS: [&str; 12] = [
    "version",
    "parents",
    "hash_merkle_root",
    "accepted_id_merkle_root",
    "utxo_commitment",
    "timestamp",
    "bits",
    "nonce",
    "daa_score",
    "blue_work",
    "blue_score",
    "pruning_point",
];

/// Spoils the page of the next blocks once, and returns the violation for which the node was rejected.
///
/// Asserts that nothing of the page was applied and that the next session is complete.
fn violation(what: &str, reorg: bool, spoil: impl Fn(&mut Page) + Send + 'static) -> Violation {
    let mut pair = Pair::synced(config(1), 10);
    let (tip, path, events) = (pair.follower.tip(), pair.consumer.path().to_vec(), pair.events.len());
    let mut spoilt = false;
    pair.nodes[0].tamper(move |_, answer| {
        if let (false, Some(page)) = (spoilt, answer.page_with_blocks()) {
            spoil(page);
            spoilt = true;
        }
    });
    pair.nodes[0].notifies = false;
    if reorg {
        pair.fork(0, 3, BLOCKS);
    } else {
        pair.grow(0, BLOCKS);
    }
    pair.drive_until("rejected", |pair| pair.events.len() > events);
    assert_eq!((pair.follower.tip(), pair.consumer.path()), (tip, path.as_slice()), "{what}");
    let [L1Event::NodeRejected { reason, retry_in: Some(_), .. }, L1Event::Disconnected { reason: end, .. }] =
        &pair.events[events..]
    else {
        panic!("{what}: {:#?}", &pair.events[events..])
    };
    assert_eq!(*end, DisconnectReason::Rejected, "{what}");
    let RejectReason::Malformed { operation: Operation::GetVirtualChainFromBlockV2, violation } = reason.clone() else {
        panic!("{what}: {reason}")
    };
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
    assert_eq!(pair.connects.len(), 2, "{what}");
    violation
}

/// As [`violation`], for a fault in the first, in a middle and in the last block of a page.
fn violations(what: &str, spoil: impl Fn(&mut Page, usize) + Clone + Send + 'static) -> Vec<Violation> {
    [0, BLOCKS / 2, BLOCKS - 1]
        .into_iter()
        .map(|place| {
            let spoil = spoil.clone();
            violation(&format!("{what} at {place}"), false, move |page| spoil(page, place))
        })
        .collect()
}

fn assert_all(violations: &[Violation], expected: impl Fn(&Violation) -> bool) {
    assert!(!violations.is_empty() && violations.iter().all(expected), "{violations:#?}");
}

#[test]
fn given_an_announced_hash_that_is_not_the_headers_when_checked_then_refused_whole() {
    let wrong = violations("wrong hash", |page, place| page.added[place] = Hash::from_u64_word(7));
    assert_all(
        &wrong,
        |violation| matches!(violation, Violation::HashMismatch { announced, .. } if *announced == Hash::from_u64_word(7)),
    );
}

#[test]
fn given_a_changed_header_field_when_checked_then_refused_whole() {
    let changes: [fn(&mut RpcOptionalHeader); 12] = [
        |header| header.version = Some(9),
        |header| {
            let levels = vec![vec![Hash::from_u64_word(5)]];
            header.parents_by_level = Some(CompressedParents::try_from(levels).expect("one level"));
        },
        |header| header.hash_merkle_root = Some(Hash::from_u64_word(5)),
        |header| header.accepted_id_merkle_root = Some(Hash::from_u64_word(5)),
        |header| header.utxo_commitment = Some(Hash::from_u64_word(5)),
        |header| header.timestamp = header.timestamp.map(|value| value + 1),
        |header| header.bits = Some(1),
        |header| header.nonce = header.nonce.map(|value| value + 1),
        |header| header.daa_score = header.daa_score.map(|value| value + 1),
        |header| header.blue_work = header.blue_work.map(|value| value + Uint192::from_u64(1)),
        |header| header.blue_score = header.blue_score.map(|value| value + 1),
        |header| header.pruning_point = Some(Hash::from_u64_word(5)),
    ];
    for (what, change) in HASHED_FIELDS.into_iter().zip(changes) {
        let changed = violation(what, false, move |page| change(&mut page.blocks[BLOCKS - 1].chain_block_header));
        assert!(matches!(changed, Violation::HashMismatch { .. }), "{what}: {changed}");
    }
}

#[test]
fn given_a_missing_header_field_when_checked_then_refused_whole() {
    let elisions: [fn(&mut RpcOptionalHeader); 12] = [
        |header| header.version = None,
        |header| header.parents_by_level = None,
        |header| header.hash_merkle_root = None,
        |header| header.accepted_id_merkle_root = None,
        |header| header.utxo_commitment = None,
        |header| header.timestamp = None,
        |header| header.bits = None,
        |header| header.nonce = None,
        |header| header.daa_score = None,
        |header| header.blue_work = None,
        |header| header.blue_score = None,
        |header| header.pruning_point = None,
    ];
    for (what, elide) in HASHED_FIELDS.into_iter().zip(elisions) {
        let missing = violations(what, move |page, place| elide(&mut page.blocks[place].chain_block_header));
        assert_all(&missing, |violation| matches!(violation, Violation::Missing { .. }));
    }
}

/// Blocks with at least one transaction are not at fixed places.
fn with_transaction(page: &mut Page, last: bool) -> &mut RpcChainBlockAcceptedTransactions {
    let mut blocks = page.blocks.iter_mut().filter(|block| !block.accepted_transactions.is_empty());
    if last { blocks.next_back() } else { blocks.next() }.expect("two of three blocks accept something")
}

#[test]
fn given_a_missing_transaction_field_when_checked_then_refused_whole() {
    for last in [false, true] {
        let id = violation("id", false, move |page| {
            let verbose = &mut with_transaction(page, last).accepted_transactions[0].verbose_data;
            verbose.as_mut().expect("it was there").transaction_id = None;
        });
        let verbose = violation("verbose data", false, move |page| {
            with_transaction(page, last).accepted_transactions[0].verbose_data = None;
        });
        let subnetwork = violation("subnetwork", false, move |page| {
            with_transaction(page, last).accepted_transactions[0].subnetwork_id = None;
        });
        let payload = violation("payload", false, move |page| {
            with_transaction(page, last).accepted_transactions[0].payload = None;
        });
        let fields = [id, verbose, subnetwork, payload].map(|violation| match violation {
            Violation::Missing { field, .. } => field,
            other => panic!("{other}"),
        });
        assert_eq!(fields, ["verbose_data.transaction_id", "verbose_data.transaction_id", "subnetwork_id", "payload"]);
    }
}

#[test]
fn given_numbers_of_hashes_and_records_that_differ_when_checked_then_refused_whole() {
    let count = |added, blocks| Violation::BlockCount { added, blocks };
    let fewer = violation("a record less", false, |page| page.blocks.truncate(BLOCKS - 1));
    assert_eq!(fewer, count(BLOCKS, BLOCKS - 1));
    let more = violation("a hash less", false, |page| page.added.truncate(BLOCKS - 1));
    assert_eq!(more, count(BLOCKS - 1, BLOCKS));
    let none = violation("no record", false, |page| page.blocks.clear());
    assert_eq!(none, count(BLOCKS, 0));
}

#[test]
fn given_a_page_that_does_not_begin_at_our_tip_when_checked_then_refused_whole() {
    let gap = violations("a block left out", |page, place| {
        // The last place leaves no successor that could be discontinuous.
        let place = place.min(BLOCKS - 2);
        page.added.remove(place);
        page.blocks.remove(place);
    });
    assert_all(&gap, |violation| matches!(violation, Violation::Discontinuous { .. }));
    let swapped = violation("order", false, |page| {
        page.added.swap(3, 4);
        page.blocks.swap(3, 4);
    });
    assert!(matches!(swapped, Violation::Discontinuous { .. }), "{swapped}");
    let twice = violation("a block twice", false, |page| {
        page.added.push(page.added[BLOCKS - 1]);
        page.blocks.push(page.blocks[BLOCKS - 1].clone());
    });
    assert!(matches!(twice, Violation::Discontinuous { .. }), "{twice}");
}

#[test]
fn given_removed_hashes_that_are_not_ours_when_checked_then_refused_whole() {
    let foreign = violation("a foreign hash", true, |page| page.removed[1] = Hash::from_u64_word(9));
    assert!(matches!(foreign, Violation::RemovedNotOurs { position: 1, .. }), "{foreign}");
    let order = violation("oldest first", true, |page| page.removed.reverse());
    assert!(matches!(order, Violation::RemovedNotOurs { position: 0, .. }), "{order}");
    let invented = violation("a removal of nothing", false, |page| page.removed.push(Hash::from_u64_word(9)));
    assert!(matches!(invented, Violation::RemovedNotOurs { position: 0, .. }), "{invented}");
}

#[test]
fn given_a_removal_one_too_long_or_short_when_checked_then_the_added_blocks_do_not_follow() {
    let short = violation("a removal less", true, |page| page.removed.truncate(2));
    assert!(matches!(short, Violation::Discontinuous { .. }), "{short}");
    let none = violation("no removal", true, |page| page.removed.clear());
    assert!(matches!(none, Violation::Discontinuous { .. }), "{none}");
}

/// A header with another score or work, correctly hashed, in the last place of the page.
fn badly_scored(change: fn(&mut Header), expected: impl Fn(Hash) -> Violation) {
    let mut pair = Pair::synced(config(1), 10);
    let tip = pair.follower.tip();
    let events = pair.events.len();
    pair.nodes[0].notifies = false;
    pair.grow(0, BLOCKS);
    let mut header = pair.tree.header(pair.nodes[0].sink).clone();
    change(&mut header);
    header.finalize();
    let expected = expected(header.hash);
    pair.nodes[0].tamper(move |_, answer| {
        if let Some(page) = answer.page_with_blocks() {
            page.added[BLOCKS - 1] = header.hash;
            page.blocks[BLOCKS - 1].chain_block_header = header.clone().into();
        }
    });
    pair.drive_until("rejected", |pair| pair.events.len() > events);
    let L1Event::NodeRejected { reason: RejectReason::Malformed { violation, .. }, .. } = &pair.events[events] else {
        panic!("{:#?}", &pair.events[events..])
    };
    assert_eq!((violation, pair.follower.tip()), (&expected, tip));
    pair.nodes[0].tamper = None;
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
}

#[test]
fn given_blue_work_or_score_that_do_not_rise_when_checked_then_refused_whole() {
    let expected = |hash| Violation::BlueNotIncreasing { hash };
    badly_scored(|header| header.blue_work = header.blue_work - Uint192::from_u64(1), expected);
    badly_scored(|header| header.blue_work = Uint192::from_u64(0), expected);
    badly_scored(|header| header.blue_score -= 1, expected);
    badly_scored(|header| header.blue_score = 0, expected);
}

#[test]
fn given_a_blue_score_that_no_mergeset_allows_when_checked_then_refused_whole() {
    let limit = 513;
    // An honest block of this tree adds one.
    badly_scored(|header| header.blue_score += 513, |hash| Violation::BlueScoreLeap { hash, rise: 514, limit });
    badly_scored(
        |header| header.blue_score = u64::MAX,
        |hash| Violation::BlueScoreLeap { hash, rise: u64::MAX - GENESIS_SCORE - 10 - BLOCKS as u64 + 1, limit },
    );
    // The largest rise that is not refused.
    let mut pair = Pair::synced(config(1), 10);
    let leap = pair.tree.extend_by(pair.nodes[0].sink, limit, 1);
    pair.set_sink(0, leap);
    pair.run_for(Duration::from_millis(100));
    pair.assert_follows(0);
}

/// The first answer to GetBlock after a reconnect is spoilt.
fn header_reply(what: &str, spoil: impl Fn(&mut Answer) + Send + 'static) -> Violation {
    let mut pair = Pair::synced(config(1), 10);
    pair.hang_up();
    let mut spoilt = false;
    pair.nodes[0].tamper(move |request, answer| {
        if !spoilt && matches!(request, Request::GetBlock { .. }) {
            spoil(answer);
            spoilt = true;
        }
    });
    pair.grow(0, 4);
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
    let found = pair.events.iter().find_map(|event| match event {
        L1Event::NodeRejected {
            reason: RejectReason::Malformed { operation: Operation::GetBlock, violation }, ..
        } => Some(violation.clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{what}: {:#?}", pair.events))
}

#[test]
fn given_another_header_than_the_one_asked_for_when_checked_then_malformed() {
    let other = Pair::synced(config(1), 2).tree;
    let genesis = other.header(other.genesis()).clone();
    let wrong = header_reply("another block", move |answer| *answer = Answer::Block(Box::new(genesis.clone())));
    assert!(matches!(wrong, Violation::WrongBlock { found, .. } if found == other.genesis()), "{wrong}");
    let forged = header_reply("a forged block", |answer| {
        if let Answer::Block(header) = answer {
            header.blue_score += 1_000;
        }
    });
    assert!(matches!(forged, Violation::HashMismatch { .. }), "{forged}");
}
