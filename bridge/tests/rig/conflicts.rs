//! The L1 itself breaks finality: cuts that last until both sides have blocks as final that the other lacks.
//!
//! A follower of such nodes must keep what it has as final and end in `Fatal` if every node conflicts, and only then. The
//! rig checks both: no rejection is false, and in the end a root that no node has means that it is over.

use proptest::prelude::*;

use crate::{
    cases::{Case, L1, PlannedCut, case, l1},
    totals,
};

/// A cut early on, half of the time with the first node alone.
fn long_cut() -> impl Strategy<Value = Vec<PlannedCut>> {
    let cut = (5..30_u64, 120..400_u64, prop_oneof![Just(0), any::<u32>()]);
    cut.prop_map(|(at_percent, length_percent, side)| vec![PlannedCut { at_percent, length_percent, side }])
}

#[test]
fn given_cuts_beyond_the_finality_depth_when_they_heal_then_only_true_conflicts_are_told() {
    let l1 = (l1(2..=4, 5..60), long_cut()).prop_map(|(l1, cuts)| L1 {
        finality_depth: 5 + l1.finality_depth / 6,
        // Both sides find blocks.
        hash_shares: l1.hash_shares.iter().map(|share| share + 1).collect(),
        cuts,
        ..l1
    });
    let cases = (1..3_usize, case(1, l1)).prop_map(|(nodes, case)| Case { nodes, ..case });
    let totals = totals::of(500, 4, &cases);
    // The test would say nothing if it did not happen.
    assert!(totals.finality_broken > 100 && totals.fatal > 20, "{totals:?}");
}
