//! The view against a plain list of records: any sequence of operations leaves both with the same answers.

use proptest::prelude::*;

use super::*;

/// The view's contract, written down the slow way.
struct Model {
    first_index: u64,
    held: Vec<ChainRecord>,
    root_is_final: bool,
}

impl Model {
    fn tip(&self) -> ChainRecord {
        self.held[self.held.len() - 1]
    }

    fn at(&self, position: usize) -> ChainRef {
        reference(self.held[position], self.first_index + position as u64)
    }

    fn cut_back(&mut self, depth: usize) -> Option<ChainRef> {
        let fork = self.held.len().checked_sub(depth + 1)?;
        self.held.truncate(fork + 1);
        Some(self.at(fork))
    }

    fn advance_root(&mut self, finality_depth: u64) -> Option<ChainRef> {
        let tip = self.tip();
        let is_deep = |record: &ChainRecord| tip.blue_score - record.blue_score >= finality_depth;
        let highest = self.held.iter().rposition(is_deep);
        self.root_is_final |= highest.is_some();
        let root = highest.filter(|position| *position > 0)?;
        self.held.drain(..root);
        self.first_index += root as u64;
        Some(self.at(0))
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Append {
        count: usize,
        score_step: u64,
    },
    /// Share of the held blocks, in thousandths; at 1,000 the root would go.
    CutBack {
        share: usize,
    },
    AdvanceRoot {
        share: usize,
    },
    /// One block comes and the root follows, so many times.
    Roll {
        times: usize,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (1..40_usize, 1..4_u64).prop_map(|(count, score_step)| Operation::Append { count, score_step }),
        2 => (100..1_500_usize, 1..4_u64).prop_map(|(count, score_step)| Operation::Append { count, score_step }),
        2 => (0..50_usize).prop_map(|share| Operation::CutBack { share }),
        1 => (0..=1_000_usize).prop_map(|share| Operation::CutBack { share }),
        2 => (0..=1_000_usize).prop_map(|share| Operation::AdvanceRoot { share }),
        1 => (1..600_usize).prop_map(|times| Operation::Roll { times }),
    ]
}

/// Indices at which a new view may begin: also shortly before a slot's name for a block starts over.
fn first_index() -> impl Strategy<Value = u64> {
    let names = u64::from(u32::MAX);
    prop_oneof![Just(0), names - 2_000..names + 10, 3 * names - 500..3 * names, 0..u64::MAX / 2]
}

/// A view, its model, and every record that ever was in it.
struct Both {
    view: ChainView,
    model: Model,
    ever: Vec<ChainRecord>,
}

impl Both {
    fn new(first_index: u64, is_final: bool) -> Self {
        let anchor = made(0, 10, Uint192::from_u64(1));
        Self {
            view: ChainView::starting_at(first_index, anchor, is_final),
            model: Model { first_index, held: vec![anchor], root_is_final: is_final },
            ever: vec![anchor],
        }
    }

    fn append(&mut self, score_step: u64) {
        let tip = self.model.tip();
        let record = made(self.ever.len() as u64, tip.blue_score + score_step, tip.blue_work + Uint192::from_u64(3));
        self.ever.push(record);
        self.model.held.push(record);
        assert_eq!(self.view.append(record), self.model.at(self.model.held.len() - 1));
    }

    fn advance_root(&mut self, finality_depth: u64) {
        let tip = self.view.tip().blue_score;
        assert_eq!(self.view.advance_root(tip, finality_depth), self.model.advance_root(finality_depth));
    }

    fn perform(&mut self, operation: &Operation) {
        let held = self.model.held.len();
        match *operation {
            Operation::Append { count, score_step } => (0..count).for_each(|_| self.append(score_step)),
            Operation::CutBack { share } => {
                let depth = held * share / 1_000;
                assert_eq!(self.view.cut_back(depth), self.model.cut_back(depth));
            }
            Operation::AdvanceRoot { share } => {
                let deep = self.model.held[(held - 1) * share / 1_000];
                self.advance_root(self.model.tip().blue_score - deep.blue_score);
            }
            Operation::Roll { times } => {
                let depth = self.model.tip().blue_score - self.model.held[0].blue_score;
                for _ in 0..times {
                    self.append(1);
                    self.advance_root(depth.max(1));
                }
            }
        }
    }

    /// Every question that the view answers, about every block that it holds or ever held.
    fn check(&self) {
        let (view, model) = (&self.view, &self.model);
        assert_eq!((view.tip(), view.tip_ref()), (model.tip(), model.at(model.held.len() - 1)));
        assert_eq!((view.root_ref(), view.root_is_final()), (model.at(0), model.root_is_final));
        let tip_index = view.tip_index();
        assert_eq!(tip_index - model.first_index + 1, model.held.len() as u64);
        for (index, record) in (model.first_index..).zip(&model.held) {
            assert_eq!((view.index_of(&record.hash), view.record_at(index)), (Some(index), Some(*record)));
            assert_eq!(view.below_tip((tip_index - index) as usize), Some(*record));
        }
        assert_eq!((view.record_at(tip_index + 1), view.below_tip(model.held.len())), (None, None));
        assert_eq!(model.first_index.checked_sub(1).and_then(|below| view.record_at(below)), None);
        let found = self.ever.iter().filter(|record| view.contains(&record.hash)).count();
        assert_eq!(found, model.held.len(), "a block that left is still found");
        let (taken, slots) = view.positions.load();
        assert!(taken == found && 2 * taken <= slots && slots <= 64.max(8 * taken), "{taken} of {slots} slots taken");
    }
}

fn made(number: u64, blue_score: u64, blue_work: Uint192) -> ChainRecord {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = Hash::from_le_u64([mixed, mixed.rotate_left(23), number, mixed ^ number]);
    ChainRecord { hash, blue_score, blue_work }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn given_any_operations_when_performed_then_view_and_model_agree_after_each(
        first_index in first_index(),
        is_final: bool,
        operations in proptest::collection::vec(operation(), 1..40),
    ) {
        let mut both = Both::new(first_index, is_final);
        for operation in &operations {
            both.perform(operation);
            both.check();
        }
    }
}
