//! The chain is cut back and grows again.

use std::time::Duration;

use bridge::{L1Event, Reorg};

use crate::support::{pair::Pair, settings::config};

const SOON: Duration = Duration::from_millis(100);

fn reorgs(pair: &Pair) -> Vec<&Reorg> {
    pair.events
        .iter()
        .filter_map(|event| match event {
            L1Event::Reorg(reorg) => Some(reorg),
            _ => None,
        })
        .collect()
}

#[test]
fn given_a_heavier_branch_when_announced_then_one_reorg_names_what_leaves_and_indices_are_used_again() {
    let mut pair = Pair::synced(config(1), 10);
    let old_chain = pair.tree.chain(pair.nodes[0].sink);
    pair.fork(0, 3, 5);
    pair.run_for(SOON);
    pair.assert_follows(0);
    let [reorg] = reorgs(&pair)[..] else { panic!("{:#?}", pair.events) };
    assert_eq!((reorg.sequence, reorg.fork.index, reorg.old_tip.index), (11, 7, 10));
    assert_eq!(reorg.fork.hash, old_chain[7]);
    assert_eq!(reorg.old_tip.hash, old_chain[10]);
    assert_eq!(reorg.removed, [old_chain[10], old_chain[9], old_chain[8]]);
    let added: Vec<u64> = pair
        .events
        .iter()
        .filter_map(|event| if let L1Event::BlockAdded(added) = event { Some(added.block.index) } else { None })
        .collect();
    assert_eq!(added[10..], [8, 9, 10, 11, 12]);
}

#[test]
fn given_two_branches_when_the_chain_flaps_between_them_then_every_flap_is_followed() {
    let mut pair = Pair::synced(config(1), 10);
    let fork = pair.tree.below(pair.nodes[0].sink, 2);
    let mut sinks = [pair.nodes[0].sink, fork];
    for flap in 0..8 {
        let side = (flap + 1) % 2;
        sinks[side] = *pair.tree.grow(sinks[side], 3 + flap).last().expect("at least three");
        pair.set_sink(0, sinks[side]);
        pair.run_for(SOON);
        pair.assert_follows(0);
    }
    assert_eq!(reorgs(&pair).len(), 8);
    assert!(reorgs(&pair).iter().all(|reorg| reorg.fork.hash == fork));
}

#[test]
fn given_a_reorg_while_disconnected_when_the_session_is_back_then_it_is_followed() {
    let mut pair = Pair::synced(config(1), 10);
    pair.hang_up();
    pair.fork(0, 6, 20);
    pair.run_for(Duration::from_secs(2));
    pair.assert_follows(0);
    assert_eq!(reorgs(&pair).len(), 1);
}

#[test]
fn given_a_reorg_longer_than_a_page_when_fetched_then_the_cut_page_is_believed_between_two_sinks() {
    let mut pair = Pair::synced(config(1), 30);
    pair.nodes[0].page_limit = 4;
    pair.fork(0, 20, 40);
    let before = pair.asked(bridge::wire::Operation::GetSink);
    pair.run_for(SOON);
    // The first four blocks of the branch are lighter than the tip that they replace.
    assert_eq!(pair.asked(bridge::wire::Operation::GetSink), before + 2);
    pair.run_for(Duration::from_secs(1));
    pair.assert_follows(0);
    assert_eq!(reorgs(&pair).len(), 1);
}

#[test]
fn given_a_fork_at_the_anchor_when_the_branch_is_heavier_then_it_is_legal() {
    let mut pair = Pair::synced(config(1), 6);
    pair.fork(0, 6, 8);
    pair.run_for(SOON);
    pair.assert_follows(0);
    assert_eq!(reorgs(&pair)[0].fork.index, 0);
    assert_eq!(pair.follower.root().map(|root| root.index), Some(0));
}

#[test]
fn given_a_fork_at_the_finalized_root_when_the_branch_is_heavier_then_it_is_legal_and_the_root_stays() {
    let mut settings = config(1);
    settings.finality_depth = Some(5);
    let mut pair = Pair::synced(settings, 20);
    let root = pair.follower.root().expect("there is a chain");
    assert_eq!(root.index, 15);
    pair.fork(0, 5, 6);
    pair.run_for(SOON);
    pair.assert_follows(0);
    assert_eq!(reorgs(&pair)[0].fork, root);
}

#[test]
fn given_confirmations_when_a_reorg_is_shallower_then_no_block_is_taken_back() {
    let mut settings = config(1);
    settings.confirmations = 5;
    let mut pair = Pair::synced(settings, 20);
    pair.fork(0, 5, 7);
    pair.run_for(Duration::from_secs(3));
    assert!(reorgs(&pair).is_empty());
    let sink = pair.nodes[0].sink;
    assert_eq!(pair.tip(), Some(pair.tree.below(sink, 6)));
}

#[test]
fn given_an_equally_heavy_branch_when_its_hash_is_greater_then_it_is_believed_without_a_question() {
    // Which of two siblings is greater depends on their hashes: both cases occur among a few blocks.
    let mut asked = [0, 0];
    for blocks in 3..20 {
        let mut pair = Pair::synced(config(1), blocks);
        let old = pair.nodes[0].sink;
        let parent = pair.tree.below(old, 1);
        let sibling = pair.tree.extend(parent);
        if sibling < old {
            continue;
        }
        pair.set_sink(0, sibling);
        pair.run_for(SOON);
        pair.assert_follows(0);
        asked[0] += 1;
        asked[1] += pair.asked(bridge::wire::Operation::GetSink);
    }
    assert!(asked[0] > 0 && asked[1] == 0, "{asked:?}");
}
