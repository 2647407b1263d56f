//! The channels that are compared, each with the calls that its documentation offers for the case.

use std::{future::Future, sync::Arc};

use bridge::L1Event;
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
};

use crate::queue::Shared;

/// Room of the bounded channels: the default of `Config::high_water_mark`.
const ROOM: usize = 4_096;

/// One way to hand events over, from one producer to one consumer.
pub(crate) trait Channel {
    /// In ids and tables.
    const NAME: &'static str;
    /// Where events are put in.
    type Producer: Send + 'static;
    /// Where they are taken out.
    type Consumer: Send + 'static;

    /// A new one.
    fn new() -> (Self::Producer, Self::Consumer);
    /// Puts an event in where there is room.
    fn push(producer: &Self::Producer, event: L1Event);
    /// Puts an event in, and blocks the thread until there is room.
    fn push_waiting(producer: &Self::Producer, event: L1Event) {
        Self::push(producer, event);
    }
    /// Takes one out if there is one.
    fn try_next(consumer: &mut Self::Consumer) -> Option<L1Event>;
    /// Takes so many out, on a thread that does nothing else: as a task on the runtime, if tasks can wait at this channel.
    fn take(runtime: &Runtime, consumer: &mut Self::Consumer, count: u64, into: &mut Vec<L1Event>);
}

/// A channel at whose end a task can wait.
pub(crate) trait Awaited: Channel {
    /// Takes one out when there is one.
    fn next(consumer: &mut Self::Consumer) -> impl Future<Output = L1Event> + Send;
}

/// A runtime of one thread that has neither sockets nor timers.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime without drivers takes nothing from the system")
}

fn take_as_task<C: Awaited>(runtime: &Runtime, consumer: &mut C::Consumer, count: u64, into: &mut Vec<L1Event>) {
    runtime.block_on(async {
        for _ in 0..count {
            into.push(C::next(consumer).await);
        }
    });
}

/// The bridge's.
pub(crate) struct Ours;

impl Channel for Ours {
    const NAME: &'static str = "bridge";
    type Producer = Arc<Shared>;
    type Consumer = Arc<Shared>;

    fn new() -> (Self::Producer, Self::Consumer) {
        let shared = Arc::<Shared>::default();
        (Arc::clone(&shared), shared)
    }

    fn push(producer: &Self::Producer, event: L1Event) {
        producer.push(event);
    }

    fn try_next(consumer: &mut Self::Consumer) -> Option<L1Event> {
        Shared::try_next(consumer)
    }

    fn take(runtime: &Runtime, consumer: &mut Self::Consumer, count: u64, into: &mut Vec<L1Event>) {
        take_as_task::<Self>(runtime, consumer, count, into);
    }
}

impl Awaited for Ours {
    async fn next(consumer: &mut Self::Consumer) -> L1Event {
        Shared::next(consumer).await.expect("nobody finished the stream")
    }
}

/// `tokio::sync::mpsc` without a bound.
pub(crate) struct TokioUnbounded;

impl Channel for TokioUnbounded {
    const NAME: &'static str = "tokio-unbounded";
    type Producer = mpsc::UnboundedSender<L1Event>;
    type Consumer = mpsc::UnboundedReceiver<L1Event>;

    fn new() -> (Self::Producer, Self::Consumer) {
        mpsc::unbounded_channel()
    }

    fn push(producer: &Self::Producer, event: L1Event) {
        producer.send(event).expect("the receiver lives");
    }

    fn try_next(consumer: &mut Self::Consumer) -> Option<L1Event> {
        consumer.try_recv().ok()
    }

    fn take(runtime: &Runtime, consumer: &mut Self::Consumer, count: u64, into: &mut Vec<L1Event>) {
        take_as_task::<Self>(runtime, consumer, count, into);
    }
}

impl Awaited for TokioUnbounded {
    async fn next(consumer: &mut Self::Consumer) -> L1Event {
        consumer.recv().await.expect("the sender lives")
    }
}

/// `tokio::sync::mpsc` with a bound.
pub(crate) struct TokioBounded;

impl Channel for TokioBounded {
    const NAME: &'static str = "tokio-bounded";
    type Producer = mpsc::Sender<L1Event>;
    type Consumer = mpsc::Receiver<L1Event>;

    fn new() -> (Self::Producer, Self::Consumer) {
        mpsc::channel(ROOM)
    }

    fn push(producer: &Self::Producer, event: L1Event) {
        producer.try_send(event).expect("there is room and the receiver lives");
    }

    fn push_waiting(producer: &Self::Producer, event: L1Event) {
        producer.blocking_send(event).expect("the receiver lives");
    }

    fn try_next(consumer: &mut Self::Consumer) -> Option<L1Event> {
        consumer.try_recv().ok()
    }

    fn take(runtime: &Runtime, consumer: &mut Self::Consumer, count: u64, into: &mut Vec<L1Event>) {
        take_as_task::<Self>(runtime, consumer, count, into);
    }
}

impl Awaited for TokioBounded {
    async fn next(consumer: &mut Self::Consumer) -> L1Event {
        consumer.recv().await.expect("the sender lives")
    }
}

/// `crossbeam-channel`, with a bound or without.
pub(crate) struct Crossbeam<const BOUNDED: bool>;

impl<const BOUNDED: bool> Channel for Crossbeam<BOUNDED> {
    const NAME: &'static str = if BOUNDED { "crossbeam-bounded" } else { "crossbeam-unbounded" };
    type Producer = crossbeam_channel::Sender<L1Event>;
    type Consumer = crossbeam_channel::Receiver<L1Event>;

    fn new() -> (Self::Producer, Self::Consumer) {
        if BOUNDED { crossbeam_channel::bounded(ROOM) } else { crossbeam_channel::unbounded() }
    }

    fn push(producer: &Self::Producer, event: L1Event) {
        // Waits where there is no room.
        producer.send(event).expect("the receiver lives");
    }

    fn try_next(consumer: &mut Self::Consumer) -> Option<L1Event> {
        consumer.try_recv().ok()
    }

    fn take(_: &Runtime, consumer: &mut Self::Consumer, count: u64, into: &mut Vec<L1Event>) {
        let arriving = (0..count).map(|_| consumer.recv().expect("the sender lives until all has arrived"));
        into.extend(arriving);
    }
}
