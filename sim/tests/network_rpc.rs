//! What a model node answers and announces, read with the bridge's own reader.

mod network_support;

use std::time::Duration;

use bridge::wire::{Block, ChainPage, Notification, Operation, Reply, Request, ServerFrame, Subscription, Verbosity};
use kaspa_hashes::Hash;
use network_support::{change, config, cut, run, run_until};
use sim::dag::BlockId;
use sim::gossip::Heal;
use sim::network::Network;
use sim::node::{Answer, Subscriptions};

const NODE: usize = 2;

fn frame(network: &mut Network, request: Request) -> Vec<u8> {
    match network.answer_frame(NODE, &request.encode(77)) {
        Answer::Reply(frame) => frame,
        Answer::DropConnection => panic!("a served request must not close the connection"),
    }
}

fn decode(frame: &[u8], operation: Operation) -> Result<Reply<'_>, String> {
    let Ok(ServerFrame::Reply(reply)) = ServerFrame::parse(frame) else { panic!("not a reply") };
    assert_eq!(reply.id, 77);
    reply.decode(operation).expect("the node writes well-formed replies").map_err(|error| error.text.to_owned())
}

fn page_request(start_hash: Hash, verbosity: Verbosity, min_confirmation_count: Option<u64>) -> Request {
    Request::GetVirtualChainFromBlockV2 { start_hash, verbosity, min_confirmation_count }
}

fn page_frame(network: &mut Network, low: BlockId, verbosity: Verbosity, confirmations: Option<u64>) -> Vec<u8> {
    let low = network.store().dag().hash(low);
    frame(network, page_request(low, verbosity, confirmations))
}

fn page(frame: &[u8]) -> ChainPage<'_> {
    match decode(frame, Operation::GetVirtualChainFromBlockV2) {
        Ok(Reply::ChainPage(page)) => page,
        other => panic!("{other:?}"),
    }
}

fn block(frame: &[u8]) -> Block<'_> {
    match decode(frame, Operation::GetBlock) {
        Ok(Reply::Block(block)) => block,
        other => panic!("{other:?}"),
    }
}

fn hashes(network: &Network, blocks: &[BlockId]) -> Vec<Hash> {
    blocks.iter().map(|&block| network.store().dag().hash(block)).collect()
}

/// In the middle of mining, so that tips, orphans and blocks on the way exist.
fn busy() -> Network {
    run_until(config(11, 60), Duration::from_secs(45))
}

#[test]
fn given_a_chain_when_a_page_is_asked_from_genesis_then_it_has_the_first_blocks_up_to_the_limit() {
    let mut network = busy();
    let chain = network.node(NODE).chain().to_vec();
    let limit = network.store().parameters().mergeset_size_limit * 10;
    let genesis = network.store().dag().hash(BlockId::GENESIS);
    let bytes = frame(&mut network, page_request(genesis, Verbosity::Full, None));
    let page = page(&bytes);
    assert!(page.removed.is_empty());
    // Chain blocks merge more than themselves: the limit of merged blocks ends this page.
    let dag = network.store().dag();
    let merged = |count: usize| chain[1..=count].iter().map(|&block| dag.mergeset(block).count()).sum::<usize>();
    let count = page.added.len();
    assert!(count < chain.len() - 1 && count < limit, "{count}");
    assert!(merged(count) <= limit && merged(count + 1) > limit);
    assert_eq!(page.added.to_vec(), hashes(&network, &chain[1..=count]));
    assert_eq!(page.blocks().count(), count);
}

#[test]
fn given_a_full_page_when_its_blocks_are_read_then_headers_hash_and_transactions_are_the_accepted_ones() {
    let mut network = busy();
    let start = network.node(NODE).chain()[20];
    let bytes = page_frame(&mut network, start, Verbosity::Full, None);
    let page = page(&bytes);
    let mut previous = network.store().dag().hash(start);
    let mut transactions = 0;
    for (hash, chain_block) in page.added.iter().zip(page.blocks()) {
        assert_eq!(chain_block.header.computed_hash(), Some(hash));
        assert_eq!(chain_block.header.hash, Some(hash));
        assert_eq!(chain_block.header.first_parent(), Some(previous));
        previous = hash;
        let store = network.store();
        let block = store.dag().id(&hash).expect("the page names blocks of the store");
        assert_eq!(chain_block.accepted.clone().count(), store.accepted_by(block).len());
        for (read, entry) in chain_block.accepted.clone().zip(store.accepted_by(block)) {
            let transaction = store.transaction(entry.transaction);
            assert_eq!(read.id, Some(transaction.id()));
            assert_eq!(read.payload, Some(transaction.payload.as_slice()));
            assert_eq!(read.block_hash, Some(store.dag().hash(entry.block)));
            assert_eq!(read.block_time_ms, Some(store.timestamp(entry.block)));
            assert_eq!(read.version, Some(transaction.version));
            assert_eq!(read.input_count, transaction.inputs.len());
            assert_eq!(read.output_count, transaction.outputs.len());
            transactions += 1;
        }
    }
    assert!(transactions > 50, "{transactions}");
    // A second time the shared encoding is used.
    assert_eq!(bytes, page_frame(&mut network, start, Verbosity::Full, None));
}

#[test]
fn given_a_verbosity_when_a_page_is_asked_then_it_has_the_fields_of_that_level() {
    let mut network = busy();
    let view = network.node(NODE);
    let start = network.store().dag().hash(view.chain()[view.chain().len() - 4]);
    for verbosity in [Verbosity::None, Verbosity::Low, Verbosity::High, Verbosity::Full] {
        let bytes = frame(&mut network, page_request(start, verbosity, None));
        let page = page(&bytes);
        assert_eq!(page.added.len(), 3);
        for (hash, chain_block) in page.added.iter().zip(page.blocks()) {
            let header = &chain_block.header;
            assert_eq!(header.hash, Some(hash));
            assert_eq!(header.blue_score.is_some(), verbosity >= Verbosity::Low);
            assert_eq!(header.first_parent().is_some(), verbosity >= Verbosity::High);
            assert_eq!(header.pruning_point.is_some(), verbosity >= Verbosity::Full);
            for transaction in chain_block.accepted.clone() {
                assert_eq!(transaction.id.is_some(), verbosity >= Verbosity::Low);
                assert_eq!(transaction.compute_mass.is_some(), verbosity >= Verbosity::High);
                assert_eq!(transaction.lock_time.is_some(), verbosity >= Verbosity::Full);
                // Filled at every level.
                assert!(transaction.payload.is_some() && transaction.subnetwork_id.is_some());
            }
        }
    }
}

#[test]
fn given_the_sink_a_side_block_and_confirmations_when_asked_then_the_page_follows_the_node_s_rules() {
    let mut network = busy();
    let sink = network.node(NODE).sink();
    let bytes = page_frame(&mut network, sink, Verbosity::Low, None);
    assert!(page(&bytes).removed.is_empty() && page(&bytes).added.is_empty());

    // A block off the chain with a selected parent off the chain: both are removed, tip first.
    let (view, dag) = (network.node(NODE), network.store().dag());
    let off_chain = |&block: &BlockId| view.knows(block) && !view.is_chain_block(dag, block);
    let side = (1..dag.len() as u32)
        .map(BlockId)
        .rfind(|block| off_chain(block) && dag.selected_parent(*block).is_some_and(|parent| off_chain(&parent)))
        .expect("eight miners leave side chains of two blocks");
    let removed: Vec<_> =
        std::iter::successors(Some(side), |&block| dag.selected_parent(block)).take_while(off_chain).collect();
    let fork = dag.selected_parent(removed[removed.len() - 1]).expect("genesis is on the chain");
    let added = view.chain()[dag.height(fork) as usize + 1..].to_vec();
    let bytes = page_frame(&mut network, side, Verbosity::Full, None);
    assert_eq!(page(&bytes).removed.to_vec(), hashes(&network, &removed));
    let found = page(&bytes).added.to_vec();
    assert!(!found.is_empty());
    assert_eq!(found, hashes(&network, &added)[..found.len()]);

    // Confirmations strip the newest end only; removed blocks stay.
    let dag = network.store().dag();
    let low = *network.node(NODE).chain().iter().rev().nth(12).expect("the chain is longer");
    let depth = |block: BlockId| dag.blue_score(sink) - dag.blue_score(block);
    let on_edge = *network.node(NODE).chain().iter().rev().nth(5).expect("the chain is longer");
    let count = depth(on_edge);
    let deep: Vec<_> = network.node(NODE).chain().iter().copied().filter(|&block| depth(block) > count).collect();
    let deep: Vec<_> = deep.into_iter().filter(|&block| dag.height(block) > dag.height(low)).collect();
    assert!(!deep.is_empty() && !deep.contains(&on_edge));
    let expected = hashes(&network, &deep);
    let bytes = page_frame(&mut network, low, Verbosity::Low, Some(count));
    assert_eq!(page(&bytes).added.to_vec(), expected);
    let bytes = page_frame(&mut network, side, Verbosity::Low, Some(u64::MAX));
    assert_eq!(page(&bytes).removed.len(), removed.len());
    assert!(page(&bytes).added.is_empty());
}

#[test]
fn given_a_block_that_the_node_lacks_when_asked_then_the_text_is_the_node_s() {
    let mut network = busy();
    let unknown = Hash::from_bytes([0x42; 32]);
    let view = network.node(NODE);
    let on_the_way = (0..network.store().block_count() as u32)
        .map(BlockId)
        .find(|&block| !view.knows(block))
        .map(|block| network.store().dag().hash(block))
        .expect("at ten blocks a second some block is on its way");
    for hash in [unknown, Hash::from_bytes([0; 32]), on_the_way] {
        let expected = Err(format!("cannot find header {hash}"));
        let bytes = frame(&mut network, page_request(hash, Verbosity::Full, None));
        assert_eq!(decode(&bytes, Operation::GetVirtualChainFromBlockV2).map(|_| ()), expected);
        let bytes = frame(&mut network, Request::GetBlock { hash, include_transactions: true });
        assert_eq!(decode(&bytes, Operation::GetBlock).map(|_| ()), expected);
    }
    // As it was captured from a node.
    let bytes = frame(&mut network, Request::GetBlock { hash: unknown, include_transactions: false });
    let captured = "cannot find header 4242424242424242424242424242424242424242424242424242424242424242";
    assert_eq!(decode(&bytes, Operation::GetBlock).err().as_deref(), Some(captured));
}

#[test]
fn given_blocks_when_fetched_then_verbose_data_is_the_node_s_view() {
    let mut network = busy();
    for id in [BlockId::GENESIS, network.node(NODE).chain()[30], network.node(NODE).sink()] {
        let hash = network.store().dag().hash(id);
        for include_transactions in [false, true] {
            let bytes = frame(&mut network, Request::GetBlock { hash, include_transactions });
            let read = block(&bytes);
            assert_eq!(read.header.computed_hash(), Some(hash));
            let (store, view) = (network.store(), network.node(NODE));
            let transactions = store.transactions_of(id);
            assert_eq!(read.transaction_count, if include_transactions { transactions.len() } else { 0 });
            let verbose = read.verbose.expect("GetBlock always has verbose data");
            let ids: Vec<_> = transactions.map(|index| store.transaction_id(index)).collect();
            assert_eq!(verbose.transaction_ids.to_vec(), ids);
            assert_eq!(verbose.is_chain_block, view.is_chain_block(store.dag(), id));
            assert_eq!(verbose.mergeset_blues.to_vec(), hashes(&network, store.dag().mergeset_blues(id)));
            assert_eq!(verbose.mergeset_reds.to_vec(), hashes(&network, store.dag().mergeset_reds(id)));
            let children = (0..store.block_count() as u32).map(BlockId);
            let children: Vec<_> =
                children.filter(|&child| view.knows(child) && store.dag().parents(child).contains(&id)).collect();
            assert_eq!(verbose.children.to_vec(), hashes(&network, &children));
        }
    }
}

#[test]
fn given_the_small_requests_when_answered_then_they_tell_of_the_virtual_and_the_sink() {
    let mut network = busy();
    let sink = network.store().dag().hash(network.node(NODE).sink());
    let bytes = frame(&mut network, Request::GetSink);
    assert!(matches!(decode(&bytes, Operation::GetSink), Ok(Reply::Sink(hash)) if hash == sink));
    let bytes = frame(&mut network, Request::Ping);
    assert!(matches!(decode(&bytes, Operation::Ping), Ok(Reply::Ping)));
    let bytes = frame(&mut network, Request::GetServerInfo);
    let Ok(Reply::ServerInfo(server)) = decode(&bytes, Operation::GetServerInfo) else { panic!("no server info") };
    assert_eq!((server.server_version, server.network.to_string().as_str()), ("2.1.0", "simnet"));
    assert!(server.is_synced && !server.has_utxo_index);
    let info_bytes = frame(&mut network, Request::GetBlockDagInfo);
    let Ok(Reply::BlockDagInfo(info)) = decode(&info_bytes, Operation::GetBlockDagInfo) else { panic!("no DAG info") };
    assert_eq!(info.sink, sink);
    assert_eq!(info.virtual_parents.first(), Some(sink));
    assert_eq!(info.virtual_daa_score, server.virtual_daa_score);
    assert_eq!(info.tips.to_vec(), hashes(&network, network.node(NODE).tips()));
    assert_eq!(info.pruning_point_hash, network.store().dag().hash(BlockId::GENESIS));
    assert!((info.difficulty - 1.0).abs() < 0.01, "{}", info.difficulty);
}

#[test]
fn given_an_unknown_operation_when_sent_then_the_connection_is_dropped() {
    let mut network = busy();
    let mut request = Request::Ping.encode(5);
    assert!(matches!(network.answer_frame(NODE, &request), Answer::Reply(_)));
    // The operation follows the tag and the eight bytes of the id.
    request[9] = 200;
    assert_eq!(network.answer_frame(NODE, &request), Answer::DropConnection);
    assert_eq!(network.answer_frame(NODE, &[]), Answer::DropConnection);
}

#[test]
fn given_subscriptions_when_blocks_arrive_then_frames_come_in_the_node_s_order_and_rebuild_the_chain() {
    let mut all = Subscriptions::default();
    let ids = Subscription::VirtualChainChanged { include_accepted_transaction_ids: true };
    for subscription in [ids, Subscription::VirtualDaaScoreChanged, Subscription::SinkBlueScoreChanged] {
        all.apply(&subscription, true);
    }
    let mut chain_only = Subscriptions::default();
    chain_only.apply(&Subscription::VirtualChainChanged { include_accepted_transaction_ids: false }, true);
    chain_only.apply(&Subscription::SinkBlueScoreChanged, true);
    chain_only.apply(&Subscription::SinkBlueScoreChanged, false);
    let mut config = config(12, 20);
    config.cuts = vec![cut(Heal::At(Duration::from_secs(15)))];
    let genesis = run_until(config.clone(), Duration::ZERO).store().dag().hash(BlockId::GENESIS);
    let mut chain = vec![genesis];
    let (mut empty, mut removed) = (0, 0);
    let network = run(config, |network, step| {
        let Some((NODE, change)) = change(step) else { return };
        let frames = network.notifications(NODE, change, &all);
        let notifications: Vec<_> = frames.iter().map(|frame| notification(frame)).collect();
        let [
            Notification::SinkBlueScoreChanged { sink_blue_score },
            Notification::VirtualDaaScoreChanged { .. },
            Notification::VirtualChainChanged(moved),
        ] = notifications.as_slice()
        else {
            panic!("{notifications:?}");
        };
        assert_eq!(*sink_blue_score, network.store().dag().blue_score(network.node(NODE).sink()));
        for hash in moved.removed.iter() {
            assert_eq!(chain.pop(), Some(hash));
            removed += 1;
        }
        chain.extend(moved.added.iter());
        empty += usize::from(moved.added.is_empty());
        for (hash, accepted) in moved.added.iter().zip(moved.accepted.clone()) {
            assert_eq!(accepted.accepting_block_hash, hash);
            let block = network.store().dag().id(&hash).expect("announced blocks are in the store");
            let expected: Vec<_> = network.store().accepted_ids(block).collect();
            assert_eq!(accepted.transaction_ids.to_vec(), expected);
        }
        let frames = network.notifications(NODE, change, &chain_only);
        assert_eq!(frames.len(), 1);
        let Notification::VirtualChainChanged(moved) = notification(&frames[0]) else { panic!("not the chain") };
        assert_eq!(moved.accepted.clone().count(), 0);
    });
    assert_eq!(chain, hashes(&network, network.node(NODE).chain()));
    assert!(empty > 20 && removed > 10, "{empty} empty, {removed} removed");
}

fn notification(frame: &[u8]) -> Notification<'_> {
    match ServerFrame::parse(frame) {
        Ok(ServerFrame::Notification(notification)) => notification,
        other => panic!("{other:?}"),
    }
}
