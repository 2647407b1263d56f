//! Class A: finality, the root, and the block at which a bridge begins.

use std::time::Duration;

use bridge::{Checkpoint, L1Event, RejectReason, RemoteError, StartAt, Window, wire::Request};
use kaspa_hashes::Hash;

use crate::{
    look::{FINALITY, away, forget_newest, reorgs, shallow},
    support::{
        node::{Answer, TRANSITIONAL, node_reset},
        pair::Pair,
        settings::config,
    },
};

const SOON: Duration = Duration::from_millis(200);

/// A1: finality was expected from a notification that a healthy node never sends; nothing became final, and everything was
/// kept for ever.
#[test]
fn given_a_node_whose_pruning_point_moves_without_a_word_when_followed_for_long_then_the_root_moves_too() {
    let mut pair = Pair::synced(shallow(1), 30);
    for _ in 0..40 {
        pair.grow(0, 10);
        pair.nodes[0].pruning_point = pair.tree.below(pair.nodes[0].sink, 2 * FINALITY);
        pair.run_for(SOON);
    }
    pair.assert_follows(0);
    assert_eq!(pair.follower.root().map(|root| root.index as usize), Some(430 - FINALITY));
    assert_eq!(pair.window.as_ref().map(|window| window.blocks().len()), Some(FINALITY + 1));
}

/// A2: the fork was the lowest block that was kept. Its parent's name was gone, and the roll-back went to a block made up of
/// zeros.
#[test]
fn given_a_fork_exactly_at_the_root_when_the_branch_is_heavier_then_legal_and_one_block_below_it_refused() {
    for restarts in [false, true] {
        let mut pair = Pair::synced(shallow(1), 30);
        if restarts {
            pair.restart();
            pair.run_for(SOON);
        }
        let root = pair.follower.root().expect("there is a chain");
        pair.fork(0, FINALITY, FINALITY + 1);
        pair.run_for(SOON);
        pair.assert_follows(0);
        assert_eq!(reorgs(&pair).iter().map(|reorg| reorg.fork).collect::<Vec<_>>(), [root]);
        let (path, root) = (pair.consumer.path().to_vec(), pair.follower.root().expect("there is a chain"));
        pair.fork(0, FINALITY + 1, FINALITY + 3);
        pair.run_for(Duration::from_secs(10));
        assert_eq!(pair.rejections(), [&RejectReason::Conflicting { root: root.hash }]);
        assert_eq!((pair.consumer.path(), pair.follower.root()), (path.as_slice(), Some(root)));
    }
}

/// A3: the block at which the bridge began left the chain before the first event, which ended it as if something final had.
#[test]
fn given_an_anchor_that_is_orphaned_before_the_first_block_when_nothing_was_told_then_another_is_chosen() {
    let mut settings = config(1);
    settings.start = StartAt::Sink;
    let mut pair = Pair::synced(settings, 10);
    let anchor = pair.nodes[0].sink;
    pair.fork(0, 3, 5);
    pair.run_for(Duration::from_secs(3));
    pair.grow(0, 4);
    pair.run_for(SOON);
    pair.assert_follows(0);
    assert_eq!((pair.consumer.path().len(), pair.consumer.fatal()), (5, None));
    assert_eq!(pair.rejections(), [&RejectReason::AnchorLeft { anchor }]);
}

/// A4: after a restart the block below everything that was kept was a hash of zeros, and was asked for.
#[test]
fn given_a_restart_when_the_whole_path_leaves_the_chain_then_the_fork_is_the_anchor_and_zeros_are_never_asked_for() {
    let (mut pair, stored) = away(config(1));
    let anchor = pair.consumer.path()[0];
    forget_newest(&mut pair, 30);
    pair.fork(0, 30, 33);
    pair.restart_with(&stored);
    pair.run_for(Duration::from_secs(2));
    pair.assert_follows(0);
    assert_eq!(
        reorgs(&pair).iter().map(|reorg| (reorg.fork.hash, reorg.fork.index)).collect::<Vec<_>>(),
        [(anchor, 0)]
    );
    let zeros = |request: &Request| match *request {
        Request::GetBlock { hash, .. } => hash == Hash::default(),
        Request::GetVirtualChainFromBlockV2 { start_hash, .. } => start_hash == Hash::default(),
        _ => false,
    };
    assert!(!pair.requests.iter().any(|sent| zeros(&sent.request)));
}

/// A6: a pruning point on a branch that had been rolled back was made final.
#[test]
fn given_a_pruning_point_on_a_branch_that_was_left_when_the_node_tells_of_it_then_nothing_becomes_final() {
    let mut pair = Pair::synced(shallow(1), 30);
    let left = pair.tree.below(pair.nodes[0].sink, 1);
    pair.fork(0, 4, 5);
    pair.run_for(SOON);
    let (root, events) = (pair.follower.root(), pair.events.len());
    pair.nodes[0].pruning_point = left;
    pair.send_frame(0, node_reset());
    pair.run_for(SOON);
    assert_eq!(pair.follower.root(), root);
    let finalized = |event: &L1Event| matches!(event, L1Event::Finalized { .. });
    assert!(!pair.events[events..].iter().any(finalized), "{:#?}", &pair.events[events..]);
    pair.nodes[0].pruning_point = pair.tree.genesis();
    pair.grow(0, 3);
    pair.run_for(Duration::from_secs(60));
    pair.assert_follows(0);
}

/// A7: what was restored answered for indices that it did not have, with blocks that were none of theirs.
#[test]
fn given_what_was_stored_at_any_event_when_restored_then_it_answers_as_before_and_only_for_what_it_has() {
    let mut pair = Pair::new(shallow(1));
    pair.keeps_history = true;
    pair.grow(0, 9);
    pair.start();
    for (depth, length) in [(0, 6), (3, 5), (8, 10), (0, 12), (9, 11)] {
        pair.fork(0, depth, length);
        pair.run_for(SOON);
    }
    pair.assert_follows(0);
    assert!(pair.history.len() > 40);
    for stored in &pair.history {
        let checkpoint = Checkpoint::decode(&stored.checkpoint).expect("it was encoded");
        let (root, tip) = (checkpoint.root().index, checkpoint.tip().index);
        let restored = Window::restored(&checkpoint, stored.window.clone()).expect("it was stored");
        let sparse = Window::of_checkpoint(&checkpoint);
        for index in 0..tip + 3 {
            let expected = index.checked_sub(root).and_then(|place| stored.window.get(place as usize)).copied();
            assert_eq!(restored.block_at(index), expected);
            assert!(sparse.block_at(index).is_none_or(|block| Some(block) == expected), "{index} of {root}..={tip}");
        }
    }
}

/// A8: any error while the first block was looked for ended the bridge.
#[test]
fn given_one_refusal_of_any_kind_when_it_meets_any_call_of_the_beginning_then_the_bridge_goes_on() {
    let texts = [
        "cannot find header 00",
        "the queried hash does not have retention root on its chain",
        TRANSITIONAL,
        "cannot find full block 00",
        "some data is missing for block 00",
        "consensus converter required UtxoEntry - but was not found",
        "what no node ever said",
    ];
    for refused in 1..=8 {
        for text in texts {
            let mut pair = Pair::new(config(1));
            pair.grow(0, 5);
            let mut calls = 0;
            pair.nodes[0].tamper(move |_, answer| {
                calls += 1;
                if calls == refused {
                    *answer = Answer::Error(text.to_owned());
                }
            });
            pair.start();
            pair.run_for(Duration::from_secs(10));
            assert_eq!(pair.consumer.fatal(), None, "call {refused}: {text}");
            pair.assert_follows(0);
        }
    }
}

/// A9: the pruning point moved between the answer that named it and the question for the chain from it.
#[test]
fn given_a_pruning_point_that_moves_before_the_chain_is_asked_from_it_when_refused_then_it_is_asked_anew() {
    let mut pair = Pair::new(config(1));
    pair.grow(0, 20);
    let (old, new) = (pair.tree.genesis(), pair.tree.below(pair.nodes[0].sink, 6));
    pair.nodes[0].pruning_point = new;
    let mut is_first = true;
    pair.nodes[0].tamper(move |_, answer| {
        if let Answer::DagInfo(info) = answer
            && std::mem::take(&mut is_first)
        {
            info.pruning_point_hash = old;
        }
    });
    pair.start();
    pair.run_for(Duration::from_secs(10));
    assert_eq!(pair.consumer.fatal(), None);
    pair.assert_follows(0);
    assert_eq!(pair.consumer.path().first(), Some(&new));
    assert_eq!(pair.rejections(), [&RejectReason::TipRefused { tip: old, error: RemoteError::BelowRetentionRoot }]);
}

/// A10: what was final was taken back, or everything begun anew, when a node had another history below it.
#[test]
fn given_a_heavier_node_whose_chain_forks_below_what_is_final_when_followed_then_one_end_and_nothing_is_taken_back() {
    let mut pair = Pair::synced(shallow(1), 30);
    let (path, finalized) = (pair.consumer.path().to_vec(), pair.consumer.finalized().to_vec());
    let root = pair.follower.root().expect("there is a chain");
    pair.fork(0, FINALITY + 1, FINALITY + 10);
    pair.run_for(Duration::from_secs(60));
    assert_eq!((pair.consumer.path(), pair.consumer.finalized()), (path.as_slice(), finalized.as_slice()));
    let reason = RejectReason::Conflicting { root: root.hash };
    assert_eq!(pair.rejections(), [&reason]);
    let fatal = pair.consumer.fatal().expect("it is the end");
    assert!(pair.finished && fatal.nodes == [("ws://node0:17510".to_owned(), reason)], "{fatal}");
}
