//! Class B: nodes that are behind, being reset, pruned, of another kind, or not there any more.

use std::time::Duration;

use bridge::{
    DisconnectReason, L1Event, RejectReason, Violation,
    wire::{Network, Operation, Request, WireError, encode},
};
use kaspa_rpc_core::RpcChainBlockAcceptedTransactions;

use crate::{
    look::{FINALITY, away, blocks, forget_newest, is_page, pages, reorgs, shallow},
    support::{
        node::{Answer, node_reset},
        pair::Pair,
        settings::config,
    },
};

const SOON: Duration = Duration::from_millis(200);
const MINUTE: Duration = Duration::from_secs(60);

/// B1: a node still downloads bodies. Its headers are complete, its sink is not, and it answers that everything above its
/// sink was removed.
#[test]
fn given_a_node_that_is_behind_and_knows_our_tip_when_asked_then_its_removals_are_not_taken_for_a_reorg() {
    for behind in [1, FINALITY - 1, FINALITY + 1, 30] {
        let (mut pair, _) = away(shallow(1));
        let (path, sink) = (pair.consumer.path().to_vec(), pair.nodes[0].sink);
        pair.nodes[0].sink = pair.tree.below(sink, behind);
        pair.run_for(MINUTE);
        assert!(reorgs(&pair).is_empty() && pair.consumer.path() == path, "{behind} behind: {:#?}", pair.events);
        assert_eq!(pair.rejections(), [&RejectReason::Lagging { sink: pair.nodes[0].sink }]);
        pair.set_sink(0, sink);
        pair.grow(0, 3);
        pair.run_for(Duration::from_secs(3));
        pair.assert_follows(0);
    }
}

/// B2: a node that has never seen our tip, because it is behind, was taken for one that has lost it for good.
#[test]
fn given_a_node_that_is_behind_and_never_saw_our_tip_when_it_has_caught_up_then_the_bridge_goes_on() {
    let (mut pair, _) = away(shallow(1));
    let sink = pair.nodes[0].sink;
    forget_newest(&mut pair, 4);
    pair.nodes[0].sink = pair.tree.below(sink, 4);
    pair.run_for(MINUTE);
    assert_eq!(pair.consumer.fatal(), None);
    assert_eq!(pair.rejections(), [&RejectReason::Lagging { sink: pair.nodes[0].sink }]);
    pair.nodes[0].unknown.clear();
    pair.set_sink(0, sink);
    pair.grow(0, 3);
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
    assert!(reorgs(&pair).is_empty());
}

/// B3: one fact, three words for it: at once after the pruning, after the deletion, and of a header kept for proofs. One of
/// them was retried for ever.
#[test]
fn given_a_checkpoint_that_was_pruned_while_away_when_resumed_then_the_same_end_whatever_the_node_kept() {
    let kept_header = "some data is missing for block 00";
    for kept in ["everything", "a header", "nothing"] {
        let (mut pair, stored) = away(shallow(1));
        let (root, tip) = (pair.follower.root().expect("there is a chain"), pair.nodes[0].sink);
        pair.grow(0, 40);
        let pruning_point = pair.tree.below(pair.nodes[0].sink, 5);
        pair.nodes[0].pruning_point = pruning_point;
        match kept {
            "nothing" => forget_newest(&mut pair, 31),
            "a header" => pair.nodes[0].tamper(move |request, answer| {
                if matches!(request, Request::GetBlock { hash, .. } if *hash == tip) {
                    *answer = Answer::Error(kept_header.to_owned());
                }
            }),
            _ => {}
        }
        pair.restart_with(&stored);
        pair.run_for(MINUTE);
        let reason = RejectReason::Pruned { root: root.hash, pruning_point };
        assert_eq!(pair.rejections(), [&reason], "{kept} kept");
        assert!(pair.consumer.fatal().is_some() && pair.finished, "{kept} kept");
    }
}

/// B4: the tip left the chain while the bridge was away, and the node may know it no more.
#[test]
fn given_a_checkpoint_that_was_orphaned_while_away_when_resumed_then_the_path_is_that_of_a_bridge_that_stayed() {
    for depth in [1, 5, FINALITY] {
        for forgets in [false, true] {
            let (mut pair, stored) = away(shallow(1));
            let fork = pair.tree.below(pair.nodes[0].sink, depth);
            if forgets {
                forget_newest(&mut pair, depth);
            }
            pair.fork(0, depth, depth + 2);
            pair.restart_with(&stored);
            pair.run_for(Duration::from_secs(10));
            pair.assert_follows(0);
            assert_eq!(reorgs(&pair).iter().map(|reorg| reorg.fork.hash).collect::<Vec<_>>(), [fork]);
            assert_eq!(pair.rejections(), Vec::<&RejectReason>::new(), "{depth} blocks, forgotten: {forgets}");
        }
    }
}

/// B5: a node in the midst of a download refused for minutes, until the retries were used up.
#[test]
fn given_a_node_in_transition_when_it_takes_minutes_then_the_session_waits_and_nothing_changes() {
    let mut pair = Pair::synced(shallow(1), 30);
    let (path, root) = (pair.consumer.path().to_vec(), pair.follower.root());
    pair.nodes[0].transitional = true;
    pair.send_frame(0, node_reset());
    pair.grow(0, 5);
    pair.run_for(10 * MINUTE);
    assert_eq!((pair.rejections(), pair.connects.len()), (vec![&RejectReason::Resetting], 1));
    assert_eq!((pair.consumer.path(), pair.follower.root()), (path.as_slice(), root));
    pair.nodes[0].transitional = false;
    pair.run_for(Duration::from_secs(2));
    pair.assert_follows(0);
}

/// B6: the consensus was replaced under the connection, and announcements went on from the new pruning point as if nothing
/// had been removed.
#[test]
fn given_announcements_that_go_on_after_a_reset_when_they_do_not_follow_our_tip_then_none_is_applied() {
    let mut pair = Pair::synced(shallow(1), 30);
    let (path, sink) = (pair.consumer.path().to_vec(), pair.nodes[0].sink);
    pair.nodes[0].transitional = true;
    pair.run_for(Duration::from_secs(5));
    let reset_to = pair.tree.below(sink, 8);
    (pair.nodes[0].transitional, pair.nodes[0].sink, pair.nodes[0].pruning_point) = (false, reset_to, reset_to);
    pair.send_frame(0, node_reset());
    pair.run_for(SOON);
    // Announced with nothing removed, as its sink had been the pruning point.
    pair.grow(0, 5);
    pair.run_for(Duration::from_secs(5));
    assert_eq!((pair.consumer.path(), blocks(&pair)), (path.as_slice(), 30));
    pair.grow(0, 7);
    pair.run_for(Duration::from_secs(5));
    pair.assert_follows(0);
    assert_eq!(reorgs(&pair).iter().map(|reorg| reorg.fork.hash).collect::<Vec<_>>(), [reset_to]);
}

/// B7: an address led to a node on another network, whose chain was accepted like any other.
#[test]
fn given_an_address_that_leads_to_another_network_when_called_again_then_refused_before_its_chain_is_asked_for() {
    let (mut pair, _) = away(shallow(1));
    let path = pair.consumer.path().to_vec();
    pair.nodes[0].network = Network::testnet(10);
    pair.grow(0, 5);
    pair.run_for(MINUTE);
    let (expected, found) = (Network::SIMNET, Network::testnet(10));
    assert_eq!(pair.rejections(), [&RejectReason::WrongNetwork { expected, found }]);
    assert_eq!((pair.pages(), pair.consumer.path()), (0, path.as_slice()));
    assert!(pair.consumer.fatal().is_some());
}

/// B8: a node from before the request for pages drops the socket at each, which looked like a page that is too large.
#[test]
fn given_a_node_too_old_for_pages_when_it_drops_the_socket_at_each_then_a_typed_end_after_a_few_connections() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].tamper(|request, answer| {
        if is_page(request) {
            *answer = Answer::HangUp;
        }
    });
    pair.grow(0, 5);
    pair.start();
    pair.run_for(2 * MINUTE);
    let operation = Operation::GetVirtualChainFromBlockV2;
    assert_eq!(pair.rejections(), [&RejectReason::OperationUnknown { operation }]);
    assert!(pair.consumer.fatal().is_some() && pair.connects.len() <= 8, "{} connections", pair.connects.len());
}

/// B9: one elided field was taken for zero, or brought the whole bridge down.
#[test]
fn given_a_node_that_leaves_out_any_field_anywhere_when_its_page_is_checked_then_refused_whole_and_another_followed() {
    let elisions: [fn(&mut RpcChainBlockAcceptedTransactions); 5] = [
        |block| block.chain_block_header.blue_score = None,
        |block| block.chain_block_header.daa_score = None,
        |block| block.chain_block_header.timestamp = None,
        |block| block.accepted_transactions.iter_mut().for_each(|transaction| transaction.verbose_data = None),
        |block| block.accepted_transactions.iter_mut().for_each(|transaction| transaction.payload = None),
    ];
    for elide in elisions {
        for place in 0..9 {
            let mut pair = Pair::synced(config(2), 10);
            pair.nodes[0].tamper(move |_, answer| {
                if let Some(page) = answer.page_with_blocks() {
                    // Blocks that accept something are at every third place at least.
                    page.blocks.iter_mut().skip(place).take(3).for_each(elide);
                }
            });
            pair.nodes[0].notifies = false;
            pair.grow(0, 12);
            pair.nodes[1].sink = pair.nodes[0].sink;
            pair.run_for(Duration::from_secs(5));
            pair.assert_follows(1);
            let missing = |reason: &&RejectReason| {
                matches!(reason, RejectReason::Malformed { violation: Violation::Missing { .. }, .. })
            };
            assert!(pair.rejections().iter().all(missing) && !pair.rejections().is_empty(), "{:#?}", pair.rejections());
        }
    }
}

/// The first node sends its pages with block records that `change` made of its own.
fn with_other_records(change: fn(&mut Vec<u8>)) -> Pair {
    let mut pair = Pair::new(config(1));
    let mut id = 0;
    pair.nodes[0].tamper(move |request, answer| {
        // Ids of a session count from 1, and this is its first request.
        id = if matches!(request, Request::GetServerInfo) { 1 } else { id + 1 };
        if let Some(page) = answer.page_with_blocks() {
            let mut records: Vec<Vec<u8>> = page.blocks.iter().map(encode::chain_block).collect();
            records.iter_mut().for_each(change);
            let records = records.iter().map(Vec::as_slice);
            *answer = Answer::Raw(encode::chain_page(id, &page.removed, &page.added, records));
        }
    });
    pair.grow(0, 10);
    pair.start();
    pair.run_for(MINUTE);
    pair
}

/// B10: a newer node's structures had grown by a field, and every reply of it failed to decode, for ever.
#[test]
fn given_a_newer_node_whose_records_have_grown_when_followed_then_read_and_records_without_a_version_are_refused() {
    let pair = with_other_records(|record| {
        record[0] = 2;
        record.extend([7; 9]);
    });
    assert_eq!(pair.rejections(), Vec::<&RejectReason>::new());
    pair.assert_follows(0);
    let pair = with_other_records(|record| record[0] = 0);
    let unsupported = |reason: &&RejectReason| match reason {
        RejectReason::Malformed { violation: Violation::Wire(error), .. } => {
            matches!(error, WireError::UnsupportedVersion { version: 0, .. })
        }
        _ => false,
    };
    assert!(pair.rejections().iter().all(unsupported) && pair.consumer.sequence() == 0, "{:#?}", pair.rejections());
    assert!((3..15).contains(&pair.connects.len()), "{} connections in a minute", pair.connects.len());
}

/// B11: a request crashed the node, which was restarted and met the same request at once, again and again.
#[test]
fn given_a_request_that_crashes_the_node_when_it_is_back_then_it_meets_it_ever_more_rarely() {
    let mut pair = Pair::synced(config(1), 10);
    let tip = pair.nodes[0].sink;
    pair.hang_up();
    pair.requests.clear();
    pair.grow(0, 3);
    pair.nodes[0].tamper(move |request, answer| {
        if matches!(request, Request::GetVirtualChainFromBlockV2 { start_hash, .. } if *start_hash == tip) {
            *answer = Answer::HangUp;
        }
    });
    pair.run_for(10 * MINUTE);
    let killed = pages(&pair).len();
    assert!((10..60).contains(&killed), "{killed} crashes in ten minutes");
    assert_eq!(pair.consumer.fatal(), None);
    pair.nodes[0].tamper = None;
    pair.run_for(MINUTE);
    pair.assert_follows(0);
}

/// B12: a proxy dropped the connection without a word to either side. The client waited for ever.
#[test]
fn given_a_connection_that_is_dead_without_an_end_when_nothing_is_due_then_it_is_noticed_within_a_minute() {
    let mut settings = config(2);
    settings.poll_interval = 60 * MINUTE;
    let mut pair = Pair::synced(settings, 10);
    pair.run_for(5 * MINUTE);
    assert_eq!(pair.connects.len(), 1, "a quiet node is not a dead one");
    pair.nodes[0].notifies = false;
    pair.nodes[0].tamper(|_, answer| *answer = Answer::Silence);
    pair.nodes[1].sink = pair.nodes[0].sink;
    pair.grow(1, 3);
    // Whichever node is called next, the first one or the second, is called before the first would have been polled.
    pair.run_for(MINUTE);
    let lost = |event: &L1Event| {
        let timeout = DisconnectReason::RequestTimeout { operation: Operation::Ping, after: Duration::from_secs(30) };
        matches!(event, L1Event::Disconnected { reason, .. } if *reason == timeout)
    };
    assert!(pair.events.iter().any(lost), "{:#?}", pair.events.last());
    pair.run_for(MINUTE);
    pair.assert_follows(1);
}
