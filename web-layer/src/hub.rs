//! Topics: which connections get which pushes.
//!
//! A push comes in once ([`Hub::push`]), is put in its place among the pushes of its topic ([`topic`]), encoded once
//! ([`batch`]), and handed to the shards ([`shard`]), each of which writes it to its share of the connections. A shard
//! that is behind finds several pushes waiting and writes them together: under load a delivery costs a fraction of a
//! write.

pub(crate) mod batch;
pub(crate) mod shard;
pub(crate) mod topic;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use broker::{Store, Subscriber, Tasks};
use protocol::{Body, Push, name};

use crate::hub::shard::{Job, Shards};
use crate::hub::topic::{Arrival, Topic};
use crate::metric::Metrics;
use crate::socket::Connection;

/// Topics and who has joined them.
pub(crate) struct Hub {
    topics: Mutex<HashMap<Arc<str>, Arc<Topic>>>,
    shards: Shards,
    subscriber: Subscriber,
    store: Store,
    tasks: Tasks,
    metrics: Arc<Metrics>,
    /// Topics that lost a push, for which the service has to be asked.
    gaps: mpsc::Sender<Gap>,
    /// Held while a channel is being subscribed or unsubscribed: one for each share of the topics.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

/// Channels that can be subscribed or unsubscribed at the same time.
const TURNS: usize = 64;

/// A topic that may have lost pushes.
pub(crate) struct Gap {
    pub(crate) service: Arc<str>,
    pub(crate) topic: Arc<str>,
}

impl Hub {
    pub(crate) fn start(
        shards: usize,
        subscriber: Subscriber,
        store: Store,
        gaps: mpsc::Sender<Gap>,
        tasks: &Tasks,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            topics: Mutex::default(),
            shards: Shards::start(shards, tasks, &metrics),
            subscriber,
            store,
            tasks: tasks.clone(),
            metrics,
            gaps,
            turns: std::array::from_fn(|_| tokio::sync::Mutex::default()),
        }
    }

    /// Joins a connection to a topic. When this is done, every later push reaches it.
    pub(crate) async fn join(&self, conn: &Arc<Connection>, name: &str) {
        if conn.lane.lock().topics.iter().any(|topic| **topic == *name) {
            return;
        }
        let topic = self.enter(conn, name);
        let channel = name::topic_channel(name);
        topic
            .subscribed
            .get_or_init(async || {
                let _turn = self.turn(name).lock().await;
                if self.subscriber.subscribe(&channel).await.is_err() {
                    log::debug!(topic = name; "joined while Redis is away; a gap will be told");
                }
            })
            .await;
        self.shards.of(conn.id).send(Job::Join(topic.name.clone(), conn.clone())).await;
        let gone = {
            let mut lane = conn.lane.lock();
            if !lane.gone {
                lane.topics.push(topic.name.clone());
            }
            lane.gone
        };
        if gone {
            self.drop_out(conn, &topic.name).await;
        }
    }

    /// Takes a connection from a topic.
    pub(crate) async fn leave(&self, conn: &Arc<Connection>, name: &str) {
        let left = {
            let mut lane = conn.lane.lock();
            let at = lane.topics.iter().position(|topic| **topic == *name);
            at.map(|at| lane.topics.swap_remove(at))
        };
        if let Some(topic) = left {
            self.drop_out(conn, &topic).await;
        }
    }

    /// Takes a connection that is gone from all its topics.
    pub(crate) async fn leave_all(&self, conn: &Arc<Connection>) {
        let topics = {
            let mut lane = conn.lane.lock();
            lane.gone = true;
            std::mem::take(&mut lane.topics)
        };
        for topic in topics {
            self.drop_out(conn, &topic).await;
        }
    }

    /// Hands a push to this node's connections of its topic, after the pushes before it.
    pub(crate) async fn push(&self, name: &str, push: Push) {
        let Some(topic) = self.topics.lock().get(name).cloned() else { return };
        self.metrics.push();
        match topic.arrive(push) {
            Arrival::Deliver(push) => self.shards.deliver(&topic.name, &push).await,
            Arrival::Fetch(push) => self.fetch(topic, push),
            Arrival::Waits | Arrival::Outdated => {}
            Arrival::Overflow => self.lost(&topic),
        }
    }

    /// Whether everything that is published to this node reaches it.
    pub(crate) fn is_listening(&self) -> bool {
        self.subscriber.is_connected()
    }

    /// All topics, each of which may have lost pushes.
    pub(crate) fn all_lost(&self) {
        let topics: Vec<Arc<Topic>> = self.topics.lock().values().cloned().collect();
        for topic in topics {
            self.lost(&topic);
        }
    }

    fn lost(&self, topic: &Topic) {
        self.metrics.gap();
        let gap = Gap { service: topic.service.clone(), topic: topic.name.clone() };
        let gaps = self.gaps.clone();
        self.tasks.tracker.spawn(async move { gaps.send(gap).await });
    }

    /// Fetches the bodies of claimed pushes, while what comes after them waits, and delivers all in order.
    fn fetch(&self, topic: Arc<Topic>, first: Push) {
        let (shards, store) = (self.shards.clone(), self.store.clone());
        let (gaps, metrics) = (self.gaps.clone(), self.metrics.clone());
        self.tasks.tracker.spawn(async move {
            let mut next = Some(first);
            while let Some(mut push) = next {
                if let Body::Claim(claim) = &push.body {
                    let fetched = store.fetch_claim(claim).await.map_err(|error| error.to_string());
                    match fetched.and_then(|bytes| topic::claimed_body(&bytes)) {
                        Ok(body) => push.body = Body::Inline(body),
                        Err(error) => {
                            log::warn!(topic = &*topic.name, error; "the body of a push could not be fetched");
                            metrics.gap();
                            let gap = Gap { service: topic.service.clone(), topic: topic.name.clone() };
                            let _ = gaps.send(gap).await;
                            next = topic.next();
                            continue;
                        }
                    }
                }
                if topic.admit(&push) {
                    shards.deliver(&topic.name, &push).await;
                }
                next = topic.next();
            }
        });
    }

    fn turn(&self, name: &str) -> &tokio::sync::Mutex<()> {
        let hash = foldhash::fast::FixedState::with_seed(0).hash_one(name);
        &self.turns[(hash % TURNS as u64) as usize]
    }

    fn enter(&self, conn: &Connection, name: &str) -> Arc<Topic> {
        let mut topics = self.topics.lock();
        let topic = match topics.entry(Arc::from(name)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let topic = Topic::new(entry.key().clone(), conn.service.clone());
                entry.insert(Arc::new(topic))
            }
        };
        topic.enter();
        topic.clone()
    }

    async fn drop_out(&self, conn: &Arc<Connection>, name: &Arc<str>) {
        self.shards.of(conn.id).send(Job::Leave(name.clone(), conn.id)).await;
        {
            let mut topics = self.topics.lock();
            if !topics.get(name).is_some_and(|topic| topic.drop_out()) {
                return;
            }
            topics.remove(name);
        }
        // The topic may be joined anew meanwhile: then its channel must stay subscribed.
        let _turn = self.turn(name).lock().await;
        if !self.topics.lock().contains_key(name) {
            let _ = self.subscriber.unsubscribe(&name::topic_channel(name)).await;
        }
    }
}
