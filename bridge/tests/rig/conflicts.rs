//! The L1 itself breaks finality: cuts that last until both sides have blocks as final that the other lacks, and nodes that
//! lose their data and sync anew from the other side. A node that keeps its data never leaves what is final for it.
//!
//! A follower of such nodes must keep what it has as final and end in `Fatal` if every node conflicts, and only then. The
//! rig checks both: no rejection is false, and in the end a root that no node has means that it is over.

use proptest::prelude::*;

use crate::{
    cases::{Case, L1, PlannedCut, PlannedOutage, Trouble, case, l1},
    totals,
};

/// A cut early on, half of the time with the first node alone.
fn long_cut() -> impl Strategy<Value = Vec<PlannedCut>> {
    let cut = (5..30_u64, 120..400_u64, prop_oneof![Just(0), any::<u32>()]);
    cut.prop_map(|(at_percent, length_percent, side)| vec![PlannedCut { at_percent, length_percent, side }])
}

/// Nodes that may be called sync anew, often all of them, from whoever comes next.
fn new_beginnings() -> impl Strategy<Value = Vec<PlannedOutage>> {
    let beginning = |node| {
        (30..95_u64, 0..4_usize).prop_map(move |(at_percent, from)| PlannedOutage {
            node,
            at_percent,
            what: Trouble::Wipe { from },
        })
    };
    prop_oneof![
        beginning(0).prop_map(|first| vec![first]),
        (beginning(0), beginning(1)).prop_map(|(first, second)| vec![first, second]),
    ]
}

#[test]
fn given_cuts_beyond_the_finality_depth_when_they_heal_then_only_true_conflicts_are_told() {
    let l1 = (l1(2..=4, 5..60), long_cut(), new_beginnings()).prop_map(|(l1, cuts, outages)| L1 {
        finality_depth: 5 + l1.finality_depth / 6,
        // Both sides find blocks.
        hash_shares: l1.hash_shares.iter().map(|share| share + 1).collect(),
        cuts,
        outages,
        ..l1
    });
    let cases = (1..3_usize, case(1, l1)).prop_map(|(nodes, case)| Case { nodes, ..case });
    let totals = totals::of(500, 4, &cases);
    // The test would say nothing if it did not happen.
    assert!(totals.finality_broken > 100 && totals.fatal > 20, "{totals:?}");
}
