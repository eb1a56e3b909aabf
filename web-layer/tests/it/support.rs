//! What the tests are made with: a Redis, nodes, workers and clients.

pub(crate) mod client;
pub(crate) mod http;
pub(crate) mod node;
pub(crate) mod redis_server;
pub(crate) mod wire;
pub(crate) mod worker;

use std::future::Future;
use std::time::Duration;

pub(crate) use client::Client;
pub(crate) use http::Http;
pub(crate) use node::TestNode;
pub(crate) use redis_server::RedisServer;
pub(crate) use wire::Wire;
pub(crate) use worker::{Event, FakeWorker};

/// Far longer than anything takes; a test that gets there has failed.
const GENEROUS: Duration = Duration::from_secs(30);

/// How often something is looked at that nobody tells of.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits for an event.
pub(crate) async fn within<T>(what: &str, event: impl Future<Output = T>) -> T {
    let Ok(it) = tokio::time::timeout(GENEROUS, event).await else { panic!("waited in vain for {what}") };
    it
}

/// Waits for something that nobody tells of.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !is_so().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
    .await;
}

/// A Redis, a node with these options, and a worker that it knows.
pub(crate) async fn spine(options: &str) -> (RedisServer, TestNode, FakeWorker) {
    let redis = RedisServer::start();
    let node = TestNode::with(&redis, options).await;
    let worker = FakeWorker::start(&redis, &[&node]).await;
    (redis, node, worker)
}
