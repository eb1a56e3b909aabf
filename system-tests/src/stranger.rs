//! A worker that a stranger could have written, in any language: it has a Redis client, and what `docs/PROTOCOL.md` says.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use redis::AsyncCommands;
use redis::aio::PubSubSink;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::redis_server::RedisServer;

/// How often it announces itself: more often than it must, so that tests wait less.
const ANNOUNCE_EVERY: Duration = Duration::from_millis(250);

/// A worker of one service. It stops, without a word, when it is dropped.
#[derive(Debug)]
pub struct Stranger {
    name: String,
    inbox: PubSubSink,
    tasks: JoinSet<()>,
}

impl Stranger {
    /// Starts a worker called `name` of the service `service`, to which the HTTP paths `paths` belong. `handle` makes the
    /// reply to an event, but for its `seq`, or nothing, which no worker should do.
    pub async fn start(
        redis: &RedisServer,
        name: &str,
        service: &str,
        paths: &[&str],
        mut handle: impl FnMut(&Value) -> Option<Value> + Send + 'static,
    ) -> Self {
        let client = redis::Client::open(redis.url()).expect("a good URL");
        let (mut inbox, mut messages) =
            client.get_async_pubsub().await.expect("Redis accepts a connection").split();
        inbox.subscribe(format!("worker:{name}")).await.expect("Redis lets subscribe");
        let mut replies = redis.connect().await;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Some(message) = messages.next().await {
                let payload: String = message.get_payload().expect("events are text");
                for line in payload.lines().filter(|line| !line.is_empty()) {
                    let event: Value = serde_json::from_str(line).expect("an event is JSON");
                    let Some(mut reply) = handle(&event) else { continue };
                    reply["seq"] = event["seq"].clone();
                    let node = event["node"].as_str().expect("an event names its node");
                    let _: u64 = replies
                        .publish(format!("web:{node}"), format!("{reply}\n"))
                        .await
                        .expect("Redis publishes");
                }
            }
        });
        let mut announcements = redis.connect().await;
        let announcement = announcement(name, service, paths, false);
        tasks.spawn(async move {
            let mut ticks = interval(ANNOUNCE_EVERY);
            loop {
                ticks.tick().await;
                let _: u64 = announcements.publish("workers", &announcement).await.expect("Redis publishes");
            }
        });
        Self { name: name.to_owned(), inbox, tasks }
    }

    /// No longer takes events, though it still announces itself.
    pub async fn leave_inbox(&mut self) {
        self.inbox.unsubscribe(format!("worker:{}", self.name)).await.expect("Redis lets unsubscribe");
    }

    /// Asks Redis for events again. Returns before Redis has answered.
    pub fn ask_for_inbox(&mut self) {
        let (mut inbox, channel) = (self.inbox.clone(), format!("worker:{}", self.name));
        self.tasks.spawn(async move {
            inbox.subscribe(channel).await.expect("Redis lets subscribe");
        });
    }
}

fn announcement(name: &str, service: &str, paths: &[&str], draining: bool) -> String {
    let services = BTreeMap::from([(service, json!({ "paths": paths }))]);
    json!({ "worker": name, "services": services, "draining": draining }).to_string()
}
