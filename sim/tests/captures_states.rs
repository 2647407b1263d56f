//! The model node in the states in which nodes were captured or are known to be: bodies that lag behind headers, data
//! that was pruned, a reset by a pruning proof.

mod captures_support;
mod network_support;

use std::time::Duration;

use bridge::wire::{Block, BlockDagInfo, ChainPage, Operation, Reply, Request, ServerFrame, Verbosity};
use captures_support::{CAPTURES, Outcome, capture, notification, reply};
use kaspa_hashes::Hash;
use network_support::{config, cut, run_until};
use sim::dag::BlockId;
use sim::gossip::{Cut, Heal};
use sim::network::{Network, NetworkConfig, Outage, OutageKind, StepKind};
use sim::node::{Answer, BlockStatus, NodeRequest, NodeSubscription, Subscriptions};
use sim::workload::WorkloadConfig;

const NODE: usize = 2;
const BELOW_ROOT: &str = "the queried hash does not have retention root on its chain";

fn page_request(start_hash: Hash) -> Request {
    Request::GetVirtualChainFromBlockV2 { start_hash, verbosity: Verbosity::None, min_confirmation_count: None }
}

fn frame(network: &mut Network, request: impl Into<NodeRequest>) -> Vec<u8> {
    match network.answer(NODE, 1, request) {
        Answer::Reply(frame) => frame,
        Answer::DropConnection => panic!("no request closes the connection"),
    }
}

fn outcome(network: &mut Network, request: impl Into<NodeRequest>) -> Outcome {
    reply(&frame(network, request)).1
}

fn decode(frame: &[u8], operation: Operation) -> Reply<'_> {
    let Ok(ServerFrame::Reply(reply)) = ServerFrame::parse(frame) else { panic!("not a reply") };
    reply.decode(operation).expect("the node writes well-formed replies").expect("the node does not refuse")
}

fn page(frame: &[u8]) -> ChainPage<'_> {
    let Reply::ChainPage(page) = decode(frame, Operation::GetVirtualChainFromBlockV2) else { panic!("not a page") };
    page
}

fn block(frame: &[u8]) -> Block<'_> {
    let Reply::Block(block) = decode(frame, Operation::GetBlock) else { panic!("not a block") };
    block
}

fn dag_info(frame: &[u8]) -> BlockDagInfo<'_> {
    let Reply::BlockDagInfo(info) = decode(frame, Operation::GetBlockDagInfo) else { panic!("no information") };
    info
}

fn hash(network: &Network, block: BlockId) -> Hash {
    network.store().dag().hash(block)
}

#[test]
fn given_a_node_whose_bodies_lag_when_paged_from_a_header_then_a_reorganisation_that_never_was_is_told() {
    let mut config = config(51, 60);
    let kind = OutageKind::BodiesLag { until: Duration::from_secs(50) };
    config.outages = vec![Outage { node: NODE, at: Duration::from_secs(20), kind }];
    let mut network = run_until(config, Duration::from_secs(40));
    let (view, dag) = (network.node(NODE), network.store().dag());
    let (tip, sink) = (view.header_tip(), view.sink());
    assert_eq!(view.status(tip), Some(BlockStatus::HeaderOnly));
    let fork = dag.common_chain_ancestor(tip, sink);
    let removed: Vec<Hash> = std::iter::successors(Some(tip), |&block| dag.selected_parent(block))
        .take_while(|&block| block != fork)
        .map(|block| dag.hash(block))
        .collect();
    let height_to_sink = dag.height(sink) - dag.height(fork);
    assert!(removed.len() > 20, "{}", removed.len());
    let tip = hash(&network, tip);
    let reply = frame(&mut network, &page_request(tip));
    assert_eq!(page(&reply).removed.to_vec(), removed);
    assert_eq!(page(&reply).added.len() as u64, height_to_sink);
    let reply = frame(&mut network, &Request::GetBlock { hash: tip, include_transactions: true });
    assert!(block(&reply).verbose.expect("it has verbose data").is_header_only);
    let reply = frame(&mut network, &Request::GetBlockDagInfo);
    assert!(dag_info(&reply).header_count > dag_info(&reply).block_count + 100);
}

/// Few blocks at a time beside each other, so that a long run is cheap.
fn long(seed: u64, seconds: u64) -> NetworkConfig {
    NetworkConfig {
        hash_shares: vec![1, 1, 0],
        mean_delay: Duration::from_millis(50),
        workload: WorkloadConfig::mixed(100, 1),
        ..config(seed, seconds)
    }
}

fn step_until(network: &mut Network, what: impl Fn(&Network) -> bool) {
    while !what(network) {
        network.step().expect("the store is not full").expect("it happens before mining ends");
    }
}

#[test]
fn given_a_pruned_node_when_asked_for_what_is_below_then_texts_and_fields_are_those_of_the_captures() {
    let mut network = Network::new(long(52, 1_500)).expect("the configuration is valid");
    step_until(&mut network, |network| network.node(NODE).pruning_point() != BlockId::GENESIS);
    let view = network.node(NODE);
    assert!(view.deletion_is_due(), "the retention root moves first, deletion comes later");
    let old: Vec<BlockId> = view.selected_chain().blocks().iter().copied().take(150).collect();
    let root = view.retention_root();
    let is_below = |block: &BlockId| network.store().dag().height(*block) < network.store().dag().height(root);
    assert!(old.iter().all(is_below));
    // Not deleted yet: pages are refused, blocks are whole.
    for &low in &old {
        let low = hash(&network, low);
        assert_eq!(outcome(&mut network, &page_request(low)), Outcome::Refused(BELOW_ROOT.to_owned()));
        let reply = frame(&mut network, &Request::GetBlock { hash: low, include_transactions: true });
        assert!(!block(&reply).verbose.expect("it has verbose data").is_header_only);
    }
    let root = hash(&network, root);
    assert!(page(&frame(&mut network, &page_request(root))).removed.is_empty());
    let reply = frame(&mut network, &Request::GetBlockDagInfo);
    assert_eq!(dag_info(&reply).pruning_point_hash, root);
    // Deleted: some are kept as headers, and look like those that were captured.
    step_until(&mut network, |network| !network.node(NODE).deletion_is_due());
    let captured = capture(CAPTURES[2]).conversations.into_iter().find_map(|conversation| match conversation.outcome {
        Outcome::Fields(fields) if fields.0.get("block.verbose_data.is_header_only?")?.present => Some(fields),
        _ => None,
    });
    let captured = captured.expect("a block below the retention root was captured");
    let kept = old[140];
    assert_eq!(network.node(NODE).status(kept), Some(BlockStatus::HeaderOnly));
    let request = Request::GetBlock { hash: hash(&network, kept), include_transactions: true };
    let Outcome::Fields(fields) = outcome(&mut network, &request) else { panic!("a kept header is refused") };
    assert_eq!(captured.difference(&fields), None);
    for list in ["block.transactions", "block.verbose_data.transaction_ids"] {
        assert_eq!((captured.is_filled(list), fields.is_filled(list)), (Some(false), Some(false)), "{list}");
    }
    let request = page_request(hash(&network, kept));
    assert_eq!(outcome(&mut network, &request), Outcome::Refused(BELOW_ROOT.to_owned()));
    // Later they are forgotten, too.
    step_until(&mut network, |network| network.node(NODE).status(kept).is_none());
    let kept = hash(&network, kept);
    let gone = Outcome::Refused(format!("cannot find header {kept}"));
    assert_eq!(outcome(&mut network, &page_request(kept)), gone);
    assert_eq!(outcome(&mut network, &Request::GetBlock { hash: kept, include_transactions: false }), gone);
}

/// What a follower of a node sees that is reset by a pruning proof, without repetitions: what a page from genesis
/// gives, the notification of the reset, how many blocks the first change of its chain removes.
///
/// The node is alone from the start, like the captured one; its peers prune meanwhile.
fn story_of_a_reset() -> (Hash, Vec<String>) {
    let at = Duration::from_secs(250);
    let mut config = long(53, 300);
    config.cuts = vec![Cut { at: Duration::ZERO, side: vec![NODE], ..cut(Heal::At(at)) }];
    let kind = OutageKind::Resync { from: 0, transition: Duration::from_secs(3) };
    config.outages = vec![Outage { node: NODE, at: at + Duration::from_millis(1), kind }];
    let mut network = run_until(config, at - Duration::from_secs(1));
    let genesis = hash(&network, BlockId::GENESIS);
    let mut subscriptions = Subscriptions::default();
    subscriptions.apply(NodeSubscription::PruningPointUtxoSetOverride, true);
    let mut story = Vec::new();
    let mut changes = 0;
    while let Some(step) = network.step().expect("the store is not full") {
        if let StepKind::TransitionEnded { node: NODE } = step.what {
            let frame = subscriptions.pruning_point_override().expect("it was subscribed to");
            story.push(format!("notification {}", notification(&frame).0));
        }
        if let Some((NODE, change)) = step.resolved.as_ref().map(|(node, change)| (*node, change))
            && step.at > at
        {
            if changes == 0 {
                let first = *change.added.first().expect("bodies above the pruning point are processed");
                let parent = network.store().dag().selected_parent(first);
                assert_eq!(parent, Some(network.node(NODE).pruning_point()));
                story.push(format!("{} removed", change.removed.len()));
            }
            changes += 1;
        }
        story.push(told(outcome(&mut network, &page_request(genesis))));
        story.dedup();
        if network.node(NODE).is_transitional() {
            let info = frame(&mut network, &Request::GetBlockDagInfo);
            let point = hash(&network, network.node(NODE).pruning_point());
            assert_eq!((dag_info(&info).sink, dag_info(&info).pruning_point_hash), (point, point));
            assert_ne!(point, genesis);
        }
    }
    assert!(changes > 3, "{changes}");
    (genesis, story)
}

fn told(outcome: Outcome) -> String {
    match outcome {
        Outcome::Fields(_) => "a page".to_owned(),
        Outcome::Refused(text) => text,
    }
}

#[test]
fn given_a_node_that_is_reset_when_followed_then_it_is_transitional_and_announced_and_nothing_is_removed() {
    let (genesis, story) = story_of_a_reset();
    let gone = story.get(3).expect("the anchor is refused in the end");
    assert!(gone == BELOW_ROOT || *gone == format!("cannot find header {genesis}"), "{gone}");
    let transitional = "consensus is currently in a transitional ibd state";
    assert_eq!(story, ["a page", transitional, "notification 67", gone, "0 removed", gone]);
}

#[test]
fn given_a_node_that_is_reset_when_followed_from_genesis_then_the_story_is_the_one_that_was_captured() {
    let (genesis, story) = story_of_a_reset();
    assert_eq!(story[3], format!("cannot find header {genesis}"));
    let capture = capture(CAPTURES[1]);
    let pages = capture
        .conversations
        .into_iter()
        .filter(|conversation| matches!(conversation.request, NodeRequest::GetVirtualChainFromBlockV2 { .. }));
    let mut captured: Vec<String> = pages.map(|conversation| told(conversation.outcome)).collect();
    captured.dedup();
    assert_eq!(captured, [&story[0], &story[1], &story[3]].map(String::clone));
    assert!(capture.notifications.iter().any(|(number, _)| *number == 67));
}
