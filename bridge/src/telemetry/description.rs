//! Unit and meaning of every metric, for recorders that show them. The same words as in the table of the module above,
//! and a test holds them together.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Tells the recorder what the metrics mean; to be told twice does no harm.
pub(super) fn describe() {
    for (name, unit, meaning) in GAUGES {
        match unit {
            Some(unit) => describe_gauge!(name, unit, meaning),
            None => describe_gauge!(name, meaning),
        }
    }
    for (name, unit, meaning) in COUNTERS {
        describe_counter!(name, unit, meaning);
    }
    for (name, unit, meaning) in HISTOGRAMS {
        describe_histogram!(name, unit, meaning);
    }
}

/// What is no quantity has no unit.
const GAUGES: [(&str, Option<Unit>, &str); 8] = [
    ("dagstorm_bridge_tip_index", None, "index of our tip"),
    ("dagstorm_bridge_tip_blue_score", None, "blue score of our tip"),
    (
        "dagstorm_bridge_tip_timestamp_seconds",
        Some(Unit::Seconds),
        "Unix time in the header of the last block that was added",
    ),
    (
        "dagstorm_bridge_finalized_index",
        None,
        "index of the finalized root; before anything was finalized, of the block at which the bridge began",
    ),
    (
        "dagstorm_bridge_lag_blue_score",
        None,
        "blue score of the node's sink, when last heard of, above our tip's; while the consumer does not acknowledge it is \
         heard of every 10 seconds, with confirmations at every poll after 10 seconds; while the bridge catches up it may \
         be older, and the lag larger",
    ),
    (
        "dagstorm_bridge_events_waiting",
        Some(Unit::Count),
        "numbered events that the consumer has not acknowledged, as of the last turn",
    ),
    (
        "dagstorm_bridge_progress_age_seconds",
        Some(Unit::Seconds),
        "time from the last numbered event, or the start, to the last turn; there is a turn at least at every poll, \
         keep-alive and attempt to connect",
    ),
    ("dagstorm_bridge_connected", None, "1 from Connected to Disconnected, else 0"),
];

const COUNTERS: [(&str, Unit, &str); 11] = [
    (
        "dagstorm_bridge_chain_blocks_total",
        Unit::Count,
        "chain blocks added; those that a reorg brings back count again",
    ),
    (
        "dagstorm_bridge_accepted_transactions_total",
        Unit::Count,
        "accepted transactions in added blocks, after the filter",
    ),
    ("dagstorm_bridge_finalizations_total", Unit::Count, "moves of the finalized root"),
    ("dagstorm_bridge_reorgs_total", Unit::Count, "reorgs"),
    ("dagstorm_bridge_connection_attempts_total", Unit::Count, "attempts to connect"),
    (
        "dagstorm_bridge_sessions_total",
        Unit::Count,
        "sessions in which the node told who it is; the first is no reconnect",
    ),
    (
        "dagstorm_bridge_retries_total",
        Unit::Count,
        "attempts and sessions that ended and are followed by another attempt; by DisconnectReason::label, or for a node \
         that was rejected by RejectReason::label",
    ),
    (
        "dagstorm_bridge_rejections_total",
        Unit::Count,
        "NodeRejected events, by RejectReason::label; the session may go on",
    ),
    ("dagstorm_bridge_requests_total", Unit::Count, "requests sent"),
    (
        "dagstorm_bridge_received_bytes_total",
        Unit::Bytes,
        "bytes of the messages received, without what WebSocket and TLS add",
    ),
    ("dagstorm_bridge_sent_bytes_total", Unit::Bytes, "bytes of the requests sent, without what WebSocket and TLS add"),
];

const HISTOGRAMS: [(&str, Unit, &str); 3] = [
    ("dagstorm_bridge_reorg_depth_blocks", Unit::Count, "chain blocks removed by a reorg"),
    ("dagstorm_bridge_request_latency_ms", Unit::Milliseconds, "time from request to complete reply"),
    ("dagstorm_bridge_page_size_bytes", Unit::Bytes, "size of a reply to GetVirtualChainFromBlockV2"),
];
