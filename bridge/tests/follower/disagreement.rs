//! Nodes that are behind or on another chain: who is believed, and when it is the end.

use std::time::Duration;

use bridge::{Config, DisconnectReason, L1Event, RejectReason, wire::Operation};

use crate::support::{
    node::{Answer, Door},
    pair::Pair,
    settings::config,
};

const SOON: Duration = Duration::from_millis(100);

fn shallow(nodes: usize) -> Config {
    let mut settings = config(nodes);
    settings.finality_depth = Some(5);
    settings
}

/// Both nodes have the same twenty blocks and the follower follows the first.
fn two_equal_nodes(settings: Config) -> Pair {
    let mut pair = Pair::synced(settings, 20);
    pair.nodes[1].sink = pair.nodes[0].sink;
    pair
}

#[test]
fn given_one_node_when_its_chain_leaves_ours_below_the_root_then_conflicting_and_fatal_with_the_state_untouched() {
    let mut pair = Pair::synced(shallow(1), 20);
    let (path, root) = (pair.consumer.path().to_vec(), pair.follower.root().expect("there is a chain"));
    let before = pair.events.len();
    pair.fork(0, 6, 8);
    pair.run_for(Duration::from_secs(120));
    let [
        L1Event::NodeRejected { node, reason, retry_in: None },
        L1Event::Disconnected { session: 1, reason: DisconnectReason::Rejected, retry_in: None },
        L1Event::Fatal(fatal),
    ] = &pair.events[before..]
    else {
        panic!("{:#?}", &pair.events[before..])
    };
    assert_eq!((node.as_str(), reason), ("ws://node0:17510", &RejectReason::Conflicting { root: root.hash }));
    let expected = format!(
        "no configured node can be followed: ws://node0:17510: its chain leaves ours below the finalized block {}",
        root.hash
    );
    assert_eq!(fatal.to_string(), expected);
    assert!(pair.finished);
    assert_eq!(pair.consumer.path(), path);
    assert_eq!(pair.follower.root(), Some(root));
}

#[test]
fn given_two_nodes_when_one_conflicts_then_the_other_is_followed_without_an_end() {
    let mut pair = two_equal_nodes(shallow(2));
    pair.fork(0, 6, 8);
    pair.run_for(SOON);
    pair.grow(1, 5);
    pair.run_for(Duration::from_secs(30));
    assert_eq!(pair.connection.map(|connection| connection.node), Some(1));
    assert!(matches!(pair.rejections()[..], [RejectReason::Conflicting { .. }]), "{:#?}", pair.rejections());
    assert_eq!(pair.consumer.fatal(), None);
    pair.assert_follows(1);
}

#[test]
fn given_two_nodes_when_both_conflict_then_fatal_names_both() {
    let mut pair = two_equal_nodes(shallow(2));
    let branch = pair.fork(0, 6, 8);
    pair.nodes[1].sink = branch[7];
    pair.run_for(Duration::from_secs(30));
    let fatal = pair.consumer.fatal().expect("no node is left");
    assert_eq!(fatal.nodes.len(), 2);
    assert!(fatal.nodes.iter().all(|(_, reason)| matches!(reason, RejectReason::Conflicting { .. })));
    assert!(pair.finished);
}

#[test]
fn given_two_nodes_when_one_conflicts_and_the_other_is_unreachable_then_it_never_ends() {
    let mut pair = two_equal_nodes(shallow(2));
    pair.nodes[1].door = Door::Refuses;
    pair.fork(0, 6, 8);
    pair.run_for(Duration::from_secs(600));
    assert_eq!(pair.consumer.fatal(), None);
    assert!(pair.connects.len() > 20 && pair.connects.len() < 80, "{} attempts", pair.connects.len());
    // The other one comes up again.
    pair.nodes[1].door = Door::Open;
    pair.grow(1, 3);
    pair.run_for(Duration::from_secs(120));
    pair.assert_follows(1);
}

#[test]
fn given_a_node_that_is_behind_our_root_when_it_removes_everything_then_it_is_lagging_and_not_the_end() {
    let mut pair = Pair::synced(shallow(1), 20);
    let (path, sink) = (pair.consumer.path().to_vec(), pair.nodes[0].sink);
    // Its sink fell back below our root, as while it downloads bodies.
    let behind = pair.tree.below(sink, 12);
    pair.set_sink(0, behind);
    pair.run_for(Duration::from_secs(30));
    assert_eq!(pair.rejections(), [&RejectReason::Lagging { sink: behind }]);
    assert_eq!((pair.consumer.path(), pair.finished), (path.as_slice(), false));
    pair.set_sink(0, sink);
    pair.grow(0, 2);
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
}

#[test]
fn given_a_node_that_recovers_between_page_and_sink_when_its_page_removed_the_root_then_it_is_not_the_end() {
    let mut pair = Pair::synced(shallow(1), 20);
    let (path, sink) = (pair.consumer.path().to_vec(), pair.nodes[0].sink);
    let heavier = pair.tree.extend(sink);
    let behind = pair.tree.below(sink, 12);
    pair.set_sink(0, behind);
    pair.drive_until("asked for the sink", |pair| pair.asked(Operation::GetSink) == 1);
    pair.set_sink(0, heavier);
    pair.run_for(Duration::from_secs(3));
    assert_eq!((pair.consumer.fatal(), pair.rejections().len()), (None, 0));
    assert!(pair.consumer.path().starts_with(&path), "nothing was taken back");
    pair.assert_follows(0);
}

#[test]
fn given_a_lighter_branch_below_our_root_when_answered_then_it_is_lagging_and_not_the_end() {
    let mut pair = Pair::synced(shallow(1), 20);
    let path = pair.consumer.path().to_vec();
    pair.fork(0, 10, 4);
    pair.run_for(Duration::from_secs(30));
    assert!(matches!(pair.rejections()[..], [RejectReason::Lagging { .. }]), "{:#?}", pair.rejections());
    assert_eq!((pair.consumer.path(), pair.finished), (path.as_slice(), false));
}

#[test]
fn given_one_node_when_it_falls_behind_then_nothing_changes_until_it_has_caught_up() {
    let mut pair = Pair::synced(config(1), 20);
    let (path, sink) = (pair.consumer.path().to_vec(), pair.nodes[0].sink);
    let before = pair.events.len();
    let behind = pair.tree.below(sink, 4);
    pair.set_sink(0, behind);
    pair.run_for(Duration::from_secs(20));
    let [L1Event::NodeRejected { reason, retry_in: None, .. }] = &pair.events[before..] else {
        panic!("reported once: {:#?}", &pair.events[before..])
    };
    assert_eq!(*reason, RejectReason::Lagging { sink: behind });
    assert_eq!(pair.consumer.path(), path);
    assert_eq!(pair.connects.len(), 1, "the session stays");
    pair.set_sink(0, sink);
    pair.grow(0, 3);
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
}

#[test]
fn given_a_node_that_is_behind_when_waited_for_then_no_page_is_asked_for_until_its_sink_is_ours_or_heavier() {
    let mut pair = Pair::synced(config(1), 20);
    let sink = pair.nodes[0].sink;
    pair.fork(0, 10, 4);
    pair.run_for(Duration::from_secs(5));
    let pages = pair.pages();
    let sinks = pair.asked(Operation::GetSink);
    pair.run_for(Duration::from_secs(60));
    assert_eq!(pair.pages(), pages);
    assert!(pair.asked(Operation::GetSink) > sinks, "nobody would see it come back");
    // It comes back to where we are, no further.
    pair.set_sink(0, sink);
    pair.run_for(Duration::from_secs(5));
    assert!(
        matches!(pair.events.last(), Some(L1Event::Synced { tip }) if tip.hash == sink),
        "{:#?}",
        pair.events.last()
    );
    pair.assert_follows(0);
}

#[test]
fn given_one_node_when_it_falls_behind_twice_then_it_is_reported_each_time() {
    let mut pair = Pair::synced(config(1), 20);
    for _ in 0..2 {
        let sink = pair.nodes[0].sink;
        let behind = pair.tree.below(sink, 4);
        pair.set_sink(0, behind);
        pair.run_for(Duration::from_secs(5));
        pair.set_sink(0, sink);
        pair.grow(0, 3);
        pair.run_for(Duration::from_secs(5));
        pair.assert_follows(0);
    }
    assert_eq!(pair.rejections().len(), 2);
}

#[test]
fn given_two_nodes_when_one_falls_behind_then_the_other_is_tried_next() {
    let mut pair = two_equal_nodes(config(2));
    pair.grow(1, 3);
    let behind = pair.tree.below(pair.nodes[0].sink, 4);
    pair.set_sink(0, behind);
    pair.run_for(Duration::from_secs(3));
    let order: Vec<usize> = pair.connects.iter().map(|(_, node)| *node).collect();
    assert_eq!(order, [0, 1]);
    assert_eq!(pair.rejections(), [&RejectReason::Lagging { sink: behind }]);
    pair.assert_follows(1);
}

#[test]
fn given_two_nodes_when_both_fall_behind_then_both_are_tried_in_turn_and_nothing_changes() {
    let mut pair = two_equal_nodes(config(2));
    let path = pair.consumer.path().to_vec();
    let behind = pair.tree.below(pair.nodes[0].sink, 4);
    pair.nodes[1].sink = behind;
    pair.set_sink(0, behind);
    pair.run_for(Duration::from_secs(120));
    assert!(pair.connects.windows(2).all(|pair| pair[0].1 != pair[1].1), "{:?}", pair.connects);
    assert!((4..40).contains(&pair.connects.len()), "{} attempts", pair.connects.len());
    assert_eq!((pair.consumer.path(), pair.consumer.fatal()), (path.as_slice(), None));
}

#[test]
fn given_a_page_with_removals_only_when_the_sink_is_heavier_then_the_cut_is_believed_and_the_rest_follows() {
    let mut pair = Pair::synced(config(1), 20);
    let mut stripped = 0;
    pair.nodes[0].tamper(move |_, answer| {
        if let Answer::Page(page) = answer
            && !page.removed.is_empty()
        {
            page.added.clear();
            page.blocks.clear();
            // Asked again after the sink was seen to be heavier, and believed when it still is.
            stripped += 1;
            assert!(stripped <= 2);
        }
    });
    pair.fork(0, 4, 6);
    pair.run_for(SOON);
    pair.assert_follows(0);
    let cut = pair.events.iter().find_map(|event| if let L1Event::Reorg(reorg) = event { Some(reorg) } else { None });
    assert_eq!(cut.map(|reorg| (reorg.fork.index, reorg.removed.len())), Some((16, 4)));
}

#[test]
fn given_a_node_that_was_behind_when_it_catches_up_between_page_and_sink_then_nothing_is_removed() {
    let mut pair = Pair::synced(config(1), 40);
    let sink = pair.nodes[0].sink;
    let behind = pair.tree.below(sink, 25);
    let ahead = *pair.tree.grow(sink, 5).last().expect("five blocks");
    // It has our tip's header, but its sink is below: the page only removes.
    pair.set_sink(0, behind);
    pair.drive_until("the page that removes is there", |pair| pair.asked(Operation::GetSink) > 0);
    pair.nodes[0].sink = ahead;
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
    assert!(pair.events.iter().all(|event| !matches!(event, L1Event::Reorg(_))), "{:#?}", pair.events);
}

#[test]
fn given_a_consumer_that_died_before_the_finality_was_told_when_resumed_at_a_conflicting_node_then_no_final_block_goes()
{
    for with_window in [true, false] {
        let mut pair = Pair::new(shallow(1));
        pair.keeps_history = true;
        pair.grow(0, 40);
        pair.start();
        pair.run_for(SOON);
        // Everything but the `Finalized` that came last, after the page.
        let stored = pair.history[pair.history.len() - 2].clone();
        let final_index = pair.consumer.finalized().len() - 1;
        let path = pair.consumer.path().to_vec();
        pair.hang_up();
        pair.fork(0, 20, 30);
        let restarted_at = pair.events.len();
        if with_window {
            pair.restart_with(&stored);
        } else {
            pair.restart_without_window(&stored);
        }
        pair.run_for(Duration::from_secs(10));
        let fatal = pair.consumer.fatal().unwrap_or_else(|| panic!("{:#?}", &pair.events[restarted_at..]));
        assert!(matches!(fatal.nodes[..], [(_, RejectReason::Conflicting { .. })]), "{fatal}");
        assert_eq!(pair.consumer.path(), path);
        // With the window it is known what is final, and told first.
        assert_eq!(pair.consumer.finalized().len() - 1, if with_window { final_index } else { 0 });
    }
}

#[test]
fn given_an_untold_finality_when_the_node_forgot_our_tip_then_a_fork_below_a_final_entry_is_a_conflict() {
    for (depth, conflicts) in [(20, true), (3, false)] {
        let mut pair = Pair::new(shallow(1));
        pair.keeps_history = true;
        pair.grow(0, 40);
        pair.start();
        pair.run_for(SOON);
        let stored = pair.history[pair.history.len() - 2].clone();
        pair.hang_up();
        pair.fork(0, depth, 30);
        let chain = pair.tree.chain(pair.nodes[0].sink);
        pair.nodes[0].unknown = pair.tree.hashes().filter(|hash| !chain.contains(hash)).collect();
        pair.restart_without_window(&stored);
        pair.run_for(Duration::from_secs(10));
        assert_eq!(pair.consumer.fatal().is_some(), conflicts);
        if !conflicts {
            pair.assert_follows(0);
        }
    }
}
