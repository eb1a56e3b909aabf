//! A worker that is played by the test: it says what the test says, in plain JSON over plain Redis.

use std::collections::VecDeque;
use std::time::Duration;

use broker::redis;
use broker::redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Client, RedisServer, TestNode, within};

/// The service of these tests, and the prefix of its HTTP paths.
pub(crate) const SERVICE: &str = "echo";
pub(crate) const WS: &str = "/ws/echo";

/// How often it announces itself.
const ANNOUNCE_EVERY: Duration = Duration::from_millis(500);

/// What a node tells a worker.
#[derive(Debug, Clone)]
pub(crate) struct Event(pub(crate) Value);

pub(crate) struct FakeWorker {
    pub(crate) id: String,
    services: Value,
    redis: MultiplexedConnection,
    sink: PubSubSink,
    stream: PubSubStream,
    waiting: VecDeque<Event>,
    announcing: JoinSet<()>,
}

impl Event {
    pub(crate) fn kind(&self) -> &str {
        self.0["kind"].as_str().expect("every event has a kind")
    }

    pub(crate) fn conn(&self) -> &str {
        self.0["conn"].as_str().expect("it has a connection")
    }

    pub(crate) fn node(&self) -> &str {
        self.0["node"].as_str().expect("every event has a node")
    }

    pub(crate) fn seq(&self) -> u64 {
        self.0["seq"].as_u64().expect("every event has a number")
    }

    pub(crate) fn body(&self) -> &Value {
        &self.0["body"]
    }

    pub(crate) fn http(&self) -> &Value {
        &self.0["http"]
    }
}

impl FakeWorker {
    /// Starts one for the service of these tests, and waits until the nodes know it.
    pub(crate) async fn start(redis: &RedisServer, nodes: &[&TestNode]) -> Self {
        Self::with(redis, nodes, json!({ SERVICE: { "paths": ["/echo"] } })).await
    }

    /// Starts one for other services.
    pub(crate) async fn with(redis: &RedisServer, nodes: &[&TestNode], services: Value) -> Self {
        let id = format!("worker-{}", Uuid::new_v4());
        let (sink, stream) = subscribed(redis, &id).await;
        let mut worker = Self {
            id,
            services,
            redis: redis.connection().await,
            sink,
            stream,
            waiting: VecDeque::new(),
            announcing: JoinSet::new(),
        };
        worker.announce();
        worker.is_known(redis, nodes).await;
        worker
    }

    /// The same worker, after Redis was restarted.
    pub(crate) async fn reconnect(&mut self, redis: &RedisServer, nodes: &[&TestNode]) {
        (self.sink, self.stream) = subscribed(redis, &self.id).await;
        self.redis = redis.connection().await;
        self.announce();
        self.is_known(redis, nodes).await;
    }

    /// Announces itself, again and again.
    pub(crate) fn announce(&mut self) {
        let announcement = self.announcement(false);
        let mut redis = self.redis.clone();
        self.announcing.abort_all();
        self.announcing.spawn(async move {
            let mut beat = tokio::time::interval(ANNOUNCE_EVERY);
            loop {
                beat.tick().await;
                if publish(&mut redis, "workers", &announcement).await.is_err() {
                    return;
                }
            }
        });
    }

    /// Announces itself no more, as a worker that hangs.
    pub(crate) async fn fall_silent(&mut self) {
        self.announcing.shutdown().await;
    }

    /// Says that it leaves. It still hears what is published to it.
    pub(crate) async fn drain(&mut self) {
        self.fall_silent().await;
        let draining = self.announcement(true);
        publish(&mut self.redis, "workers", &draining).await.expect("Redis runs");
    }

    /// Ends its subscription and says nothing, as a worker that was killed.
    pub(crate) async fn vanish(&mut self) {
        self.fall_silent().await;
        self.stop_listening().await;
    }

    /// Ends its subscription, and still announces itself.
    pub(crate) async fn stop_listening(&mut self) {
        self.sink.unsubscribe(self.inbox()).await.expect("Redis runs");
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Event {
        within("an event", async {
            loop {
                if let Some(event) = self.waiting.pop_front() {
                    return event;
                }
                self.receive().await;
            }
        })
        .await
    }

    /// The next event, which is of this kind.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Event {
        let event = self.next().await;
        assert_eq!(event.kind(), kind, "{event:?}");
        event
    }

    /// The next event, which is a message with this body.
    pub(crate) async fn next_message(&mut self, body: Value) -> Event {
        let event = self.next_of("message").await;
        assert_eq!(*event.body(), body);
        event
    }

    /// What was delivered so far and not asked for.
    pub(crate) async fn unread(&mut self) -> Vec<Event> {
        let marker = json!({ "kind": Uuid::new_v4().to_string() });
        let inbox = self.inbox();
        publish(&mut self.redis, &inbox, &marker).await.expect("Redis runs");
        within("the marker", async {
            while self.waiting.back().is_none_or(|last| last.0 != marker) {
                self.receive().await;
            }
        })
        .await;
        self.waiting.pop_back();
        self.waiting.drain(..).collect()
    }

    /// Answers an event with effects.
    pub(crate) async fn reply(&mut self, event: &Event, effects: Value) {
        self.say(event, &json!({ "seq": event.seq(), "effects": effects })).await;
    }

    /// Answers an event with an HTTP response.
    pub(crate) async fn respond(&mut self, event: &Event, http: Value) {
        self.say(event, &json!({ "seq": event.seq(), "http": http })).await;
    }

    /// Answers an event with its own body and id.
    pub(crate) async fn echo(&mut self, event: &Event) {
        let effect = match event.body().get("id") {
            Some(id) => json!({ "send": { "echo": event.body() }, "id": id }),
            None => json!({ "send": { "echo": event.body() } }),
        };
        self.reply(event, json!([effect])).await;
    }

    /// Tells the node of an event anything.
    pub(crate) async fn say(&mut self, event: &Event, line: &Value) {
        let inbox = format!("web:{}", event.node());
        assert_eq!(publish(&mut self.redis, &inbox, line).await.expect("Redis runs"), 1, "the node listens");
    }

    /// Publishes a push; how many nodes got it.
    pub(crate) async fn push(&mut self, topic: &str, push: Value) -> u64 {
        publish(&mut self.redis, &format!("topic:{topic}"), &push).await.expect("Redis runs")
    }

    /// Stores a body and returns the claim to it.
    pub(crate) async fn claim(&mut self, body: &[u8]) -> Value {
        let key = format!("claim:{}", Uuid::new_v4());
        let mut set = redis::cmd("SET");
        set.arg(&key).arg(body).arg("EX").arg(60);
        set.query_async::<()>(&mut self.redis).await.expect("Redis runs");
        json!({ "key": key, "bytes": body.len() })
    }

    /// What a claim stands for.
    pub(crate) async fn claimed(&mut self, claim: &Value) -> Vec<u8> {
        let mut get = redis::cmd("GET");
        get.arg(claim["key"].as_str().expect("a key"));
        let body: Vec<u8> = get.query_async(&mut self.redis).await.expect("Redis runs");
        assert_eq!(claim["bytes"], body.len());
        body
    }

    /// Waits until the node has removed the body of a request that was answered.
    pub(crate) async fn wait_until_unclaimed(&mut self, claim: &Value) {
        let mut exists = redis::cmd("EXISTS");
        exists.arg(claim["key"].as_str().expect("a key"));
        while exists.query_async::<bool>(&mut self.redis).await.expect("Redis runs") {
            tokio::task::yield_now().await;
        }
    }

    /// A client whose connection was opened with these effects, and the name of the connection.
    pub(crate) async fn welcome(&mut self, node: &TestNode, effects: Value) -> (Client, String) {
        let client = Client::connect(node, WS).await;
        let open = self.next_of("open").await;
        self.reply(&open, effects).await;
        (client, open.conn().to_owned())
    }

    fn inbox(&self) -> String {
        format!("worker:{}", self.id)
    }

    fn announcement(&self, draining: bool) -> Value {
        json!({ "worker": self.id, "services": self.services, "draining": draining })
    }

    /// Waits until these nodes know it.
    pub(crate) async fn is_known(&mut self, redis: &RedisServer, nodes: &[&TestNode]) {
        let announcement = self.announcement(false);
        let heard = publish(&mut self.redis, "workers", &announcement).await.expect("Redis runs");
        assert!(heard >= nodes.len() as u64, "the nodes listen");
        for node in nodes {
            node.caught_up(redis).await;
        }
    }

    async fn receive(&mut self) {
        let message = self.stream.next().await.expect("Redis runs");
        for line in message.get_payload_bytes().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.waiting.push_back(Event(serde_json::from_slice(line).expect("JSON")));
        }
    }
}

/// The next event of any of these workers, and which of them has it.
pub(crate) async fn next_of_any(workers: &mut [FakeWorker]) -> (usize, Event) {
    let events = workers.iter_mut().map(|worker| Box::pin(worker.next()));
    let (event, at, _) = futures_util::future::select_all(events).await;
    (at, event)
}

async fn subscribed(redis: &RedisServer, id: &str) -> (PubSubSink, PubSubStream) {
    let (mut sink, stream) = redis.client().get_async_pubsub().await.expect("Redis runs").split();
    sink.subscribe(format!("worker:{id}")).await.expect("Redis runs");
    (sink, stream)
}

async fn publish(redis: &mut MultiplexedConnection, channel: &str, line: &Value) -> redis::RedisResult<u64> {
    redis::cmd("PUBLISH").arg(channel).arg(line.to_string()).query_async(redis).await
}
