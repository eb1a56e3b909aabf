//! What the tests stand on: a private Redis, workers in threads, and a node that is played by the test.

pub(crate) mod chat;
pub(crate) mod files;
mod log_lines;
mod node;
pub(crate) mod original;
mod redis_server;
pub(crate) mod sets;
mod test_worker;

use std::time::Duration;

pub(crate) use self::log_lines::LogLines;
pub(crate) use self::node::{Client, Node, set, shown};
pub(crate) use self::redis_server::RedisServer;
pub(crate) use self::test_worker::TestWorker;

/// Fails the test if what is waited for does not come: nothing that a test waits for takes nearly as long.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
