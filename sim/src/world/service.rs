//! The wRPC service of a simulated node: one task for each connection.
//!
//! As in the node (`workflow-rpc` server, `kaspa-wrpc-server`): one request at a time, and while it is served nothing
//! else leaves the connection; then the notifications that queued up, then the reply. What a reply says was true when
//! its request was taken up. A subscription is live after its reply and dies with the connection.
//!
//! Every message passes the world's [`Interposer`](super::interposer::Interposer), which may lose, delay, repeat or
//! change it.

use std::{
    collections::{BTreeMap, VecDeque},
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bridge::wire::Operation;
use bytes::Bytes;
use futures_util::{SinkExt, Stream};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Message as Frame, protocol::WebSocketConfig},
};

use super::{
    ChainAnswer, World,
    broadcast::Broadcasters,
    executor::Sleep,
    interposer::{Message, MessageFate, MessageKind},
    link::{Endpoint, LinkControl},
};
use crate::{
    node::{Answer, NodeRequest, NodeSubscription, SinkChange, Subscriptions},
    random,
    trace::{Record, digest},
};

/// Longest time from the reply to a subscription until it has travelled through the node's queues to where the
/// notifications come from. Source: `kaspa-notify`, `notifier` and `subscriber`, one queue each.
const SUBSCRIPTION_TRAVEL_TIME_US: u64 = 5_000;

/// Shortest and longest time that a node takes for a request.
const SERVICE_TIME_US: (u64, u64) = (300, 3_000);

/// Most bytes read at a time: requests are small, and tungstenite clears that much before every read.
const READ_BUFFER_BYTES: usize = 1 << 10;

/// A connection as the rest of the world sees it.
#[derive(Default)]
pub(super) struct Connection {
    client: u32,
    node: usize,
    open: bool,
    subscriptions: Subscriptions,
    /// Subscriptions on their way to where notifications come from, with the time of their arrival.
    travelling: VecDeque<(Duration, NodeSubscription, bool)>,
    broadcasters: Option<Broadcasters>,
    /// Notifications that are still being serialised, by the time at which they are ready and a running number.
    serialising: BTreeMap<(Duration, u64), Vec<u8>>,
    broadcast_count: u64,
    outbox: VecDeque<Vec<u8>>,
    /// The node has gone away.
    ended: bool,
    waker: Option<Waker>,
}

impl Connection {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Subscriptions that have arrived by now count.
    fn settle_subscriptions(&mut self, now: Duration) {
        while let Some((_, scope, on)) = self.travelling.pop_front_if(|(at, ..)| *at <= now) {
            self.subscriptions.apply(scope, on);
        }
    }

    /// Hands notifications to the broadcasters.
    fn broadcast(&mut self, frames: Vec<Vec<u8>>, now: Duration) {
        if frames.is_empty() {
            return;
        }
        for frame in frames {
            let ready_at = match &mut self.broadcasters {
                Some(broadcasters) => broadcasters.ready_at(frame.len(), now),
                None => now,
            };
            if ready_at <= now {
                self.outbox.push_back(frame);
            } else {
                self.broadcast_count += 1;
                self.serialising.insert((ready_at, self.broadcast_count), frame);
            }
        }
        self.wake();
    }

    /// Moves what is serialised by now to the outbox; the time at which the next will be.
    fn collect_serialised(&mut self, now: Duration) -> Option<Duration> {
        while let Some(entry) = self.serialising.first_entry() {
            let (ready_at, _) = *entry.key();
            if ready_at > now {
                return Some(ready_at);
            }
            self.outbox.push_back(entry.remove());
        }
        None
    }
}

impl World {
    pub(super) fn new_connection(&self, client: u32, node: usize) -> usize {
        let mut connections = self.connections.borrow_mut();
        connections.push(Connection { client, node, ..Connection::default() });
        connections.len() - 1
    }

    pub(super) fn draw_latency(&self, client: u32, attempt: u64) -> Duration {
        let mean_us = u64::try_from(self.client_latency.as_micros()).unwrap_or(u64::MAX);
        let mut stream = self.streams.stream("client latency", Self::key(client, attempt));
        Duration::from_micros((mean_us / 2).saturating_add(stream.below(mean_us.saturating_add(1))))
    }

    /// Queues the notifications of a change for every connection of the node that subscribed to them.
    pub(super) fn notify(&self, node: usize, change: &SinkChange) {
        let now = self.executor.now();
        let mut connections = self.connections.borrow_mut();
        for connection in connections.iter_mut().filter(|connection| connection.open && connection.node == node) {
            connection.settle_subscriptions(now);
            let frames = self.network.borrow_mut().notifications(node, change, &connection.subscriptions);
            connection.broadcast(frames, now);
        }
    }

    /// The node tells that it was reset to a pruning point.
    pub(super) fn announce_override(&self, node: usize) {
        let now = self.executor.now();
        let mut connections = self.connections.borrow_mut();
        for connection in connections.iter_mut().filter(|connection| connection.open && connection.node == node) {
            connection.settle_subscriptions(now);
            let frames = connection.subscriptions.pruning_point_override();
            connection.broadcast(frames.into_iter().collect(), now);
        }
    }

    /// The node goes away, and its connections with it.
    pub(super) fn end_connections(&self, node: usize) {
        let mut connections = self.connections.borrow_mut();
        // Also those that are not open yet, or whose request is being served.
        for connection in connections.iter_mut().filter(|connection| connection.node == node) {
            connection.ended = true;
            connection.wake();
        }
    }
}

/// Serves one connection until it ends.
pub(super) async fn serve(world: Rc<World>, connection: usize, session: u64, endpoint: Endpoint, control: LinkControl) {
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let socket = accept_async_with_config(endpoint, Some(config)).await;
    if let Ok(socket) = socket {
        let (client, node) = {
            let mut connections = world.connections.borrow_mut();
            let stream = world.streams.stream("broadcasters", World::key(connections[connection].client, session));
            connections[connection].broadcasters = Some(Broadcasters::new(stream));
            connections[connection].open = true;
            (connections[connection].client, connections[connection].node)
        };
        let service = Service {
            world: Rc::clone(&world),
            connection,
            client,
            node,
            session,
            control,
            socket,
            counts: Counts::default(),
            held: BTreeMap::new(),
            travel_times: world.streams.stream("subscription travel", World::key(client, session)),
            timer: None,
            serialising_timer: None,
        };
        service.run().await;
        world.connections.borrow_mut()[connection] = Connection::default();
    }
    world.record(Record::ConnectionEnded { connection: connection as u32 });
}

struct Service {
    world: Rc<World>,
    connection: usize,
    client: u32,
    node: usize,
    session: u64,
    control: LinkControl,
    socket: WebSocketStream<Endpoint>,
    counts: Counts,
    /// Messages held back, by the time at which they leave and a running number.
    held: BTreeMap<(Duration, u64), Vec<u8>>,
    travel_times: random::Stream,
    timer: Option<Pin<Box<Sleep>>>,
    serialising_timer: Option<Pin<Box<Sleep>>>,
}

/// Messages of the session so far, and parcels held back.
#[derive(Default)]
struct Counts {
    requests: u64,
    replies: u64,
    notifications: u64,
    held: u64,
}

/// What a service wakes up for.
enum Work {
    Ended,
    Held(Vec<u8>),
    Notifications,
    Request(Bytes),
}

/// Whether the connection goes on.
#[derive(PartialEq, Eq)]
enum Outcome {
    Served,
    Ended,
}

impl Service {
    async fn run(mut self) {
        let mut service_times = self.world.streams.stream("service time", World::key(self.client, self.session));
        loop {
            let outcome = match poll_fn(|context| self.poll_work(context)).await {
                Work::Ended => Outcome::Ended,
                Work::Held(frame) => self.send(frame).await,
                Work::Notifications => self.send_notifications().await,
                Work::Request(frame) => {
                    let (least, most) = SERVICE_TIME_US;
                    let service_time = Duration::from_micros(least + service_times.below(most - least));
                    self.take_request(&frame, service_time).await
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
            if state.ended {
                return Poll::Ready(Work::Ended);
            }
            let next = state.collect_serialised(self.world.executor().now());
            if !state.outbox.is_empty() {
                return Poll::Ready(Work::Notifications);
            }
            state.waker = Some(context.waker().clone());
            if let Some(next) = next {
                let mut timer = Box::pin(self.world.executor().sleep_until(next));
                // The time is ahead: this arms the timer.
                let _ = timer.as_mut().poll(context);
                self.serialising_timer = Some(timer);
            }
        }
        if let Some(frame) = self.poll_held(context) {
            return Poll::Ready(Work::Held(frame));
        }
        loop {
            return match Pin::new(&mut self.socket).poll_next(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Some(Ok(Frame::Binary(frame)))) => Poll::Ready(Work::Request(frame)),
                Poll::Ready(Some(Ok(Frame::Ping(_) | Frame::Pong(_)))) => continue,
                Poll::Ready(_) => Poll::Ready(Work::Ended),
            };
        }
    }

    /// The next held message that is due; otherwise arms the timer for it.
    fn poll_held(&mut self, context: &mut Context<'_>) -> Option<Vec<u8>> {
        let (leaves_at, _) = *self.held.first_key_value()?.0;
        let mut timer = Box::pin(self.world.executor().sleep_until(leaves_at));
        if timer.as_mut().poll(context).is_ready() {
            return self.held.pop_first().map(|(_, frame)| frame);
        }
        self.timer = Some(timer);
        None
    }

    async fn take_request(&mut self, frame: &[u8], service_time: Duration) -> Outcome {
        let (bytes, hash) = (frame.len() as u32, digest(frame));
        self.world.record(Record::FrameToNode { connection: self.connection as u32, bytes, digest: hash });
        let Ok((id, request)) = NodeRequest::parse(frame) else {
            let answer = self.world.answer_frame(self.node, frame);
            return match answer {
                Answer::Reply(reply) => self.send(reply).await,
                Answer::DropConnection => Outcome::Ended,
            };
        };
        self.counts.requests += 1;
        let kind = MessageKind::Request { id, operation: asked_by_bridges(&request) };
        match self.interpose(kind, self.counts.requests, frame) {
            MessageFate::Pass => self.answer(frame, id, &request, service_time).await,
            MessageFate::CloseSession => self.close().await,
            MessageFate::Replace(parcels) => {
                for parcel in parcels {
                    self.world.executor().sleep(parcel.after).await;
                    if self.answer(&parcel.bytes, id, &request, service_time).await == Outcome::Ended {
                        return Outcome::Ended;
                    }
                }
                Outcome::Served
            }
        }
    }

    async fn answer(&mut self, frame: &[u8], id: u64, request: &NodeRequest, service_time: Duration) -> Outcome {
        self.world.count_request(self.client, self.node, request);
        let answer = self.world.answer_frame(self.node, frame);
        self.world.executor().sleep(service_time).await;
        let Answer::Reply(reply) = answer else { return Outcome::Ended };
        if self.world.connections.borrow()[self.connection].ended {
            return Outcome::Ended;
        }
        if self.send_notifications().await == Outcome::Ended {
            return Outcome::Ended;
        }
        self.counts.replies += 1;
        let kind = MessageKind::Reply { id, operation: asked_by_bridges(request) };
        if self.hand_on(kind, self.counts.replies, reply).await == Outcome::Ended {
            return Outcome::Ended;
        }
        let (scope, on) = match request {
            NodeRequest::Subscribe(scope) => (scope, true),
            NodeRequest::Unsubscribe(scope) => (scope, false),
            _ => return Outcome::Served,
        };
        let travel_time = Duration::from_micros(self.travel_times.below(SUBSCRIPTION_TRAVEL_TIME_US));
        let arrives_at = self.world.executor().now() + travel_time;
        let mut connections = self.world.connections.borrow_mut();
        let travelling = &mut connections[self.connection].travelling;
        // One queue after another: none arrives before an earlier one.
        let arrives_at = travelling.back().map_or(arrives_at, |(earlier, ..)| arrives_at.max(*earlier));
        travelling.push_back((arrives_at, *scope, on));
        Outcome::Served
    }

    async fn send_notifications(&mut self) -> Outcome {
        loop {
            let frame = {
                let mut connections = self.world.connections.borrow_mut();
                let state = &mut connections[self.connection];
                state.collect_serialised(self.world.executor().now());
                state.outbox.pop_front()
            };
            let Some(frame) = frame else { return Outcome::Served };
            self.counts.notifications += 1;
            if self.hand_on(MessageKind::Notification, self.counts.notifications, frame).await == Outcome::Ended {
                return Outcome::Ended;
            }
        }
    }

    /// Sends a message as the interposer decides.
    async fn hand_on(&mut self, kind: MessageKind, number: u64, frame: Vec<u8>) -> Outcome {
        match self.interpose(kind, number, &frame) {
            MessageFate::Pass => self.send(frame).await,
            MessageFate::CloseSession => self.close().await,
            MessageFate::Replace(parcels) => {
                for parcel in parcels {
                    if parcel.after.is_zero() {
                        if self.send(parcel.bytes).await == Outcome::Ended {
                            return Outcome::Ended;
                        }
                    } else {
                        self.counts.held += 1;
                        let leaves_at = self.world.executor().now() + parcel.after;
                        self.held.insert((leaves_at, self.counts.held), parcel.bytes);
                    }
                }
                Outcome::Served
            }
        }
    }

    fn interpose(&self, kind: MessageKind, number: u64, bytes: &[u8]) -> MessageFate {
        let message = Message {
            client: self.client,
            node: self.node as u32,
            session: self.session,
            kind,
            number,
            now: self.world.executor().now(),
            chain_blocks: self.world.chain_blocks(self.node),
            bytes,
        };
        let fate = self.world.interposer.borrow_mut().on_message(&message, &self.control);
        self.world.record_notes();
        fate
    }

    /// Says good-bye as a node does that is shut down.
    async fn close(&mut self) -> Outcome {
        // The far side may be gone already; the connection ends either way.
        let _ = self.socket.close(None).await;
        Outcome::Ended
    }

    async fn send(&mut self, frame: Vec<u8>) -> Outcome {
        let record = Record::FrameFromNode {
            connection: self.connection as u32,
            bytes: frame.len() as u32,
            digest: digest(&frame),
        };
        self.world.record(record);
        match self.socket.send(Frame::Binary(frame.into())).await {
            Ok(()) => Outcome::Served,
            Err(_) => Outcome::Ended,
        }
    }
}

/// The operation, if it is one that the bridge knows.
fn asked_by_bridges(request: &NodeRequest) -> Option<Operation> {
    Operation::try_from(request.operation() as u8).ok()
}

impl World {
    fn answer_frame(&self, node: usize, frame: &[u8]) -> Answer {
        let mut network = self.network_mut();
        network.set_time(self.executor.now());
        network.answer_frame(node, frame)
    }

    fn count_request(&self, client: u32, node: usize, request: &NodeRequest) {
        let mut clients = self.clients.borrow_mut();
        let counters = &mut clients.entry(client).or_default().asked;
        counters.requests += 1;
        if asked_by_bridges(request) == Some(Operation::GetVirtualChainFromBlockV2) {
            counters.chain_requests += 1;
            let sink = self.network().node(node).sink();
            let answer = ChainAnswer { at: self.executor.now(), node: node as u32, sink };
            self.chain_answers.borrow_mut().entry(client).or_default().push(answer);
        }
    }

    /// Chain blocks on a node's selected chain, genesis not counted.
    pub(super) fn chain_blocks(&self, node: usize) -> u64 {
        self.network().node(node).selected_chain().height()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        network::{History, NetworkConfig},
        params::ParameterSet,
        random::Streams,
        workload::WorkloadConfig,
        world::{WorldConfig, executor, interposer::Undisturbed},
    };

    #[test]
    fn given_notifications_that_stall_and_overtake_when_all_are_serialised_then_each_is_there_once() {
        let broadcasters = Broadcasters::new(Streams::new(1).stream("broadcasters", 0));
        let mut connection = Connection { broadcasters: Some(broadcasters), ..Connection::default() };
        let (bursts, burst) = (40_000_u32, 3_u32);
        for number in 0..bursts {
            let frame = |kind: u32| (number * burst + kind).to_le_bytes().to_vec();
            let now = Duration::from_millis(2) * number;
            connection.broadcast((0..burst).map(frame).collect(), now);
            connection.collect_serialised(now);
        }
        assert_eq!(connection.collect_serialised(Duration::from_secs(3_600)), None);
        let mut sent: Vec<u32> = connection
            .outbox
            .iter()
            .map(|frame| u32::from_le_bytes(frame.as_slice().try_into().expect("four bytes went in")))
            .collect();
        assert!(!sent.is_sorted(), "some were overtaken");
        sent.sort_unstable();
        assert!(sent.iter().copied().eq(0..bursts * burst), "{} of {}", sent.len(), bursts * burst);
    }

    #[test]
    fn given_a_mean_latency_without_bound_when_drawn_then_it_is_at_least_half_of_what_can_be_told() {
        let network = NetworkConfig {
            seed: 1,
            parameters: ParameterSet::storm(),
            hash_shares: vec![1],
            mean_delay: Duration::ZERO,
            workload: WorkloadConfig::NONE,
            cuts: Vec::new(),
            links: Vec::new(),
            outages: Vec::new(),
            history: History::Kept,
            mining_until: Duration::ZERO,
        };
        let config =
            WorldConfig { network, client_latency: Duration::MAX, watched_nodes: BTreeSet::new(), trace_to: None };
        let drawn = executor::run(&Streams::new(1), |executor| async move {
            let world = World::start(&executor, config, Box::new(Undisturbed)).expect("the network can be set up");
            (0..16).map(|attempt| world.draw_latency(0, attempt)).min()
        });
        assert!(drawn.expect("nothing waits") >= Some(Duration::from_micros(u64::MAX / 2)), "{drawn:?}");
    }
}
