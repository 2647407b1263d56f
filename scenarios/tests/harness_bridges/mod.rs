//! Bridges around the project's own: one that changes nothing, and two that should not be.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
};

use bridge::{Config, L1Bridge, L1Event};
use scenarios::harness::Bridge;
use sim::world::host::{SimClock, SimTransport};

/// Changes nothing.
pub struct Wrapped(L1Bridge);

/// Does not tell of reorgs, and closes the gap in the numbers.
pub struct Forgetful {
    bridge: L1Bridge,
    forgotten: u64,
}

/// Says how many of its kind were started before it: each run is another.
pub struct Unsteady {
    bridge: L1Bridge,
    number: u64,
}

static STARTS: AtomicU64 = AtomicU64::new(1);

impl Bridge for Wrapped {
    fn start(config: Config, transport: SimTransport, clock: SimClock) -> (Self, Pin<Box<dyn Future<Output = ()>>>) {
        let (bridge, driver) = <L1Bridge as Bridge>::start(config, transport, clock);
        (Self(bridge), driver)
    }

    async fn next(&mut self) -> Option<L1Event> {
        self.0.next().await
    }

    fn acknowledge(&mut self, sequence: u64) {
        self.0.acknowledge(sequence);
    }
}

impl Bridge for Forgetful {
    fn start(config: Config, transport: SimTransport, clock: SimClock) -> (Self, Pin<Box<dyn Future<Output = ()>>>) {
        let (bridge, driver) = <L1Bridge as Bridge>::start(config, transport, clock);
        (Self { bridge, forgotten: 0 }, driver)
    }

    async fn next(&mut self) -> Option<L1Event> {
        loop {
            let mut event = self.bridge.next().await?;
            match &mut event {
                L1Event::Reorg(_) => {
                    self.forgotten += 1;
                    continue;
                }
                L1Event::BlockAdded(added) => added.sequence -= self.forgotten,
                L1Event::Finalized { sequence, .. } => *sequence -= self.forgotten,
                _ => {}
            }
            return Some(event);
        }
    }

    fn acknowledge(&mut self, sequence: u64) {
        self.bridge.acknowledge(sequence + self.forgotten);
    }
}

impl Bridge for Unsteady {
    fn start(config: Config, transport: SimTransport, clock: SimClock) -> (Self, Pin<Box<dyn Future<Output = ()>>>) {
        let (bridge, driver) = <L1Bridge as Bridge>::start(config, transport, clock);
        (Self { bridge, number: STARTS.fetch_add(1, Ordering::Relaxed) }, driver)
    }

    async fn next(&mut self) -> Option<L1Event> {
        let mut event = self.bridge.next().await?;
        if let L1Event::Connected { server_version, .. } = &mut event {
            *server_version = format!("start number {}", self.number);
        }
        Some(event)
    }

    fn acknowledge(&mut self, sequence: u64) {
        self.bridge.acknowledge(sequence);
    }
}
