//! What a bridge tells operators: the metrics of the table in the documentation, all of them and no others, with the
//! right values.

#![expect(clippy::disallowed_methods, reason = "real sockets on the real runtime and the real clock")]

#[path = "telemetry/lag.rs"]
mod lag;
#[path = "telemetry/recorder.rs"]
mod recorder;
#[path = "support/server.rs"]
#[expect(dead_code, reason = "shared with the tests of connections, which use more of it")]
mod server;
#[path = "telemetry/story.rs"]
mod story;
mod support;

use std::collections::BTreeMap;

use bridge::{Config, L1Bridge, L1Event, wire::Network};
use metrics::Unit;
use recorder::{Description, Kind, Recording};
use server::SocketNode;
use story::{FINALITY, run, soon, story};

/// A row of the table of the documentation.
#[derive(Debug)]
struct Row {
    kind: Kind,
    labels: Vec<String>,
    meaning: &'static str,
}

/// The table of the documentation, by the names of the metrics.
fn table() -> BTreeMap<String, Row> {
    let text = include_str!("../src/telemetry/mod.rs");
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | `dagstorm_bridge_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [name, kind, labels, meaning, ""] = cells[..] else { panic!("{row}") };
        assert!(!meaning.is_empty(), "{row}");
        let kind = match kind {
            "gauge" => Kind::Gauge,
            "counter" => Kind::Counter,
            "histogram" => Kind::Histogram,
            other => panic!("{other}"),
        };
        let further = labels.split(',').map(|label| label.trim().trim_matches('`').to_owned());
        let mut labels: Vec<String> = further.filter(|label| !label.is_empty()).collect();
        labels.insert(0, "network".to_owned());
        (format!("dagstorm_bridge_{}", name.trim_end_matches('`')), Row { kind, labels, meaning })
    })
    .collect()
}

/// Name, type and labels of the metrics in the table of the documentation.
fn documented() -> BTreeMap<String, (Kind, Vec<String>)> {
    table().into_iter().map(|(name, row)| (name, (row.kind, row.labels))).collect()
}

/// Text without the marks and the targets of links.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for (position, part) in text.split("](").enumerate() {
        let part = if position > 0 { part.split_once(')').expect("a link has an end").1 } else { part };
        plain.extend(part.chars().filter(|letter| !"[`".contains(*letter)));
    }
    plain
}

#[test]
fn given_a_recorder_when_a_bridge_runs_then_it_gets_every_metric_of_the_table_and_no_other() {
    let recording = Recording::default();
    metrics::with_local_recorder(&recording, || run(story()));
    let mut seen = BTreeMap::new();
    for series in recording.series() {
        let labels: Vec<String> = series.labels.iter().map(|(key, _)| key.clone()).collect();
        if let Some(before) = seen.insert(series.name.clone(), (series.kind, labels.clone())) {
            assert_eq!(before, (series.kind, labels), "{}", series.name);
        }
        assert_eq!(series.labels[0].1, "simnet");
    }
    assert_eq!(seen, documented());
    for (name, (kind, _)) in documented() {
        assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
    }
}

#[test]
fn given_a_recorder_when_a_bridge_begins_then_it_is_told_the_unit_and_the_meaning_of_every_metric_of_the_table() {
    let recording = Recording::default();
    let config = Config::new(Network::MAINNET, ["ws://node:17110"]).expect("the address is usable");
    let never_driven = metrics::with_local_recorder(&recording, || run(async { L1Bridge::start(config) }));
    drop(never_driven.expect("the configuration is usable"));
    let descriptions = recording.descriptions();
    let expected: BTreeMap<String, Description> = table()
        .into_iter()
        .map(|(name, row)| {
            let stem = name.trim_end_matches("_total");
            let unit = match row.kind {
                _ if stem.ends_with("_seconds") => Some(Unit::Seconds),
                _ if stem.ends_with("_ms") => Some(Unit::Milliseconds),
                _ if stem.ends_with("_bytes") => Some(Unit::Bytes),
                Kind::Counter | Kind::Histogram => Some(Unit::Count),
                Kind::Gauge => name.ends_with("_waiting").then_some(Unit::Count),
            };
            (name, Description { kind: row.kind, unit, meaning: plain(row.meaning) })
        })
        .collect();
    assert_eq!(descriptions, expected);
}

#[test]
fn given_a_recorder_when_a_bridge_has_run_then_the_values_are_those_of_its_events() {
    let recording = Recording::default();
    let story = metrics::with_local_recorder(&recording, || run(story()));
    let bridge = |name: &str| recording.value(name, &[]);
    let tip_index = story.consumer.path().len() as f64 - 1.0;
    assert_eq!(bridge("tip_index"), tip_index);
    assert_eq!(bridge("tip_blue_score"), story.tip_blue_score as f64);
    assert_eq!(bridge("tip_timestamp_seconds"), story.tip_timestamp_ms as f64 / 1_000.0);
    // In this tree each block adds one to the blue score.
    assert_eq!(bridge("finalized_index"), tip_index - FINALITY as f64);
    assert_eq!((bridge("lag_blue_score"), bridge("events_waiting")), (0.0, 0.0));
    assert!(bridge("progress_age_seconds") >= 0.0);
    assert_eq!(bridge("chain_blocks_total"), story.blocks as f64);
    assert!(story.accepted > 0);
    assert_eq!(bridge("accepted_transactions_total"), story.accepted as f64);
    assert_eq!(bridge("finalizations_total"), story.finalizations as f64);
    assert_eq!((bridge("reorgs_total"), recording.samples("reorg_depth_blocks", &[])), (1.0, vec![3.0]));

    let closed = |name: &str| recording.value(name, &[&story.closed_url]);
    let node = |name: &str| recording.value(name, &[&story.url]);
    assert_eq!(node("connected"), 0.0);
    let peaks = recording.samples("connected", &[&story.url]);
    assert_eq!(peaks.iter().filter(|value| **value == 1.0).count(), 2, "{peaks:?}");
    assert_eq!(node("sessions_total"), 2.0);
    // After the session that had worked for a while, the node that worked is tried again.
    let retries = |url: &str, reason| recording.value("retries_total", &[url, reason]);
    assert!(closed("connection_attempts_total") >= 1.0);
    assert_eq!(retries(&story.closed_url, "connect_failed"), closed("connection_attempts_total"));
    assert!(retries(&story.url, "closed_by_node") >= 1.0);
    assert_eq!(recording.value("rejections_total", &[&story.url, "resetting"]), 1.0);

    let request = |name, operation| recording.value(name, &[&story.url, operation]);
    assert!(request("requests_total", "get_server_info") >= 2.0);
    let pages = recording.samples("page_size_bytes", &[&story.url]);
    let page = "get_virtual_chain_from_block_v2";
    let latencies = recording.samples("request_latency_ms", &[&story.url, page]);
    assert_eq!(pages.len(), latencies.len());
    assert!(pages.len() as f64 <= request("requests_total", page));
    assert!(latencies.iter().all(|latency| (0.0..20_000.0).contains(latency)), "{latencies:?}");
    assert!(pages.iter().sum::<f64>() < node("received_bytes_total"));
    assert!(node("sent_bytes_total") >= 10.0 * request("requests_total", page));
}

#[test]
fn given_a_recorder_when_nothing_is_acknowledged_then_the_events_that_wait_are_told() {
    let recording = Recording::default();
    metrics::with_local_recorder(&recording, || {
        run(async {
            let node = SocketNode::new();
            node.grow(50);
            let server = node.serve().await;
            let mut config = Config::new(Network::SIMNET, [server.url().as_str()]).expect("the address is usable");
            config.finality_depth = Some(1_000);
            let mut bridge = L1Bridge::start(config).expect("the configuration is usable");
            while !matches!(soon(bridge.next()).await, Some(L1Event::Synced { .. })) {}
            assert_eq!(recording.value("connected", &[&server.url()]), 1.0);
        });
    });
    assert_eq!(recording.value("events_waiting", &[]), 50.0);
    assert_eq!(recording.samples("connected", &[]).last(), Some(&0.0), "the runtime was dropped in a session");
}
