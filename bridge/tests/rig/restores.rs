//! Resumes without the window, on an L1 that never rests: its chain changes while the references are fetched back.

use proptest::prelude::*;
use sim::rig::Happening;

use crate::{
    cases::{Case, L1, case, l1},
    totals,
};

/// Pages of twenty blocks and many reorgs.
fn restless_l1() -> impl Strategy<Value = L1> {
    l1(2..=4, 5..85).prop_map(|l1| L1 {
        ghostdag_k: 2,
        max_block_parents: 2,
        mergeset_size_limit: 2,
        finality_depth: 200,
        blocks_per_second: 20,
        blocks: 150,
        delay_percent: 300,
        ..l1
    })
}

/// A while, a restart from the newest events or from any, and time for some pages.
fn restart() -> impl Strategy<Value = Vec<Happening>> {
    let anywhere = (0..101_u8).prop_map(|lost_percent| Happening::RestartAnywhere { lost_percent, window: false });
    let near = (0..12_usize).prop_map(|back| Happening::Restart { back, window: false });
    (1_500..3_500_u16, prop_oneof![near, anywhere], 200..1_500_u16).prop_map(|(before, restart, after)| {
        vec![Happening::Pass { ms: before }, restart, Happening::Pass { ms: after }]
    })
}

#[test]
fn given_reorgs_while_the_window_is_fetched_back_when_restored_then_the_path_goes_on_from_the_checkpoint() {
    let restarts = prop::collection::vec(restart(), 1..4);
    let latencies = prop::collection::vec(20..150_u16, 1..6);
    let cases = (case(1, restless_l1()), restarts, latencies).prop_map(|(case, restarts, latencies_ms)| Case {
        happenings: restarts.concat(),
        latencies_ms,
        confirmations: 0,
        starts_at_sink: false,
        ..case
    });
    let totals = totals::of(800, 5, &cases);
    assert!(totals.restarts > 1_000 && totals.reorgs > 800, "{totals:?}");
}
