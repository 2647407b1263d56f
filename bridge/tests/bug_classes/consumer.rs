//! Class E, as far as it concerns what a follower tells: the same again after a flap and after a crash, at a cost that does
//! not grow, and never what does not follow.

use std::{collections::BTreeMap, time::Duration};

use bridge::{L1Event, RejectReason, Violation, wire::Request};
use kaspa_hashes::Hash;

use crate::{
    look::{blocks, is_page, reorgs, shallow, size},
    support::{pair::Pair, settings::config},
};

const SOON: Duration = Duration::from_millis(200);

/// E1: blocks that came back after a reorg were left out as known, told with other content, or given a new identity.
#[test]
fn given_a_chain_that_flaps_between_two_branches_when_blocks_come_back_then_they_are_told_again_and_alike() {
    let mut pair = Pair::synced(config(1), 10);
    let fork = pair.tree.below(pair.nodes[0].sink, 3);
    let mut sinks = [pair.nodes[0].sink, fork];
    for flap in 0..8 {
        let side = (flap + 1) % 2;
        // Four more than it had outweigh the other branch each time.
        sinks[side] = *pair.tree.grow(sinks[side], 4).last().expect("there are four");
        pair.set_sink(0, sinks[side]);
        pair.run_for(SOON);
        pair.assert_follows(0);
    }
    assert_eq!(reorgs(&pair).len(), 8);
    let mut told: BTreeMap<Hash, _> = BTreeMap::new();
    let mut again = 0;
    for event in &pair.events {
        let L1Event::BlockAdded(added) = event else { continue };
        let content = (added.block, added.parent, added.daa_score, added.timestamp_ms, added.accepted.clone());
        if let Some(before) = told.insert(added.block.hash, content.clone()) {
            assert_eq!(before, content);
            again += 1;
        }
    }
    assert!(again > 20, "{again} blocks came back");
}

/// E10: a crash between storing and acknowledging lost a block, or brought one twice.
#[test]
fn given_a_crash_after_any_event_when_started_again_then_every_block_counts_once() {
    let mut pair = Pair::new(shallow(1));
    pair.keeps_history = true;
    // Nothing is ever acknowledged: what was stored is all that counts.
    pair.acknowledges = false;
    pair.nodes[0].page_limit = 7;
    pair.grow(0, 9);
    pair.start();
    for (depth, length) in [(0, 6), (3, 5), (8, 10), (0, 12), (9, 11)] {
        pair.fork(0, depth, length);
        pair.run_for(SOON);
    }
    pair.assert_follows(0);
    let (history, path) = (std::mem::take(&mut pair.history), pair.consumer.path().to_vec());
    assert!(history.len() > 40);
    for stored in &history {
        pair.restart_with(stored);
        pair.run_for(SOON);
        // The consumer panics at a number that comes twice or not at all.
        assert_eq!(pair.consumer.path(), path);
    }
}

/// E11: every block cost a look over the whole chain.
#[test]
fn given_a_long_chain_when_one_block_comes_then_one_block_is_fetched() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].page_limit = 10_000;
    pair.grow(0, 500);
    pair.start();
    pair.drive_until("synced", Pair::is_synced);
    let (sent, told) = (pair.requests.len(), blocks(&pair));
    let fetched = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&fetched);
    pair.nodes[0].tamper(move |_, answer| {
        count.fetch_add(size(answer), std::sync::atomic::Ordering::Relaxed);
    });
    for _ in 0..50 {
        pair.grow(0, 1);
        pair.run_for(SOON);
    }
    pair.assert_follows(0);
    assert_eq!(blocks(&pair) - told, 50);
    assert!(pair.requests[sent..].iter().filter(|sent| is_page(&sent.request)).count() <= 60);
    let fetched = fetched.load(std::sync::atomic::Ordering::Relaxed);
    assert!(fetched <= 60, "{fetched} blocks fetched for 50");
}

/// E12: a page that does not continue our tip was rolled back first and looked at afterwards, or not at all.
#[test]
fn given_a_reorg_whose_first_block_is_left_out_when_checked_then_nothing_of_it_is_applied() {
    let mut pair = Pair::synced(config(1), 20);
    let (path, tip) = (pair.consumer.path().to_vec(), pair.nodes[0].sink);
    let mut is_first = true;
    pair.nodes[0].tamper(move |request, answer| {
        if matches!(request, Request::GetVirtualChainFromBlockV2 { start_hash, .. } if *start_hash == tip)
            && let Some(page) = answer.page_with_blocks()
            && std::mem::take(&mut is_first)
        {
            page.added.remove(0);
            page.blocks.remove(0);
        }
    });
    pair.fork(0, 4, 7);
    pair.drive_until("rejected", |pair| !pair.rejections().is_empty());
    assert_eq!((pair.consumer.path(), reorgs(&pair).len()), (path.as_slice(), 0));
    let [RejectReason::Malformed { violation, .. }] = pair.rejections()[..] else { panic!("{:#?}", pair.rejections()) };
    assert!(matches!(violation, Violation::Discontinuous { .. }), "{violation}");
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
}
