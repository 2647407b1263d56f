//! What checkers, coverage and trace are shown of a process.

use bridge::{L1Event, Reorg};
use sim::trace::Record;
use state::{Applied, Batch, Consumer, Machine};

use super::{Lost, Supervisor, ending::numbered, stored_up_to};
use crate::{
    check::{Restart, Stored},
    coverage::Point,
    report::MachineFigures,
    run::examiner::Sight,
};

impl Supervisor {
    /// A batch was taken.
    pub(super) fn look_at_taken(&mut self, batch: &Batch, machine: &Machine) {
        self.rolls_back_executed = 0;
        for event in batch.events() {
            self.world.record(Record::BridgeEvent { client: self.client, text: crate::event_text::line(event) });
            if let L1Event::Reorg(reorg) = event {
                self.rolls_back_executed += u64::from(self.removes_executed(reorg, machine));
            }
        }
    }

    /// A batch was stored.
    pub(super) fn look_at_stored(&mut self, batch: &Batch, applied: &Applied, consumer: &Consumer) {
        let (machine, waiting) = (consumer.machine(), consumer.waiting());
        self.look_at_events(batch.events(), machine, waiting);
        let stored = Stored { events: batch.events(), applied };
        self.look_at_rollbacks();
        let sight = Sight { world: &self.world, machine: Some(machine), waiting };
        self.examiner.borrow_mut().on_stored(&stored, sight, &self.first_failure);
        self.count(|figures| figures.rolled_back += applied.blocks_removed);
        if let Some(sequence) = batch.sequence() {
            self.world.record(Record::Stored { client: self.client, sequence, state_root: machine.state_root() });
        }
    }

    /// A batch is acknowledged.
    pub(super) fn look_at_acknowledged(&self, sequence: u64, consumer: &Consumer) {
        let (machine, waiting) = (Some(consumer.machine()), consumer.waiting());
        let sight = Sight { world: &self.world, machine, waiting };
        self.examiner.borrow_mut().on_acknowledged(sequence, sight, &self.first_failure);
    }

    /// A store was opened: whether the batch in doubt is in it, and that a process is back if it is not the first.
    pub(super) fn look_at_opened(&mut self, machine: &Machine) {
        let Lost { in_doubt, mut waiting } = std::mem::take(&mut self.lost);
        let stored = stored_up_to(machine);
        if let Some(batch) = in_doubt {
            let last = batch.events().iter().rposition(|event| event.sequence().is_some());
            let events = batch.events().get(..last.map_or(0, |last| last + 1)).unwrap_or_default();
            if batch.sequence().is_some_and(|last| last <= stored) {
                self.look_at_events(events, machine, 0);
                self.look_at_rollbacks();
                let removed = events.iter().map(|event| match event {
                    L1Event::Reorg(reorg) => reorg.removed.len() as u64,
                    _ => 0,
                });
                let removed: u64 = removed.sum();
                self.count(|figures| figures.rolled_back += removed);
                self.examiner.borrow_mut().hit(Point::StoredInDoubt);
            } else {
                waiting += numbered(events);
                if !events.is_empty() {
                    self.examiner.borrow_mut().hit(Point::ForgottenInDoubt);
                }
            }
        }
        if self.starts > 1 {
            let restart = Restart { stored, forgotten: waiting };
            let sight = Sight { world: &self.world, machine: Some(machine), waiting: 0 };
            self.examiner.borrow_mut().on_restart(restart, sight, &self.first_failure);
            self.count(|figures| figures.restarts += 1);
        }
        self.tell(format!("starts behind event {stored} with state root {}", machine.state_root()));
    }

    /// Something that no disk and no node can be blamed for.
    pub(super) fn fail(&self, message: String) {
        self.examiner.borrow_mut().on_wrong_store(message, &self.world, &self.first_failure);
    }

    pub(super) fn tell(&self, text: String) {
        self.world.record(Record::Process { client: self.client, text });
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut MachineFigures)) {
        if let Some(figures) = &mut self.examiner.borrow_mut().machine_figures {
            count(figures);
        }
    }

    /// The batch taken last is stored.
    fn look_at_rollbacks(&mut self) {
        let count = std::mem::take(&mut self.rolls_back_executed);
        (0..count).for_each(|_| self.examiner.borrow_mut().hit(Point::RollsBackExecuted));
    }

    fn look_at_events(&mut self, events: &[L1Event], machine: &Machine, waiting: u64) {
        for event in events {
            for event in self.tap.pass(event.clone()) {
                let sight = Sight { world: &self.world, machine: Some(machine), waiting };
                self.examiner.borrow_mut().on_event(&event, sight, &self.first_failure);
            }
        }
    }

    /// Whether a reorg takes back what a transaction did or tried.
    fn removes_executed(&self, reorg: &Reorg, machine: &Machine) -> bool {
        let examiner = self.examiner.borrow();
        let blocks = examiner.replica().blocks();
        let fork = usize::try_from(reorg.fork.index).unwrap_or(usize::MAX);
        let mut removed = blocks.get(fork..).unwrap_or_default().iter().flat_map(|block| &block.accepted_ids);
        machine.view().is_ok_and(|view| removed.any(|id| view.receipt(id).is_ok_and(|receipt| receipt.is_some())))
    }
}
