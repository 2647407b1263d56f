//! Recognises how deep reorgs are: in blocks, and on the way to finality, to its very edge.

use bridge::{L1Event, Reorg};

use super::{Coverage, Point};
use crate::check::Context;

/// Points of so many removed blocks at least and at most.
const DEPTHS: [(usize, usize, Point); 7] = [
    (1, 1, Point::ReorgDepth1),
    (2, 3, Point::ReorgDepth2),
    (4, 7, Point::ReorgDepth4),
    (8, 15, Point::ReorgDepth8),
    (16, 31, Point::ReorgDepth16),
    (32, 63, Point::ReorgDepth32),
    (64, usize::MAX, Point::ReorgDepth64),
];

/// See the module documentation. Nothing need be remembered.
pub(super) fn on_event(event: &L1Event, context: Context<'_>, coverage: &mut Coverage) {
    let L1Event::Reorg(reorg) = event else { return };
    let removed = reorg.removed.len();
    DEPTHS
        .iter()
        .filter(|(least, most, _)| (*least..=*most).contains(&removed))
        .for_each(|(.., point)| coverage.hit(*point));
    if let Some(finalized) = context.replica.finalized {
        match reorg.fork.index.checked_sub(finalized.index) {
            Some(0) => coverage.hit(Point::ReorgToFinalized),
            Some(1) => coverage.hit(Point::ReorgAboveFinalized),
            _ => {}
        }
    }
    let Some(depth) = blue_depth(reorg, context) else { return };
    let finality_depth = context.network.store().parameters().finality_depth;
    if depth >= finality_depth / 4 {
        coverage.hit(Point::ReorgQuarterFinality);
    }
    if depth >= finality_depth / 2 {
        coverage.hit(Point::ReorgHalfFinality);
    }
}

/// Blue score from the lowest removed block to the old tip.
fn blue_depth(reorg: &Reorg, context: Context<'_>) -> Option<u64> {
    let fork = usize::try_from(reorg.fork.index).ok()?;
    let lowest = context.replica.blocks().get(fork)?;
    Some(reorg.old_tip.blue_score.saturating_sub(lowest.block.blue_score))
}
