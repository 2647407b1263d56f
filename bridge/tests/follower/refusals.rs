//! Errors that the node sends instead of an answer, and nodes of another kind.

use std::time::Duration;

use bridge::{
    Config, DisconnectReason, L1Event, RejectReason, RemoteError, StartAt,
    wire::{Network, Operation, Request},
};

use crate::support::{
    node::{Answer, BELOW_RETENTION, Door},
    pair::Pair,
    settings::config,
    tree::Tree,
};

const SOON: Duration = Duration::from_millis(100);

fn refuse(operation: Operation, text: &'static str) -> impl FnMut(&Request, &mut Answer) + Send {
    move |request, answer| {
        if request.operation() == operation {
            *answer = Answer::Error(text.to_owned());
        }
    }
}

#[test]
fn given_a_node_that_is_being_reset_when_asked_then_it_waits_reports_once_and_resumes() {
    let mut pair = Pair::synced(config(1), 10);
    let events = pair.events.len();
    pair.nodes[0].transitional = true;
    pair.grow(0, 5);
    pair.run_for(Duration::from_secs(60));
    let [L1Event::NodeRejected { reason: RejectReason::Resetting, retry_in: None, .. }] = &pair.events[events..] else {
        panic!("{:#?}", &pair.events[events..])
    };
    assert_eq!(pair.connects.len(), 1);
    pair.nodes[0].transitional = false;
    pair.run_for(Duration::from_millis(1_200));
    pair.assert_follows(0);
    // The next reset is news again.
    pair.nodes[0].transitional = true;
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.rejections().len(), 2);
}

#[test]
fn given_a_node_that_is_being_reset_when_first_called_then_it_waits_and_starts() {
    let mut pair = Pair::new(config(1));
    pair.grow(0, 5);
    pair.nodes[0].transitional = true;
    pair.start();
    pair.run_for(Duration::from_secs(10));
    assert_eq!(pair.rejections(), [&RejectReason::Resetting]);
    pair.nodes[0].transitional = false;
    pair.run_for(Duration::from_secs(2));
    pair.assert_follows(0);
}

#[test]
fn given_nothing_announced_when_the_anchor_is_forgotten_then_another_is_chosen() {
    for text in ["cannot find header of the anchor", BELOW_RETENTION] {
        let mut settings = config(1);
        settings.start = StartAt::Sink;
        let mut pair = Pair::synced(settings, 10);
        let anchor = pair.nodes[0].sink;
        pair.nodes[0].tamper(move |request, answer| match request {
            Request::GetVirtualChainFromBlockV2 { start_hash, .. } if *start_hash == anchor => {
                *answer = Answer::Error(text.to_owned());
            }
            _ => {}
        });
        pair.grow(0, 5);
        pair.run_for(Duration::from_secs(3));
        assert_eq!((pair.tip(), pair.consumer.sequence()), (Some(pair.nodes[0].sink), 0));
        pair.grow(0, 2);
        pair.run_for(SOON);
        assert_eq!(pair.consumer.path().len(), 3);
        let error = RemoteError::classify(text);
        assert_eq!(pair.rejections(), [&RejectReason::TipRefused { tip: anchor, error }]);
        assert_eq!(pair.connects.len(), 1);
    }
}

#[test]
fn given_announced_blocks_when_the_tip_is_forgotten_by_a_node_that_is_not_ahead_then_it_is_lagging_until_it_has_it() {
    for text in ["cannot find header 00", BELOW_RETENTION] {
        let mut pair = Pair::synced(config(1), 10);
        let (tip, path) = (pair.nodes[0].sink, pair.consumer.path().to_vec());
        pair.nodes[0].tamper(refuse(Operation::GetVirtualChainFromBlockV2, text));
        pair.run_for(Duration::from_secs(300));
        assert_eq!((pair.rejections(), pair.connects.len()), (vec![&RejectReason::Lagging { sink: tip }], 1));
        assert_eq!((pair.consumer.path(), pair.consumer.fatal()), (path.as_slice(), None));
        pair.nodes[0].tamper = None;
        pair.grow(0, 3);
        pair.run_for(Duration::from_secs(2));
        pair.assert_follows(0);
    }
}

#[test]
fn given_two_nodes_when_one_never_saw_our_tip_then_the_other_is_followed() {
    let mut pair = Pair::synced(config(2), 10);
    pair.nodes[1].sink = pair.nodes[0].sink;
    let tip = pair.nodes[0].sink;
    pair.nodes[0].unknown.insert(tip);
    pair.nodes[0].sink = pair.tree.below(tip, 1);
    pair.grow(1, 4);
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.connects.iter().map(|(_, node)| *node).collect::<Vec<_>>(), [0, 1]);
    pair.assert_follows(1);
}

#[test]
fn given_a_page_that_lacks_a_body_when_following_then_the_node_is_left_without_a_second_question() {
    let mut pair = Pair::synced(config(2), 10);
    pair.nodes[1].sink = pair.nodes[0].sink;
    pair.nodes[0].tamper(refuse(Operation::GetVirtualChainFromBlockV2, "some data is missing for block 00"));
    pair.requests.clear();
    pair.grow(0, 1);
    pair.grow(1, 4);
    pair.drive_until("left", |pair| pair.connects.len() == 2);
    assert_eq!(pair.asked(Operation::GetVirtualChainFromBlockV2), 1);
    assert!(
        matches!(pair.rejections()[..], [RejectReason::Refused { error: RemoteError::BodyMissing { .. }, .. }]),
        "{:?}",
        pair.rejections()
    );
    pair.run_for(Duration::from_secs(2));
    pair.assert_follows(1);
}

#[test]
fn given_an_unknown_error_text_when_received_then_shown_and_retried() {
    let operations = [
        Operation::GetServerInfo,
        Operation::Subscribe,
        Operation::GetBlockDagInfo,
        Operation::GetBlock,
        Operation::GetVirtualChainFromBlockV2,
    ];
    for operation in operations {
        let mut pair = Pair::new(config(1));
        pair.grow(0, 3);
        pair.nodes[0].tamper(refuse(operation, "the disk is full"));
        pair.start();
        pair.run_for(Duration::from_secs(10));
        let [first, second, ..] = pair.rejections()[..] else { panic!("retried: {:#?}", pair.events) };
        assert_eq!(first, second);
        let error = RemoteError::Unknown { text: "the disk is full".to_owned() };
        assert_eq!(first, &RejectReason::Refused { operation, error });
        assert_eq!(first.to_string(), format!("it refused {operation:?}: 'the disk is full'"));
        pair.nodes[0].tamper = None;
        pair.run_for(Duration::from_secs(20));
        pair.assert_follows(0);
    }
}

#[test]
fn given_a_refused_sink_when_a_removal_must_be_confirmed_then_the_consumer_is_told() {
    let mut pair = Pair::synced(config(1), 20);
    pair.nodes[0].tamper(refuse(Operation::GetSink, "the disk is full"));
    let behind = pair.tree.below(pair.nodes[0].sink, 4);
    pair.set_sink(0, behind);
    pair.run_for(Duration::from_secs(10));
    assert!(!pair.rejections().is_empty(), "silence is no answer");
    assert!(pair.rejections().iter().all(|reason| matches!(reason, RejectReason::Refused { .. })));
}

#[test]
fn given_a_sink_that_is_gone_when_its_header_is_asked_then_the_sink_is_asked_anew() {
    let chosen = StartAt::Hash(Tree::new().genesis());
    for start in [StartAt::PruningPoint, StartAt::Sink, chosen] {
        let mut settings = config(1);
        settings.start = start;
        let mut pair = Pair::new(settings);
        pair.grow(0, 5);
        let mut refused = 0;
        pair.nodes[0].tamper(move |request, answer| {
            if refused < 3 && matches!(request, Request::GetBlock { .. }) {
                refused += 1;
                *answer = Answer::Error("cannot find header of the sink".to_owned());
            }
        });
        pair.start();
        pair.run_for(Duration::from_secs(6));
        assert!(pair.is_synced(), "{start:?}: {:#?}", pair.events);
        assert_eq!((pair.connects.len(), pair.asked(Operation::GetBlockDagInfo)), (1, 4), "{start:?}");
        let refused = RejectReason::Refused { operation: Operation::GetBlock, error: RemoteError::HeaderUnknown };
        assert_eq!(pair.rejections(), [&refused], "told once");
    }
}

#[test]
fn given_a_sink_that_is_gone_when_a_removal_must_be_confirmed_then_told_once_and_asked_anew() {
    let mut pair = Pair::synced(config(1), 20);
    pair.nodes[0].tamper(refuse(Operation::GetBlock, "cannot find header of the sink"));
    let (sink, path) = (pair.nodes[0].sink, pair.consumer.path().to_vec());
    let behind = pair.tree.below(sink, 4);
    pair.set_sink(0, behind);
    pair.run_for(Duration::from_secs(30));
    let refused = RejectReason::Refused { operation: Operation::GetBlock, error: RemoteError::HeaderUnknown };
    assert_eq!((pair.rejections(), pair.connects.len()), (vec![&refused], 1));
    assert!(pair.asked(Operation::GetSink) > 20);
    assert_eq!(pair.consumer.path(), path);
    pair.nodes[0].tamper = None;
    pair.set_sink(0, sink);
    pair.run_for(Duration::from_secs(3));
    pair.assert_follows(0);
}

#[test]
fn given_a_chosen_hash_that_the_node_does_not_know_when_asked_then_the_consumer_is_told() {
    let mut settings = config(1);
    settings.start = StartAt::Hash(kaspa_hashes::Hash::from_u64_word(77));
    let mut pair = Pair::new(settings);
    pair.start();
    pair.run_for(Duration::from_secs(5));
    let told = pair.rejections()[0].to_string();
    assert_eq!(told, "it refused GetBlock: the node does not know the block");
}

#[test]
fn given_a_chosen_hash_that_one_of_two_nodes_does_not_know_when_asked_then_the_other_is_followed() {
    let mut tree = Tree::new();
    let chosen = tree.grow(tree.genesis(), 5)[2];
    let mut settings = config(2);
    settings.start = StartAt::Hash(chosen);
    let mut pair = Pair::new(settings);
    pair.grow(0, 5);
    pair.nodes[1].sink = pair.nodes[0].sink;
    pair.nodes[0].unknown.insert(chosen);
    pair.start();
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.connects.iter().map(|(_, node)| *node).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(pair.follower.anchor().map(|anchor| anchor.hash), Some(chosen));
    assert_eq!(pair.consumer.path().last(), Some(&pair.nodes[1].sink));
}

#[test]
fn given_a_chosen_hash_below_the_nodes_pruning_point_when_asked_then_it_is_the_end() {
    let mut tree = Tree::new();
    let grown = tree.grow(tree.genesis(), 10);
    let mut settings = config(1);
    settings.start = StartAt::Hash(grown[2]);
    let mut pair = Pair::new(settings);
    pair.grow(0, 10);
    pair.nodes[0].pruning_point = grown[6];
    pair.start();
    pair.run_for(Duration::from_secs(10));
    let fatal = pair.consumer.fatal().expect("what was pruned never comes back");
    assert_eq!(fatal.nodes[0].1, RejectReason::Pruned { root: grown[2], pruning_point: grown[6] });
}

#[test]
fn given_one_node_on_another_network_when_called_then_fatal_says_so_in_one_sentence() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].network = Network::testnet(10);
    pair.start();
    pair.run_for(Duration::from_secs(60));
    let [L1Event::NodeRejected { reason, retry_in: None, .. }, L1Event::Fatal(fatal)] = pair.events.as_slice() else {
        panic!("{:#?}", pair.events)
    };
    assert_eq!(reason.to_string(), "it is on testnet-10, not on simnet");
    assert_eq!(
        fatal.to_string(),
        "no configured node can be followed: ws://node0:17510: it is on testnet-10, not on simnet"
    );
    assert!(pair.finished);
    assert_eq!(pair.asked(Operation::GetBlockDagInfo), 0, "refused before anything is asked of its chain");
}

fn two_nodes_of_which_the_first_is_wrong(settings: Config) -> Pair {
    let mut pair = Pair::new(settings);
    pair.nodes[0].network = Network::MAINNET;
    pair.grow(1, 10);
    pair
}

#[test]
fn given_two_nodes_when_one_is_on_another_network_then_the_other_is_followed_for_ever() {
    let mut pair = two_nodes_of_which_the_first_is_wrong(config(2));
    pair.start();
    pair.run_for(Duration::from_secs(2));
    pair.assert_follows(1);
    for _ in 0..5 {
        pair.hang_up();
        pair.grow(1, 2);
        pair.run_for(Duration::from_secs(3));
        pair.assert_follows(1);
    }
    assert_eq!(pair.consumer.fatal(), None);
}

#[test]
fn given_two_nodes_when_one_is_on_another_network_and_the_other_is_down_then_it_waits_for_it() {
    let mut pair = two_nodes_of_which_the_first_is_wrong(config(2));
    pair.nodes[1].door = Door::Refuses;
    pair.start();
    pair.run_for(Duration::from_secs(300));
    assert_eq!(pair.consumer.fatal(), None);
    pair.nodes[1].door = Door::Open;
    pair.run_for(Duration::from_secs(120));
    pair.assert_follows(1);
}

#[test]
fn given_two_nodes_when_each_is_unusable_in_another_outage_then_it_is_not_the_end() {
    let mut settings = config(2);
    settings.finality_depth = Some(5);
    let mut pair = two_nodes_of_which_the_first_is_wrong(settings);
    pair.start();
    pair.run_for(Duration::from_secs(2));
    pair.assert_follows(1);
    // The first is gone now; the second comes back with another history.
    pair.nodes[0].door = Door::Refuses;
    pair.hang_up();
    pair.fork(1, 8, 12);
    pair.run_for(Duration::from_secs(120));
    assert!(pair.rejections().iter().any(|reason| matches!(reason, RejectReason::Conflicting { .. })));
    assert_eq!(pair.consumer.fatal(), None);
}

#[test]
fn given_two_wrong_nodes_of_different_kinds_when_both_were_asked_then_fatal_names_both() {
    let mut pair = two_nodes_of_which_the_first_is_wrong(config(2));
    pair.nodes[1].api_version = 3;
    pair.start();
    pair.run_for(Duration::from_secs(10));
    let fatal = pair.consumer.fatal().expect("no node is left");
    assert_eq!(
        fatal.to_string(),
        "no configured node can be followed: ws://node0:17510: it is on mainnet, not on simnet; \
         ws://node1:17510: it speaks RPC version 3, this bridge speaks 1"
    );
}

#[test]
fn given_a_session_that_a_rejection_ends_when_announced_then_disconnected_follows_the_rejection() {
    let mut pair = Pair::synced(config(1), 3);
    let events = pair.events.len();
    pair.nodes[0].tamper(refuse(Operation::GetVirtualChainFromBlockV2, "x"));
    pair.grow(0, 1);
    pair.run_for(Duration::from_millis(30));
    let [L1Event::NodeRejected { retry_in, .. }, L1Event::Disconnected { reason, retry_in: again, .. }] =
        &pair.events[events..]
    else {
        panic!("{:#?}", &pair.events[events..])
    };
    assert_eq!(*reason, DisconnectReason::Rejected);
    assert!(retry_in.is_some() && retry_in == again);
}
