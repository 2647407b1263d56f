//! What the answers of a node lead to, step by step.

use std::time::Duration;

use kaspa_hashes::Hash;

use super::{
    Follower, Link,
    session::{Anchor, Claim, HINT_LIMIT, Reported, Step},
};
use crate::{
    chain::{ChainRecord, ChainView},
    config::StartAt,
    error::{RejectReason, Violation},
    event::L1Event,
    page,
    remote_error::{RemoteError, shortened},
    wire::{Notification, Operation, Reply, ReplyFrame, ServerFrame, ServerInfo},
};

/// Version of the RPC API that the wire module speaks (`kaspa_rpc_core::api::ops::RPC_API_VERSION`).
const RPC_API_VERSION: u16 = 1;

/// How often in a row a node may put us off, a poll interval each time, while another is configured.
const MOST_WAITS: u32 = 10;

impl Follower {
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
                    Some(hash) if session.hints.contains(&hash) => {}
                    // The reply in flight may contain the block already: decided when it has been applied.
                    Some(hash) if session.hints.len() < HINT_LIMIT => session.hints.push(hash),
                    Some(_) => session.dirty = true,
                }
            }
            Notification::PruningPointUtxoSetOverride => session.dirty = true,
            // Not subscribed to, and the sink is asked for where it matters.
            Notification::SinkBlueScoreChanged { .. }
            | Notification::VirtualDaaScoreChanged { .. }
            | Notification::Other { .. } => {}
        }
    }

    fn on_reply(&mut self, frame: &ReplyFrame<'_>, now: Duration) {
        let Link::Open(session) = &mut self.link else { return };
        let Some(in_flight) = session.in_flight.take_if(|in_flight| in_flight.id == frame.id) else {
            self.reject(RejectReason::UnexpectedReply { request_id: frame.id }, now);
            return;
        };
        let operation = in_flight.operation;
        if operation == Operation::GetVirtualChainFromBlockV2 {
            self.page_sizes[session.node].answered();
        }
        let outcome = match frame.decode(operation) {
            Err(error) => Err(error.into()),
            Ok(Err(remote)) => {
                self.on_remote_error(operation, RemoteError::classify(remote.text), now);
                Ok(())
            }
            Ok(Ok(reply)) => {
                let brings_blocks = matches!(&reply, Reply::ChainPage(page) if !page.added.is_empty());
                if brings_blocks && !matches!(session.step, Step::Probe { .. }) {
                    self.page_sizes[session.node].came();
                }
                self.on_answer(reply, now)
            }
        };
        if let Err(violation) = outcome {
            // What this node told of the window before may be as wrong.
            self.restore.iter_mut().for_each(|restore| restore.forget());
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
                session.set_sink(page::check_header(sink, &block.header)?, now);
                // A consumer may have died between a block and what it made final: no reorg may go below that.
                self.finalize();
                let Link::Open(session) = &mut self.link else { return Ok(()) };
                let next = match (&self.chain, &self.restore) {
                    (Some(_), _) => Step::Follow,
                    (None, Some(_)) => Step::RestoreTip,
                    (None, None) => Step::AskAnchorHeader { anchor },
                };
                session.dirty |= matches!(next, Step::Follow);
                session.step = match self.page_sizes[session.node].wants_probe() {
                    true => Step::Probe { sink, then: Box::new(next) },
                    false => next,
                };
            }
            (Step::RefreshSink { then }, Reply::Sink(sink)) => session.step = Step::RefreshSinkHeader { sink, then },
            (Step::RefreshSinkHeader { sink, then }, Reply::Block(block)) => {
                session.set_sink(page::check_header(sink, &block.header)?, now);
                (session.step, session.dirty) = (*then, true);
            }
            (Step::Probe { then, .. }, Reply::ChainPage(_)) => session.step = *then,
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
            (Step::ConfirmLast { page, last, parent }, Reply::Block(block)) => {
                self.on_last_header(&block, *page, last, parent, now)?;
            }
            (Step::RestoreTip, Reply::Block(block)) => self.on_restored_tip(Some(&block), now)?,
            (Step::RestoreFork, Reply::ChainPage(page)) => self.on_restored_fork(&page, now)?,
            (Step::RestoreWindow { candidates }, Reply::ChainPage(page)) => {
                self.on_restored_page(&page, candidates, now)?;
            }
            (Step::RestoreChild { fork, child }, Reply::Block(block)) => {
                self.on_child_of_fork(fork, child, &block, now)?;
            }
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
                session.set_sink(record, now);
                self.on_sink_confirmed(claim, record, now)?;
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
            server_version: shortened(info.server_version),
            network: info.network,
        };
        self.emit(connected);
    }

    fn on_sink_confirmed(&mut self, claim: Claim, sink: ChainRecord, now: Duration) -> Result<(), Violation> {
        if let Claim::LeftAt { fork } = claim {
            return self.on_fork_confirmed(fork, sink, now);
        }
        let has_our_tip = matches!(claim, Claim::WasBehind) && self.tip().is_some_and(|tip| tip.hash == sink.hash);
        if !has_our_tip && !self.outweighs_tip(&sink) {
            self.on_lagging(sink.hash, now);
            return Ok(());
        }
        match claim {
            Claim::LeftAt { .. } => {}
            Claim::Page { page, was_heavier: true } => self.apply(*page, now),
            Claim::Page { was_heavier: false, .. } => self.follow_again(true),
            Claim::WasBehind => self.follow_again(!has_our_tip),
            Claim::RemovesRoot => self.on_root_left(now),
            Claim::RefusesTip => self.look_below_tip(now),
        }
        Ok(())
    }

    /// The node is not behind now, but it may have been when it answered, and then its removals were only blocks that it
    /// did not have yet. A page asked between two sinks that are heavier than our tip tells the truth.
    fn follow_again(&mut self, is_heavier: bool) {
        if let Link::Open(session) = &mut self.link {
            (session.sink_was_heavier, session.dirty) = (is_heavier, true);
        }
    }

    /// The node's heavier chain does not contain our root.
    pub(super) fn on_root_left(&mut self, now: Duration) {
        let Some((root, is_final)) = self.lowest() else { return };
        let reason = match is_final {
            true => RejectReason::Conflicting { root: root.hash },
            false => RejectReason::AnchorLeft { anchor: root.hash },
        };
        self.reject_if_found_again(reason, now);
    }

    /// The node's heavier chain does not contain a block of ours that is final, although not told to be.
    pub(super) fn on_final_block_left(&mut self, block: Hash, now: Duration) {
        self.reject_if_found_again(RejectReason::Conflicting { root: block }, now);
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

    /// The node's chain is not heavier than ours: leave it for another, or wait for it if there is no other. What it would send
    /// of its chain is of no use until its sink is heavier, and may be long.
    pub(super) fn on_lagging(&mut self, sink: Hash, now: Duration) {
        let poll_interval = self.config.poll_interval;
        let can_be_weighed = self.chain.is_some() && self.unweighed_tip().is_none();
        let Link::Open(session) = &mut self.link else { return };
        if self.config.nodes.len() > 1 {
            return self.reject(RejectReason::Lagging { sink }, now);
        }
        (session.conflict_seen, session.sink_was_heavier) = (false, false);
        session.not_before = now + poll_interval;
        session.dirty = true;
        // A tip that is not weighed is asked for again: the node may know it by now, and then weight decides.
        if can_be_weighed {
            session.step = Step::ConfirmSink { claim: Claim::WasBehind };
        }
        self.report_waiting(|reported| &mut reported.lagging, RejectReason::Lagging { sink }, now);
    }

    fn on_remote_error(&mut self, operation: Operation, error: RemoteError, now: Duration) {
        let chooses_anchor = self.chooses_anchor();
        let Link::Open(session) = &mut self.link else { return };
        let again_at = now + self.config.poll_interval;
        match (&session.step, error) {
            (step, RemoteError::Transitional) => {
                // The consensus that comes may know our tip.
                if matches!(step, Step::AskFrom { .. } | Step::RestoreFork | Step::RestoreWindow { .. }) {
                    session.step = Step::Follow;
                }
                session.not_before = again_at;
                session.dirty = true;
                self.report_waiting(|reported| &mut reported.resetting, RejectReason::Resetting, now);
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
                self.report_refusal(RejectReason::Refused { operation, error }, now);
            }
            (
                Step::RestoreTip | Step::RestoreFork,
                RemoteError::HeaderUnknown | RemoteError::BelowRetentionRoot | RemoteError::BodyMissing { .. },
            ) => {
                if let Err(violation) = self.on_restored_tip(None, now) {
                    self.reject(RejectReason::Malformed { operation, violation }, now);
                }
            }
            (Step::RestoreWindow { .. }, RemoteError::HeaderUnknown | RemoteError::BelowRetentionRoot) => {
                if let Step::RestoreWindow { candidates } = std::mem::replace(&mut session.step, Step::Follow)
                    && let Err(violation) = self.on_candidate_refused(candidates, now)
                {
                    self.reject(RejectReason::Malformed { operation, violation }, now);
                }
            }
            (
                Step::ConfirmLast { .. }
                | Step::ConfirmSinkHeader { .. }
                | Step::RefreshSinkHeader { .. }
                | Step::RestoreChild { .. }
                | Step::Probe { .. }
                | Step::AskPruningPointHeader { .. },
                error @ RemoteError::HeaderUnknown,
            ) => {
                session.step = Step::Follow;
                session.not_before = again_at;
                session.dirty = true;
                self.report_refusal(RejectReason::Refused { operation, error }, now);
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
        if let Link::Open(session) = &mut self.link {
            session.step = Step::AskDagInfo;
            session.not_before = now + self.config.poll_interval;
        }
        self.report_refusal(reason, now);
    }

    fn report_refusal(&mut self, reason: RejectReason, now: Duration) {
        self.report_waiting(|reported| &mut reported.refusal, reason, now);
    }

    /// Tells the consumer once why nothing happens although the session stays. Where there are other nodes it does not stay
    /// for ever.
    fn report_waiting(
        &mut self,
        of_this_kind: impl FnOnce(&mut Reported) -> &mut bool,
        reason: RejectReason,
        now: Duration,
    ) {
        let Link::Open(session) = &mut self.link else { return };
        session.waits += 1;
        if session.waits > MOST_WAITS && self.config.nodes.len() > 1 {
            return self.reject(reason, now);
        }
        session.synced = false;
        if !std::mem::replace(of_this_kind(&mut session.reported), true) {
            let node = self.config.nodes[session.node].to_string();
            self.emit(L1Event::NodeRejected { node, reason, retry_in: None });
        }
    }
}
