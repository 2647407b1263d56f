//! Nothing goes wrong: few requests, one session, everything delivered in time.

use proptest::prelude::*;
use sim::rig::{Breach, Counters, Rig};

use crate::{
    cases::{Case, L1, l1},
    runner::for_all,
};

const CASES: u32 = 300;

fn calm_case(confirmations: impl Strategy<Value = u64>) -> impl Strategy<Value = Case> {
    // Messages are fast against blocks, as they are in life: a block every 100 ms to 500 ms.
    let l1 = l1(2..=4, 5..60).prop_map(|l1| L1 { blocks_per_second: l1.blocks_per_second.min(10), ..l1 });
    let latencies = prop::collection::vec(0..8_u16, 1..8);
    (l1, confirmations, latencies).prop_map(|(l1, confirmations, latencies_ms)| Case {
        l1,
        nodes: 1,
        starts_at_sink: false,
        confirmations,
        high_water_mark: 4_096,
        // Long against blocks, so that polls hide nothing.
        poll_interval_ms: 5_000,
        latencies_ms,
        happenings: Vec::new(),
    })
}

/// Runs the case; what was counted while blocks were found, and in the end.
fn run_calmly(case: &Case, copies: u8) -> Result<(Counters, Counters), TestCaseError> {
    let mut rig = case.rig();
    rig.copy_notifications(copies);
    let run = |rig: &mut Rig| {
        rig.run_for(case.l1.time_of(case.l1.blocks))?;
        let counters = rig.counters();
        rig.settle()?;
        rig.shut_down()?;
        Ok((counters, rig.counters()))
    };
    run(&mut rig).map_err(|breach: Breach| TestCaseError::fail(breach.to_string()))
}

/// Polls that may come while blocks are found, and the first page.
fn polls(case: &Case) -> u64 {
    let length = case.l1.time_of(case.l1.blocks).as_millis();
    u64::try_from(length).expect("it is short") / case.poll_interval_ms + 1
}

/// At most 1.2 chain requests for each block delivered, one for each poll interval, and two to begin with.
#[test]
fn given_calm_when_followed_then_requests_are_few_and_the_session_is_one() {
    for_all(CASES, 6, &calm_case(Just(0)), |case| {
        let (counters, in_the_end) = run_calmly(&case, 1)?;
        let most = counters.added * 12 / 10 + polls(&case) + 2;
        prop_assert!(counters.chain_requests <= most, "{most} may be, {counters:?}");
        prop_assert_eq!(in_the_end.sessions, 1);
        prop_assert_eq!(in_the_end.rejections, 0);
        Ok(())
    });
}

/// The same with each notification twenty times: a hint that comes again asks for nothing again.
#[test]
fn given_calm_when_every_notification_comes_twenty_times_then_requests_do_not_multiply() {
    for_all(CASES, 7, &calm_case(Just(0)), |case| {
        let (_, counters) = run_calmly(&case, 20)?;
        let most = counters.added * 12 / 10 + polls(&case) + 2;
        prop_assert!(counters.chain_requests <= most, "{most} may be, {counters:?}");
        Ok(())
    });
}

/// With confirmations the announced block is not yet to be had: at most 1.2 for each announcement or block delivered,
/// whichever are more.
#[test]
fn given_calm_and_confirmations_when_followed_then_requests_are_few() {
    for_all(CASES, 8, &calm_case(1..12_u64), |case| {
        let (_, counters) = run_calmly(&case, 1)?;
        let most = counters.announcements.max(counters.added) * 12 / 10 + polls(&case) + 2;
        prop_assert!(counters.chain_requests <= most, "{most} may be, {counters:?}");
        Ok(())
    });
}
