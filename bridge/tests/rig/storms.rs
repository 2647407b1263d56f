//! Everything at once: what can happen to nodes, connections and consumer, in any order, while the L1 goes on.

use crate::{
    cases::{case, l1, troubled},
    totals::{self, Totals},
};

/// Cuts that usually heal before what one side has as final is left by the other.
const SHORT_CUTS: std::ops::Range<u64> = 5..85;

/// A storm that missed one of these would say little.
#[track_caller]
fn assert_stormy(cases: u64, totals: &Totals) {
    let happened = totals.reorgs > cases
        && totals.deepest_reorg >= 10
        && totals.finalized > 2 * cases
        && totals.sessions > 2 * cases
        && totals.restarts > cases / 2
        && totals.rejections > cases / 5
        && totals.finality_broken < cases / 20;
    assert!(happened, "{totals:?}");
}

#[test]
fn given_one_node_and_any_storm_when_calm_returns_then_the_path_is_the_nodes_chain() {
    let totals = totals::of(1_600, 1, &case(1, troubled(l1(2..=4, SHORT_CUTS))));
    assert_stormy(1_600, &totals);
}

#[test]
fn given_two_nodes_and_any_storm_when_calm_returns_then_the_path_is_the_nodes_chain() {
    let totals = totals::of(1_600, 2, &case(2, troubled(l1(2..=4, SHORT_CUTS))));
    assert_stormy(1_600, &totals);
}

#[test]
fn given_three_nodes_and_any_storm_when_calm_returns_then_the_path_is_the_nodes_chain() {
    let totals = totals::of(1_600, 3, &case(3, troubled(l1(3..=5, SHORT_CUTS))));
    assert_stormy(1_600, &totals);
}
