//! One node: its parts put together, and the loop that takes what Redis sends to where it belongs.

mod canary;
mod sweep;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc};

use broker::{Address, Incoming, Received, Store, Subscriber, Tasks};
use protocol::{Announcement, NodeId, Push, Reply, limit, line, name};

use crate::health::{Canary, Health};
use crate::http::compressed::Compressor;
use crate::hub::{Gap, Hub};
use crate::metric::Metrics;
use crate::relay::{Relay, RelayBounds};
use crate::socket::connections::Connections;
use crate::socket::outbox::OutboxBounds;

/// Gaps that wait to be asked about; each topic waits at most a few times.
const GAPS_MAX: usize = 1_024;

/// How often held and overdue requests are looked at.
const TICK: Duration = Duration::from_millis(100);

/// One node.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) bounds: Bounds,
    pub(crate) clock: Clock,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Health,
    pub(crate) hub: Arc<Hub>,
    pub(crate) relay: Arc<Relay>,
    pub(crate) store: Store,
    pub(crate) connections: Connections,
    /// Bytes of large request bodies that may be here and in Redis.
    pub(crate) claim_room: Arc<Semaphore>,
    /// Bytes of claimed response bodies that may be here.
    pub(crate) response_room: Arc<Semaphore>,
    /// Bytes of claimed response bodies that may wait in Redis for that room.
    pub(crate) response_queue: Arc<Semaphore>,
    pub(crate) compressor: Compressor,
    /// The link to Redis and what serves it: these go on until all sockets are closed.
    pub(crate) tasks: Tasks,
    /// The tasks of the sockets.
    pub(crate) sockets: tokio_util::task::TaskTracker,
}

/// What the options say about bounds; see [`protocol::limit`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) connections_max: usize,
    pub(crate) message_bytes_max: usize,
    pub(crate) http_body_bytes_max: usize,
    pub(crate) frames_per_second_max: u32,
    pub(crate) ping_after: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) outbox: OutboxBounds,
    pub(crate) relay: RelayBounds,
}

/// Seconds since the node started.
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn now_s(&self) -> u32 {
        u32::try_from(self.0.elapsed().as_secs()).unwrap_or(u32::MAX)
    }
}

impl Node {
    /// Starts everything but the listener.
    pub(crate) fn start(id: NodeId, address: &Address, bounds: Bounds, shards: usize) -> Arc<Self> {
        let tasks = Tasks::default();
        let metrics = Arc::new(Metrics::new());
        let (subscriber, received) = Subscriber::start(address.clone(), &tasks);
        let store = Store::start(address.clone(), &tasks);
        let (gaps, gaps_to_ask) = mpsc::channel(GAPS_MAX);
        let hub = Hub::start(shards, subscriber.clone(), store.clone(), gaps, &tasks, metrics.clone());
        let hub = Arc::new(hub);
        let relay = Relay::start(
            id.clone(),
            address.clone(),
            hub.clone(),
            store.clone(),
            bounds.relay,
            &tasks,
            metrics.clone(),
        );
        let node = Arc::new(Self {
            id,
            bounds,
            clock: Clock(Instant::now()),
            metrics,
            health: Health::default(),
            hub,
            relay,
            store,
            connections: Connections::default(),
            claim_room: Arc::new(Semaphore::new(limit::REQUEST_CLAIMS_BYTES_MAX)),
            response_room: Arc::new(Semaphore::new(limit::RESPONSE_CLAIMS_BYTES_MAX)),
            response_queue: Arc::new(Semaphore::new(limit::RESPONSES_WAITING_BYTES_MAX)),
            compressor: Compressor::new(tasks.clone()),
            tasks,
            sockets: tokio_util::task::TaskTracker::new(),
        });
        let tracker = &node.tasks.tracker;
        tracker.spawn(node.clone().receive(subscriber, received));
        tracker.spawn(node.clone().ask_about_gaps(gaps_to_ask));
        tracker.spawn(node.clone().tick());
        tracker.spawn(sweep::run(node.clone()));
        tracker.spawn(canary::sing(node.clone()));
        node
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.health.is_stopping()
    }

    async fn receive(self: Arc<Self>, subscriber: Subscriber, mut received: Received) {
        let inbox = name::node_inbox(&self.id);
        for channel in [inbox.as_str(), name::WORKERS] {
            if subscriber.subscribe(channel).await.is_err() {
                log::debug!(channel; "subscribed as soon as Redis is there");
            }
        }
        while let Some(incoming) = received.recv().await {
            match incoming {
                Incoming::Message { channel, payload } if *channel == *inbox => {
                    line::split(&payload).for_each(|line| self.take_reply(line));
                }
                Incoming::Message { channel, payload } if &*channel == name::WORKERS => {
                    line::split(&payload).for_each(|line| self.take_announcement(line));
                }
                Incoming::Message { channel, payload } => {
                    let Some(topic) = name::topic_of(&channel) else { continue };
                    for line in line::split(&payload) {
                        match serde_json::from_slice::<Push>(line) {
                            Ok(push) => self.hub.push(topic, push).await,
                            Err(error) => log::warn!(topic, error:%; "a push cannot be read and is left out"),
                        }
                    }
                }
                Incoming::Lost => {
                    self.metrics.link_lost();
                    self.relay.link_lost();
                }
                Incoming::Restored => {
                    self.relay.registry.was_deaf(Instant::now());
                    self.hub.all_lost();
                }
            }
        }
    }

    fn take_reply(self: &Arc<Self>, line: &[u8]) {
        match serde_json::from_slice::<Reply>(line) {
            Ok(reply) => self.relay.reply(reply),
            Err(error) => match serde_json::from_slice::<Canary>(line) {
                Ok(canary) => self.health.heard(canary),
                Err(_) => self.refuse_reply(line, &error),
            },
        }
    }

    /// A reply in a wrong form is a fault of its worker: who waits for it is told at once.
    fn refuse_reply(self: &Arc<Self>, line: &[u8], error: &serde_json::Error) {
        #[derive(Deserialize)]
        struct Numbered {
            seq: u64,
        }
        log::error!(error:%; "a worker's reply cannot be read");
        if let Ok(Numbered { seq }) = serde_json::from_slice(line) {
            self.relay.refuse(seq);
        }
    }

    fn take_announcement(self: &Arc<Self>, line: &[u8]) {
        match serde_json::from_slice::<Announcement>(line) {
            Ok(announcement) => {
                if self.relay.registry.hear(announcement, Instant::now()) {
                    self.relay.workers_changed();
                }
            }
            Err(error) => log::warn!(error:%; "an announcement cannot be read and is left out"),
        }
    }

    async fn ask_about_gaps(self: Arc<Self>, mut gaps: mpsc::Receiver<Gap>) {
        loop {
            let gap = tokio::select! {
                gap = gaps.recv() => gap,
                () = self.tasks.stop.cancelled() => return,
            };
            let Some(Gap { service, topic }) = gap else { return };
            self.relay.gap(service, topic);
        }
    }

    async fn tick(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.relay.tick(Instant::now(), self.health.is_current(Instant::now())),
                () = self.tasks.stop.cancelled() => return,
            }
        }
    }
}
