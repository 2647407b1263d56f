//! Every operation of the node: what is answered and what is refused.

mod captures_support;
mod network_support;

use std::time::Duration;

use bridge::wire::{Request, Subscription, Verbosity, WireError};
use captures_support::{Outcome, content, reply, request_frame};
use kaspa_hashes::Hash;
use kaspa_rpc_core::api::ops::RpcApiOps;
use network_support::{config, run_until};
use sim::network::{Network, NetworkConfig, Outage, OutageKind};
use sim::node::{Answer, BadRequest, BlockStatus, NodeRequest, NodeSubscription, Subscriptions};

const NODE: usize = 2;
const ID: u64 = 77;

fn answered(network: &mut Network, frame: &[u8]) -> Vec<u8> {
    match network.answer_frame(NODE, frame) {
        Answer::Reply(reply) => reply,
        Answer::DropConnection => panic!("the connection must stay open"),
    }
}

fn refusal(network: &mut Network, frame: &[u8]) -> String {
    match reply(&answered(network, frame)) {
        (ID, Outcome::Refused(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn busy() -> Network {
    run_until(config(41, 20), Duration::from_secs(15))
}

const VERSION: [u8; 2] = [1, 0];

#[test]
fn given_every_request_of_the_bridge_when_the_node_parses_it_then_it_is_the_same() {
    let hash = Hash::from_bytes([7; 32]);
    let page = |verbosity, min_confirmation_count| Request::GetVirtualChainFromBlockV2 {
        start_hash: hash,
        verbosity,
        min_confirmation_count,
    };
    let requests = [
        Request::Subscribe(Subscription::VirtualChainChanged { include_accepted_transaction_ids: true }),
        Request::Subscribe(Subscription::VirtualChainChanged { include_accepted_transaction_ids: false }),
        Request::Subscribe(Subscription::SinkBlueScoreChanged),
        Request::Subscribe(Subscription::VirtualDaaScoreChanged),
        Request::Unsubscribe(Subscription::PruningPointUtxoSetOverride),
        Request::Ping,
        Request::GetServerInfo,
        Request::GetBlockDagInfo,
        Request::GetSink,
        Request::GetBlock { hash, include_transactions: true },
        page(Verbosity::None, None),
        page(Verbosity::Low, Some(0)),
        page(Verbosity::High, Some(u64::MAX)),
        page(Verbosity::Full, Some(20)),
    ];
    for (id, request) in (1..).zip(&requests) {
        let parsed = NodeRequest::parse(&request.encode(id));
        assert_eq!(parsed, Ok((id, NodeRequest::from(request))));
        assert_eq!(NodeRequest::from(request).operation() as u8, request.operation().code());
    }
}

#[test]
fn given_methods_that_are_not_modelled_when_asked_then_a_text_says_why() {
    let mut network = busy();
    let mut asked = 0;
    for code in (RpcApiOps::Ping as u8)..=u8::MAX {
        let Ok(operation) = borsh::from_slice::<RpcApiOps>(&[code]) else { continue };
        let Ok((ID, NodeRequest::Other(_))) = NodeRequest::parse(&request_frame(ID, operation, &VERSION)) else {
            continue;
        };
        asked += 1;
        let expected = match operation {
            RpcApiOps::GetHeaders | RpcApiOps::GetSubnetwork | RpcApiOps::ResolveFinalityConflict => {
                "Not implemented".to_owned()
            }
            RpcApiOps::GetUtxosByAddresses
            | RpcApiOps::GetBalanceByAddress
            | RpcApiOps::GetBalancesByAddresses
            | RpcApiOps::GetCoinSupply => "Method unavailable. Run the node with the --utxoindex argument.".to_owned(),
            _ => format!("the simulated node does not model {operation:?}"),
        };
        assert_eq!(refusal(&mut network, &request_frame(ID, operation, &VERSION)), expected);
    }
    assert!(asked > 20, "{asked}");
}

#[test]
fn given_every_kind_of_subscription_when_sent_then_it_is_confirmed() {
    let mut network = busy();
    let mut address = vec![1, 0, 0, 0, 2, 0, 32, 0, 0, 0];
    address.extend([5; 32]);
    for scope in 0..9u8 {
        let mut body = VERSION.to_vec();
        body.push(scope);
        match scope {
            1 => body.push(1),
            4 => body.extend(&address),
            _ => {}
        }
        let reply = answered(&mut network, &request_frame(ID, RpcApiOps::Subscribe, &body));
        assert_eq!(content(ID, &reply, RpcApiOps::Subscribe).left(), 8, "{scope}");
        let reply = answered(&mut network, &request_frame(ID, RpcApiOps::Unsubscribe, &body));
        assert_eq!(content(ID, &reply, RpcApiOps::Unsubscribe).left(), 0, "{scope}");
    }
    // A payload that does not belong to the kind of address.
    address[6] = 31;
    let mut body = VERSION.to_vec();
    body.push(4);
    body.extend(&address[..address.len() - 1]);
    let parsed = NodeRequest::parse(&request_frame(ID, RpcApiOps::Subscribe, &body));
    assert!(matches!(parsed, Err(BadRequest::Body { id: ID, .. })), "{parsed:?}");
    // All addresses at once, and more of them than the frame has room for.
    body.truncate(3);
    body.extend([0; 4]);
    let parsed = NodeRequest::parse(&request_frame(ID, RpcApiOps::Subscribe, &body));
    assert_eq!(parsed, Ok((ID, NodeRequest::Subscribe(NodeSubscription::NeverAnnounced))));
    body[3..].fill(0xff);
    let parsed = NodeRequest::parse(&request_frame(ID, RpcApiOps::Subscribe, &body));
    let Err(BadRequest::Body { source: WireError::LengthBeyondEnvelope { .. }, .. }) = parsed else {
        panic!("{parsed:?}")
    };
}

#[test]
fn given_scores_and_counts_when_asked_then_they_are_those_of_the_view() {
    let mut network = busy();
    let sink_blue_score = network.store().dag().blue_score(network.node(NODE).sink());
    let reply = answered(&mut network, &request_frame(ID, RpcApiOps::GetSinkBlueScore, &VERSION));
    assert_eq!(content(ID, &reply, RpcApiOps::GetSinkBlueScore).u64("score"), Ok(sink_blue_score));
    let genesis = network.store().dag().daa_score(network.node(NODE).retention_root());
    let blocks = network.virtual_block(NODE).daa_score() - genesis;
    assert!(blocks > 50);
    let reply = answered(&mut network, &request_frame(ID, RpcApiOps::GetBlockCount, &VERSION));
    let mut count = content(ID, &reply, RpcApiOps::GetBlockCount);
    assert_eq!((count.u64("headers"), count.u64("blocks")), (Ok(blocks), Ok(blocks)));
    let reply = answered(&mut network, &request_frame(ID, RpcApiOps::GetCurrentNetwork, &VERSION));
    assert_eq!(content(ID, &reply, RpcApiOps::GetCurrentNetwork).u8("network"), Ok(3));
    let reply = answered(&mut network, &request_frame(ID, RpcApiOps::GetInfo, &VERSION));
    let mut info = content(ID, &reply, RpcApiOps::GetInfo);
    assert_eq!(info.text("p2p id"), Ok("00000000-0000-4000-8000-000000000002"));
    assert_eq!((info.u64("mempool"), info.text("version")), (Ok(0), Ok("2.1.0")));
}

#[test]
fn given_a_node_whose_bodies_lag_when_its_sink_is_old_then_it_is_not_synced_and_has_more_headers() {
    let mut config = config(43, 40);
    let kind = OutageKind::BodiesLag { until: Duration::from_secs(39) };
    config.outages = vec![Outage { node: NODE, at: Duration::from_secs(10), kind }];
    let window_ms = config.parameters.difficulty_window_size * 1_000 / config.parameters.blocks_per_second;
    for (seconds, is_synced) in [(10 + window_ms / 4_000 - 1, true), (10 + window_ms / 4_000 + 2, false)] {
        let mut network = run_until(config.clone(), Duration::from_secs(seconds));
        let reply = answered(&mut network, &request_frame(ID, RpcApiOps::GetSyncStatus, &VERSION));
        assert_eq!(content(ID, &reply, RpcApiOps::GetSyncStatus).bool("synced"), Ok(is_synced), "{seconds}");
        let reply = answered(&mut network, &request_frame(ID, RpcApiOps::GetBlockCount, &VERSION));
        let mut count = content(ID, &reply, RpcApiOps::GetBlockCount);
        let (headers, blocks) = (count.u64("headers").expect("a count"), count.u64("blocks").expect("a count"));
        assert!(headers > blocks + 20, "{headers} headers, {blocks} blocks");
    }
}

#[test]
fn given_transactions_without_blocks_when_get_blocks_is_asked_then_it_is_refused_before_anything_else() {
    let mut network = busy();
    let mut body = VERSION.to_vec();
    body.push(1);
    body.extend([0x42; 32]);
    body.extend([0, 1]);
    let expected = "If includeTransactions is set, then includeBlockVerboseData must be set as well.";
    assert_eq!(refusal(&mut network, &request_frame(ID, RpcApiOps::GetBlocks, &body)), expected);
    let at = body.len() - 1;
    body[at] = 0;
    let expected = format!("cannot find header {}", Hash::from_bytes([0x42; 32]));
    assert_eq!(refusal(&mut network, &request_frame(ID, RpcApiOps::GetBlocks, &body)), expected);
}

#[test]
fn given_get_blocks_when_followed_from_genesis_then_it_lists_every_block_and_at_the_end_the_sink_s_anticone() {
    let mut network = busy();
    let limit = network.store().parameters().mergeset_size_limit + 1;
    let dag = network.store().dag();
    let view = network.node(NODE);
    let known = (0..network.store().block_count() as u32).map(sim::dag::BlockId).filter(|&block| view.knows(block));
    let mut missing: Vec<Hash> = known.map(|block| dag.hash(block)).collect();
    let sink = dag.hash(view.sink());
    let (mut low, mut pages) = (None::<Hash>, 0);
    loop {
        let mut body = VERSION.to_vec();
        match low {
            None => body.push(0),
            Some(hash) => {
                body.push(1);
                body.extend(hash.as_bytes());
            }
        }
        body.extend([0, 0]);
        let reply = answered(&mut network, &request_frame(ID, RpcApiOps::GetBlocks, &body));
        let listed = content(ID, &reply, RpcApiOps::GetBlocks).hashes("blocks").expect("hashes").to_vec();
        pages += 1;
        missing.retain(|hash| !listed.contains(hash));
        let reaches_sink = listed.contains(&sink);
        // The low block, up to the limit, and the last chain block.
        assert!(reaches_sink || listed.len() <= limit + 2, "{}", listed.len());
        assert!(low.is_none_or(|low| listed.first() == Some(&low)));
        low = listed.iter().copied().rfind(|_| !reaches_sink);
        if low.is_none() {
            break;
        }
    }
    assert!(pages > 3, "{pages}");
    // Blocks that the virtual does not merge are all that may be missing.
    let unmerged: Vec<Hash> = network.node(NODE).tips().iter().map(|&tip| network.store().dag().hash(tip)).collect();
    assert!(missing.iter().all(|hash| unmerged.contains(hash)), "{missing:?}");
}

#[test]
fn given_get_blocks_when_asked_from_a_header_below_the_retention_root_then_the_way_up_is_listed_without_a_gap() {
    let mut network = run_until(
        NetworkConfig { mean_delay: Duration::from_millis(100), ..config(46, 200) },
        Duration::from_secs(190),
    );
    let (view, dag) = (network.node(NODE), network.store().dag());
    let root = view.selected_chain().root();
    let below = std::iter::successors(dag.selected_parent(root), |&block| dag.selected_parent(block)).take(4);
    let below: Vec<sim::dag::BlockId> = below.collect();
    assert!(below.iter().all(|&block| view.status(block) == Some(BlockStatus::HeaderOnly)), "the node has pruned");
    let low = dag.hash(below[3]);
    let expected: Vec<Hash> = below[..3].iter().rev().chain([&root]).map(|&block| dag.hash(block)).collect();
    let mut body = VERSION.to_vec();
    body.push(1);
    body.extend(low.as_bytes());
    body.extend([0, 0]);
    let reply = answered(&mut network, &request_frame(ID, RpcApiOps::GetBlocks, &body));
    let listed = content(ID, &reply, RpcApiOps::GetBlocks).hashes("blocks").expect("hashes").to_vec();
    let on_the_way: Vec<Hash> = listed.iter().copied().filter(|hash| expected.contains(hash)).collect();
    assert_eq!((listed.first(), on_the_way), (Some(&low), expected));
}

#[test]
fn given_v1_and_its_three_forms_when_asked_then_ids_come_if_wanted_and_bound_the_page_by_merged_blocks() {
    let mut network = run_until(config(45, 110), Duration::from_secs(100));
    let chain = network.node(NODE).selected_chain().blocks().to_vec();
    let hashes: Vec<Hash> = chain.iter().map(|&block| network.store().dag().hash(block)).collect();
    let limit = network.store().parameters().mergeset_size_limit * 10;
    assert!(chain.len() > limit + 1, "{}", chain.len());
    let request = |start_hash, with_ids, min_confirmation_count| NodeRequest::GetVirtualChainFromBlock {
        start_hash,
        include_accepted_transaction_ids: with_ids,
        min_confirmation_count,
    };
    let page = |network: &mut Network, request: NodeRequest| {
        let Answer::Reply(reply) = network.answer(NODE, ID, request) else { panic!("no reply") };
        let mut content = content(ID, &reply, RpcApiOps::GetVirtualChainFromBlock);
        let removed = content.hashes("removed").expect("hashes").to_vec();
        let added = content.hashes("added").expect("hashes").to_vec();
        let count = content.count("accepted", 36).expect("a count");
        let accepted: Vec<(Hash, Vec<Hash>)> = (0..count)
            .map(|_| (content.hash("block").expect("a hash"), content.hashes("ids").expect("hashes").to_vec()))
            .collect();
        (removed, added, accepted)
    };
    let (removed, added, accepted) = page(&mut network, request(hashes[0], false, None));
    assert!(removed.is_empty() && accepted.is_empty());
    assert_eq!(added, hashes[1..=limit]);
    let (_, added, accepted) = page(&mut network, request(hashes[0], true, None));
    assert!(added.len() < limit, "{}", added.len());
    assert_eq!(added.iter().collect::<Vec<_>>(), accepted.iter().map(|(block, _)| block).collect::<Vec<_>>());
    for (&block, (_, ids)) in chain[1..].iter().zip(&accepted) {
        assert_eq!(ids, &network.store().accepted_ids(block).collect::<Vec<_>>());
    }
    let start = chain.len() - 20;
    let dag = network.store().dag();
    let depth = |block| dag.blue_score(network.node(NODE).sink()) - dag.blue_score(block);
    let count = depth(chain[chain.len() - 6]);
    let deep = chain[start + 1..].iter().filter(|&&block| depth(block) > count).count();
    let (_, added, _) = page(&mut network, request(hashes[start], true, Some(count)));
    assert_eq!(added, hashes[start + 1..=start + deep]);
}

#[test]
fn given_notifications_of_blocks_and_templates_when_only_these_are_wanted_then_only_these_come() {
    let mut subscriptions = Subscriptions::default();
    subscriptions.apply(NodeSubscription::BlockAdded, true);
    subscriptions.apply(NodeSubscription::NewBlockTemplate, true);
    subscriptions.apply(NodeSubscription::NeverAnnounced, true);
    assert_eq!(subscriptions.pruning_point_override(), None);
    let mut blocks = 0;
    network_support::run(config(44, 5), |network, step| {
        let Some((NODE, change)) = network_support::change(step) else { return };
        let numbers: Vec<u8> = network
            .notifications(NODE, change, &subscriptions)
            .iter()
            .map(|frame| captures_support::notification(frame).0)
            .collect();
        let mut expected = vec![60; change.blocks.len()];
        expected.push(68);
        assert_eq!(numbers, expected);
        blocks += change.blocks.len();
    });
    assert!(blocks > 20, "{blocks}");
}
