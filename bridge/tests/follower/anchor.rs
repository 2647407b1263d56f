//! The block at which a bridge began: what happens when the chain leaves it.

use std::time::Duration;

use bridge::{L1Event, RejectReason, StartAt};
use kaspa_hashes::Hash;

use crate::support::{pair::Pair, settings::config, tree::Tree};

const SOON: Duration = Duration::from_millis(100);
const FINALITY: u64 = 5;

/// One node with ten blocks, followed from its sink, whose chain then grows by `blocks`.
fn from_the_sink(blocks: usize) -> Pair {
    let mut settings = config(1);
    settings.start = StartAt::Sink;
    settings.finality_depth = Some(FINALITY);
    let mut pair = Pair::synced(settings, 10);
    pair.grow(0, blocks);
    pair.run_for(SOON);
    pair.assert_follows(0);
    pair
}

/// The blocks that [`Pair::grow`] makes come into being in every tree alike.
fn grown(blocks: usize) -> Vec<Hash> {
    let mut tree = Tree::new();
    tree.grow(tree.genesis(), blocks)
}

#[test]
fn given_an_anchor_that_leaves_the_chain_before_anything_was_announced_then_another_is_chosen_and_told_once() {
    let mut pair = from_the_sink(0);
    let first = pair.nodes[0].sink;
    pair.fork(0, 2, 4);
    pair.run_for(Duration::from_secs(3));
    pair.grow(0, 3);
    pair.run_for(SOON);
    pair.assert_follows(0);
    assert_eq!((pair.consumer.path().len(), pair.consumer.sequence()), (4, 3));
    assert_eq!(pair.rejections(), [&RejectReason::AnchorLeft { anchor: first }]);
    assert_eq!(pair.connects.len(), 1);
}

#[test]
fn given_a_pruning_point_that_leaves_the_chain_before_anything_was_announced_then_another_is_chosen_and_told_once() {
    let mut pair = Pair::new(config(1));
    pair.grow(0, 10);
    pair.nodes[0].pruning_point = pair.nodes[0].sink;
    pair.start();
    pair.drive_until("synced", Pair::is_synced);
    pair.nodes[0].pruning_point = pair.tree.genesis();
    pair.fork(0, 2, 4);
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
    assert_eq!(pair.consumer.path()[0], pair.tree.genesis());
    assert_eq!((pair.rejections(), pair.connects.len()), (vec![&RejectReason::Resetting], 1));
}

#[test]
fn given_an_anchor_that_is_not_final_when_the_chain_leaves_it_then_it_is_asked_for_ever_and_never_the_end() {
    let mut pair = from_the_sink(4);
    let (path, anchor, old_sink) = (pair.consumer.path().to_vec(), pair.consumer.path()[0], pair.nodes[0].sink);
    pair.fork(0, 6, 8);
    pair.run_for(Duration::from_secs(600));
    assert!(pair.rejections().len() > 10);
    assert!(pair.rejections().iter().all(|reason| **reason == RejectReason::AnchorLeft { anchor }));
    assert_eq!(
        pair.rejections()[0].to_string(),
        format!("its chain leaves ours below the anchor {anchor}, which is not final yet")
    );
    assert!(pair.connects.len() < 40, "{} attempts", pair.connects.len());
    assert_eq!((pair.consumer.fatal(), pair.finished, pair.consumer.path()), (None, false, path.as_slice()));
    // The network comes back to it.
    let sink = *pair.tree.grow(old_sink, 10).last().expect("there are ten");
    pair.set_sink(0, sink);
    pair.run_for(Duration::from_secs(60));
    pair.assert_follows(0);
    assert!(pair.consumer.path().starts_with(&path));
}

#[test]
fn given_an_anchor_when_the_tip_is_the_finality_depth_above_it_then_it_is_final_and_leaving_it_the_end() {
    let mut pair = from_the_sink(5);
    let anchor = pair.consumer.path()[0];
    assert_eq!(pair.follower.root().map(|root| root.index), Some(0), "it became final without a Finalized");
    pair.fork(0, 7, 9);
    pair.run_for(Duration::from_secs(10));
    let fatal = pair.consumer.fatal().expect("what is final never comes back");
    assert_eq!(fatal.nodes[0].1, RejectReason::Conflicting { root: anchor });
}

#[test]
fn given_a_root_above_the_anchor_when_the_chain_leaves_it_then_it_is_the_end() {
    let mut pair = from_the_sink(6);
    let root = pair.follower.root().expect("there is a chain");
    assert_eq!(root.index, 1);
    pair.fork(0, 7, 9);
    pair.run_for(Duration::from_secs(10));
    let fatal = pair.consumer.fatal().expect("what is final never comes back");
    assert_eq!(fatal.nodes[0].1, RejectReason::Conflicting { root: root.hash });
}

#[test]
fn given_a_chosen_hash_that_is_not_on_the_chain_when_asked_then_the_consumer_is_told_and_no_other_is_chosen() {
    let mut settings = config(1);
    let anchor = grown(10)[8];
    settings.start = StartAt::Hash(anchor);
    let mut pair = Pair::new(settings);
    pair.grow(0, 10);
    let sink = pair.nodes[0].sink;
    pair.fork(0, 5, 8);
    pair.start();
    pair.run_for(Duration::from_secs(10));
    let told = pair.rejections();
    assert!(told.len() > 1 && told.iter().all(|reason| **reason == RejectReason::AnchorLeft { anchor }), "{told:?}");
    assert_eq!((pair.consumer.fatal(), pair.tip()), (None, Some(anchor)));
    let sink = *pair.tree.grow(sink, 10).last().expect("there are ten");
    pair.set_sink(0, sink);
    pair.run_for(Duration::from_secs(60));
    pair.assert_follows(0);
}

#[test]
fn given_a_chosen_hash_that_is_the_pruning_point_when_the_chain_leaves_it_then_it_is_the_end() {
    let mut settings = config(1);
    let anchor = grown(10)[3];
    settings.start = StartAt::Hash(anchor);
    let mut pair = Pair::new(settings);
    pair.grow(0, 10);
    pair.nodes[0].pruning_point = anchor;
    pair.start();
    pair.drive_until("synced", Pair::is_synced);
    // A pruning point that both branches have in their past, so that the node still answers.
    pair.nodes[0].pruning_point = pair.tree.genesis();
    pair.fork(0, 8, 10);
    pair.run_for(Duration::from_secs(10));
    let fatal = pair.consumer.fatal().expect("a pruning point is final");
    assert_eq!(fatal.nodes[0].1, RejectReason::Conflicting { root: anchor });
}

#[test]
fn given_two_nodes_when_one_has_left_the_anchor_then_the_other_is_followed() {
    let mut settings = config(2);
    settings.start = StartAt::Sink;
    let mut pair = Pair::synced(settings, 10);
    pair.grow(0, 3);
    pair.run_for(SOON);
    pair.nodes[1].sink = pair.nodes[0].sink;
    pair.grow(1, 2);
    pair.fork(0, 6, 12);
    pair.run_for(Duration::from_secs(10));
    assert!(matches!(pair.rejections()[..], [RejectReason::AnchorLeft { .. }]), "{:#?}", pair.rejections());
    pair.assert_follows(1);
    assert!(!pair.events.iter().any(|event| matches!(event, L1Event::Fatal(_))));
}
