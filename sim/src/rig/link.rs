//! The connection between follower and node, message by message.
//!
//! As in the node's service: one request at a time; while it is served nothing else leaves; then the notifications that
//! queued up, then the reply. What a reply says was true when its request arrived. Subscriptions die with the connection.
//! Messages arrive in the order in which they were sent, except where a fault lets them be overtaken.
//!
//! What the node sent before a connection ended still arrives, also at a follower that has closed it: it must not mind.

use std::{collections::VecDeque, time::Duration};

use bridge::{
    DisconnectReason,
    follower::Input,
    wire::{Operation, Request, Verbosity, encode},
};

use super::{
    Answered, Rig,
    breach::{Broken, Law, require},
    happening::{NotificationFate, ReplyFate, refused},
};
use crate::{
    network::{Step, StepKind},
    node::{Answer, SinkChange, Subscriptions},
};

/// Time that a node takes for a request.
const SERVICE_TIME: Duration = Duration::from_millis(1);

/// The text of a node whose consensus is being replaced. Source: `kaspa-rpc-core` 2.1.0,
/// `RpcError`.
const TRANSITIONAL: &str = "consensus is currently in a transitional ibd state";

/// Something on its way.
pub(super) enum Delivery {
    /// A request reaches the node.
    Request { session: u64, bytes: Vec<u8> },
    /// The node has served a request.
    Served { session: u64, reply: Frame },
    /// A message reaches the follower.
    Frame { session: u64, frame: Frame },
    /// The connection's beginning or end reaches the follower.
    Link(Input),
    /// The consumer acknowledges.
    Ack,
}

/// A message for the follower, with what was true of the node if it answers a chain request.
#[derive(Clone)]
pub(super) struct Frame {
    bytes: Vec<u8>,
    answered: Option<Answered>,
}

#[cfg(test)]
impl Frame {
    /// Pretends that another sink was answered from.
    pub(super) fn answered_by(&mut self, sink: crate::dag::BlockId) {
        self.answered = self.answered.map(|answered| Answered { sink, ..answered });
    }
}

/// The present connection, as the node knows it.
pub(super) struct Connection {
    pub(super) session: u64,
    pub(super) node: usize,
    /// Nothing arrives any more.
    black_hole: bool,
    subscriptions: Subscriptions,
    serving: bool,
    /// Notifications that wait until the request is served.
    outbox: VecDeque<Vec<u8>>,
    newest_notification: Option<Vec<u8>>,
    /// Nothing may arrive before what was sent earlier.
    node_hears_from: Duration,
    follower_hears_from: Duration,
}

impl Rig {
    /// The node of the present connection.
    pub fn connected_node(&self) -> Option<usize> {
        self.connection.as_ref().map(|connection| connection.node)
    }

    pub(super) fn connect(&mut self, session: u64, url: &str) -> Result<(), Broken> {
        let open = self.follower_session.replace(session);
        require(open.is_none(), Law::Contract, || format!("session {session} while {open:?} is open"))?;
        let node = self.config.nodes.iter().position(|known| known.as_str() == url);
        let Some(node) = node else {
            return Err(Broken { law: Law::Contract, what: format!("{url} is called, which is not configured") });
        };
        let pause = self.counters.last_call_at.map(|at| self.now - at);
        // The follower may shorten a pause by half.
        require(pause.is_none_or(|pause| pause >= self.config.backoff_min / 2), Law::Contract, || {
            format!("{url} is called {pause:?} after the last call")
        })?;
        self.counters.last_call_at = Some(self.now);
        self.counters.calls += 1;
        let faults = self.faults.nodes[node];
        if faults.down_until > self.now {
            let latency = self.latency();
            self.schedule(latency, Delivery::Link(Input::Closed { session, reason: refused() }));
            return Ok(());
        }
        let round_trip = self.latency() + self.latency();
        let opens_at = self.now + round_trip;
        self.connection = Some(Connection {
            session,
            node,
            black_hole: faults.unreachable_until > self.now,
            subscriptions: Subscriptions::default(),
            serving: false,
            outbox: VecDeque::new(),
            newest_notification: None,
            node_hears_from: opens_at,
            follower_hears_from: opens_at,
        });
        if faults.unreachable_until <= self.now {
            self.schedule(round_trip, Delivery::Link(Input::Connected { session }));
        }
        Ok(())
    }

    pub(super) fn close(&mut self, session: u64) -> Result<(), Broken> {
        let open = self.follower_session.take();
        self.connection.take_if(|connection| connection.session == session);
        require(open == Some(session), Law::Contract, || format!("session {session} is closed, open is {open:?}"))
    }

    pub(super) fn send(&mut self, session: u64, bytes: Vec<u8>) -> Result<(), Broken> {
        let open = self.follower_session;
        require(open == Some(session), Law::Contract, || format!("a request for session {session}, open is {open:?}"))?;
        let (_, request) = Request::parse(&bytes)
            .map_err(|error| Broken { law: Law::Contract, what: format!("a malformed request: {error}") })?;
        self.counters.requests += 1;
        self.counters.chain_requests += u64::from(request.operation() == Operation::GetVirtualChainFromBlockV2);
        // A connection that has just ended takes requests until its end is known.
        let latency = self.latency();
        let Some(connection) = &mut self.connection else { return Ok(()) };
        if !connection.black_hole {
            let at = (self.now + latency).max(connection.node_hears_from);
            connection.node_hears_from = at;
            self.schedule_at(at, Delivery::Request { session, bytes });
        }
        Ok(())
    }

    /// The node takes up a request.
    pub(super) fn serve(&mut self, session: u64, bytes: &[u8]) {
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.session == session) else {
            return;
        };
        if connection.black_hole {
            return;
        }
        let node = connection.node;
        if self.faults.replies.front() == Some(&ReplyFate::HangUpBefore) {
            self.faults.replies.pop_front();
            return self.hang_up();
        }
        let Ok((id, request)) = Request::parse(bytes) else { return self.hang_up() };
        let transitional = self.faults.nodes[node].transitional_until > self.now;
        self.was_transitional |= transitional;
        let mut answered = None;
        self.network.set_time(self.now);
        let answer = match request {
            Request::GetVirtualChainFromBlockV2 { .. } if transitional => {
                Answer::Reply(encode::remote_error(id, request.operation(), TRANSITIONAL))
            }
            Request::GetVirtualChainFromBlockV2 { verbosity, .. } => {
                let sink = self.network.node(node).sink();
                answered = Some(Answered { at: self.now, node, sink, full: verbosity == Verbosity::Full });
                self.network.answer(node, id, &request)
            }
            _ => self.network.answer(node, id, &request),
        };
        let Answer::Reply(bytes) = answer else { return self.hang_up() };
        match &request {
            Request::Subscribe(scope) => connection.subscriptions.apply(scope, true),
            Request::Unsubscribe(scope) => connection.subscriptions.apply(scope, false),
            _ => {}
        }
        connection.serving = true;
        self.schedule(SERVICE_TIME, Delivery::Served { session, reply: Frame { bytes, answered } });
    }

    /// The node sends what waited, then the reply.
    pub(super) fn served(&mut self, session: u64, reply: Frame) {
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.session == session) else {
            return;
        };
        connection.serving = false;
        let waiting = std::mem::take(&mut connection.outbox);
        for bytes in waiting {
            self.send_notification(bytes);
        }
        match self.faults.replies.pop_front() {
            None => self.send_to_follower(reply, None),
            Some(ReplyFate::Lost) => {}
            Some(ReplyFate::Twice) => {
                self.replies_repeated = true;
                self.send_to_follower(reply.clone(), None);
                self.send_to_follower(reply, None);
            }
            Some(ReplyFate::Late { ms }) => self.send_to_follower(reply, Some(ms)),
            Some(ReplyFate::BlackHole) => self.black_hole(),
            Some(ReplyFate::HangUpBefore | ReplyFate::HangUpAfter) => self.hang_up(),
        }
    }

    /// One event of the L1: remembers sinks and notifies.
    pub(super) fn after_l1(&mut self, step: &Step) {
        match step.what {
            StepKind::Wiped { node } => {
                self.connection_to(node).then(|| self.hang_up());
                self.remember_if_called(node);
            }
            StepKind::Reset { node } => self.remember_if_called(node),
            StepKind::TransitionEnded { node } => self.announce_override(node),
            _ => {}
        }
        let Some((node, change)) = &step.resolved else { return };
        if *node >= self.sinks.len() {
            return;
        }
        if !change.added.is_empty() {
            self.remember_sink(*node);
        }
        self.notify(*node, change);
    }

    fn connection_to(&self, node: usize) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.node == node)
    }

    fn remember_if_called(&mut self, node: usize) {
        if node < self.sinks.len() {
            self.remember_sink(node);
        }
    }

    /// The node tells that it was reset.
    fn announce_override(&mut self, node: usize) {
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.node == node) else { return };
        let Some(bytes) = connection.subscriptions.pruning_point_override() else { return };
        if connection.serving {
            connection.outbox.push_back(bytes);
        } else {
            self.send_notification(bytes);
        }
    }

    fn notify(&mut self, node: usize, change: &SinkChange) {
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.node == node) else { return };
        let frames = self.network.notifications(node, change, &connection.subscriptions);
        self.counters.announcements += u64::from(!frames.is_empty() && !change.added.is_empty());
        if connection.serving {
            connection.outbox.extend(frames);
        } else {
            for bytes in frames {
                self.send_notification(bytes);
            }
        }
    }

    fn send_notification(&mut self, bytes: Vec<u8>) {
        let Some(connection) = &mut self.connection else { return };
        connection.newest_notification = Some(bytes.clone());
        let frame = Frame { bytes, answered: None };
        match self.faults.notifications.pop_front() {
            None => self.send_to_follower(frame, None),
            Some(NotificationFate::Lost) => {}
            Some(NotificationFate::Twice) => {
                self.send_to_follower(frame.clone(), None);
                self.send_to_follower(frame, None);
            }
            Some(NotificationFate::Late { ms }) => self.send_to_follower(frame, Some(ms)),
        }
        for _ in 1..self.notification_copies {
            self.repeat_notification(1);
        }
    }

    pub(super) fn repeat_notification(&mut self, copies: usize) {
        let newest = self.connection.as_ref().and_then(|connection| connection.newest_notification.clone());
        let Some(bytes) = newest else { return };
        for _ in 0..copies {
            self.send_to_follower(Frame { bytes: bytes.clone(), answered: None }, None);
        }
    }

    /// `late_ms` lets later messages overtake it.
    fn send_to_follower(&mut self, frame: Frame, late_ms: Option<u16>) {
        let latency = self.latency();
        let Some(connection) = self.connection.as_mut().filter(|connection| !connection.black_hole) else { return };
        let session = connection.session;
        let mut at = (self.now + latency).max(connection.follower_hears_from);
        match late_ms {
            Some(ms) => at += Duration::from_millis(u64::from(ms)),
            None => connection.follower_hears_from = at,
        }
        self.schedule_at(at, Delivery::Frame { session, frame });
    }

    /// A message reaches the follower.
    pub(super) fn hear(&mut self, session: u64, frame: Frame) -> Result<(), Broken> {
        if self.follower_session == Some(session) && frame.answered.is_some() {
            self.heard = frame.answered;
        }
        self.input(Input::Frame { session, bytes: frame.bytes.into() })
    }

    /// The beginning or the end of a connection reaches the follower.
    pub(super) fn hear_link(&mut self, input: Input) -> Result<(), Broken> {
        if let Input::Closed { session, .. } = &input {
            self.follower_session.take_if(|open| open == session);
        }
        self.input(input)
    }

    pub(super) fn hang_up(&mut self) {
        let latency = self.latency();
        let Some(connection) = self.connection.take() else { return };
        // Nobody can end a connection that carries nothing.
        if connection.black_hole {
            self.connection = Some(connection);
            return;
        }
        let at = (self.now + latency).max(connection.follower_hears_from);
        let (session, reason) = (connection.session, DisconnectReason::ClosedByNode);
        self.schedule_at(at, Delivery::Link(Input::Closed { session, reason }));
    }

    pub(super) fn black_hole(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.black_hole = true;
        }
    }
}
