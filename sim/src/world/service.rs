//! The wRPC service of a simulated node: one task for each connection.
//!
//! As in the node (`workflow-rpc` server, `kaspa-wrpc-server`): one request at a time, and while it is served nothing
//! else leaves the connection; then the notifications that queued up, then the reply. What a reply says was true when
//! its request was taken up. A subscription is live after its reply and dies with the connection.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bridge::wire::Request;
use bytes::Bytes;
use futures_util::{SinkExt, Stream};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use super::{
    World,
    link::{Endpoint, LinkControl},
};
use crate::{
    node::{Answer, SinkChange, Subscriptions},
    trace::{Record, digest},
};

/// Shortest and longest time that a node takes for a request.
const SERVICE_TIME_US: (u64, u64) = (300, 3_000);

/// Most bytes read at a time: requests are small, and tungstenite clears that much before every read.
const READ_BUFFER_BYTES: usize = 1 << 10;

/// A fault that strikes when a certain request has reached its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFault {
    /// Which GetVirtualChainFromBlockV2 request of the run it strikes, counted from 1.
    pub chain_request: u64,
    /// What happens to the connection.
    pub kind: RequestFaultKind,
    /// How long the node refuses new connections afterwards.
    pub refuse_for: Duration,
}

/// What a [`RequestFault`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestFaultKind {
    /// The node closes the connection without a reply.
    Close,
    /// The reply breaks off after so many bytes, with a reset.
    CutReply {
        /// Bytes of it that arrive.
        bytes: usize,
    },
    /// The connection is reset without a reply.
    Reset,
    /// The connection goes silent: no reply, no end.
    Silence,
}

/// A connection as the rest of the world sees it.
#[derive(Default)]
pub(super) struct Connection {
    node: usize,
    open: bool,
    subscriptions: Subscriptions,
    outbox: VecDeque<Vec<u8>>,
    waker: Option<Waker>,
}

impl World {
    pub(super) fn new_connection(&self, node: usize) -> usize {
        let mut connections = self.connections.borrow_mut();
        connections.push(Connection { node, ..Connection::default() });
        connections.len() - 1
    }

    pub(super) fn draw_latency(&self, connection: usize) -> Duration {
        let mean_us = u64::try_from(self.client_latency.as_micros()).unwrap_or(u64::MAX);
        let mut stream = self.streams.stream("client latency", connection as u64);
        Duration::from_micros(mean_us / 2 + stream.below(mean_us.saturating_add(1)))
    }

    pub(super) fn refuses(&self, node: usize) -> bool {
        self.executor.now() < self.refuse_until.borrow()[node]
    }

    /// Queues the notifications of a change for every connection of the node that subscribed to them.
    pub(super) fn notify(&self, node: usize, change: &SinkChange) {
        let mut connections = self.connections.borrow_mut();
        for connection in connections.iter_mut().filter(|connection| connection.open && connection.node == node) {
            let frames = self.network.borrow_mut().notifications(node, change, &connection.subscriptions);
            connection.outbox.extend(frames);
            if !connection.outbox.is_empty()
                && let Some(waker) = connection.waker.take()
            {
                waker.wake();
            }
        }
    }

    /// The fault planned for the chain request that has just arrived.
    fn fault_for(&self, request: &Request) -> Option<RequestFault> {
        let mut counters = self.counters.borrow_mut();
        counters.requests += 1;
        if !matches!(request, Request::GetVirtualChainFromBlockV2 { .. }) {
            return None;
        }
        counters.chain_requests += 1;
        let number = counters.chain_requests;
        self.faults.borrow().iter().find(|fault| fault.chain_request == number).cloned()
    }
}

/// Serves one connection until it ends.
pub(super) async fn serve(world: Rc<World>, connection: usize, endpoint: Endpoint, control: LinkControl) {
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let socket = accept_async_with_config(endpoint, Some(config)).await;
    if let Ok(socket) = socket {
        world.connections.borrow_mut()[connection].open = true;
        Service { world: Rc::clone(&world), connection, control, socket }.run().await;
        world.connections.borrow_mut()[connection] = Connection::default();
    }
    world.record(Record::ConnectionEnded { connection: connection as u32 });
}

struct Service {
    world: Rc<World>,
    connection: usize,
    control: LinkControl,
    socket: WebSocketStream<Endpoint>,
}

/// What a service wakes up for.
enum Work {
    Notifications,
    Request(Bytes),
    Ended,
}

/// Whether the connection goes on.
#[derive(PartialEq, Eq)]
enum Outcome {
    Served,
    Ended,
}

impl Service {
    async fn run(mut self) {
        let node = self.world.connections.borrow()[self.connection].node;
        let mut service_times = self.world.streams.stream("service time", self.connection as u64);
        loop {
            let outcome = match poll_fn(|context| self.poll_work(context)).await {
                Work::Ended => Outcome::Ended,
                Work::Notifications => self.send_notifications().await,
                Work::Request(frame) => {
                    let (least, most) = SERVICE_TIME_US;
                    let service_time = Duration::from_micros(least + service_times.below(most - least));
                    self.serve(node, &frame, service_time).await
                }
            };
            if outcome == Outcome::Ended {
                return;
            }
        }
    }

    fn poll_work(&mut self, context: &mut Context<'_>) -> Poll<Work> {
        {
            let mut connections = self.world.connections.borrow_mut();
            let state = &mut connections[self.connection];
            if !state.outbox.is_empty() {
                return Poll::Ready(Work::Notifications);
            }
            state.waker = Some(context.waker().clone());
        }
        match Pin::new(&mut self.socket).poll_next(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(Message::Binary(frame)))) => Poll::Ready(Work::Request(frame)),
            Poll::Ready(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(_) => Poll::Ready(Work::Ended),
        }
    }

    async fn serve(&mut self, node: usize, frame: &[u8], service_time: Duration) -> Outcome {
        let connection = self.connection as u32;
        let (bytes, hash) = (frame.len() as u32, digest(frame));
        self.world.record(Record::FrameToNode { connection, bytes, digest: hash });
        let Ok((_, request)) = Request::parse(frame) else { return Outcome::Ended };
        let fault = self.world.fault_for(&request);
        let answer = self.world.network_mut().answer_frame(node, frame);
        self.world.executor().sleep(service_time).await;
        if let Some(fault) = fault
            && self.strike(node, &fault) == Outcome::Ended
        {
            return Outcome::Ended;
        }
        let Answer::Reply(reply) = answer else { return Outcome::Ended };
        if self.send_notifications().await == Outcome::Ended || self.send(reply).await == Outcome::Ended {
            return Outcome::Ended;
        }
        let mut connections = self.world.connections.borrow_mut();
        match &request {
            Request::Subscribe(scope) => connections[self.connection].subscriptions.apply(scope, true),
            Request::Unsubscribe(scope) => connections[self.connection].subscriptions.apply(scope, false),
            _ => {}
        }
        Outcome::Served
    }

    /// Injures the connection; the reply may still be sent into what is left of it.
    fn strike(&mut self, node: usize, fault: &RequestFault) -> Outcome {
        let refuse_until = self.world.executor().now() + fault.refuse_for;
        self.world.refuse_until.borrow_mut()[node] = refuse_until;
        self.world.counters.borrow_mut().broken_in_flight += 1;
        let text = format!("{:?}, then refuses connections for {:?}", fault.kind, fault.refuse_for);
        self.world.record(Record::Fault { connection: self.connection as u32, text });
        match fault.kind {
            RequestFaultKind::Close => Outcome::Ended,
            RequestFaultKind::CutReply { bytes } => {
                self.control.cut_after(bytes);
                Outcome::Served
            }
            RequestFaultKind::Reset => {
                self.control.reset();
                Outcome::Ended
            }
            RequestFaultKind::Silence => {
                self.control.go_silent();
                Outcome::Served
            }
        }
    }

    async fn send_notifications(&mut self) -> Outcome {
        loop {
            let frame = self.world.connections.borrow_mut()[self.connection].outbox.pop_front();
            match frame {
                None => return Outcome::Served,
                Some(frame) => {
                    if self.send(frame).await == Outcome::Ended {
                        return Outcome::Ended;
                    }
                }
            }
        }
    }

    async fn send(&mut self, frame: Vec<u8>) -> Outcome {
        let record = Record::FrameFromNode {
            connection: self.connection as u32,
            bytes: frame.len() as u32,
            digest: digest(&frame),
        };
        self.world.record(record);
        match self.socket.send(Message::Binary(frame.into())).await {
            Ok(()) => Outcome::Served,
            Err(_) => Outcome::Ended,
        }
    }
}
