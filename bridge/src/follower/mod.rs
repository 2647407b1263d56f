//! The follower: what to ask a node, what to believe of the answers, what to tell the consumer. No I/O, no clock.
//!
//! **Contract.** Every [`handle`](Follower::handle) must be followed by a complete drain of
//! [`poll_output`](Follower::poll_output) until it returns `None`. `now` is the time since any fixed moment and never
//! goes back. [`Input::Tick`] is due at the latest [`Output::WakeAt`]; an early or superfluous tick does no harm.
//!
//! Inputs of a session that is no longer the present one are ignored.

mod apply;
mod page_size;
mod refused;
mod replies;
mod restore;
mod retry;
mod session;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use kaspa_math::Uint192;

use self::{
    page_size::PageSize,
    restore::Restore,
    retry::Retry,
    session::{Session, Step},
};
use crate::{
    chain::{ChainRecord, ChainView},
    checkpoint::Checkpoint,
    config::{Config, ConfigError, NodeUrl},
    error::{DisconnectReason, FatalError, RejectReason},
    event::{ChainRef, L1Event},
    window::{self, WindowError},
    wire::Operation,
};

/// Room for outputs that stays when all were taken.
const OUTPUTS_KEPT: usize = 256;

/// What happened outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// The consumer has stored everything up to `sequence`.
    Ack {
        /// A sequence number that was emitted.
        sequence: u64,
    },
    /// The connection of `session` ended or could not be made.
    Closed {
        /// Number given with [`Output::Connect`].
        session: u64,
        /// Why.
        reason: DisconnectReason,
    },
    /// The connection of `session` is open: WebSocket handshake done.
    Connected {
        /// Number given with [`Output::Connect`].
        session: u64,
    },
    /// One binary WebSocket message arrived.
    Frame {
        /// Number given with [`Output::Connect`].
        session: u64,
        /// Its bytes, unchecked.
        bytes: Bytes,
    },
    /// Stop: close the session, emit nothing but its end.
    Shutdown,
    /// Time passed.
    Tick,
}

/// What the shell must do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Drop the connection of `session`; it is over for the follower.
    Close {
        /// Number of the session.
        session: u64,
    },
    /// Open a connection and report `Connected` or `Closed` with this number.
    Connect {
        /// Number of the new session.
        session: u64,
        /// Where to.
        node: NodeUrl,
    },
    /// Deliver to the consumer, in order.
    Event(L1Event),
    /// Nothing more will happen.
    Finished,
    /// Send one binary WebSocket message.
    Send {
        /// Number of the session.
        session: u64,
        /// Id of the request inside `bytes`.
        request_id: u64,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// Call with `Tick` at this time; replaces every earlier `WakeAt`.
    WakeAt(Duration),
}

/// The follower's state.
#[derive(Debug)]
pub struct Follower {
    config: Config,
    finality_depth: u64,
    chain: Option<ChainView>,
    /// The checkpoint from which to go on and what was fetched of its window, until there is a chain.
    restore: Option<Box<Restore>>,
    /// The block below the first numbered event: the anchor, or the root of the checkpoint.
    anchor: Option<ChainRef>,
    /// The chain came from a checkpoint.
    resumed: bool,
    /// Lowest index from which on the chain's blue work is known; below it is a lower bound.
    weighed_from: u64,
    emitted: u64,
    acknowledged: u64,
    link: Link,
    sessions: u64,
    retry: Retry,
    /// Per configured node: the reason that waiting does not mend, seen in the present outage.
    terminal: Vec<Option<RejectReason>>,
    /// Per configured node: how large a page it was able to send.
    page_sizes: Vec<PageSize>,
    outputs: VecDeque<Output>,
    wake_at: Option<Duration>,
}

/// The connection as the follower knows it.
#[derive(Debug)]
enum Link {
    Idle { until: Duration },
    Connecting { session: u64, node: usize, deadline: Duration },
    Open(Box<Session>),
    Finished,
}

/// The chain of these references, root first, or the block that is among them twice. They carry no blue work, but every
/// blue block adds at least one unit (`kaspa_consensus::processes::difficulty::calc_work`), so blue work is not below blue
/// score.
fn unweighed_view(window: &[ChainRef], is_final: bool) -> Result<Option<ChainView>, ChainRef> {
    let unweighed = |block: &ChainRef| ChainRecord {
        hash: block.hash,
        blue_score: block.blue_score,
        blue_work: Uint192::from_u64(block.blue_score),
    };
    let Some((root, above)) = window.split_first() else { return Ok(None) };
    let mut view = ChainView::starting_at(root.index, unweighed(root), is_final);
    for block in above {
        if view.contains(&block.hash) {
            return Err(*block);
        }
        view.append(unweighed(block));
    }
    Ok(Some(view))
}

impl Follower {
    /// A follower that connects at its first input.
    ///
    /// # Errors
    /// Settings with which it cannot start.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let finality_depth = config.check()?;
        let retry = Retry::new(&config);
        let terminal = vec![None; config.nodes.len()];
        let page_sizes = config.nodes.iter().map(|_| PageSize::new()).collect();
        Ok(Self {
            config,
            finality_depth,
            chain: None,
            restore: None,
            anchor: None,
            resumed: false,
            weighed_from: 0,
            emitted: 0,
            acknowledged: 0,
            link: Link::Idle { until: Duration::ZERO },
            sessions: 0,
            retry,
            terminal,
            page_sizes,
            outputs: VecDeque::new(),
            wake_at: None,
        })
    }

    /// A follower that goes on from `checkpoint`, with `window`, the references from its root to its tip, root first. It
    /// numbers on from the checkpoint's sequence and chooses no anchor. Without a window what it needs of it is fetched back
    /// from the node before anything else.
    ///
    /// # Errors
    /// Settings with which it cannot start, a checkpoint of another network, or a window that is not its chain.
    pub fn resume(config: Config, checkpoint: &Checkpoint, window: Option<&[ChainRef]>) -> Result<Self, ConfigError> {
        let mut follower = Self::new(config)?;
        let (configured, found) = (follower.config.network, checkpoint.network());
        if configured != found {
            return Err(ConfigError::CheckpointNetwork { configured, found });
        }
        follower.anchor = Some(checkpoint.root());
        follower.resumed = true;
        match window {
            Some(window) => {
                window::check(checkpoint, window)?;
                let is_final = follower.is_final_root(checkpoint);
                let repeated = |block| WindowError::Repeated { block };
                follower.go_on_with(unweighed_view(window, is_final).map_err(repeated)?);
            }
            None => follower.restore = Some(Box::new(Restore::new(checkpoint.clone()))),
        }
        (follower.emitted, follower.acknowledged) = (checkpoint.sequence(), checkpoint.sequence());
        Ok(follower)
    }

    /// Only what is final becomes root after the anchor; of the anchor, being the pruning point is not remembered.
    fn is_final_root(&self, checkpoint: &Checkpoint) -> bool {
        let (root, tip) = (checkpoint.root(), checkpoint.tip());
        root.index > 0 || tip.blue_score - root.blue_score >= self.finality_depth
    }

    /// From now on follows from the tip of a chain of references.
    fn go_on_with(&mut self, view: Option<ChainView>) {
        self.weighed_from = view.as_ref().map_or(0, |view| view.tip_index().saturating_add(1));
        self.chain = view;
    }

    /// Takes in one input. Drain [`poll_output`](Self::poll_output) afterwards.
    pub fn handle(&mut self, input: Input, now: Duration) {
        match input {
            Input::Ack { sequence } => self.acknowledged = self.acknowledged.max(sequence.min(self.emitted)),
            Input::Closed { session, reason } => self.on_closed(session, reason, now),
            Input::Connected { session } => self.on_connected(session, now),
            Input::Frame { session, bytes } => self.on_frame(session, &bytes, now),
            Input::Shutdown => self.shut_down(),
            // The shell's timer has rung: it needs to be told again, even of the same time.
            Input::Tick => self.wake_at = None,
        }
        self.advance(now);
        self.plan_wake();
    }

    /// The next thing to do, oldest first; `None` when everything was taken.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() && self.outputs.capacity() > OUTPUTS_KEPT {
            // A page of a catch-up has thousands; they shall not stay for the rest of a long life.
            self.outputs.shrink_to(OUTPUTS_KEPT);
        }
        output
    }

    /// True while unacknowledged events keep the follower from fetching; an acknowledgement must then be handed in soon.
    pub fn is_paused(&self) -> bool {
        self.emitted - self.acknowledged >= self.config.high_water_mark
    }

    /// The tip of the followed chain, once there is one.
    pub fn tip(&self) -> Option<ChainRef> {
        self.chain.as_ref().map(ChainView::tip_ref)
    }

    /// The finalized root of the followed chain, once there is one.
    pub fn root(&self) -> Option<ChainRef> {
        self.chain.as_ref().map(ChainView::root_ref)
    }

    /// The block on which the first numbered event of this follower builds: the anchor, whose index is 0, or the root of
    /// the checkpoint. Before that event the anchor may still be chosen anew.
    pub fn anchor(&self) -> Option<ChainRef> {
        self.anchor
    }

    /// Blue score of the sink of the node of the present session, as far as it is known.
    pub(crate) fn sink_blue_score(&self) -> Option<u64> {
        let Link::Open(session) = &self.link else { return None };
        (session.sink_blue_score > 0).then_some(session.sink_blue_score)
    }

    fn on_connected(&mut self, session: u64, now: Duration) {
        if let Link::Connecting { session: expected, node, .. } = self.link
            && expected == session
        {
            self.link = Link::Open(Box::new(Session::new(session, node, now)));
        }
    }

    fn on_closed(&mut self, session: u64, reason: DisconnectReason, now: Duration) {
        let current = match &self.link {
            Link::Connecting { session, .. } => *session,
            Link::Open(open) => open.number,
            Link::Idle { .. } | Link::Finished => return,
        };
        if current == session {
            self.end_session(reason, now);
        }
    }

    /// Does what is due at `now`: connects, times out, sends the next request.
    fn advance(&mut self, now: Duration) {
        match &mut self.link {
            Link::Idle { until } if *until <= now => self.connect(now),
            Link::Connecting { session, deadline, .. } if *deadline <= now => {
                let session = *session;
                self.outputs.push_back(Output::Close { session });
                self.end_session(DisconnectReason::ConnectTimeout { after: self.config.connect_timeout }, now);
            }
            Link::Open(_) => self.advance_session(now),
            Link::Idle { .. } | Link::Connecting { .. } | Link::Finished => {}
        }
    }

    fn connect(&mut self, now: Duration) {
        let node = self.retry.node();
        self.sessions += 1;
        let session = self.sessions;
        self.link = Link::Connecting { session, node, deadline: now + self.config.connect_timeout };
        self.outputs.push_back(Output::Connect { session, node: self.config.nodes[node].clone() });
    }

    fn plan_wake(&mut self) {
        let wake_at = match &self.link {
            Link::Idle { until } => Some(*until),
            Link::Connecting { deadline, .. } => Some(*deadline),
            Link::Open(session) => Some(session.next_deadline(&self.config, self.is_paused())),
            Link::Finished => None,
        };
        if wake_at != self.wake_at {
            self.wake_at = wake_at;
            self.outputs.extend(wake_at.map(Output::WakeAt));
        }
    }

    /// Closes whatever is open from our side and plans the next attempt.
    fn close_session(&mut self, reason: DisconnectReason, now: Duration) {
        if let Link::Open(session) = &self.link {
            self.outputs.push_back(Output::Close { session: session.number });
        }
        self.end_session(reason, now);
    }

    /// The link is gone: tells the consumer and plans the next attempt.
    fn end_session(&mut self, reason: DisconnectReason, now: Duration) {
        let (number, node, announced) = match &self.link {
            Link::Connecting { session, node, .. } => (*session, *node, false),
            Link::Open(session) => (session.number, session.node, session.announced),
            Link::Idle { .. } | Link::Finished => return,
        };
        let reason = self.told_in_full(reason);
        if self.note_lost_page(&reason) {
            let operation = Operation::GetVirtualChainFromBlockV2;
            return self.reject(RejectReason::OperationUnknown { operation }, now);
        }
        // Another node may do better than one that was just rejected.
        let had_worked = announced && reason != DisconnectReason::Rejected;
        let pause = self.retry.failed(&self.config, had_worked);
        self.link = Link::Idle { until: now + pause };
        if announced {
            self.emit(L1Event::Disconnected { session: number, reason, retry_in: Some(pause) });
        } else if reason != DisconnectReason::Rejected {
            let node = self.config.nodes[node].to_string();
            self.emit(L1Event::Unreachable { node, reason, retry_in: pause });
        }
    }

    /// A connection that ends at the very first request was none with a node's Borsh port.
    fn told_in_full(&self, reason: DisconnectReason) -> DisconnectReason {
        match &self.link {
            Link::Open(session)
                if reason == DisconnectReason::ClosedByNode && matches!(session.step, Step::AskServer) =>
            {
                DisconnectReason::ClosedAtFirstRequest
            }
            _ => reason,
        }
    }

    /// Asks smaller if a page was awaited when the session ended; true if the node has shown that it knows no pages.
    fn note_lost_page(&mut self, reason: &DisconnectReason) -> bool {
        let Link::Open(session) = &mut self.link else { return false };
        let awaited = session.in_flight.take().filter(|_| *reason != DisconnectReason::Rejected);
        if awaited.is_none_or(|request| request.operation != Operation::GetVirtualChainFromBlockV2) {
            return false;
        }
        self.page_sizes[session.node].failed(reason, &session.step, session.asked.may_be_large)
    }

    /// Gives the node up for now, or, when no node is left that waiting could mend, for good.
    fn reject(&mut self, reason: RejectReason, now: Duration) {
        let Link::Open(session) = &self.link else { return };
        let (node, number, announced) = (session.node, session.number, session.announced);
        self.terminal[node] = reason.is_terminal().then(|| reason.clone());
        if let Some(fatal) = self.fatal() {
            self.outputs.push_back(Output::Close { session: number });
            self.emit(L1Event::NodeRejected { node: self.config.nodes[node].to_string(), reason, retry_in: None });
            if announced {
                let reason = DisconnectReason::Rejected;
                self.emit(L1Event::Disconnected { session: number, reason, retry_in: None });
            }
            self.emit(L1Event::Fatal(fatal));
            self.finish();
            return;
        }
        let retry_in = Some(self.retry.peek(&self.config));
        self.emit(L1Event::NodeRejected { node: self.config.nodes[node].to_string(), reason, retry_in });
        self.close_session(DisconnectReason::Rejected, now);
    }

    /// The end, if every node is rejected for a reason that waiting does not mend.
    fn fatal(&self) -> Option<FatalError> {
        let nodes = self.config.nodes.iter().zip(&self.terminal);
        let nodes = nodes.map(|(node, reason)| Some((node.to_string(), reason.clone()?)));
        nodes.collect::<Option<Vec<_>>>().map(|nodes| FatalError { nodes })
    }

    fn shut_down(&mut self) {
        match &self.link {
            Link::Finished => return,
            Link::Idle { .. } => {}
            Link::Connecting { session, .. } => self.outputs.push_back(Output::Close { session: *session }),
            Link::Open(session) => {
                let (session, announced) = (session.number, session.announced);
                self.outputs.push_back(Output::Close { session });
                if announced {
                    let reason = DisconnectReason::Shutdown;
                    self.emit(L1Event::Disconnected { session, reason, retry_in: None });
                }
            }
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.link = Link::Finished;
        self.outputs.push_back(Output::Finished);
    }

    fn emit(&mut self, event: L1Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn emit_sequenced(&mut self, event: impl FnOnce(u64) -> L1Event) {
        self.emitted += 1;
        let event = event(self.emitted);
        self.emit(event);
    }
}
