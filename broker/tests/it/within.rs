//! Waiting for what has to happen.

use std::future::Future;
use std::time::Duration;

use broker::{Incoming, PublishError, Publisher, Received, Tasks};
use tokio::sync::mpsc;

use crate::redis_server::RedisServer;

/// Far longer than anything takes; a test that gets there has failed.
const GENEROUS: Duration = Duration::from_secs(60);

/// Waits for an event.
pub(crate) async fn within<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(GENEROUS, event).await.expect("it happens within a minute")
}

/// The next message or notice.
pub(crate) async fn next(received: &mut Received) -> Incoming {
    within(received.recv()).await.expect("the subscriber has not ended")
}

/// A message as a test writes it.
pub(crate) fn message(channel: &str, payload: &str) -> Incoming {
    Incoming::Message { channel: channel.to_owned(), payload: payload.to_owned().into() }
}

/// What a publisher says of a line that is tagged with a number.
pub(crate) type Receipt = (u64, Result<u64, PublishError>);

/// A connected publisher, and its receipts.
pub(crate) async fn publisher(
    server: &RedisServer,
    tasks: &Tasks,
) -> (Publisher<u64>, mpsc::Receiver<Receipt>) {
    let (receipts, told) = mpsc::channel(1_000_000);
    let publisher = Publisher::start(server.address(), tasks, move |tag, outcome| {
        receipts.try_send((tag, outcome)).expect("the test has room for all receipts");
    });
    within(publisher.connected()).await;
    (publisher, told)
}

/// The next receipts.
pub(crate) async fn receipts(told: &mut mpsc::Receiver<Receipt>, count: usize) -> Vec<Receipt> {
    let mut receipts = Vec::with_capacity(count);
    while receipts.len() < count {
        receipts.push(within(told.recv()).await.expect("the publisher has not ended"));
    }
    receipts
}
