//! A resume without the window: what is missing is fetched back, and what happened meanwhile comes out.

use std::time::Duration;

use bridge::{
    Checkpoint, Config, DisconnectReason, L1Event, RejectReason, Reorg, Violation, Window,
    wire::{Operation, Request, Verbosity},
};
use kaspa_hashes::Hash;

use crate::support::{
    node::{Answer, TRANSITIONAL},
    pair::{Pair, Stored},
    settings::config,
    tree::GENESIS_SCORE,
};

const SOON: Duration = Duration::from_millis(300);
const FINALITY: u64 = 100;

fn settings(nodes: usize) -> Config {
    let mut settings = config(nodes);
    settings.finality_depth = Some(FINALITY);
    settings
}

/// Node 0 has this many blocks; the follower is synced and then dead.
fn asleep(settings: Config, blocks: usize) -> (Pair, Stored) {
    let mut pair = Pair::synced(settings, blocks);
    pair.nodes[0].page_limit = 13;
    pair.hang_up();
    let stored = pair.stored();
    pair.requests.clear();
    pair.events.clear();
    (pair, stored)
}

fn only_reorg(pair: &Pair) -> &Reorg {
    let reorgs: Vec<&Reorg> = pair
        .events
        .iter()
        .filter_map(|event| if let L1Event::Reorg(reorg) = event { Some(reorg) } else { None })
        .collect();
    assert_eq!(reorgs.len(), 1, "{:#?}", pair.events);
    reorgs[0]
}

/// The node forgets all blocks that are not on its chain.
fn forget_branches(pair: &mut Pair) {
    let chain = pair.tree.chain(pair.nodes[0].sink);
    pair.nodes[0].unknown = pair.tree.hashes().filter(|hash| !chain.contains(hash)).collect();
}

fn is_from(request: &Request, hash: Hash) -> bool {
    matches!(request, Request::GetVirtualChainFromBlockV2 { start_hash, .. } if *start_hash == hash)
}

#[test]
fn given_a_checkpoint_alone_when_resumed_then_the_stream_goes_on_with_the_next_number() {
    let (mut pair, stored) = asleep(settings(1), 250);
    let (path, sequence) = (pair.consumer.path().to_vec(), pair.consumer.sequence());
    pair.restart_without_window(&stored);
    pair.run_for(SOON);
    assert!(pair.is_synced());
    assert_eq!((pair.consumer.path(), pair.consumer.sequence()), (path.as_slice(), sequence));
    pair.grow(0, 40);
    pair.run_for(SOON);
    pair.assert_follows(0);
    assert_eq!(pair.follower.root(), pair.window.as_ref().map(Window::root));
    // What was fetched of the window came at low verbosity, what was delivered did not.
    let levels: Vec<Verbosity> = pair
        .requests
        .iter()
        .filter_map(|sent| match sent.request {
            Request::GetVirtualChainFromBlockV2 { verbosity, .. } => Some(verbosity),
            _ => None,
        })
        .collect();
    assert!(levels.contains(&Verbosity::Low) && levels.ends_with(&[Verbosity::Full]), "{levels:?}");
}

#[test]
fn given_every_checkpoint_of_a_session_when_resumed_without_window_then_the_same_chain_comes_out() {
    let mut pair = Pair::new(settings(1));
    pair.keeps_history = true;
    pair.nodes[0].page_limit = 7;
    pair.grow(0, 9);
    pair.start();
    for (depth, length) in [(0, 6), (3, 5), (1, 2), (8, 10), (0, 20), (11, 13), (2, 4)] {
        pair.fork(0, depth, length);
        pair.run_for(SOON);
    }
    let path = pair.consumer.path().to_vec();
    let history = std::mem::take(&mut pair.history);
    assert!(history.len() > 70);
    for forgets in [false, true] {
        if forgets {
            forget_branches(&mut pair);
        }
        for stored in &history {
            pair.restart_without_window(stored);
            pair.run_for(SOON);
            assert_eq!(pair.consumer.path(), path);
            // What it stores now is as good as what it had.
            let checkpoint = pair.window.as_ref().expect("it has one").checkpoint(pair.config.network);
            assert_eq!(Checkpoint::decode(&checkpoint.clone().expect("it fits").encode()), checkpoint);
        }
    }
}

#[test]
fn given_a_reorg_while_away_when_the_node_knows_the_tip_then_the_removed_are_known() {
    let (mut pair, stored) = asleep(settings(1), 80);
    let old = pair.consumer.path().to_vec();
    pair.fork(0, 21, 30);
    pair.restart_without_window(&stored);
    pair.run_for(SOON);
    pair.assert_follows(0);
    let reorg = only_reorg(&pair);
    assert!(reorg.removed_known);
    assert!(reorg.removed.iter().eq(old[old.len() - 21..].iter().rev()));
    assert_eq!(reorg.fork.index, 80 - 21);
}

#[test]
fn given_a_reorg_while_away_when_the_node_forgot_the_tip_then_the_fork_is_the_newest_locator_entry_on_its_chain() {
    let (mut pair, stored) = asleep(settings(1), 80);
    pair.fork(0, 21, 30);
    forget_branches(&mut pair);
    pair.restart_without_window(&stored);
    pair.run_for(SOON);
    pair.assert_follows(0);
    let reorg = only_reorg(&pair);
    // The locator has distances 16 and 32; the chains part at 21.
    assert!(!reorg.removed_known && reorg.removed.is_empty());
    assert_eq!((reorg.old_tip.index, reorg.fork.index), (80, 80 - 32));
}

#[test]
fn given_a_heavier_chain_of_fewer_blocks_when_the_node_forgot_the_tip_then_its_end_is_seen() {
    let (mut pair, stored) = asleep(settings(1), 80);
    let fork = pair.tree.below(pair.nodes[0].sink, 40);
    let sink = pair.tree.extend_by(fork, 60, 60);
    pair.set_sink(0, sink);
    forget_branches(&mut pair);
    pair.restart_without_window(&stored);
    pair.run_for(SOON);
    pair.assert_follows(0);
    assert_eq!(only_reorg(&pair).fork.index, 80 - 64);
}

#[test]
fn given_a_node_behind_the_checkpoint_when_resumed_without_window_then_it_waits_and_goes_on() {
    for knows_the_tip in [true, false] {
        let (mut pair, stored) = asleep(settings(1), 80);
        let sink = pair.nodes[0].sink;
        let behind = pair.tree.below(sink, 10);
        pair.set_sink(0, behind);
        if !knows_the_tip {
            forget_branches(&mut pair);
        }
        pair.restart_without_window(&stored);
        pair.run_for(Duration::from_secs(5));
        assert_eq!(pair.consumer.sequence(), Checkpoint::decode(&stored.checkpoint).unwrap().sequence());
        assert!(matches!(pair.rejections()[..], [RejectReason::Lagging { .. }]), "{:?}", pair.rejections());
        pair.nodes[0].unknown.clear();
        pair.set_sink(0, sink);
        pair.grow(0, 3);
        pair.run_for(Duration::from_secs(2));
        pair.assert_follows(0);
        assert!(pair.events.iter().all(|event| !matches!(event, L1Event::Reorg(_))));
    }
}

#[test]
fn given_a_pruned_root_when_the_tip_is_still_served_then_it_is_no_error() {
    // Finality far away: the root is the anchor, which the node has pruned.
    let mut deep = config(1);
    deep.finality_depth = Some(10_000);
    let (mut pair, stored) = asleep(deep, 90);
    let pruned: Vec<Hash> = pair.tree.chain(pair.nodes[0].sink)[..30].to_vec();
    pair.nodes[0].pruning_point = pair.tree.chain(pair.nodes[0].sink)[30];
    pair.nodes[0].unknown.extend(pruned);
    pair.grow(0, 10);
    pair.restart_without_window(&stored);
    pair.run_for(SOON);
    pair.assert_follows(0);
    assert!(pair.rejections().is_empty(), "{:?}", pair.rejections());
    // The lowest entry of the locator that is not pruned is 32 below the tip.
    assert_eq!(pair.follower.root().map(|root| root.index), Some(90 - 32));
    // A reorg above it works, and the consumer, who still has the older root, can follow.
    pair.fork(0, 35, 40);
    pair.run_for(SOON);
    pair.assert_follows(0);
}

#[test]
fn given_a_checkpoint_that_is_pruned_whole_when_resumed_without_window_then_fatal() {
    let (mut pair, stored) = asleep(settings(1), 50);
    pair.grow(0, 300);
    let chain = pair.tree.chain(pair.nodes[0].sink);
    pair.nodes[0].pruning_point = chain[200];
    for deleted in [false, true] {
        if deleted {
            pair.nodes[0].unknown.extend(chain[..200].to_vec());
        }
        pair.restart_without_window(&stored);
        pair.run_for(Duration::from_secs(10));
        let fatal = pair.consumer.fatal().expect("it cannot go on");
        assert!(matches!(fatal.nodes[..], [(_, RejectReason::Pruned { .. })]), "{fatal}");
    }
}

#[test]
fn given_a_heavier_chain_that_leaves_the_final_root_when_resumed_without_window_then_fatal() {
    for forgets in [false, true] {
        let (mut pair, stored) = asleep(settings(1), 250);
        pair.fork(0, 200, 260);
        if forgets {
            forget_branches(&mut pair);
        }
        pair.restart_without_window(&stored);
        pair.run_for(Duration::from_secs(10));
        let fatal = pair.consumer.fatal().unwrap_or_else(|| panic!("{:#?}", pair.events));
        assert!(matches!(fatal.nodes[..], [(_, RejectReason::Conflicting { .. })]), "{fatal}");
        assert_eq!(pair.consumer.sequence(), Checkpoint::decode(&stored.checkpoint).unwrap().sequence());
    }
}

#[test]
fn given_a_connection_that_ends_at_every_other_page_when_restoring_then_what_came_is_kept() {
    let (mut pair, stored) = asleep(settings(1), 99);
    let mut pages = 0;
    pair.nodes[0].tamper(move |request, answer| {
        if request.operation() == Operation::GetVirtualChainFromBlockV2 {
            pages += 1;
            if pages % 3 == 0 {
                *answer = Answer::HangUp;
            }
        }
    });
    pair.restart_without_window(&stored);
    pair.run_for(Duration::from_secs(120));
    pair.assert_follows(0);
    let root = Checkpoint::decode(&stored.checkpoint).unwrap().root();
    let from_root = pair.requests.iter().filter(|sent| is_from(&sent.request, root.hash)).count();
    assert!(from_root <= 2, "the window was begun {from_root} times");
}

#[test]
fn given_a_reorg_while_restoring_when_it_goes_below_what_came_then_it_begins_anew() {
    let (mut pair, stored) = asleep(settings(1), 99);
    pair.restart_without_window(&stored);
    pair.drive_until("the window is being fetched", |pair| pair.pages() >= 4);
    pair.fork(0, 95, 120);
    pair.run_for(Duration::from_secs(10));
    pair.assert_follows(0);
    assert!(only_reorg(&pair).fork.index <= 4);
}

#[test]
fn given_a_transitional_node_when_restoring_then_it_waits() {
    let (mut pair, stored) = asleep(settings(1), 99);
    pair.restart_without_window(&stored);
    pair.drive_until("the window is being fetched", |pair| pair.pages() >= 3);
    pair.nodes[0].transitional = true;
    pair.run_for(Duration::from_secs(20));
    assert!(matches!(pair.rejections()[..], [RejectReason::Resetting]), "{TRANSITIONAL}: {:?}", pair.rejections());
    pair.nodes[0].transitional = false;
    pair.run_for(Duration::from_secs(2));
    pair.assert_follows(0);
}

#[test]
fn given_a_page_that_contradicts_the_locator_when_restoring_then_the_node_is_rejected_and_another_asked() {
    let (mut pair, stored) = asleep(settings(2), 99);
    pair.nodes[1].sink = pair.nodes[0].sink;
    let branch = {
        let fork = pair.tree.below(pair.nodes[0].sink, 60);
        pair.tree.grow(fork, 60)
    };
    // Node 0 says that our tip is on its chain, and shows another chain from the root on.
    let fork_index = 99 - 60;
    pair.nodes[0].page_limit = 1_000;
    pair.nodes[0].tamper(move |request, answer| {
        if let (Request::GetVirtualChainFromBlockV2 { verbosity: Verbosity::Low, .. }, Answer::Page(page)) =
            (request, answer)
        {
            for (block, hash) in page.blocks.iter_mut().zip(&mut page.added) {
                let index = block.chain_block_header.blue_score.map_or(0, |score| score - GENESIS_SCORE) as usize;
                if let Some(other) = index.checked_sub(fork_index + 1).and_then(|above| branch.get(above)) {
                    *hash = *other;
                    block.chain_block_header.hash = Some(*other);
                }
            }
        }
    });
    pair.restart_without_window(&stored);
    pair.run_for(Duration::from_secs(20));
    let unstable = |reason: &&RejectReason| {
        matches!(reason, RejectReason::Malformed { violation: Violation::Unstable { .. }, .. })
    };
    assert!(pair.rejections().iter().any(unstable), "{:?}", pair.rejections());
    pair.assert_follows(1);
}

#[test]
fn given_a_node_whose_chain_changes_with_every_page_when_restoring_then_another_is_asked() {
    let (mut pair, stored) = asleep(settings(2), 99);
    pair.nodes[1].sink = pair.nodes[0].sink;
    let root = Checkpoint::decode(&stored.checkpoint).unwrap().root().hash;
    pair.nodes[0].tamper(move |request, answer| {
        if let (Request::GetVirtualChainFromBlockV2 { verbosity: Verbosity::Low, start_hash, .. }, Answer::Page(page)) =
            (request, answer)
            && *start_hash != root
            && !page.added.is_empty()
        {
            page.removed = vec![*start_hash];
        }
    });
    pair.restart_without_window(&stored);
    pair.run_for(Duration::from_secs(30));
    let unstable = |reason: &&RejectReason| {
        matches!(reason, RejectReason::Malformed { violation: Violation::Unstable { .. }, .. })
    };
    assert!(pair.rejections().iter().any(unstable), "{:?}", pair.rejections());
    pair.assert_follows(1);
}

#[test]
fn given_pages_that_come_too_late_when_restoring_then_they_are_asked_smaller() {
    let (mut pair, stored) = asleep(settings(1), 99);
    pair.nodes[0].page_limit = 10_000;
    pair.fork(0, 0, 3_000);
    pair.nodes[0].tamper(|_, answer| {
        if let Answer::Page(page) = answer
            && page.added.len() > 600
        {
            *answer = Answer::Silence;
        }
    });
    pair.restart_without_window(&stored);
    pair.run_for(Duration::from_secs(240));
    pair.assert_follows(0);
    let timeouts = pair
        .events
        .iter()
        .filter(|event| matches!(event, L1Event::Disconnected { reason: DisconnectReason::RequestTimeout { .. }, .. }));
    assert!((1..=6).contains(&timeouts.count()));
}
