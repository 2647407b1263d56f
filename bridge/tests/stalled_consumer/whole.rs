//! The whole bridge: the consumer's handle, the queue, the shell and a WebSocket over a pipe in memory, on a clock that the
//! world sets. Time goes from block to block; in between everyone goes on as far as they can.
//!
//! Invariant: what the node allocates is not counted, so that all that is counted is the bridge's and what the pipe holds.

use std::{
    cell::Cell,
    collections::VecDeque,
    future::{Future, pending, poll_fn},
    io,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bridge::{Clock, L1Bridge, NodeUrl, Transport};
use futures_util::{Sink, Stream};
use tokio::io::DuplexStream;
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

use super::{
    MARK,
    l1::BLOCK_INTERVAL,
    uncounted,
    world::{Stage, World, config},
};

/// Bytes that the pipe holds in each direction.
pub const PIPE_BYTES: usize = 64 << 10;

/// Bridge, pipe and node.
pub struct WholeBridge {
    stage: Stage,
    bridge: L1Bridge,
    driver: Pin<Box<dyn Future<Output = ()>>>,
    node: NodeEnd,
    now: Rc<Cell<Duration>>,
    calls: Rc<Cell<u64>>,
    woken: Arc<Woken>,
}

impl World for WholeBridge {
    fn new(stage: Stage) -> Self {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let (now, calls) = (Rc::new(Cell::new(Duration::ZERO)), Rc::new(Cell::new(0)));
        let transport = Pipe { end: Cell::new(Some(near)), calls: Rc::clone(&calls) };
        let clock = WorldClock(Rc::clone(&now));
        let (bridge, driver) = L1Bridge::with(config(), transport, clock).expect("the settings are complete");
        let opening = Box::pin(async { accept_async(far).await.expect("a WebSocket handshake") });
        let node = NodeEnd { link: Link::Opening(opening), outgoing: VecDeque::new() };
        Self { stage, bridge, driver: Box::pin(driver), node, now, calls, woken: Arc::default() }
    }

    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.stage.now + time;
        self.go_on();
        while self.stage.next_block_at <= end {
            self.stage.now = self.stage.next_block_at;
            self.stage.next_block_at += BLOCK_INTERVAL;
            uncounted(|| {
                let bytes = self.stage.l1.mine();
                if self.stage.notifies {
                    self.node.outgoing.push_back(Message::binary(bytes));
                }
            });
            self.go_on();
        }
        self.stage.now = end;
        self.go_on();
    }

    fn take_waiting(&mut self) {
        while let Some(event) = self.bridge.try_next() {
            self.stage.consumer.take(&event, &self.stage.l1);
            if let Some(sequence) = event.sequence() {
                self.bridge.ack(sequence).expect("it was delivered");
            }
        }
    }

    fn waiting(&self) -> usize {
        self.bridge.waiting() as usize
    }

    fn is_paused(&self) -> bool {
        self.waiting() >= MARK
    }

    fn calls(&self) -> u64 {
        self.calls.get()
    }
}

impl WholeBridge {
    /// Everyone goes on until nobody can.
    fn go_on(&mut self) {
        self.now.set(self.stage.now);
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut context = Context::from_waker(&waker);
        loop {
            self.woken.0.store(false, Ordering::Relaxed);
            assert!(self.driver.as_mut().poll(&mut context).is_pending(), "the bridge ended");
            if self.stage.consumes {
                self.take_waiting();
            }
            uncounted(|| self.node.go_on(&mut self.stage, &mut context));
            if !self.woken.0.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

enum Link {
    Opening(Pin<Box<dyn Future<Output = WebSocketStream<DuplexStream>>>>),
    Open(Box<WebSocketStream<DuplexStream>>),
}

/// The node's end of the pipe.
struct NodeEnd {
    link: Link,
    outgoing: VecDeque<Message>,
}

impl NodeEnd {
    /// Answers what has come and sends what the pipe takes.
    fn go_on(&mut self, stage: &mut Stage, context: &mut Context<'_>) {
        if let Link::Opening(opening) = &mut self.link {
            let Poll::Ready(socket) = opening.as_mut().poll(context) else { return };
            // Nobody has subscribed yet.
            self.outgoing.clear();
            self.link = Link::Open(Box::new(socket));
        }
        let Link::Open(socket) = &mut self.link else { return };
        while let Poll::Ready(message) = Pin::new(&mut **socket).poll_next(context) {
            let message = message.expect("the bridge stays").expect("the pipe holds");
            assert!(message.is_binary(), "{message:?}");
            self.outgoing.push_back(Message::binary(stage.l1.answer(&message.into_data())));
        }
        while !self.outgoing.is_empty() && is_ready(Pin::new(&mut **socket).poll_ready(context)) {
            if let Some(message) = self.outgoing.pop_front() {
                Pin::new(&mut **socket).start_send(message).expect("the pipe holds");
            }
        }
        is_ready(Pin::new(&mut **socket).poll_flush(context));
    }
}

fn is_ready<E: std::fmt::Debug>(outcome: Poll<Result<(), E>>) -> bool {
    outcome.map(|outcome| outcome.expect("the pipe holds")).is_ready()
}

/// Whether anyone was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The world's time. It wakes nobody: whenever it moves, everyone is asked to go on.
struct WorldClock(Rc<Cell<Duration>>);

impl Clock for WorldClock {
    fn now(&self) -> Duration {
        self.0.get()
    }

    fn sleep_until(&self, deadline: Duration) -> impl Future<Output = ()> + use<> {
        let now = Rc::clone(&self.0);
        poll_fn(move |_| if now.get() < deadline { Poll::Pending } else { Poll::Ready(()) })
    }
}

/// Hands out the bridge's end once, and counts the calls.
struct Pipe {
    end: Cell<Option<DuplexStream>>,
    calls: Rc<Cell<u64>>,
}

impl Transport for Pipe {
    type Stream = DuplexStream;

    fn connect(&self, _: &NodeUrl) -> impl Future<Output = io::Result<DuplexStream>> + use<> {
        self.calls.set(self.calls.get() + 1);
        let end = self.end.take();
        async move {
            match end {
                Some(end) => Ok(end),
                None => pending().await,
            }
        }
    }
}
