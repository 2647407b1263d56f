//! The bridge against real nodes: kaspad 2.1.0 on simnet, over loopback.
//!
//! Needs the environment variable `KASPAD` to name the binary; without it every test says that it was skipped. What must
//! hold is always what the node itself says when it is asked by a client that shares no code with the bridge.

#![expect(clippy::disallowed_methods, reason = "real nodes live in real time")]

mod live_support;

use std::{path::Path, time::Duration};

use bridge::{DisconnectReason, L1Event, RejectReason};
use kaspa_hashes::Hash;
use live_support::{
    consumer::{Consumer, Given, Stored, config},
    kaspad::{FINALITY_DEPTH, Kaspad},
    miner::Miner,
    scenes::{Apart, FIRST_PRUNING, far_ahead, follow_to_sink, refusal, reset},
    with_kaspad,
};

/// What V2 answers about a block below the retention root, at first.
const BELOW_RETENTION_ROOT: &str = "the queried hash does not have retention root on its chain";

/// What V2 answers about a block that was never there, or is gone.
const UNKNOWN_HEADER: &str = "cannot find header";

#[test]
fn given_a_node_that_mines_when_followed_from_its_pruning_point_then_chain_and_accepted_ids_are_the_nodes() {
    with_kaspad(async |kaspad| {
        let node = Kaspad::start(kaspad, "mining").await;
        let (mut miner, mut client) = (Miner::on(&node, 1).await, node.client().await);
        let mut consumer = Consumer::start(config(&node));
        miner.mine(60).await;
        for _ in 0..20 {
            miner.pay(3).await;
            miner.mine_pairs(2).await;
            miner.mine(8).await;
        }
        consumer.until_settled(&mut client).await;
        consumer.must_agree(&mut client).await;

        let chain = &consumer.stored.chain;
        let accepted: usize = chain.iter().map(|block| block.accepted.len()).sum();
        // Each chain block accepts a coinbase, but for the first: genesis has none to give.
        assert!(accepted >= chain.len() - 1 + 60, "{accepted} transactions in {} blocks", chain.len());
        assert!(chain.iter().any(|block| block.accepted.len() >= 4), "no block accepts several transactions");
        let tip = chain.last().expect("blocks were mined").blue_score;
        assert!(tip > chain.len() as u64, "no block merges another");

        assert!(consumer.stored.root().blue_score > 0 && consumer.stored.root().blue_score <= tip - FINALITY_DEPTH);
        // Of twins the one with the larger hash wins, even if it comes second.
        assert!(consumer.reorgs().all(|reorg| reorg.removed.len() == 1), "{:#?}", consumer.told);
    });
}

#[test]
fn given_a_consumer_that_stopped_midway_when_resumed_with_its_window_then_every_number_comes_once() {
    with_kaspad(async |kaspad| stop_and_go_on(kaspad, Given::Window).await);
}

#[test]
fn given_a_consumer_that_stopped_midway_when_resumed_without_window_then_every_number_comes_once() {
    with_kaspad(async |kaspad| stop_and_go_on(kaspad, Given::CheckpointOnly).await);
}

/// The consumer itself checks that no number is left out or comes twice.
async fn stop_and_go_on(kaspad: &Path, given: Given) {
    let node = Kaspad::start(kaspad, "stop").await;
    let (mut miner, mut client) = (Miner::on(&node, 1).await, node.client().await);
    let mut first = Consumer::start(config(&node));
    miner.mine_to(FINALITY_DEPTH + 60).await;
    first.until_settled(&mut client).await;
    miner.mine(60).await;
    // More was fetched than is taken: what is in the queue is lost with this life.
    let enough = first.stored.sequence() + 20;
    first.until("a part of what follows", |consumer| consumer.stored.sequence() >= enough).await;
    let stored = first.stop();
    let stopped_at = stored.tip();
    assert_ne!(stopped_at.hash, client.sink().await);
    miner.mine_pairs(20).await;

    let mut second = Consumer::resume(config(&node), stored, given);
    second.until_at_sink(&mut client).await;
    miner.mine(10).await;
    second.until_at_sink(&mut client).await;
    second.must_agree(&mut client).await;
    assert!(second.reorgs().all(|reorg| reorg.fork.index > stopped_at.index), "{:#?}", second.told);
    assert!(second.stored.tip().index > stopped_at.index + 20);
}

#[test]
fn given_two_nodes_that_were_apart_when_they_join_then_the_loser_tells_a_reorg_of_its_own_blocks() {
    with_kaspad(async |kaspad| {
        let nodes = Apart::start(kaspad, 20, 60).await;
        let mut client = nodes.left.client().await;
        let mut consumer = Consumer::start(config(&nodes.left));
        consumer.until_at_sink(&mut client).await;
        let mut lost: Vec<Hash> = client.chain_above(nodes.fork).await.iter().map(|block| block.hash).collect();
        lost.reverse();
        nodes.join().await;
        consumer.until_at_sink(&mut client).await;
        consumer.must_agree(&mut client).await;

        let reorgs: Vec<_> = consumer.reorgs().collect();
        assert_eq!(reorgs.len(), 1, "{reorgs:?}");
        assert_eq!((reorgs[0].fork.hash, &reorgs[0].removed), (nodes.fork, &lost));
        assert!(reorgs[0].removed_known && lost.len() == 20, "{} blocks were lost", lost.len());
    });
}

#[test]
fn given_a_reorg_while_the_consumer_was_away_when_resumed_then_it_is_told_first() {
    with_kaspad(async |kaspad| {
        let nodes = Apart::start(kaspad, 20, 60).await;
        let mut client = nodes.left.client().await;
        let mut first = Consumer::start(config(&nodes.left));
        first.until_at_sink(&mut client).await;
        let stored = first.stop();
        nodes.join().await;
        for given in [Given::Window, Given::CheckpointOnly] {
            let mut second = Consumer::resume(config(&nodes.left), stored.clone(), given);
            second.until_at_sink(&mut client).await;
            second.must_agree(&mut client).await;
            let reorgs: Vec<_> = second.reorgs().collect();
            assert_eq!(reorgs.len(), 1, "{given:?}: {reorgs:?}");
            assert_eq!((reorgs[0].sequence, reorgs[0].fork.hash), (stored.sequence() + 1, nodes.fork), "{given:?}");
        }
    });
}

#[test]
fn given_a_heavier_chain_that_forks_below_the_root_when_resumed_there_then_fatal_says_that_it_conflicts() {
    with_kaspad(async |kaspad| {
        let nodes = Apart::start(kaspad, FINALITY_DEPTH as usize + 60, FINALITY_DEPTH as usize + 100).await;
        let mut first = Consumer::start(config(&nodes.left));
        first.until_settled(&mut nodes.left.client().await).await;
        let stored = first.stop();
        must_conflict(&nodes, stored.clone(), Given::Window).await;
        must_conflict(&nodes, stored, Given::CheckpointOnly).await;
    });
}

#[test]
fn given_a_window_whose_finality_was_not_told_yet_when_resumed_at_a_conflicting_node_then_nothing_final_is_removed() {
    with_kaspad(async |kaspad| conflict_before_finality(kaspad, Given::Window).await);
}

#[test]
fn given_a_checkpoint_whose_finality_was_not_told_yet_when_resumed_at_a_conflicting_node_then_nothing_final_is_removed()
{
    with_kaspad(async |kaspad| conflict_before_finality(kaspad, Given::CheckpointOnly).await);
}

/// The consumer stopped between its last block and the event that says what that made final.
async fn conflict_before_finality(kaspad: &Path, given: Given) {
    let nodes = Apart::start(kaspad, FINALITY_DEPTH as usize + 60, FINALITY_DEPTH as usize + 100).await;
    let stored = follow_to_sink(&nodes.left).await;
    must_conflict(&nodes, stored, given).await;
}

/// Goes on at the other node, whose chain is heavier and leaves ours deeper than the finality depth below our tip.
async fn must_conflict(nodes: &Apart, stored: Stored, given: Given) {
    let mut second = Consumer::resume(config(&nodes.right), stored, given);
    second.until("a verdict", |consumer| consumer.is_over || consumer.reorgs().next().is_some()).await;
    let reorgs: Vec<_> = second.reorgs().map(|reorg| (reorg.old_tip, reorg.fork)).collect();
    assert_eq!(reorgs, [], "{given:?}: final blocks were removed");
    let Some(L1Event::Fatal(fatal)) = second.told.last() else {
        panic!("{given:?}: the last event must be Fatal: {:#?}", second.told)
    };
    let [(node, RejectReason::Conflicting { root })] = &fatal.nodes[..] else { panic!("{given:?}: {fatal}") };
    assert_eq!(*node, nodes.right.url());
    // A block of ours that is final at our tip and not on the other chain.
    let chain = &second.stored.chain;
    let fork = chain.iter().position(|block| block.hash == nodes.fork).expect("the common blocks were followed");
    let named = chain.iter().position(|block| block.hash == *root).expect("the block is ours");
    assert!(named > fork, "{given:?}: block {named} of our chain is on the other, too");
    let depth = chain[chain.len() - 1].blue_score - chain[named].blue_score;
    assert!(depth >= FINALITY_DEPTH, "{given:?}: block {named} of our chain is only {depth} deep");
}

#[test]
fn given_a_node_that_is_killed_when_it_is_back_then_nothing_was_missed() {
    with_kaspad(async |kaspad| {
        let mut node = Kaspad::start(kaspad, "killed").await;
        Miner::on(&node, 1).await.mine(40).await;
        let mut consumer = Consumer::start(config(&node));
        consumer.until_at_sink(&mut node.client().await).await;
        // Blocks that the bridge may or may not have seen when the node dies.
        Miner::on(&node, 2).await.mine(5).await;
        node.kill();
        consumer.until("failed attempts", |consumer| unreachable(consumer) >= 2).await;
        node.launch().await;
        Miner::on(&node, 3).await.mine(30).await;
        let mut client = node.client().await;
        consumer.until_at_sink(&mut client).await;
        consumer.must_agree(&mut client).await;

        let sessions: Vec<_> = consumer
            .told
            .iter()
            .filter(|event| matches!(event, L1Event::Connected { .. } | L1Event::Disconnected { .. }))
            .collect();
        assert!(
            matches!(
                sessions[..],
                [L1Event::Connected { .. }, L1Event::Disconnected { reason, .. }, L1Event::Connected { .. }]
                    if matches!(reason, DisconnectReason::ClosedByNode | DisconnectReason::ConnectionLost { .. })
            ),
            "{sessions:#?}"
        );
        assert_eq!(consumer.reorgs().count(), 0);
    });
}

fn unreachable(consumer: &Consumer) -> usize {
    consumer.told.iter().filter(|event| matches!(event, L1Event::Unreachable { .. })).count()
}

#[test]
fn given_a_checkpoint_below_the_pruning_point_when_resumed_then_fatal_says_that_it_was_pruned() {
    with_kaspad(async |kaspad| {
        let node = Kaspad::start(kaspad, "pruning").await;
        let mut miner = Miner::on(&node, 1).await;
        miner.mine(50).await;
        let stored = follow_to_sink(&node).await;
        miner.mine_to(FIRST_PRUNING).await;
        let mut client = node.client().await;
        let text = refusal(&mut client, stored.tip().hash).await;
        assert!(text.contains(BELOW_RETENTION_ROOT) || text.contains(UNKNOWN_HEADER), "{text}");

        for given in [Given::Window, Given::CheckpointOnly] {
            let mut consumer = Consumer::resume(config(&node), stored.clone(), given);
            consumer.until("the end of the stream", |consumer| consumer.is_over).await;
            let Some(L1Event::Fatal(fatal)) = consumer.told.last() else {
                panic!("{given:?}: the last event must be Fatal: {:#?}", consumer.told)
            };
            let pruning_point = client.dag_info().await.pruning_point_hash;
            let expected = RejectReason::Pruned { root: stored.root().hash, pruning_point };
            assert_eq!(fatal.nodes, [(node.url(), expected)], "{given:?}");
            assert_eq!(consumer.stored.sequence(), stored.sequence(), "{given:?}: nothing was told about the chain");
        }
    });
}

#[test]
fn given_a_checkpoint_whose_root_alone_was_pruned_when_resumed_then_it_goes_on_without_error() {
    with_kaspad(async |kaspad| {
        let node = Kaspad::start(kaspad, "root-pruned").await;
        let mut miner = Miner::on(&node, 1).await;
        // The root is 150, the pruning point will be 200.
        miner.mine_to(FINALITY_DEPTH + 150).await;
        let mut client = node.client().await;
        let mut first = Consumer::start(config(&node));
        first.until_settled(&mut client).await;
        let stored = first.stop();
        miner.mine_to(FIRST_PRUNING).await;
        refusal(&mut client, stored.root().hash).await;
        assert!(stored.root().index > 0 && client.chain_page(stored.tip().hash).await.is_ok());

        for given in [Given::Window, Given::CheckpointOnly] {
            let mut consumer = Consumer::resume(config(&node), stored.clone(), given);
            consumer.until_at_sink(&mut client).await;
            consumer.must_agree_from(stored.tip().index + 1, &mut client).await;
            let rejected = consumer.told.iter().any(|event| matches!(event, L1Event::NodeRejected { .. }));
            assert!(!rejected && consumer.reorgs().count() == 0, "{given:?}: {:#?}", consumer.told);
        }
    });
}

fn is_synced(event: &L1Event) -> bool {
    matches!(event, L1Event::Synced { .. })
}

fn is_rejected(event: &L1Event) -> bool {
    matches!(event, L1Event::NodeRejected { .. })
}

#[test]
fn given_a_node_without_blocks_when_it_is_reset_by_a_pruning_proof_then_the_chain_from_its_new_pruning_point_is_told() {
    with_kaspad(async |kaspad| {
        let (ahead, mut miner) = far_ahead(kaspad).await;
        let node = Kaspad::start(kaspad, "reset").await;
        let mut consumer = Consumer::start(config(&node));
        consumer.until("genesis", |consumer| consumer.told.iter().any(is_synced)).await;
        reset(&node, &ahead).await;
        let mut client = node.client().await;
        consumer.until_at_sink(&mut client).await;
        // The reset node goes on like any other.
        miner.mine(20).await;
        let sink = ahead.client().await.sink().await;
        consumer.until("blocks that were mined later", |consumer| consumer.tip_hash() == Some(sink)).await;
        consumer.must_agree(&mut client).await;
        let pruning_point = client.dag_info().await.pruning_point_hash;
        assert_eq!(consumer.anchor().hash, pruning_point);
        assert_eq!(consumer.reorgs().count(), 0, "{:#?}", consumer.told);
    });
}

#[test]
fn given_a_node_with_blocks_of_its_own_when_it_is_reset_by_a_pruning_proof_then_fatal_says_that_they_are_gone() {
    with_kaspad(async |kaspad| {
        let (ahead, _) = far_ahead(kaspad).await;
        let node = Kaspad::start(kaspad, "reset").await;
        Miner::long_ago(&node, 2).await.mine(30).await;
        let mut client = node.client().await;
        let mut consumer = Consumer::start(config(&node));
        consumer.until_at_sink(&mut client).await;
        let own = consumer.stored.chain.clone();
        reset(&node, &ahead).await;
        consumer.until("the end of the stream", |consumer| consumer.is_over).await;

        let Some(L1Event::Fatal(fatal)) = consumer.told.last() else {
            panic!("the last event must be Fatal: {:#?}", consumer.told)
        };
        let pruning_point = client.dag_info().await.pruning_point_hash;
        let expected = RejectReason::Pruned { root: consumer.anchor().hash, pruning_point };
        assert_eq!(fatal.nodes, [(node.url(), expected)]);
        assert_eq!(consumer.stored.chain, own, "what was told stays as it was");
    });
}

#[test]
fn given_a_checkpoint_with_window_when_a_fresh_node_is_followed_through_its_ibd_then_nothing_is_removed() {
    with_kaspad(async |kaspad| follow_through_ibd(kaspad, Given::Window).await);
}

#[test]
fn given_a_checkpoint_alone_when_a_fresh_node_is_followed_through_its_ibd_then_nothing_is_removed() {
    with_kaspad(async |kaspad| follow_through_ibd(kaspad, Given::CheckpointOnly).await);
}

/// The operator puts a new node in the place of the old. While it fetches bodies it knows the header of the consumer's tip,
/// but its sink is far below: it answers that everything above its sink was removed. It is behind, nothing else. Its sink
/// passes the tip within milliseconds; several bridges make it likely that one is just asking.
async fn follow_through_ibd(kaspad: &Path, given: Given) {
    let (ahead, mut miner) = far_ahead(kaspad).await;
    let stored = follow_to_sink(&ahead).await;
    miner.mine(50).await;
    let node = Kaspad::start(kaspad, "fresh").await;
    let mut settings = config(&node);
    settings.poll_interval = Duration::from_millis(2);
    let mut consumers = [(); 6].map(|()| Consumer::resume(settings.clone(), stored.clone(), given));
    for consumer in &mut consumers {
        consumer.until("that the node is behind", |consumer| consumer.told.iter().any(is_rejected)).await;
    }
    reset(&node, &ahead).await;
    let mut client = node.client().await;
    for mut consumer in consumers {
        consumer.until_at_sink(&mut client).await;
        consumer.must_agree_from(stored.tip().index + 1, &mut client).await;
        let reorgs: Vec<_> = consumer.reorgs().map(|reorg| (reorg.old_tip, reorg.fork)).collect();
        assert_eq!(reorgs, [], "{given:?}: removed down to the sink of a node that was behind");
    }
}

#[test]
fn given_two_nodes_when_the_preferred_one_dies_then_the_other_goes_on_without_a_gap() {
    with_kaspad(async |kaspad| {
        let mut first = Kaspad::start(kaspad, "first").await;
        let second = Kaspad::start(kaspad, "second").await;
        second.client().await.add_peer(&first.peer_address()).await;
        Miner::on(&first, 1).await.mine(60).await;
        let mut settings = config(&first);
        settings.nodes.extend(config(&second).nodes);
        let mut consumer = Consumer::start(settings);
        consumer.until_at_sink(&mut first.client().await).await;
        let mut client = second.client().await;
        reset(&second, &first).await;
        first.kill();
        Miner::on(&second, 2).await.mine(30).await;
        consumer.until_at_sink(&mut client).await;
        consumer.must_agree(&mut client).await;
        assert_eq!(consumer.reorgs().count(), 0, "{:#?}", consumer.told);
    });
}
