//! A bridge that goes on from a checkpoint, and what a node may have become meanwhile.

use std::time::Duration;

use bridge::{
    ChainRef, Checkpoint, Config, ConfigError, L1Event, RejectReason, Reorg, StartAt, Window, WindowError,
    follower::Follower,
    wire::{Network, Operation, Request},
};
use kaspa_hashes::Hash;

use crate::support::{
    node::{Answer, BELOW_RETENTION},
    pair::{Pair, Stored},
    settings::config,
};

const SOON: Duration = Duration::from_millis(200);
const FINALITY: u64 = 12;

fn shallow(nodes: usize) -> Config {
    let mut settings = config(nodes);
    settings.finality_depth = Some(FINALITY);
    settings
}

/// Node 0 has thirty blocks, of which the lower ones are final; the follower is synced and then dead.
fn asleep(settings: Config) -> (Pair, Stored) {
    let mut pair = Pair::synced(settings, 30);
    pair.hang_up();
    let stored = pair.stored();
    (pair, stored)
}

fn checkpoint(stored: &Stored) -> Checkpoint {
    Checkpoint::decode(&stored.checkpoint).expect("it was encoded")
}

/// The reorgs told since event number `from` of the list.
fn reorgs(pair: &Pair, from: usize) -> Vec<&Reorg> {
    let events = pair.events[from..].iter();
    events.filter_map(|event| if let L1Event::Reorg(reorg) = event { Some(reorg) } else { None }).collect()
}

/// From which blocks the chain was asked since request number `from`.
fn asked_from(pair: &Pair, from: usize) -> Vec<Hash> {
    let start = |request| match request {
        Request::GetVirtualChainFromBlockV2 { start_hash, .. } => Some(start_hash),
        _ => None,
    };
    pair.requests[from..].iter().filter_map(|sent| start(sent.request)).collect()
}

/// The node forgets the newest `count` blocks of the consumer's path.
fn forget(pair: &mut Pair, count: usize) {
    let newest: Vec<Hash> = pair.consumer.path().iter().rev().take(count).copied().collect();
    pair.nodes[0].unknown.extend(newest);
}

#[test]
fn given_a_session_with_reorgs_when_resumed_at_any_event_of_it_then_the_same_chain_comes_out() {
    let mut pair = Pair::new(shallow(1));
    pair.keeps_history = true;
    pair.nodes[0].page_limit = 7;
    pair.grow(0, 9);
    pair.start();
    for (depth, length) in [(0, 6), (3, 5), (1, 2), (8, 10), (0, 20), (11, 13), (2, 4)] {
        pair.fork(0, depth, length);
        pair.run_for(SOON);
    }
    pair.assert_follows(0);
    let history = std::mem::take(&mut pair.history);
    let (path, finalized) = (pair.consumer.path().to_vec(), pair.consumer.finalized().to_vec());
    assert!(history.len() > 70, "{}", history.len());
    for (stored, number) in history.iter().zip(1..) {
        assert_eq!(checkpoint(stored).sequence(), number);
        pair.restart_with(stored);
        pair.run_for(SOON);
        assert_eq!(pair.consumer.path(), path, "resumed after event {number}");
        assert_eq!(pair.consumer.finalized(), finalized, "resumed after event {number}");
    }
    assert_eq!(pair.rejections(), Vec::<&RejectReason>::new());
}

#[test]
fn given_a_checkpoint_on_the_nodes_chain_when_resumed_then_it_numbers_on_and_asks_for_no_anchor() {
    for start in [StartAt::PruningPoint, StartAt::Sink, StartAt::Hash(Hash::from_u64_word(77))] {
        let (mut pair, stored) = asleep(shallow(1));
        pair.grow(0, 3);
        let mut settings = shallow(1);
        settings.start = start;
        pair.config = settings;
        let (events, requests) = (pair.events.len(), pair.requests.len());
        pair.restart_with(&stored);
        pair.run_for(SOON);
        pair.assert_follows(0);
        let numbered = pair.events[events..].iter().find_map(L1Event::sequence);
        assert_eq!(numbered, Some(checkpoint(&stored).sequence() + 1));
        assert_eq!(pair.follower.anchor(), Some(checkpoint(&stored).root()));
        let tip = checkpoint(&stored).tip().hash;
        assert_eq!(asked_from(&pair, requests)[0], tip);
        let headers = pair.requests[requests..].iter().filter_map(|sent| match sent.request {
            Request::GetBlock { hash, .. } => Some(hash),
            _ => None,
        });
        // The sink, as ever, and the tip, whose blue work no reference has.
        assert_eq!(headers.collect::<Vec<_>>(), [pair.nodes[0].sink, tip]);
        assert!(reorgs(&pair, events).is_empty());
    }
}

#[test]
fn given_a_tip_that_left_the_chain_while_away_when_resumed_then_the_reorg_is_told() {
    let (mut pair, stored) = asleep(shallow(1));
    let (events, path) = (pair.events.len(), pair.consumer.path().to_vec());
    pair.fork(0, 5, 6);
    pair.restart_with(&stored);
    pair.run_for(SOON);
    pair.assert_follows(0);
    let [reorg] = reorgs(&pair, events)[..] else { panic!("{:#?}", pair.events) };
    assert_eq!((reorg.old_tip, reorg.fork.hash), (checkpoint(&stored).tip(), path[25]));
    assert!(reorg.removed.iter().eq(path[26..].iter().rev()));
}

#[test]
fn given_a_tip_that_the_node_has_forgotten_when_resumed_then_the_reorg_begins_where_the_chains_part() {
    for forgotten in 1..=11 {
        for page_limit in [1, 2, 100] {
            let (mut pair, stored) = asleep(shallow(1));
            let (events, path) = (pair.events.len(), pair.consumer.path().to_vec());
            let requests = pair.requests.len();
            forget(&mut pair, forgotten);
            pair.fork(0, forgotten, forgotten + 1);
            pair.nodes[0].page_limit = page_limit;
            pair.restart_with(&stored);
            pair.run_for(Duration::from_secs(1));
            pair.assert_follows(0);
            let [reorg] = reorgs(&pair, events)[..] else { panic!("{:#?}", pair.events) };
            assert_eq!(
                (reorg.sequence, reorg.old_tip),
                (checkpoint(&stored).sequence() + 1, checkpoint(&stored).tip())
            );
            assert_eq!(reorg.fork.index as usize, 30 - forgotten, "no block that stays is taken back");
            assert!(reorg.removed.iter().eq(path[31 - forgotten..].iter().rev()));
            assert_eq!(pair.rejections(), Vec::<&RejectReason>::new());
            // Newest first, at doubling distances.
            let distances = [1, 2, 4, 8, 12].into_iter().take_while(|distance| *distance <= forgotten);
            let refused: Vec<Hash> = distances.map(|distance| path[30 - distance]).collect();
            assert!(asked_from(&pair, requests).starts_with(&refused), "{forgotten} forgotten");
        }
    }
}

#[test]
fn given_all_blocks_above_the_root_forgotten_when_resumed_then_the_reorg_goes_to_the_root_itself() {
    // With a root that moved, and with the anchor.
    for depth in [FINALITY, 1_000] {
        let mut settings = shallow(1);
        settings.finality_depth = Some(depth);
        let (mut pair, stored) = asleep(settings);
        let (events, root) = (pair.events.len(), checkpoint(&stored).root());
        let above = pair.consumer.path().len() - 1 - root.index as usize;
        forget(&mut pair, above);
        pair.fork(0, above, above + 2);
        pair.restart_with(&stored);
        pair.run_for(SOON);
        pair.assert_follows(0);
        assert_eq!(reorgs(&pair, events).iter().map(|reorg| reorg.fork).collect::<Vec<_>>(), [root]);
        assert!(pair.requests.iter().all(|sent| !matches!(sent.request,
            Request::GetVirtualChainFromBlockV2 { start_hash, .. } if start_hash == Hash::default())));
    }
}

#[test]
fn given_a_running_session_when_the_next_node_never_saw_our_branch_and_has_a_heavier_one_then_a_reorg() {
    let mut pair = Pair::synced(shallow(2), 30);
    let tip = pair.nodes[0].sink;
    pair.nodes[1].sink = pair.tree.below(tip, 3);
    pair.nodes[1].unknown.extend((0..3).map(|depth| pair.tree.below(tip, depth)));
    pair.grow(1, 5);
    let events = pair.events.len();
    pair.nodes[0].door = crate::support::node::Door::Refuses;
    pair.hang_up();
    pair.run_for(Duration::from_secs(5));
    pair.assert_follows(1);
    assert_eq!(reorgs(&pair, events).iter().map(|reorg| reorg.removed.len()).collect::<Vec<_>>(), [3]);
}

#[test]
fn given_a_resumed_tip_that_the_node_did_not_know_when_it_comes_back_with_a_heavier_rival_of_equal_score_then_a_reorg()
{
    let (mut pair, stored) = asleep(shallow(1));
    let (events, sink) = (pair.events.len(), pair.nodes[0].sink);
    pair.nodes[0].sink = pair.tree.below(sink, 4);
    forget(&mut pair, 4);
    pair.restart_with(&stored);
    pair.run_for(Duration::from_secs(20));
    assert!(matches!(pair.rejections()[..], [RejectReason::Lagging { .. }]), "{:?}", pair.rejections());
    pair.nodes[0].unknown.clear();
    let parent = pair.tree.below(sink, 1);
    let rival = pair.tree.extend_by(parent, 1, 5);
    pair.set_sink(0, rival);
    pair.run_for(Duration::from_secs(20));
    assert_eq!(reorgs(&pair, events).iter().map(|reorg| reorg.removed.len()).collect::<Vec<_>>(), [1]);
    assert_eq!(pair.tip(), Some(rival));
}

#[test]
fn given_a_node_that_has_not_seen_our_tip_yet_when_resumed_then_it_is_lagging_and_nothing_is_taken_back() {
    for knows_headers in [false, true] {
        let (mut pair, stored) = asleep(shallow(1));
        let (events, sink) = (pair.events.len(), pair.nodes[0].sink);
        let behind = pair.tree.below(sink, 4);
        pair.nodes[0].sink = behind;
        if !knows_headers {
            forget(&mut pair, 4);
        }
        pair.restart_with(&stored);
        pair.run_for(Duration::from_secs(20));
        assert_eq!((pair.rejections(), pair.tip()), (vec![&RejectReason::Lagging { sink: behind }], Some(sink)));
        pair.nodes[0].unknown.clear();
        pair.set_sink(0, sink);
        pair.grow(0, 2);
        pair.run_for(Duration::from_secs(3));
        pair.assert_follows(0);
        assert!(reorgs(&pair, events).is_empty());
    }
}

#[test]
fn given_a_node_that_catches_up_between_two_questions_when_it_had_refused_our_tip_then_nothing_is_taken_back() {
    let (mut pair, stored) = asleep(shallow(1));
    let (events, sink) = (pair.events.len(), pair.nodes[0].sink);
    let heavier = *pair.tree.grow(sink, 3).last().expect("there are three");
    pair.nodes[0].sink = pair.tree.below(sink, 4);
    forget(&mut pair, 4);
    pair.restart_with(&stored);
    pair.drive_until("asked for the sink", |pair| pair.asked(Operation::GetSink) == 1);
    pair.nodes[0].unknown.clear();
    pair.set_sink(0, heavier);
    pair.run_for(SOON);
    pair.assert_follows(0);
    assert!(reorgs(&pair, events).is_empty() && pair.rejections().is_empty());
}

/// The node has pruned up to five blocks below its sink, and our chain ended far below that.
fn pruned_past_us(pair: &mut Pair) -> Hash {
    pair.grow(0, 40);
    pair.nodes[0].pruning_point = pair.tree.below(pair.nodes[0].sink, 5);
    pair.nodes[0].pruning_point
}

#[test]
fn given_a_checkpoint_that_was_pruned_while_away_when_resumed_then_one_end_whatever_the_node_kept() {
    let kept_header = "some data is missing for block 00";
    for refusal in [BELOW_RETENTION, "cannot find header", kept_header] {
        let (mut pair, stored) = asleep(shallow(1));
        let (events, path) = (pair.events.len(), pair.consumer.path().to_vec());
        let pruning_point = pruned_past_us(&mut pair);
        if refusal == "cannot find header" {
            forget(&mut pair, path.len());
        }
        let tip = path[30];
        pair.nodes[0].tamper(move |request, answer| match request {
            Request::GetBlock { hash, .. } if *hash == tip && refusal == kept_header => {
                *answer = Answer::Error(kept_header.to_owned());
            }
            _ => {}
        });
        pair.restart_with(&stored);
        pair.run_for(Duration::from_secs(60));
        let reason = RejectReason::Pruned { root: checkpoint(&stored).root().hash, pruning_point };
        let fatal = pair.consumer.fatal().expect("the node can never be followed");
        assert_eq!((fatal.nodes[0].1.clone(), pair.rejections()), (reason.clone(), vec![&reason]), "{refusal}");
        assert!(pair.finished && pair.events[events..].iter().all(|event| event.sequence().is_none()));
        assert_eq!(pair.consumer.path(), path);
    }
}

#[test]
fn given_two_nodes_when_one_has_pruned_our_chain_then_the_other_is_followed() {
    let (mut pair, stored) = asleep(shallow(2));
    pruned_past_us(&mut pair);
    pair.nodes[1].sink = pair.nodes[0].sink;
    pair.restart_with(&stored);
    pair.run_for(Duration::from_secs(10));
    pair.assert_follows(1);
    assert!(matches!(pair.rejections()[..], [RejectReason::Pruned { .. }]), "{:#?}", pair.rejections());
    assert_eq!(pair.consumer.fatal(), None);
}

#[test]
fn given_a_root_that_was_pruned_while_the_tip_is_served_when_resumed_then_it_goes_on() {
    for fork in [0, 3] {
        let (mut pair, stored) = asleep(shallow(1));
        assert!(checkpoint(&stored).root().index < 24);
        pair.nodes[0].pruning_point = pair.consumer.path()[24];
        forget(&mut pair, fork);
        pair.fork(0, fork, fork + 2);
        pair.restart_with(&stored);
        pair.run_for(SOON);
        pair.assert_follows(0);
        assert_eq!(pair.rejections(), Vec::<&RejectReason>::new());
    }
}

#[test]
fn given_a_node_that_serves_none_of_our_blocks_and_has_not_pruned_them_when_resumed_then_it_conflicts() {
    let (mut pair, stored) = asleep(shallow(1));
    let root = checkpoint(&stored).root().hash;
    let all = pair.consumer.path().len() - 1;
    forget(&mut pair, all);
    pair.fork(0, all, all + 2);
    pair.restart_with(&stored);
    pair.run_for(Duration::from_secs(20));
    assert_eq!(pair.consumer.fatal().map(|fatal| &fatal.nodes[0].1), Some(&RejectReason::Conflicting { root }));
}

#[test]
fn given_a_root_that_moved_when_resumed_with_a_greater_finality_depth_then_it_stays_final() {
    let (mut pair, stored) = asleep(shallow(1));
    let root = checkpoint(&stored).root().hash;
    pair.config.finality_depth = Some(1_000);
    let all = pair.consumer.path().len() - 1;
    pair.fork(0, all, all + 2);
    pair.restart_with(&stored);
    pair.run_for(Duration::from_secs(20));
    assert_eq!(pair.consumer.fatal().map(|fatal| &fatal.nodes[0].1), Some(&RejectReason::Conflicting { root }));
}

#[test]
fn given_a_checkpoint_before_the_first_event_when_its_block_was_pruned_then_no_other_anchor_is_chosen() {
    let mut pair = Pair::synced(shallow(1), 0);
    let window = Window::new(pair.follower.anchor().expect("the bridge is synced"));
    let checkpoint = window.checkpoint(Network::SIMNET).expect("the window is the bridge's").encode();
    let stored = Stored { checkpoint, window: window.blocks().collect(), consumer: pair.consumer.clone() };
    let pruning_point = pruned_past_us(&mut pair);
    pair.restart_with(&stored);
    pair.run_for(Duration::from_secs(20));
    let reason = RejectReason::Pruned { root: window.root().hash, pruning_point };
    assert_eq!(pair.consumer.fatal().map(|fatal| &fatal.nodes[0].1), Some(&reason));
}

#[test]
fn given_more_events_behind_us_than_may_wait_when_resumed_then_all_of_them_count_as_acknowledged() {
    let mut settings = shallow(1);
    settings.high_water_mark = 5;
    let (mut pair, stored) = asleep(settings);
    pair.grow(0, 20);
    pair.restart_with(&stored);
    pair.run_for(SOON);
    pair.assert_follows(0);
}

#[test]
fn given_an_anchor_that_is_not_final_when_a_node_serves_nothing_from_it_then_it_is_asked_for_ever() {
    let mut settings = config(1);
    settings.start = StartAt::Sink;
    let mut pair = Pair::synced(settings, 10);
    pair.grow(0, 3);
    pair.run_for(SOON);
    let anchor = pair.consumer.path()[0];
    let sink = pair.nodes[0].sink;
    forget(&mut pair, 4);
    pair.fork(0, 5, 8);
    pair.restart();
    pair.run_for(Duration::from_secs(300));
    assert_eq!(pair.consumer.fatal(), None);
    assert!(pair.rejections().iter().all(|reason| **reason == RejectReason::AnchorLeft { anchor }));
    assert!((5..30).contains(&pair.rejections().len()), "{}", pair.rejections().len());
    pair.nodes[0].unknown.clear();
    let sink = *pair.tree.grow(sink, 10).last().expect("there are ten");
    pair.set_sink(0, sink);
    pair.run_for(Duration::from_secs(60));
    pair.assert_follows(0);
}

#[test]
fn given_a_node_that_is_reset_while_the_fork_is_looked_for_then_the_search_begins_again_afterwards() {
    let (mut pair, stored) = asleep(shallow(1));
    let events = pair.events.len();
    forget(&mut pair, 8);
    pair.fork(0, 8, 9);
    pair.restart_with(&stored);
    let requests = pair.requests.len();
    pair.drive_until("asked from an older block", |pair| asked_from(pair, requests).len() == 3);
    pair.nodes[0].transitional = true;
    pair.run_for(Duration::from_secs(10));
    assert_eq!(pair.rejections(), [&RejectReason::Resetting]);
    assert!(pair.asked(Operation::GetSink) > 5, "it begins with the sink each time");
    pair.nodes[0].transitional = false;
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
    assert_eq!(reorgs(&pair, events).len(), 1);
}

#[test]
fn given_a_cut_into_blocks_from_before_the_resume_when_the_node_falls_back_then_it_is_weighed_and_not_believed() {
    // Blocks with far more work than score, so that nothing can be guessed from the references.
    let mut pair = Pair::new(shallow(1));
    let work = |pair: &mut Pair, from: Hash, count: usize| {
        (0..count).fold(from, |parent, _| pair.tree.extend_by(parent, 1, 10))
    };
    let sink = pair.nodes[0].sink;
    pair.nodes[0].sink = work(&mut pair, sink, 30);
    pair.start();
    pair.drive_until("synced", Pair::is_synced);
    pair.hang_up();
    let stored = pair.stored();
    let (events, path) = (pair.events.len(), pair.consumer.path().to_vec());
    let heavier = work(&mut pair, path[26], 6);
    pair.set_sink(0, heavier);
    let behind = path[24];
    pair.nodes[0].tamper(move |_, answer| {
        if let Answer::Page(page) = answer
            && !page.removed.is_empty()
        {
            page.added.clear();
            page.blocks.clear();
        }
    });
    pair.restart_with(&stored);
    pair.drive_until("cut back", |pair| reorgs(pair, events).len() == 1);
    assert_eq!(pair.tip(), Some(path[26]));
    pair.set_sink(0, behind);
    pair.run_for(Duration::from_secs(5));
    assert_eq!((pair.tip(), pair.rejections()), (Some(path[26]), vec![&RejectReason::Lagging { sink: behind }]));
    pair.nodes[0].tamper = None;
    pair.set_sink(0, heavier);
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
    assert_eq!(reorgs(&pair, events).len(), 1);
}

#[test]
fn given_a_branch_of_fewer_and_heavier_blocks_when_it_replaced_ours_while_away_then_only_our_old_tip_is_weighed() {
    let (mut pair, stored) = asleep(shallow(1));
    let tip = pair.nodes[0].sink;
    let fork = pair.tree.below(tip, 5);
    let sink = (0..3).fold(fork, |parent, _| pair.tree.extend_by(parent, 1, 10));
    pair.set_sink(0, sink);
    let requests = pair.requests.len();
    pair.restart_with(&stored);
    pair.run_for(SOON);
    pair.assert_follows(0);
    let asked = |sent: &&crate::support::pair::Sent| sent.request.operation() == Operation::GetBlock;
    // The sink, as ever, and our tip; the new one came with its header.
    assert_eq!(pair.requests[requests..].iter().filter(asked).count(), 2);
    pair.grow(0, 1);
    pair.run_for(SOON);
    assert_eq!(pair.requests[requests..].iter().filter(asked).count(), 2);
}

#[test]
fn given_a_checkpoint_of_another_network_or_a_wrong_window_when_resumed_then_a_config_error() {
    let (_, stored) = asleep(shallow(1));
    let checkpoint = checkpoint(&stored);
    let refused = |settings: Config, window: &[ChainRef]| {
        Follower::resume(settings, &checkpoint, Some(window)).expect_err("it must not start")
    };
    let mut elsewhere = shallow(1);
    elsewhere.network = Network::testnet(10);
    assert_eq!(
        refused(elsewhere, &stored.window).to_string(),
        "the checkpoint is of simnet, the configured network is testnet-10"
    );
    let changed = |change: &dyn Fn(&mut Vec<ChainRef>)| {
        let mut window = stored.window.clone();
        change(&mut window);
        refused(shallow(1), &window)
    };
    let without = |index: usize| {
        let mut window = stored.window.clone();
        window.remove(index);
        refused(shallow(1), &window)
    };
    let (root, tip) = (checkpoint.root(), checkpoint.tip());
    let window = |error| ConfigError::Window(error);
    assert_eq!(changed(&|window| window.clear()), window(WindowError::OtherRoot { root, first: None }));
    let first = Some(stored.window[1]);
    assert_eq!(without(0), window(WindowError::OtherRoot { root, first }));
    let last = stored.window.iter().rev().nth(1).copied();
    assert_eq!(without(stored.window.len() - 1), window(WindowError::OtherTip { tip, last }));
    let (parent, child) = (stored.window[2], stored.window[4]);
    assert_eq!(without(3), window(WindowError::Gap { parent, child }));
    let flat = |window: &mut Vec<ChainRef>| window[3].blue_score = window[2].blue_score;
    assert!(matches!(changed(&flat), ConfigError::Window(WindowError::Gap { .. })));
    // On the locator, and off it.
    let foreign = |window: &mut Vec<ChainRef>| window[10].hash = Hash::from_u64_word(5);
    assert!(matches!(changed(&foreign), ConfigError::Window(WindowError::NotInside { .. })));
    let twice = |window: &mut Vec<ChainRef>| window[3].hash = window[1].hash;
    assert!(matches!(changed(&twice), ConfigError::Window(WindowError::Repeated { .. })));
    assert!(Follower::resume(shallow(1), &checkpoint, Some(&stored.window)).is_ok());
    let mut unusable = shallow(1);
    unusable.nodes.clear();
    assert_eq!(refused(unusable, &stored.window), ConfigError::NoNodes);
}
