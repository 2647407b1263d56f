//! An earlier end: nothing makes all further runs as short as that.

use std::time::Duration;

use super::{
    super::search::{BudgetSpent, Search},
    numbers::{self, is_moment},
    tree,
};
use crate::{plan::Plan, report::Verdict};

/// The storm ends in the second of the failure. If the run failed at rest, it is tried with much less storm.
pub(super) fn at_failure(search: &mut Search<'_>) -> Result<(), BudgetSpent> {
    let storm_ms = search.plan().storm_ms;
    let of_failure = failed_at_ms(search).map(|at_ms| at_ms.div_ceil(1_000).saturating_mul(1_000));
    let ends = match of_failure {
        Some(end_ms) if end_ms < storm_ms => vec![end_ms],
        Some(_) | None => vec![storm_ms / 8, storm_ms / 4, storm_ms / 2],
    };
    search.take_first(with_ends(search.plan(), ends)).map(|_| ())
}

/// The storm is made as short as possible, in ever smaller steps.
pub(super) fn shorten(search: &mut Search<'_>) -> Result<(), BudgetSpent> {
    /// Numerators of 64.
    const PARTS: [u64; 8] = [1, 4, 8, 16, 32, 48, 56, 60];
    loop {
        let storm_ms = search.plan().storm_ms;
        let part = |numerator: &u64| numbers::rounded(parts_of(storm_ms, *numerator, 64), 2);
        let mut ends: Vec<u64> = PARTS.iter().map(part).collect();
        ends.extend(failed_at_ms(search).map(|at_ms| at_ms.div_ceil(100).saturating_mul(100)));
        ends.sort_unstable();
        if search.take_first(with_ends(search.plan(), ends))?.is_none() {
            return Ok(());
        }
    }
}

/// Everything that has a moment comes earlier in proportion, the end of the storm too.
pub(super) fn everything_earlier(search: &mut Search<'_>) -> Result<(), BudgetSpent> {
    /// Numerators of 8.
    const PARTS: [u64; 5] = [1, 2, 4, 6, 7];
    loop {
        let candidates = PARTS.into_iter().filter_map(|numerator| earlier(search.plan(), numerator, 8)).collect();
        if search.take_first(candidates)?.is_none() {
            return Ok(());
        }
    }
}

fn earlier(plan: &Plan, numerator: u64, denominator: u64) -> Option<Plan> {
    let mut plan =
        tree::with_numbers(plan, |leaf| is_moment(leaf).then(|| parts_of(leaf.number(), numerator, denominator)))?;
    plan.storm_ms = parts_of(plan.storm_ms, numerator, denominator);
    Some(plan)
}

/// The plan with each of these ends of the storm that is earlier than its own.
fn with_ends(plan: &Plan, ends: Vec<u64>) -> Vec<Plan> {
    let is_earlier = |end_ms: &u64| (1..plan.storm_ms).contains(end_ms);
    ends.into_iter().filter(is_earlier).map(|storm_ms| Plan { storm_ms, ..plan.clone() }).collect()
}

fn failed_at_ms(search: &Search<'_>) -> Option<u64> {
    let at: Duration = match &search.report().verdict {
        Verdict::Safety(failure) | Verdict::Liveness(failure) => failure.at,
        Verdict::Nondeterminism(_) | Verdict::Panic(_) | Verdict::Pass | Verdict::Vacuous(_) => return None,
    };
    u64::try_from(at.as_millis()).ok()
}

fn parts_of(value: u64, numerator: u64, denominator: u64) -> u64 {
    (value / denominator).saturating_mul(numerator) + value % denominator * numerator / denominator
}
