//! A recorder of `metrics` that keeps every value that it was given.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric with one set of labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    pub name: String,
    pub kind: Kind,
    pub labels: Vec<(String, String)>,
}

/// What a recorder is told of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub kind: Kind,
    pub unit: Option<Unit>,
    pub meaning: String,
}

/// All values in the order in which they came; of a counter its sums. Clones share them.
#[derive(Clone, Default)]
pub struct Recording {
    values: Arc<Mutex<BTreeMap<Series, Vec<f64>>>>,
    descriptions: Arc<Mutex<BTreeMap<String, Description>>>,
}

impl Recording {
    /// The series that got a value.
    pub fn series(&self) -> Vec<Series> {
        self.values.lock().expect("nobody panics with the lock").keys().cloned().collect()
    }

    /// The values of the metric, without prefix, whose labels have these values besides the network.
    pub fn samples(&self, name: &str, labels: &[&str]) -> Vec<f64> {
        let recorded = self.values.lock().expect("nobody panics with the lock");
        let matches = |series: &Series| {
            let values = series.labels.iter().skip(1).map(|(_, value)| value.as_str());
            series.name == format!("dagstorm_bridge_{name}") && (labels.is_empty() || values.eq(labels.iter().copied()))
        };
        let found: Vec<_> = recorded.iter().filter(|(series, _)| matches(series)).collect();
        let [(_, samples)] = found[..] else { panic!("{} series of {name} with {labels:?}", found.len()) };
        samples.clone()
    }

    /// The newest of those values.
    pub fn value(&self, name: &str, labels: &[&str]) -> f64 {
        self.samples(name, labels).last().copied().expect("a series has a value")
    }

    /// What was said of every metric, by its name.
    pub fn descriptions(&self) -> BTreeMap<String, Description> {
        self.descriptions.lock().expect("nobody panics with the lock").clone()
    }

    /// Whether the metric got a value yet.
    pub fn has(&self, name: &str) -> bool {
        self.series().iter().any(|series| series.name == format!("dagstorm_bridge_{name}"))
    }

    fn describe(&self, name: KeyName, kind: Kind, unit: Option<Unit>, meaning: SharedString) {
        let description = Description { kind, unit, meaning: meaning.into_owned() };
        let mut descriptions = self.descriptions.lock().expect("nobody panics with the lock");
        descriptions.insert(name.as_str().to_owned(), description);
    }

    fn meter(&self, key: &Key, kind: Kind) -> Arc<Meter> {
        let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
        Arc::new(Meter { recording: self.clone(), series: Series { name: key.name().to_owned(), kind, labels } })
    }
}

impl Recorder for Recording {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, meaning: SharedString) {
        self.describe(name, Kind::Counter, unit, meaning);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, meaning: SharedString) {
        self.describe(name, Kind::Gauge, unit, meaning);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, meaning: SharedString) {
        self.describe(name, Kind::Histogram, unit, meaning);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.meter(key, Kind::Counter))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.meter(key, Kind::Gauge))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.meter(key, Kind::Histogram))
    }
}

struct Meter {
    recording: Recording,
    series: Series,
}

impl Meter {
    fn push(&self, next: impl FnOnce(f64) -> f64) {
        let mut recorded = self.recording.values.lock().expect("nobody panics with the lock");
        let samples = recorded.entry(self.series.clone()).or_default();
        samples.push(next(samples.last().copied().unwrap_or(0.0)));
    }
}

impl CounterFn for Meter {
    fn increment(&self, value: u64) {
        self.push(|sum| sum + value as f64);
    }

    fn absolute(&self, value: u64) {
        self.push(|_| value as f64);
    }
}

impl GaugeFn for Meter {
    fn increment(&self, value: f64) {
        self.push(|sum| sum + value);
    }

    fn decrement(&self, value: f64) {
        self.push(|sum| sum - value);
    }

    fn set(&self, value: f64) {
        self.push(|_| value);
    }
}

impl HistogramFn for Meter {
    fn record(&self, value: f64) {
        self.push(|_| value);
    }
}
