//! Replies that did not reach Redis, in order, until they do or nobody waits for them any more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::Publisher;
use parking_lot::Mutex;
use protocol::limit;
use tokio::sync::{Notify, oneshot};
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Bytes of replies that wait for Redis; further ones are dropped, and their nodes say that the outcome is unknown.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The pause after Redis refused a reply although it is there.
const PAUSE: Duration = Duration::from_millis(100);

/// What comes back with the outcome of a PUBLISH.
pub(crate) enum Receipt {
    /// For a line that is out of date soon; the token is held until Redis has taken it, or has not.
    Once(#[expect(dead_code, reason = "it is there to be dropped")] TaskTrackerToken),
    /// For replies, which are published again if they did not reach Redis.
    Reply(Payload),
    /// For replies that are published again: whether Redis has them now.
    Again(oneshot::Sender<bool>),
}

/// A payload of replies for one node.
#[derive(Clone)]
pub(crate) struct Payload {
    pub(crate) channel: Arc<str>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) born: Instant,
    /// Held until Redis has taken it: so leaving can wait for all of them.
    pub(crate) _owed: TaskTrackerToken,
}

/// Payloads that wait, the oldest first. While there are any, newer ones wait behind them, so that replies keep their
/// order.
#[derive(Default)]
pub(crate) struct Unpublished {
    queue: Mutex<(VecDeque<Payload>, usize)>,
    some: Notify,
}

impl Unpublished {
    /// Takes in a payload that did not reach Redis.
    pub(crate) fn add(&self, payload: Payload) {
        let mut queue = self.queue.lock();
        if queue.1 + payload.bytes.len() > BYTES_MAX {
            log::warn!("too many replies could not be published: the nodes have to say what is unknown");
            return;
        }
        queue.1 += payload.bytes.len();
        queue.0.push_back(payload);
        self.some.notify_one();
    }

    /// Whether something waits, behind which later replies have to stay.
    pub(crate) fn is_some(&self) -> bool {
        !self.queue.lock().0.is_empty()
    }

    /// Publishes what waits, one after the other. Never ends.
    pub(crate) async fn publish(&self, publisher: &Publisher<Receipt>) {
        loop {
            let Some(first) = self.first() else {
                self.some.notified().await;
                continue;
            };
            // By then its node has given it up.
            if first.born.elapsed() > Duration::from_millis(limit::REQUEST_TIMEOUT_MS) {
                self.remove_first();
                continue;
            }
            publisher.connected().await;
            let (sender, outcome) = oneshot::channel();
            publisher.publish(first.channel, first.bytes, Receipt::Again(sender)).await;
            // A node ignores a reply that it has already, so once too often does no harm.
            if outcome.await == Ok(true) {
                self.remove_first();
            } else {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    fn first(&self) -> Option<Payload> {
        self.queue.lock().0.front().cloned()
    }

    fn remove_first(&self) {
        let mut queue = self.queue.lock();
        if let Some(payload) = queue.0.pop_front() {
            queue.1 -= payload.bytes.len();
        }
    }
}
