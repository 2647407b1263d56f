//! A subscriber of `tracing` that keeps what the bridge says, each with the span around it.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

/// An event, with the fields of the span in which it was said.
#[derive(Clone, Debug)]
pub struct Said {
    pub level: Level,
    pub message: String,
    pub fields: BTreeMap<String, String>,
    pub span: Option<BTreeMap<String, String>>,
}

impl Said {
    /// Number of the session as the span has it.
    pub fn session(&self) -> &str {
        &self.span.as_ref().expect("inside a span")["session"]
    }
}

/// Listens to the bridge. Clones share what they hear. For one thread.
#[derive(Clone, Default)]
pub struct Listener(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    spans: BTreeMap<u64, BTreeMap<String, String>>,
    entered: Vec<u64>,
    events: Vec<Said>,
}

impl Listener {
    /// Everything so far.
    pub fn events(&self) -> Vec<Said> {
        self.0.lock().expect("nobody panics with the lock").events.clone()
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("bridge")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        assert_eq!(attributes.metadata().name(), "session");
        let mut heard = self.0.lock().expect("nobody panics with the lock");
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let number = heard.spans.len() as u64 + 1;
        heard.spans.insert(number, fields.0);
        Id::from_u64(number)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut heard = self.0.lock().expect("nobody panics with the lock");
        let span = heard.entered.last().map(|span| heard.spans[span].clone());
        let message = fields.0.remove("message").unwrap_or_default();
        heard.events.push(Said { level: *event.metadata().level(), message, fields: fields.0, span });
    }

    fn enter(&self, span: &Id) {
        self.0.lock().expect("nobody panics with the lock").entered.push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        let left = self.0.lock().expect("nobody panics with the lock").entered.pop();
        assert_eq!(left, Some(span.into_u64()));
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
