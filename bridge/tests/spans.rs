//! What a bridge tells `tracing`: everything in a span that says which node and which session.
//!
//! One test in a program of its own: `tracing` remembers for the whole process whether anybody listens to a place, so that
//! other bridges to which nobody listens would silence this one.

#![expect(clippy::disallowed_methods, reason = "real sockets on the real runtime and the real clock")]

#[path = "support/server.rs"]
#[expect(dead_code, reason = "shared with the tests of connections, which use more of it")]
mod server;
#[path = "telemetry/story.rs"]
mod story;
#[path = "telemetry/subscriber.rs"]
mod subscriber;
mod support;

use story::{run, story};
use subscriber::Listener;
use tracing::Level;

#[test]
fn given_a_subscriber_when_a_bridge_runs_then_every_event_is_in_the_span_of_its_node_and_session() {
    let listener = Listener::default();
    let story = tracing::subscriber::with_default(listener.clone(), || run(story()));
    let events = listener.events();
    assert!(!events.is_empty());
    for event in &events {
        let session = event.span.as_ref().unwrap_or_else(|| panic!("outside a session: {event:?}"));
        assert!(session["node"] == story.url || session["node"] == story.closed_url, "{session:?}");
        assert!(session["session"].parse::<u64>().is_ok_and(|number| number > 0), "{session:?}");
    }
    let of = |message: &str| events.iter().filter(|event| event.message == message).collect::<Vec<_>>();
    let expected = [
        ("node unreachable", Level::WARN),
        ("connected", Level::INFO),
        ("synced", Level::INFO),
        ("disconnected", Level::INFO),
        ("node rejected", Level::WARN),
        ("reorg", Level::DEBUG),
        ("finalized", Level::DEBUG),
        ("request", Level::DEBUG),
        ("reply", Level::DEBUG),
        ("block added", Level::TRACE),
    ];
    for (message, level) in expected {
        assert!(of(message).iter().all(|event| event.level == level), "{message}");
        assert!(!of(message).is_empty(), "no {message}");
    }
    let sessions: Vec<&str> = of("connected").iter().map(|event| event.session()).collect();
    assert_eq!(of("disconnected").iter().map(|event| event.session()).collect::<Vec<_>>(), sessions);
    assert!(of("connected").iter().all(|event| event.span.as_ref().is_some_and(|span| span["node"] == story.url)));
    assert_eq!(of("block added").len(), story.blocks);
    assert!(of("reply").iter().all(|event| event.fields.contains_key("latency_ms")));
    let asked: Vec<&str> = of("request").iter().map(|event| event.fields["operation"].as_str()).take(2).collect();
    assert_eq!(asked, ["get_server_info", "subscribe"]);
}
