//! One session with one node: the questions asked in order, and what each answer leads to.
//!
//! Who are you, subscribe, where are your pruning point and sink, how heavy is the sink, then the anchor's header (without
//! history) or the tip's (after a resume), then pages of the chain from our own tip. One request is in flight at a time,
//! as the node serves one at a time.

use std::{collections::VecDeque, time::Duration};

use kaspa_hashes::Hash;

use super::{Follower, Link, Output};
use crate::{
    chain::{ChainRecord, ChainView},
    config::{Config, StartAt},
    error::{DisconnectReason, RejectReason, RemoteError, Violation},
    event::{ChainRef, L1Event},
    page::{self, VerifiedPage},
    wire::{Notification, Operation, Reply, ReplyFrame, Request, ServerFrame, ServerInfo, Subscription, Verbosity},
};

/// Version of the RPC API that the wire module speaks (`kaspa_rpc_core::api::ops::RPC_API_VERSION`).
const RPC_API_VERSION: u16 = 1;

/// Notifications remembered while a request is in flight.
const HINT_LIMIT: usize = 8;

#[derive(Debug)]
pub(super) struct Session {
    pub(super) number: u64,
    pub(super) node: usize,
    /// `Connected` was emitted, so `Disconnected` must follow.
    pub(super) announced: bool,
    pub(super) step: Step,
    in_flight: Option<InFlight>,
    next_request_id: u64,
    pub(super) opened_at: Duration,
    last_frame_at: Duration,
    /// No request but a ping before this time.
    pub(super) not_before: Duration,
    pub(super) next_poll_at: Duration,
    /// Last added block of the newest notification.
    pub(super) newest_announced: Option<Hash>,
    /// Blocks announced while a request was in flight that our chain did not contain then.
    pub(super) hints: Vec<Hash>,
    /// Something changed, or there is more to fetch.
    pub(super) dirty: bool,
    pub(super) sink_blue_score: u64,
    /// `sink_blue_score` may be far from the truth: nothing was asked for a while.
    pub(super) sink_is_stale: bool,
    /// `Synced` was told, and nothing has happened since after which it would be news.
    pub(super) synced: bool,
    pub(super) synced_at: Duration,
    /// Pages in a row that moved the chain and may not have been the last.
    pub(super) unfinished_pages: u32,
    pub(super) catching_up_reported_at: Option<Duration>,
    pub(super) reported: Reported,
    /// The node's heavier chain was found to lack our root; believed when found again.
    pub(super) conflict_seen: bool,
}

/// Why the session waits, as far as the consumer was told since the last page that was applied.
#[derive(Debug, Default)]
pub(super) struct Reported {
    lagging: bool,
    /// The anchor left the chain, or a block that the node itself named is not to be had from it.
    refusal: bool,
    resetting: bool,
}

#[derive(Debug)]
struct InFlight {
    id: u64,
    operation: Operation,
    deadline: Duration,
}

/// What the session is about to ask, or waiting to hear. `AskFrom` asks how the chain goes on from a block of ours below
/// the tip, and if the node refuses that one too, from the older ones.
#[derive(Debug)]
pub(super) enum Step {
    AskServer,
    SubscribeChain,
    SubscribeReset,
    AskDagInfo,
    AskSinkHeader { anchor: Anchor, sink: Hash },
    AskAnchorHeader { anchor: Anchor },
    Follow,
    ConfirmSink { claim: Claim },
    ConfirmSinkHeader { claim: Claim, sink: Hash },
    AskFrom { base: ChainRef, older: VecDeque<ChainRef> },
    AskPruningPoint,
    AskPruningPointHeader { pruning_point: Hash },
}

/// The block at which a chain without history will begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    hash: Hash,
    /// It is the node's pruning point.
    is_final: bool,
}

/// What a page says that only a node whose sink is heavier than our tip may say.
#[derive(Debug)]
pub(super) enum Claim {
    /// Our newest blocks left the chain, and nothing heavier was added yet.
    Page(Box<VerifiedPage>),
    /// Our root left the chain.
    RemovesRoot,
    /// The node does not serve the chain from our tip.
    RefusesTip,
}

impl Session {
    pub(super) fn new(number: u64, node: usize, now: Duration) -> Self {
        Self {
            number,
            node,
            announced: false,
            step: Step::AskServer,
            in_flight: None,
            next_request_id: 1,
            opened_at: now,
            last_frame_at: now,
            not_before: now,
            next_poll_at: now,
            newest_announced: None,
            hints: Vec::new(),
            dirty: false,
            sink_blue_score: 0,
            sink_is_stale: false,
            synced: false,
            synced_at: now,
            unfinished_pages: 0,
            catching_up_reported_at: None,
            reported: Reported::default(),
            conflict_seen: false,
        }
    }

    /// When something is due without any further input.
    pub(super) fn next_deadline(&self, config: &Config, paused: bool) -> Duration {
        if let Some(in_flight) = &self.in_flight {
            return in_flight.deadline;
        }
        let keep_alive_at = self.keep_alive_at(config);
        match &self.step {
            Step::Follow if paused => keep_alive_at,
            Step::Follow => keep_alive_at.min(self.next_poll_at.max(self.not_before)),
            _ => keep_alive_at.min(self.not_before),
        }
    }

    /// A follower that waits must ping to tell a quiet node from a dead one, well before it would take it for dead.
    fn keep_alive_at(&self, config: &Config) -> Duration {
        self.last_frame_at + config.silence_timeout / 2
    }

    /// The request that is due at `now`, if any. `unweighed` is the tip if its blue work is not known.
    fn due(
        &mut self,
        config: &Config,
        chain: Option<&ChainView>,
        unweighed: Option<Hash>,
        paused: bool,
        now: Duration,
    ) -> Option<Request> {
        let polls = !paused && (self.dirty || now >= self.next_poll_at);
        if now < self.not_before || (matches!(self.step, Step::Follow) && !polls) {
            return (now >= self.keep_alive_at(config)).then_some(Request::Ping);
        }
        let header_of = |hash| Request::GetBlock { hash, include_transactions: false };
        Some(match &self.step {
            Step::AskServer => Request::GetServerInfo,
            Step::SubscribeChain => {
                Request::Subscribe(Subscription::VirtualChainChanged { include_accepted_transaction_ids: false })
            }
            Step::SubscribeReset => Request::Subscribe(Subscription::PruningPointUtxoSetOverride),
            Step::AskDagInfo => Request::GetBlockDagInfo,
            Step::AskSinkHeader { sink, .. } | Step::ConfirmSinkHeader { sink, .. } => header_of(*sink),
            Step::AskAnchorHeader { anchor } => header_of(anchor.hash),
            Step::AskPruningPoint => Request::GetBlockDagInfo,
            Step::AskPruningPointHeader { pruning_point } => header_of(*pruning_point),
            Step::ConfirmSink { .. } => Request::GetSink,
            Step::AskFrom { base, .. } => {
                let start_hash = base.hash;
                self.chain_from(start_hash, config)
            }
            Step::Follow => match unweighed {
                Some(tip) => header_of(tip),
                None => self.chain_from(chain?.tip().hash, config),
            },
        })
    }

    fn chain_from(&mut self, start_hash: Hash, config: &Config) -> Request {
        // Cleared before the question: whatever is announced from now on may be missing from the answer.
        self.dirty = false;
        self.hints.clear();
        Request::GetVirtualChainFromBlockV2 {
            start_hash,
            verbosity: Verbosity::Full,
            min_confirmation_count: (config.confirmations > 0).then_some(config.confirmations),
        }
    }
}

impl Follower {
    /// Times out what is overdue, then sends the next request if one is due.
    pub(super) fn advance_session(&mut self, now: Duration) {
        let (paused, unweighed) = (self.is_paused(), self.unweighed_tip());
        let Link::Open(session) = &mut self.link else { return };
        if paused {
            // The chain goes on while nothing is fetched: to have arrived again will be news.
            (session.synced, session.sink_is_stale) = (false, true);
        }
        if let Some(in_flight) = &session.in_flight {
            if in_flight.deadline <= now {
                let (operation, after) = (in_flight.operation, self.config.request_timeout);
                self.close_session(DisconnectReason::RequestTimeout { operation, after }, now);
            }
            return;
        }
        if session.last_frame_at + self.config.silence_timeout <= now {
            self.close_session(DisconnectReason::Silence { after: self.config.silence_timeout }, now);
            return;
        }
        let Some(request) = session.due(&self.config, self.chain.as_ref(), unweighed, paused, now) else { return };
        let id = session.next_request_id;
        session.next_request_id += 1;
        let deadline = now + self.config.request_timeout;
        session.in_flight = Some(InFlight { id, operation: request.operation(), deadline });
        let (number, bytes) = (session.number, request.encode(id));
        self.outputs.push_back(Output::Send { session: number, request_id: id, bytes });
    }

    pub(super) fn on_frame(&mut self, number: u64, bytes: &[u8], now: Duration) {
        let Link::Open(session) = &mut self.link else { return };
        if session.number != number {
            return;
        }
        session.last_frame_at = now;
        match ServerFrame::parse(bytes) {
            Err(error) => self.reject(RejectReason::MalformedFrame { error }, now),
            Ok(ServerFrame::Notification(notification)) => self.on_notification(&notification),
            Ok(ServerFrame::Reply(frame)) => self.on_reply(&frame, now),
        }
    }

    /// Notifications are hints: they decide when to ask, never what to apply.
    fn on_notification(&mut self, notification: &Notification<'_>) {
        let Link::Open(session) = &mut self.link else { return };
        match notification {
            Notification::VirtualChainChanged(change) => {
                let newest = change.added.last();
                session.newest_announced = newest.or(session.newest_announced);
                match newest {
                    None if change.removed.is_empty() => {}
                    None => session.dirty = true,
                    Some(hash) if self.chain.as_ref().is_some_and(|chain| chain.contains(&hash)) => {}
                    Some(_) if session.in_flight.is_none() => session.dirty = true,
                    // The reply in flight may contain the block already: decided when it has been applied.
                    Some(hash) if session.hints.len() < HINT_LIMIT => session.hints.push(hash),
                    Some(_) => session.dirty = true,
                }
            }
            Notification::PruningPointUtxoSetOverride => session.dirty = true,
            Notification::SinkBlueScoreChanged { sink_blue_score } => session.sink_blue_score = *sink_blue_score,
            Notification::VirtualDaaScoreChanged { .. } | Notification::Other { .. } => {}
        }
    }

    fn on_reply(&mut self, frame: &ReplyFrame<'_>, now: Duration) {
        let Link::Open(session) = &mut self.link else { return };
        let Some(in_flight) = session.in_flight.take_if(|in_flight| in_flight.id == frame.id) else {
            self.reject(RejectReason::UnexpectedReply { request_id: frame.id }, now);
            return;
        };
        let operation = in_flight.operation;
        let outcome = match frame.decode(operation) {
            Err(error) => Err(error.into()),
            Ok(Err(remote)) => {
                self.on_remote_error(operation, RemoteError::classify(remote.text), now);
                Ok(())
            }
            Ok(Ok(reply)) => self.on_answer(reply, now),
        };
        if let Err(violation) = outcome {
            self.reject(RejectReason::Malformed { operation, violation }, now);
        }
    }

    /// Applies a decoded answer to the step that asked for it.
    fn on_answer(&mut self, reply: Reply<'_>, now: Duration) -> Result<(), Violation> {
        let Link::Open(session) = &mut self.link else { return Ok(()) };
        let step = std::mem::replace(&mut session.step, Step::Follow);
        match (step, reply) {
            (Step::AskServer, Reply::ServerInfo(info)) => self.on_server_info(&info, now),
            (Step::SubscribeChain, Reply::Subscribe { .. }) => session.step = Step::SubscribeReset,
            (Step::SubscribeReset, Reply::Subscribe { .. }) => session.step = Step::AskDagInfo,
            (Step::AskDagInfo, Reply::BlockDagInfo(info)) => {
                let hash = match self.config.start {
                    StartAt::Hash(hash) => hash,
                    StartAt::PruningPoint => info.pruning_point_hash,
                    StartAt::Sink => info.sink,
                };
                let anchor = Anchor { hash, is_final: hash == info.pruning_point_hash };
                session.step = Step::AskSinkHeader { anchor, sink: info.sink };
            }
            (Step::AskSinkHeader { anchor, sink }, Reply::Block(block)) => {
                session.sink_blue_score = page::check_header(sink, &block.header)?.blue_score;
                if self.chain.is_none() {
                    session.step = Step::AskAnchorHeader { anchor };
                } else {
                    session.dirty = true;
                }
            }
            (Step::AskAnchorHeader { anchor }, Reply::Block(block)) => {
                let record = page::check_header(anchor.hash, &block.header)?;
                let view = ChainView::new(record, anchor.is_final);
                self.anchor = Some(view.root_ref());
                self.chain = Some(view);
                session.dirty = true;
            }
            (Step::Follow, Reply::Block(block)) => self.on_tip_header(&block)?,
            (Step::Follow, Reply::ChainPage(page)) => self.on_page(&page, 0, now)?,
            (Step::AskFrom { base, .. }, Reply::ChainPage(page)) => self.on_page(&page, self.depth_of(base), now)?,
            (Step::AskPruningPoint, Reply::BlockDagInfo(info)) => {
                session.step = Step::AskPruningPointHeader { pruning_point: info.pruning_point_hash };
            }
            (Step::AskPruningPointHeader { pruning_point }, Reply::Block(block)) => {
                let record = page::check_header(pruning_point, &block.header)?;
                self.on_nothing_served(record, now);
            }
            (Step::ConfirmSink { claim }, Reply::Sink(sink)) => session.step = Step::ConfirmSinkHeader { claim, sink },
            (Step::ConfirmSinkHeader { claim, sink }, Reply::Block(block)) => {
                let record = page::check_header(sink, &block.header)?;
                session.sink_blue_score = record.blue_score;
                self.on_sink_confirmed(claim, record, now);
            }
            // A ping keeps the session alive and changes no step. No page follows it that would decide over the hints.
            (step, Reply::Ping | Reply::Unsubscribe) => {
                session.step = step;
                session.dirty |= !session.hints.is_empty();
            }
            // `decode` yields the reply of the operation asked for, and each step asks for one operation.
            (step, _) => session.step = step,
        }
        Ok(())
    }

    fn on_server_info(&mut self, info: &ServerInfo<'_>, now: Duration) {
        let Link::Open(session) = &mut self.link else { return };
        if info.rpc_api_version != RPC_API_VERSION {
            let (found, expected) = (info.rpc_api_version, RPC_API_VERSION);
            return self.reject(RejectReason::WrongApiVersion { found, expected }, now);
        }
        if info.network != self.config.network {
            let (expected, found) = (self.config.network, info.network);
            return self.reject(RejectReason::WrongNetwork { expected, found }, now);
        }
        session.announced = true;
        session.step = Step::SubscribeChain;
        let connected = L1Event::Connected {
            session: session.number,
            node: self.config.nodes[session.node].to_string(),
            server_version: info.server_version.to_owned(),
            network: info.network,
        };
        self.emit(connected);
    }

    fn on_sink_confirmed(&mut self, claim: Claim, sink: ChainRecord, now: Duration) {
        if !self.outweighs_tip(&sink) {
            return self.on_lagging(sink.hash, now);
        }
        match claim {
            Claim::Page(page) => self.apply(*page, now),
            Claim::RemovesRoot => self.on_root_left(now),
            Claim::RefusesTip => self.look_below_tip(now),
        }
    }

    /// The node's heavier chain does not contain our root.
    pub(super) fn on_root_left(&mut self, now: Duration) {
        let Some(view) = &self.chain else { return };
        let root = view.root_ref().hash;
        let reason = match view.root_is_final() {
            true => RejectReason::Conflicting { root },
            false => RejectReason::AnchorLeft { anchor: root },
        };
        self.reject_if_found_again(reason, now);
    }

    /// What the node says about our chain and where its sink is were several questions: a node that was behind at the
    /// first and recovered before the last looks as if it had left us. As this may be the end, all are asked once more.
    pub(super) fn reject_if_found_again(&mut self, reason: RejectReason, now: Duration) {
        let poll_interval = self.config.poll_interval;
        let Link::Open(session) = &mut self.link else { return };
        if std::mem::replace(&mut session.conflict_seen, true) {
            return self.reject(reason, now);
        }
        session.not_before = now + poll_interval;
        session.dirty = true;
    }

    /// The node's chain is not heavier than ours: leave it for another, or wait for it if there is no other.
    fn on_lagging(&mut self, sink: Hash, now: Duration) {
        let poll_interval = self.config.poll_interval;
        let Link::Open(session) = &mut self.link else { return };
        if self.config.nodes.len() > 1 {
            return self.reject(RejectReason::Lagging { sink }, now);
        }
        session.conflict_seen = false;
        session.not_before = now + poll_interval;
        session.dirty = true;
        self.report_waiting(|reported| &mut reported.lagging, RejectReason::Lagging { sink });
    }

    fn on_remote_error(&mut self, operation: Operation, error: RemoteError, now: Duration) {
        let chooses_anchor = self.chooses_anchor();
        let Link::Open(session) = &mut self.link else { return };
        let again_at = now + self.config.poll_interval;
        match (&session.step, error) {
            (step, RemoteError::Transitional) => {
                // The consensus that comes may know our tip.
                if matches!(step, Step::AskFrom { .. }) {
                    session.step = Step::Follow;
                }
                session.not_before = again_at;
                session.dirty = true;
                self.report_waiting(|reported| &mut reported.resetting, RejectReason::Resetting);
            }
            (
                Step::Follow | Step::AskFrom { .. },
                error @ (RemoteError::HeaderUnknown | RemoteError::BelowRetentionRoot),
            ) => self.on_block_refused(error, now),
            // A header that is kept for others' proofs, of a block that was pruned.
            (Step::Follow, error @ RemoteError::BodyMissing { .. }) if operation == Operation::GetBlock => {
                self.on_block_refused(error, now);
            }
            // The sink or the pruning point moved on between two questions: ask for both again.
            (
                step @ (Step::AskSinkHeader { .. } | Step::AskAnchorHeader { .. }),
                error @ RemoteError::HeaderUnknown,
            ) if chooses_anchor || matches!(step, Step::AskSinkHeader { .. }) => {
                session.step = Step::AskDagInfo;
                session.not_before = again_at;
                self.report_refusal(RejectReason::Refused { operation, error });
            }
            (
                Step::ConfirmSinkHeader { .. } | Step::AskPruningPointHeader { .. },
                error @ RemoteError::HeaderUnknown,
            ) => {
                session.step = Step::Follow;
                session.not_before = again_at;
                session.dirty = true;
                self.report_refusal(RejectReason::Refused { operation, error });
            }
            (_, error) => self.reject(RejectReason::Refused { operation, error }, now),
        }
    }

    /// Whether the node names the anchor; a hash that the consumer chose, or a checkpoint, is never replaced by another.
    pub(super) fn chooses_anchor(&self) -> bool {
        !self.resumed && !matches!(self.config.start, StartAt::Hash(_))
    }

    pub(super) fn choose_anchor_anew(&mut self, reason: RejectReason, now: Duration) {
        (self.chain, self.anchor) = (None, None);
        self.report_refusal(reason);
        if let Link::Open(session) = &mut self.link {
            session.step = Step::AskDagInfo;
            session.not_before = now + self.config.poll_interval;
        }
    }

    fn report_refusal(&mut self, reason: RejectReason) {
        self.report_waiting(|reported| &mut reported.refusal, reason);
    }

    /// Tells the consumer once why nothing happens although the session stays.
    fn report_waiting(&mut self, of_this_kind: impl FnOnce(&mut Reported) -> &mut bool, reason: RejectReason) {
        let Link::Open(session) = &mut self.link else { return };
        session.synced = false;
        if !std::mem::replace(of_this_kind(&mut session.reported), true) {
            let node = self.config.nodes[session.node].to_string();
            self.emit(L1Event::NodeRejected { node, reason, retry_in: None });
        }
    }
}
