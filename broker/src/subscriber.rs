//! What comes on channels, in order, and when something may have been missed.

mod confirm;
mod inbox;
mod pushes;
mod received;
mod run;
mod wanted;

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use tokio::sync::{Notify, oneshot};

use self::inbox::Inbox;
pub use self::received::Received;
use self::wanted::{Change, Kind, Wanted};
use crate::address::Address;
use crate::tasks::Tasks;

/// What a subscriber receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A message, on a channel that was subscribed or that matches a subscribed pattern.
    Message {
        /// Where it was published.
        channel: String,
        /// What was published.
        payload: Bytes,
    },
    /// The link is lost, or the queue was full: from here on messages are missed. Told once a loss.
    Lost,
    /// After a loss: all subscriptions are confirmed again, so nothing is missed from here on. The first connection is
    /// told by [`Subscriber::connected`] instead.
    Restored,
}

/// The subscription is remembered, but not confirmed: Redis is out of reach, or refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not subscribed: Redis is out of reach or refused it; the subscription is remembered and made on the next connection"
)]
pub struct NotConnected;

/// Subscribes to channels; what they carry comes out of [`Received`].
///
/// It remembers which channels are wanted, and subscribes to them again whenever the link is made anew.
#[derive(Clone)]
pub struct Subscriber {
    shared: Arc<Shared>,
}

struct Shared {
    wanted: Mutex<Wanted>,
    /// Wakes the task when something changed in `wanted`.
    changed: Notify,
    /// The link, once all subscriptions are confirmed on it.
    connection: Mutex<Option<MultiplexedConnection>>,
    connected: Notify,
    inbox: Arc<Inbox>,
}

impl Subscriber {
    /// Begins to connect.
    #[must_use]
    pub fn start(address: Address, tasks: &Tasks) -> (Self, Received) {
        let inbox = Arc::new(Inbox::default());
        let shared = Arc::new(Shared {
            wanted: Mutex::default(),
            changed: Notify::new(),
            connection: Mutex::default(),
            connected: Notify::new(),
            inbox: Arc::clone(&inbox),
        });
        tasks.tracker.spawn(run::run(Arc::clone(&shared), address, tasks.clone()));
        (Self { shared }, Received::new(inbox))
    }

    /// Subscribes to a channel; again, if it is subscribed already. When it returns `Ok`, Redis has confirmed it.
    ///
    /// # Errors
    /// [`NotConnected`]: the subscription is remembered and made with the next connection.
    pub async fn subscribe(&self, channel: &str) -> Result<(), NotConnected> {
        self.change(Kind::Subscribe, channel).await
    }

    /// Subscribes to all channels that match a pattern of PSUBSCRIBE.
    ///
    /// # Errors
    /// As [`Subscriber::subscribe`].
    pub async fn subscribe_pattern(&self, pattern: &str) -> Result<(), NotConnected> {
        self.change(Kind::SubscribePattern, pattern).await
    }

    /// Unsubscribes from a channel. When it returns `Ok`, all that was published before is in [`Received`].
    ///
    /// # Errors
    /// [`NotConnected`]: there is no link, and with the next one the channel will not be subscribed.
    pub async fn unsubscribe(&self, channel: &str) -> Result<(), NotConnected> {
        self.change(Kind::Unsubscribe, channel).await
    }

    /// The connection on which the messages come. An answer to a command on it comes after every message that Redis
    /// sent before: when it is here, [`Received::try_recv`] gives them all. That makes a PING a barrier.
    #[must_use]
    pub fn connection(&self) -> Option<MultiplexedConnection> {
        self.shared.connection.lock().clone()
    }

    /// Whether all subscriptions are confirmed on a live link.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.connection.lock().is_some()
    }

    /// Waits until all subscriptions are confirmed on a live link.
    pub async fn connected(&self) {
        loop {
            let connected = self.shared.connected.notified();
            tokio::pin!(connected);
            connected.as_mut().enable();
            if self.is_connected() {
                return;
            }
            connected.await;
        }
    }

    async fn change(&self, kind: Kind, channel: &str) -> Result<(), NotConnected> {
        let (done, confirmed) = oneshot::channel();
        let change = Change { kind, channel: channel.to_owned(), done };
        if !self.shared.wanted.lock().change(change) {
            return Err(NotConnected);
        }
        self.shared.changed.notify_one();
        confirmed.await.unwrap_or(Err(NotConnected))
    }
}
