//! Pages that a node cannot send in time, or at all: asked smaller, then at lower verbosity, never again unchanged.

use std::time::Duration;

use bridge::{
    DisconnectReason, L1Event, RejectReason, Violation,
    wire::{Operation, Request, Verbosity},
};

use crate::support::{node::Answer, pair::Pair, settings::config};

/// What was asked of the chain: from where, at what level, leaving out how much.
fn pages(pair: &Pair) -> Vec<Request> {
    let is_page = |request: &Request| request.operation() == Operation::GetVirtualChainFromBlockV2;
    pair.requests.iter().map(|sent| sent.request).filter(is_page).collect()
}

fn blocks_of(answer: &Answer) -> usize {
    match answer {
        Answer::Page(page) => page.blocks.len(),
        _ => 0,
    }
}

/// A synced follower whose node went on by `blocks` while it was away, and sends pages of any size.
fn left_behind(blocks: usize) -> Pair {
    let mut pair = Pair::synced(config(1), 5);
    pair.consumer.trusts = true;
    pair.nodes[0].page_limit = 10_000;
    pair.hang_up();
    pair.fork(0, 0, blocks);
    pair.requests.clear();
    pair
}

/// Ends the connection at the first so many pages of more than `blocks`.
fn hang_up_at_pages(pair: &mut Pair, times: u32, blocks: usize) {
    let mut left = times;
    pair.nodes[0].tamper(move |_, answer| {
        if blocks_of(answer) > blocks && left > 0 {
            left -= 1;
            *answer = Answer::HangUp;
        }
    });
}

fn is_bounded(request: &Request) -> bool {
    matches!(request, Request::GetVirtualChainFromBlockV2 { min_confirmation_count: Some(_), .. })
}

#[test]
fn given_pages_that_take_too_long_when_asked_again_then_smaller_until_they_come() {
    let mut pair = left_behind(6_000);
    pair.nodes[0].tamper(|_, answer| {
        if blocks_of(answer) > 1_100 {
            *answer = Answer::Silence;
        }
    });
    let sink = pair.nodes[0].sink;
    pair.drive_until("at the sink", |pair| pair.tip() == Some(sink));
    pair.assert_follows(0);
    let asked = pages(&pair);
    assert!(asked.windows(2).all(|pair| pair[0] != pair[1]), "{asked:?}");
    assert_eq!(pair.consumer.unverified, 0);
}

#[test]
fn given_connections_that_end_at_large_pages_when_asked_again_then_smaller_until_they_come() {
    let mut pair = left_behind(6_000);
    pair.nodes[0].tamper(|_, answer| {
        if blocks_of(answer) > 600 {
            *answer = Answer::HangUp;
        }
    });
    let sink = pair.nodes[0].sink;
    pair.drive_until("at the sink", |pair| pair.tip() == Some(sink));
    pair.assert_follows(0);
    assert_eq!(pair.consumer.unverified, 0);
}

#[test]
fn given_full_pages_that_never_come_when_the_smallest_failed_then_lower_verbosity_with_the_last_block_verified() {
    let mut pair = left_behind(3_000);
    pair.nodes[0].tamper(|request, answer| {
        let is_full = matches!(request, Request::GetVirtualChainFromBlockV2 { verbosity: Verbosity::Full, .. });
        if is_full && blocks_of(answer) > 130 {
            *answer = Answer::Silence;
        }
    });
    let sink = pair.nodes[0].sink;
    pair.drive_until("at the sink", |pair| pair.tip() == Some(sink));
    pair.assert_follows(0);
    // All but the last block of each page, and those that came at Full again.
    assert!((2_000..3_000).contains(&pair.consumer.unverified), "{}", pair.consumer.unverified);
    let is_low =
        |request: &&Request| matches!(request, Request::GetVirtualChainFromBlockV2 { verbosity: Verbosity::Low, .. });
    let low = pages(&pair).iter().filter(is_low).count();
    let verified = |event: &&L1Event| matches!(event, L1Event::BlockAdded(added) if added.verified);
    let (verified, headers) = (pair.events.iter().filter(verified).count(), pair.asked(Operation::GetBlock));
    assert!(low > 5 && verified >= low && headers >= low, "{low} pages, {verified} verified, {headers} headers");
}

/// Only pages at lower verbosity come, and `spoil` changes the first of them that has blocks.
fn spoilt_low_page(spoil: impl Fn(&mut Answer) + Send + 'static) -> Pair {
    let mut pair = left_behind(600);
    let mut spoilt = false;
    pair.nodes[0].tamper(move |request, answer| match request {
        Request::GetVirtualChainFromBlockV2 { verbosity: Verbosity::Full, .. } if blocks_of(answer) > 130 => {
            *answer = Answer::Silence;
        }
        Request::GetVirtualChainFromBlockV2 { .. } if !spoilt && blocks_of(answer) > 0 => {
            spoilt = true;
            spoil(answer);
        }
        _ => {}
    });
    let sink = pair.nodes[0].sink;
    pair.drive_until("at the sink", |pair| pair.tip() == Some(sink));
    pair
}

fn violations(pair: &Pair) -> Vec<Violation> {
    let violation = |reason: &&RejectReason| match reason {
        RejectReason::Malformed { violation, .. } => Some(violation.clone()),
        _ => None,
    };
    pair.rejections().iter().filter_map(violation).collect()
}

#[test]
fn given_a_page_at_lower_verbosity_when_its_last_block_has_other_scores_then_nothing_of_it_is_applied() {
    let pair = spoilt_low_page(|answer| {
        if let Some(page) = answer.page_with_blocks() {
            let last = page.blocks.len() - 1;
            let header = &mut page.blocks[last].chain_block_header;
            header.blue_score = header.blue_score.map(|score| score + 1);
        }
    });
    assert!(matches!(violations(&pair)[..], [Violation::ScoresDiffer { .. }]), "{:?}", violations(&pair));
    pair.assert_follows(0);
}

#[test]
fn given_a_page_at_lower_verbosity_when_it_repeats_a_block_then_nothing_of_it_is_applied() {
    let pair = spoilt_low_page(|answer| {
        if let Some(page) = answer.page_with_blocks() {
            page.added[3] = page.added[1];
            page.blocks[3].chain_block_header.hash = Some(page.added[1]);
        }
    });
    assert!(matches!(violations(&pair)[..], [Violation::Repeated { .. }]), "{:?}", violations(&pair));
    pair.assert_follows(0);
}

#[test]
fn given_a_page_at_lower_verbosity_when_a_header_is_of_another_block_then_nothing_of_it_is_applied() {
    let pair = spoilt_low_page(|answer| {
        if let Some(page) = answer.page_with_blocks() {
            page.blocks[2].chain_block_header.hash = Some(page.added[1]);
        }
    });
    assert!(matches!(violations(&pair)[..], [Violation::WrongBlock { .. }]), "{:?}", violations(&pair));
    pair.assert_follows(0);
}

#[test]
fn given_a_sink_that_moved_back_when_a_small_page_is_empty_then_the_step_grows_until_something_comes() {
    let mut pair = left_behind(4_000);
    hang_up_at_pages(&mut pair, 3, 500);
    pair.drive_until("pages are bounded", |pair| pages(pair).iter().any(is_bounded));
    // The next pages leave out what is 3,000 below a sink that is not the sink any more.
    let tip = pair.tip().expect("it follows");
    let branch = pair.tree.grow(tip, 700);
    let sink = branch[699];
    let heavy = pair.tree.extend_by(sink, 1, 100_000);
    pair.set_sink(0, heavy);
    // Sooner than the sink would be asked for again.
    pair.run_for(Duration::from_secs(5));
    pair.assert_follows(0);
}

#[test]
fn given_pages_that_were_too_large_when_enough_small_ones_came_then_larger_ones_are_asked_again() {
    let mut pair = left_behind(2_000);
    hang_up_at_pages(&mut pair, 2, 0);
    pair.run_for(Duration::from_secs(10));
    for _ in 0..100 {
        pair.grow(0, 1);
        pair.run_for(Duration::from_millis(100));
    }
    pair.hang_up();
    pair.fork(0, 0, 5_000);
    pair.requests.clear();
    pair.run_for(Duration::from_secs(10));
    pair.assert_follows(0);
    assert!(!pages(&pair).iter().any(is_bounded));
}

#[test]
fn given_pages_that_were_too_large_when_only_empty_ones_came_then_small_ones_are_asked_on() {
    let mut pair = left_behind(2_000);
    hang_up_at_pages(&mut pair, 2, 0);
    pair.run_for(Duration::from_secs(10));
    pair.assert_follows(0);
    // A poll a second, each answered by a page without blocks: that says nothing of large ones.
    pair.run_for(Duration::from_secs(600));
    pair.hang_up();
    pair.fork(0, 0, 5_000);
    pair.requests.clear();
    pair.run_for(Duration::from_secs(10));
    pair.assert_follows(0);
    let first = pages(&pair)[0];
    assert!(is_bounded(&first), "{first:?}");
}

#[test]
fn given_an_old_node_that_drops_the_socket_at_every_page_when_it_is_the_only_one_then_fatal_within_a_minute() {
    let mut pair = Pair::new(config(1));
    pair.nodes[0].tamper(|request, answer| {
        if request.operation() == Operation::GetVirtualChainFromBlockV2 {
            *answer = Answer::HangUp;
        }
    });
    pair.start();
    pair.run_for(Duration::from_secs(60));
    let fatal = pair.consumer.fatal().unwrap_or_else(|| panic!("{:#?}", pair.events));
    let operation = Operation::GetVirtualChainFromBlockV2;
    assert_eq!(fatal.nodes[0].1, RejectReason::OperationUnknown { operation });
    assert!(pair.connects.len() <= 8, "{} connections", pair.connects.len());
}

#[test]
fn given_an_old_node_when_another_is_configured_then_the_other_is_followed() {
    let mut pair = Pair::new(config(2));
    pair.grow(1, 20);
    pair.nodes[0].tamper(|request, answer| {
        if request.operation() == Operation::GetVirtualChainFromBlockV2 {
            *answer = Answer::HangUp;
        }
    });
    pair.start();
    pair.run_for(Duration::from_secs(60));
    pair.assert_follows(1);
    assert!(pair.is_synced());
}

#[test]
fn given_a_node_that_crashes_at_the_page_from_our_tip_when_asked_for_ever_then_it_is_not_taken_for_an_old_one() {
    let mut pair = left_behind(50);
    let tip = pair.tip().expect("it follows");
    pair.nodes[0].tamper(move |request, answer| {
        if matches!(request, Request::GetVirtualChainFromBlockV2 { start_hash, .. } if *start_hash == tip) {
            *answer = Answer::HangUp;
        }
    });
    pair.run_for(Duration::from_secs(600));
    assert_eq!(pair.consumer.fatal(), None);
    // The killer request comes again with the longest pause only.
    assert!(pages(&pair).len() < 60, "{} pages in ten minutes", pages(&pair).len());
    let closed =
        |event: &&L1Event| matches!(event, L1Event::Disconnected { reason: DisconnectReason::ClosedByNode, .. });
    assert!(pair.events.iter().filter(closed).count() > 10);
    pair.nodes[0].tamper = None;
    pair.run_for(Duration::from_secs(31));
    pair.assert_follows(0);
}

#[test]
fn given_connections_that_end_again_and_again_near_the_sink_when_blocks_come_then_they_are_verified() {
    let mut pair = Pair::synced(config(1), 50);
    hang_up_at_pages(&mut pair, 4, 0);
    pair.grow(0, 20);
    pair.run_for(Duration::from_secs(20));
    pair.assert_follows(0);
    assert_eq!((pair.connects.len(), pair.consumer.unverified), (5, 0));
    let is_full =
        |request: &Request| matches!(request, Request::GetVirtualChainFromBlockV2 { verbosity: Verbosity::Full, .. });
    assert!(pages(&pair).iter().all(is_full), "{:?}", pages(&pair));
}
