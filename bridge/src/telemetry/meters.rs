//! Handles of the metrics, registered once for each bridge.

use metrics::{Counter, Gauge, Histogram, Label, SharedString, counter, gauge, histogram};

use super::label;
use crate::{
    config::{Config, NodeUrl},
    error::RejectReason,
    wire::Operation,
};

/// What is said about the chain and the consumer. Labelled with the network.
pub(super) struct BridgeMeters {
    pub(super) tip_index: Gauge,
    pub(super) tip_blue_score: Gauge,
    pub(super) tip_timestamp_seconds: Gauge,
    pub(super) finalized_index: Gauge,
    pub(super) lag_blue_score: Gauge,
    pub(super) events_waiting: Gauge,
    pub(super) progress_age_seconds: Gauge,
    pub(super) chain_blocks: Counter,
    pub(super) accepted_transactions: Counter,
    pub(super) finalizations: Counter,
    pub(super) reorgs: Counter,
    pub(super) reorg_depth_blocks: Histogram,
}

impl BridgeMeters {
    pub(super) fn new(config: &Config) -> Self {
        let labels = [Label::new("network", config.network.to_string())];
        let (gauge, counter) = (|name| gauge!(name, labels.iter()), |name| counter!(name, labels.iter()));
        Self {
            tip_index: gauge("dagstorm_bridge_tip_index"),
            tip_blue_score: gauge("dagstorm_bridge_tip_blue_score"),
            tip_timestamp_seconds: gauge("dagstorm_bridge_tip_timestamp_seconds"),
            finalized_index: gauge("dagstorm_bridge_finalized_index"),
            lag_blue_score: gauge("dagstorm_bridge_lag_blue_score"),
            events_waiting: gauge("dagstorm_bridge_events_waiting"),
            progress_age_seconds: gauge("dagstorm_bridge_progress_age_seconds"),
            chain_blocks: counter("dagstorm_bridge_chain_blocks_total"),
            accepted_transactions: counter("dagstorm_bridge_accepted_transactions_total"),
            finalizations: counter("dagstorm_bridge_finalizations_total"),
            reorgs: counter("dagstorm_bridge_reorgs_total"),
            reorg_depth_blocks: histogram!("dagstorm_bridge_reorg_depth_blocks", labels.iter()),
        }
    }
}

/// What is said about the connection with one node. Labelled with network and node.
pub(super) struct NodeMeters {
    pub(super) url: SharedString,
    labels: [Label; 2],
    pub(super) connected: Gauge,
    pub(super) connection_attempts: Counter,
    pub(super) sessions: Counter,
    pub(super) received_bytes: Counter,
    pub(super) sent_bytes: Counter,
    pub(super) page_size_bytes: Histogram,
    /// Registered when they are first needed: most reasons are never seen.
    retries: Vec<(&'static str, Counter)>,
    rejections: Vec<(&'static str, Counter)>,
    requests: Vec<(Operation, RequestMeters)>,
}

/// What is said about requests of one operation.
pub(super) struct RequestMeters {
    pub(super) sent: Counter,
    pub(super) latency_ms: Histogram,
}

impl NodeMeters {
    pub(super) fn new(config: &Config, node: &NodeUrl) -> Self {
        let url = SharedString::from_shared(node.as_str().into());
        let labels = [Label::new("network", config.network.to_string()), Label::new("node", url.clone())];
        let counter = |name| counter!(name, labels.iter());
        Self {
            connected: gauge!("dagstorm_bridge_connected", labels.iter()),
            connection_attempts: counter("dagstorm_bridge_connection_attempts_total"),
            sessions: counter("dagstorm_bridge_sessions_total"),
            received_bytes: counter("dagstorm_bridge_received_bytes_total"),
            sent_bytes: counter("dagstorm_bridge_sent_bytes_total"),
            page_size_bytes: histogram!("dagstorm_bridge_page_size_bytes", labels.iter()),
            url,
            labels,
            retries: Vec::new(),
            rejections: Vec::new(),
            requests: Vec::new(),
        }
    }

    /// Counts an end after which it is tried again.
    pub(super) fn count_retry(&mut self, reason: &'static str) {
        count(&mut self.retries, &self.labels, "dagstorm_bridge_retries_total", reason);
    }

    pub(super) fn count_rejection(&mut self, reason: &RejectReason) {
        count(&mut self.rejections, &self.labels, "dagstorm_bridge_rejections_total", reason.label());
    }

    pub(super) fn requests(&mut self, operation: Operation) -> &RequestMeters {
        let position = self.requests.iter().position(|(known, _)| *known == operation).unwrap_or_else(|| {
            let labels = with(&self.labels, "operation", label::operation(operation));
            let meters = RequestMeters {
                sent: counter!("dagstorm_bridge_requests_total", labels.iter()),
                latency_ms: histogram!("dagstorm_bridge_request_latency_ms", labels.iter()),
            };
            self.requests.push((operation, meters));
            self.requests.len() - 1
        });
        &self.requests[position].1
    }
}

fn count(counters: &mut Vec<(&'static str, Counter)>, labels: &[Label; 2], name: &'static str, reason: &'static str) {
    if let Some((_, counter)) = counters.iter().find(|(known, _)| *known == reason) {
        return counter.increment(1);
    }
    let counter = counter!(name, with(labels, "reason", reason).iter());
    counter.increment(1);
    counters.push((reason, counter));
}

fn with(labels: &[Label; 2], key: &'static str, value: &'static str) -> [Label; 3] {
    let [network, node] = labels;
    [network.clone(), node.clone(), Label::from_static_parts(key, value)]
}
