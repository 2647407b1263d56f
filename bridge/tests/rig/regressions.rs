//! Cases that once broke a law, written out.

use sim::rig::{Happening, ReplyFate};

use crate::cases::{Case, L1, PlannedCut};

#[track_caller]
fn assert_no_law_is_broken(case: &Case) {
    let mut rig = case.rig();
    if let Err(breach) = case.run_in(&mut rig) {
        panic!("{breach}\n{case:?}");
    }
}

/// A follower asked again whenever more than nine hints came during one request, though all were about the same block.
#[test]
fn given_one_block_announced_ten_times_when_its_page_is_on_the_way_then_nothing_more_is_asked() {
    let case = Case {
        l1: L1 {
            seed: 0,
            ghostdag_k: 1,
            max_block_parents: 2,
            mergeset_size_limit: 2,
            finality_depth: 20,
            hash_shares: vec![0, 1],
            blocks_per_second: 2,
            blocks: 25,
            delay_percent: 0,
            cuts: Vec::new(),
            outages: Vec::new(),
        },
        nodes: 1,
        starts_at_sink: false,
        confirmations: 0,
        high_water_mark: 4_096,
        poll_interval_ms: 60_000,
        latencies_ms: vec![2],
        happenings: Vec::new(),
    };
    let mut rig = case.rig();
    let mut before = rig.counters();
    while before.announcements < 3 {
        before = rig.counters();
        rig.step().expect("no law is broken");
    }
    rig.happen(Happening::Pass { ms: 60 }).expect("no law is broken");
    let before = rig.counters();
    // The next block, and its announcement nine times more.
    while rig.counters().announcements == before.announcements {
        rig.step().expect("no law is broken");
    }
    rig.happen(Happening::Storm { copies: 9 }).expect("no law is broken");
    rig.happen(Happening::Pass { ms: 20 }).expect("no law is broken");
    let after = rig.counters();
    assert_eq!(after.announcements, before.announcements + 1, "no other block came in the meantime");
    assert_eq!(after.chain_requests, before.chain_requests + 1);
}

/// The node reorganised between the page that told what it removes of our chain and the pages of the window. That is the
/// news of another chain, not a contradiction: an honest node was rejected as malformed.
#[test]
fn given_a_reorg_between_two_pages_of_a_window_when_an_entry_of_the_locator_left_the_chain_then_the_node_is_not_blamed()
{
    assert_no_law_is_broken(&Case {
        l1: L1 {
            seed: 14_242_755_330_010_122_125,
            ghostdag_k: 3,
            max_block_parents: 2,
            mergeset_size_limit: 2,
            finality_depth: 33,
            hash_shares: vec![1, 3, 1],
            blocks_per_second: 20,
            blocks: 58,
            delay_percent: 300,
            cuts: Vec::new(),
            outages: Vec::new(),
        },
        nodes: 3,
        starts_at_sink: false,
        confirmations: 0,
        high_water_mark: 1,
        poll_interval_ms: 400,
        latencies_ms: vec![11, 3],
        happenings: vec![
            Happening::Pass { ms: 867 },
            Happening::Pass { ms: 994 },
            Happening::Pass { ms: 346 },
            Happening::Reply(ReplyFate::HangUpBefore),
            Happening::Pass { ms: 372 },
            Happening::Pass { ms: 389 },
            Happening::Restart { back: 1, window: false },
            Happening::Pass { ms: 1 },
        ],
    });
}

/// As above, but no entry of the locator was between the two forks: the block of the new chain at the height of the old fork
/// was told as the fork of the reorg, and the consumer does not have it.
#[test]
fn given_a_reorg_between_two_pages_of_a_window_when_no_entry_of_the_locator_left_the_chain_then_the_fork_is_ours() {
    let cut = |at_percent, length_percent, side| PlannedCut { at_percent, length_percent, side };
    assert_no_law_is_broken(&Case {
        l1: L1 {
            seed: 3_591_848_493_263_139_066,
            ghostdag_k: 2,
            max_block_parents: 2,
            mergeset_size_limit: 2,
            finality_depth: 200,
            hash_shares: vec![2, 3, 2, 1],
            blocks_per_second: 20,
            blocks: 150,
            delay_percent: 300,
            cuts: vec![cut(58, 48, 267_667_483), cut(52, 74, 1_133_626_579)],
            outages: Vec::new(),
        },
        nodes: 1,
        starts_at_sink: false,
        confirmations: 0,
        high_water_mark: 1,
        poll_interval_ms: 400,
        latencies_ms: vec![91],
        happenings: vec![
            Happening::Pass { ms: 2_276 },
            Happening::Restart { back: 0, window: false },
            Happening::Pass { ms: 1_139 },
            Happening::Pass { ms: 2_265 },
            Happening::Restart { back: 0, window: false },
            Happening::Pass { ms: 671 },
            Happening::Pass { ms: 3_251 },
            Happening::Restart { back: 0, window: false },
            Happening::Pass { ms: 200 },
        ],
    });
}
