//! The model node against what was captured from a real one: the same requests in the same situations have the same
//! fields in their replies and the same texts in their errors.

mod captures_support;
mod network_support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use captures_support::shape::{Fields, Seen};
use captures_support::{CAPTURES, Conversation, Outcome, capture, notification, reply};
use kaspa_hashes::Hash;
use network_support::{change, config, cut, run, run_until};
use sim::gossip::Heal;
use sim::network::{Network, NetworkConfig};
use sim::node::{Answer, NodeRequest, NodeSubscription, Subscriptions};
use sim::workload::WorkloadConfig;

const NODE: usize = 2;

/// Spending transactions, some of which spend outputs of others, and forks.
fn busy() -> NetworkConfig {
    NetworkConfig {
        workload: WorkloadConfig { chained_percent: 40, ..WorkloadConfig::mixed(2_000, 10) },
        ..config(31, 40)
    }
}

fn conversations() -> Vec<Conversation> {
    CAPTURES.iter().flat_map(|name| capture(name).conversations).collect()
}

fn ask(network: &mut Network, frame: &[u8]) -> Outcome {
    match network.answer_frame(NODE, frame) {
        Answer::Reply(answer) => reply(&answer).1,
        Answer::DropConnection => panic!("a node answered this"),
    }
}

/// Genesis, blocks on the chain and beside it, the sink.
fn places(network: &Network) -> Vec<Hash> {
    let (view, dag) = (network.node(NODE), network.store().dag());
    let known = (0..network.store().block_count() as u32).map(sim::dag::BlockId).filter(|&block| view.knows(block));
    let mut places: Vec<Hash> = known.step_by(17).map(|block| dag.hash(block)).collect();
    places.push(dag.hash(view.sink()));
    places
}

#[test]
fn given_each_kind_of_request_in_the_captures_when_asked_of_the_model_then_the_reply_has_the_same_fields() {
    let mut network = run_until(busy(), Duration::from_secs(30));
    let places = places(&network);
    let mut captured: BTreeMap<String, Fields> = BTreeMap::new();
    let mut modelled: BTreeMap<String, Fields> = BTreeMap::new();
    for conversation in conversations() {
        let Outcome::Fields(fields) = &conversation.outcome else { continue };
        let kind = conversation.kind();
        captured.entry(kind.clone()).or_default().merge(fields);
        if modelled.contains_key(&kind) {
            continue;
        }
        let mut seen = Fields::default();
        let frames: Vec<_> = places.iter().filter_map(|&place| conversation.about(place)).collect();
        for frame in if frames.is_empty() { vec![conversation.frame] } else { frames } {
            let Outcome::Fields(fields) = ask(&mut network, &frame) else { panic!("{kind}: the model refuses") };
            seen.merge(&fields);
        }
        modelled.insert(kind, seen);
    }
    assert!(captured.len() >= 27, "{:?}", captured.keys());
    let mut compared = 0;
    for (kind, captured) in &captured {
        assert_eq!(captured.difference(&modelled[kind]), None, "{kind}");
        compared += captured.options().len();
    }
    assert!(compared > 150, "{compared}");
}

#[test]
fn given_the_flags_of_requests_when_compared_with_the_captures_then_the_same_lists_are_filled() {
    let mut network = run_until(busy(), Duration::from_secs(30));
    let view = network.node(NODE);
    let chain_block = network.store().dag().hash(view.selected_chain().blocks()[20]);
    let mut compared = BTreeSet::new();
    for conversation in conversations() {
        let list = match conversation.request {
            NodeRequest::GetBlock { .. } => "block.transactions",
            NodeRequest::GetVirtualChainFromBlock { .. } => "accepted",
            NodeRequest::GetBlocks { .. } => "blocks.transactions",
            _ => continue,
        };
        let Outcome::Fields(captured) = &conversation.outcome else { continue };
        // Kept headers have no transactions; they have a test of their own.
        if captured.0.get("block.verbose_data.is_header_only?").is_some_and(|seen| seen.present) {
            continue;
        }
        let frame = conversation.about(chain_block).expect("it is about a block");
        let Outcome::Fields(modelled) = ask(&mut network, &frame) else { panic!("the model refuses") };
        assert_eq!(captured.is_filled(list), modelled.is_filled(list), "{}", conversation.kind());
        compared.insert(conversation.kind());
    }
    assert_eq!(compared.len(), 5, "{compared:?}");
}

#[test]
fn given_unknown_blocks_when_asked_as_in_the_captures_then_the_texts_are_the_same() {
    let mut network = run_until(busy(), Duration::from_secs(30));
    let mut texts = BTreeSet::new();
    // The refusals of genesis in the other capture belong to a node that was reset.
    for conversation in [CAPTURES[0], CAPTURES[2]].iter().flat_map(|name| capture(name).conversations) {
        let Outcome::Refused(captured) = &conversation.outcome else { continue };
        if !captured.starts_with("cannot find header") && captured != "Not implemented" {
            continue;
        }
        assert_eq!(ask(&mut network, &conversation.frame), conversation.outcome, "{}", conversation.kind());
        texts.insert(captured.clone());
    }
    assert_eq!(texts.len(), 3, "{texts:?}");
}

#[test]
fn given_every_text_of_the_captures_when_listed_then_each_has_a_test_here() {
    let texts: BTreeSet<String> = conversations()
        .into_iter()
        .filter_map(|conversation| match conversation.outcome {
            Outcome::Refused(text) => Some(text),
            Outcome::Fields(_) => None,
        })
        .map(|text| text.split_whitespace().filter(|word| word.len() != 64).collect::<Vec<_>>().join(" "))
        .collect();
    let expected = [
        "Not implemented",
        "cannot find header",
        "consensus is currently in a transitional ibd state",
        "the queried hash does not have retention root on its chain",
    ];
    assert_eq!(texts.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn given_subscriptions_as_in_the_captures_when_blocks_arrive_then_notifications_have_the_same_fields_and_order() {
    let mut captured: BTreeMap<u8, Fields> = BTreeMap::new();
    let mut subscriptions = Subscriptions::default();
    for name in CAPTURES {
        let capture = capture(name);
        for (number, fields) in &capture.notifications {
            captured.entry(*number).or_default().merge(fields);
        }
        for conversation in &capture.conversations {
            if let NodeRequest::Subscribe(subscription) = conversation.request {
                subscriptions.apply(subscription, true);
            }
        }
    }
    let ids = NodeSubscription::VirtualChainChanged { include_accepted_transaction_ids: true };
    subscriptions.apply(ids, true);
    let mut modelled: BTreeMap<u8, Fields> = BTreeMap::new();
    let mut config = busy();
    config.cuts = vec![cut(Heal::At(Duration::from_secs(20)))];
    run(config, |network, step| {
        let Some((NODE, change)) = change(step) else { return };
        for frame in network.notifications(NODE, change, &subscriptions) {
            let (number, fields) = notification(&frame);
            modelled.entry(number).or_default().merge(&fields);
        }
    });
    let (number, fields) = notification(&subscriptions.pruning_point_override().expect("it was subscribed to"));
    modelled.insert(number, fields);
    assert_eq!(captured.keys().collect::<Vec<_>>(), modelled.keys().collect::<Vec<_>>());
    for (number, captured) in &captured {
        assert_eq!(captured.difference(&modelled[number]), None, "notification {number}");
    }
    // Blocks come with transactions, chain changes with and without blocks and with ids.
    assert_eq!(captured[&60].is_filled("content.block.transactions"), Some(true));
    assert_eq!(modelled[&60].is_filled("content.block.transactions"), Some(true));
    let both = Seen { present: true, absent: true };
    for list in ["content.removed[]", "content.added[]"] {
        assert_eq!((captured[&61].0[list], modelled[&61].0[list]), (both, both), "{list}");
    }
}
