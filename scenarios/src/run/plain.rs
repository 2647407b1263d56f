//! A consumer that only looks at events: takes them, stores them in its own time, acknowledges.

use std::{cell::RefCell, rc::Rc, time::Duration};

use bridge::{L1Bridge, L1Event};
use sim::{trace::Record, world::World};

use super::{
    EventTap,
    examiner::{Examiner, Sight},
    failure::FirstFailure,
};
use crate::event_text;

/// Takes events, stores them in its own time, acknowledges.
pub(super) struct Consumer {
    pub(super) bridge: L1Bridge,
    pub(super) world: Rc<World>,
    pub(super) examiner: Rc<RefCell<Examiner>>,
    pub(super) tap: Box<dyn EventTap>,
    pub(super) first_failure: Rc<FirstFailure>,
    /// The end of the storm: from then on storing takes no time.
    pub(super) hurries_from: Duration,
}

/// Stored and not acknowledged yet.
#[derive(Default)]
struct Batch {
    events: u64,
    /// Highest number as the bridge gave it.
    emitted: u64,
    /// Highest number as it came through the tap.
    taken: Option<u64>,
}

impl Consumer {
    /// Until the stream is over.
    pub(super) async fn run(mut self) {
        let (number, consumer) = {
            let examiner = self.examiner.borrow();
            (examiner.number, examiner.bridge.consumer.clone())
        };
        let client = u32::try_from(number).unwrap_or(u32::MAX);
        let mut batch = Batch::default();
        loop {
            let event = match self.bridge.try_next() {
                Some(event) => event,
                None => {
                    self.acknowledge(std::mem::take(&mut batch));
                    match self.bridge.next().await {
                        Some(event) => event,
                        None => break,
                    }
                }
            };
            self.world.record(Record::BridgeEvent { client, text: event_text::line(&event) });
            let emitted = event.sequence();
            for event in self.tap.pass(event) {
                batch.taken = event.sequence().or(batch.taken);
                self.take_in(&event);
            }
            if let Some(emitted) = emitted {
                (batch.events, batch.emitted) = (batch.events + 1, emitted);
                let executor = self.world.executor();
                if !consumer.is_prompt() && executor.now() < self.hurries_from {
                    let stored_at = executor.now().saturating_add(Duration::from_millis(consumer.store_ms));
                    executor.sleep_until(stored_at.min(self.hurries_from)).await;
                }
                if batch.events >= consumer.acknowledge_every {
                    self.acknowledge(std::mem::take(&mut batch));
                }
            }
        }
        self.examiner.borrow_mut().stream_over = true;
    }

    fn take_in(&self, event: &L1Event) {
        self.examiner.borrow_mut().on_event(event, self.sight(), &self.first_failure);
    }

    fn acknowledge(&self, batch: Batch) {
        if batch.events == 0 {
            return;
        }
        if let Some(taken) = batch.taken {
            self.examiner.borrow_mut().on_acknowledged(taken, self.sight(), &self.first_failure);
        }
        self.bridge.ack(batch.emitted).expect("the event was just delivered");
    }

    fn sight(&self) -> Sight<'_> {
        Sight { world: &self.world, machine: None, waiting: self.bridge.waiting() }
    }
}
