//! The followed chain from its root to the tip, linked both ways: a block's parent has the index below its own, its child
//! the index above.
//!
//! Mainnet's finality keeps up to 432,000 blocks here, so memory counts: 64 bytes for a record and 8 to 32 for its place in
//! the table by hash, besides a few chunks of records; never more than 128 bytes for a block. Appending and look-ups take
//! constant time (appending amortised), cutting back and moving the root take time for each block that leaves.
//!
//! Invariants: never empty; indices are consecutive; blue score and blue work strictly increase; `positions` maps exactly
//! the hashes held; the root only moves up; a root that is final stays final.

mod positions;
#[cfg(test)]
mod properties;
mod records;

use kaspa_hashes::Hash;
use kaspa_math::Uint192;

use self::{positions::Positions, records::Records};
use crate::event::ChainRef;

/// What the view keeps of a chain block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChainRecord {
    pub(crate) hash: Hash,
    pub(crate) blue_score: u64,
    pub(crate) blue_work: Uint192,
}

impl ChainRecord {
    /// The order in which nodes prefer sinks (`kaspa_consensus::processes::ghostdag::ordering::SortableBlock`).
    pub(crate) fn weight(&self) -> (Uint192, Hash) {
        (self.blue_work, self.hash)
    }
}

/// Selected-parent chain, root and tip included.
#[derive(Debug)]
pub(crate) struct ChainView {
    records: Records,
    positions: Positions,
    root: ChainRecord,
    /// False only for an anchor that the network may still leave.
    root_is_final: bool,
    tip: ChainRecord,
}

impl ChainView {
    /// A view that holds only its anchor, with index 0. Only a pruning point is final from the start.
    pub(crate) fn new(anchor: ChainRecord, is_final: bool) -> Self {
        Self::starting_at(0, anchor, is_final)
    }

    /// A view that holds only its root, with any index: to be filled with what is known of the chain above it.
    pub(crate) fn starting_at(index: u64, anchor: ChainRecord, is_final: bool) -> Self {
        let mut records = Records::new(index);
        records.push(anchor);
        let positions = Positions::new(&records);
        Self { records, positions, root: anchor, root_is_final: is_final, tip: anchor }
    }

    pub(crate) fn tip(&self) -> ChainRecord {
        self.tip
    }

    pub(crate) fn tip_ref(&self) -> ChainRef {
        reference(self.tip, self.tip_index())
    }

    pub(crate) fn tip_index(&self) -> u64 {
        self.root_index() + (self.records.len() as u64 - 1)
    }

    pub(crate) fn root_ref(&self) -> ChainRef {
        reference(self.root, self.root_index())
    }

    /// Whether no healthy node can leave the root any more.
    pub(crate) fn root_is_final(&self) -> bool {
        self.root_is_final
    }

    pub(crate) fn contains(&self, hash: &Hash) -> bool {
        self.index_of(hash).is_some()
    }

    /// Index of the block with this hash, if the view holds it.
    pub(crate) fn index_of(&self, hash: &Hash) -> Option<u64> {
        self.positions.find(hash, &self.records)
    }

    /// The block with this index, if the view holds it.
    pub(crate) fn record_at(&self, index: u64) -> Option<ChainRecord> {
        self.records.get(index).copied()
    }

    /// The record `depth` blocks below the tip, if the view reaches so far.
    pub(crate) fn below_tip(&self, depth: usize) -> Option<ChainRecord> {
        self.record_at(self.tip_index().checked_sub(depth as u64)?)
    }

    /// Makes `record` the tip. The caller has checked that it follows the tip.
    pub(crate) fn append(&mut self, record: ChainRecord) -> ChainRef {
        debug_assert!(record.blue_score > self.tip.blue_score && record.blue_work > self.tip.blue_work);
        let index = self.records.push(record);
        self.positions.insert_newest(&record.hash, index, &self.records);
        self.tip = record;
        reference(record, index)
    }

    /// Replaces what was assumed of the tip's blue work.
    pub(crate) fn weigh_tip(&mut self, blue_work: Uint192) {
        self.tip.blue_work = blue_work;
        if self.tip.hash == self.root.hash {
            self.root = self.tip;
        }
        self.records.pop_newest();
        self.records.push(self.tip);
    }

    /// Removes the newest `depth` blocks and returns the new tip, or `None`, changing nothing, if the root would go.
    pub(crate) fn cut_back(&mut self, depth: usize) -> Option<ChainRef> {
        self.tip = self.below_tip(depth)?;
        for _ in 0..depth {
            self.positions.remove(self.tip_index(), &self.records);
            self.records.pop_newest();
        }
        self.positions.shrink(&self.records);
        Some(self.tip_ref())
    }

    /// Moves the root to the highest block that is at least `finality_depth` below `tip_blue_score`, the score of the tip or
    /// of one that the chain had, if that is higher than the root. An anchor that stays the root becomes final at the same
    /// depth.
    pub(crate) fn advance_root(&mut self, tip_blue_score: u64, finality_depth: u64) -> Option<ChainRef> {
        let before = self.root_index();
        while let Some(child) = self.record_at(self.root_index() + 1)
            && tip_blue_score.saturating_sub(child.blue_score) >= finality_depth
        {
            self.positions.remove(self.root_index(), &self.records);
            self.records.pop_oldest();
            self.root = child;
        }
        self.positions.shrink(&self.records);
        self.root_is_final |= tip_blue_score.saturating_sub(self.root.blue_score) >= finality_depth;
        (self.root_index() > before).then(|| self.root_ref())
    }

    fn root_index(&self) -> u64 {
        self.records.first_index()
    }
}

fn reference(record: ChainRecord, index: u64) -> ChainRef {
    ChainRef { hash: record.hash, index, blue_score: record.blue_score }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64) -> ChainRecord {
        ChainRecord { hash: Hash::from_u64_word(number), blue_score: number * 10, blue_work: Uint192::from_u64(number) }
    }

    fn view(blocks: u64) -> ChainView {
        let mut view = ChainView::new(record(1), false);
        (2..=blocks).for_each(|number| {
            view.append(record(number));
        });
        view
    }

    #[test]
    fn given_a_chain_when_cut_back_then_tip_and_look_up_forget_the_removed() {
        let mut view = view(10);
        assert_eq!(view.cut_back(3).map(|fork| (fork.hash, fork.index)), Some((record(7).hash, 6)));
        assert!(view.contains(&record(7).hash) && !view.contains(&record(8).hash));
        assert_eq!(view.append(record(9)).index, 7);
    }

    #[test]
    fn given_a_cut_at_the_root_when_made_then_legal_and_one_deeper_changes_nothing() {
        let mut view = view(10);
        assert_eq!(view.cut_back(10), None);
        assert_eq!(view.tip_index(), 9);
        assert_eq!(view.cut_back(9).map(|fork| fork.index), Some(0));
    }

    #[test]
    fn given_blocks_of_known_score_when_the_root_advances_then_it_is_the_highest_deep_enough_block() {
        let mut view = view(10);
        assert_eq!(view.advance_root(view.tip().blue_score, 50).map(|root| root.hash), Some(record(5).hash));
        assert_eq!(view.advance_root(view.tip().blue_score, 50), None);
        assert!(!view.contains(&record(4).hash) && view.contains(&record(5).hash));
        assert_eq!(view.cut_back(6), None);
        assert_eq!(view.cut_back(5).map(|fork| fork.hash), Some(record(5).hash));
    }

    #[test]
    fn given_an_anchor_that_is_not_final_when_the_tip_is_deep_enough_above_it_then_it_is_and_stays_final() {
        let mut view = view(5);
        assert_eq!(view.advance_root(view.tip().blue_score, 41), None);
        assert!(!view.root_is_final());
        // The anchor is 40 deep, its child 30.
        assert_eq!(view.advance_root(view.tip().blue_score, 40), None);
        assert!(view.root_is_final());
        view.cut_back(4);
        assert_eq!(view.advance_root(view.tip().blue_score, 40), None);
        assert!(view.root_is_final());
        assert!(ChainView::new(record(1), true).root_is_final());
    }
}
