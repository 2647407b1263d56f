//! A consumer that only looks at events: takes them, stores them in its own time, acknowledges.

use std::time::Duration;

use super::{EventTap, seat::Seat};
use crate::{harness::Bridge, plan::PlannedConsumer};

/// Takes events from any bridge, stores them in its own time, acknowledges.
pub(crate) struct Consumer<B> {
    pub(crate) bridge: B,
    pub(crate) seat: Seat,
    pub(crate) tap: Box<dyn EventTap>,
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

impl<B: Bridge> Consumer<B> {
    /// Until the stream is over.
    pub(crate) async fn run(mut self) {
        let planned = self.seat.planned().consumer.clone();
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
            sit_out_stops(&self.seat, &planned).await;
            self.seat.told(&event);
            let emitted = event.sequence();
            for event in self.tap.pass(event) {
                batch.taken = event.sequence().or(batch.taken);
                self.seat.taken_in(&event, self.bridge.waiting());
            }
            if let Some(emitted) = emitted {
                (batch.events, batch.emitted) = (batch.events + 1, emitted);
                take_time_to_store(&self.seat, &planned).await;
                if batch.events >= planned.acknowledge_every {
                    self.acknowledge(std::mem::take(&mut batch));
                }
            }
        }
        self.seat.stream_is_over();
    }

    fn acknowledge(&mut self, batch: Batch) {
        if batch.events == 0 {
            return;
        }
        if let Some(taken) = batch.taken {
            self.seat.acknowledged(taken, self.bridge.waiting());
        }
        self.bridge.acknowledge(batch.emitted);
    }
}

/// Waits while the plan has the consumer take nothing. A stop ends with the storm.
pub(crate) async fn sit_out_stops(seat: &Seat, planned: &PlannedConsumer) {
    let (executor, storm) = (seat.executor(), seat.plan().storm());
    while executor.now() < storm
        && let Some(end) = planned.stopped_until(executor.now())
    {
        executor.sleep_until(end.min(storm)).await;
    }
}

/// Waits as long as the consumer takes to store one numbered event. From the end of the storm on storing takes no time.
pub(crate) async fn take_time_to_store(seat: &Seat, planned: &PlannedConsumer) {
    let (executor, storm) = (seat.executor(), seat.plan().storm());
    if planned.store_ms != 0 && executor.now() < storm {
        let stored_at = executor.now().saturating_add(Duration::from_millis(planned.store_ms));
        executor.sleep_until(stored_at.min(storm)).await;
    }
}
