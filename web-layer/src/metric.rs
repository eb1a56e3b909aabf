//! What the node counts, under the names that `/metrics` shows.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A worker replied.
    Answered,
    /// It was never delivered.
    Unavailable,
    /// It was delivered and not answered.
    Unknown,
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unavailable => "unavailable",
            Self::Unknown => "outcome_unknown",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    kind: &'static str,
    outcome: &'static str,
}

/// The counters of a node.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) connections: Gauge,
    accepted: Counter,
    refused: Counter,
    frames: Counter,
    requests: Family<Request, Counter>,
    answered: [Counter; 5],
    seconds: Histogram,
    pushes: Counter,
    deliveries: Counter,
    slow_readers: Counter,
    gaps: Counter,
    links_lost: Counter,
    late_replies: Counter,
    in_flight: Gauge,
    claimed_bytes: Gauge,
    redis_connected: Gauge,
    uptime: Gauge<u64, AtomicU64>,
}

const KINDS: [&str; 5] = ["open", "message", "close", "http", "gap"];

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("tercet_node");
        let requests = Family::<Request, Counter>::default();
        let answered = KINDS
            .map(|kind| requests.get_or_create_owned(&Request { kind, outcome: Outcome::Answered.label() }));
        let metrics = Self {
            connections: Gauge::default(),
            accepted: Counter::default(),
            refused: Counter::default(),
            frames: Counter::default(),
            requests,
            answered,
            seconds: Histogram::new(exponential_buckets(0.000_125, 2.0, 18)),
            pushes: Counter::default(),
            deliveries: Counter::default(),
            slow_readers: Counter::default(),
            gaps: Counter::default(),
            links_lost: Counter::default(),
            late_replies: Counter::default(),
            in_flight: Gauge::default(),
            claimed_bytes: Gauge::default(),
            redis_connected: Gauge::default(),
            uptime: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("connections", "Websockets that are open", metrics.connections.clone());
        registry.register("connections_accepted", "Websockets that were opened", metrics.accepted.clone());
        registry.register("connections_refused", "Websockets refused at a bound", metrics.refused.clone());
        registry.register("frames_received", "Websocket frames received", metrics.frames.clone());
        registry.register("requests", "Events by kind and outcome", metrics.requests.clone());
        registry.register("request_seconds", "From event to outcome", metrics.seconds.clone());
        registry.register("requests_in_flight", "Events without an outcome yet", metrics.in_flight.clone());
        registry.register(
            "claimed_answer_bytes",
            "Bytes of large answers that sockets have not taken yet",
            metrics.claimed_bytes.clone(),
        );
        registry.register(
            "pushes_received",
            "Pushes received for topics with members",
            metrics.pushes.clone(),
        );
        registry.register("deliveries", "Pushes handed to connections", metrics.deliveries.clone());
        registry.register("slow_readers", "Connections closed with 4008", metrics.slow_readers.clone());
        registry.register("gaps", "Topics that may have missed pushes", metrics.gaps.clone());
        registry.register("redis_links_lost", "Times the link to Redis broke", metrics.links_lost.clone());
        registry.register(
            "late_replies",
            "Replies that nobody waited for any more",
            metrics.late_replies.clone(),
        );
        registry.register(
            "redis_connected",
            "1 while Redis can be published to",
            metrics.redis_connected.clone(),
        );
        registry.register("uptime_seconds", "Since the node started", metrics.uptime.clone());
        Self { registry, ..metrics }
    }

    pub(crate) fn accept(&self) {
        self.accepted.inc();
        self.connections.inc();
    }

    pub(crate) fn gone(&self) {
        self.connections.dec();
    }

    pub(crate) fn refuse(&self) {
        self.refused.inc();
    }

    pub(crate) fn frames(&self, frames: u32) {
        self.frames.inc_by(u64::from(frames));
    }

    pub(crate) fn request(&self, kind: &'static str, outcome: Outcome, took: Duration) {
        match KINDS.iter().position(|known| *known == kind).filter(|_| outcome == Outcome::Answered) {
            Some(at) => self.answered[at].inc(),
            None => self.requests.get_or_create(&Request { kind, outcome: outcome.label() }).inc(),
        };
        self.seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn push(&self) {
        self.pushes.inc();
    }

    pub(crate) fn deliveries(&self, deliveries: usize) {
        self.deliveries.inc_by(deliveries as u64);
    }

    pub(crate) fn slow_reader(&self) {
        self.slow_readers.inc();
    }

    pub(crate) fn gap(&self) {
        self.gaps.inc();
    }

    pub(crate) fn link_lost(&self) {
        self.links_lost.inc();
    }

    pub(crate) fn late_reply(&self) {
        self.late_replies.inc();
    }

    pub(crate) fn claimed_bytes(&self, bytes: usize) {
        self.claimed_bytes.set(bytes as i64);
    }

    /// All of it, in the OpenMetrics text format that Prometheus reads.
    pub(crate) fn text(&self, in_flight: usize, redis_connected: bool, uptime_s: u32) -> String {
        self.in_flight.set(in_flight as i64);
        self.redis_connected.set(i64::from(redis_connected));
        self.uptime.set(u64::from(uptime_s));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("a string takes all that is written");
        text
    }
}
