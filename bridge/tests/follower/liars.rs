//! Nodes that lie, change between two questions, or never get ready: no block is lost, and nobody holds the bridge.

use std::time::Duration;

use bridge::{
    Checkpoint, L1Event, RejectReason, Reorg, Violation,
    wire::{Request, Verbosity},
};
use kaspa_hashes::Hash;

use crate::support::{
    node::{Answer, BELOW_RETENTION, Door, Page},
    pair::{Pair, Stored},
    settings::config,
};

const HOUR: Duration = Duration::from_secs(3_600);

fn is_page(request: &Request) -> bool {
    matches!(request, Request::GetVirtualChainFromBlockV2 { .. })
}

fn is_page_at(request: &Request, level: Verbosity) -> bool {
    matches!(request, Request::GetVirtualChainFromBlockV2 { verbosity, .. } if *verbosity == level)
}

fn blocks_of(answer: &mut Answer) -> usize {
    answer.page_with_blocks().map_or(0, |page| page.blocks.len())
}

fn reorgs(events: &[L1Event]) -> Vec<&Reorg> {
    events.iter().filter_map(|event| if let L1Event::Reorg(reorg) = event { Some(reorg) } else { None }).collect()
}

/// A consumer of two nodes with the same chain, dead with nothing stored but its checkpoint.
fn asleep(blocks: usize) -> (Pair, Stored) {
    let mut pair = Pair::synced(config(2), blocks);
    pair.nodes[0].page_limit = 13;
    pair.nodes[1].sink = pair.nodes[0].sink;
    pair.hang_up();
    let stored = pair.stored();
    pair.requests.clear();
    pair.events.clear();
    (pair, stored)
}

fn tip_of(stored: &Stored) -> Hash {
    Checkpoint::decode(&stored.checkpoint).expect("it was encoded").tip().hash
}

#[test]
fn given_a_page_at_lower_verbosity_that_lacks_its_beginning_when_confirmed_then_the_last_header_gives_it_away() {
    for keeps in [1, 5] {
        let mut pair = Pair::synced(config(1), 5);
        pair.consumer.trusts = true;
        pair.nodes[0].page_limit = 10_000;
        pair.hang_up();
        pair.fork(0, 0, 600);
        let mut lied = false;
        let drop_beginning = move |page: &mut Page| {
            let gone = page.blocks.len() - keeps;
            // One block is missing just below the last, or all below it.
            let range = if keeps == 1 { 0..gone } else { page.blocks.len() - 2..page.blocks.len() - 1 };
            page.blocks.drain(range.clone());
            page.added.drain(range);
        };
        pair.nodes[0].tamper(move |request, answer| {
            if is_page_at(request, Verbosity::Full) && blocks_of(answer) > 130 {
                *answer = Answer::Silence;
            } else if is_page_at(request, Verbosity::Low)
                && !lied
                && let Some(page) = answer.page_with_blocks()
            {
                lied = true;
                drop_beginning(page);
            }
        });
        let sink = pair.nodes[0].sink;
        pair.drive_until("at the sink", |pair| pair.tip() == Some(sink));
        pair.assert_follows(0);
        let found = |reason: &&RejectReason| {
            matches!(reason, RejectReason::Malformed { violation: Violation::Discontinuous { .. }, .. })
        };
        assert_eq!(pair.rejections().iter().filter(|reason| found(reason)).count(), 1, "{:?}", pair.rejections());
    }
}

#[test]
fn given_a_lie_about_the_window_when_the_liar_is_gone_then_an_honest_node_is_not_blamed() {
    let (mut pair, stored) = asleep(99);
    let mut lied = false;
    pair.nodes[0].tamper(move |request, answer| {
        if lied {
            *answer = Answer::HangUp;
        } else if is_page_at(request, Verbosity::Low)
            && let Some(page) = answer.page_with_blocks()
            && page.blocks.len() == 13
        {
            let header = &mut page.blocks[12].chain_block_header;
            header.blue_score = header.blue_score.map(|score| score + 400);
            lied = true;
        }
    });
    pair.restart_without_window(&stored);
    pair.run_for(HOUR);
    assert!(pair.is_synced());
    pair.assert_follows(1);
    let of_honest = |event: &&L1Event| {
        let by = |node: &str| node.contains("node1");
        matches!(event, L1Event::NodeRejected { node, reason: RejectReason::Malformed { .. }, .. } if by(node))
    };
    assert!(pair.events.iter().filter(of_honest).count() <= 1, "{:?}", pair.rejections());
}

#[test]
fn given_a_node_that_forgets_what_it_has_just_told_when_restoring_then_it_is_not_asked_for_ever() {
    let (mut pair, stored) = asleep(99);
    let checkpoint = Checkpoint::decode(&stored.checkpoint).expect("it was encoded");
    let (root, tip) = (checkpoint.root().hash, checkpoint.tip().hash);
    pair.nodes[0].tamper(move |request, answer| {
        if let Request::GetVirtualChainFromBlockV2 { verbosity: Verbosity::Low, start_hash, .. } = request
            && ![root, tip].contains(start_hash)
        {
            *answer = Answer::Error(format!("cannot find header {start_hash}"));
        }
    });
    pair.restart_without_window(&stored);
    pair.run_for(Duration::from_secs(60));
    pair.assert_follows(1);
    assert!(pair.is_synced() && pair.requests.len() < 300, "{} requests in a minute", pair.requests.len());
}

#[test]
fn given_a_sink_beyond_all_bounds_and_pages_without_blocks_when_asked_small_then_the_requests_end() {
    let mut pair = Pair::synced(config(1), 5);
    pair.nodes[0].page_limit = 10_000;
    pair.hang_up();
    pair.fork(0, 0, 600);
    let far = pair.tree.extend_by(pair.nodes[0].sink, 1 << 61, 1);
    pair.set_sink(0, far);
    let mut closed = 0;
    pair.nodes[0].tamper(move |request, answer| {
        if is_page(request) && closed < 2 {
            closed += 1;
            *answer = Answer::HangUp;
        } else if let Some(page) = answer.page_with_blocks() {
            page.added.clear();
            page.blocks.clear();
        }
    });
    pair.requests.clear();
    pair.run_for(Duration::from_secs(120));
    assert!(pair.requests.len() < 400, "{} requests in two minutes", pair.requests.len());
}

#[test]
fn given_a_node_that_is_reset_after_it_told_its_sink_when_resumed_then_its_removals_are_not_believed() {
    for with_window in [true, false] {
        let (mut pair, stored) = asleep(99);
        pair.grow(0, 5);
        pair.nodes[1].door = Door::Refuses;
        let (genesis, tip) = (pair.tree.genesis(), tip_of(&stored));
        if with_window {
            pair.restart_with(&stored);
        } else {
            pair.restart_without_window(&stored);
        }
        pair.drive_until("the tip's header is asked for", |pair| {
            let is_header = |request| matches!(request, Request::GetBlock { hash, .. } if hash == tip);
            pair.requests.iter().any(|sent| is_header(sent.request))
        });
        // Its headers are there, its sink is the pruning point again.
        let before = std::mem::replace(&mut pair.nodes[0].sink, genesis);
        pair.run_for(Duration::from_secs(5));
        assert!(reorgs(&pair.events).is_empty(), "window {with_window}: {:?}", reorgs(&pair.events));
        pair.nodes[0].sink = before;
        pair.run_for(Duration::from_secs(60));
        pair.assert_follows(0);
        assert!(reorgs(&pair.events).is_empty());
    }
}

#[test]
fn given_untold_finality_when_the_chain_is_left_right_after_the_window_came_then_no_final_block_goes() {
    for with_window in [true, false] {
        let mut settings = config(1);
        settings.finality_depth = Some(100);
        let mut pair = Pair::new(settings);
        pair.keeps_history = true;
        pair.nodes[0].page_limit = 1_000;
        pair.start();
        pair.fork(0, 0, 250);
        pair.run_for(Duration::from_secs(5));
        // Everything but the `Finalized` after the page.
        let stored = pair.history[pair.history.len() - 2].clone();
        pair.hang_up();
        pair.events.clear();
        pair.requests.clear();
        if with_window {
            pair.restart_with(&stored);
        } else {
            pair.restart_without_window(&stored);
        }
        pair.drive_until("the window is there", |pair| pair.follower.tip().is_some());
        let fork = pair.tree.below(tip_of(&stored), 150);
        let branch = pair.tree.grow(fork, 200);
        pair.set_sink(0, branch[199]);
        pair.run_for(Duration::from_secs(20));
        assert!(reorgs(&pair.events).is_empty(), "window {with_window}: {:?}", reorgs(&pair.events));
        let fatal = pair.consumer.fatal().expect("it cannot go on");
        assert!(matches!(fatal.nodes[..], [(_, RejectReason::Conflicting { .. })]), "{fatal}");
    }
}

#[test]
fn given_a_node_that_was_too_old_when_it_is_slow_after_an_upgrade_then_it_is_not_taken_for_too_old() {
    let mut pair = Pair::new(config(2));
    pair.grow(1, 20);
    pair.nodes[0].tamper(|request, answer| {
        if is_page(request) {
            *answer = Answer::HangUp;
        }
    });
    pair.start();
    for _ in 0..20 {
        pair.run_for(Duration::from_secs(20));
        pair.hang_up();
    }
    let too_old = |reason: &&RejectReason| matches!(reason, RejectReason::OperationUnknown { .. });
    let before = pair.rejections().iter().filter(|reason| too_old(reason)).count();
    assert!(before >= 1);
    pair.nodes[0].sink = pair.nodes[1].sink;
    pair.nodes[0].tamper(|request, answer| {
        if is_page(request) {
            *answer = Answer::Silence;
        }
    });
    pair.nodes[1].door = Door::Refuses;
    pair.hang_up();
    pair.run_for(Duration::from_secs(200));
    assert_eq!(pair.rejections().iter().filter(|reason| too_old(reason)).count(), before);
}

#[test]
fn given_a_preferred_node_that_never_gets_ready_when_another_is_configured_then_that_is_followed() {
    let refusals: [fn(&Request, &mut Answer); 3] = [
        |request, answer| {
            if is_page(request) {
                *answer = Answer::Error("consensus is currently in a transitional ibd state".to_owned());
            }
        },
        |request, answer| {
            if is_page(request) {
                *answer = Answer::Error(BELOW_RETENTION.to_owned());
            }
        },
        |request, answer| {
            if let Request::GetBlock { hash, .. } = request {
                *answer = Answer::Error(format!("cannot find header {hash}"));
            }
        },
    ];
    for refusal in refusals {
        let mut pair = Pair::new(config(2));
        pair.grow(0, 5);
        pair.nodes[1].sink = pair.nodes[0].sink;
        pair.grow(1, 50);
        pair.nodes[0].tamper(refusal);
        pair.start();
        pair.run_for(Duration::from_secs(120));
        pair.assert_follows(1);
        assert_eq!(pair.consumer.fatal(), None);
    }
}

#[test]
fn given_a_node_whose_sink_stands_still_when_another_is_ahead_then_it_is_left_after_the_limit() {
    let mut pair = Pair::synced(config(2), 5);
    pair.nodes[1].sink = pair.nodes[0].sink;
    pair.grow(1, 500);
    pair.run_for(Duration::from_secs(599));
    assert_eq!(pair.connects.len(), 1);
    pair.run_for(Duration::from_secs(31));
    pair.assert_follows(1);
    assert!(matches!(pair.rejections()[..], [RejectReason::Stalled { .. }]), "{:?}", pair.rejections());
    // Who is alone has nobody to go to.
    let mut alone = Pair::synced(config(1), 5);
    alone.run_for(HOUR);
    assert_eq!(alone.connects.len(), 1);
}

#[test]
fn given_a_page_that_is_no_frame_when_it_answers_a_page_request_then_one_rejection_for_one_fault() {
    let mut pair = Pair::new(config(2));
    pair.grow(1, 5);
    pair.nodes[0].tamper(|request, answer| {
        if is_page(request) {
            *answer = Answer::Raw(vec![9, 9, 9]);
        }
    });
    pair.start();
    pair.run_for(Duration::from_secs(5));
    assert!(matches!(pair.rejections()[..], [RejectReason::MalformedFrame { .. }]), "{:?}", pair.rejections());
    pair.assert_follows(1);
}
