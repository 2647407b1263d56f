//! What a running bridge tells about itself, besides its events: spans and events of [`tracing`](https://docs.rs/tracing),
//! metrics of [`metrics`](https://docs.rs/metrics). Both are facades: without a subscriber or a recorder nothing is
//! formatted or stored.
//!
//! # Spans and events
//!
//! One span `session` for each attempt to connect, with `node` (its address) and `session` (its number), until that session
//! is over. What happens in it is said inside it:
//!
//! | level | events |
//! |---|---|
//! | error | fatal |
//! | warn | node rejected, node unreachable |
//! | info | connected, synced, disconnected |
//! | debug | reorg, finalized, catching up, request (operation, bytes), reply (operation, bytes, latency in ms) |
//! | trace | block added |
//!
//! # Metrics
//!
//! The recorder must be there before the bridge is started or resumed; it is told units and meanings then. Every metric has
//! the label `network`; two bridges of one process on the same network share their series, so that only the counters and
//! histograms of them mean anything.
//!
//! | name | type | further labels | meaning |
//! |---|---|---|---|
//! | `dagstorm_bridge_tip_index` | gauge | | index of our tip |
//! | `dagstorm_bridge_tip_blue_score` | gauge | | blue score of our tip |
//! | `dagstorm_bridge_tip_timestamp_seconds` | gauge | | Unix time in the header of the last block that was added |
//! | `dagstorm_bridge_finalized_index` | gauge | | index of the finalized root; before anything was finalized, of the block at which the bridge began |
//! | `dagstorm_bridge_lag_blue_score` | gauge | | blue score of the node's sink, when last heard of, above our tip's; while the consumer does not acknowledge it is heard of every 10 seconds, with confirmations at every poll after 10 seconds; while the bridge catches up it may be older, and the lag larger |
//! | `dagstorm_bridge_events_waiting` | gauge | | numbered events that the consumer has not acknowledged, as of the last turn |
//! | `dagstorm_bridge_progress_age_seconds` | gauge | | time from the last numbered event, or the start, to the last turn; there is a turn at least at every poll, keep-alive and attempt to connect |
//! | `dagstorm_bridge_connected` | gauge | `node` | 1 from `Connected` to `Disconnected`, else 0 |
//! | `dagstorm_bridge_chain_blocks_total` | counter | | chain blocks added; those that a reorg brings back count again |
//! | `dagstorm_bridge_accepted_transactions_total` | counter | | accepted transactions in added blocks, after the filter |
//! | `dagstorm_bridge_finalizations_total` | counter | | moves of the finalized root |
//! | `dagstorm_bridge_reorgs_total` | counter | | reorgs |
//! | `dagstorm_bridge_connection_attempts_total` | counter | `node` | attempts to connect |
//! | `dagstorm_bridge_sessions_total` | counter | `node` | sessions in which the node told who it is; the first is no reconnect |
//! | `dagstorm_bridge_retries_total` | counter | `node`, `reason` | attempts and sessions that ended and are followed by another attempt; by [`DisconnectReason::label`](crate::DisconnectReason::label), or for a node that was rejected by [`RejectReason::label`](crate::RejectReason::label) |
//! | `dagstorm_bridge_rejections_total` | counter | `node`, `reason` | `NodeRejected` events, by [`RejectReason::label`](crate::RejectReason::label); the session may go on |
//! | `dagstorm_bridge_requests_total` | counter | `node`, `operation` | requests sent |
//! | `dagstorm_bridge_received_bytes_total` | counter | `node` | bytes of the messages received, without what WebSocket and TLS add |
//! | `dagstorm_bridge_sent_bytes_total` | counter | `node` | bytes of the requests sent, without what WebSocket and TLS add |
//! | `dagstorm_bridge_reorg_depth_blocks` | histogram | | chain blocks removed by a reorg |
//! | `dagstorm_bridge_request_latency_ms` | histogram | `node`, `operation` | time from request to complete reply |
//! | `dagstorm_bridge_page_size_bytes` | histogram | `node` | size of a reply to `GetVirtualChainFromBlockV2` |
//!
//! `node` is the address as it was configured, in logs and metrics: keep secrets out of it.

mod description;
mod label;
mod meters;

use std::time::Duration;

use tracing::{Span, debug, error, error_span, info, trace, warn};

use self::meters::{BridgeMeters, NodeMeters};
use crate::{
    config::Config,
    error::DisconnectReason,
    event::L1Event,
    follower::{Follower, Input, Output},
    wire::{Operation, Reader, RequestHeader, ServerHeader},
};

/// Watches what goes into the follower and what comes out of it. It decides nothing.
pub(crate) struct Telemetry {
    bridge: BridgeMeters,
    /// As configured.
    nodes: Vec<NodeMeters>,
    /// Position in `nodes` of the node of the present or the last session.
    node: usize,
    span: Span,
    /// The session is over when the outputs of this turn are done.
    is_over: bool,
    in_flight: Option<InFlight>,
    emitted: u64,
    acknowledged: u64,
    progressed_at: Duration,
}

struct InFlight {
    id: u64,
    operation: Operation,
    sent_at: Duration,
}

impl Telemetry {
    /// For a bridge whose last event was number `emitted`.
    pub(crate) fn new(config: &Config, emitted: u64, now: Duration) -> Self {
        description::describe();
        Self {
            bridge: BridgeMeters::new(config),
            nodes: config.nodes.iter().map(|node| NodeMeters::new(config, node)).collect(),
            node: 0,
            span: Span::none(),
            is_over: false,
            in_flight: None,
            emitted,
            acknowledged: emitted,
            progressed_at: now,
        }
    }

    /// Does something inside the span of the present session.
    pub(crate) fn in_session<R>(&self, act: impl FnOnce() -> R) -> R {
        self.span.in_scope(act)
    }

    /// Before the follower takes it.
    pub(crate) fn on_input(&mut self, input: &Input, now: Duration) {
        match input {
            Input::Ack { sequence } => self.acknowledged = self.acknowledged.max((*sequence).min(self.emitted)),
            Input::Closed { .. } => self.is_over = true,
            Input::Frame { bytes, .. } => self.on_frame(bytes, now),
            Input::Connected { .. } | Input::Shutdown | Input::Tick => {}
        }
    }

    /// Before it is done.
    pub(crate) fn on_output(&mut self, output: &Output, now: Duration) {
        match output {
            Output::Close { .. } => self.is_over = true,
            Output::Connect { session, node } => {
                let url = node.as_str();
                self.node = self.nodes.iter().position(|known| *known.url == *url).unwrap_or(self.node);
                // Of the highest level, so that no filter takes node and session from an event that it lets through.
                self.span = error_span!("session", node = url, session = *session);
                if let Some(meters) = self.nodes.get(self.node) {
                    meters.connection_attempts.increment(1);
                }
            }
            Output::Event(event) => {
                if let Some(sequence) = event.sequence() {
                    (self.emitted, self.progressed_at) = (sequence, now);
                }
                self.count(event);
                self.span.in_scope(|| say(event));
            }
            Output::Send { request_id, bytes, .. } => self.on_request(*request_id, bytes, now),
            Output::Finished | Output::WakeAt(_) => {}
        }
    }

    /// After all outputs of a turn.
    pub(crate) fn on_turn(&mut self, follower: &Follower, now: Duration) {
        let bridge = &self.bridge;
        if let (Some(root), Some(tip)) = (follower.root(), follower.tip()) {
            bridge.finalized_index.set(root.index as f64);
            bridge.tip_index.set(tip.index as f64);
            bridge.tip_blue_score.set(tip.blue_score as f64);
            if let Some(sink_blue_score) = follower.sink_blue_score() {
                bridge.lag_blue_score.set(sink_blue_score.saturating_sub(tip.blue_score) as f64);
            }
        }
        bridge.events_waiting.set(self.emitted.saturating_sub(self.acknowledged) as f64);
        bridge.progress_age_seconds.set(now.saturating_sub(self.progressed_at).as_secs_f64());
        if std::mem::take(&mut self.is_over) {
            (self.span, self.in_flight) = (Span::none(), None);
        }
    }

    fn on_request(&mut self, id: u64, bytes: &[u8], now: Duration) {
        let header = RequestHeader::read(&mut Reader::new(bytes));
        // The follower writes what it can name.
        let Ok(operation) = header.and_then(|header| Operation::try_from(header.operation)) else { return };
        self.in_flight = Some(InFlight { id, operation, sent_at: now });
        let Some(meters) = self.nodes.get_mut(self.node) else { return };
        meters.sent_bytes.increment(bytes.len() as u64);
        meters.requests(operation).sent.increment(1);
        self.span.in_scope(|| debug!(operation = label::operation(operation), bytes = bytes.len(), "request"));
    }

    fn on_frame(&mut self, bytes: &[u8], now: Duration) {
        let Some(meters) = self.nodes.get_mut(self.node) else { return };
        meters.received_bytes.increment(bytes.len() as u64);
        let Some(in_flight) = &self.in_flight else { return };
        if ServerHeader::read(&mut Reader::new(bytes)).ok().and_then(|header| header.id) != Some(in_flight.id) {
            return;
        }
        let (operation, latency) = (in_flight.operation, now.saturating_sub(in_flight.sent_at));
        self.in_flight = None;
        let latency_ms = latency.as_secs_f64() * 1_000.0;
        meters.requests(operation).latency_ms.record(latency_ms);
        if operation == Operation::GetVirtualChainFromBlockV2 {
            meters.page_size_bytes.record(bytes.len() as f64);
        }
        let operation = label::operation(operation);
        self.span.in_scope(|| debug!(operation, bytes = bytes.len(), latency_ms, "reply"));
    }

    fn count(&mut self, event: &L1Event) {
        let (bridge, node) = (&self.bridge, self.nodes.get_mut(self.node));
        match (event, node) {
            (L1Event::BlockAdded(added), _) => {
                bridge.chain_blocks.increment(1);
                bridge.accepted_transactions.increment(added.accepted.len() as u64);
                bridge.tip_timestamp_seconds.set(added.timestamp_ms as f64 / 1_000.0);
            }
            (L1Event::Finalized { .. }, _) => bridge.finalizations.increment(1),
            (L1Event::Reorg(reorg), _) => {
                bridge.reorgs.increment(1);
                bridge.reorg_depth_blocks.record(reorg.old_tip.index.saturating_sub(reorg.fork.index) as f64);
            }
            (L1Event::Connected { .. }, Some(node)) => {
                node.sessions.increment(1);
                node.connected.set(1.0);
            }
            (L1Event::Disconnected { reason, retry_in, .. }, Some(node)) => {
                node.connected.set(0.0);
                // The rejection before it has been counted.
                if retry_in.is_some() && *reason != DisconnectReason::Rejected {
                    node.count_retry(reason.label());
                }
            }
            (L1Event::NodeRejected { reason, retry_in, .. }, Some(node)) => {
                node.count_rejection(reason);
                if retry_in.is_some() {
                    node.count_retry(reason.label());
                }
            }
            (L1Event::Unreachable { reason, .. }, Some(node)) => node.count_retry(reason.label()),
            _ => {}
        }
    }
}

impl Drop for Telemetry {
    /// A client that is dropped in the middle of a session says nothing more.
    fn drop(&mut self) {
        if let Some(node) = self.nodes.get(self.node) {
            node.connected.set(0.0);
        }
    }
}

/// An event of the bridge as an event of `tracing`, at the level that it has for who runs the bridge.
fn say(event: &L1Event) {
    match event {
        L1Event::BlockAdded(added) => {
            let (hash, index) = (added.block.hash, added.block.index);
            trace!(sequence = added.sequence, %hash, index, accepted = added.accepted.len(), "block added");
        }
        L1Event::CatchingUp { tip_blue_score, sink_blue_score } => {
            debug!(tip_blue_score, sink_blue_score, "catching up");
        }
        L1Event::Connected { server_version, network, .. } => info!(server_version, %network, "connected"),
        L1Event::Disconnected { reason, retry_in, .. } => info!(%reason, ?retry_in, "disconnected"),
        L1Event::Fatal(reason) => error!(%reason, "fatal"),
        L1Event::Finalized { sequence, block } => {
            debug!(sequence, hash = %block.hash, index = block.index, "finalized");
        }
        L1Event::NodeRejected { reason, retry_in, .. } => warn!(%reason, ?retry_in, "node rejected"),
        L1Event::Reorg(reorg) => {
            let (fork, depth) = (reorg.fork, reorg.old_tip.index.saturating_sub(reorg.fork.index));
            debug!(sequence = reorg.sequence, fork = %fork.hash, index = fork.index, depth, "reorg");
        }
        L1Event::Synced { tip } => info!(hash = %tip.hash, index = tip.index, "synced"),
        L1Event::Unreachable { reason, retry_in, .. } => warn!(%reason, ?retry_in, "node unreachable"),
    }
}
